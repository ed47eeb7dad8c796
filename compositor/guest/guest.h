#ifndef GP_COMPOSITOR_GUEST_GUEST_H
#define GP_COMPOSITOR_GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "common/limits.h"
#include "common/log.h"

struct gp_guest_manager;
struct gp_import_failure;
struct gp_quota;

#define GP_GUEST_NAME_MAX 64
#define GP_GUEST_TITLE_MAX 256
#define GP_GUEST_UUID_SIZE 16

/**
 * A guest_v1: one virtual machine.
 */
struct gp_guest {
	struct wl_resource *resource;
	struct wl_list link; // gp_guest_manager.guests
	struct gp_guest_manager *manager;
	struct gp_quota *quota; // a reference

	char name[GP_GUEST_NAME_MAX + 1];
	char title[GP_GUEST_TITLE_MAX + 1];
	uint8_t uuid[GP_GUEST_UUID_SIZE];
	uint32_t generation;
	uint32_t state; // enum guest_v1_state
	uint32_t leds; // enum guest_v1_led, which are wlroots' numbers too
	bool focused; // as it was told

	struct gp_guest_scanout *scanouts[GP_SCANOUTS_MAX];
	struct wl_list blobs; // gp_guest_blob.link
	struct wl_list cursors; // gp_guest_cursor.link, shown or not
	uint64_t n_imports, n_imports_failed;
	struct gp_log_limit failure_limit;
};

/* The arguments were checked. If memory is short the client is told. */
void gp_guest_create(struct gp_guest_manager *manager, struct wl_resource *manager_resource,
	uint32_t id, const char *name, const uint8_t uuid[GP_GUEST_UUID_SIZE],
	struct gp_quota *quota);

/* Whether content of the guest may be shown in its present state. */
bool gp_guest_may_show(const struct gp_guest *guest);
/* Tells whether the guest has the keyboard, if that has changed. */
void gp_guest_send_focus(struct gp_guest *guest, bool focused);
const char *gp_guest_state_name(uint32_t state);
/* wl_buffers of the guest's blobs. */
size_t gp_guest_count_buffers(const struct gp_guest *guest);
void gp_guest_log_failure(struct gp_guest *guest, const struct gp_import_failure *failure);

#endif

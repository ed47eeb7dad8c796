#ifndef GP_COMPOSITOR_GUEST_GUEST_H
#define GP_COMPOSITOR_GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "common/limits.h"
#include "common/log.h"

struct gp_guest_manager;
struct gp_import_failure;
struct gp_quota;

#define GP_GUEST_TITLE_MAX 256
#define GP_GUEST_UUID_SIZE 16

/**
 * A guest: the state of one virtual machine. The requests that change it are in guest/guest_v1.h;
 * its scanouts, cursors and blobs listen to it.
 */
struct gp_guest {
	struct wl_resource *resource; // guest_v1
	struct wl_list link; // gp_guest_manager.guests
	struct gp_guest_manager *manager;
	struct gp_quota *quota; // a reference

	char name[GP_GUEST_NAME_MAX + 1]; // no other guest has it
	char title[GP_GUEST_TITLE_MAX + 1];
	uint8_t uuid[GP_GUEST_UUID_SIZE];
	uint32_t generation;
	uint32_t state; // enum guest_v1_state
	uint32_t life; // from 1; another one with each reset
	uint32_t leds; // enum guest_v1_led, the same numbers as enum wlr_keyboard_led
	bool focused; // as sent last

	struct gp_guest_scanout *scanouts[GP_SCANOUTS_MAX]; // NULL where there is none
	struct wl_list blobs; // gp_guest_blob.link
	uint64_t n_imports, n_imports_failed;
	struct gp_log_limit failure_limit, state_limit;

	struct {
		struct wl_signal change; // of the state or the title
		/* Another life: nothing that was committed so far may be shown again. */
		struct wl_signal reset;
		struct wl_signal destroy; // scanouts and blobs may outlive it
	} events;
};

/**
 * Adds a guest to the manager. The arguments were checked; the title is the name. Takes a reference
 * to the quota. Returns NULL if memory is short.
 */
struct gp_guest *gp_guest_create(struct gp_guest_manager *manager, struct wl_resource *resource,
	const char *name, const uint8_t uuid[GP_GUEST_UUID_SIZE], struct gp_quota *quota);
void gp_guest_destroy(struct gp_guest *guest);

/* At most GP_GUEST_TITLE_MAX bytes. */
void gp_guest_set_title(struct gp_guest *guest, const char *title);
/* A guest that enters a state in which it may not show anything is reset. */
void gp_guest_set_state(struct gp_guest *guest, uint32_t state);
void gp_guest_set_leds(struct gp_guest *guest, uint32_t leds);
void gp_guest_next_generation(struct gp_guest *guest);

/* Whether the state allows to show what the guest commits. */
bool gp_guest_may_show(const struct gp_guest *guest);
const char *gp_guest_state_name(uint32_t state);
/* Sends whether the guest has the keyboard, if that has changed. */
void gp_guest_send_focus(struct gp_guest *guest, bool focused);
/* Counts an import; the failure, which is NULL for a good one, is logged. */
void gp_guest_count_import(struct gp_guest *guest, const struct gp_import_failure *failure);

#endif

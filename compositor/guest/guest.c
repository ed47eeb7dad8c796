#include "compositor/guest/guest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wlr/types/wlr_compositor.h>

#include "compositor/guest/blob.h"
#include "compositor/guest/cursor.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/scanout.h"
#include "compositor/guest/text.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-protocol.h"

#define FAILURE_BURST 8
#define FAILURE_INTERVAL_NS UINT64_C(1000000000)

static struct gp_guest *guest_from_resource(struct wl_resource *resource) {
	return wl_resource_get_user_data(resource);
}

bool gp_guest_may_show(const struct gp_guest *guest) {
	return guest->state == GUEST_V1_STATE_RUNNING || guest->state == GUEST_V1_STATE_PAUSED;
}

const char *gp_guest_state_name(uint32_t state) {
	static const char *const names[] = {
		[GUEST_V1_STATE_WAITING] = "waiting",
		[GUEST_V1_STATE_RUNNING] = "running",
		[GUEST_V1_STATE_PAUSED] = "paused",
		[GUEST_V1_STATE_GONE] = "gone",
	};
	return names[state];
}

size_t gp_guest_count_buffers(const struct gp_guest *guest) {
	size_t n = 0;
	struct gp_guest_blob *blob;
	wl_list_for_each (blob, &guest->blobs, link) {
		n += wl_list_length(&blob->wl_buffers);
	}
	return n;
}

void gp_guest_log_failure(struct gp_guest *guest, const struct gp_import_failure *failure) {
	uint64_t suppressed = 0;
	if (!gp_log_limit_pass(&guest->failure_limit, &suppressed)) {
		return;
	}
	gp_warn("guest %s: import failed: %s", guest->name, failure->message);
	if (suppressed > 0) {
		gp_warn("guest %s: %llu such lines were left out", guest->name,
			(unsigned long long)suppressed);
	}
}

static void guest_handle_destroy(struct wl_client *client, struct wl_resource *resource) {
	struct gp_guest *guest = guest_from_resource(resource);
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		if (guest->scanouts[i] != NULL) {
			wl_resource_post_error(resource, GUEST_V1_ERROR_DEFUNCT_SCANOUTS,
				"scanout %zu of the guest was not destroyed", i);
			return;
		}
	}
	wl_resource_destroy(resource);
}

static void guest_handle_set_title(
	struct wl_client *client, struct wl_resource *resource, const char *title) {
	struct gp_guest *guest = guest_from_resource(resource);
	if (strlen(title) > GP_GUEST_TITLE_MAX || !gp_text_is_utf8(title)) {
		wl_resource_post_error(resource, GUEST_V1_ERROR_INVALID_TITLE,
			"the title must be UTF-8 of at most %d bytes", GP_GUEST_TITLE_MAX);
		return;
	}
	strcpy(guest->title, title);
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		gp_guest_scanout_handle_guest(guest->scanouts[i]);
	}
}

static void drop_content(struct gp_guest *guest) {
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		gp_guest_scanout_drop_content(guest->scanouts[i]);
	}
	/* Those as well that no scanout shows now: they may be set again without a commit. */
	struct gp_guest_cursor *cursor;
	wl_list_for_each (cursor, &guest->cursors, link) {
		gp_guest_cursor_drop_content(cursor);
	}
}

static void forget_cursors(struct gp_guest *guest) {
	struct gp_guest_cursor *cursor, *tmp;
	wl_list_for_each_safe (cursor, tmp, &guest->cursors, link) {
		gp_guest_cursor_drop_content(cursor);
		wl_list_remove(&cursor->link);
		wl_list_init(&cursor->link);
	}
}

static void guest_handle_set_state(
	struct wl_client *client, struct wl_resource *resource, uint32_t state) {
	struct gp_guest *guest = guest_from_resource(resource);
	if (state > GUEST_V1_STATE_GONE) {
		wl_resource_post_error(
			resource, GUEST_V1_ERROR_INVALID_STATE, "unknown state %u", state);
		return;
	}
	if (guest->state == state) {
		return;
	}
	guest->state = state;
	gp_info("guest %s: %s", guest->name, gp_guest_state_name(state));
	if (!gp_guest_may_show(guest)) {
		/* What was on screen belongs to the past: it does not come back by itself. */
		drop_content(guest);
	}
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		gp_guest_scanout_handle_guest(guest->scanouts[i]);
	}
}

static void guest_handle_set_leds(
	struct wl_client *client, struct wl_resource *resource, uint32_t leds) {
	struct gp_guest *guest = guest_from_resource(resource);
	guest->leds =
		leds & (GUEST_V1_LED_NUM_LOCK | GUEST_V1_LED_CAPS_LOCK | GUEST_V1_LED_SCROLL_LOCK);
	wl_signal_emit_mutable(&guest->manager->events.leds, guest);
}

void gp_guest_send_focus(struct gp_guest *guest, bool focused) {
	if (guest->focused != focused) {
		guest->focused = focused;
		guest_v1_send_focus(guest->resource, focused);
	}
}

static void guest_handle_next_generation(struct wl_client *client, struct wl_resource *resource) {
	struct gp_guest *guest = guest_from_resource(resource);
	guest->generation++;
	drop_content(guest);
}

/* Raises the error of the rule that the arguments break, if any. */
static bool check_blob(
	const struct gp_guest *guest, uint64_t size, uint32_t kind, const char *device) {
	if (size == 0 || size > GP_BLOB_SIZE_MAX) {
		wl_resource_post_error(guest->resource, GUEST_V1_ERROR_INVALID_SIZE,
			"invalid blob size %llu", (unsigned long long)size);
		return false;
	}
	if (kind > GUEST_BLOB_V1_KIND_DEVICE_DMABUF) {
		wl_resource_post_error(
			guest->resource, GUEST_V1_ERROR_INVALID_KIND, "unknown kind %u", kind);
		return false;
	}
	bool needs_device = kind == GUEST_BLOB_V1_KIND_DEVICE_DMABUF;
	if (needs_device != (device != NULL) ||
		(device != NULL && !gp_text_is_pci_address(device))) {
		wl_resource_post_error(guest->resource, GUEST_V1_ERROR_INVALID_DEVICE,
			"a PCI address is needed for device memory, and only there");
		return false;
	}
	if (guest->quota->n_blobs >= GP_BLOBS_PER_CLIENT_MAX) {
		wl_resource_post_error(guest->resource, GUEST_V1_ERROR_TOO_MANY_BLOBS,
			"the client has %d blobs, or buffers of them", GP_BLOBS_PER_CLIENT_MAX);
		return false;
	}
	return true;
}

static void guest_handle_create_blob(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, int32_t fd, uint32_t size_hi, uint32_t size_lo, uint32_t kind,
	const char *device) {
	struct gp_guest *guest = guest_from_resource(resource);
	uint64_t size = (uint64_t)size_hi << 32 | size_lo;
	if (!check_blob(guest, size, kind, device)) {
		close(fd);
		return;
	}
	gp_guest_blob_create(guest, id, fd, size, kind);
}

static void guest_handle_get_scanout(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *surface_resource, uint32_t index) {
	struct gp_guest *guest = guest_from_resource(resource);
	if (index >= GP_SCANOUTS_MAX) {
		wl_resource_post_error(
			resource, GUEST_V1_ERROR_INVALID_INDEX, "invalid scanout index %u", index);
		return;
	}
	if (guest->scanouts[index] != NULL) {
		wl_resource_post_error(resource, GUEST_V1_ERROR_SCANOUT_EXISTS,
			"the guest has a scanout %u already", index);
		return;
	}
	struct wlr_surface *surface = wlr_surface_from_resource(surface_resource);
	gp_guest_scanout_create(guest, id, surface, index);
}

static const struct guest_v1_interface guest_impl = {
	.destroy = guest_handle_destroy,
	.set_title = guest_handle_set_title,
	.set_leds = guest_handle_set_leds,
	.set_state = guest_handle_set_state,
	.next_generation = guest_handle_next_generation,
	.create_blob = guest_handle_create_blob,
	.get_scanout = guest_handle_get_scanout,
};

static void guest_handle_resource_destroy(struct wl_resource *resource) {
	struct gp_guest *guest = guest_from_resource(resource);
	gp_info("guest %s: disconnected", guest->name);

	/* With its client: the scanouts and blobs are destroyed after us. */
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		gp_guest_scanout_note_guest_removed(guest->scanouts[i]);
	}
	forget_cursors(guest);
	struct gp_guest_blob *blob, *tmp;
	wl_list_for_each_safe (blob, tmp, &guest->blobs, link) {
		blob->guest = NULL;
		wl_list_remove(&blob->link);
		wl_list_init(&blob->link);
	}
	wl_list_remove(&guest->link);
	guest->quota->n_guests--;
	gp_quota_unref(guest->quota);
	free(guest);
}

void gp_guest_create(struct gp_guest_manager *manager, struct wl_resource *manager_resource,
	uint32_t id, const char *name, const uint8_t uuid[GP_GUEST_UUID_SIZE],
	struct gp_quota *quota) {
	struct wl_client *client = wl_resource_get_client(manager_resource);
	struct gp_guest *guest = calloc(1, sizeof(*guest));
	if (guest == NULL) {
		wl_client_post_no_memory(client);
		return;
	}
	guest->resource = wl_resource_create(
		client, &guest_v1_interface, wl_resource_get_version(manager_resource), id);
	if (guest->resource == NULL) {
		free(guest);
		wl_client_post_no_memory(client);
		return;
	}

	guest->manager = manager;
	guest->quota = gp_quota_ref(quota);
	guest->quota->n_guests++;
	guest->failure_limit =
		(struct gp_log_limit){.burst = FAILURE_BURST, .interval_ns = FAILURE_INTERVAL_NS};
	strcpy(guest->name, name);
	strcpy(guest->title, name);
	memcpy(guest->uuid, uuid, GP_GUEST_UUID_SIZE);
	wl_list_init(&guest->blobs);
	wl_list_init(&guest->cursors);
	wl_list_insert(manager->guests.prev, &guest->link);
	wl_resource_set_implementation(
		guest->resource, &guest_impl, guest, guest_handle_resource_destroy);
	gp_info("guest %s: connected", guest->name);
}

#include "compositor/guest/guest_v1.h"

#include <string.h>
#include <unistd.h>
#include <wlr/types/wlr_compositor.h>

#include "common/fd.h"
#include "common/limits.h"
#include "compositor/guest/blob.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/scanout.h"
#include "compositor/guest/text.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-protocol.h"

static struct gp_guest *guest_from_resource(struct wl_resource *resource) {
	return wl_resource_get_user_data(resource);
}

static void guest_handle_destroy(struct wl_client *client, struct wl_resource *resource) {
	struct gp_guest *guest = guest_from_resource(resource);
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		if (guest->scanouts[i] != NULL) {
			wl_resource_post_error(resource, GUEST_V1_ERROR_DEFUNCT_SCANOUTS,
				"the guest still has scanout %zu", i);
			return;
		}
	}
	wl_resource_destroy(resource);
}

static void guest_handle_set_title(
	struct wl_client *client, struct wl_resource *resource, const char *title) {
	if (strlen(title) > GP_GUEST_TITLE_MAX || !gp_text_is_utf8(title)) {
		wl_resource_post_error(resource, GUEST_V1_ERROR_INVALID_TITLE,
			"the title must be UTF-8 of at most %d bytes", GP_GUEST_TITLE_MAX);
		return;
	}
	gp_guest_set_title(guest_from_resource(resource), title);
}

static void guest_handle_set_state(
	struct wl_client *client, struct wl_resource *resource, uint32_t state) {
	if (state > GUEST_V1_STATE_DISCONNECTED) {
		wl_resource_post_error(
			resource, GUEST_V1_ERROR_INVALID_STATE, "unknown state %u", state);
		return;
	}
	gp_guest_set_state(guest_from_resource(resource), state);
}

static void guest_handle_set_leds(
	struct wl_client *client, struct wl_resource *resource, uint32_t leds) {
	gp_guest_set_leds(guest_from_resource(resource), leds);
}

static void guest_handle_next_generation(struct wl_client *client, struct wl_resource *resource) {
	gp_guest_next_generation(guest_from_resource(resource));
}

/* Sends the protocol error for arguments that break a rule. */
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
			"device memory, and nothing else, needs a PCI address");
		return false;
	}
	if (guest->quota->n_blobs >= GP_BLOBS_PER_CLIENT_MAX) {
		wl_resource_post_error(guest->resource, GUEST_V1_ERROR_TOO_MANY_BLOBS,
			"the client has %d blobs, or buffers of blobs, which is the limit",
			GP_BLOBS_PER_CLIENT_MAX);
		return false;
	}
	return true;
}

/* Whether this client may have the descriptor although few are left. Sends the error. */
static bool take_short_fd(struct gp_guest *guest) {
	struct gp_blob_request request = {.client = wl_resource_get_client(guest->resource)};
	wl_signal_emit_mutable(&guest->manager->events.fds_short, &request);
	if (!request.granted) {
		wl_resource_post_error(guest->resource, GUEST_V1_ERROR_TOO_MANY_BLOBS,
			"the compositor's descriptors run short, and the client has the most");
	}
	return request.granted;
}

static void guest_handle_create_blob(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, int32_t fd, uint32_t size_hi, uint32_t size_lo, uint32_t kind,
	const char *device) {
	struct gp_guest *guest = guest_from_resource(resource);
	uint64_t size = (uint64_t)size_hi << 32 | size_lo;
	if (!check_blob(guest, size, kind, device) ||
		(gp_fd_is_short(fd, GP_FDS_RESERVED) && !take_short_fd(guest))) {
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
			"the guest has scanout %u already", index);
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

/* When the client disconnects, its guest may be destroyed before its scanouts and blobs. */
static void guest_handle_resource_destroy(struct wl_resource *resource) {
	gp_guest_destroy(guest_from_resource(resource));
}

void gp_guest_v1_create(struct gp_guest_manager *manager, struct wl_resource *manager_resource,
	uint32_t id, const char *name, const uint8_t uuid[GP_GUEST_UUID_SIZE],
	struct gp_quota *quota) {
	struct wl_client *client = wl_resource_get_client(manager_resource);
	struct wl_resource *resource = wl_resource_create(
		client, &guest_v1_interface, wl_resource_get_version(manager_resource), id);
	if (resource == NULL) {
		wl_client_post_no_memory(client);
		return;
	}
	struct gp_guest *guest = gp_guest_create(manager, resource, name, uuid, quota);
	if (guest == NULL) {
		wl_resource_destroy(resource);
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &guest_impl, guest, guest_handle_resource_destroy);
}

#include "compositor/system/bridge_bounds.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>
#include <wayland-server-protocol.h>
#include <wlr/types/wlr_compositor.h>

#include "common/limits.h"
#include "common/log.h"
#include "compositor/system/bridge_client.h"

/* A client's damage may be larger than what it says. */
static void collapse(pixman_region32_t *region) {
	if (pixman_region32_n_rects(region) >= GP_DAMAGE_RECTS_MAX) {
		pixman_box32_t extents = *pixman_region32_extents(region);
		pixman_region32_reset(region, &extents);
	}
}

static void handle_damage(struct wl_resource *resource) {
	struct wlr_surface *surface = wlr_surface_from_resource(resource);
	collapse(&surface->pending.surface_damage);
	collapse(&surface->pending.buffer_damage);
}

static void handle_region(struct wl_resource *resource) {
	const pixman_region32_t *region = wlr_region_from_resource(resource);
	if (pixman_region32_n_rects(region) >= GP_REGION_RECTS_MAX) {
		wl_client_post_implementation_error(wl_resource_get_client(resource),
			"a wl_region has %d rectangles, which is the limit", GP_REGION_RECTS_MAX);
	}
}

/* A commit that has to wait for an acquire point is memory, and a descriptor of ours. */
static void handle_commit(struct wl_resource *resource) {
	const struct wlr_surface *surface = wlr_surface_from_resource(resource);
	if (wl_list_length(&surface->cached) >= GP_QUEUED_COMMITS_MAX) {
		wl_client_post_implementation_error(wl_resource_get_client(resource),
			"%d commits of a surface wait, which is the limit", GP_QUEUED_COMMITS_MAX);
	}
}

typedef void (*check_fn)(struct wl_resource *resource);

static check_fn find_check(const struct wl_interface *interface, const char *request) {
	if (interface == &wl_region_interface) {
		return strcmp(request, "destroy") != 0 ? handle_region : NULL;
	}
	if (interface != &wl_surface_interface) {
		return NULL;
	}
	if (strcmp(request, "damage") == 0 || strcmp(request, "damage_buffer") == 0) {
		return handle_damage;
	}
	return strcmp(request, "commit") == 0 ? handle_commit : NULL;
}

static void handle_message(void *data, enum wl_protocol_logger_type direction,
	const struct wl_protocol_logger_message *message) {
	struct wl_resource *resource = message->resource;
	if (direction != WL_PROTOCOL_LOGGER_REQUEST) {
		return;
	}
	check_fn check = find_check(wl_resource_get_interface(resource), message->message->name);
	if (check != NULL && gp_bridge_client_try_from(wl_resource_get_client(resource)) != NULL) {
		check(resource);
	}
}

/* It lives as long as the display, which does not free it. */
struct bounds {
	struct wl_protocol_logger *logger;
	struct wl_listener display_destroy;
};

static void handle_display_destroy(struct wl_listener *listener, void *data) {
	struct bounds *bounds = wl_container_of(listener, bounds, display_destroy);
	wl_list_remove(&bounds->display_destroy.link);
	wl_protocol_logger_destroy(bounds->logger);
	free(bounds);
}

bool gp_bridge_bounds_init(struct wl_display *display) {
	struct bounds *bounds = calloc(1, sizeof(*bounds));
	if (bounds != NULL) {
		bounds->logger = wl_display_add_protocol_logger(display, handle_message, NULL);
	}
	if (bounds == NULL || bounds->logger == NULL) {
		gp_error("bounds of bridges: no memory");
		free(bounds);
		return false;
	}
	bounds->display_destroy.notify = handle_display_destroy;
	wl_display_add_destroy_listener(display, &bounds->display_destroy);
	return true;
}

#include "compositor/status.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/backend/headless.h>
#include <wlr/backend/multi.h>
#include <wlr/backend/wayland.h>
#include <wlr/config.h>
#include <wlr/render/pixman.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_seat.h>
#include <xf86drm.h>
#if WLR_HAS_DRM_BACKEND
#include <wlr/backend/drm.h>
#endif
#if WLR_HAS_X11_BACKEND
#include <wlr/backend/x11.h>
#endif
#if WLR_HAS_GLES2_RENDERER
#include <wlr/render/gles2.h>
#endif
#if WLR_HAS_VULKAN_RENDERER
#include <wlr/render/vulkan.h>
#endif

#include "common/control.h"
#include "compositor/config/client_grant.h"
#include "compositor/guest/blob.h"
#include "compositor/guest/scanout.h"
#include "compositor/nested/window.h"
#include "compositor/output/frame_path.h"
#include "compositor/output/monitor.h"
#include "compositor/output/shown.h"
#include "compositor/server.h"
#include "compositor/view/identity.h"
#include "compositor/view/view.h"
#include "guest-scanout-v1-protocol.h"

static const char *backend_name(struct wlr_backend *backend) {
	if (wlr_backend_is_headless(backend)) {
		return "headless";
	}
	if (wlr_backend_is_wl(backend)) {
		return "wayland";
	}
#if WLR_HAS_X11_BACKEND
	if (wlr_backend_is_x11(backend)) {
		return "x11";
	}
#endif
#if WLR_HAS_DRM_BACKEND
	if (wlr_backend_is_drm(backend)) {
		return "drm";
	}
#endif
	return NULL;
}

/* The first one with a name: others, such as libinput, bring no outputs. */
static void handle_backend(struct wlr_backend *backend, void *data) {
	const char **name = data;
	if (*name == NULL) {
		*name = backend_name(backend);
	}
}

const char *gp_status_backend_name(const struct gp_server *server) {
	const char *name = NULL;
	if (server->backend != NULL && wlr_backend_is_multi(server->backend)) {
		wlr_multi_for_each_backend(server->backend, handle_backend, &name);
	}
	return name != NULL ? name : "none";
}

const char *gp_status_renderer_name(const struct gp_server *server) {
	struct wlr_renderer *renderer = server->renderer;
	if (wlr_renderer_is_pixman(renderer)) {
		return "pixman";
	}
#if WLR_HAS_GLES2_RENDERER
	if (wlr_renderer_is_gles2(renderer)) {
		return "gles2";
	}
#endif
#if WLR_HAS_VULKAN_RENDERER
	if (wlr_renderer_is_vk(renderer)) {
		return "vulkan";
	}
#endif
	return "unknown";
}

static void add_string(struct json_object *object, const char *key, const char *value) {
	json_object_object_add(object, key, value != NULL ? json_object_new_string(value) : NULL);
}

static void add_int(struct json_object *object, const char *key, int64_t value) {
	json_object_object_add(object, key, json_object_new_int64(value));
}

/* The node of a DRM device, null for no device (-1). */
static void add_gpu(struct json_object *object, int drm_fd) {
	char *path = drm_fd >= 0 ? drmGetDeviceNameFromFd2(drm_fd) : NULL;
	add_string(object, "gpu", path);
	free(path);
}

/* Of the card that drives the output. */
static int get_card_fd(struct wlr_output *wlr_output) {
#if WLR_HAS_DRM_BACKEND
	return wlr_output_is_drm(wlr_output) ? wlr_backend_get_drm_fd(wlr_output->backend) : -1;
#else
	return -1;
#endif
}

static void add_frames(struct json_object *object, const uint64_t frames[GP_PATHS]) {
	struct json_object *counts = json_object_new_object();
	for (uint32_t path = GUEST_SCANOUT_V1_PATH_DIRECT; path < GP_PATHS; path++) {
		add_int(counts, gp_path_name(path), frames[path]);
	}
	json_object_object_add(object, "frames", counts);
}

struct json_object *gp_status_describe_output(struct gp_output *output) {
	gp_output_refresh(output);
	struct json_object *object = json_object_new_object();
	const struct gp_view *subject = gp_output_get_subject(output);
	const struct gp_guest_scanout *scanout = subject != NULL ? subject->scanout : NULL;
	bool is_shown = subject != NULL && subject->shown;
	struct gp_config_identity identity = gp_output_identity(output->wlr_output);
	char monitor[GP_CONFIG_NAME_MAX];

	add_string(object, "name", output->wlr_output->name);
	add_string(object, "monitor", gp_config_name_monitor(&identity, monitor) ? monitor : NULL);
	add_gpu(object, get_card_fd(output->wlr_output));
	add_int(object, "width", output->wlr_output->width);
	add_int(object, "height", output->wlr_output->height);
	add_int(object, "refresh_mhz", gp_output_refresh_mhz(output->wlr_output));
	add_string(object, "guest", scanout != NULL ? scanout->guest->name : NULL);
	json_object_object_add(
		object, "scanout", scanout != NULL ? json_object_new_int64(scanout->index) : NULL);
	add_string(object, "power", gp_output_power_name(output));
	add_string(object, "showing", gp_showing_name(output->showing));
	add_string(object, "path", gp_path_name(is_shown ? scanout->path : 0));
	add_string(object, "reason", is_shown ? scanout->reason : "");
	add_string(object, "cursor",
		!is_shown                                              ? "none"
			: subject->cursor.on_plane && output->window   ? "subsurface"
			: subject->cursor.on_plane                     ? "plane"
			: gp_view_cursor_is_composed(&subject->cursor) ? "composed"
								       : "none");
	add_frames(object, output->n_frames);
	if (output->window != NULL) {
		json_object_object_add(object, "fullscreen",
			json_object_new_boolean(output->window->is_fullscreen));
		json_object_object_add(object, "keyboard_grabbed",
			json_object_new_boolean(output->window->is_inhibiting));
	}
	return object;
}

static const struct gp_view *find_view(
	const struct gp_server *server, const struct gp_guest_scanout *scanout) {
	struct gp_view *view;
	wl_list_for_each (view, &server->placement.views, link) {
		if (view->scanout == scanout) {
			return view;
		}
	}
	return NULL;
}

static struct json_object *describe_scanout(
	const struct gp_server *server, const struct gp_guest_scanout *scanout) {
	struct json_object *object = json_object_new_object();
	const struct gp_view *view = find_view(server, scanout);
	const struct gp_output *output = view != NULL ? gp_output_from_view(view) : NULL;

	add_int(object, "index", scanout->index);
	add_string(object, "output", output != NULL ? output->wlr_output->name : NULL);
	add_int(object, "width", scanout->width);
	add_int(object, "height", scanout->height);
	add_string(object, "path", gp_path_name(scanout->path));
	add_string(object, "reason", scanout->reason);
	json_object_object_add(
		object, "visible", json_object_new_boolean(view != NULL && view->shown));
	add_int(object, "commits", scanout->n_commits);
	if (view != NULL) {
		add_int(object, "bytes_uploaded", view->upload.bytes);
		add_frames(object, view->n_frames);
	}
	return object;
}

static void add_uuid(struct json_object *object, const uint8_t uuid[GP_GUEST_UUID_SIZE]) {
	static const uint8_t none[GP_GUEST_UUID_SIZE];
	char text[37];
	if (memcmp(uuid, none, sizeof(none)) == 0) {
		add_string(object, "uuid", NULL);
		return;
	}
	for (size_t i = 0, at = 0; i < GP_GUEST_UUID_SIZE; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;
		at += snprintf(text + at, sizeof(text) - at, "%s%02x", dash ? "-" : "", uuid[i]);
	}
	add_string(object, "uuid", text);
}

static struct json_object *describe_guest(
	const struct gp_server *server, const struct gp_guest *guest) {
	struct json_object *object = json_object_new_object();
	const struct gp_bridge_socket *socket =
		gp_bridge_socket_of_client(wl_resource_get_client(guest->resource));
	add_string(object, "name", guest->name);
	add_string(object, "socket", socket != NULL ? socket->listener.path : NULL);
	add_uuid(object, guest->uuid);
	add_int(object, "generation", guest->generation);
	add_string(object, "title", guest->title);
	add_string(object, "state", gp_guest_state_name(guest->state));

	struct json_object *scanouts = json_object_new_array();
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		if (guest->scanouts[i] != NULL) {
			json_object_array_add(
				scanouts, describe_scanout(server, guest->scanouts[i]));
		}
	}
	json_object_object_add(object, "scanouts", scanouts);
	add_int(object, "blobs", wl_list_length(&guest->blobs));
	add_int(object, "buffers", gp_guest_blob_count_buffers(guest));
	add_int(object, "imports", guest->n_imports);
	add_int(object, "imports_failed", guest->n_imports_failed);
	return object;
}

static struct json_object *describe_seat(const struct gp_server *server) {
	struct json_object *object = json_object_new_object();
	if (server->seat.wlr_seat == NULL) {
		return object; // it ended with the backend
	}
	const struct gp_guest *guest = gp_focus_get_guest(&server->seat.focus);
	add_string(object, "focus", guest != NULL ? guest->name : NULL);
	add_int(object, "leds", server->seat.keyboard.leds);
	add_int(object, "devices", gp_seat_count_devices(&server->seat));
	add_int(object, "touches", wlr_seat_touch_num_points(server->seat.wlr_seat));
	json_object_object_add(object, "pointer_locked",
		json_object_new_boolean(server->seat.pointer.lock != NULL));
	json_object_object_add(
		object, "idle_inhibited", json_object_new_boolean(server->seat.idle.inhibited));
	return object;
}

static struct json_object *describe_bridge_sockets(const struct gp_server *server) {
	struct json_object *sockets = json_object_new_array();
	const struct gp_bridge_socket *socket;
	wl_list_for_each (socket, &server->bridge_sockets.list, link) {
		struct json_object *object = json_object_new_object();
		add_string(object, "path", socket->listener.path);
		add_string(object, "guest", socket->guest);
		json_object_array_add(sockets, object);
	}
	return sockets;
}

static struct json_object *describe_client_sockets(const struct gp_server *server) {
	struct json_object *sockets = json_object_new_array();
	const struct gp_client_socket *socket;
	wl_list_for_each (socket, &server->client_sockets.list, link) {
		struct json_object *object = json_object_new_object();
		struct json_object *permissions = json_object_new_array();
		add_string(object, "name", socket->name);
		add_string(object, "path", socket->listener.path);
		for (size_t i = 0; i < GP_PERMISSIONS; i++) {
			if ((socket->permissions >> i & 1) != 0) {
				json_object_array_add(
					permissions, json_object_new_string(gp_permission_name(i)));
			}
		}
		json_object_object_add(object, "permissions", permissions);
		add_int(object, "clients", (int64_t)socket->n_clients);
		json_object_array_add(sockets, object);
	}
	return sockets;
}

struct json_object *gp_status_describe(const struct gp_server *server) {
	struct json_object *object = json_object_new_object();
	add_int(object, "schema", GP_STATUS_SCHEMA);
	add_string(object, "program", "guestpane");
	add_string(object, "version", GP_VERSION);
	add_string(object, "renderer", gp_status_renderer_name(server));
	add_gpu(object, wlr_renderer_get_drm_fd(server->renderer));
	add_string(object, "backend", gp_status_backend_name(server));
	add_string(object, "session", gp_vt_session_state(&server->seat_session));

	json_object_object_add(object, "bridge_sockets", describe_bridge_sockets(server));
	json_object_object_add(object, "client_sockets", describe_client_sockets(server));
	json_object_object_add(object, "seat", describe_seat(server));
	const struct gp_settings *settings = &server->settings;
	add_string(object, "config", settings->path[0] != '\0' ? settings->path : NULL);
	add_string(object, "config_error", settings->error[0] != '\0' ? settings->error : NULL);

	struct json_object *outputs = json_object_new_array();
	struct gp_output *output;
	wl_list_for_each (output, &server->outputs.list, link) {
		json_object_array_add(outputs, gp_status_describe_output(output));
	}
	json_object_object_add(object, "outputs", outputs);

	struct json_object *guests = json_object_new_array();
	struct gp_guest *guest;
	wl_list_for_each (guest, &server->guest_manager.guests, link) {
		json_object_array_add(guests, describe_guest(server, guest));
	}
	json_object_object_add(object, "guests", guests);
	return object;
}

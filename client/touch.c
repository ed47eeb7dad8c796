#include "client/touch.h"

#include <wayland-client.h>

static struct gp_client_contact *find_contact(struct gp_client_touch *touch, int32_t id) {
	for (size_t i = 0; i < GP_CLIENT_CONTACTS_MAX; i++) {
		struct gp_client_contact *contact = &touch->contacts[i];
		if (contact->scanout != NULL && contact->id == id) {
			return contact;
		}
	}
	return NULL;
}

static struct gp_client_contact *find_unused(struct gp_client_touch *touch) {
	for (size_t i = 0; i < GP_CLIENT_CONTACTS_MAX; i++) {
		if (touch->contacts[i].scanout == NULL) {
			return &touch->contacts[i];
		}
	}
	return NULL;
}

static void handle_down(void *data, struct wl_touch *proxy, uint32_t serial, uint32_t time,
	struct wl_surface *surface, int32_t id, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client_touch *touch = data;
	const struct gp_scanout_surface *scanout = gp_scanout_surface_from(surface);
	struct gp_client_contact *contact = find_unused(touch);
	if (scanout == NULL || contact == NULL || find_contact(touch, id) != NULL) {
		return;
	}
	*contact = (struct gp_client_contact){.scanout = scanout, .id = id};
	touch->events->touch_down(touch->data, time, id, scanout->index, x, y);
}

static void handle_up(
	void *data, struct wl_touch *proxy, uint32_t serial, uint32_t time, int32_t id) {
	struct gp_client_touch *touch = data;
	struct gp_client_contact *contact = find_contact(touch, id);
	if (contact != NULL) {
		contact->scanout = NULL;
		touch->events->touch_up(touch->data, time, id);
	}
}

static void handle_motion(
	void *data, struct wl_touch *proxy, uint32_t time, int32_t id, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client_touch *touch = data;
	const struct gp_client_contact *contact = find_contact(touch, id);
	if (contact != NULL) {
		touch->events->touch_motion(touch->data, time, id, contact->scanout->index, x, y);
	}
}

static void handle_frame(void *data, struct wl_touch *proxy) {
	struct gp_client_touch *touch = data;
	touch->events->touch_frame(touch->data);
}

static void handle_cancel(void *data, struct wl_touch *proxy) {
	struct gp_client_touch *touch = data;
	for (size_t i = 0; i < GP_CLIENT_CONTACTS_MAX; i++) {
		touch->contacts[i].scanout = NULL;
	}
	touch->events->touch_cancel(touch->data);
}

static void handle_shape(
	void *data, struct wl_touch *proxy, int32_t id, wl_fixed_t major, wl_fixed_t minor) {
}

static void handle_orientation(
	void *data, struct wl_touch *proxy, int32_t id, wl_fixed_t orientation) {
}

static const struct wl_touch_listener touch_listener = {
	.down = handle_down,
	.up = handle_up,
	.motion = handle_motion,
	.frame = handle_frame,
	.cancel = handle_cancel,
	.shape = handle_shape,
	.orientation = handle_orientation,
};

void gp_client_touch_start(struct gp_client_touch *touch, struct wl_seat *seat) {
	if (touch->proxy == NULL) {
		touch->proxy = wl_seat_get_touch(seat);
		if (touch->proxy != NULL) {
			wl_touch_add_listener(touch->proxy, &touch_listener, touch);
		}
	}
}

void gp_client_touch_stop(struct gp_client_touch *touch) {
	if (touch->proxy != NULL) {
		wl_touch_release(touch->proxy);
		touch->proxy = NULL;
		handle_cancel(touch, NULL);
	}
}

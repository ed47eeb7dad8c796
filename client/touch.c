#include "client/client_internal.h"

/* Fingers of the seat that are on our surfaces. */

static struct gp_client_touch *find_touch(struct gp_client *client, int32_t id) {
	for (size_t i = 0; i < GP_CLIENT_TOUCHES_MAX; i++) {
		struct gp_client_touch *touch = &client->seat.touches[i];
		if (touch->scanout != NULL && touch->id == id) {
			return touch;
		}
	}
	return NULL;
}

static struct gp_client_touch *find_free(struct gp_client *client) {
	for (size_t i = 0; i < GP_CLIENT_TOUCHES_MAX; i++) {
		if (client->seat.touches[i].scanout == NULL) {
			return &client->seat.touches[i];
		}
	}
	return NULL;
}

static void handle_down(void *data, struct wl_touch *proxy, uint32_t serial, uint32_t time,
	struct wl_surface *surface, int32_t id, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client *client = data;
	const struct gp_scanout_surface *scanout = gp_client_seat_find(client, surface);
	struct gp_client_touch *touch = find_free(client);
	if (scanout == NULL || touch == NULL || find_touch(client, id) != NULL) {
		return;
	}
	*touch = (struct gp_client_touch){.scanout = scanout, .id = id};
	client->options.seat_events->touch_down(client->data, time, id, scanout->index, x, y);
}

static void handle_up(
	void *data, struct wl_touch *proxy, uint32_t serial, uint32_t time, int32_t id) {
	struct gp_client *client = data;
	struct gp_client_touch *touch = find_touch(client, id);
	if (touch != NULL) {
		touch->scanout = NULL;
		client->options.seat_events->touch_up(client->data, time, id);
	}
}

static void handle_motion(
	void *data, struct wl_touch *proxy, uint32_t time, int32_t id, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client *client = data;
	const struct gp_client_touch *touch = find_touch(client, id);
	if (touch != NULL) {
		client->options.seat_events->touch_motion(
			client->data, time, id, touch->scanout->index, x, y);
	}
}

static void handle_frame(void *data, struct wl_touch *proxy) {
	struct gp_client *client = data;
	client->options.seat_events->touch_frame(client->data);
}

static void forget_all(struct gp_client *client) {
	for (size_t i = 0; i < GP_CLIENT_TOUCHES_MAX; i++) {
		client->seat.touches[i].scanout = NULL;
	}
	client->options.seat_events->touch_cancel(client->data);
}

static void handle_cancel(void *data, struct wl_touch *proxy) {
	forget_all(data);
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

void gp_client_touch_start(struct gp_client *client) {
	struct gp_client_seat *seat = &client->seat;
	if (!client->options.wants_touch || seat->touch != NULL) {
		return;
	}
	seat->touch = wl_seat_get_touch(seat->proxy);
	if (seat->touch != NULL) {
		wl_touch_add_listener(seat->touch, &touch_listener, client);
	}
}

void gp_client_touch_stop(struct gp_client *client) {
	if (client->seat.touch != NULL) {
		wl_touch_release(client->seat.touch);
		client->seat.touch = NULL;
		forget_all(client);
	}
}

#include "client/client_internal.h"

#include <linux/input-event-codes.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

/* Steps of a wheel in 120ths, which old compositors do not tell. */
#define SEAT_VERSION 8
/* Without steps, as from a touchpad: a step for so much of a surface, as libinput counts it. */
#define STEP_LENGTH 15

uint32_t gp_client_seat_now_ms(void) {
	return (uint32_t)(gp_now_ns() / 1000000);
}

const struct gp_scanout_surface *gp_client_seat_find(
	const struct gp_client *client, const struct wl_surface *surface) {
	for (uint32_t i = 0; surface != NULL && i < client->options.n_scanouts; i++) {
		if (client->scanouts[i].surface == surface) {
			return &client->scanouts[i];
		}
	}
	return NULL;
}

/* The keyboard. */

static void handle_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size) {
	/* The guest has its own. */
	gp_fd_close(&fd);
}

static void handle_keyboard_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys) {
	struct gp_client *client = data;
	uint32_t *code;
	wl_array_for_each (code, keys) {
		client->options.seat_ops->key(client->data, gp_client_seat_now_ms(), *code, true);
	}
}

static void handle_keyboard_leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface) {
	struct gp_client *client = data;
	client->options.seat_ops->keyboard_leave(client->data);
}

static void handle_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time,
	uint32_t key, uint32_t state) {
	struct gp_client *client = data;
	client->options.seat_ops->key(
		client->data, time, key, state == WL_KEYBOARD_KEY_STATE_PRESSED);
}

static void handle_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group) {
	/* The guest sees the keys. */
}

static void handle_repeat_info(
	void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay) {
	/* The guest repeats keys by itself. */
}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = handle_keymap,
	.enter = handle_keyboard_enter,
	.leave = handle_keyboard_leave,
	.key = handle_key,
	.modifiers = handle_modifiers,
	.repeat_info = handle_repeat_info,
};

/* The pointer. */

static void send_motion(struct gp_client *client, uint32_t time, wl_fixed_t x, wl_fixed_t y) {
	const struct gp_scanout_surface *over = client->seat.over;
	if (over != NULL) {
		client->options.seat_ops->pointer_motion(client->data, time, over->index, x, y);
	}
}

static void handle_pointer_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client *client = data;
	struct gp_client_seat *seat = &client->seat;
	seat->over = gp_client_seat_find(client, surface);
	seat->left = false;
	send_motion(client, gp_client_seat_now_ms(), x, y);
}

static void handle_pointer_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface) {
	struct gp_client *client = data;
	client->seat.left = client->seat.over != NULL;
	client->seat.over = NULL;
}

static void handle_motion(
	void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x, wl_fixed_t y) {
	send_motion(data, time, x, y);
}

static void handle_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time,
	uint32_t button, uint32_t state) {
	struct gp_client *client = data;
	client->options.seat_ops->pointer_button(
		client->data, time, button, state == WL_POINTER_BUTTON_STATE_PRESSED);
}

static struct gp_client_axis *find_axis(struct gp_client *client, uint32_t axis) {
	return &client->seat.axes[axis == WL_POINTER_AXIS_HORIZONTAL_SCROLL];
}

static void handle_axis(
	void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis, wl_fixed_t value) {
	struct gp_client_axis *moved = find_axis(data, axis);
	moved->has_value = true;
	moved->value = value;
	moved->time_ms = time;
}

static void handle_axis_value120(
	void *data, struct wl_pointer *pointer, uint32_t axis, int32_t value120) {
	struct gp_client_axis *moved = find_axis(data, axis);
	moved->has_steps = true;
	moved->steps = value120;
}

static void send_axis(struct gp_client *client, bool horizontal) {
	struct gp_client_axis *moved = &client->seat.axes[horizontal];
	int64_t amount = moved->has_steps ? (int64_t)moved->steps * 256
		: moved->has_value        ? (int64_t)moved->value * 120 / STEP_LENGTH
					  : 0;
	if (amount != 0 && amount == (int32_t)amount) {
		client->options.seat_ops->pointer_axis(
			client->data, moved->time_ms, horizontal, (int32_t)amount);
	}
	*moved = (struct gp_client_axis){0};
}

static void handle_frame(void *data, struct wl_pointer *pointer) {
	send_axis(data, false);
	send_axis(data, true);
}

static void handle_axis_source(void *data, struct wl_pointer *pointer, uint32_t source) {
}

static void handle_axis_stop(void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis) {
}

static void handle_axis_discrete(
	void *data, struct wl_pointer *pointer, uint32_t axis, int32_t discrete) {
	/* Replaced by axis_value120. */
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = handle_pointer_enter,
	.leave = handle_pointer_leave,
	.motion = handle_motion,
	.button = handle_button,
	.axis = handle_axis,
	.frame = handle_frame,
	.axis_source = handle_axis_source,
	.axis_stop = handle_axis_stop,
	.axis_discrete = handle_axis_discrete,
	.axis_value120 = handle_axis_value120,
};

/* Relative motion, while the pointer is locked. */

static void handle_relative_motion(void *data, struct zwp_relative_pointer_v1 *relative,
	uint32_t time_hi, uint32_t time_lo, wl_fixed_t dx, wl_fixed_t dy, wl_fixed_t raw_dx,
	wl_fixed_t raw_dy) {
	struct gp_client *client = data;
	uint64_t time_us = (uint64_t)time_hi << 32 | time_lo;
	if (client->seat.locked) {
		/* The guest has an acceleration of its own. */
		client->options.seat_ops->pointer_relative(
			client->data, (uint32_t)(time_us / 1000), raw_dx, raw_dy);
	}
}

static const struct zwp_relative_pointer_v1_listener relative_listener = {
	.relative_motion = handle_relative_motion,
};

static void set_locked(struct gp_client *client, bool locked) {
	if (client->seat.locked != locked) {
		client->seat.locked = locked;
		client->options.seat_ops->pointer_locked(client->data, locked);
	}
}

static void handle_locked(void *data, struct zwp_locked_pointer_v1 *lock) {
	set_locked(data, true);
}

static void handle_unlocked(void *data, struct zwp_locked_pointer_v1 *lock) {
	set_locked(data, false);
}

static const struct zwp_locked_pointer_v1_listener lock_listener = {
	.locked = handle_locked,
	.unlocked = handle_unlocked,
};

/* The seat. */

static void stop_keyboard(struct gp_client *client) {
	struct gp_client_seat *seat = &client->seat;
	if (seat->keyboard != NULL) {
		wl_keyboard_release(seat->keyboard);
		seat->keyboard = NULL;
		client->options.seat_ops->keyboard_leave(client->data);
	}
}

static void stop_pointer(struct gp_client *client) {
	struct gp_client_seat *seat = &client->seat;
	for (uint32_t i = 0; i < client->options.n_scanouts; i++) {
		struct gp_scanout_surface *scanout = &client->scanouts[i];
		if (scanout->lock != NULL) {
			zwp_locked_pointer_v1_destroy(scanout->lock);
			scanout->lock = NULL;
		}
	}
	set_locked(client, false);
	if (seat->relative != NULL) {
		zwp_relative_pointer_v1_destroy(seat->relative);
		seat->relative = NULL;
	}
	if (seat->pointer != NULL) {
		wl_pointer_release(seat->pointer);
		seat->pointer = NULL;
		seat->over = NULL;
		seat->left = false;
		client->options.seat_ops->pointer_leave(client->data);
	}
}

/* When the user asks for it, the compositor locks the pointer to the scanout that it is on. */
static void start_locks(struct gp_client *client) {
	struct gp_client_seat *seat = &client->seat;
	if (!client->options.wants_lock || seat->relative == NULL) {
		return;
	}
	for (uint32_t i = 0; i < client->options.n_scanouts; i++) {
		struct gp_scanout_surface *scanout = &client->scanouts[i];
		if (scanout->surface == NULL || scanout->lock != NULL) {
			continue;
		}
		scanout->lock = zwp_pointer_constraints_v1_lock_pointer(seat->constraints,
			scanout->surface, seat->pointer, NULL,
			ZWP_POINTER_CONSTRAINTS_V1_LIFETIME_PERSISTENT);
		if (scanout->lock != NULL) {
			zwp_locked_pointer_v1_add_listener(scanout->lock, &lock_listener, client);
		}
	}
}

static void start_pointer(struct gp_client *client) {
	struct gp_client_seat *seat = &client->seat;
	seat->pointer = wl_seat_get_pointer(seat->proxy);
	if (seat->pointer == NULL) {
		return;
	}
	wl_pointer_add_listener(seat->pointer, &pointer_listener, client);
	if (seat->relative_manager == NULL || seat->constraints == NULL) {
		return;
	}
	seat->relative = zwp_relative_pointer_manager_v1_get_relative_pointer(
		seat->relative_manager, seat->pointer);
	if (seat->relative != NULL) {
		zwp_relative_pointer_v1_add_listener(seat->relative, &relative_listener, client);
	}
	start_locks(client);
}

static void handle_capabilities(void *data, struct wl_seat *proxy, uint32_t capabilities) {
	struct gp_client *client = data;
	struct gp_client_seat *seat = &client->seat;
	bool has_keyboard = (capabilities & WL_SEAT_CAPABILITY_KEYBOARD) != 0;
	bool has_pointer = (capabilities & WL_SEAT_CAPABILITY_POINTER) != 0;
	if (has_keyboard && seat->keyboard == NULL) {
		seat->keyboard = wl_seat_get_keyboard(proxy);
		if (seat->keyboard != NULL) {
			wl_keyboard_add_listener(seat->keyboard, &keyboard_listener, client);
		}
	} else if (!has_keyboard) {
		stop_keyboard(client);
	}
	if (has_pointer && seat->pointer == NULL) {
		start_pointer(client);
	} else if (!has_pointer) {
		stop_pointer(client);
	}
	if ((capabilities & WL_SEAT_CAPABILITY_TOUCH) != 0) {
		gp_client_touch_start(client);
	} else {
		gp_client_touch_stop(client);
	}
}

static void handle_seat_name(void *data, struct wl_seat *proxy, const char *name) {
}

static const struct wl_seat_listener seat_listener = {
	.capabilities = handle_capabilities,
	.name = handle_seat_name,
};

void gp_client_seat_bind(struct gp_client *client, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct gp_client_seat *seat = &client->seat;
	if (client->options.seat_ops == NULL) {
		return;
	}
	if (strcmp(interface, wl_seat_interface.name) == 0 && seat->proxy == NULL &&
		version >= SEAT_VERSION) {
		seat->proxy = wl_registry_bind(registry, name, &wl_seat_interface, SEAT_VERSION);
		if (seat->proxy != NULL) {
			wl_seat_add_listener(seat->proxy, &seat_listener, client);
			gp_client_pen_start(client);
		}
	} else if (strcmp(interface, zwp_relative_pointer_manager_v1_interface.name) == 0 &&
		seat->relative_manager == NULL) {
		seat->relative_manager = wl_registry_bind(
			registry, name, &zwp_relative_pointer_manager_v1_interface, 1);
	} else if (strcmp(interface, zwp_pointer_constraints_v1_interface.name) == 0 &&
		seat->constraints == NULL) {
		seat->constraints =
			wl_registry_bind(registry, name, &zwp_pointer_constraints_v1_interface, 1);
	} else if (strcmp(interface, zwp_tablet_manager_v2_interface.name) == 0 &&
		seat->tablet_manager == NULL && client->options.wants_pen) {
		seat->tablet_manager =
			wl_registry_bind(registry, name, &zwp_tablet_manager_v2_interface, 1);
		gp_client_pen_start(client);
	}
}

void gp_client_seat_start(struct gp_client *client) {
	if (client->seat.pointer != NULL) {
		start_locks(client);
	}
}

void gp_client_seat_forget(struct gp_client *client, struct gp_scanout_surface *scanout) {
	if (client->seat.over == scanout) {
		client->seat.over = NULL;
	}
	gp_client_touch_forget(client, scanout);
	gp_client_pen_forget(client, scanout);
	if (scanout->lock != NULL) {
		zwp_locked_pointer_v1_destroy(scanout->lock);
		scanout->lock = NULL;
	}
}

void gp_client_seat_stop(struct gp_client *client) {
	struct gp_client_seat *seat = &client->seat;
	stop_keyboard(client);
	stop_pointer(client);
	gp_client_touch_stop(client);
	gp_client_pen_stop(client);
	if (seat->relative_manager != NULL) {
		zwp_relative_pointer_manager_v1_destroy(seat->relative_manager);
	}
	if (seat->constraints != NULL) {
		zwp_pointer_constraints_v1_destroy(seat->constraints);
	}
	if (seat->proxy != NULL) {
		wl_seat_release(seat->proxy);
	}
	*seat = (struct gp_client_seat){0};
}

void gp_client_end_turn(struct gp_client *client) {
	if (client->seat.left) {
		client->seat.left = false;
		client->options.seat_ops->pointer_leave(client->data);
	}
}

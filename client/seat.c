#include "client/seat.h"

#include <string.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "pointer-constraints-unstable-v1-client-protocol.h"
#include "relative-pointer-unstable-v1-client-protocol.h"
#include "tablet-v2-client-protocol.h"

/* Steps of a wheel in 120ths, which older ones do not send. */
#define SEAT_VERSION 8
/* Without steps, as from a touchpad: a step for so much of a surface, as libinput counts it. */
#define STEP_LENGTH 15

static uint32_t now_ms(void) {
	return (uint32_t)(gp_now_ns() / 1000000);
}

/* The keyboard. */

static void handle_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size) {
	/* The guest has its own. */
	gp_fd_close(&fd);
}

static void handle_keyboard_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys) {
	struct gp_client_seat *seat = data;
	uint32_t *code;
	wl_array_for_each (code, keys) {
		seat->events->key(seat->data, now_ms(), *code, true);
	}
}

static void handle_keyboard_leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface) {
	struct gp_client_seat *seat = data;
	seat->events->keyboard_leave(seat->data);
}

static void handle_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time,
	uint32_t key, uint32_t state) {
	struct gp_client_seat *seat = data;
	seat->events->key(seat->data, time, key, state == WL_KEYBOARD_KEY_STATE_PRESSED);
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

static void send_motion(struct gp_client_seat *seat, uint32_t time, wl_fixed_t x, wl_fixed_t y) {
	const struct gp_scanout_surface *over = seat->over;
	if (over != NULL) {
		seat->events->pointer_motion(seat->data, time, over->index, x, y);
	}
}

static void cancel_leave(struct gp_client_seat *seat) {
	if (seat->leave != NULL) {
		wl_event_source_remove(seat->leave);
		seat->leave = NULL;
	}
}

static void handle_pointer_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client_seat *seat = data;
	seat->over = gp_scanout_surface_from(surface);
	cancel_leave(seat);
	send_motion(seat, now_ms(), x, y);
}

static void handle_idle_leave(void *data) {
	struct gp_client_seat *seat = data;
	seat->leave = NULL; // libwayland removes it
	seat->events->pointer_leave(seat->data);
}

/* An enter of another scanout may follow: then the pointer has not left the guest. */
static void handle_pointer_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface) {
	struct gp_client_seat *seat = data;
	if (seat->over == NULL) {
		return;
	}
	seat->over = NULL;
	if (seat->leave == NULL) {
		seat->leave = wl_event_loop_add_idle(seat->loop, handle_idle_leave, seat);
	}
	if (seat->leave == NULL) {
		handle_idle_leave(seat);
	}
}

static void handle_motion(
	void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x, wl_fixed_t y) {
	send_motion(data, time, x, y);
}

static void handle_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time,
	uint32_t button, uint32_t state) {
	struct gp_client_seat *seat = data;
	seat->events->pointer_button(
		seat->data, time, button, state == WL_POINTER_BUTTON_STATE_PRESSED);
}

static struct gp_client_axis *find_axis(struct gp_client_seat *seat, uint32_t axis) {
	return &seat->axes[axis == WL_POINTER_AXIS_HORIZONTAL_SCROLL];
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

static void send_axis(struct gp_client_seat *seat, bool horizontal) {
	struct gp_client_axis *moved = &seat->axes[horizontal];
	int64_t amount = moved->has_steps ? (int64_t)moved->steps * 256
		: moved->has_value        ? (int64_t)moved->value * 120 / STEP_LENGTH
					  : 0;
	if (amount != 0 && amount == (int32_t)amount) {
		seat->events->pointer_axis(seat->data, moved->time_ms, horizontal, (int32_t)amount);
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
	struct gp_client_seat *seat = data;
	uint64_t time_us = (uint64_t)time_hi << 32 | time_lo;
	if (seat->locked) {
		/* The guest has an acceleration of its own. */
		seat->events->pointer_relative(
			seat->data, (uint32_t)(time_us / 1000), raw_dx, raw_dy);
	}
}

static const struct zwp_relative_pointer_v1_listener relative_listener = {
	.relative_motion = handle_relative_motion,
};

static void set_locked(struct gp_client_seat *seat, bool locked) {
	if (seat->locked != locked) {
		seat->locked = locked;
		seat->events->pointer_locked(seat->data, locked);
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

static void stop_keyboard(struct gp_client_seat *seat) {
	if (seat->keyboard != NULL) {
		wl_keyboard_release(seat->keyboard);
		seat->keyboard = NULL;
		seat->events->keyboard_leave(seat->data);
	}
}

static void stop_pointer(struct gp_client_seat *seat) {
	for (uint32_t i = 0; i < seat->n_scanouts; i++) {
		if (seat->locks[i] != NULL) {
			zwp_locked_pointer_v1_destroy(seat->locks[i]);
			seat->locks[i] = NULL;
		}
	}
	set_locked(seat, false);
	if (seat->relative != NULL) {
		zwp_relative_pointer_v1_destroy(seat->relative);
		seat->relative = NULL;
	}
	if (seat->pointer != NULL) {
		wl_pointer_release(seat->pointer);
		seat->pointer = NULL;
		seat->over = NULL;
		cancel_leave(seat);
		seat->events->pointer_leave(seat->data);
	}
}

/* When the user asks for it, the compositor locks the pointer to the scanout that it is on. */
static void start_locks(struct gp_client_seat *seat) {
	if (!seat->wants_lock || seat->relative == NULL) {
		return;
	}
	for (uint32_t i = 0; i < seat->n_scanouts; i++) {
		struct wl_surface *surface = seat->scanouts[i].surface;
		if (surface == NULL || seat->locks[i] != NULL) {
			continue;
		}
		seat->locks[i] = zwp_pointer_constraints_v1_lock_pointer(seat->constraints, surface,
			seat->pointer, NULL, ZWP_POINTER_CONSTRAINTS_V1_LIFETIME_PERSISTENT);
		if (seat->locks[i] != NULL) {
			zwp_locked_pointer_v1_add_listener(seat->locks[i], &lock_listener, seat);
		}
	}
}

static void start_pointer(struct gp_client_seat *seat) {
	seat->pointer = wl_seat_get_pointer(seat->proxy);
	if (seat->pointer == NULL) {
		return;
	}
	wl_pointer_add_listener(seat->pointer, &pointer_listener, seat);
	if (seat->relative_manager == NULL || seat->constraints == NULL) {
		return;
	}
	seat->relative = zwp_relative_pointer_manager_v1_get_relative_pointer(
		seat->relative_manager, seat->pointer);
	if (seat->relative != NULL) {
		zwp_relative_pointer_v1_add_listener(seat->relative, &relative_listener, seat);
	}
	start_locks(seat);
}

static void handle_capabilities(void *data, struct wl_seat *proxy, uint32_t capabilities) {
	struct gp_client_seat *seat = data;
	bool has_keyboard = (capabilities & WL_SEAT_CAPABILITY_KEYBOARD) != 0;
	bool has_pointer = (capabilities & WL_SEAT_CAPABILITY_POINTER) != 0;
	if (has_keyboard && seat->keyboard == NULL) {
		seat->keyboard = wl_seat_get_keyboard(proxy);
		if (seat->keyboard != NULL) {
			wl_keyboard_add_listener(seat->keyboard, &keyboard_listener, seat);
		}
	} else if (!has_keyboard) {
		stop_keyboard(seat);
	}
	if (has_pointer && seat->pointer == NULL) {
		start_pointer(seat);
	} else if (!has_pointer) {
		stop_pointer(seat);
	}
	if ((capabilities & WL_SEAT_CAPABILITY_TOUCH) == 0) {
		gp_client_touch_stop(&seat->touch);
	} else if (seat->wants_touch) {
		gp_client_touch_start(&seat->touch, proxy);
	}
}

static void handle_seat_name(void *data, struct wl_seat *proxy, const char *name) {
}

static const struct wl_seat_listener seat_listener = {
	.capabilities = handle_capabilities,
	.name = handle_seat_name,
};

void gp_client_seat_init(struct gp_client_seat *seat, struct wl_event_loop *loop,
	const struct gp_client_options *options, struct gp_scanout_surface *scanouts) {
	*seat = (struct gp_client_seat){
		.loop = loop,
		.wants_lock = options->wants_lock,
		.wants_touch = options->wants_touch,
		.wants_pen = options->wants_pen,
		.events = options->seat_events,
		.data = options->seat_data,
		.scanouts = scanouts,
		.n_scanouts = options->n_scanouts,
		.touch = {.events = options->seat_events, .data = options->seat_data},
		.pens = {.events = options->seat_events, .data = options->seat_data},
	};
}

void gp_client_seat_bind(struct gp_client_seat *seat, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	if (seat->events == NULL) {
		return;
	}
	if (strcmp(interface, wl_seat_interface.name) == 0 && seat->proxy == NULL &&
		version >= SEAT_VERSION) {
		seat->proxy = wl_registry_bind(registry, name, &wl_seat_interface, SEAT_VERSION);
		if (seat->proxy != NULL) {
			wl_seat_add_listener(seat->proxy, &seat_listener, seat);
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
		seat->tablet_manager == NULL && seat->wants_pen) {
		seat->tablet_manager =
			wl_registry_bind(registry, name, &zwp_tablet_manager_v2_interface, 1);
	}
	if (seat->proxy != NULL && seat->tablet_manager != NULL) {
		gp_client_pens_start(&seat->pens, seat->tablet_manager, seat->proxy);
	}
}

void gp_client_seat_start(struct gp_client_seat *seat) {
	if (seat->pointer != NULL) {
		start_locks(seat);
	}
}

void gp_client_seat_stop(struct gp_client_seat *seat) {
	stop_keyboard(seat);
	stop_pointer(seat);
	gp_client_touch_stop(&seat->touch);
	gp_client_pens_stop(&seat->pens);
	if (seat->tablet_manager != NULL) {
		zwp_tablet_manager_v2_destroy(seat->tablet_manager);
		seat->tablet_manager = NULL;
	}
	if (seat->relative_manager != NULL) {
		zwp_relative_pointer_manager_v1_destroy(seat->relative_manager);
		seat->relative_manager = NULL;
	}
	if (seat->constraints != NULL) {
		zwp_pointer_constraints_v1_destroy(seat->constraints);
		seat->constraints = NULL;
	}
	if (seat->proxy != NULL) {
		wl_seat_release(seat->proxy);
		seat->proxy = NULL;
	}
	memset(seat->axes, 0, sizeof(seat->axes));
}

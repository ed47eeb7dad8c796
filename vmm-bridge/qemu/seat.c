#include "vmm-bridge/qemu/seat.h"

#include <json-c/json.h>

#include "vmm-bridge/qemu/console.h"
#include "vmm-bridge/qemu/keymap.h"

#define KEYBOARD "org.qemu.Display1.Keyboard"
#define MOUSE "org.qemu.Display1.Mouse"
#define MULTI_TOUCH "org.qemu.Display1.MultiTouch"

#define STEP (120 * 256) // of the wheel, in the seat's unit
#define WHEEL_UP 3
#define WHEEL_DOWN 4

/* Beyond so many messages that QEMU has not read, motion is kept back: only the last one counts. */
#define BACKLOG_MAX 16

enum touch_kind { TOUCH_BEGIN, TOUCH_UPDATE, TOUCH_END, TOUCH_CANCEL };

void gp_qemu_seat_init(
	struct gp_qemu_seat *seat, struct gp_qemu_console *consoles, uint32_t n_consoles) {
	*seat = (struct gp_qemu_seat){
		.consoles = consoles,
		.n_consoles = n_consoles,
		.absolute = true,
	};
}

/* That of the scanout, if it can be sent to. */
static struct gp_qemu_console *find_console(const struct gp_qemu_seat *seat, uint32_t scanout) {
	struct gp_qemu_console *console =
		scanout < seat->n_consoles ? &seat->consoles[scanout] : NULL;
	return console != NULL && console->main != NULL ? console : NULL;
}

#define POST(seat, console, interface, ...)                                                        \
	do {                                                                                       \
		(seat)->n_sent++;                                                                  \
		gp_bus_post((console)->main, (console)->destination, (console)->path, interface,   \
			__VA_ARGS__);                                                              \
	} while (0)

/* Keyboard. QEMU routes keys by console, but one that is bound to none gets all. */

static void send_key(struct gp_qemu_seat *seat, uint32_t code, bool pressed) {
	const struct gp_qemu_console *console = find_console(seat, 0);
	uint32_t number = gp_qemu_key(code);
	if (console == NULL || number == 0) {
		seat->n_dropped++;
		return;
	}
	POST(seat, console, KEYBOARD, pressed ? "Press" : "Release", "u", number);
}

static void handle_key(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_qemu_seat *seat = data;
	if (code < KEY_CNT) {
		seat->keys[code] = pressed;
		send_key(seat, code, pressed);
	}
}

static void handle_keyboard_leave(void *data) {
	struct gp_qemu_seat *seat = data;
	for (uint32_t code = 0; code < KEY_CNT; code++) {
		if (seat->keys[code]) {
			handle_key(seat, 0, code, false);
		}
	}
}

/* Pointer */

static uint32_t to_pixel(int32_t position, uint32_t size) {
	uint32_t pixel = position < 0 ? 0 : (uint32_t)position >> 8;
	return pixel < size ? pixel : size - 1;
}

static void send_motion(struct gp_qemu_seat *seat) {
	const struct gp_qemu_console *console = find_console(seat, seat->scanout);
	uint32_t width, height;
	if (!seat->moved || console == NULL || gp_bus_backlog(console->main) > BACKLOG_MAX) {
		return;
	}
	seat->moved = false;
	if (!seat->absolute) {
		int32_t dx = seat->rest_x / 256, dy = seat->rest_y / 256;
		seat->rest_x -= dx * 256;
		seat->rest_y -= dy * 256;
		if (dx != 0 || dy != 0) {
			POST(seat, console, MOUSE, "RelMotion", "ii", dx, dy);
		}
	} else if (gp_qemu_surface_get_size(&console->surface, &width, &height)) {
		POST(seat, console, MOUSE, "SetAbsPosition", "uu", to_pixel(seat->x, width),
			to_pixel(seat->y, height));
	}
}

/* Sums of motion that QEMU does not read stay within an int. */
static void add_relative(struct gp_qemu_seat *seat, int32_t dx, int32_t dy) {
	const int32_t max = 16384 * 256;
	int64_t x = (int64_t)seat->rest_x + dx, y = (int64_t)seat->rest_y + dy;
	seat->rest_x = (int32_t)(x > max ? max : x < -max ? -max : x);
	seat->rest_y = (int32_t)(y > max ? max : y < -max ? -max : y);
	seat->moved = true;
}

static void handle_pointer_motion(
	void *data, uint32_t time_ms, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_qemu_seat *seat = data;
	if (seat->locked) {
		return;
	}
	/* A pointer that knows no positions follows. */
	if (seat->has_position && seat->scanout == scanout) {
		add_relative(seat, x - seat->x, y - seat->y);
	}
	seat->scanout = scanout;
	seat->x = x;
	seat->y = y;
	seat->has_position = seat->moved = true;
}

static void handle_pointer_relative(void *data, uint32_t time_ms, int32_t dx, int32_t dy) {
	struct gp_qemu_seat *seat = data;
	const struct gp_qemu_console *console = find_console(seat, seat->scanout);
	uint32_t width, height;
	if (!seat->locked || console == NULL) {
		return;
	}
	add_relative(seat, dx, dy);
	/* The position that an absolute pointer would have, which ends at the edges. */
	if (gp_qemu_surface_get_size(&console->surface, &width, &height)) {
		int64_t x = (int64_t)seat->x + dx, y = (int64_t)seat->y + dy;
		int64_t max_x = (int64_t)width * 256 - 1, max_y = (int64_t)height * 256 - 1;
		seat->x = (int32_t)(x < 0 ? 0 : x > max_x ? max_x : x);
		seat->y = (int32_t)(y < 0 ? 0 : y > max_y ? max_y : y);
	}
}

static void handle_pointer_locked(void *data, bool locked) {
	struct gp_qemu_seat *seat = data;
	seat->locked = locked;
	seat->rest_x = seat->rest_y = 0;
}

/* -1: QEMU has no such button. */
static int find_button(uint32_t code) {
	switch (code) {
	case BTN_LEFT:
		return 0;
	case BTN_MIDDLE:
		return 1;
	case BTN_RIGHT:
		return 2;
	case BTN_SIDE:
	case BTN_BACK:
		return 5;
	case BTN_EXTRA:
	case BTN_FORWARD:
		return 6;
	default:
		return -1;
	}
}

static void send_button(struct gp_qemu_seat *seat, int button, bool pressed) {
	const struct gp_qemu_console *console = find_console(seat, seat->scanout);
	if (console != NULL) {
		POST(seat, console, MOUSE, pressed ? "Press" : "Release", "u", (uint32_t)button);
	}
}

static void handle_pointer_button(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_qemu_seat *seat = data;
	int button = find_button(code);
	if (button < 0) {
		seat->n_dropped++;
		return;
	}
	send_motion(seat);
	seat->buttons = pressed ? seat->buttons | 1u << button : seat->buttons & ~(1u << button);
	send_button(seat, button, pressed);
}

static void handle_pointer_axis(void *data, uint32_t time_ms, bool horizontal, int32_t amount) {
	struct gp_qemu_seat *seat = data;
	if (horizontal) {
		seat->n_dropped++;
		return;
	}
	send_motion(seat);
	/* The other way begins a new step, and a flood of steps is no wheel. */
	if ((amount > 0) != (seat->wheel > 0)) {
		seat->wheel = 0;
	}
	const int32_t max = 16 * STEP;
	int64_t sum = (int64_t)seat->wheel + amount;
	seat->wheel = (int32_t)(sum > max ? max : sum < -max ? -max : sum);
	for (; seat->wheel >= STEP || seat->wheel <= -STEP;
		seat->wheel += seat->wheel > 0 ? -STEP : STEP) {
		int button = seat->wheel > 0 ? WHEEL_DOWN : WHEEL_UP;
		send_button(seat, button, true);
		send_button(seat, button, false);
	}
}

static void handle_pointer_leave(void *data) {
	struct gp_qemu_seat *seat = data;
	for (int button = 0; button < 32; button++) {
		if (seat->buttons & 1u << button) {
			send_button(seat, button, false);
		}
	}
	seat->buttons = 0;
	seat->has_position = false;
	seat->rest_x = seat->rest_y = 0;
	seat->wheel = 0;
}

/* Touch screen */

static int find_touch(const struct gp_qemu_seat *seat, bool down, int32_t id) {
	for (int i = 0; i < GP_QEMU_TOUCHES_MAX; i++) {
		if (seat->touches[i].down == down && (!down || seat->touches[i].id == id)) {
			return i;
		}
	}
	return -1;
}

static void send_touch(struct gp_qemu_seat *seat, int slot, enum touch_kind kind) {
	const struct gp_qemu_console *console = find_console(seat, seat->touches[slot].scanout);
	uint32_t width, height;
	if (console != NULL && gp_qemu_surface_get_size(&console->surface, &width, &height)) {
		POST(seat, console, MULTI_TOUCH, "SendEvent", "utdd", (uint32_t)kind,
			(uint64_t)slot, (double)to_pixel(seat->touches[slot].x, width),
			(double)to_pixel(seat->touches[slot].y, height));
	}
}

static void handle_touch_down(
	void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_qemu_seat *seat = data;
	int slot = find_touch(seat, true, id) < 0 ? find_touch(seat, false, id) : -1;
	if (slot < 0) {
		seat->n_dropped++;
		return;
	}
	seat->touches[slot].down = true;
	seat->touches[slot].id = id;
	seat->touches[slot].scanout = scanout;
	seat->touches[slot].x = x;
	seat->touches[slot].y = y;
	send_touch(seat, slot, TOUCH_BEGIN);
}

static void handle_touch_motion(
	void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_qemu_seat *seat = data;
	int slot = find_touch(seat, true, id);
	if (slot >= 0) {
		seat->touches[slot].x = x;
		seat->touches[slot].y = y;
		send_touch(seat, slot, TOUCH_UPDATE);
	}
}

static void handle_touch_up(void *data, uint32_t time_ms, int32_t id) {
	struct gp_qemu_seat *seat = data;
	int slot = find_touch(seat, true, id);
	if (slot >= 0) {
		send_touch(seat, slot, TOUCH_END);
		seat->touches[slot].down = false;
	}
}

/* QEMU ends a frame after each event. */
static void handle_touch_frame(void *data) {
}

static void handle_touch_cancel(void *data) {
	struct gp_qemu_seat *seat = data;
	for (int i = 0; i < GP_QEMU_TOUCHES_MAX; i++) {
		if (seat->touches[i].down) {
			send_touch(seat, i, TOUCH_CANCEL);
			seat->touches[i].down = false;
		}
	}
}

/* Pens: QEMU has none. */

static void handle_pen(void *data, uint32_t time_ms, const struct gp_client_pen *pen) {
}

static void handle_pen_leave(void *data) {
}

const struct gp_client_seat_events gp_qemu_seat_events = {
	.key = handle_key,
	.keyboard_leave = handle_keyboard_leave,
	.pointer_motion = handle_pointer_motion,
	.pointer_button = handle_pointer_button,
	.pointer_axis = handle_pointer_axis,
	.pointer_leave = handle_pointer_leave,
	.pointer_locked = handle_pointer_locked,
	.pointer_relative = handle_pointer_relative,
	.touch_down = handle_touch_down,
	.touch_motion = handle_touch_motion,
	.touch_up = handle_touch_up,
	.touch_frame = handle_touch_frame,
	.touch_cancel = handle_touch_cancel,
	.pen = handle_pen,
	.pen_leave = handle_pen_leave,
};

void gp_qemu_seat_attach(struct gp_qemu_seat *seat) {
	/* An earlier bridge may have ended with one of these down; to release it twice is nothing. */
	static const uint32_t modifiers[] = {KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTSHIFT,
		KEY_RIGHTSHIFT, KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA, KEY_RIGHTMETA};
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		if (!seat->keys[modifiers[i]]) {
			send_key(seat, modifiers[i], false);
		}
	}
	for (uint32_t code = 0; code < KEY_CNT; code++) {
		if (seat->keys[code]) {
			send_key(seat, code, true);
		}
	}
}

void gp_qemu_seat_set_absolute(struct gp_qemu_seat *seat, bool absolute) {
	seat->absolute = absolute;
	seat->rest_x = seat->rest_y = 0;
}

void gp_qemu_seat_end_turn(struct gp_qemu_seat *seat) {
	send_motion(seat);
}

uint32_t gp_qemu_seat_leds(uint32_t modifiers) {
	return (modifiers & 1 << 0 ? 1u << LED_SCROLLL : 0) |
		(modifiers & 1 << 1 ? 1u << LED_NUML : 0) |
		(modifiers & 1 << 2 ? 1u << LED_CAPSL : 0);
}

struct json_object *gp_qemu_seat_status(const struct gp_qemu_seat *seat) {
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "pointer",
		json_object_new_string(seat->absolute ? "absolute" : "relative"));
	json_object_object_add(object, "sent", json_object_new_uint64(seat->n_sent));
	json_object_object_add(object, "dropped", json_object_new_uint64(seat->n_dropped));
	json_object_object_add(object, "missing",
		json_object_new_string("parts of a pixel, parts of a step of the wheel, the "
				       "horizontal wheel, pens"));
	return object;
}

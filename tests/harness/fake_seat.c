#include "tests/harness/fake_seat.h"

#include <string.h>
#include <unistd.h>
#include <wayland-client.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/socket.h"
#include "virtual-keyboard-unstable-v1-client-protocol.h"
#include "wlr-virtual-pointer-unstable-v1-client-protocol.h"

/* The protocol demands a keymap; nobody reads it. */
static const char keymap[] = "xkb_keymap { xkb_keycodes { minimum = 8; maximum = 255; }; "
			     "xkb_types { }; xkb_compatibility { }; xkb_symbols { }; };";

static uint32_t now_ms(void) {
	return (uint32_t)(gp_now_ns() / 1000000);
}

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct fake_seat *seat = data;
	if (strcmp(interface, wl_seat_interface.name) == 0) {
		seat->seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
	} else if (strcmp(interface, zwp_virtual_keyboard_manager_v1_interface.name) == 0) {
		seat->keyboards = wl_registry_bind(
			registry, name, &zwp_virtual_keyboard_manager_v1_interface, 1);
	} else if (strcmp(interface, zwlr_virtual_pointer_manager_v1_interface.name) == 0) {
		seat->pointers = wl_registry_bind(
			registry, name, &zwlr_virtual_pointer_manager_v1_interface, 1);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static bool sync_up(struct fake_seat *seat) {
	return wl_display_roundtrip(seat->display) >= 0;
}

static bool make_keyboard(struct fake_seat *seat) {
	int fd = gp_memfd_create_sealed("keymap", sizeof(keymap));
	if (fd < 0 || pwrite(fd, keymap, sizeof(keymap), 0) != sizeof(keymap)) {
		gp_fd_close(&fd);
		return false;
	}
	seat->keyboard = zwp_virtual_keyboard_manager_v1_create_virtual_keyboard(
		seat->keyboards, seat->seat);
	zwp_virtual_keyboard_v1_keymap(
		seat->keyboard, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, fd, sizeof(keymap));
	gp_fd_close(&fd);
	return true;
}

bool fake_seat_connect(struct fake_seat *seat, const char *path) {
	*seat = (struct fake_seat){0};
	int fd = gp_socket_connect(path);
	seat->display = fd >= 0 ? wl_display_connect_to_fd(fd) : NULL;
	if (seat->display == NULL) {
		return false;
	}
	seat->registry = wl_display_get_registry(seat->display);
	wl_registry_add_listener(seat->registry, &registry_listener, seat);
	if (!sync_up(seat) || seat->seat == NULL) {
		return false;
	}
	if (seat->keyboards != NULL && !make_keyboard(seat)) {
		return false;
	}
	if (seat->pointers != NULL) {
		seat->pointer = zwlr_virtual_pointer_manager_v1_create_virtual_pointer(
			seat->pointers, seat->seat);
	}
	return sync_up(seat);
}

bool fake_seat_unplug(struct fake_seat *seat) {
	if (seat->keyboard != NULL) {
		zwp_virtual_keyboard_v1_destroy(seat->keyboard);
		seat->keyboard = NULL;
	}
	if (seat->pointer != NULL) {
		zwlr_virtual_pointer_v1_destroy(seat->pointer);
		seat->pointer = NULL;
	}
	return sync_up(seat);
}

void fake_seat_finish(struct fake_seat *seat) {
	if (seat->display == NULL) {
		return;
	}
	fake_seat_unplug(seat);
	if (seat->keyboards != NULL) {
		zwp_virtual_keyboard_manager_v1_destroy(seat->keyboards);
	}
	if (seat->pointers != NULL) {
		zwlr_virtual_pointer_manager_v1_destroy(seat->pointers);
	}
	if (seat->seat != NULL) {
		wl_seat_destroy(seat->seat);
	}
	wl_registry_destroy(seat->registry);
	wl_display_disconnect(seat->display);
	*seat = (struct fake_seat){0};
}

bool fake_seat_key(struct fake_seat *seat, uint32_t code, bool pressed) {
	zwp_virtual_keyboard_v1_key(seat->keyboard, now_ms(), code, pressed);
	return sync_up(seat);
}

static bool end_frame(struct fake_seat *seat) {
	zwlr_virtual_pointer_v1_frame(seat->pointer);
	return sync_up(seat);
}

bool fake_seat_button(struct fake_seat *seat, uint32_t code, bool pressed) {
	zwlr_virtual_pointer_v1_button(seat->pointer, now_ms(), code, pressed);
	return end_frame(seat);
}

bool fake_seat_point(
	struct fake_seat *seat, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	zwlr_virtual_pointer_v1_motion_absolute(seat->pointer, now_ms(), x, y, width, height);
	return end_frame(seat);
}

bool fake_seat_move(struct fake_seat *seat, double dx, double dy) {
	zwlr_virtual_pointer_v1_motion(
		seat->pointer, now_ms(), wl_fixed_from_double(dx), wl_fixed_from_double(dy));
	return end_frame(seat);
}

bool fake_seat_scroll(struct fake_seat *seat, bool horizontal, double path, int32_t steps) {
	uint32_t axis =
		horizontal ? WL_POINTER_AXIS_HORIZONTAL_SCROLL : WL_POINTER_AXIS_VERTICAL_SCROLL;
	zwlr_virtual_pointer_v1_axis_source(seat->pointer,
		steps != 0 ? WL_POINTER_AXIS_SOURCE_WHEEL : WL_POINTER_AXIS_SOURCE_FINGER);
	if (steps != 0) {
		zwlr_virtual_pointer_v1_axis_discrete(
			seat->pointer, now_ms(), axis, wl_fixed_from_double(path), steps);
	} else {
		zwlr_virtual_pointer_v1_axis(
			seat->pointer, now_ms(), axis, wl_fixed_from_double(path));
	}
	return end_frame(seat);
}

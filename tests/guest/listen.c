/* Runs in the guest: says what libinput makes of the devices there.
 *
 *     listen WIDTH HEIGHT DEVICE…
 *
 * Places are pixels of a desktop of that size. A line each:
 *
 *     device NAME CAPABILITIES        key CODE 0|1        button CODE 0|1        point X Y
 *     move DX DY        wheel V120        hwheel V120
 *     down SLOT X Y        motion SLOT X Y        up SLOT        cancel SLOT
 *     pen in|out|down|up pen|eraser X Y        pen at X Y PRESSURE TILT-X TILT-Y
 *     pen button CODE 0|1
 */

#include <errno.h>
#include <fcntl.h>
#include <libinput.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t width, height;

static int handle_open(const char *path, int flags, void *data) {
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void handle_close(int fd, void *data) {
	close(fd);
}

static const struct libinput_interface interface = {
	.open_restricted = handle_open,
	.close_restricted = handle_close,
};

static void tell_device(struct libinput_device *device) {
	static const char *const names[] = {"keyboard", "pointer", "touch", "pen"};
	printf("device %s", libinput_device_get_name(device));
	for (int i = 0; i < 4; i++) {
		if (libinput_device_has_capability(device, (enum libinput_device_capability)i)) {
			printf(" %s", names[i]);
		}
	}
	printf("\n");
}

static void tell_wheel(struct libinput_event_pointer *event) {
	for (int axis = 0; axis < 2; axis++) {
		if (libinput_event_pointer_has_axis(event, (enum libinput_pointer_axis)axis)) {
			printf("%s %d\n", axis == 0 ? "wheel" : "hwheel",
				(int)libinput_event_pointer_get_scroll_value_v120(
					event, (enum libinput_pointer_axis)axis));
		}
	}
}

static void tell_pointer(enum libinput_event_type type, struct libinput_event_pointer *event) {
	switch (type) {
	case LIBINPUT_EVENT_POINTER_MOTION:
		printf("move %d %d\n", (int)libinput_event_pointer_get_dx_unaccelerated(event),
			(int)libinput_event_pointer_get_dy_unaccelerated(event));
		break;
	case LIBINPUT_EVENT_POINTER_MOTION_ABSOLUTE:
		printf("point %d %d\n",
			(int)libinput_event_pointer_get_absolute_x_transformed(event, width),
			(int)libinput_event_pointer_get_absolute_y_transformed(event, height));
		break;
	case LIBINPUT_EVENT_POINTER_BUTTON:
		printf("button %u %u\n", libinput_event_pointer_get_button(event),
			libinput_event_pointer_get_button_state(event));
		break;
	case LIBINPUT_EVENT_POINTER_SCROLL_WHEEL:
		tell_wheel(event);
		break;
	default:
		break;
	}
}

static void tell_touch(enum libinput_event_type type, struct libinput_event_touch *event) {
	if (type == LIBINPUT_EVENT_TOUCH_FRAME) {
		return;
	}
	int slot = libinput_event_touch_get_slot(event);
	if (type == LIBINPUT_EVENT_TOUCH_UP || type == LIBINPUT_EVENT_TOUCH_CANCEL) {
		printf("%s %d\n", type == LIBINPUT_EVENT_TOUCH_UP ? "up" : "cancel", slot);
		return;
	}
	printf("%s %d %d %d\n", type == LIBINPUT_EVENT_TOUCH_DOWN ? "down" : "motion", slot,
		(int)libinput_event_touch_get_x_transformed(event, width),
		(int)libinput_event_touch_get_y_transformed(event, height));
}

static void tell_pen(enum libinput_event_type type, struct libinput_event_tablet_tool *event) {
	struct libinput_tablet_tool *tool = libinput_event_tablet_tool_get_tool(event);
	int x = (int)libinput_event_tablet_tool_get_x_transformed(event, width);
	int y = (int)libinput_event_tablet_tool_get_y_transformed(event, height);
	const char *what = NULL;
	if (type == LIBINPUT_EVENT_TABLET_TOOL_BUTTON) {
		printf("pen button %u %u\n", libinput_event_tablet_tool_get_button(event),
			libinput_event_tablet_tool_get_button_state(event));
	} else if (type == LIBINPUT_EVENT_TABLET_TOOL_PROXIMITY) {
		what = libinput_event_tablet_tool_get_proximity_state(event) ? "in" : "out";
	} else if (type == LIBINPUT_EVENT_TABLET_TOOL_TIP) {
		what = libinput_event_tablet_tool_get_tip_state(event) ? "down" : "up";
	}
	if (what != NULL) {
		printf("pen %s %s %d %d\n", what,
			libinput_tablet_tool_get_type(tool) == LIBINPUT_TABLET_TOOL_TYPE_ERASER
				? "eraser"
				: "pen",
			x, y);
	}
	if (type != LIBINPUT_EVENT_TABLET_TOOL_BUTTON) {
		printf("pen at %d %d %.2f %.1f %.1f\n", x, y,
			libinput_event_tablet_tool_get_pressure(event),
			libinput_event_tablet_tool_get_tilt_x(event),
			libinput_event_tablet_tool_get_tilt_y(event));
	}
}

static void tell(struct libinput_event *event) {
	enum libinput_event_type type = libinput_event_get_type(event);
	struct libinput_event_keyboard *keyboard;
	switch ((int)type / 100) {
	case LIBINPUT_EVENT_KEYBOARD_KEY / 100:
		keyboard = libinput_event_get_keyboard_event(event);
		printf("key %u %u\n", libinput_event_keyboard_get_key(keyboard),
			libinput_event_keyboard_get_key_state(keyboard));
		break;
	case LIBINPUT_EVENT_POINTER_MOTION / 100:
		tell_pointer(type, libinput_event_get_pointer_event(event));
		break;
	case LIBINPUT_EVENT_TOUCH_DOWN / 100:
		tell_touch(type, libinput_event_get_touch_event(event));
		break;
	case LIBINPUT_EVENT_TABLET_TOOL_AXIS / 100:
		tell_pen(type, libinput_event_get_tablet_tool_event(event));
		break;
	}
}

int main(int argc, char *argv[]) {
	struct libinput *libinput = libinput_path_create_context(&interface, NULL);
	if (argc < 4 || libinput == NULL) {
		return EXIT_FAILURE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	width = (uint32_t)atoi(argv[1]);
	height = (uint32_t)atoi(argv[2]);
	for (int i = 3; i < argc; i++) {
		struct libinput_device *device = libinput_path_add_device(libinput, argv[i]);
		if (device == NULL) {
			printf("refused %s\n", argv[i]);
		} else {
			tell_device(device);
		}
	}
	puts("listening");
	struct pollfd fd = {.fd = libinput_get_fd(libinput), .events = POLLIN};
	while (poll(&fd, 1, -1) > 0) {
		struct libinput_event *event;
		libinput_dispatch(libinput);
		while ((event = libinput_get_event(libinput)) != NULL) {
			tell(event);
			libinput_event_destroy(event);
		}
	}
	return EXIT_SUCCESS;
}

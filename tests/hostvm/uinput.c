#include "tests/hostvm/uinput.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct axis {
	uint16_t code;
	int32_t min, max, resolution;
};

static const uint16_t no_codes[] = {0};
static const struct axis no_axes[] = {{0}};
static const uint16_t mouse_keys[] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, 0};
static const uint16_t mouse_axes[] = { // and REL_X
	REL_Y, REL_WHEEL, REL_HWHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES, 0};
static const uint16_t touch_keys[] = {BTN_TOUCH, 0};
static const struct axis touch_axes[] = {
	{ABS_MT_SLOT, 0, 9, 0},
	{ABS_MT_TRACKING_ID, 0, 65535, 0},
	{ABS_MT_POSITION_X, 0, 639, 4},
	{ABS_MT_POSITION_Y, 0, 479, 4},
	{ABS_X, 0, 639, 4},
	{ABS_Y, 0, 479, 4},
	{0},
};
static const uint16_t pen_keys[] = {
	BTN_TOOL_PEN, BTN_TOOL_RUBBER, BTN_TOUCH, BTN_STYLUS, BTN_STYLUS2, 0};
static const struct axis pen_axes[] = {
	{ABS_X, 0, 639, 4},
	{ABS_Y, 0, 479, 4},
	{ABS_PRESSURE, 0, 1000, 0},
	{ABS_TILT_X, -90, 90, 57},
	{ABS_TILT_Y, -90, 90, 57},
	{0},
};

static bool set_up(int fd, enum uinput_kind kind, const char *name) {
	const uint16_t *keys = kind == UINPUT_MOUSE ? mouse_keys
		: kind == UINPUT_TOUCH              ? touch_keys
		: kind == UINPUT_PEN                ? pen_keys
						    : no_codes;
	const struct axis *axes = kind == UINPUT_TOUCH ? touch_axes
		: kind == UINPUT_PEN                   ? pen_axes
						       : no_axes;
	struct uinput_setup setup = {.id = {.bustype = BUS_USB, .vendor = 1, .product = 1}};
	bool ok = ioctl(fd, UI_SET_EVBIT, EV_KEY) == 0;
	for (; *keys != 0; keys++) {
		ok = ok && ioctl(fd, UI_SET_KEYBIT, *keys) == 0;
	}
	for (int key = KEY_ESC; kind == UINPUT_KEYBOARD && key < KEY_MICMUTE; key++) {
		ok = ok && ioctl(fd, UI_SET_KEYBIT, key) == 0;
	}
	if (kind == UINPUT_MOUSE) {
		ok = ok && ioctl(fd, UI_SET_EVBIT, EV_REL) == 0 &&
			ioctl(fd, UI_SET_RELBIT, REL_X) == 0;
		for (const uint16_t *axis = mouse_axes; *axis != 0; axis++) {
			ok = ok && ioctl(fd, UI_SET_RELBIT, *axis) == 0;
		}
	}
	if (axes->max != 0) {
		ok = ok && ioctl(fd, UI_SET_EVBIT, EV_ABS) == 0 &&
			ioctl(fd, UI_SET_PROPBIT, INPUT_PROP_DIRECT) == 0;
	}
	for (; axes->max != 0; axes++) {
		struct uinput_abs_setup axis = {.code = axes->code,
			.absinfo = {.minimum = axes->min,
				.maximum = axes->max,
				.resolution = axes->resolution}};
		ok = ok && ioctl(fd, UI_ABS_SETUP, &axis) == 0;
	}
	snprintf(setup.name, sizeof(setup.name), "%s", name);
	return ok && ioctl(fd, UI_DEV_SETUP, &setup) == 0 && ioctl(fd, UI_DEV_CREATE) == 0;
}

int uinput_create(enum uinput_kind kind, const char *name) {
	int fd = open("/dev/uinput", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || !set_up(fd, kind, name)) {
		printf("# uinput: %s\n", strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	return fd;
}

bool uinput_send(int fd, uint16_t type, uint16_t code, int32_t value) {
	const struct input_event event = {.type = type, .code = code, .value = value};
	return write(fd, &event, sizeof(event)) == sizeof(event);
}

bool uinput_end(int fd) {
	return uinput_send(fd, EV_SYN, SYN_REPORT, 0);
}

#include "vmm-bridge/input/config.h"

#include <endian.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>

#include "vmm-bridge/input/pen_state.h"
#include "vmm-bridge/input/touch_state.h"

#define VENDOR 0x1af4 // as the PCI device's
#define VERSION 1

/*
 * libinput wants to know how large a pen tablet is, but the guest's screen has no true size. Units
 * in a millimetre, and in a radian.
 */
#define PEN_RESOLUTION 100
#define TILT_RESOLUTION 5730

struct code_range {
	uint16_t first, last;
};

struct axis {
	uint16_t code;
	int32_t min, max; // max 0: the end of a list
	uint32_t resolution;
};

static const struct code_range keyboard_keys[] = {
	{KEY_ESC, BTN_MISC - 1},
	{KEY_OK, BTN_DPAD_UP - 1},
	{BTN_DPAD_RIGHT + 1, BTN_TRIGGER_HAPPY - 1},
	{0},
};
static const struct code_range pointer_buttons[] = {{BTN_LEFT, BTN_TASK}, {0}};
/* Never pressed: without it Linux' joydev takes the tablet for a joystick. So has QEMU's. */
static const struct code_range no_joystick[] = {{BTN_TOUCH, BTN_TOUCH}, {0}};
static const struct code_range touch_keys[] = {{BTN_TOUCH, BTN_TOUCH}, {0}};
static const struct code_range pen_keys[] = {
	{BTN_TOOL_PEN, BTN_TOOL_RUBBER},
	{BTN_STYLUS3, BTN_STYLUS2}, // and BTN_TOUCH
	{0},
};
static const struct code_range none[] = {{0}};
static const struct code_range wheels[] = {
	{REL_HWHEEL, REL_HWHEEL},
	{REL_WHEEL, REL_WHEEL},
	{REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES},
	{0},
};
static const struct code_range mouse_axes[] = {
	{REL_X, REL_Y},
	{REL_HWHEEL, REL_HWHEEL},
	{REL_WHEEL, REL_WHEEL},
	{REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES},
	{0},
};
static const struct axis no_axes[] = {{0}};
static const struct axis tablet_axes[] = {
	{ABS_X, 0, GP_INPUT_ABS_MAX, 0},
	{ABS_Y, 0, GP_INPUT_ABS_MAX, 0},
	{0},
};
static const struct axis touch_axes[] = {
	{ABS_MT_SLOT, 0, GP_TOUCH_SLOTS - 1, 0},
	{ABS_MT_POSITION_X, 0, GP_INPUT_ABS_MAX, 0},
	{ABS_MT_POSITION_Y, 0, GP_INPUT_ABS_MAX, 0},
	{ABS_MT_TRACKING_ID, 0, GP_TOUCH_TRACKING_MAX, 0},
	{0},
};
static const struct axis pen_axes[] = {
	{ABS_X, 0, GP_INPUT_ABS_MAX, PEN_RESOLUTION},
	{ABS_Y, 0, GP_INPUT_ABS_MAX, PEN_RESOLUTION},
	{ABS_PRESSURE, 0, GP_PEN_PRESSURE_MAX, 0},
	{ABS_TILT_X, -GP_PEN_TILT_MAX, GP_PEN_TILT_MAX, TILT_RESOLUTION},
	{ABS_TILT_Y, -GP_PEN_TILT_MAX, GP_PEN_TILT_MAX, TILT_RESOLUTION},
	{0},
};
/* What is touched is where it is shown. */
static const struct code_range direct[] = {{INPUT_PROP_DIRECT, INPUT_PROP_DIRECT}, {0}};
static const struct code_range keyboard_leds[] = {{LED_NUML, LED_SCROLLL}, {0}};
static const struct code_range keyboard_repeat[] = {{REP_DELAY, REP_PERIOD}, {0}};

struct kind {
	const char *name, *title;
	const struct code_range *keys, *more_keys, *rel, *leds, *repeat, *props;
	const struct axis *abs;
	bool has_scanouts; // can belong to one
};

/* With EV_REP the guest repeats keys by itself. */
static const struct kind kinds[GP_INPUT_KINDS] = {
	[GP_INPUT_KEYBOARD] =
		{
			.name = "keyboard",
			.title = "Guestpane Keyboard",
			.keys = keyboard_keys,
			.more_keys = none,
			.rel = none,
			.leds = keyboard_leds,
			.repeat = keyboard_repeat,
			.props = none,
			.abs = no_axes,
			.has_scanouts = false,
		},
	[GP_INPUT_TABLET] =
		{
			.name = "tablet",
			.title = "Guestpane Tablet",
			.keys = pointer_buttons,
			.more_keys = no_joystick,
			.rel = wheels,
			.leds = none,
			.repeat = none,
			.props = none,
			.abs = tablet_axes,
			.has_scanouts = true,
		},
	[GP_INPUT_MOUSE] =
		{
			.name = "mouse",
			.title = "Guestpane Mouse",
			.keys = pointer_buttons,
			.more_keys = none,
			.rel = mouse_axes,
			.leds = none,
			.repeat = none,
			.props = none,
			.abs = no_axes,
			.has_scanouts = false,
		},
	[GP_INPUT_TOUCH] =
		{
			.name = "touch",
			.title = "Guestpane Touch Screen",
			.keys = touch_keys,
			.more_keys = none,
			.rel = none,
			.leds = none,
			.repeat = none,
			.props = direct,
			.abs = touch_axes,
			.has_scanouts = true,
		},
	[GP_INPUT_PEN] =
		{
			.name = "pen",
			.title = "Guestpane Pen",
			.keys = pen_keys,
			.more_keys = none,
			.rel = none,
			.leds = none,
			.repeat = none,
			.props = direct,
			.abs = pen_axes,
			.has_scanouts = true,
		},
};

/* A list of ranges ends with {0}; a range that begins at 0 is the first one. */
static bool is_end(const struct code_range *ranges, size_t i) {
	return ranges[i].first == 0 && ranges[i].last == 0;
}

static bool has_code(const struct code_range *ranges, uint32_t code) {
	for (size_t i = 0; !is_end(ranges, i); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

const char *gp_input_kind_name(enum gp_input_kind kind) {
	return kinds[kind].name;
}

bool gp_input_has_scanouts(enum gp_input_kind kind) {
	return kinds[kind].has_scanouts;
}

bool gp_input_has_key(enum gp_input_kind kind, uint32_t code) {
	return has_code(kinds[kind].keys, code);
}

static void set_bit(struct virtio_input_config *config, uint32_t code) {
	config->u.bitmap[code / 8] |= (uint8_t)(1u << (code % 8));
	if (config->size <= code / 8) {
		config->size = (uint8_t)(code / 8 + 1);
	}
}

/* The size is that up to the last byte that is not zero. */
static void fill_bits(const struct code_range *ranges, struct virtio_input_config *config) {
	for (size_t i = 0; !is_end(ranges, i); i++) {
		for (uint32_t code = ranges[i].first; code <= ranges[i].last; code++) {
			set_bit(config, code);
		}
	}
}

static void fill_type(const struct kind *kind, uint8_t type, struct virtio_input_config *config) {
	switch (type) {
	case EV_KEY:
		fill_bits(kind->keys, config);
		fill_bits(kind->more_keys, config);
		break;
	case EV_REL:
		fill_bits(kind->rel, config);
		break;
	case EV_ABS:
		for (size_t i = 0; kind->abs[i].max != 0; i++) {
			set_bit(config, kind->abs[i].code);
		}
		break;
	case EV_LED:
		fill_bits(kind->leds, config);
		break;
	case EV_REP:
		fill_bits(kind->repeat, config);
		break;
	}
}

static void fill_name(const struct kind *kind, int scanout, struct virtio_input_config *config) {
	char *text = config->u.string;
	int n = scanout == GP_INPUT_ALL_SCANOUTS
		? snprintf(text, sizeof(config->u.string), "%s", kind->title)
		: snprintf(text, sizeof(config->u.string), "%s %d", kind->title, scanout);
	config->size = (uint8_t)n; // without the end
}

static void fill_abs(const struct kind *kind, uint8_t code, struct virtio_input_config *config) {
	for (const struct axis *axis = kind->abs; axis->max != 0; axis++) {
		if (axis->code == code) {
			config->u.abs.min = htole32((uint32_t)axis->min);
			config->u.abs.max = htole32((uint32_t)axis->max);
			config->u.abs.res = htole32(axis->resolution);
			config->size = sizeof(config->u.abs);
		}
	}
}

static void fill_ids(enum gp_input_kind kind, struct virtio_input_config *config) {
	config->u.ids = (struct virtio_input_devids){
		.bustype = htole16(BUS_VIRTUAL),
		.vendor = htole16(VENDOR),
		.product = htole16((uint16_t)kind + 1),
		.version = htole16(VERSION),
	};
	config->size = sizeof(config->u.ids);
}

void gp_input_config_fill(enum gp_input_kind kind, int scanout, uint8_t select, uint8_t subsel,
	struct virtio_input_config *config) {
	memset(config, 0, sizeof(*config));
	config->select = select;
	config->subsel = subsel;
	if (subsel != 0 && select != VIRTIO_INPUT_CFG_EV_BITS &&
		select != VIRTIO_INPUT_CFG_ABS_INFO) {
		return;
	}
	switch (select) {
	case VIRTIO_INPUT_CFG_ID_NAME:
		fill_name(&kinds[kind], scanout, config);
		break;
	case VIRTIO_INPUT_CFG_ID_DEVIDS:
		fill_ids(kind, config);
		break;
	case VIRTIO_INPUT_CFG_PROP_BITS:
		fill_bits(kinds[kind].props, config);
		break;
	case VIRTIO_INPUT_CFG_EV_BITS:
		fill_type(&kinds[kind], subsel, config);
		break;
	case VIRTIO_INPUT_CFG_ABS_INFO:
		fill_abs(&kinds[kind], subsel, config);
		break;
	}
}

void gp_input_config_read(
	const struct virtio_input_config *config, uint32_t offset, uint32_t size, uint8_t *out) {
	memset(out, 0, size);
	if (offset < sizeof(*config)) {
		size_t left = sizeof(*config) - offset;
		memcpy(out, (const uint8_t *)config + offset, size < left ? size : left);
	}
}

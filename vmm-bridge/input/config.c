#include "vmm-bridge/input/config.h"

#include <endian.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>

#define VENDOR 0x1af4 // as the PCI device's
#define VERSION 1

struct range {
	uint16_t first, last;
};

static const struct range keyboard_keys[] = {
	{KEY_ESC, BTN_MISC - 1},
	{KEY_OK, BTN_DPAD_UP - 1},
	{BTN_DPAD_RIGHT + 1, BTN_TRIGGER_HAPPY - 1},
	{0},
};
static const struct range mouse_buttons[] = {{BTN_LEFT, BTN_TASK}, {0}};
/* With any other one Linux' joydev takes the device for a joystick as well. */
static const struct range tablet_buttons[] = {{BTN_LEFT, BTN_EXTRA}, {0}};
static const struct range none[] = {{0}};
static const struct range wheels[] = {
	{REL_HWHEEL, REL_HWHEEL},
	{REL_WHEEL, REL_WHEEL},
	{REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES},
	{0},
};
static const struct range mouse_axes[] = {
	{REL_X, REL_Y},
	{REL_HWHEEL, REL_HWHEEL},
	{REL_WHEEL, REL_WHEEL},
	{REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES},
	{0},
};
static const struct range tablet_axes[] = {{ABS_X, ABS_Y}, {0}};
static const struct range keyboard_leds[] = {{LED_NUML, LED_SCROLLL}, {0}};
static const struct range keyboard_repeat[] = {{REP_DELAY, REP_PERIOD}, {0}};

struct kind {
	const char *name, *title;
	const struct range *keys, *rel, *abs, *leds, *repeat;
};

/* With EV_REP the guest repeats keys by itself. */
static const struct kind kinds[GP_INPUT_KINDS] = {
	[GP_INPUT_KEYBOARD] =
		{
			.name = "keyboard",
			.title = "Guestpane Keyboard",
			.keys = keyboard_keys,
			.rel = none,
			.abs = none,
			.leds = keyboard_leds,
			.repeat = keyboard_repeat,
		},
	[GP_INPUT_TABLET] =
		{
			.name = "tablet",
			.title = "Guestpane Tablet",
			.keys = tablet_buttons,
			.rel = wheels,
			.abs = tablet_axes,
			.leds = none,
			.repeat = none,
		},
	[GP_INPUT_MOUSE] =
		{
			.name = "mouse",
			.title = "Guestpane Mouse",
			.keys = mouse_buttons,
			.rel = mouse_axes,
			.abs = none,
			.leds = none,
			.repeat = none,
		},
};

/* A list of ranges ends with {0}; a range that begins at 0 is the first one. */
static bool is_end(const struct range *ranges, size_t i) {
	return ranges[i].first == 0 && ranges[i].last == 0;
}

static bool has_code(const struct range *ranges, uint32_t code) {
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

bool gp_input_has_key(enum gp_input_kind kind, uint32_t code) {
	return has_code(kinds[kind].keys, code);
}

static const struct range *find_ranges(const struct kind *kind, uint8_t type) {
	switch (type) {
	case EV_KEY:
		return kind->keys;
	case EV_REL:
		return kind->rel;
	case EV_ABS:
		return kind->abs;
	case EV_LED:
		return kind->leds;
	case EV_REP:
		return kind->repeat;
	default:
		return none;
	}
}

/* The size is that up to the last byte that is not zero. */
static void fill_bits(const struct range *ranges, struct virtio_input_config *config) {
	for (size_t i = 0; !is_end(ranges, i); i++) {
		for (uint32_t code = ranges[i].first; code <= ranges[i].last; code++) {
			config->u.bitmap[code / 8] |= (uint8_t)(1u << (code % 8));
			config->size = (uint8_t)(code / 8 + 1);
		}
	}
}

static void fill_name(const struct kind *kind, int head, struct virtio_input_config *config) {
	char *text = config->u.string;
	int n = head == GP_INPUT_ALL_HEADS
		? snprintf(text, sizeof(config->u.string), "%s", kind->title)
		: snprintf(text, sizeof(config->u.string), "%s %d", kind->title, head);
	config->size = (uint8_t)n; // without the end
}

static void fill_abs(const struct kind *kind, uint8_t axis, struct virtio_input_config *config) {
	if (has_code(kind->abs, axis)) {
		config->u.abs.max = htole32(GP_INPUT_ABS_MAX);
		config->size = sizeof(config->u.abs);
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

void gp_input_config_fill(enum gp_input_kind kind, int head, uint8_t select, uint8_t subsel,
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
		fill_name(&kinds[kind], head, config);
		break;
	case VIRTIO_INPUT_CFG_ID_DEVIDS:
		fill_ids(kind, config);
		break;
	case VIRTIO_INPUT_CFG_EV_BITS:
		fill_bits(find_ranges(&kinds[kind], subsel), config);
		break;
	case VIRTIO_INPUT_CFG_ABS_INFO:
		fill_abs(&kinds[kind], subsel, config);
		break;
	}
}

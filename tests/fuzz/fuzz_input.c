/*
 * A restless user before a guest that takes events when it likes. Contracts that are checked here
 * abort: groups arrive whole if there can be room for them, a key goes down only when it is up and
 * the other way round, a contact ends before the next one begins in its slot, and when the guest has
 * taken all, it has seen what is so.
 */

#include <endian.h>
#include <linux/input.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm-bridge/input/device.h"

struct guest {
	size_t available_buffers, max;
	bool in_group;
	bool seen[KEY_CNT], pressed[KEY_CNT];

	/* Of touch screens and pens. */
	unsigned slot;
	struct gp_contact contacts[GP_TOUCH_SLOTS];
	int32_t abs[ABS_CNT];
	struct gp_input_state now;
	uint32_t tracking;
};

static size_t handle_available_buffers(void *data, size_t wanted) {
	const struct guest *guest = data;
	return guest->available_buffers;
}

static size_t handle_queue_size(void *data) {
	const struct guest *guest = data;
	return guest->max;
}

static void require(bool true_thing) {
	if (!true_thing) {
		abort();
	}
}

static void believe_axis(struct guest *guest, uint16_t code, int32_t value) {
	struct gp_contact *contact = &guest->contacts[guest->slot];
	require(code < ABS_CNT);
	switch (code) {
	case ABS_MT_SLOT:
		require(value >= 0 && value < GP_TOUCH_SLOTS);
		guest->slot = (unsigned)value;
		break;
	case ABS_MT_TRACKING_ID:
		require((value == -1) == (contact->tracking != 0));
		contact->tracking = (uint32_t)(value + 1);
		break;
	case ABS_MT_POSITION_X:
		contact->x = value;
		break;
	case ABS_MT_POSITION_Y:
		contact->y = value;
		break;
	default:
		guest->abs[code] = value;
	}
}

static bool handle_put_event(void *data, const struct virtio_input_event *event) {
	struct guest *guest = data;
	uint16_t type = le16toh(event->type), code = le16toh(event->code);
	require(guest->available_buffers-- > 0);
	guest->in_group = type != EV_SYN;
	if (type == EV_KEY) {
		bool down = event->value != 0;
		require(code < KEY_CNT && guest->seen[code] != down);
		guest->seen[code] = down;
	} else if (type == EV_ABS) {
		believe_axis(guest, code, (int32_t)le32toh(event->value));
	}
	return true;
}

static void handle_leds(void *data, uint32_t leds) {
	require(leds < 8);
}

static const struct gp_input_ops ops = {
	.available_buffers = handle_available_buffers,
	.queue_size = handle_queue_size,
	.put_event = handle_put_event,
	.leds = handle_leds,
};

static void send_key(
	struct gp_input_device *device, struct guest *guest, uint16_t code, bool down) {
	const struct gp_input_event event = {EV_KEY, code, down};
	gp_input_device_send(device, &event, 1, 0);
	if (gp_input_has_key(device->kind, code)) {
		guest->pressed[code] = down;
	}
}

static void send_pair(struct gp_input_device *device, uint16_t type, uint16_t code, int32_t value) {
	const struct gp_input_event events[] = {
		{type, code, value}, {type, (uint16_t)(code + 1), -value}};
	gp_input_device_send(device, events, 2, 0);
}

static bool has_states(const struct gp_input_device *device) {
	return device->kind == GP_INPUT_TOUCH || device->kind == GP_INPUT_PEN;
}

static void change_contact(struct guest *guest, const uint8_t step[3]) {
	struct gp_contact *contact = &guest->now.touch.contacts[step[1] % GP_TOUCH_SLOTS];
	if ((step[1] & 0x30) == 0) {
		guest->tracking = (guest->tracking + 1) % (GP_TOUCH_TRACKING_MAX + 1);
		contact->tracking = contact->tracking == 0 ? guest->tracking + 1 : 0;
	}
	contact->x = step[2];
	contact->y = step[1];
}

static void change_pen(struct guest *guest, const uint8_t step[3]) {
	struct gp_pen_state *pen = &guest->now.pen;
	if ((step[1] & 0x80) != 0) {
		pen->axes[step[1] % GP_PEN_AXES] = step[2];
	} else if ((step[1] & 0x40) != 0) {
		pen->tool = step[2] % 3;
	} else {
		pen->buttons[step[1] % GP_PEN_BUTTONS] = step[2] & 1;
	}
	for (unsigned i = 0; i < GP_PEN_BUTTONS && pen->tool == GP_PEN_NONE; i++) {
		pen->buttons[i] = false;
	}
}

static void change_state(
	struct gp_input_device *device, struct guest *guest, const uint8_t step[3]) {
	if (device->kind == GP_INPUT_TOUCH) {
		change_contact(guest, step);
	} else {
		change_pen(guest, step);
	}
	if ((step[0] & 0x80) == 0) {
		gp_input_device_set_state(device, &guest->now, 0);
	}
}

static void require_contacts(const struct guest *guest) {
	bool touching = false;
	for (unsigned i = 0; i < GP_TOUCH_SLOTS; i++) {
		const struct gp_contact *a = &guest->contacts[i];
		const struct gp_contact *b = &guest->now.touch.contacts[i];
		require(a->tracking == b->tracking);
		require(a->tracking == 0 || (a->x == b->x && a->y == b->y));
		touching = touching || a->tracking != 0;
	}
	require(guest->seen[BTN_TOUCH] == touching);
}

static void require_pen(const struct guest *guest) {
	const struct gp_pen_state *pen = &guest->now.pen;
	require(guest->seen[BTN_TOOL_PEN] == (pen->tool == GP_PEN_TIP));
	require(guest->seen[BTN_TOOL_RUBBER] == (pen->tool == GP_PEN_RUBBER));
	require(guest->seen[BTN_TOUCH] == pen->buttons[GP_PEN_TOUCH]);
	require(guest->seen[BTN_STYLUS] == pen->buttons[GP_PEN_STYLUS]);
	require(pen->tool == GP_PEN_NONE || guest->abs[ABS_X] == pen->axes[GP_PEN_X]);
	require(pen->tool == GP_PEN_NONE || guest->abs[ABS_TILT_Y] == pen->axes[GP_PEN_TILT_Y]);
}

static void do_step(struct gp_input_device *device, struct guest *guest, const uint8_t step[3]) {
	uint16_t value = (uint16_t)(step[1] | step[2] << 8);
	const struct virtio_input_event status = {.type = htole16(step[1] & 0x1f),
		.code = htole16(step[2] & 7),
		.value = step[2] & 8};
	uint8_t config[256] = {0};
	switch (step[0] % 10) {
	case 0:
	case 1:
	case 2:
		if (has_states(device)) {
			change_state(device, guest, step);
			break;
		}
		send_key(device, guest, value % KEY_CNT, step[0] & 0x80);
		break;
	case 3:
		if (!has_states(device)) {
			send_pair(device, EV_ABS, ABS_X, value);
		}
		break;
	case 4:
		if (has_states(device)) {
			break;
		}
		send_pair(device, EV_REL, step[1] & 1 ? REL_X : REL_WHEEL_HI_RES, value);
		break;
	case 5:
		guest->available_buffers += step[1];
		gp_input_device_flush(device);
		break;
	case 6:
		gp_input_device_release_all(device);
		memset(guest->pressed, 0, sizeof(guest->pressed));
		memset(&guest->now, 0, sizeof(guest->now));
		break;
	case 7:
		guest->max = step[1] % 4 == 0 ? 0 : 4 << step[1] % 5;
		gp_input_device_flush(device);
		break;
	case 8:
		gp_input_device_handle_status(device, &status);
		gp_input_device_set_config(device, step[1], step[2], config);
		gp_input_device_get_config(device, step[2], step[1], config);
		break;
	case 9:
		if (step[1] < 16) {
			gp_input_device_reset(device);
			memset(guest->pressed, 0, sizeof(guest->pressed));
			memset(guest->seen, 0, sizeof(guest->seen));
			memset(guest->contacts, 0, sizeof(guest->contacts));
			memset(guest->abs, 0, sizeof(guest->abs));
			memset(&guest->now, 0, sizeof(guest->now));
			guest->slot = 0;
			guest->in_group = false;
		}
		break;
	}
	require(!guest->in_group || has_states(device));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct gp_input_device device;
	struct guest guest = {.max = 64};
	if (size == 0) {
		return 0;
	}
	gp_input_device_init(
		&device, data[0] % GP_INPUT_KINDS, GP_INPUT_ALL_SCANOUTS, &ops, &guest);
	for (size_t i = 1; i + 3 <= size; i += 3) {
		do_step(&device, &guest, &data[i]);
	}
	guest.max = 64;
	guest.available_buffers = SIZE_MAX;
	if (has_states(&device)) {
		gp_input_device_set_state(
			&device, &guest.now, 0); // the last may not have been sent
	}
	gp_input_device_flush(&device);
	require(!guest.in_group);
	if (device.kind == GP_INPUT_TOUCH) {
		require_contacts(&guest);
		return 0;
	}
	if (device.kind == GP_INPUT_PEN) {
		require_pen(&guest);
		return 0;
	}
	require(memcmp(guest.seen, guest.pressed, sizeof(guest.pressed)) == 0);
	return 0;
}

/*
 * A restless user before a guest that takes events when it likes. Contracts that are checked here
 * abort: groups arrive whole, a key goes down only when it is up and the other way round, and when
 * the guest has taken all, it believes to be pressed what is pressed.
 */

#include <endian.h>
#include <linux/input.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm-bridge/input/device.h"

struct guest {
	size_t room, max;
	bool in_group;
	bool believed[KEY_CNT], pressed[KEY_CNT];
};

static size_t handle_room(void *data, size_t wanted) {
	const struct guest *guest = data;
	return guest->room;
}

static size_t handle_room_max(void *data) {
	const struct guest *guest = data;
	return guest->max;
}

static void require(bool true_thing) {
	if (!true_thing) {
		abort();
	}
}

static bool handle_put(void *data, const struct virtio_input_event *event) {
	struct guest *guest = data;
	uint16_t type = le16toh(event->type), code = le16toh(event->code);
	require(guest->room-- > 0);
	guest->in_group = type != EV_SYN;
	if (type == EV_KEY) {
		bool down = event->value != 0;
		require(code < KEY_CNT && guest->believed[code] != down);
		guest->believed[code] = down;
	}
	return true;
}

static void handle_leds(void *data, uint32_t leds) {
	require(leds < 8);
}

static const struct gp_input_ops ops = {
	.room = handle_room,
	.room_max = handle_room_max,
	.put = handle_put,
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
		send_key(device, guest, value % KEY_CNT, step[0] & 0x80);
		break;
	case 3:
		send_pair(device, EV_ABS, ABS_X, value);
		break;
	case 4:
		send_pair(device, EV_REL, step[1] & 1 ? REL_X : REL_WHEEL_HI_RES, value);
		break;
	case 5:
		guest->room += step[1];
		gp_input_device_flush(device);
		break;
	case 6:
		gp_input_device_release_all(device);
		memset(guest->pressed, 0, sizeof(guest->pressed));
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
			memset(guest->believed, 0, sizeof(guest->believed));
		}
		break;
	}
	require(!guest->in_group);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct gp_input_device device;
	struct guest guest = {.max = 64};
	if (size == 0) {
		return 0;
	}
	gp_input_device_init(&device, data[0] % GP_INPUT_KINDS, GP_INPUT_ALL_HEADS, &ops, &guest);
	for (size_t i = 1; i + 3 <= size; i += 3) {
		do_step(&device, &guest, &data[i]);
	}
	guest.max = 64;
	guest.room = SIZE_MAX;
	gp_input_device_flush(&device);
	require(memcmp(guest.believed, guest.pressed, sizeof(guest.pressed)) == 0);
	return 0;
}

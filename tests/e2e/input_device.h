#ifndef GP_TESTS_E2E_INPUT_DEVICE_H
#define GP_TESTS_E2E_INPUT_DEVICE_H

#include <linux/virtio_input.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/frontend.h"
#include "tests/harness/host.h"

/**
 * The guest's driver of an input device: gives buffers and says what has come. Assertions are
 * cmocka's.
 */

#define INPUT_EVENTS 0
#define INPUT_STATUS 1
#define INPUT_BUFFERS 64
#define INPUT_SOON_MS 200 // for what must not come

struct input_device {
	struct fe fe;
	char path[96];
	char option[128]; // --input of it
};

/* kind is what --input takes, of the bridge with that number. */
void input_init(struct input_device *device, struct host *host, const char *kind, unsigned vm);
/* Connects to the bridge. */
void input_start(struct input_device *device, unsigned buffers);
void input_give_buffers(struct input_device *device, unsigned n);

/* The next event; gives its buffer back. False: there is none in time. */
bool input_next(struct input_device *device, struct virtio_input_event *event, int timeout_ms);
void input_expect(struct input_device *device, uint16_t type, uint16_t code, int32_t value);
/* And SYN_REPORT. */
void input_expect_group(struct input_device *device, uint16_t type, uint16_t code, int32_t value);
void input_expect_nothing(struct input_device *device);
/* Takes what there is. */
void input_skip(struct input_device *device);
/* The next group is motion of a tablet to the pixel, as libinput finds it on w × h. */
void input_expect_pixel(
	struct input_device *device, uint32_t x, uint32_t y, uint32_t w, uint32_t h);

#endif

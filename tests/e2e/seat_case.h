#ifndef GP_TESTS_E2E_SEAT_CASE_H
#define GP_TESTS_E2E_SEAT_CASE_H

#include "tests/e2e/input_device.h"
#include "tests/e2e/vm.h"
#include "tests/harness/fake_seat.h"

/* The bridge, the compositor and a fake seat. Assertions are cmocka's. */

struct seat_case {
	struct vm vm;
	struct gg_blob blob;
	struct fake_seat seat;
	struct input_device keyboard, tablet;
};

/* Starts one that lets a fake seat type. */
void seat_start_compositor(struct host *host, unsigned outputs);
/* Connects a seat to the client socket. */
void seat_connect(struct fake_seat *seat, struct host *host);
/* Ctrl, Super and the key, pressed and released. */
void seat_press_hotkey(struct fake_seat *seat, uint32_t key);

/* A VM with a keyboard and a tablet, its picture on the only output, and a seat. */
void seat_case_start(struct seat_case *c, struct host *host);
void seat_case_finish(struct seat_case *c);

#endif

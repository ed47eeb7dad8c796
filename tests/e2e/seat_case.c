#include "tests/e2e/seat_case.h"

#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

void seat_start_compositor(struct host *host, unsigned outputs) {
	assert_true(host_start_compositor(host, outputs, CASE_WIDTH, CASE_HEIGHT,
		(const char *[]){"--config", vm_write_no_label(host), NULL}));
}

void seat_connect(struct fake_seat *seat, struct host *host) {
	char path[96];
	snprintf(path, sizeof(path), "%s/%s", host->dir, host->wayland_display);
	assert_true(fake_seat_connect(seat, path));
}

void seat_case_start(struct seat_case *c, struct host *host) {
	seat_start_compositor(host, 1);
	input_init(&c->keyboard, host, "keyboard", 0);
	input_init(&c->tablet, host, "tablet", 0);
	vm_start(&c->vm, host, 0,
		(const char *[]){"--input", c->keyboard.option, "--input", c->tablet.option, NULL});
	vm_show_new(&c->vm, &c->blob, 1, RED);
	input_start(&c->keyboard, INPUT_BUFFERS);
	input_start(&c->tablet, INPUT_BUFFERS);
	seat_connect(&c->seat, host);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	input_skip(&c->tablet); // where the pointer is at first
}

void seat_case_finish(struct seat_case *c) {
	fake_seat_finish(&c->seat);
	fe_finish(&c->keyboard.fe);
	fe_finish(&c->tablet.fe);
	vm_finish(&c->vm);
}

void seat_press_hotkey(struct fake_seat *seat, uint32_t key) {
	const uint32_t keys[] = {KEY_LEFTCTRL, KEY_LEFTMETA, key};
	for (int i = 0; i < 3; i++) {
		assert_true(fake_seat_key(seat, keys[i], true));
	}
	for (int i = 2; i >= 0; i--) {
		assert_true(fake_seat_key(seat, keys[i], false));
	}
}

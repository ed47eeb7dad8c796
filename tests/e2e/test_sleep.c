/*
 * D14, D5: outputs sleep, and what wakes them.
 */

#include <errno.h>
#include <linux/input-event-codes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/desktop.h"
#include "tests/e2e/input_device.h"
#include "tests/e2e/vm.h"
#include "tests/harness/fake_seat.h"
#include "tests/harness/power_client.h"

#define OFF_MS 500 // time of the configurations below
#define MOMENT_MS 1500 // longer than any of them

static void write_config(struct host *host, char path[96], const char *config) {
	snprintf(path, 96, "%s/test.conf", host->dir);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(config, file);
	assert_int_equal(fclose(file), 0);
}

static void start(struct host *host, unsigned outputs, const char *config) {
	char path[96];
	write_config(host, path, config);
	assert_true(host_start_compositor(
		host, outputs, W, H, (const char *[]){"--config", path, NULL}));
}

static void get_display(struct host *host, char path[96]) {
	snprintf(path, 96, "%s/%s", host->dir, host->wayland_display);
}

static void connect_seat(struct fake_seat *seat, struct host *host) {
	char path[96];
	get_display(host, path);
	assert_true(fake_seat_connect(seat, path));
}

/* A VM with a keyboard, its picture on the output, and a seat: all is there before anything may sleep. */
struct sleep_case {
	struct vm vm;
	struct gg_blob blob;
	struct input_device keyboard;
	struct fake_seat seat;
};

static void case_start(struct sleep_case *c, struct host *host, const char *config) {
	char path[96];
	start(host, 1, "sleep-when-off off\n");
	input_init(&c->keyboard, host, "keyboard", 0);
	vm_start(&c->vm, host, 0, (const char *[]){"--input", c->keyboard.option, NULL});
	vm_show_new(&c->vm, &c->blob, 1, RED);
	input_start(&c->keyboard, INPUT_BUFFERS);
	connect_seat(&c->seat, host);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	/* What the bridge notifies the guest of at the start. */
	while (fe_backend_message(&c->vm.fe, 200) >= 0) {
	}
	write_config(host, path, config);
	assert_int_equal(kill(host->compositor.pid, SIGHUP), 0);
}

static void case_finish(struct sleep_case *c) {
	fake_seat_finish(&c->seat);
	fe_finish(&c->keyboard.fe);
	vm_finish(&c->vm);
}

static void assert_power(struct host *host, const char *power) {
	assert_true(host_wait_string(&host->compositor, "outputs.0.power", power, WAIT_MS));
}

static void assert_power_stays(struct host *host, const char *power) {
	host_sleep_ms(MOMENT_MS);
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.power"), power);
}

/* For the guest its monitor is what it was: it was notified of nothing. */
static void assert_connected(struct vm *vm) {
	uint32_t width, height;
	assert_int_equal(fe_backend_message(&vm->fe, 200), -ETIMEDOUT);
	assert_true(vm_display_info(vm, 0, &width, &height));
	assert_int_equal(width, W);
	assert_int_equal(height, H);
}

static void switch_off(struct vm *vm) {
	assert_int_equal(gg_set_scanout(&vm->fe, 0, 0, &(struct gp_rect){0}), OK);
}

static void press(struct fake_seat *seat, uint32_t key) {
	assert_true(fake_seat_key(seat, key, true));
	assert_true(fake_seat_key(seat, key, false));
}

static int control(struct host *host, const char *output, const char *power) {
	char *text;
	const char *argv[] = {getenv("GUESTPANECTL"), "--socket", host->compositor.control,
		"output", output, power, NULL};
	int status = host_run(host, argv, &text);
	printf("# %s\n", text != NULL ? text : "");
	free(text);
	return status;
}

/* The guest switches its scanout off, and on again. */
static void test_off(struct host *host) {
	struct sleep_case c;
	case_start(&c, host, "sleep-when-off 0.5\n");
	assert_power_stays(host, "on");
	uint64_t begin = host_now_ms();
	switch_off(&c.vm);
	assert_power(host, "asleep");
	assert_true(host_now_ms() - begin >= OFF_MS);
	assert_connected(&c.vm);
	vm_show(&c.vm, 0, 1);
	assert_power(host, "on");
	vm_assert_color(&c.vm, OUTPUT, RED);
	assert_power_stays(host, "on");
	assert_connected(&c.vm);

	/* Input wakes it, and the guest; while that does nothing it sleeps again. */
	switch_off(&c.vm);
	assert_power(host, "asleep");
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_power(host, "on");
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	assert_power(host, "asleep");
	case_finish(&c);
}

/* Nobody is at the seat: the guest goes on, and does not wake the output by that. */
static void test_idle(struct host *host) {
	struct sleep_case c;
	struct gg_blob blue;
	case_start(&c, host, "sleep-when-idle 0.5\n");
	vm_blob(&c.vm, &blue, 2, BLUE);
	assert_power(host, "asleep");
	assert_string_equal(host_status_string(&host->compositor, "seat.focus"), "vm0");

	int64_t late = vm_counter(&c.vm, "replies.timeout");
	uint64_t begin = host_now_ms();
	for (uint32_t i = 0; i < 120; i++) {
		vm_show(&c.vm, 0, 2 - i % 2);
	}
	uint64_t took = host_now_ms() - begin;
	printf("# asleep: 120 flips in %ju ms\n", (uintmax_t)took);
	assert_true(took >= 120 * 1000 / 60 * 9 / 10);
	assert_int_equal(vm_counter(&c.vm, "replies.timeout"), late);
	assert_power(host, "asleep");
	assert_connected(&c.vm);

	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	assert_power(host, "on");
	assert_power(host, "asleep");
	assert_true(fake_seat_move(&c.seat, 1, 1));
	assert_power(host, "on");
	assert_power(host, "asleep");
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	assert_power(host, "on");
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, false));

	/* A guest that switches its scanout off and on by itself has something to show. */
	assert_power(host, "asleep");
	switch_off(&c.vm);
	vm_flush(&c.vm, 1, 0, 0, W, H);
	assert_power_stays(host, "asleep");
	vm_show(&c.vm, 0, 1);
	assert_power(host, "on");
	assert_power(host, "asleep");

	/* What is shown when it wakes is the guest's present picture. */
	vm_show(&c.vm, 0, 2);
	press(&c.seat, KEY_A);
	assert_power(host, "on");
	assert_true(host_wait_number(&host->compositor, "guests.0.scanouts.0.visible", 1, WAIT_MS));
	case_finish(&c);
}

/* A status screen sleeps as well, until there is something to show. */
static void test_status_screen(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	start(host, 1, "sleep-when-idle 0.5\n");
	assert_power(host, "asleep");
	vm_start(&vm, host, 0, NULL);
	assert_power_stays(host, "asleep");
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	assert_power(host, "on");
	vm_finish(&vm);
}

/* Input on one output does not wake another one whose guest has its scanout off. */
static void test_other_output(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	struct fake_seat seat;
	start(host, 2, "sleep-when-off 0.5\n");
	vm_start(&vm, host, 0, (const char *[]){"--scanouts", "2", NULL});
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_show(&vm, 1, 1);
	vm_assert_color(&vm, "HEADLESS-2", RED);
	connect_seat(&seat, host);
	assert_int_equal(gg_set_scanout(&vm.fe, 1, 0, &(struct gp_rect){0}), OK);
	assert_true(host_wait_string(&host->compositor, "outputs.1.power", "asleep", WAIT_MS));
	assert_true(fake_seat_point(&seat, 10, 10, 2 * W, H));
	press(&seat, KEY_A);
	assert_string_equal(host_status_string(&host->compositor, "outputs.1.power"), "asleep");
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.power"), "on");
	assert_true(fake_seat_point(&seat, W + 10, 10, 2 * W, H));
	assert_string_equal(host_status_string(&host->compositor, "outputs.1.power"), "on");
	fake_seat_finish(&seat);
	vm_finish(&vm);
}

/* What the user switches off stays off. */
static void test_control(struct host *host) {
	struct sleep_case c;
	case_start(&c, host, "sleep-when-idle 0.5\n");
	assert_int_equal(control(host, OUTPUT, "off"), 0);
	assert_power(host, "off");
	press(&c.seat, KEY_A);
	switch_off(&c.vm);
	vm_show(&c.vm, 0, 1);
	assert_power_stays(host, "off");
	assert_connected(&c.vm);
	assert_int_equal(control(host, OUTPUT, "on"), 0);
	assert_power(host, "on");
	assert_power(host, "asleep");
	assert_int_equal(control(host, OUTPUT, "on"), 0);
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.power"), "on");

	assert_int_equal(control(host, "HEADLESS-7", "on"), 1);
	assert_int_equal(control(host, OUTPUT, "of"), 1);
	case_finish(&c);
}

/* What wlopm and swayidle do. */
static void test_clients(struct host *host) {
	struct sleep_case c;
	struct power_client client;
	char path[96];
	case_start(&c, host, "");
	get_display(host, path);
	assert_true(power_client_connect(&client, path));
	assert_int_equal(client.mode, 1);
	assert_true(power_client_set_mode(&client, 0));
	assert_power(host, "off");
	assert_true(power_client_sync(&client));
	assert_int_equal(client.mode, 0);
	assert_connected(&c.vm);
	assert_true(power_client_set_mode(&client, 1));
	assert_power(host, "on");
	assert_true(power_client_sync(&client));
	assert_int_equal(client.mode, 1);
	vm_assert_color(&c.vm, OUTPUT, RED);

	assert_true(power_client_watch(&client, OFF_MS));
	assert_true(power_client_wait(&client, 1, 0, WAIT_MS));
	/* Frames are no activity. */
	vm_show(&c.vm, 0, 1);
	assert_true(power_client_sync(&client));
	assert_int_equal(client.n_resumed, 0);
	press(&c.seat, KEY_A);
	assert_true(power_client_wait(&client, 1, 1, WAIT_MS));
	assert_true(power_client_wait(&client, 2, 1, WAIT_MS));
	assert_true(fake_seat_move(&c.seat, 3, 0));
	assert_true(power_client_wait(&client, 2, 2, WAIT_MS));
	power_client_finish(&client);
	case_finish(&c);
}

/* A frame that differs from the one before: others are none. */
static void paint_band(struct sleep_case *c, uint32_t color) {
	gg_fill(c->blob.pixels, W, &(struct gp_rect){0, 0, W, 8}, color);
	vm_flush(&c->vm, 1, 0, 0, W, 8);
}

/* If the configuration says so, what a guest shows keeps the seat from being idle. */
static void test_inhibit(struct host *host) {
	struct sleep_case c;
	struct power_client client;
	char path[96];
	case_start(&c, host, "sleep-when-idle 0.5\nidle-inhibit 1\n");
	get_display(host, path);
	assert_true(power_client_connect(&client, path));
	assert_true(power_client_watch(&client, 100));
	paint_band(&c, BLUE);
	assert_true(host_wait_number(&host->compositor, "seat.idle_inhibited", 1, WAIT_MS));
	assert_true(power_client_sync(&client));
	unsigned n_idled = client.n_idled;
	uint64_t end = host_now_ms() + 3 * MOMENT_MS;
	for (uint32_t i = 0; host_now_ms() < end; i++) {
		paint_band(&c, i % 2 == 0 ? GREEN : BLUE);
		host_sleep_ms(50);
		assert_string_equal(host_status_string(&host->compositor, "outputs.0.power"), "on");
	}
	assert_true(power_client_sync(&client));
	assert_int_equal(client.n_idled, n_idled);
	assert_power(host, "asleep");
	assert_int_equal(host_status_number(&host->compositor, "seat.idle_inhibited"), 0);
	assert_true(power_client_wait(&client, n_idled + 1, 0, WAIT_MS));
	power_client_finish(&client);
	case_finish(&c);
}

/* An output that sleeps keeps its place for clients that configure outputs; those wake it. */
static void test_randr(struct host *host) {
	struct sleep_case c;
	char *text;
	case_start(&c, host, "sleep-when-idle 0.5\n");
	assert_power(host, "asleep");
	const char *show[] = {"wlr-randr", NULL};
	assert_int_equal(host_run(host, show, &text), 0);
	assert_non_null(strstr(text, "Enabled: yes"));
	free(text);
	const char *set[] = {"wlr-randr", "--output", OUTPUT, "--custom-mode", "800x600", NULL};
	assert_int_equal(host_run(host, set, &text), 0);
	free(text);
	assert_power(host, "on");
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), 800);

	/* Disabled while it sleeps: there is no monitor any more, and nothing that wakes. */
	assert_power(host, "asleep");
	const char *off[] = {"wlr-randr", "--output", OUTPUT, "--off", NULL};
	assert_int_equal(host_run(host, off, &text), 0);
	free(text);
	assert_power(host, "off");
	uint64_t end = host_now_ms() + WAIT_MS;
	uint32_t width, height;
	while (vm_display_info(&c.vm, 0, &width, &height) && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_false(vm_display_info(&c.vm, 0, &width, &height));
	press(&c.seat, KEY_A);
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.power"), "off");
	assert_int_equal(control(host, OUTPUT, "on"), 0);
	assert_power(host, "on");
	case_finish(&c);
}

/* D5: an output that sleeps costs nothing, and neither does the time until it does. */
static void test_wakeups(struct host *host) {
	struct sleep_case c;
	case_start(&c, host, "sleep-when-idle 3\nsleep-when-off 0.5\nidle-inhibit 2\n");
	host_sleep_ms(300);
	uint64_t before = host_count_wakeups(&host->compositor);
	host_sleep_ms(2000);
	uint64_t awake = host_count_wakeups(&host->compositor) - before;
	assert_power(host, "asleep");
	before = host_count_wakeups(&host->compositor);
	host_sleep_ms(2000);
	uint64_t asleep = host_count_wakeups(&host->compositor) - before;
	printf("# wakeups in 2 s: awake %ju, asleep %ju\n", (uintmax_t)awake, (uintmax_t)asleep);
	assert_true(awake <= 4);
	assert_true(asleep <= 3);
	case_finish(&c);
}

/* A window that is off would be unmapped, and have no input. */
static void test_window(struct host *host) {
	struct desktop desktop;
	desktop_start(&desktop, host);
	start(host, 1, "sleep-when-idle 0.5\n");
	desktop_expect(&desktop, "shown 640 480");
	assert_int_equal(control(host, "WL-1", "off"), 1);
	assert_power_stays(host, "on");
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

static const struct host_case cases[] = {
	{"scanout off", test_off, 0},
	{"idle", test_idle, 0},
	{"status screen", test_status_screen, 0},
	{"other output", test_other_output, 0},
	{"guestpanectl output", test_control, 0},
	{"wlopm and swayidle", test_clients, 0},
	{"idle-inhibit", test_inhibit, 0},
	{"wlr-randr", test_randr, 0},
	{"wakeups", test_wakeups, 0},
	{"window", test_window, 0},
};

int main(int argc, char **argv) {
	return vm_main("sleep", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

/*
 * D14: which guest is in front, and what its output says of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/config.h"

/* guestpanectl's exit status. The last one may be NULL. */
static int ctl(struct host *host, const char *verb, const char *what, const char *output) {
	char *text;
	const char *argv[] = {getenv("GUESTPANECTL"), "--socket", host->compositor.control, verb,
		what, output, NULL};
	int status = host_run(host, argv, &text);
	if (status != 0) {
		printf("# %s\n", text);
	}
	free(text);
	return status;
}

static void next(struct host *host, const char *output) {
	assert_int_equal(ctl(host, "next", output, NULL), 0);
}

/* Its n-th picture has reached the compositor, shown or not. A pause adds one. */
static void await_commit(const struct vm *vm, int64_t n) {
	char path[48];
	uint64_t end = host_now_ms() + WAIT_MS;
	snprintf(path, sizeof(path), "guests.%u.scanouts.0.commits", vm->index);
	while (host_status_number(&vm->host->compositor, path) < n && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_true(host_status_number(&vm->host->compositor, path) >= n);
}

static void assert_front(struct host *host, const char *guest, const char *showing) {
	assert_true(host_wait_string(&host->compositor, "outputs.0.guest", guest, WAIT_MS));
	assert_true(host_wait_string(&host->compositor, "outputs.0.showing", showing, WAIT_MS));
}

static void test_switch(struct host *host) {
	struct vm red, blue;
	config_start(host, 1, "label off\n", NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_assert_color(&red, OUTPUT, RED);
	/* D14: another one takes nothing from it. */
	vm_start_color(&blue, host, 1, BLUE);
	await_commit(&blue, 1);
	vm_assert_color(&red, OUTPUT, RED);

	/* The next picture is the other guest's, and all of it. */
	next(host, OUTPUT);
	assert_true(host_grab(host, OUTPUT, &red.picture));
	assert_true(picture_is(&red.picture, 0, 0, W, H, BLUE));
	next(host, OUTPUT);
	assert_true(host_grab(host, OUTPUT, &red.picture));
	assert_true(picture_is(&red.picture, 0, 0, W, H, RED));

	/* A guest whose scanout is off keeps its place, and its turn. */
	vm_switch_off(&red);
	vm_assert_off(&red, OUTPUT, BLUE);
	assert_front(host, "vm0", "off");
	next(host, OUTPUT);
	vm_assert_color(&blue, OUTPUT, BLUE);
	next(host, OUTPUT);
	vm_assert_off(&red, OUTPUT, BLUE);
	assert_front(host, "vm0", "off");
	vm_show(&red, 0, 1);
	vm_assert_color(&red, OUTPUT, RED);

	/* One whose VM has ended keeps neither. */
	vm_disconnect(&red);
	vm_assert_color(&blue, OUTPUT, BLUE);
	next(host, OUTPUT);
	assert_front(host, "vm1", "guest");
	vm_finish(&red);
	vm_finish(&blue);
}

/* A guest by its name, and one that has no picture yet. */
static void test_show(struct host *host) {
	struct vm red, blue;
	config_start(host, 2, "label off\n", NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_start(&blue, host, 1, NULL);
	assert_front(host, "vm0", "guest");
	assert_int_equal(ctl(host, "show", "vm1", NULL), 0);
	assert_front(host, "vm1", "no-picture");
	vm_assert_status_screen(&red, OUTPUT, RED);
	/* The user has chosen it: nobody takes its place before its first picture. */
	vm_switch_off(&red);
	vm_show(&red, 0, 1);
	await_commit(&red, 2);
	assert_front(host, "vm1", "no-picture");
	assert_int_equal(ctl(host, "show", "vm0", OUTPUT), 0);
	vm_assert_color(&red, OUTPUT, RED);
	next(host, OUTPUT);
	assert_front(host, "vm1", "no-picture");

	assert_int_equal(ctl(host, "show", "vm2", NULL), 1);
	assert_int_equal(ctl(host, "show", "vm0", OTHER_OUTPUT), 1);
	assert_int_equal(ctl(host, "show", "vm0", "HEADLESS-9"), 1);
	vm_disconnect(&red);
	assert_int_equal(ctl(host, "show", "vm0", NULL), 1);
	vm_finish(&red);
	vm_finish(&blue);
}

/* A reset is no reason to lose the place: a status screen, and then the first frame. */
static void test_reset(struct host *host) {
	struct vm red, blue;
	config_start(host, 1, "label off\n", NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_start_color(&blue, host, 1, BLUE);
	await_commit(&blue, 1);
	for (int i = 1; i <= 3; i++) {
		assert_true(fe_stop(&red.fe));
		assert_true(fe_restart(&red.fe, true));
		assert_true(host_wait_number(&host->compositor, "guests.0.generation", i, WAIT_MS));
		assert_front(host, "vm0", "no-picture");
		vm_assert_status_screen(&red, OUTPUT, BLUE);
		/* Its new life brings the one behind no further. */
		assert_true(fe_stop(&blue.fe));
		assert_true(fe_restart(&blue.fe, true));
		struct gg_blob blob;
		vm_blob(&blue, &blob, 1, BLUE);
		vm_show(&blue, 0, 1);
		await_commit(&blue, 1 + 2 * i);
		assert_front(host, "vm0", "no-picture");
		vm_show_new(&red, &blob, 1, RED);
	}
	vm_finish(&red);
	vm_finish(&blue);
}

static bool is_all(const struct picture *picture, uint32_t color) {
	return picture_is_flat(picture) && picture_at(picture, 0, 0) == color;
}

/* The name of the guest stands over its picture for a moment after a switch, and not otherwise. */
static void test_label(struct host *host) {
	struct vm red, blue;
	config_start(host, 1, "label 1.5\n", NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_assert_color(&red, OUTPUT, RED); // from the first picture on
	vm_start_color(&blue, host, 1, BLUE);
	await_commit(&blue, 1);
	vm_assert_color(&red, OUTPUT, RED);
	for (int i = 0; i < 3; i++) {
		uint32_t color = i % 2 == 0 ? BLUE : RED;
		uint64_t begin = host_now_ms();
		if (i < 2) {
			next(host, OUTPUT);
		} else {
			vm_disconnect(&red); // by itself
		}
		assert_true(
			host_wait_pixel(host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &red.picture));
		bool late = host_now_ms() > begin + 1200; // a busy machine
		assert_true(late || !picture_is_flat(&red.picture));
		/* It is in the upper right corner. */
		assert_true(picture_is(&red.picture, 0, 0, W / 2, H, color));
		assert_true(picture_is(&red.picture, 0, H / 4, W, H - H / 4, color));
		while (!is_all(&red.picture, color)) {
			assert_true(host_now_ms() < begin + WAIT_MS);
			assert_true(host_grab(host, OUTPUT, &red.picture));
		}
		printf("# gone after %u ms\n", (unsigned)(host_now_ms() - begin));
		assert_true(late || host_now_ms() >= begin + 1500);
	}
	/* None for the same guest again. */
	vm_show(&blue, 0, 1);
	vm_switch_off(&blue);
	vm_show(&blue, 0, 1);
	vm_assert_color(&blue, OUTPUT, BLUE);
	vm_finish(&red);
	vm_finish(&blue);
}

/* A guest that is smaller than the one before it leaves nothing of that. */
static void test_switch_sizes(struct host *host) {
	struct vm red, blue;
	struct gg_blob blob;
	config_start(host, 1, "label off\noutput * {\n scaling none\n}\n", NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_assert_color(&red, OUTPUT, RED);
	vm_start(&blue, host, 1, NULL);
	assert_int_equal(gg_create_blob(&blue.fe, 1, SMALL_W * SMALL_H * 4, &blob), OK);
	gg_fill(blob.pixels, SMALL_W, &(struct gp_rect){0, 0, SMALL_W, SMALL_H}, BLUE);
	assert_int_equal(gg_set_scanout_blob(&blue.fe, 0, 1, SMALL_W, SMALL_H), OK);
	vm_flush(&blue, 1, 0, 0, SMALL_W, SMALL_H);
	next(host, OUTPUT);
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, BLUE, WAIT_MS, &blue.picture));
	assert_false(picture_has(&blue.picture, RED));
	next(host, OUTPUT);
	vm_assert_color(&red, OUTPUT, RED);
	next(host, OUTPUT);
	assert_true(host_grab(host, OUTPUT, &blue.picture));
	assert_int_equal(picture_at(&blue.picture, W / 2, H / 2), BLUE);
	assert_false(picture_has(&blue.picture, RED));
	vm_finish(&red);
	vm_finish(&blue);
}

static void test_first(struct host *host) {
	struct vm red, blue;
	config_start(host, 1, "label off\nfirst vm0\n", "--first", "vm1");
	vm_start_color(&red, host, 0, RED);
	vm_assert_color(&red, OUTPUT, RED);
	/* It comes to the front with its first picture, and not with the next one. */
	vm_start_color(&blue, host, 1, BLUE);
	vm_assert_color(&blue, OUTPUT, BLUE);
	next(host, OUTPUT);
	vm_assert_color(&red, OUTPUT, RED);
	vm_switch_off(&blue);
	vm_show(&blue, 0, 1);
	await_commit(&blue, 2);
	vm_assert_color(&red, OUTPUT, RED);
	vm_finish(&red);
	vm_finish(&blue);
}

/* The same with up to three arguments. */
static int ctl3(struct host *host, const char *a, const char *b, const char *c, const char *d) {
	char *text;
	const char *argv[] = {
		getenv("GUESTPANECTL"), "--socket", host->compositor.control, a, b, c, d, NULL};
	int status = host_run(host, argv, &text);
	printf("# %s %s %s: %d %s\n", a, b, c, status, text);
	free(text);
	return status;
}

static void assert_string(struct host *host, const char *path, const char *value) {
	assert_true(host_wait_string(&host->compositor, path, value, WAIT_MS));
}

/* What guestpanectl sets holds until the configuration is loaded again. */
static void test_ctl_output(struct host *host) {
	struct vm red;
	char *text;
	config_start(host, 2, "label off\n", NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_assert_color(&red, OUTPUT, RED);

	assert_int_equal(ctl3(host, "output", OUTPUT, "mode", "640x480"), 0);
	assert_string(host, "outputs.0.width", "640");
	assert_int_equal(ctl3(host, "output", OUTPUT, "transform", "180"), 0);
	assert_int_equal(ctl3(host, "output", OUTPUT, "scaling", "integer"), 0);
	assert_int_equal(ctl3(host, "output", OUTPUT, "scale", "2"), 0);
	assert_int_equal(ctl3(host, "output", OUTPUT, "scale", "99"), 1);
	assert_int_equal(ctl3(host, "output", OUTPUT, "mode", "wide"), 1);
	assert_int_equal(ctl3(host, "output", OUTPUT, "position", "0"), 1);
	assert_int_equal(ctl3(host, "output", "NONE-1", "mode", "640x480"), 1);
	assert_int_equal(ctl3(host, "output", OUTPUT, "dim", NULL), 1);
	assert_int_equal(ctl(host, "output", OUTPUT, NULL), 2);
	assert_int_equal(ctl(host, "dance", NULL, NULL), 2);

	assert_int_equal(ctl(host, "move", "vm0:0", "HEADLESS-2"), 0);
	assert_string(host, "outputs.1.guest", "vm0");
	assert_int_equal(ctl(host, "move", "vm0:16", "HEADLESS-2"), 1);
	assert_int_equal(ctl(host, "move", "vm0", "HEADLESS-2"), 2);
	assert_int_equal(ctl(host, "reload", NULL, NULL), 0);
	assert_string(host, "outputs.0.guest", "vm0");

	const char *list[] = {getenv("GUESTPANECTL"), "--socket", host->compositor.control,
		"--list", "scanouts", NULL};
	assert_int_equal(host_run(host, list, &text), 0);
	assert_string_equal(text, "vm0:0\n");
	free(text);
	list[4] = "outputs";
	assert_int_equal(host_run(host, list, &text), 0);
	assert_string_equal(text, "HEADLESS-1\nHEADLESS-2\n");
	free(text);
	list[3] = "hotkeys";
	list[4] = NULL;
	assert_int_equal(host_run(host, list, &text), 0);
	assert_non_null(strstr(text, "LeftCtrl+LeftMeta+Q"));
	free(text);
	vm_finish(&red);
}

/* The overlay is in the corner of the label, over a guest's picture only. */
static void test_hud(struct host *host) {
	struct vm red;
	struct picture *picture = &red.picture;
	uint64_t end = host_now_ms() + WAIT_MS;
	config_start(host, 1, "label off\n", NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_assert_color(&red, OUTPUT, RED);
	assert_int_equal(ctl(host, "hud", "on", NULL), 0);
	do {
		assert_true(host_now_ms() < end);
		assert_true(host_grab(host, OUTPUT, picture));
	} while (is_all(picture, RED));
	assert_true(picture_is(picture, 0, H / 2, W, H - H / 2, RED));
	assert_int_equal(ctl(host, "hud", "off", NULL), 0);
	do {
		assert_true(host_now_ms() < end);
		assert_true(host_grab(host, OUTPUT, picture));
	} while (!is_all(picture, RED));
	assert_int_equal(ctl(host, "hud", "perhaps", NULL), 1);
	vm_finish(&red);
}

static void test_ctl_quit(struct host *host) {
	config_start(host, 1, "label off\n", NULL, NULL);
	assert_int_equal(ctl(host, "quit", NULL, NULL), 0);
	assert_true(program_ended_within(&host->compositor, WAIT_MS));
	assert_int_equal(program_reap(&host->compositor), 0);
	assert_int_equal(ctl(host, "reload", NULL, NULL), 3);
}

static const struct host_case cases[] = {
	{"switch", test_switch, 0},
	{"show by name", test_show, 0},
	{"reset in front", test_reset, 0},
	{"label", test_label, 0},
	{"switch between sizes", test_switch_sizes, 0},
	{"first guest", test_first, 0},
	{"guestpanectl output and move", test_ctl_output, 0},
	{"overlay", test_hud, 0},
	{"guestpanectl quit", test_ctl_quit, 0},
};

int main(int argc, char **argv) {
	return vm_main("front", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

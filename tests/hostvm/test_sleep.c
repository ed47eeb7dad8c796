/*
 * D12: the host suspends to memory and wakes. Its VGA card has lost its mode and its driver has set
 * it again, or the kernel has switched terminals; in the guest nothing may have changed.
 */

#include <errno.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/input_device.h"
#include "tests/hostvm/kms_case.h"

#define BLOBS 3
#define FLIPS 60

static const uint32_t colors[BLOBS] = {RED, GREEN, BLUE};

struct sleep_case {
	struct vm vm;
	struct input_device keyboard;
	int64_t imports, connections; // before the sleep
};

static int64_t get_imports(struct sleep_case *c) {
	return host_status_number(&c->vm.host->compositor, "guests.0.imports");
}

/* Everything is as it must be after the sleep. */
static void note(struct sleep_case *c) {
	c->imports = get_imports(c);
	c->connections = vm_counter(&c->vm, "display_connections");
	while (fe_backend_message(&c->vm.fe, 200) >= 0) {
	}
}

/* The first of BLOBS is on scanout 0, all were. */
static void start(struct sleep_case *c, struct host *host, const char *card) {
	struct gg_blob blob;
	host->backend = "drm,libinput";
	kms_start(host, card, NULL, NULL);
	input_init(&c->keyboard, host, "keyboard", 0);
	vm_start(&c->vm, host, 0,
		(const char *[]){"--scanouts", "2", "--input", c->keyboard.option, NULL});
	input_start(&c->keyboard, INPUT_BUFFERS);
	for (uint32_t i = 0; i < BLOBS; i++) {
		kms_show_direct(&c->vm, &blob, i + 1, colors[i]);
	}
	vm_show(&c->vm, 0, 1);
	kms_assert_monitor(&c->vm, 0, colors[0]);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	note(c);
}

static void finish(struct sleep_case *c) {
	fe_finish(&c->keyboard.fe);
	vm_finish(&c->vm);
}

/* A key of the host VM's keyboard. */
static void press(const char *key, bool down) {
	char request[32];
	snprintf(request, sizeof(request), "key %s %d", key, down);
	assert_true(kms_ask(request));
}

/* A key that is held when the host falls asleep is up in the guest after that. */
static void sleep_with_key(struct sleep_case *c) {
	press("a", true);
	input_expect_group(&c->keyboard, EV_KEY, KEY_A, 1);
	assert_true(kms_sleep());
	struct host *host = c->vm.host;
	assert_true(host_wait_string(&host->compositor, "session", "active", WAIT_MS));
	input_expect_group(&c->keyboard, EV_KEY, KEY_A, 0);
	press("a", false);
	press("b", true);
	input_expect_group(&c->keyboard, EV_KEY, KEY_B, 1);
	press("b", false);
	input_expect_group(&c->keyboard, EV_KEY, KEY_B, 0);
}

/* What was on the plane is there again, without a frame of the guest. */
static void assert_shown(struct sleep_case *c) {
	kms_assert_monitor(&c->vm, 0, colors[0]);
	kms_assert_path(c->vm.host, 0, "direct", "");
	kms_assert_on_plane(true);
	assert_true(kms_crtc_active(0));
}

/* What was imported before serves after, and each frame of the case's whole life was direct. */
static void assert_flips(struct sleep_case *c) {
	struct host *host = c->vm.host;
	int64_t direct = kms_frames(host, 0, "direct");
	for (uint32_t i = 0; i < FLIPS; i++) {
		vm_show(&c->vm, 0, i % BLOBS + 1);
	}
	kms_assert_monitor(&c->vm, 0, colors[(FLIPS - 1) % BLOBS]);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	assert_true(kms_frames(host, 0, "direct") > direct);
	assert_int_equal(kms_frames(host, 0, "mapped"), 0);
	assert_int_equal(kms_frames(host, 0, "copied"), 0);
	assert_int_equal(get_imports(c), c->imports);
	assert_int_equal(host_status_number(&host->compositor, "guests.0.imports_failed"), 0);
	assert_int_equal(vm_counter(&c->vm, "bytes_copied"), 0);
}

/* The guest's monitor did not change. */
static void assert_unnoticed(struct sleep_case *c) {
	assert_int_equal(fe_backend_message(&c->vm.fe, 200), -ETIMEDOUT);
	assert_int_equal(vm_counter(&c->vm, "display_connections"), c->connections);
}

static void test_idle(struct host *host) {
	struct sleep_case c;
	start(&c, host, KMS_BOCHS);
	int fb = kms_plane_fb();
	sleep_with_key(&c);
	assert_shown(&c);
	assert_int_equal(kms_plane_fb(), fb);
	assert_false(kms_has_logged(host, "the session is paused"));
	assert_flips(&c);
	assert_int_equal(kms_count_imported(), BLOBS);
	assert_unnoticed(&c);
	finish(&c);
}

/* Frames are on their way when everything stops. */
static void test_flipping(struct host *host) {
	struct sleep_case c;
	start(&c, host, KMS_BOCHS);
	fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		_exit(kms_sleep() ? 0 : 1);
	}
	int status;
	uint32_t n = 0;
	while (waitpid(child, &status, WNOHANG) == 0) {
		vm_show(&c.vm, 0, n++ % BLOBS + 1);
	}
	printf("# %u flips around the sleep\n", n);
	assert_int_equal(status, 0);
	assert_true(kms_crtc_active(0));
	assert_flips(&c);
	assert_unnoticed(&c);
	finish(&c);
}

/* The session is paused before; after it has its card and its keyboard again. */
static void test_terminal(struct host *host) {
	struct sleep_case c;
	start(&c, host, KMS_BOCHS);
	assert_true(kms_set_sleep_vt(true));
	sleep_with_key(&c);
	assert_true(kms_set_sleep_vt(false));
	assert_true(kms_has_logged(host, "the session is paused"));
	assert_shown(&c);
	assert_flips(&c);
	assert_unnoticed(&c);
	finish(&c);
}

/* The same on a card with two monitors and a cursor plane. It keeps its state in the sleep. */
static void test_cursor(struct host *host) {
	struct sleep_case c;
	struct gg_blob blob, cursor;
	struct kms_plane plane;
	start(&c, host, KMS_VIRTIO);
	vm_blob(&c.vm, &blob, BLOBS + 1, GREEN);
	vm_show(&c.vm, 1, BLOBS + 1);
	kms_assert_monitor(&c.vm, 1, GREEN);
	assert_int_equal(gg_create_blob(&c.vm.fe, BLOBS + 2, 64 * 64 * 4, &cursor), OK);
	gg_fill(cursor.pixels, 64, &(struct gp_rect){0, 0, 64, 64}, 0xff000000 | BLUE);
	assert_int_equal(gg_transfer(&c.vm.fe, BLOBS + 2, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
	assert_true(gg_cursor(&c.vm.fe, 0, BLOBS + 2, 200, 100, 0, 0));
	assert_true(kms_wait_pixel(0, &c.vm.picture, 200, 100, BLUE));
	note(&c);

	assert_true(kms_set_sleep_vt(true));
	sleep_with_key(&c);
	assert_true(kms_set_sleep_vt(false));
	assert_true(kms_crtc_active(0));
	assert_true(kms_crtc_active(1));
	kms_assert_monitor(&c.vm, 1, GREEN);
	kms_assert_path(host, 1, "direct", "");
	assert_true(kms_wait_pixel(0, &c.vm.picture, 200, 100, BLUE));
	assert_true(picture_is(&c.vm.picture, 200, 100, 64, 64, BLUE));
	assert_true(picture_is(&c.vm.picture, 0, 0, W, 100, RED));
	assert_true(kms_plane(1, &plane));
	assert_int_not_equal(plane.fb, 0);
	assert_int_equal(plane.x, 200);
	assert_true(gg_cursor(&c.vm.fe, 0, 0, 0, 0, 0, 0));
	assert_flips(&c);
	assert_unnoticed(&c);
	finish(&c);
}

static const struct host_case cases[] = {
	{"of an idle guest", test_idle, 0},
	{"amid flips", test_flipping, 0},
	{"with a switch of terminals", test_terminal, 0},
	{"with two monitors and a cursor", test_cursor, 0},
};

int main(int argc, char **argv) {
	vm_export = "auto";
	return cases_run(
		"sleep", cases, sizeof(cases) / sizeof(cases[0]), argc > 2 ? argv[2] : NULL);
}

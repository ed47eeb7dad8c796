/*
 * D1–D3 on a real KMS driver with real udmabufs: the guest's buffer is on the plane.
 */

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"
#include "tests/hostvm/kms.h"

#define REFUSE_LIBRARY "/guest/librefuse.so"

static const uint32_t colors[3] = {RED, GREEN, BLUE};

static void start(struct vm *vm, struct host *host, const char *const *args) {
	host->backend = "drm";
	assert_true(host_start_compositor(host, 1, W, H, args));
	assert_string_equal(host_status_string(&host->compositor, "backend"), "drm");
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.name"), KMS_OUTPUT);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), W);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.height"), H);
	vm_start(vm, host, 0, NULL);
}

static int64_t frames(struct vm *vm, const char *way) {
	char path[64];
	snprintf(path, sizeof(path), "outputs.0.frames.%s", way);
	return host_status_number(&vm->host->compositor, path);
}

static void assert_way(struct vm *vm, const char *way, const char *reason) {
	assert_true(host_wait_string(&vm->host->compositor, "outputs.0.way", way, WAIT_MS));
	const char *said = host_status_string(&vm->host->compositor, "outputs.0.reason");
	if (strstr(said, reason) == NULL) {
		fail_msg("the reason is \"%s\"", said);
	}
}

static void assert_on_plane(bool wanted) {
	int fb = kms_plane_fb();
	assert_int_not_equal(fb, 0);
	assert_int_equal(kms_fb_is_imported(fb), wanted);
}

/* The monitor has the color everywhere. */
static void assert_monitor(struct vm *vm, uint32_t color) {
	assert_true(kms_wait_pixel(&vm->picture, W - 1, H - 1, color));
	assert_int_equal(vm->picture.width, W);
	assert_int_equal(vm->picture.height, H);
	assert_true(picture_is(&vm->picture, 0, 0, W, H, color));
}

static void show_direct(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color) {
	vm_blob(vm, blob, id, color);
	vm_show(vm, 0, id);
	assert_monitor(vm, color);
	assert_way(vm, "direct", "");
	assert_on_plane(true);
}

/* Flips among the first n blobs, each as soon as the last one is answered; flips in a second. */
static double flip(struct vm *vm, uint32_t n_blobs, uint32_t n_flips) {
	uint64_t begin = host_now_ms();
	for (uint32_t i = 0; i < n_flips; i++) {
		vm_show(vm, 0, i % n_blobs + 1);
	}
	return n_flips * 1000.0 / (double)(host_now_ms() - begin);
}

static double get_refresh(struct host *host) {
	return host_status_number(&host->compositor, "outputs.0.refresh_mhz") / 1000.0;
}

static void test_flip(struct host *host) {
	struct vm vm;
	struct gg_blob blobs[3];
	start(&vm, host, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		show_direct(&vm, &blobs[i], i + 1, colors[i]);
	}
	int64_t direct = frames(&vm, "direct");
	double refresh = get_refresh(host), rate = flip(&vm, 3, 1000);
	printf("# 1000 flips, %.2f in a second of %.3f Hz; %jd frames direct\n", rate, refresh,
		(intmax_t)(frames(&vm, "direct") - direct));
	assert_true(rate <= refresh * 1.005);
	assert_int_equal(vm_counter(&vm, "imports"), 3);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	assert_int_equal(host_status_number(&host->compositor, "guests.0.imports"), 3);
	assert_int_equal(kms_count_imported(), 3);
	assert_int_equal(frames(&vm, "mapped"), 0);
	assert_int_equal(frames(&vm, "copied"), 0);
	assert_monitor(&vm, colors[999 % 3]);
	assert_on_plane(true);
	vm_finish(&vm);
}

/*
 * The upper bound always holds; the lower one can be asked for only if replies waited for nothing
 * but page flips, and not for a processor that others use.
 */
static void assert_paced(struct vm *vm, uint32_t n_blobs, double refresh) {
	for (unsigned i = 0; i < 4; i++) {
		int64_t late = vm_counter(vm, "replies.timeout");
		double rate = flip(vm, n_blobs, 60);
		late = vm_counter(vm, "replies.timeout") - late;
		printf("# %u buffers: %.2f flips in a second, %.1f %% of %.3f Hz; %jd too late\n",
			n_blobs, rate, rate * 100 / refresh, refresh, (intmax_t)late);
		assert_true(rate <= refresh * 1.02); // the first and the last are not whole
		if (rate >= refresh * 0.95) {
			return;
		}
		assert_true(late > 0);
	}
	struct host *host = vm->host;
	vm_finish(vm);
	case_skip(host, "this machine is too slow for 30 Hz");
}

/*
 * C3 with replies that wait for the page flip. The machine is emulated, so the monitor is a slow
 * one: its period is longer than the way of a frame takes here, and shorter than the 40 ms after
 * which a reply does not wait any more.
 */
static void test_pace(struct host *host) {
	struct vm vm;
	struct gg_blob blobs[3];
	char config[96];
	snprintf(config, sizeof(config), "%s/test.conf", host->dir);
	FILE *file = fopen(config, "we");
	assert_non_null(file);
	fputs("output " KMS_OUTPUT " {\n mode 640x480@30\n}\n", file);
	fclose(file);
	start(&vm, host, (const char *[]){"--config", config, NULL});
	double refresh = get_refresh(host);
	assert_true(refresh > 29 && refresh < 31);
	for (uint32_t i = 0; i < 3; i++) {
		show_direct(&vm, &blobs[i], i + 1, colors[i]);
	}
	for (uint32_t n_blobs = 2; n_blobs <= 3; n_blobs++) {
		assert_paced(&vm, n_blobs, refresh);
	}
	assert_way(&vm, "direct", "");
	vm_finish(&vm);
}

static void write_sysfs(const char *pattern, const char *text) {
	glob_t found;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	FILE *file = fopen(found.gl_pathv[0], "we");
	globfree(&found);
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* The kernel does not tell of what it is told itself; a rule in `inside` makes it a hotplug. */
static void force_connector(const char *status) {
	write_sysfs("/sys/class/drm/card*-" KMS_OUTPUT "/status", status);
	write_sysfs("/sys/class/drm/card?/uevent", "change");
}

static void wait_connected(struct vm *vm, bool wanted) {
	uint32_t width, height;
	uint64_t end = host_now_ms() + WAIT_MS;
	while (vm_display_info(vm, 0, &width, &height) != wanted && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_int_equal(vm_display_info(vm, 0, &width, &height), wanted);
}

/* D7: the last monitor goes, the program and the guest go on, and it comes back. */
static void test_unplug(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	start(&vm, host, NULL);
	show_direct(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	force_connector("off");
	wait_connected(&vm, false);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), -1);
	double rate = flip(&vm, 2, 60);
	printf("# unplugged: %.2f flips in a second\n", rate);
	assert_true(rate > 20);
	assert_true(host_alive(&host->compositor));

	force_connector("detect");
	wait_connected(&vm, true);
	vm_show(&vm, 0, 2);
	assert_monitor(&vm, BLUE);
	assert_way(&vm, "direct", "");
	assert_on_plane(true);
	vm_finish(&vm);
}

/* One buffer, flushed again and again. */
static void test_flush(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	start(&vm, host, NULL);
	show_direct(&vm, &blob, 1, RED);
	int fb = kms_plane_fb();
	for (uint32_t i = 0; i < 100; i++) {
		struct gp_rect part = {0, i * 4, W, 4};
		gg_fill(blob.pixels, W, &part, BLUE);
		vm_flush(&vm, 1, part.x, part.y, part.width, part.height);
	}
	assert_true(kms_wait_pixel(&vm.picture, W - 1, 399, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, W, 400, BLUE));
	assert_true(picture_is(&vm.picture, 0, 400, W, H - 400, RED));
	assert_int_equal(kms_plane_fb(), fb);
	assert_int_equal(kms_count_imported(), 1);
	assert_int_equal(vm_counter(&vm, "imports"), 1);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	assert_way(&vm, "direct", "");
	vm_finish(&vm);
}

/* The card has no cursor plane: with a cursor frames are composited, and without it no more. */
static void test_cursor(struct host *host) {
	struct vm vm;
	struct gg_blob red, cursor;
	start(&vm, host, NULL);
	show_direct(&vm, &red, 1, RED);
	assert_int_equal(gg_create_blob(&vm.fe, 2, 64 * 64 * 4, &cursor), OK);
	gg_fill(cursor.pixels, 64, &(struct gp_rect){0, 0, 64, 64}, 0xff000000 | BLUE);
	assert_int_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
	assert_true(gg_cursor(&vm.fe, 0, 2, 200, 100, 0, 0));
	assert_true(kms_wait_pixel(&vm.picture, 200, 100, BLUE));
	assert_true(picture_is(&vm.picture, 200, 100, 64, 64, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, W, 100, RED));
	vm_flush(&vm, 1, 0, 0, W, H);
	assert_way(&vm, "mapped", "a cursor or a label lies over the picture");
	assert_on_plane(false);

	assert_true(gg_cursor(&vm.fe, 0, 0, 0, 0, 0, 0));
	vm_flush(&vm, 1, 0, 0, W, H);
	assert_way(&vm, "direct", "");
	assert_monitor(&vm, RED);
	assert_on_plane(true);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	vm_finish(&vm);
}

/* A guest that has another size than the monitor. */
static void test_scaled(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	start(&vm, host, NULL);
	assert_int_equal(gg_create_blob(&vm.fe, 1, W / 2 * H / 2 * 4, &blob), OK);
	gg_fill(blob.pixels, W / 2, &(struct gp_rect){0, 0, W / 2, H / 2}, GREEN);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, W / 2, H / 2), OK);
	vm_flush(&vm, 1, 0, 0, W / 2, H / 2);
	assert_monitor(&vm, GREEN);
	assert_way(&vm, "mapped", "not the size of the output");
	assert_on_plane(false);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	vm_finish(&vm);
}

/* The plane takes XRGB8888 and nothing else; pixman reads more. */
static void test_format(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	struct virtio_gpu_ctrl_hdr response;
	start(&vm, host, NULL);
	show_direct(&vm, &blob, 1, BLUE);

	struct virtio_gpu_set_scanout_blob command = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = {.width = W, .height = H},
		.resource_id = 1,
		.width = W,
		.height = H,
		.format = VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM,
		.strides = {W * 4},
	};
	assert_int_equal(
		gg_command(&vm.fe, &command, sizeof(command), &response, sizeof(response)), OK);
	const uint32_t swapped = (BLUE & 0xff) << 16 | (BLUE & 0xff00) | BLUE >> 16;
	for (unsigned i = 0; i < 10; i++) {
		vm_flush(&vm, 1, 0, 0, W, H);
	}
	assert_monitor(&vm, swapped);
	assert_way(&vm, "mapped", "the plane has no format XB24");
	assert_on_plane(false);

	/* That says nothing about other formats. */
	vm_show(&vm, 0, 1);
	assert_monitor(&vm, BLUE);
	assert_way(&vm, "direct", "");
	vm_finish(&vm);
}

/* A commit that fails although its test did not: no frame is lost, and it is not tried again. */
static void test_refused(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	host->preload = REFUSE_LIBRARY;
	start(&vm, host, NULL);
	show_direct(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);

	FILE *file = fopen(KMS_REFUSE, "we");
	assert_non_null(file);
	fclose(file);
	vm_show(&vm, 0, 2);
	assert_monitor(&vm, BLUE);
	assert_int_not_equal(access(KMS_REFUSE, F_OK), 0);
	assert_way(&vm, "mapped", "refused");
	assert_on_plane(false);
	int64_t direct = frames(&vm, "direct");
	for (unsigned i = 0; i < 50; i++) {
		vm_show(&vm, 0, i % 2 + 1);
	}
	assert_monitor(&vm, BLUE);
	assert_int_equal(frames(&vm, "direct"), direct);
	vm_finish(&vm);
}

/* A picture of the output suspends scan-out, which comes back. */
static void test_capture(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	start(&vm, host, NULL);
	show_direct(&vm, &red, 1, RED);
	assert_true(host_grab(host, KMS_OUTPUT, &vm.picture));
	assert_true(picture_is(&vm.picture, 0, 0, W, H, RED));
	vm_flush(&vm, 1, 0, 0, W, H);
	assert_way(&vm, "direct", "");
	assert_on_plane(true);
	vm_finish(&vm);
}

static const struct host_case cases[] = {
	{"flip among three", test_flip, 0},
	{"pace", test_pace, 0},
	{"flush", test_flush, 0},
	{"cursor", test_cursor, 0},
	{"scaled", test_scaled, 0},
	{"format that the plane does not take", test_format, 0},
	{"refused commit", test_refused, 0},
	{"capture", test_capture, 0},
	{"unplug", test_unplug, 0},
};

int main(int argc, char **argv) {
	vm_export = "auto";
	return cases_run("kms", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}

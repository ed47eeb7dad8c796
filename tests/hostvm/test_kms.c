/*
 * D1–D3 on a real KMS driver with real udmabufs: the guest's buffer is on the plane.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/hostvm/kms_case.h"

#define REFUSE_LIBRARY "/guest/librefuse.so"
#define REFUSED_MS 10000 // so long a buffer is not tried that was refused once

static const uint32_t colors[3] = {RED, GREEN, BLUE};

static void start(struct vm *vm, struct host *host, const char *config) {
	kms_start(host, KMS_BOCHS, config, NULL);
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.name"), kms_output(0));
	assert_string_equal(
		host_status_string(&host->compositor, "outputs.0.gpu"), getenv("WLR_DRM_DEVICES"));
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), W);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.height"), H);
	vm_start(vm, host, 0, NULL);
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
		kms_show_direct(&vm, &blobs[i], i + 1, colors[i]);
	}
	int64_t direct = kms_frames(host, 0, "direct");
	double refresh = get_refresh(host), rate = flip(&vm, 3, 1000);
	printf("# 1000 flips, %.2f in a second of %.3f Hz; %jd frames direct\n", rate, refresh,
		(intmax_t)(kms_frames(host, 0, "direct") - direct));
	assert_true(rate <= refresh * 1.005);
	assert_int_equal(vm_counter(&vm, "imports"), 3);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	assert_int_equal(host_status_number(&host->compositor, "guests.0.imports"), 3);
	assert_int_equal(kms_count_imported(), 3);
	assert_int_equal(kms_frames(host, 0, "mapped"), 0);
	assert_int_equal(kms_frames(host, 0, "copied"), 0);
	kms_assert_monitor(&vm, 0, colors[999 % 3]);
	kms_assert_on_plane(true);
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
 * one: its period is longer than the way of a frame takes here, and shorter than the 45 ms after
 * which a reply does not wait any more.
 */
static void test_pace(struct host *host) {
	struct vm vm;
	struct gg_blob blobs[3];
	start(&vm, host, "output * {\n mode 640x480@30\n}\n");
	double refresh = get_refresh(host);
	assert_true(refresh > 29 && refresh < 31);
	for (uint32_t i = 0; i < 3; i++) {
		kms_show_direct(&vm, &blobs[i], i + 1, colors[i]);
	}
	for (uint32_t n_blobs = 2; n_blobs <= 3; n_blobs++) {
		assert_paced(&vm, n_blobs, refresh);
	}
	kms_assert_path(host, 0, "direct", "");
	vm_finish(&vm);
}

/* Of a guest that nobody sees no flip waits for a buffer that is not given back. */
static void assert_not_blocked(struct vm *vm, uint32_t n_blobs) {
	int64_t late = vm_counter(vm, "replies.timeout");
	printf("# hidden: %.2f flips in a second\n", flip(vm, n_blobs, 60));
	assert_int_equal(vm_counter(vm, "replies.timeout"), late);
}

/* D7: the last monitor goes, the program and the guest go on, and it comes back. */
static void test_unplug(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	assert_true(kms_force(0, "off"));
	kms_wait_connected(&vm, 0, false);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), -1);
	assert_not_blocked(&vm, 2);
	assert_true(host_alive(&host->compositor));

	assert_true(kms_force(0, "detect"));
	kms_wait_connected(&vm, 0, true);
	vm_show(&vm, 0, 2);
	kms_assert_monitor(&vm, 0, BLUE);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	vm_finish(&vm);
}

static void switch_away(struct host *host) {
	assert_true(kms_switch_vt(2));
	assert_true(host_wait_string(&host->compositor, "session", "paused", WAIT_MS));
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), -1);
}

static void switch_back(struct host *host) {
	assert_true(kms_switch_vt(1));
	assert_true(host_wait_string(&host->compositor, "session", "active", WAIT_MS));
	assert_true(host_wait_number(&host->compositor, "outputs.0.width", W, WAIT_MS));
}

/* D12: the user is on another terminal; the guest goes on and keeps its monitor. */
static void test_terminal(struct host *host) {
	struct vm vm;
	struct gg_blob red, green, blue;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	vm_blob(&vm, &green, 2, GREEN);
	vm_blob(&vm, &blue, 3, BLUE);
	int64_t connections = vm_counter(&vm, "display_connections");
	while (fe_backend_message(&vm.fe, 200) >= 0) {
	}
	assert_int_equal(host_status_number(&host->compositor, "guests.0.imports"), 1);

	switch_away(host);
	assert_not_blocked(&vm, 3);
	/* What was on the plane is given back, though no commit takes it from there. */
	vm_show(&vm, 0, 2);
	assert_int_equal(gg_detach(&vm.fe, 1), OK);
	assert_int_equal(gg_unref(&vm.fe, 1), OK);
	assert_true(host_wait_number(&host->compositor, "guests.0.blobs", 2, WAIT_MS));

	switch_back(host);
	vm_flush(&vm, 2, 0, 0, W, H);
	kms_assert_monitor(&vm, 0, GREEN);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	vm_show(&vm, 0, 3);
	kms_assert_monitor(&vm, 0, BLUE);
	assert_int_equal(host_status_number(&host->compositor, "guests.0.imports"), 3);
	assert_int_equal(vm_counter(&vm, "display_connections"), connections);
	/* Nothing that the guest is told of its monitor has changed. */
	assert_int_equal(fe_backend_message(&vm.fe, 200), -ETIMEDOUT);

	/* A monitor that is pulled meanwhile. */
	switch_away(host);
	assert_true(kms_force(0, "off"));
	kms_wait_connected(&vm, 0, true);
	assert_true(kms_switch_vt(1));
	kms_wait_connected(&vm, 0, false);
	assert_true(kms_force(0, "detect"));
	kms_wait_connected(&vm, 0, true);
	vm_show(&vm, 0, 2);
	kms_assert_monitor(&vm, 0, GREEN);
	kms_assert_path(host, 0, "direct", "");
	vm_finish(&vm);
}

static void wait_mode(struct vm *vm, uint32_t width, uint32_t height) {
	uint32_t w = 0, h = 0;
	uint64_t end = host_now_ms() + WAIT_MS;
	while (w != width && host_now_ms() < end) {
		vm_edid_size(vm, 0, &w, &h);
		host_sleep_ms(20);
	}
	assert_int_equal(w, width);
	assert_int_equal(h, height);
}

/* D8: a mode that is set on the host is the guest's, too, and back. */
static void test_mode(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	wait_mode(&vm, W, H);
	kms_randr(host, 0, "--mode", "800x600");
	wait_mode(&vm, 800, 600);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), 800);
	assert_int_equal(gg_create_blob(&vm.fe, 2, 800 * 600 * 4, &blue), OK);
	gg_fill(blue.pixels, 800, &(struct gp_rect){0, 0, 800, 600}, BLUE);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 2, 800, 600), OK);
	vm_flush(&vm, 2, 0, 0, 800, 600);
	assert_true(kms_wait_pixel(0, &vm.picture, W / 2, H / 2, BLUE));
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	/* The same again is a modeset, and says nothing of the plane. */
	kms_randr(host, 0, "--mode", "800x600");
	vm_flush(&vm, 2, 0, 0, 800, 600);
	kms_assert_path(host, 0, "direct", "");
	kms_randr(host, 0, "--mode", "640x480");
	wait_mode(&vm, W, H);
	vm_show(&vm, 0, 1);
	kms_assert_monitor(&vm, 0, RED);
	kms_assert_path(host, 0, "direct", "");
	vm_finish(&vm);
}

/* One buffer, flushed again and again. */
static void test_flush(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &blob, 1, RED);
	int fb = kms_plane_fb();
	for (uint32_t i = 0; i < 100; i++) {
		struct gp_rect part = {0, i * 4, W, 4};
		gg_fill(blob.pixels, W, &part, BLUE);
		vm_flush(&vm, 1, part.x, part.y, part.width, part.height);
	}
	assert_true(kms_wait_pixel(0, &vm.picture, W - 1, 399, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, W, 400, BLUE));
	assert_true(picture_is(&vm.picture, 0, 400, W, H - 400, RED));
	assert_int_equal(kms_plane_fb(), fb);
	assert_int_equal(kms_count_imported(), 1);
	assert_int_equal(vm_counter(&vm, "imports"), 1);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	kms_assert_path(host, 0, "direct", "");
	vm_finish(&vm);
}

/* The card has no cursor plane: with a cursor frames are composited, and without it no more. */
static void test_cursor(struct host *host) {
	struct vm vm;
	struct gg_blob red, cursor;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	assert_int_equal(gg_create_blob(&vm.fe, 2, 64 * 64 * 4, &cursor), OK);
	gg_fill(cursor.pixels, 64, &(struct gp_rect){0, 0, 64, 64}, 0xff000000 | BLUE);
	assert_int_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
	assert_true(gg_cursor(&vm.fe, 0, 2, 200, 100, 0, 0));
	assert_true(kms_wait_pixel(0, &vm.picture, 200, 100, BLUE));
	assert_true(picture_is(&vm.picture, 200, 100, 64, 64, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, W, 100, RED));
	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_path(host, 0, "mapped", "a cursor or a label lies over the picture");
	kms_assert_on_plane(false);

	assert_true(gg_cursor(&vm.fe, 0, 0, 0, 0, 0, 0));
	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_monitor(&vm, 0, RED);
	kms_assert_on_plane(true);
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
	kms_assert_monitor(&vm, 0, GREEN);
	kms_assert_path(host, 0, "mapped", "not the size of the output");
	kms_assert_on_plane(false);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	vm_finish(&vm);
}

static void set_format(struct vm *vm, uint32_t id, uint32_t format) {
	struct virtio_gpu_ctrl_hdr response;
	struct virtio_gpu_set_scanout_blob command = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = {.width = W, .height = H},
		.resource_id = id,
		.width = W,
		.height = H,
		.format = format,
		.strides = {W * 4},
	};
	assert_int_equal(
		gg_command(&vm->fe, &command, sizeof(command), &response, sizeof(response)), OK);
}

/* The plane takes XRGB8888 and nothing else; pixman reads more. */
static void test_format(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &blob, 1, BLUE);
	set_format(&vm, 1, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM);
	const uint32_t swapped = (BLUE & 0xff) << 16 | (BLUE & 0xff00) | BLUE >> 16;
	for (unsigned i = 0; i < 10; i++) {
		vm_flush(&vm, 1, 0, 0, W, H);
	}
	kms_assert_monitor(&vm, 0, swapped);
	kms_assert_path(host, 0, "mapped", "the plane has no format XB24");
	kms_assert_on_plane(false);

	/* That says nothing about other formats. */
	vm_show(&vm, 0, 1);
	kms_assert_monitor(&vm, 0, BLUE);
	kms_assert_path(host, 0, "direct", "");
	vm_finish(&vm);
}

/* What a guest leaves in the alpha bits of its picture keeps it from no plane. */
static void test_alpha(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	start(&vm, host, NULL);
	vm_blob(&vm, &blob, 1, 0x40000000 | GREEN);
	set_format(&vm, 1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_monitor(&vm, 0, GREEN);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	vm_finish(&vm);
}

/* The kernel refuses a plane that does not cover the monitor, and that says nothing of others. */
static void test_placed(struct host *host) {
	struct vm vm;
	struct gg_blob small, whole;
	start(&vm, host, "output * {\n scaling none\n}\n");
	assert_int_equal(gg_create_blob(&vm.fe, 1, W / 2 * H / 2 * 4, &small), OK);
	gg_fill(small.pixels, W / 2, &(struct gp_rect){0, 0, W / 2, H / 2}, GREEN);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, W / 2, H / 2), OK);
	vm_flush(&vm, 1, 0, 0, W / 2, H / 2);
	assert_true(kms_wait_pixel(0, &vm.picture, W / 2, H / 2, GREEN));
	assert_true(picture_is(&vm.picture, W / 4, H / 4, W / 2, H / 2, GREEN));
	assert_true(picture_is(&vm.picture, 0, 0, W, H / 4, 0));
	kms_assert_path(host, 0, "mapped", "not the size of the output");
	kms_show_direct(&vm, &whole, 2, RED);
	vm_finish(&vm);
}

static unsigned count_refused(void) {
	FILE *file = fopen(KMS_REFUSED, "re");
	unsigned n = 0;
	for (int error; file && fscanf(file, "%d", &error) == 1; n++) {
		printf("# the kernel refused an import: %s\n", strerror(error));
	}
	if (file) {
		fclose(file);
	}
	return n;
}

/*
 * A kernel that refuses the import itself: composited in the same frame, and not asked with each,
 * nor when a plane would have to scale.
 */
static void test_import_refused(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue, small;
	unlink(KMS_REFUSED);
	host->preload = REFUSE_LIBRARY;
	kms_start(host, KMS_QEMU, NULL, NULL);
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	vm_show(&vm, 0, 1);
	kms_assert_monitor(&vm, 0, RED);
	kms_assert_path(host, 0, "mapped", "the output does not take XR24 in system memory");
	assert_int_equal(count_refused(), 1);
	int64_t mapped = kms_frames(host, 0, "mapped");
	assert_int_equal(mapped, 1);
	for (unsigned i = 0; i < 20; i++) {
		vm_show(&vm, 0, 2 - i % 2);
	}
	vm_show(&vm, 0, 2);
	kms_assert_monitor(&vm, 0, BLUE);
	assert_int_equal(count_refused(), 1);
	assert_true(kms_frames(host, 0, "mapped") > mapped);
	assert_int_equal(kms_frames(host, 0, "direct"), 0);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);

	assert_int_equal(gg_create_blob(&vm.fe, 3, W / 2 * H / 2 * 4, &small), OK);
	gg_fill(small.pixels, W / 2, &(struct gp_rect){0, 0, W / 2, H / 2}, GREEN);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 3, W / 2, H / 2), OK);
	for (unsigned i = 0; i < 20; i++) {
		vm_flush(&vm, 3, 0, 0, W / 2, H / 2);
	}
	kms_assert_monitor(&vm, 0, GREEN);
	assert_int_equal(count_refused(), 2);
	vm_finish(&vm);
}

/* A commit that fails although its test did not: no frame is lost; it is not tried for a while. */
static void test_refused(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	host->preload = REFUSE_LIBRARY;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);

	FILE *file = fopen(KMS_REFUSE, "we");
	assert_non_null(file);
	fclose(file);
	vm_show(&vm, 0, 2);
	kms_assert_monitor(&vm, 0, BLUE);
	assert_int_not_equal(access(KMS_REFUSE, F_OK), 0);
	kms_assert_path(host, 0, "mapped", "refused");
	kms_assert_on_plane(false);
	int64_t direct = kms_frames(host, 0, "direct");
	for (unsigned i = 0; i < 50; i++) {
		vm_show(&vm, 0, i % 2 + 1);
	}
	kms_assert_monitor(&vm, 0, BLUE);
	assert_int_equal(kms_frames(host, 0, "direct"), direct);

	host_sleep_ms(REFUSED_MS);
	vm_show(&vm, 0, 1);
	kms_assert_monitor(&vm, 0, RED);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	vm_finish(&vm);
}

/* A picture of the output suspends scan-out, which comes back. */
static void test_capture(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	assert_true(host_grab(host, kms_output(0), &vm.picture));
	assert_true(picture_is(&vm.picture, 0, 0, W, H, RED));
	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	vm_finish(&vm);
}

/* D12: without its card it ends, as an error: the service may have more luck with what is left. */
static void test_card_removed(struct host *host) {
	char line[256];
	unsigned errors = 0;
	kms_start(host, KMS_QEMU, NULL, NULL);
	assert_true(kms_plug(false));
	for (uint64_t end = host_now_ms() + WAIT_MS;
		host_alive(&host->compositor) && host_now_ms() < end;) {
		host_sleep_ms(10);
	}
	bool alive = host_alive(&host->compositor);
	int status = host_stop(&host->compositor);
	assert_true(kms_plug(true));
	assert_false(alive);
	assert_int_equal(status, 1);
	FILE *file = fopen(host->compositor.log, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		errors += strstr(line, " E the graphics card was removed") != NULL;
	}
	fclose(file);
	assert_int_equal(errors, 1);
}

static const struct host_case cases[] = {
	{"flip among three", test_flip, 0},
	{"pace", test_pace, 0},
	{"flush", test_flush, 0},
	{"cursor", test_cursor, 0},
	{"scaled", test_scaled, 0},
	{"format that the plane does not take", test_format, 0},
	{"alpha", test_alpha, 0},
	{"picture that does not cover the monitor", test_placed, 0},
	{"refused commit", test_refused, 0},
	{"refused import", test_import_refused, 0},
	{"capture", test_capture, 0},
	{"unplug", test_unplug, 0},
	{"another terminal", test_terminal, 0},
	{"mode", test_mode, 0},
	{"card removed", test_card_removed, 0},
};

int main(int argc, char **argv) {
	vm_export = "auto";
	return cases_run("kms", cases, sizeof(cases) / sizeof(cases[0]), argc > 2 ? argv[2] : NULL);
}

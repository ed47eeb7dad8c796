#include "tests/hostvm/kms_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void kms_start(struct host *host, const char *driver, const char *config, const char *const *args) {
	const char *argv[8] = {NULL};
	size_t argc = 0;
	char path[96];
	assert_true(kms_choose(driver));
	if (host->backend == NULL) {
		host->backend = "drm";
	}
	if (config) {
		snprintf(path, sizeof(path), "%s/test.conf", host->dir);
		FILE *file = fopen(path, "we");
		assert_non_null(file);
		fputs(config, file);
		assert_int_equal(fclose(file), 0);
		argv[argc++] = "--config";
		argv[argc++] = path;
	}
	for (size_t i = 0; args && args[i] && argc < 7; i++) {
		argv[argc++] = args[i];
	}
	assert_true(host_start_compositor(host, 1, W, H, argv));
	assert_string_equal(host_status_string(&host->compositor, "backend"), "drm");
}

int64_t kms_frames(struct host *host, unsigned output, const char *path) {
	char key[64];
	snprintf(key, sizeof(key), "outputs.%u.frames.%s", output, path);
	return host_status_number(&host->compositor, key);
}

void kms_assert_path(struct host *host, unsigned output, const char *path, const char *reason) {
	char key[32];
	snprintf(key, sizeof(key), "outputs.%u.path", output);
	assert_true(host_wait_string(&host->compositor, key, path, WAIT_MS));
	snprintf(key, sizeof(key), "outputs.%u.reason", output);
	const char *said = host_status_string(&host->compositor, key);
	if (strstr(said, reason) == NULL) {
		fail_msg("the reason is \"%s\"", said);
	}
}

void kms_assert_on_plane(bool wanted) {
	int fb = kms_plane_fb();
	assert_int_not_equal(fb, 0);
	assert_int_equal(kms_fb_is_imported(fb), wanted);
}

void kms_assert_monitor(struct vm *vm, unsigned index, uint32_t color) {
	assert_true(kms_wait_pixel(index, &vm->picture, W - 1, H - 1, color));
	assert_int_equal(vm->picture.width, W);
	assert_int_equal(vm->picture.height, H);
	assert_true(picture_is(&vm->picture, 0, 0, W, H, color));
}

void kms_show_direct(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color) {
	vm_blob(vm, blob, id, color);
	vm_show(vm, 0, id);
	kms_assert_monitor(vm, 0, color);
	kms_assert_path(vm->host, 0, "direct", "");
	kms_assert_on_plane(true);
}

void kms_wait_connected(struct vm *vm, uint32_t scanout, bool wanted) {
	uint32_t width, height;
	uint64_t end = host_now_ms() + WAIT_MS;
	while (vm_display_info(vm, scanout, &width, &height) != wanted && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_int_equal(vm_display_info(vm, scanout, &width, &height), wanted);
}

void kms_randr(struct host *host, unsigned index, const char *option, const char *value) {
	char *text;
	const char *argv[] = {"wlr-randr", "--output", kms_output(index), option, value, NULL};
	setenv("WAYLAND_DISPLAY", host->wayland_display, 1);
	int status = host_run(host, argv, &text);
	if (status != 0) {
		printf("# wlr-randr: %s\n", text);
	}
	free(text);
	assert_int_equal(status, 0);
}

bool kms_has_logged(struct host *host, const char *words) {
	char line[512];
	bool found = false;
	FILE *file = fopen(host->compositor.log, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		found = strstr(line, words) != NULL;
	}
	if (file) {
		fclose(file);
	}
	return found;
}

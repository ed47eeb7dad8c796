#include "tests/e2e/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

const char *vm_export = "copy";

bool vm_copies(void) {
	return strcmp(vm_export, "copy") == 0;
}

void vm_start(struct vm *vm, struct host *host, unsigned index, const char *const *args) {
	const char *argv[16] = {"--export", vm_export};
	for (size_t i = 0; args && args[i] && i < 13; i++) {
		argv[i + 2] = args[i];
	}
	*vm = (struct vm){.host = host, .bridge = &host->bridges[index], .index = index};
	vm->fe.socket = -1;
	assert_true(host_start_bridge(host, index, argv));
	/* What is counted depends on who was there first. */
	if (host->compositor.pid != 0) {
		assert_true(host_wait_string(vm->bridge, "display", "connected", WAIT_MS));
	}
	vm_connect(vm);
}

const char *vm_write_no_label(struct host *host) {
	static char path[96];
	snprintf(path, sizeof(path), "%s/no-label.conf", host->dir);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs("label off\n", file);
	assert_int_equal(fclose(file), 0);
	return path;
}

void vm_connect(struct vm *vm) {
	assert_true(fe_connect(&vm->fe, vm->host->vhost_sockets[vm->index], -1));
	assert_true(fe_negotiate(
		&vm->fe, 1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB));
	assert_true(fe_start(&vm->fe));
}

void vm_disconnect(struct vm *vm) {
	fe_finish(&vm->fe);
	vm->fe.socket = -1;
}

void vm_finish(struct vm *vm) {
	if (vm->fe.socket >= 0) {
		vm_disconnect(vm);
	}
	picture_finish(&vm->picture);
}

/* Pictures. */

void vm_blob(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color) {
	assert_int_equal(gg_create_blob(&vm->fe, id, SIZE, blob), OK);
	gg_fill(blob->pixels, W, &(struct gp_rect){0, 0, W, H}, color);
}

void vm_flush(struct vm *vm, uint32_t id, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	struct gp_rect rect = {x, y, width, height};
	assert_int_equal(gg_flush(&vm->fe, id, &rect, true), OK);
}

void vm_show(struct vm *vm, uint32_t scanout, uint32_t id) {
	assert_int_equal(gg_set_scanout_blob(&vm->fe, scanout, id, W, H), OK);
	vm_flush(vm, id, 0, 0, W, H);
}

void vm_show_new(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color) {
	vm_blob(vm, blob, id, color);
	vm_show(vm, 0, id);
	vm_assert_color(vm, OUTPUT, color);
}

void vm_start_color(struct vm *vm, struct host *host, unsigned index, uint32_t color) {
	struct gg_blob blob;
	vm_start(vm, host, index, NULL);
	vm_blob(vm, &blob, 1, color);
	vm_show(vm, 0, 1);
}

void vm_switch_off(struct vm *vm) {
	assert_int_equal(gg_set_scanout(&vm->fe, 0, 0, &(struct gp_rect){0}), OK);
}

void vm_assert_color(struct vm *vm, const char *output, uint32_t color) {
	assert_true(host_wait_pixel(vm->host, output, W - 1, H - 1, color, WAIT_MS, &vm->picture));
	assert_true(picture_is(&vm->picture, 0, 0, vm->picture.width, vm->picture.height, color));
}

void vm_assert_status_screen(struct vm *vm, const char *output, uint32_t color) {
	assert_true(
		host_wait_not_pixel(vm->host, output, W / 2, H / 2, color, WAIT_MS, &vm->picture));
	assert_false(picture_has(&vm->picture, color));
	/* One of many in a short time is late. */
	uint64_t end = host_now_ms() + WAIT_MS;
	while (picture_is_flat(&vm->picture) && host_now_ms() < end) {
		assert_true(host_grab(vm->host, output, &vm->picture));
		assert_false(picture_has(&vm->picture, color));
	}
	assert_false(picture_is_flat(&vm->picture));
}

void vm_assert_off(struct vm *vm, const char *output, uint32_t color) {
	char path[32];
	snprintf(path, sizeof(path), "outputs.%lu.showing",
		strtoul(strrchr(output, '-') + 1, NULL, 10) - 1);
	assert_true(host_wait_string(&vm->host->compositor, path, "off", WAIT_MS));
	assert_true(host_grab(vm->host, output, &vm->picture));
	assert_false(picture_has(&vm->picture, color));
	uint64_t end = host_now_ms() + WAIT_MS;
	while (!picture_is_flat(&vm->picture) && host_now_ms() < end) {
		assert_true(host_grab(vm->host, output, &vm->picture));
	}
	assert_true(picture_is(&vm->picture, 0, 0, vm->picture.width, vm->picture.height, 0));
}

uint32_t vm_pattern(uint32_t x, uint32_t y) {
	return (x * 7 & 0xff) << 16 | (y * 5 & 0xff) << 8 | ((x ^ y) & 0xff);
}

void vm_assert_pattern(struct vm *vm, const char *output, uint32_t dx, uint32_t dy) {
	assert_true(host_wait_pixel(vm->host, output, W - 1, H - 1,
		vm_pattern(W - 1 + dx, H - 1 + dy), WAIT_MS, &vm->picture));
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			if (picture_at(&vm->picture, x, y) != vm_pattern(x + dx, y + dy)) {
				fail_msg("pixel %u, %u is %06x, not %06x", x, y,
					picture_at(&vm->picture, x, y), vm_pattern(x + dx, y + dy));
			}
		}
	}
}

/* What the bridge says. */

void vm_load_faults(struct host *host) {
	host->preload = getenv("GUESTPANE_FAULTS");
	assert_non_null(host->preload);
}

void vm_set_fault(struct host *host, const char *name, bool on) {
	char path[96];
	snprintf(path, sizeof(path), "%s/%s", host->dir, name);
	if (!on) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
}

const struct program *vm_worker(struct vm *vm) {
	vm->worker = *vm->bridge;
	vm->worker.pid = (pid_t)host_status_number(vm->bridge, "worker_pid");
	assert_true(vm->worker.pid > 0 && vm->worker.pid != vm->bridge->pid);
	return &vm->worker;
}

int64_t vm_counter(struct vm *vm, const char *name) {
	char path[64];
	snprintf(path, sizeof(path), "counters.%s", name);
	int64_t value = host_status_number(vm->bridge, path);
	assert_true(value >= 0);
	return value;
}

void vm_edid_size(struct vm *vm, uint32_t scanout, uint32_t *width, uint32_t *height) {
	struct virtio_gpu_cmd_get_edid command = {
		.hdr.type = VIRTIO_GPU_CMD_GET_EDID, .scanout = scanout};
	struct virtio_gpu_resp_edid response = {0};
	assert_int_equal(
		gg_command(&vm->fe, &command, sizeof(command), &response, sizeof(response)),
		VIRTIO_GPU_RESP_OK_EDID);
	assert_true(response.size >= 128 && response.size <= 1024);
	/* The preferred mode is the first detailed timing, if there is one. */
	const uint8_t *timing = response.edid + 54;
	assert_true(timing[0] != 0 || timing[1] != 0);
	*width = timing[2] | (uint32_t)(timing[4] & 0xf0) << 4;
	*height = timing[5] | (uint32_t)(timing[7] & 0xf0) << 4;
}

bool vm_display_info(struct vm *vm, uint32_t scanout, uint32_t *width, uint32_t *height) {
	struct virtio_gpu_ctrl_hdr command = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct virtio_gpu_resp_display_info response = {0};
	assert_int_equal(
		gg_command(&vm->fe, &command, sizeof(command), &response, sizeof(response)),
		VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	*width = response.pmodes[scanout].r.width;
	*height = response.pmodes[scanout].r.height;
	return response.pmodes[scanout].enabled;
}

/* The group. */

static void no_udmabuf(struct host *host) {
	case_skip(host, "no /dev/udmabuf: the suite hostvm has these cases");
}

int vm_main(const char *group, const struct host_case *cases, size_t n, int argc, char **argv) {
	static const struct host_case skipped[] = {{"udmabuf", no_udmabuf, 0}};
	const char *given = argc > 1 ? argv[1] : getenv("GUESTPANE_EXPORT");
	if (given != NULL) {
		vm_export = given;
	}
	if (!vm_copies() && access("/dev/udmabuf", R_OK | W_OK) != 0) {
		return cases_run(group, skipped, 1, NULL);
	}
	return cases_run(group, cases, n, argc > 2 ? argv[2] : NULL);
}

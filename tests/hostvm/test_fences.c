/*
 * C3, B9, D15: a GPU that still reads a buffer when nobody shows it any more. vgem plays it; what the
 * compositor itself draws here is read by the CPU.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"
#include "tests/hostvm/fence.h"
#include "tests/protocol/client.h"

#define STILL_MS 150 // how long nothing has to happen
#define HOLD_MS 45 // GP_PACER_HOLD_MAX_NS
#define TRIES 20

/* A bridge of our own with two buffers, of which the first is shown. */
struct scene {
	struct host *host;
	struct client client;
	struct scanout scanout;
	struct blob blobs[2];
	struct buffer buffers[2];
	struct picture picture;
};

static void make_buffer(
	struct scene *scene, struct guest_v1 *guest, unsigned index, uint32_t color) {
	uint32_t *pixels = NULL;
	int fd = fence_create_udmabuf(SIZE, &pixels);
	assert_true(fd >= 0);
	struct blob *blob = &scene->blobs[index];
	assert_true(blob_create_fd(blob, guest, fd, SIZE, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF, NULL));
	blob->pixels = pixels;
	gg_fill(pixels, W, &(struct gp_rect){0, 0, W, H}, color);
	buffer_create(&scene->buffers[index], blob, 1, W, H);
}

static void show(struct scene *scene, unsigned index, uint32_t color) {
	scanout_commit(&scene->scanout, &scene->buffers[index]);
	assert_true(client_sync(&scene->client));
	assert_true(host_wait_pixel(
		scene->host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &scene->picture));
}

static void start(struct scene *scene, struct host *host) {
	*scene = (struct scene){.host = host};
	assert_true(client_connect(&scene->client, host->bridge_socket));
	struct guest_v1 *guest = client_guest(&scene->client, "vm");
	guest_v1_set_state(guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&scene->scanout, &scene->client, guest, 0);
	make_buffer(scene, guest, 0, RED);
	make_buffer(scene, guest, 1, BLUE);
	show(scene, 0, RED);
}

static void finish(struct scene *scene) {
	blob_finish(&scene->blobs[0]);
	blob_finish(&scene->blobs[1]);
	client_finish(&scene->client);
	picture_finish(&scene->picture);
}

static void assert_still(struct scene *scene, const unsigned *number, unsigned value) {
	assert_true(client_sync(&scene->client));
	host_sleep_ms(STILL_MS);
	assert_true(client_sync(&scene->client));
	assert_int_equal(*number, value);
}

static void assert_now(struct scene *scene, const unsigned *number, unsigned value) {
	assert_true(client_wait(&scene->client, number, value, WAIT_MS));
	assert_int_equal(*number, value);
}

static void test_release(struct host *host) {
	struct scene scene;
	struct fence fence;
	const unsigned *releases = &scene.buffers[0].releases;
	start(&scene, host);
	assert_true(fence_hold(&fence, scene.blobs[0].fd));
	show(&scene, 1, BLUE); // what replaces it does not wait
	assert_still(&scene, releases, 0);
	assert_true(fence_signal(&fence));
	assert_now(&scene, releases, 1);
	/* Without a fence it comes with the next frame. */
	show(&scene, 0, RED);
	show(&scene, 1, BLUE);
	assert_now(&scene, releases, 2);
	fence_finish(&fence);
	finish(&scene);
}

/* It is used again, so it is not released though the GPU has read what it was. */
static void test_shown_again(struct host *host) {
	struct scene scene;
	struct fence fence;
	const unsigned *releases = &scene.buffers[0].releases;
	start(&scene, host);
	assert_true(fence_hold(&fence, scene.blobs[0].fd));
	show(&scene, 1, BLUE);
	show(&scene, 0, RED);
	assert_true(fence_signal(&fence));
	assert_still(&scene, releases, 0);
	show(&scene, 1, BLUE);
	assert_now(&scene, releases, 1);
	fence_finish(&fence);
	finish(&scene);
}

static void test_revoked(struct host *host) {
	struct scene scene;
	struct fence fence;
	struct blob *blob = &scene.blobs[0];
	start(&scene, host);
	assert_true(fence_hold(&fence, blob->fd));
	guest_blob_v1_revoke(blob->proxy);
	assert_still(&scene, &blob->n_revoked, 0);
	assert_int_equal(scene.buffers[0].releases, 0);
	assert_true(host_grab(host, OUTPUT, &scene.picture)); // gone from the output all the same
	assert_false(picture_has(&scene.picture, RED));
	assert_true(fence_signal(&fence));
	assert_now(&scene, &blob->n_revoked, 1);
	assert_now(&scene, &scene.buffers[0].releases, 1);
	show(&scene, 1, BLUE);
	fence_finish(&fence);
	finish(&scene);
}

/* Who does not wait for the GPU, or ends, leaves nothing behind in the compositor. */
static void test_destroyed(struct host *host) {
	struct scene scene;
	struct fence fence;
	unsigned fds = 0;
	for (unsigned i = 0; i < 8; i++) {
		start(&scene, host);
		assert_true(fence_hold(&fence, scene.blobs[0].fd));
		if ((i & 1) != 0) {
			guest_blob_v1_revoke(scene.blobs[0].proxy);
		}
		show(&scene, 1, BLUE);
		if ((i & 2) != 0) {
			buffer_destroy(&scene.buffers[0]);
			guest_blob_v1_destroy(scene.blobs[0].proxy);
			scene.blobs[0].proxy = NULL;
			assert_true(client_sync(&scene.client));
		}
		finish(&scene);
		if (i < 4) { // each way has been once, with all that is made once
			fds = host_count_fds(&host->compositor);
		} else {
			assert_true(host_wait_fds(&host->compositor, fds, WAIT_MS));
		}
		assert_true(fence_signal(&fence));
		fence_finish(&fence);
	}
}

/* The guest. */

/* Shows the blob, whose dma-buf is the only one that the compositor got meanwhile. */
static int show_new(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color) {
	int before[8], after[8];
	int n_before = fence_find_dmabufs(vm->host->compositor.pid, before, 8);
	vm_show_new(vm, blob, id, color);
	int n_after = fence_find_dmabufs(vm->host->compositor.pid, after, 8), found = -1;
	for (int i = 0; i < n_after; i++) {
		bool known = false;
		for (int j = 0; j < n_before; j++) {
			known = known || before[j] == after[i];
		}
		found = known ? found : after[i];
	}
	assert_true(found >= 0);
	int fd = fence_copy_fd(vm->host->compositor.pidfd, found);
	assert_true(fd >= 0);
	return fd;
}

static int send_flush(struct vm *vm, uint32_t id) {
	const struct virtio_gpu_resource_flush flush = {
		.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
			.flags = VIRTIO_GPU_FLAG_FENCE,
			.fence_id = 1},
		.r = {0, 0, W, H},
		.resource_id = id,
	};
	return gg_send(&vm->fe, &flush, sizeof(flush));
}

static bool is_replied(struct vm *vm, int head, int timeout_ms) {
	struct virtio_gpu_ctrl_hdr response;
	int used = fe_wait_used(&vm->fe, 0, &response, sizeof(response), NULL, timeout_ms);
	if (used < 0) {
		return false;
	}
	assert_int_equal(used, head);
	assert_int_equal(response.type, OK);
	return true;
}

/* C3: the guest has its buffer back when the GPU has read it. */
static void test_reply(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	struct fence fence;
	vm_start(&vm, host, 0, NULL);
	int blue_fd = show_new(&vm, &blue, 2, BLUE);
	int red_fd = show_new(&vm, &red, 1, RED);
	/* A try counts if the fence is signalled before the reply may come without that. */
	bool counts = false;
	for (unsigned i = 0; i < TRIES && !counts; i++) {
		host_sleep_ms(100); // the schedule has no part in it
		assert_true(fence_hold(&fence, red_fd));
		assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 2, W, H), OK);
		int64_t before = vm_counter(&vm, "replies.release");
		uint64_t start_ms = host_now_ms();
		int head = send_flush(&vm, 2);
		bool early = is_replied(&vm, head, 25);
		uint64_t early_ms = host_now_ms() - start_ms;
		assert_true(fence_signal(&fence));
		uint64_t signal_ms = host_now_ms() - start_ms;
		assert_true(early || is_replied(&vm, head, WAIT_MS));
		printf("# %s after %u ms, signalled after %u\n", early ? "replied" : "no reply",
			(unsigned)early_ms, (unsigned)signal_ms);
		assert_true(!early || early_ms >= HOLD_MS);
		counts = !early && signal_ms < HOLD_MS;
		if (counts) {
			assert_int_equal(vm_counter(&vm, "replies.release"), before + 1);
		}
		fence_finish(&fence);
		vm_show(&vm, 0, 1);
	}
	assert_true(counts);
	close(red_fd);
	close(blue_fd);
	vm_finish(&vm);
}

/* C3: but a GPU that hangs does not stop the guest, and each time that is counted. */
static void test_bound(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	struct fence fence;
	vm_start(&vm, host, 0, NULL);
	int blue_fd = show_new(&vm, &blue, 2, BLUE);
	int red_fd = show_new(&vm, &red, 1, RED);
	assert_true(fence_hold(&fence, red_fd));
	host_sleep_ms(100);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 2, W, H), OK);
	int64_t timeouts = vm_counter(&vm, "replies.timeout");
	uint64_t start_ms = host_now_ms();
	int head = send_flush(&vm, 2);
	assert_true(is_replied(&vm, head, WAIT_MS));
	uint64_t took_ms = host_now_ms() - start_ms;
	printf("# replied after %u ms\n", (unsigned)took_ms);
	assert_true(took_ms >= HOLD_MS - 1); // of another clock's millisecond
	assert_int_equal(vm_counter(&vm, "replies.timeout"), timeouts + 1);
	/* It draws on, also into that buffer. */
	for (unsigned i = 0; i < 6; i++) {
		gg_fill(red.pixels, W, &(struct gp_rect){0, 0, W, H}, GREEN);
		vm_show(&vm, 0, 1 + i % 2);
	}
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, OUTPUT, GREEN);
	assert_true(fence_signal(&fence));
	fence_finish(&fence);
	vm_show(&vm, 0, 2);
	int64_t releases = vm_counter(&vm, "releases");
	timeouts = vm_counter(&vm, "replies.timeout");
	for (unsigned i = 0; i < 6; i++) {
		host_sleep_ms(20);
		vm_show(&vm, 0, 1 + i % 2);
	}
	assert_int_equal(vm_counter(&vm, "replies.timeout"), timeouts);
	assert_true(vm_counter(&vm, "releases") >= releases + 5);
	close(red_fd);
	close(blue_fd);
	vm_finish(&vm);
}

/*
 * B9: it takes the memory back from a GPU that hangs. The guest goes on after 50 ms, and the bridge
 * without that compositor, which it finds again.
 */
static void test_detach(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	struct fence fence;
	vm_start(&vm, host, 0, NULL);
	int red_fd = show_new(&vm, &red, 1, RED);
	assert_true(fence_hold(&fence, red_fd));
	int64_t connections = vm_counter(&vm, "display_connections");
	uint64_t start_ms = host_now_ms();
	assert_int_equal(gg_detach(&vm.fe, 1), OK);
	uint64_t took_ms = host_now_ms() - start_ms;
	printf("# detached after %u ms\n", (unsigned)took_ms);
	assert_true(took_ms >= 49);
	assert_int_equal(vm_counter(&vm, "late_revokes"), 1);
	assert_int_equal(gg_unref(&vm.fe, 1), OK);
	assert_true(host_wait_number(
		vm.bridge, "counters.display_connections", connections + 1, WAIT_MS));
	vm_show_new(&vm, &blue, 2, BLUE);
	assert_true(fence_signal(&fence));
	fence_finish(&fence);
	close(red_fd);

	/* One that only needs a moment costs no more than that. */
	red_fd = show_new(&vm, &red, 3, RED);
	assert_int_equal(gg_detach(&vm.fe, 3), OK);
	assert_int_equal(vm_counter(&vm, "late_revokes"), 1);
	close(red_fd);
	vm_finish(&vm);
}

static const struct host_case cases[] = {
	{"release", test_release, 1},
	{"shown again", test_shown_again, 1},
	{"revoked", test_revoked, 1},
	{"destroyed", test_destroyed, 1},
	{"the guest's reply", test_reply, 1},
	{"the bound of the reply", test_bound, 1},
	{"memory that the guest takes back", test_detach, 1},
};

int main(int argc, char **argv) {
	return vm_main("fences", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

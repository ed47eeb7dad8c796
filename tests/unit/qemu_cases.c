#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/socket.h"
#include "tests/unit/qemu_cases.h"

struct qemu_test t;

int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);
int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);

int __wrap_fstatfs64(int fd, struct statfs *fs) {
	int result = __real_fstatfs64(fd, fs);
	if (t.are_dmabufs) {
		fs->f_type = DMA_BUF_MAGIC;
	}
	return result;
}

/* They need no synchronization then. */
int __wrap_ioctl(int fd, unsigned long request, void *argument) {
	return request == DMA_BUF_IOCTL_SYNC ? 0 : __real_ioctl(fd, request, argument);
}

static void handle_buffer_released(void *data, uint32_t scanout) {
	gp_qemu_buffer_released(&t.qemu, scanout);
}

static void handle_memory_revoked(void *data, uint64_t memory_id, uint64_t token) {
}

static const struct gp_presenter_events presenter_events = {
	.buffer_released = handle_buffer_released,
	.memory_revoked = handle_memory_revoked,
};

static void handle_revoked(void *data, void *user) {
	gp_presenter_revoked(&t.presenter, user);
}

static void handle_state(void *data, enum gp_client_vm_state state) {
	t.state = state;
}

static void handle_reset(void *data) {
	t.n_resets++;
}

static void handle_leds(void *data, uint32_t leds) {
	t.leds = leds;
}

static const struct gp_qemu_source_events events = {
	.state = handle_state,
	.reset = handle_reset,
	.leds = handle_leds,
};

int setup_unconnected(void **state) {
	memset(&t, 0, sizeof(t));
	gp_log_init("test", GP_LOG_SILENT);
	t.loop = wl_event_loop_create();
	t.client.connected = true;
	t.client.revoked = handle_revoked;
	t.fake.n_consoles = 1;
	t.fake.absolute = true;
	return 0;
}

static int open_socket(void *data) {
	return gp_socket_connect(data);
}

static bool open_pair(void *data, int fds[2]) {
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0;
}

void start(const struct gp_qemu_address *description, uint32_t n_scanouts) {
	struct gp_qemu_address address = *description;
	address.opener = (struct gp_qemu_opener){
		.connect = open_socket,
		.pair = open_pair,
		.data = (void *)address.text,
	};
	gp_presenter_init(&t.presenter, &t.client, n_scanouts, &presenter_events, NULL);
	for (uint32_t i = 0; i < n_scanouts; i++) {
		gp_presenter_visibility(&t.presenter, i, true);
	}
	gp_qemu_start_watch(&t.qemu, NULL);
	assert_true(gp_qemu_init(&t.qemu, t.loop, &address, &t.client, &t.presenter, n_scanouts,
		false, &events, NULL));
}

int setup(void **state) {
	setup_unconnected(state);
	start(&(struct gp_qemu_address){GP_QEMU_FD, NULL, fake_qemu_start(&t.fake)}, 1);
	WAIT(t.qemu.consoles[0].registration == GP_QEMU_REGISTERED);
	WAIT(t.fake.n_introspected == 3);
	return 0;
}

int teardown(void **state) {
	gp_qemu_finish(&t.qemu);
	fake_client_finish(&t.client);
	gp_presenter_finish(&t.presenter);
	fake_qemu_stop(&t.fake);
	wl_event_loop_destroy(t.loop);
	return 0;
}

void turn(void) {
	fake_qemu_process(&t.fake);
	gp_qemu_process(&t.qemu);
	gp_presenter_end_turn(&t.presenter);
	gp_qemu_end_turn(&t.qemu);
	/* The compositor acknowledges at once. */
	void *user;
	while ((user = fake_client_revoke_one(&t.client)) != NULL) {
		gp_presenter_revoked(&t.presenter, user);
	}
	wl_event_loop_dispatch(t.loop, 1);
}

void turns(void) {
	for (unsigned i = 0; i < 8; i++) {
		turn();
	}
}

int make_file(size_t size, uint8_t value) {
	int fd = memfd_create("displaysurface", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	memset(map, value, size);
	munmap(map, size);
	return fd;
}

void scanout_map(int fd) {
	unsigned before = t.fake.n_replies;
	fake_qemu_call(&t.fake, 0, "Unix.Map", "ScanoutMap", "huuuuu", fd, 0, W, H, W * 4,
		PIXMAN_X8R8G8B8);
	WAIT(t.fake.n_replies > before);
}

void scanout_dmabuf2(int fd) {
	fake_qemu_call(&t.fake, 0, "Unix.ScanoutDMABUF2", "ScanoutDMABUF2", "ahuuuuauauuuuutb", 1,
		fd, 0, 0, W, H, 1, 0, 1, W * 4, 1, DRM_FORMAT_XRGB8888, W, H,
		DRM_FORMAT_MOD_INVALID, 0);
}

void assert_shown(uint8_t value) {
	assert_non_null(t.client.buffer);
	for (uint64_t at = 0; at < SIZE; at += 4) {
		assert_int_equal(fake_client_read(t.client.buffer, at), value);
	}
}

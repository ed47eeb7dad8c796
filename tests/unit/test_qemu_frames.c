/* What QEMU shows, and what of it the compositor gets (behaviour F1, F2, F4, F5). */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <drm_fourcc.h>

#include "common/clock.h"
#include "common/sigbus.h"
#include "tests/unit/qemu_cases.h"

static void call_and_wait(const char *member, int32_t x, int32_t y, int32_t w, int32_t h) {
	unsigned before = t.fake.n_replies;
	const char *unix_interface = strcmp(member, "UpdateMap") == 0 ? "Unix.Map" : NULL;
	fake_qemu_call(&t.fake, 0, unix_interface, member, "iiii", x, y, w, h);
	WAIT(t.fake.n_replies > before);
}

static void test_map(void **state) {
	int fd = make_file(SIZE, 1);
	scanout_map(fd);
	assert_int_equal(t.fake.n_errors, 0);
	turns();
	/* Without an update. */
	assert_int_equal(t.client.n_shown, 1);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	assert_shown(1);
	assert_int_equal(t.presenter.bytes_copied, SIZE);
	/* Damage alone is copied. */
	const uint8_t row[16] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
	assert_int_equal(pwrite(fd, row, sizeof(row), 3 * W * 4), sizeof(row));
	t.client.buffer->busy = false;
	call_and_wait("UpdateMap", 0, 3, 4, 1);
	turns();
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(t.presenter.bytes_copied, SIZE + sizeof(row));
	assert_int_equal(t.client.damage.y, 3);
	assert_int_equal(t.client.damage.width, 4);
	assert_int_equal(fake_client_read(t.client.buffer, 3 * W * 4), 2);
	close(fd);
}

/* What lies outside is no damage, and does no harm. */
static void test_hostile_damage(void **state) {
	int fd = make_file(SIZE, 1);
	scanout_map(fd);
	turns();
	static const int32_t rows[][4] = {
		{-5, -5, 2, 2},
		{0, 0, 0, 0},
		{0, 0, -1, -1},
		{INT32_MIN, 0, INT32_MAX, 4},
		{INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX},
		{W, 0, 1, 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		call_and_wait("UpdateMap", rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
	}
	turns();
	assert_int_equal(t.client.n_shown, 1);
	t.client.buffer->busy = false;
	call_and_wait("UpdateMap", -10, -10, INT32_MAX, INT32_MAX);
	turns();
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(t.client.damage.width, W);
	assert_int_equal(t.client.damage.height, H);
	close(fd);
}

static void map_refused(
	int fd, uint32_t offset, uint32_t w, uint32_t h, uint32_t stride, uint32_t format) {
	unsigned errors = t.fake.n_errors;
	fake_qemu_call(
		&t.fake, 0, "Unix.Map", "ScanoutMap", "huuuuu", fd, offset, w, h, stride, format);
	WAIT(t.fake.n_errors > errors);
}

/* QEMU 11.1 passes its standard input for a blob without GL, and then sends bytes. */
static void test_wrong_files(void **state) {
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	map_refused(fds[0], 0, W, H, W * 4, PIXMAN_X8R8G8B8);
	assert_string_equal(t.fake.error, "the descriptor is neither a memory file nor a dma-buf");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	map_refused(null, 0, W, H, W * 4, PIXMAN_X8R8G8B8);
	int fd = make_file(SIZE - 1, 1);
	map_refused(fd, 0, W, H, W * 4, PIXMAN_X8R8G8B8);
	assert_string_equal(t.fake.error, "the image does not fit into its file");
	map_refused(fd, UINT32_MAX, W, H, W * 4, PIXMAN_X8R8G8B8);
	map_refused(fd, 0, W, 1, 4, PIXMAN_X8R8G8B8);
	map_refused(fd, 0, 0, 0, 0, PIXMAN_X8R8G8B8);
	map_refused(fd, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX, PIXMAN_X8R8G8B8);
	map_refused(fd, 0, W, H, W * 4, 0x12345678);
	turns();
	assert_int_equal(t.client.n_shown, 0);
	assert_int_equal(t.qemu.memories.n, 0);

	uint8_t bytes[SIZE];
	memset(bytes, 7, sizeof(bytes));
	unsigned before = t.fake.n_replies;
	fake_qemu_call_bytes(
		&t.fake, 0, "Scanout", bytes, sizeof(bytes), "uuuu", W, H, W * 4, PIXMAN_X8R8G8B8);
	WAIT(t.fake.n_replies > before);
	turns();
	assert_shown(7);
	close(fds[0]);
	close(fds[1]);
	close(null);
	close(fd);
}

static void bytes_refused(const char *member, size_t size) {
	uint8_t bytes[SIZE] = {0};
	unsigned errors = t.fake.n_errors;
	if (strcmp(member, "Scanout") == 0) {
		fake_qemu_call_bytes(
			&t.fake, 0, member, bytes, size, "uuuu", W, H, W * 4, PIXMAN_X8R8G8B8);
	} else {
		fake_qemu_call_bytes(&t.fake, 0, member, bytes, size, "iiiiuu", W - 2, 0, 4, 4, 16,
			PIXMAN_X8R8G8B8);
	}
	WAIT(t.fake.n_errors > errors);
}

static void test_bytes(void **state) {
	bytes_refused("Scanout", SIZE - 1);
	bytes_refused("Scanout", 0);
	bytes_refused("Update", 64); // there is nothing to be updated
	uint8_t bytes[W * H * 2];
	memset(bytes, 0xff, sizeof(bytes));
	fake_qemu_call_bytes(
		&t.fake, 0, "Scanout", bytes, sizeof(bytes), "uuuu", W, H, W * 2, PIXMAN_R5G6B5);
	WAIT(t.client.n_shown == 1);
	assert_int_equal(t.client.buffer->layout.format, DRM_FORMAT_XRGB8888);
	assert_int_equal(fake_client_read(t.client.buffer, SIZE - 2), 0xff);
	bytes_refused("Update", 64); // beyond the edge
	const uint8_t part[4] = {0};
	t.client.buffer->busy = false;
	fake_qemu_call_bytes(
		&t.fake, 0, "Update", part, sizeof(part), "iiiiuu", 1, 1, 2, 1, 4, PIXMAN_R5G6B5);
	WAIT(t.client.n_shown == 2);
	assert_int_equal(fake_client_read(t.client.buffer, W * 4 + 4), 0);
	assert_int_equal(fake_client_read(t.client.buffer, W * 4 + 12), 0xff);
	assert_int_equal(t.client.damage.width, 2);
	/* Memory takes the place of bytes, which are forgotten. */
	int fd = make_file(SIZE, 3);
	scanout_map(fd);
	turns();
	assert_shown(3);
	assert_int_equal(t.qemu.memories.n, 1);
	close(fd);
}

/* QEMU's memory has no seal against it. */
static void test_shrinks(void **state) {
	gp_sigbus_catch(); // cmocka has its own handler before each test
	int fd = make_file(SIZE, 5);
	scanout_map(fd);
	turns();
	unsigned faults = gp_sigbus_count();
	assert_int_equal(ftruncate(fd, 0), 0);
	t.client.buffer->busy = false;
	call_and_wait("UpdateMap", 0, 0, W, H);
	turns();
	assert_int_equal(t.client.n_shown, 2);
	assert_true(gp_sigbus_count() > faults);
	assert_shown(0);
	close(fd);
}

/* dma-bufs are handed on, and each is imported once. */
static void test_dmabufs(void **state) {
	int fds[3];
	t.are_dmabufs = true;
	for (unsigned i = 0; i < 3; i++) {
		fds[i] = make_file(SIZE, (uint8_t)(10 + i));
	}
	t.client.releases = true;
	for (unsigned i = 0; i < 60; i++) {
		unsigned before = t.client.n_shown, replies = t.fake.n_replies;
		scanout_dmabuf2(fds[i % 3]);
		fake_qemu_call(&t.fake, 0, NULL, "Disable", "");
		fake_qemu_call(&t.fake, 0, NULL, "UpdateDMABUF", "iiii", 0, 0, W, H);
		WAIT(t.fake.n_replies >= replies + 3);
		assert_true(t.client.n_shown > before);
		assert_shown((uint8_t)(10 + i % 3));
		gp_presenter_released(&t.presenter, NULL);
	}
	assert_int_equal(t.client.n_blobs, 3);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
	assert_int_equal(t.client.buffer->layout.modifier, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(t.presenter.bytes_copied, 0);
	assert_int_equal(t.fake.n_errors, 0);
	for (unsigned i = 0; i < 3; i++) {
		close(fds[i]);
	}
}

/* A dma-buf is one, whatever method brings it. */
static void test_dmabuf_by_map(void **state) {
	t.are_dmabufs = true;
	int fd = make_file(SIZE, 9);
	scanout_map(fd);
	turns();
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
	close(fd);
}

/* A texture is a new one for each flip: what is kept of them has a bound. */
static void test_bound(void **state) {
	t.are_dmabufs = true;
	t.client.releases = true;
	for (unsigned i = 0; i < 100; i++) {
		int fd = make_file(SIZE, (uint8_t)i);
		unsigned before = t.client.n_shown;
		scanout_dmabuf2(fd);
		WAIT(t.client.n_shown > before);
		assert_shown((uint8_t)i);
		close(fd);
		assert_true(t.qemu.memories.n <= GP_QEMU_MEMORIES_MAX);
	}
}

static void test_flipped(void **state) {
	t.are_dmabufs = true;
	int fd = make_file(SIZE, 1);
	const uint8_t pixel = 99;
	assert_int_equal(pwrite(fd, &pixel, 1, (H - 1) * W * 4), 1);
	fake_qemu_call(&t.fake, 0, NULL, "ScanoutDMABUF", "huuuutb", fd, W, H, W * 4,
		DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 1);
	WAIT(t.client.n_shown == 1);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	assert_int_equal(fake_client_read(t.client.buffer, 0), 99);
	close(fd);
}

static void dmabuf_refused(int fd, uint32_t n_planes, uint32_t fourcc, uint64_t modifier) {
	unsigned errors = t.fake.n_errors;
	fake_qemu_call(&t.fake, 0, "Unix.ScanoutDMABUF2", "ScanoutDMABUF2", "ahuuuuauauuuuutb", 1,
		fd, 0, 0, W, H, 1, 0, 1, W * 4, n_planes, fourcc, W, H, modifier, 0);
	WAIT(t.fake.n_errors > errors);
}

static void test_hostile_dmabufs(void **state) {
	t.are_dmabufs = true;
	int fd = make_file(SIZE, 1);
	dmabuf_refused(fd, 2, DRM_FORMAT_XRGB8888, 0);
	dmabuf_refused(fd, 0, DRM_FORMAT_XRGB8888, 0);
	dmabuf_refused(fd, 1, DRM_FORMAT_NV12, 0);
	/* Arrays of another length than there are planes. */
	unsigned errors = t.fake.n_errors;
	fake_qemu_call(&t.fake, 0, "Unix.ScanoutDMABUF2", "ScanoutDMABUF2", "ahuuuuauauuuuutb", 0,
		0, 0, W, H, 0, 0, 1, DRM_FORMAT_XRGB8888, W, H, 0, 0);
	WAIT(t.fake.n_errors > errors);
	errors = t.fake.n_errors;
	fake_qemu_call(&t.fake, 0, "Unix.ScanoutDMABUF2", "ScanoutDMABUF2", "ahuuuuauauuuuutb", 6,
		fd, fd, fd, fd, fd, fd, 0, 0, W, H, 1, 0, 1, W * 4, 1, DRM_FORMAT_XRGB8888, W, H, 0,
		0);
	WAIT(t.fake.n_errors > errors);
	errors = t.fake.n_errors;
	fake_qemu_call(&t.fake, 0, "Unix.ScanoutDMABUF2", "ScanoutDMABUF2", "ahuuuuauauuuuutb", 1,
		fd, 0, 0, W, H, 5, 0, 0, 0, 0, 0, 1, W * 4, 1, DRM_FORMAT_XRGB8888, W, H, 0, 0);
	WAIT(t.fake.n_errors > errors);
	/* A part of it that lies outside. */
	errors = t.fake.n_errors;
	fake_qemu_call(&t.fake, 0, "Unix.ScanoutDMABUF2", "ScanoutDMABUF2", "ahuuuuauauuuuutb", 1,
		fd, 1, 0, W, H, 1, 0, 1, W * 4, 1, DRM_FORMAT_XRGB8888, W, H, 0, 0);
	WAIT(t.fake.n_errors > errors);
	/* Not what the signature says: sd-bus replies. */
	errors = t.fake.n_errors;
	fake_qemu_call(&t.fake, 0, "Unix.Map", "ScanoutMap", "s", "nonsense");
	WAIT(t.fake.n_errors > errors);
	assert_int_equal(t.client.n_shown, 0);
	close(fd);
}

/* What is seen of a buffer that is known is checked as well. */
static void test_hostile_part(void **state) {
	t.are_dmabufs = true;
	int fd = make_file(SIZE, 1);
	scanout_dmabuf2(fd);
	WAIT(t.client.n_shown == 1);
	unsigned errors = t.fake.n_errors;
	fake_qemu_call(&t.fake, 0, "Unix.ScanoutDMABUF2", "ScanoutDMABUF2", "ahuuuuauauuuuutb", 1,
		fd, 0, 0, W, H + 1, 1, 0, 1, W * 4, 1, DRM_FORMAT_XRGB8888, W, H, 0, 0);
	WAIT(t.fake.n_errors > errors);
	assert_int_equal(t.client.n_shown, 1);
	close(fd);
}

/* Replies to UpdateDMABUF */

static uint64_t time_reply(unsigned replies) {
	uint64_t start_ns = gp_now_ns();
	fake_qemu_call(&t.fake, 0, NULL, "UpdateDMABUF", "iiii", 0, 0, W, H);
	WAIT(t.fake.n_replies > replies);
	return gp_now_ns() - start_ns;
}

/* Two buffers, of which the second is shown, and the first is still read. */
static void show_two(int fds[2]) {
	t.are_dmabufs = true;
	for (unsigned i = 0; i < 2; i++) {
		fds[i] = make_file(SIZE, (uint8_t)i);
		scanout_dmabuf2(fds[i]);
		WAIT(t.client.n_shown == i + 1);
	}
	WAIT(t.fake.n_replies == 2);
}

static void test_reply_limit(void **state) {
	int fds[2];
	show_two(fds);
	uint64_t ns = time_reply(2);
	assert_uint_in_range(ns, 35000000, 250000000);
	assert_int_equal(t.qemu.consoles[0].surface.n_late_replies, 1);
	close(fds[0]);
	close(fds[1]);
}

static void test_reply_at_release(void **state) {
	int fds[2];
	show_two(fds);
	fake_qemu_call(&t.fake, 0, NULL, "UpdateDMABUF", "iiii", 0, 0, W, H);
	turns();
	assert_int_equal(t.fake.n_replies, 2);
	gp_presenter_released(&t.presenter, &t.client.buffers[0]);
	WAIT(t.fake.n_replies == 3);
	assert_int_equal(t.qemu.consoles[0].surface.n_late_replies, 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_reply_hidden(void **state) {
	int fds[2];
	show_two(fds);
	gp_presenter_visibility(&t.presenter, 0, false);
	assert_true(time_reply(2) < 35000000);
	close(fds[0]);
	close(fds[1]);
}

/* Nothing else paces a guest without a clock of its own. */
static void test_reply_rate(void **state) {
	int fds[2];
	show_two(fds);
	t.client.releases = true;
	gp_qemu_surface_set_refresh(&t.qemu.consoles[0].surface, 100000);
	uint64_t start_ns = gp_now_ns();
	for (unsigned i = 0; i < 30; i++) {
		unsigned replies = t.fake.n_replies;
		scanout_dmabuf2(fds[i % 2]);
		gp_presenter_released(&t.presenter, NULL);
		fake_qemu_call(&t.fake, 0, NULL, "UpdateDMABUF", "iiii", 0, 0, W, H);
		while (t.fake.n_replies < replies + 2) {
			gp_presenter_released(&t.presenter, &t.client.buffers[0]);
			gp_presenter_released(&t.presenter, &t.client.buffers[1]);
			turn();
		}
	}
	assert_true(gp_now_ns() - start_ns >= 28 * 10000000ull);
	close(fds[0]);
	close(fds[1]);
}

/* Disable */

static void test_disable(void **state) {
	int fd = make_file(SIZE, 1);
	scanout_map(fd);
	turns();
	assert_non_null(t.client.buffer);
	uint64_t start_ns = gp_now_ns();
	fake_qemu_call(&t.fake, 0, NULL, "Disable", "");
	WAIT(t.client.buffer == NULL);
	assert_true(gp_now_ns() - start_ns >= 20000000);
	uint32_t width, height;
	assert_false(gp_qemu_surface_get_size(&t.qemu.consoles[0].surface, &width, &height));
	/* It comes back. */
	scanout_map(fd);
	turns();
	assert_shown(1);
	/* An update after it says that it was not meant so. */
	fake_qemu_call(&t.fake, 0, NULL, "Disable", "");
	call_and_wait("UpdateMap", 0, 0, 1, 1);
	for (unsigned i = 0; i < 60; i++) {
		turn();
	}
	assert_non_null(t.client.buffer);
	close(fd);
}

/* Cursor */

static void define(int32_t w, int32_t h, size_t size) {
	static uint8_t bytes[130 * 130 * 4];
	unsigned before = t.fake.n_replies;
	memset(bytes, 0x80, sizeof(bytes));
	fake_qemu_call_bytes(&t.fake, 0, "CursorDefine", bytes, size, "iiii", w, h, 3, 200);
	WAIT(t.fake.n_replies > before);
}

static void test_cursor(void **state) {
	fake_qemu_call(&t.fake, 0, NULL, "MouseSet", "iii", -4, 5, 1);
	define(32, 16, 32 * 16 * 4);
	turns();
	assert_true(t.client.has_cursor);
	assert_int_equal(t.client.cursor_x, -4);
	assert_int_equal(t.client.cursor[0], 0x80808080);
	assert_int_equal(t.client.cursor[32], 0);
	assert_int_equal(t.client.cursor[16 * 64], 0);
	assert_int_equal(t.client.hot_x, 3);
	assert_int_equal(t.client.hot_y, 63);
	define(130, 130, sizeof(uint32_t) * 130 * 130);
	assert_int_equal(t.qemu.consoles[0].surface.n_cut_cursors, 1);
	assert_int_equal(t.client.cursor[64 * 64 - 1], 0x80808080);
	unsigned errors = t.fake.n_errors;
	define(32, 16, 32 * 16 * 4 - 1);
	define(-1, -1, 4);
	define(0, 0, 0);
	define(46341, 46341, 16);
	assert_int_equal(t.fake.n_errors, errors + 4);
	fake_qemu_call(&t.fake, 0, NULL, "MouseSet", "iii", 0, 0, 0);
	WAIT(!t.client.has_cursor);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(test_map),
		CASE(test_hostile_damage),
		CASE(test_wrong_files),
		CASE(test_bytes),
		CASE(test_shrinks),
		CASE(test_dmabufs),
		CASE(test_dmabuf_by_map),
		CASE(test_bound),
		CASE(test_flipped),
		CASE(test_hostile_dmabufs),
		CASE(test_hostile_part),
		CASE(test_reply_limit),
		CASE(test_reply_at_release),
		CASE(test_reply_hidden),
		CASE(test_reply_rate),
		CASE(test_disable),
		CASE(test_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

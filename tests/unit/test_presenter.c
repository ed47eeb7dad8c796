/*
 * Which pixels the compositor gets, and what it is told of them; when a source gets its buffers and
 * its memory back. Source and client are the test's own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <drm_fourcc.h>

#include "common/clock.h"
#include "common/fd.h"
#include "tests/harness/fake_client.h"
#include "vmm-bridge/present/presenter.h"

#define W 64u
#define H 32u
#define SIZE (W * H * 4)
#define MEMORIES 4

/* Memory of the guest, of a source that has it as plain bytes and perhaps as a file. */
struct fake_memory {
	struct gp_memory base;
	uint8_t bytes[SIZE];
	int fd; // -1: nothing exports it
	bool revocable;
	unsigned n_exports;
};

static struct {
	struct gp_client client;
	struct gp_presenter presenter;
	struct fake_memory memories[MEMORIES];
	struct gp_client_layout layout;
	unsigned n_released;
	unsigned n_revoked;
	uint64_t revoked_id, revoked_token;
} t;

static const struct gp_rect whole = {0, 0, W, H};
static const struct gp_rect part = {8, 4, 16, 2};
static const struct gp_rect other_part = {40, 20, 8, 8};

static struct fake_memory *from_base(const struct gp_memory *base) {
	struct fake_memory *memory;
	return wl_container_of(base, memory, base);
}

static bool export_memory(struct gp_memory *base, struct gp_memory_file *out) {
	struct fake_memory *memory = from_base(base);
	memory->n_exports++;
	if (memory->fd < 0) {
		snprintf(out->reason, sizeof(out->reason), "nothing exports it");
		return false;
	}
	out->fd = dup(memory->fd);
	out->size = SIZE;
	out->kind = base->kind;
	out->revocable = memory->revocable;
	out->how = "file";
	return true;
}

static uint64_t read_rows(struct gp_memory *base, uint8_t *copy,
	const struct gp_client_layout *layout, const struct gp_rect *rect) {
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		size_t at = layout->planes[0].offset + y * layout->planes[0].stride + rect->x * 4;
		memcpy(copy + at, from_base(base)->bytes + at, rect->width * 4);
	}
	return (uint64_t)rect->width * rect->height * 4;
}

static void describe(const struct gp_memory *base, char *out, size_t size) {
	snprintf(out, size, "memory %d", (int)base->id);
}

static const struct gp_memory_ops memory_ops = {
	.export = export_memory,
	.read_rows = read_rows,
	.describe = describe,
};

/* What has no rows: a tiled buffer, or one that is a file of pixels already. */
static const struct gp_memory_ops file_ops = {
	.export = export_memory,
	.describe = describe,
};

static void handle_buffer_released(void *data, uint32_t scanout) {
	assert_int_equal(scanout, 0);
	t.n_released++;
}

static void handle_memory_revoked(void *data, uint64_t memory_id, uint64_t token) {
	t.n_revoked++;
	t.revoked_id = memory_id;
	t.revoked_token = token;
}

static const struct gp_presenter_events events = {
	.buffer_released = handle_buffer_released,
	.memory_revoked = handle_memory_revoked,
};

static void handle_revoked(void *data, void *user) {
	gp_presenter_revoked(&t.presenter, user);
}

static int setup(void **state) {
	memset(&t, 0, sizeof(t));
	gp_log_init("test", GP_LOG_SILENT);
	t.client.connected = true;
	t.client.revoked = handle_revoked;
	gp_presenter_init(&t.presenter, &t.client, 2, &events, NULL);
	gp_presenter_visibility(&t.presenter, 0, true);
	for (size_t i = 0; i < MEMORIES; i++) {
		t.memories[i].fd = -1;
		gp_memory_init(&t.memories[i].base, &memory_ops, GP_CLIENT_BLOB_SYSTEM_DMABUF, SIZE,
			1 + i);
	}
	t.layout = (struct gp_client_layout){
		.width = W,
		.height = H,
		.format = DRM_FORMAT_XRGB8888,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.planes = {{.stride = W * 4}},
		.n_planes = 1,
	};
	return 0;
}

static int teardown(void **state) {
	for (size_t i = 0; i < MEMORIES; i++) {
		gp_presenter_revoke(&t.presenter, &t.memories[i].base, 0, true);
		gp_fd_close(&t.memories[i].fd);
	}
	fake_client_finish(&t.client);
	gp_presenter_finish(&t.presenter);
	return 0;
}

static struct fake_memory *use_memory(size_t index) {
	return &t.memories[index];
}

/* The same with a file of its own. */
static struct fake_memory *use_file(size_t index, bool revocable) {
	struct fake_memory *memory = &t.memories[index];
	memory->fd = gp_memfd_create_sealed("test", SIZE);
	memory->revocable = revocable;
	return memory;
}

static void fill(struct fake_memory *memory, uint8_t value) {
	memset(memory->bytes, value, SIZE);
}

static void assert_shown(uint8_t value) {
	assert_non_null(t.client.buffer);
	for (size_t i = 0; i < SIZE; i++) {
		assert_int_equal(fake_client_read(t.client.buffer, i), value);
	}
}

static bool show(struct fake_memory *memory, const struct gp_rect *damage) {
	gp_presenter_set(&t.presenter, 0, &memory->base, &t.layout, &whole);
	return gp_presenter_flush(&t.presenter, 0, damage);
}

/* The compositor no longer reads the buffer. */
static void release(struct gp_client_buffer *buffer) {
	buffer->busy = false;
	gp_presenter_released(&t.presenter, buffer);
}

static void refuse(bool lasting) {
	gp_presenter_failed(&t.presenter, t.client.buffer->blob->user, t.client.buffer, lasting,
		"no such format");
	gp_presenter_end_turn(&t.presenter);
}

/* Copies */

static void test_damage(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.releases = true;
	fill(first, 1);
	show(first, &part);
	assert_shown(1); // all of it, whatever the guest says
	fill(first, 2);
	show(first, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
	assert_shown(2); // the other half had nothing yet
	fill(first, 3);
	show(first, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
	assert_int_equal(fake_client_read(t.client.buffer, 0), 1);
	assert_int_equal(fake_client_read(t.client.buffer, (part.y * W + part.x) * 4), 3);
	assert_int_equal(t.presenter.bytes_copied, 2 * SIZE + part.width * part.height * 4);
}

/* Damage that one half missed comes with the next frame in it. */
static void test_halves(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.releases = true;
	fill(first, 1);
	show(first, &whole);
	show(first, &part);
	t.presenter.bytes_copied = 0;
	fill(first, 2);
	show(first, &part);
	fill(first, 3);
	show(first, &other_part);
	assert_int_equal(fake_client_read(t.client.buffer, (part.y * W + part.x) * 4), 3);
	assert_int_equal(fake_client_read(t.client.buffer, (27 * W + 47) * 4), 3);
	assert_int_equal(fake_client_read(t.client.buffer, (10 * W + 20) * 4), 1);
	uint32_t once = part.width * part.height, then = other_part.width * other_part.height;
	assert_int_equal(t.presenter.bytes_copied, (once + once + then) * 4);
	/* Many of them become one. */
	for (uint32_t i = 0; i < 20; i++) {
		struct gp_rect bit = {3 * i, i, 2, 1};
		t.presenter.scanouts[0].half = 0;
		gp_shown_add_missing(&t.presenter.scanouts[0], &bit);
	}
	assert_true(t.presenter.scanouts[0].missing[0].n <= GP_SHOWN_MISSING_MAX);
	fill(first, 4);
	show(first, &(struct gp_rect){0, 31, 1, 1});
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(fake_client_read(t.client.buffer, (i * W + 3 * i) * 4), 4);
	}
}

/* What is on the screen is not written to; without a free half the guest waits for one. */
static void test_screen_is_not_written(void **state) {
	struct fake_memory *first = use_memory(0);
	fill(first, 1);
	assert_false(show(first, &whole));
	struct gp_client_buffer *on_screen = t.client.buffer;
	fill(first, 2);
	assert_false(show(first, &whole));
	struct gp_client_buffer *next = t.client.buffer;
	assert_ptr_not_equal(on_screen, next);
	fill(first, 3);
	assert_true(show(first, &part));
	assert_true(show(first, &other_part));
	assert_true(gp_presenter_end_turn(&t.presenter)); // and does not ask again
	assert_int_equal(fake_client_read(on_screen, 0), 1);
	assert_int_equal(fake_client_read(next, 0), 2);
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(t.n_released, 0);
	release(on_screen);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.client.n_shown, 3);
	assert_int_equal(t.n_released, 2);
	assert_ptr_equal(t.client.buffer, on_screen);
	assert_shown(3);
	assert_int_equal(fake_client_read(next, 0), 2);
}

/* A frame that waits and is dropped is owed nothing any more. */
static void test_wait_ends(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	show(first, &whole);
	show(first, &whole);
	assert_true(show(first, &whole));
	show(second, &whole);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 1);
	show(second, &whole);
	assert_true(show(second, &whole));
	gp_presenter_visibility(&t.presenter, 0, false);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
}

/* Two scanouts of the same pixels do not wait for each other for ever. */
static void test_mirrored(void **state) {
	struct fake_memory *first = use_memory(0);
	for (uint32_t i = 0; i < 2; i++) {
		gp_presenter_set(&t.presenter, i, &first->base, &t.layout, &whole);
		gp_presenter_flush(&t.presenter, i, &whole);
	}
	for (uint8_t value = 1; value < 5; value++) {
		fill(first, value);
		for (uint32_t i = 0; i < 2; i++) {
			struct gp_client_buffer *replaced = t.presenter.scanouts[i].buffer;
			assert_false(gp_presenter_flush(&t.presenter, i, &whole));
			assert_shown(value);
			release(replaced);
		}
	}
}

/* The frame before was of another buffer, though it was not flushed: damage is against that. */
static void test_set_away_and_back(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	fill(first, 1);
	show(first, &whole);
	gp_presenter_set(&t.presenter, 0, &second->base, &t.layout, &whole);
	fill(first, 3);
	show(first, &part);
	assert_shown(3);
}

/* What the compositor has on screen is older than the frame before, which it never got. */
static void test_lost_frame(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	show(first, &whole);
	fill(second, 5);
	t.client.full = true;
	show(second, &whole);
	assert_int_equal(t.client.n_shown, 1);
	t.client.full = false;
	show(second, &part);
	assert_int_equal(t.client.n_shown, 2);
	assert_shown(5);
	assert_memory_equal(&t.client.damage, &whole, sizeof(whole));
	show(second, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
}

/* Two scanouts show one copy, which each brings up to date for itself. */
static void test_shared(void **state) {
	struct fake_memory *first = use_memory(0);
	struct gp_rect left = {0, 0, W / 2, H}, right = {W / 2, 0, W / 2, H};
	gp_presenter_set(&t.presenter, 0, &first->base, &t.layout, &left);
	gp_presenter_set(&t.presenter, 1, &first->base, &t.layout, &right);
	fill(first, 7);
	gp_presenter_flush(&t.presenter, 0, &part);
	gp_presenter_flush(&t.presenter, 1, &part);
	assert_shown(7);
	assert_memory_equal(&t.client.source, &right, sizeof(right));
	assert_int_equal(t.client.n_blobs, 1);
}

/* The copy is what the compositor maps: it must be sealed. */
static void test_copy_is_sealed(void **state) {
	show(use_memory(0), &whole);
	int seals = fcntl(t.client.buffer->blob->fd, F_GET_SEALS);
	assert_int_equal(seals & (F_SEAL_SHRINK | F_SEAL_GROW), F_SEAL_SHRINK | F_SEAL_GROW);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
}

static void test_copy_without_memory(void **state) {
	struct fake_memory *first = use_memory(0);
	first->base.size = UINT64_MAX / 2;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 0);
	first->base.size = SIZE;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 1);
}

/* Once its memory is taken back a copy stays, until the scanout has something else. */
static void test_copy_outlives_memory(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	fill(first, 4);
	show(first, &whole);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 1, false));
	assert_null(fake_client_revoke_one(&t.client));
	assert_shown(4);
	show(second, &whole);
	void *user = fake_client_revoke_one(&t.client);
	assert_non_null(user);
	gp_presenter_revoked(&t.presenter, user);
}

/* Files */

static void test_file_is_imported_once(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	struct gp_presenter_info info;
	for (unsigned i = 0; i < 10; i++) {
		show(i % 2 == 0 ? first : second, &whole);
	}
	assert_int_equal(first->n_exports + second->n_exports, 2);
	assert_int_equal(t.client.n_blobs, 2);
	assert_int_equal(t.client.n_shown, 10);
	assert_int_equal(t.presenter.bytes_copied, 0);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_true(info.visible);
	assert_string_equal(info.how, "file");
	assert_string_equal(info.reason, "");
	gp_presenter_get_info(&t.presenter, 1, &info);
	assert_false(info.visible);
	assert_null(info.how);
}

static void test_modifier(void **state) {
	struct fake_memory *first = use_file(0, true);
	t.layout.modifier = I915_FORMAT_MOD_X_TILED;
	show(first, &whole);
	assert_true(t.client.buffer->layout.modifier == I915_FORMAT_MOD_X_TILED);
	t.layout.modifier = DRM_FORMAT_MOD_LINEAR;
	show(first, &whole);
	assert_true(t.client.buffer->layout.modifier == DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(t.client.n_blobs, 1);
}

/* More layouts than a blob may have buffers: those that were not shown for longest go. */
static void test_many_layouts(void **state) {
	struct fake_memory *first = use_file(0, true);
	for (uint32_t i = 0; i < 3 * GP_IMPORT_BUFFERS_MAX; i++) {
		t.layout.height = H - i % (GP_IMPORT_BUFFERS_MAX + 1);
		show(first, &part);
	}
	size_t n = 0;
	for (size_t i = 0; i < FAKE_BUFFERS_MAX; i++) {
		n += t.client.buffers[i].blob != NULL;
	}
	assert_int_equal(n, GP_IMPORT_BUFFERS_MAX);
	assert_int_equal(t.client.n_blobs, 1);
}

static void test_disconnect(void **state) {
	struct fake_memory *first = use_file(0, true);
	assert_false(show(first, &whole));
	t.client.connected = false;
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	assert_false(show(first, &whole));
	assert_int_equal(t.client.n_shown, 1);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(first->n_exports, 2);
}

/* Refusals */

static void test_refused_file_is_copied(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	struct gp_presenter_info info;
	fill(first, 6);
	show(first, &whole);
	refuse(true);
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	assert_shown(6);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.how, "copy");
	assert_string_equal(info.reason, "the compositor refused file: no such format");
	/* Nor is the next one tried. */
	show(second, &whole);
	assert_int_equal(second->n_exports, 0);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	/* Another compositor may do better. */
	t.client.connected = false;
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
}

static void test_refused_once(void **state) {
	struct fake_memory *second = use_file(1, true);
	show(use_file(0, true), &whole);
	refuse(false);
	show(second, &whole);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
}

/* A buffer that was refused in one format may do in another. */
static void test_refused_format(void **state) {
	struct fake_memory *first = use_memory(0);
	show(first, &whole);
	refuse(true);
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 1);
	t.layout.format = DRM_FORMAT_XBGR8888;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 2);
}

static void test_refused_modifier(void **state) {
	struct fake_memory *first = use_file(0, true);
	t.layout.modifier = I915_FORMAT_MOD_X_TILED;
	first->base.ops = &file_ops;
	show(first, &whole);
	refuse(true);
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 1);
	t.layout.modifier = DRM_FORMAT_MOD_LINEAR;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 2);
}

/* Too many frames */

/* Flushes until a frame is deferred. */
static void flood(struct fake_memory *memory) {
	t.client.releases = true;
	show(memory, &whole);
	for (unsigned i = 0; i < 1000 && !t.presenter.scanouts[0].deferred; i++) {
		gp_presenter_flush(&t.presenter, 0, &part);
	}
	assert_true(t.presenter.scanouts[0].deferred);
}

/* A guest that does not wait: frames are merged, and the last one counts. */
static void test_flood(void **state) {
	struct fake_memory *first = use_memory(0);
	flood(first);
	unsigned n_shown = t.client.n_shown;
	fill(first, 9);
	assert_false(gp_presenter_flush(&t.presenter, 0, &other_part));
	assert_int_equal(t.client.n_shown, n_shown);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_int_equal(t.client.n_shown, n_shown + 1);
	const struct gp_rect both = {8, 4, 40, 24};
	assert_memory_equal(&t.client.damage, &both, sizeof(both));
	assert_int_equal(fake_client_read(t.client.buffer, (both.y * W + both.x) * 4), 9);
	assert_int_equal(fake_client_read(t.client.buffer, 0), 0);
}

/* The deferred frame is dropped, with its damage. */
static void test_flood_set_away(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	flood(first);
	unsigned n_shown = t.client.n_shown;
	gp_presenter_set(&t.presenter, 0, &second->base, &t.layout, &whole);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_int_equal(t.client.n_shown, n_shown);
	usleep(5000);
	show(second, &part);
	assert_int_equal(t.client.n_shown, n_shown + 1);
	assert_memory_equal(&t.client.damage, &whole, sizeof(whole));
}

/* Replies */

/* In the order of the frames, whatever the order of the releases. */
static void test_replies(void **state) {
	struct gp_client_buffer *buffers[3];
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(show(use_file(i, true), &whole), i > 0);
		buffers[i] = t.client.buffer;
	}
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 0);
	release(buffers[1]);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 0);
	release(buffers[0]);
	assert_int_equal(t.n_released, 0); // not from within an event of the compositor
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
}

static void test_no_reply(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	assert_false(show(first, &whole)); // replaces nothing
	assert_false(show(first, &whole)); // nor does the same buffer
	release(t.client.buffer);
	assert_false(show(second, &whole)); // nobody reads what it replaces
	assert_false(show(use_memory(2), &whole)); // a copy was made
	gp_presenter_visibility(&t.presenter, 0, false);
	assert_false(show(first, &whole)); // nobody looks
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 0);
}

/* Whatever ends the wait for a buffer ends it with a reply, but for a scanout that is disabled. */
static void test_reply_without_release(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	assert_true(show(second, &whole));
	gp_presenter_visibility(&t.presenter, 0, false);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 1);
	gp_presenter_visibility(&t.presenter, 0, true);
	assert_true(show(first, &whole));
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 1, true));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
	assert_true(show(second, &whole));
	gp_presenter_disable(&t.presenter, 0);
	assert_null(t.client.buffer);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
}

/* Revocation */

static void test_revoke(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 77, false));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
	void *user = fake_client_revoke_one(&t.client);
	assert_non_null(user);
	gp_presenter_revoked(&t.presenter, user);
	assert_int_equal(t.n_revoked, 0); // not from within an event of the compositor
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 1);
	assert_int_equal(t.revoked_id, 1);
	assert_int_equal(t.revoked_token, 77);
	assert_false(gp_presenter_flush(&t.presenter, 0, &whole));
	assert_int_equal(t.client.n_shown, 1);
}

static void test_revoke_and_wait(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	show(second, &whole);
	gp_presenter_end_all(&t.presenter);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 0, true));
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 0, true));
	assert_int_equal(t.client.n_waits, 1); // for both
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
}

/* A compositor that stands still costs the VM 50 ms in all, however much memory it has. */
static void test_revoke_stuck(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	show(second, &whole);
	t.client.stuck = true;
	gp_presenter_end(&t.presenter, &first->base);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 0, true));
	gp_presenter_end(&t.presenter, &second->base);
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 0, true));
	gp_presenter_wait_revoked(&t.presenter);
	assert_true(t.client.waited_ms >= 45 && t.client.waited_ms <= 50);
	assert_int_equal(t.presenter.late_revokes, 2);
	/* What comes later waits for it no more, and has its own time. */
	gp_presenter_end_turn(&t.presenter);
	gp_presenter_wait_revoked(&t.presenter);
	show(second, &whole);
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 0, true));
	assert_true(t.client.waited_ms >= 90 && t.client.waited_ms <= 100);
	assert_int_equal(t.presenter.late_revokes, 3);
	/* It catches up. */
	for (unsigned i = 0; i < 3; i++) {
		void *user = fake_client_revoke_one(&t.client);
		assert_non_null(user);
		gp_presenter_revoked(&t.presenter, user);
	}
	assert_true(wl_list_empty(&t.presenter.cache.imports));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
}

/* Nor does the reply to DETACH come later, with no event of the compositor. */
static void test_reply_stuck(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	show(second, &whole);
	assert_int_equal(gp_presenter_deadline(&t.presenter), 0);
	uint64_t start_ns = gp_now_ns();
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 7, false));
	uint64_t deadline_ns = gp_presenter_deadline(&t.presenter);
	assert_true(deadline_ns - start_ns >= 50000000);
	usleep(10000);
	assert_false(gp_presenter_revoke(&t.presenter, &second->base, 8, false));
	assert_int_equal(gp_presenter_deadline(&t.presenter), deadline_ns);
	assert_true(gp_presenter_end_turn(&t.presenter)); // nothing to poll for
	assert_int_equal(t.n_revoked, 0);
	while (gp_now_ns() < deadline_ns) {
		usleep(1000);
	}
	gp_presenter_end_turn(&t.presenter);
	assert_true(t.n_revoked >= 1);
	usleep(20000);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 2);
	assert_int_equal(t.presenter.late_revokes, 2);
	assert_int_equal(gp_presenter_deadline(&t.presenter), 0);
	assert_int_equal(t.client.n_waits, 0);
	/* The acknowledgement is no second reply. */
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 2);
}

/* The compositor is gone before it has acknowledged anything. */
static void test_revoke_and_disconnect(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 5, false));
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 1);
}

/* A file that the guest cannot take back may be read on. */
static void test_revoke_own_file(void **state) {
	struct fake_memory *first = use_file(0, false);
	show(first, &whole);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 1, false));
	assert_null(fake_client_revoke_one(&t.client));
	gp_presenter_disable(&t.presenter, 0);
	assert_non_null(fake_client_revoke_one(&t.client));
}

/* Memory of which one import has ended is imported again, and revoked as one. */
static void test_end(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	gp_presenter_end(&t.presenter, &first->base);
	show(first, &whole);
	assert_int_equal(t.client.n_blobs, 2);
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 9, false));
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 1);
}

/* Pause */

static void reconnect(void) {
	t.client.connected = false;
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	t.client.connected = true;
	t.client.buffer = NULL;
	gp_presenter_connected(&t.presenter);
}

/* How many of the guest's own files the compositor may read. */
static unsigned count_files(void) {
	unsigned n = 0;
	for (size_t i = 0; i < FAKE_BLOBS_MAX; i++) {
		n += t.client.blobs[i].client != NULL &&
			t.client.blobs[i].kind != GP_CLIENT_BLOB_SHM;
	}
	return n;
}

/* What the guest writes after its stop is neither read nor shown, whoever comes and goes. */
static void test_pause(void **state) {
	struct fake_memory *first = use_memory(0);
	struct gp_presenter_info info;
	fill(first, 1);
	show(first, &whole);
	fill(first, 2); // not flushed
	gp_presenter_pause(&t.presenter);
	fill(first, 3);
	assert_shown(1);
	uint64_t bytes_copied = t.presenter.bytes_copied;
	gp_presenter_end_turn(&t.presenter);
	for (unsigned i = 0; i < 2; i++) {
		reconnect();
		assert_true(gp_presenter_end_turn(&t.presenter));
		assert_shown(1);
		assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	}
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.how, "copy");
	assert_string_equal(info.reason, "the VM is paused");
	assert_int_equal(t.presenter.bytes_copied, bytes_copied);
	gp_presenter_pause(&t.presenter); // it is
	assert_int_equal(t.presenter.bytes_copied, bytes_copied);

	gp_presenter_resume(&t.presenter);
	assert_shown(3);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.reason, "nothing exports it");
	fill(first, 4);
	show(first, &part);
	assert_int_equal(fake_client_read(t.client.buffer, (part.y * W + part.x) * 4), 4);
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client)); // the still
	assert_null(fake_client_revoke_one(&t.client));
}

/* The guest's own files are taken back, all of them, and given again. */
static void test_pause_file(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	fill(first, 1);
	show(second, &whole);
	show(first, &part);
	const struct gp_client_rect seen = t.client.source;
	assert_int_equal(count_files(), 2);
	gp_presenter_pause(&t.presenter);
	assert_int_equal(count_files(), 0);
	assert_shown(1);
	assert_memory_equal(&t.client.source, &seen, sizeof(seen));
	assert_int_equal(t.presenter.bytes_copied, SIZE);
	fill(first, 2);
	reconnect();
	assert_shown(1);
	assert_int_equal(first->n_exports, 1);
	gp_presenter_resume(&t.presenter);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
	assert_int_equal(first->n_exports, 2);
	show(second, &whole);
	assert_int_equal(count_files(), 2);
}

/* Nor does a compositor that stands still keep the VMM from its reply. */
static void test_pause_stuck(void **state) {
	show(use_file(0, true), &whole);
	t.client.stuck = true;
	gp_presenter_pause(&t.presenter);
	assert_true(t.client.waited_ms <= 50);
	assert_int_equal(t.presenter.late_revokes, 1);
}

static void test_pause_unreadable(void **state) {
	struct fake_memory *first = use_file(0, true);
	struct gp_presenter_info info;
	first->base.ops = &file_ops;
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	assert_null(t.client.buffer);
	assert_int_equal(count_files(), 0);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_null(info.how);
	assert_string_equal(info.reason, "the VM is paused, and its memory cannot be read");
	reconnect();
	assert_null(t.client.buffer);
	gp_presenter_resume(&t.presenter);
	assert_non_null(t.client.buffer);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.reason, "");
}

/* What only the host writes needs no copy. */
static void test_pause_host_copy(void **state) {
	struct fake_memory *first = use_file(0, false);
	first->base.ops = &file_ops;
	first->base.host_copy = true;
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	assert_int_equal(t.client.n_shown, 1);
	reconnect();
	assert_int_equal(t.client.n_shown, 2);
	gp_presenter_resume(&t.presenter);
	assert_int_equal(t.presenter.bytes_copied, 0);
}

/* A frame that waited is one of before the stop; none comes later. */
static void test_pause_deferred(void **state) {
	struct fake_memory *first = use_memory(0);
	flood(first);
	fill(first, 5);
	gp_presenter_pause(&t.presenter);
	assert_shown(5);
	fill(first, 6);
	unsigned n_shown = t.client.n_shown;
	assert_false(gp_presenter_flush(&t.presenter, 0, &whole));
	assert_true(gp_presenter_end_turn(&t.presenter)); // nothing to poll for
	reconnect();
	assert_shown(5);
	assert_int_equal(t.client.n_shown, n_shown + 1);
	gp_presenter_resume(&t.presenter);
	assert_shown(6);
}

/* Of a copy it is the half on the screen; a frame that waits for a half is one of before, too. */
static void test_pause_halves(void **state) {
	struct fake_memory *first = use_memory(0);
	fill(first, 1);
	show(first, &whole);
	fill(first, 2);
	show(first, &whole);
	fill(first, 3);
	gp_presenter_pause(&t.presenter);
	assert_shown(2);
	gp_presenter_resume(&t.presenter);
	assert_shown(2); // both halves are being read
	assert_true(t.presenter.scanouts[0].waiting);
	fill(first, 5);
	gp_presenter_pause(&t.presenter);
	assert_shown(5);
	assert_false(t.presenter.scanouts[0].waiting);
	gp_presenter_resume(&t.presenter);
	for (size_t i = 0; i < FAKE_BUFFERS_MAX; i++) {
		t.client.buffers[i].busy = false;
	}
	gp_presenter_released(&t.presenter, t.client.buffer);
	fill(first, 6);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_shown(6);
}

/* Stopped between SET_SCANOUT_BLOB and its flush: the frame before is what is seen. */
static void test_pause_before_flush(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	fill(first, 1);
	fill(second, 2);
	show(first, &whole);
	gp_presenter_set(&t.presenter, 0, &second->base, &t.layout, &whole);
	gp_presenter_pause(&t.presenter);
	reconnect();
	assert_shown(1);
	gp_presenter_resume(&t.presenter);
	assert_shown(1);
	gp_presenter_flush(&t.presenter, 0, &whole);
	assert_shown(2);
}

/* No compositor when the guest stops: the one that comes shows that time's picture. */
static void test_pause_disconnected(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.connected = false;
	fill(first, 1);
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	fill(first, 2);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_shown(1);
	gp_presenter_disable(&t.presenter, 0);
	assert_null(t.client.buffer);
	reconnect();
	assert_null(t.client.buffer);
	gp_presenter_resume(&t.presenter);
	assert_null(t.client.buffer);
}

/* A worker that takes over restores what a paused VM showed: nobody sees it before the resume. */
static void test_pause_restored(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.connected = false;
	gp_presenter_pause(&t.presenter);
	fill(first, 1);
	show(first, &whole);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_true(gp_presenter_end_turn(&t.presenter));
	assert_int_equal(t.client.n_shown, 0);
	assert_int_equal(t.presenter.bytes_copied, 0);
	gp_presenter_resume(&t.presenter);
	assert_shown(1);
}

/* Reset: all of it is void. */
static void test_pause_reset(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	gp_presenter_end_all(&t.presenter);
	gp_presenter_disable(&t.presenter, 0);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 0, true));
	gp_presenter_resume(&t.presenter);
	assert_null(t.client.buffer);
	assert_non_null(fake_client_revoke_one(&t.client));
	assert_null(fake_client_revoke_one(&t.client));
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_damage),
		TEST(test_set_away_and_back),
		TEST(test_lost_frame),
		TEST(test_shared),
		TEST(test_halves),
		TEST(test_screen_is_not_written),
		TEST(test_wait_ends),
		TEST(test_mirrored),
		TEST(test_copy_is_sealed),
		TEST(test_copy_without_memory),
		TEST(test_copy_outlives_memory),
		TEST(test_file_is_imported_once),
		TEST(test_modifier),
		TEST(test_many_layouts),
		TEST(test_disconnect),
		TEST(test_refused_file_is_copied),
		TEST(test_refused_once),
		TEST(test_refused_format),
		TEST(test_refused_modifier),
		TEST(test_flood),
		TEST(test_flood_set_away),
		TEST(test_replies),
		TEST(test_no_reply),
		TEST(test_reply_without_release),
		TEST(test_revoke),
		TEST(test_revoke_and_wait),
		TEST(test_revoke_stuck),
		TEST(test_reply_stuck),
		TEST(test_revoke_and_disconnect),
		TEST(test_revoke_own_file),
		TEST(test_end),
		TEST(test_pause),
		TEST(test_pause_file),
		TEST(test_pause_stuck),
		TEST(test_pause_unreadable),
		TEST(test_pause_host_copy),
		TEST(test_pause_deferred),
		TEST(test_pause_halves),
		TEST(test_pause_before_flush),
		TEST(test_pause_disconnected),
		TEST(test_pause_restored),
		TEST(test_pause_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

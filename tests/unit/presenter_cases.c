#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <drm_fourcc.h>

#include "common/fd.h"
#include "tests/unit/presenter_cases.h"

struct presenter_test t;

const struct gp_rect whole = {0, 0, W, H};
const struct gp_rect part = {8, 4, 16, 2};
const struct gp_rect other_part = {40, 20, 8, 8};

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
	struct fake_memory *memory = from_base(base);
	if (memory->painted != 0) {
		memset(memory->bytes + memory->painted * layout->planes[0].stride, 9, W * 4);
		memory->painted = 0;
	}
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

static void find_changes(struct gp_memory *base, const uint8_t *copy,
	const struct gp_client_layout *layout, const struct gp_rect *rect,
	struct gp_rects *changed) {
	from_base(base)->n_comparisons++;
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		size_t at = layout->planes[0].offset + y * layout->planes[0].stride + rect->x * 4;
		const struct gp_rect row = {rect->x, y, rect->width, 1};
		if (memcmp(copy + at, from_base(base)->bytes + at, rect->width * 4) != 0) {
			gp_rects_add(changed, &row);
		}
	}
}

const struct gp_memory_ops compared_ops = {
	.export = export_memory,
	.read_rows = read_rows,
	.find_changes = find_changes,
	.describe = describe,
};

const struct gp_memory_ops file_ops = {
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

int setup(void **state) {
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

int teardown(void **state) {
	for (size_t i = 0; i < MEMORIES; i++) {
		gp_presenter_revoke(&t.presenter, &t.memories[i].base, 0, true);
		gp_fd_close(&t.memories[i].fd);
	}
	fake_client_finish(&t.client);
	gp_presenter_finish(&t.presenter);
	return 0;
}

struct fake_memory *use_memory(size_t index) {
	return &t.memories[index];
}

struct fake_memory *use_file(size_t index, bool revocable) {
	struct fake_memory *memory = &t.memories[index];
	memory->fd = gp_memfd_create_sealed("test", SIZE);
	memory->revocable = revocable;
	return memory;
}

void fill(struct fake_memory *memory, uint8_t value) {
	memset(memory->bytes, value, SIZE);
}

void assert_shown(uint8_t value) {
	assert_non_null(t.client.buffer);
	static uint8_t bytes[SIZE];
	const struct gp_client_buffer *buffer = t.client.buffer;
	ssize_t n = pread(buffer->blob->fd, bytes, SIZE, (off_t)buffer->layout.planes[0].offset);
	assert_int_equal(n, SIZE);
	for (size_t i = 0; i < SIZE; i++) {
		assert_int_equal(bytes[i], value);
	}
}

bool show(struct fake_memory *memory, const struct gp_rect *damage) {
	gp_presenter_set(&t.presenter, 0, &memory->base, &t.layout, &whole);
	return gp_presenter_flush(&t.presenter, 0, damage);
}

void release(struct gp_client_buffer *buffer) {
	buffer->busy = false;
	gp_presenter_released(&t.presenter, buffer);
}

void flood(struct fake_memory *memory) {
	t.client.releases = true;
	show(memory, &whole);
	for (unsigned i = 0; i < 1000 && !t.presenter.scanouts[0].deferred; i++) {
		gp_presenter_flush(&t.presenter, 0, &part);
	}
	assert_true(t.presenter.scanouts[0].deferred);
}

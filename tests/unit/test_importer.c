/*
 * The import: which layouts are refused and why, and the buffer that comes of it, up to the end of
 * its memory. The renderer is pixman; of a GPU there is a set of formats and the alignment of its
 * strides.
 */

#include <drm_fourcc.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <wlr/render/drm_format_set.h>
#include <wlr/render/pixman.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/render/wlr_texture.h>
#include <wlr/types/wlr_buffer.h>
#include <cmocka.h>

#include "common/format.h"
#include "common/limits.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/importer.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-enum.h"

#define W 64
#define H 32
#define STRIDE (W * 4)
#define OFFSET 16
#define SIZE (OFFSET + STRIDE * H)

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool no_memory;

void *__wrap_calloc(size_t n, size_t size) {
	return no_memory ? NULL : __real_calloc(n, size);
}

int __real_fstatfs64(int fd, struct statfs *info);
int __wrap_fstatfs64(int fd, struct statfs *info);
struct wlr_texture *__real_wlr_texture_from_buffer(
	struct wlr_renderer *renderer, struct wlr_buffer *buffer);
struct wlr_texture *__wrap_wlr_texture_from_buffer(
	struct wlr_renderer *renderer, struct wlr_buffer *buffer);
void __real_wlr_texture_destroy(struct wlr_texture *texture);
void __wrap_wlr_texture_destroy(struct wlr_texture *texture);

static struct gp_fake_gpu {
	uint32_t alignment; // of strides; 0: the test has no GPU
	bool refuses; // everything
	unsigned n_imports; // tried
	struct wlr_texture texture;
} gpu;

int __wrap_fstatfs64(int fd, struct statfs *info) {
	int ret = __real_fstatfs64(fd, info);
	if (gpu.alignment != 0) {
		info->f_type = 0x444d4142; // DMA_BUF_MAGIC
	}
	return ret;
}

struct wlr_texture *__wrap_wlr_texture_from_buffer(
	struct wlr_renderer *of, struct wlr_buffer *buffer) {
	struct wlr_dmabuf_attributes attribs;
	if (gpu.alignment == 0) {
		return __real_wlr_texture_from_buffer(of, buffer);
	}
	gpu.n_imports++;
	assert_true(wlr_buffer_get_dmabuf(buffer, &attribs));
	assert_true((uint64_t)attribs.offset[0] + (uint64_t)attribs.stride[0] * attribs.height <=
		(uint64_t)lseek(attribs.fd[0], 0, SEEK_END));
	return !gpu.refuses && attribs.stride[0] % gpu.alignment == 0 ? &gpu.texture : NULL;
}

void __wrap_wlr_texture_destroy(struct wlr_texture *texture) {
	if (texture != &gpu.texture) {
		__real_wlr_texture_destroy(texture);
	}
}

static const struct gp_buffer_layout layout = {
	.width = W,
	.height = H,
	.format = DRM_FORMAT_XRGB8888,
	.modifier = DRM_FORMAT_MOD_LINEAR,
	.offset = OFFSET,
	.stride = STRIDE,
};

static struct gp_quota quota; // never counted down to 0
static struct wl_event_loop *loop;
static struct wlr_renderer *renderer;
static struct gp_importer importer;
static struct gp_blob_memory *memory;
static struct gp_import_failure failure;

static struct gp_blob_memory *make_memory(uint64_t size, uint32_t kind, int seals) {
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, "pixels", 6, OFFSET), 6);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return gp_blob_memory_create(loop, fd, size, kind, &quota);
}

static int setup(void **state) {
	gp_quota_init(&quota);
	loop = wl_event_loop_create();
	failure = (struct gp_import_failure){0};
	gpu = (struct gp_fake_gpu){0};
	renderer = wlr_pixman_renderer_create();
	assert_non_null(renderer);
	gp_importer_init(&importer, renderer);
	memory = make_memory(SIZE, GUEST_BLOB_V1_KIND_SHM, F_SEAL_SHRINK | F_SEAL_SEAL);
	return 0;
}

static int teardown(void **state) {
	gp_blob_memory_unref(memory);
	wlr_renderer_destroy(renderer);
	wl_event_loop_destroy(loop);
	return quota.n_refs == 1 && quota.n_blobs == 0 && quota.n_mapped == 0 ? 0 : -1;
}

static struct gp_guest_buffer *import(void) {
	struct gp_guest_buffer *buffer = gp_importer_import(&importer, memory, &layout, &failure);
	if (buffer == NULL) {
		fail_msg("%s", failure.message);
	}
	return buffer;
}

static void count_format(void *data, uint32_t format, uint64_t modifier) {
	size_t *n = data;
	assert_non_null(gp_format_from_drm(format));
	assert_true(modifier == DRM_FORMAT_MOD_LINEAR);
	(*n)++;
}

static void test_capabilities(void **state) {
	size_t n = 0;
	dev_t device;
	assert_int_equal(gp_importer_capabilities(&importer),
		GUEST_SCANOUT_MANAGER_V1_CAPABILITY_CPU_MAPPING |
			GUEST_SCANOUT_MANAGER_V1_CAPABILITY_SHM);
	assert_false(gp_importer_main_device(&importer, &device));
	gp_importer_for_each_format(&importer, count_format, &n);
	assert_true(n >= 4);

	struct wlr_drm_format_set formats = {0};
	assert_true(wlr_drm_format_set_add(&formats, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	assert_true(wlr_drm_format_set_add(&formats, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR));
	importer.dmabuf_formats = &formats;
	assert_int_equal(gp_importer_capabilities(&importer),
		GUEST_SCANOUT_MANAGER_V1_CAPABILITY_GPU_IMPORT |
			GUEST_SCANOUT_MANAGER_V1_CAPABILITY_SHM);
	n = 0;
	gp_importer_for_each_format(&importer, count_format, &n);
	assert_int_equal(n, 1);
	wlr_drm_format_set_finish(&formats);

	importer.dmabuf_formats = importer.data_formats = NULL;
	assert_int_equal(gp_importer_capabilities(&importer), 0);
	n = 0;
	gp_importer_for_each_format(&importer, count_format, &n);
	assert_int_equal(n, 0);
}

static void check_refused(
	const struct gp_buffer_layout *wanted, uint32_t reason, uint32_t alignment) {
	failure = (struct gp_import_failure){0};
	assert_null(gp_importer_import(&importer, memory, wanted, &failure));
	if (failure.reason != reason) {
		fail_msg("reason %u instead of %u: %s", failure.reason, reason, failure.message);
	}
	assert_int_equal(failure.alignment, alignment);
	assert_true(failure.message[0] != '\0');
	assert_int_equal(memory->n_users, 0);
}

static void test_layouts_of_the_cpu(void **state) {
	struct gp_buffer_layout wanted = layout;
	wanted.modifier = DRM_FORMAT_MOD_INVALID;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT, 0);
	wanted = layout;
	wanted.offset = 2;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_REFUSED, 0);
	wanted = layout;
	wanted.stride = STRIDE + 2;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE, 4);
	wanted.stride = UINT32_C(1) << 31;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE, 0);
	/* None of them has touched the memory. */
	assert_null(memory->mapping.data);

	struct wlr_drm_format_set others = {0};
	assert_true(wlr_drm_format_set_add(&others, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR));
	importer.data_formats = &others;
	check_refused(&layout, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT, 0);
	wlr_drm_format_set_finish(&others);
	importer.data_formats = NULL;
	check_refused(&layout, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND, 0);
}

static void test_layouts_of_the_gpu(void **state) {
	struct wlr_drm_format_set formats = {0};
	assert_true(wlr_drm_format_set_add(&formats, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	importer.dmabuf_formats = &formats;
	gp_blob_memory_unref(memory);
	memory = make_memory(SIZE, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF, F_SEAL_SHRINK);
	struct gp_buffer_layout wanted = layout;
	wanted.format = DRM_FORMAT_ARGB8888;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT, 0);
	wanted = layout;
	wanted.modifier = DRM_FORMAT_MOD_INVALID;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT, 0);
	/* What limits the CPU does not limit the GPU: the memory is looked at, which is no dma-buf. */
	wanted = layout;
	wanted.offset = 2;
	wanted.stride = STRIDE + 2;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_BAD_MEMORY, 0);
	wlr_drm_format_set_finish(&formats);
}

/* A GPU refuses without a reason, and the alignment is found out. */
static void test_alignment_of_the_gpu(void **state) {
	static const struct {
		uint32_t stride, alignment; // of the buffer, and what the GPU wants
		uint32_t found; // 0: the stride is not the cause
		bool refuses;
	} rows[] = {
		{5464, 256, 256, false}, // 1366
		{6720, 256, 256, false}, // 1680
		{5760, 256, 256, false}, // 1440
		{6720, 128, 128, false},
		{5464, 64, 64, false},
		{5464, 16, 16, false},
		{5468, 8, 8, false},
		{6720, 512, 0, false}, // no GPU that we know of
		{5464, 256, 0, true},
		{7680, 256, 0, true},
	};
	struct wlr_drm_format_set formats = {0};
	assert_true(wlr_drm_format_set_add(&formats, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	importer.dmabuf_formats = &formats;
	gp_blob_memory_unref(memory);
	memory = make_memory(8192 * 40, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF, F_SEAL_SHRINK);
	struct gp_buffer_layout wanted = layout;
	wanted.offset = 0;
	wanted.height = 40;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gpu = (struct gp_fake_gpu){
			.alignment = rows[i].alignment, .refuses = rows[i].refuses};
		wanted.stride = rows[i].stride;
		wanted.width = (int32_t)rows[i].stride / 4;
		check_refused(&wanted,
			rows[i].found != 0 ? GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE
					   : GUEST_BLOB_V1_FAILURE_REFUSED,
			rows[i].found);
		assert_true(gpu.n_imports <= 8);
	}

	/* What has it is imported at once. */
	gpu = (struct gp_fake_gpu){.alignment = 256};
	wanted.stride = 7680;
	wanted.width = 1920;
	struct gp_guest_buffer *buffer = gp_importer_import(&importer, memory, &wanted, &failure);
	assert_non_null(buffer);
	assert_int_equal(buffer->import, GUEST_BLOB_V1_IMPORT_GPU);
	assert_int_equal(gpu.n_imports, 1);
	wlr_buffer_drop(&buffer->base);
	/* At the end of the memory: fewer rows are tried, or none. */
	wanted = layout;
	wanted.width = wanted.height = 16;
	wanted.stride = 64;
	wanted.offset = (uint32_t)memory->size - 64 * 16;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE, 256);
	wanted.height = 1;
	wanted.offset = (uint32_t)memory->size - 64;
	check_refused(&wanted, GUEST_BLOB_V1_FAILURE_REFUSED, 0);
	wlr_drm_format_set_finish(&formats);
}

static void test_quota(void **state) {
	quota.n_mapped = GP_MAPPED_PER_CLIENT_MAX;
	check_refused(&layout, GUEST_BLOB_V1_FAILURE_NO_MEMORY, 0);
	quota.n_mapped = 0;
}

static void test_no_memory(void **state) {
	no_memory = true;
	struct gp_guest_buffer *buffer = gp_importer_import(&importer, memory, &layout, &failure);
	struct gp_guest_buffer *inert = gp_guest_buffer_create_inert(&layout, &failure);
	no_memory = false;
	assert_null(buffer);
	assert_null(inert);
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_NO_MEMORY);
	assert_int_equal(memory->n_users, 0);
}

static void test_shm(void **state) {
	void *data;
	uint32_t format;
	size_t stride;
	struct wlr_shm_attributes shm;
	struct wlr_dmabuf_attributes dmabuf;
	struct gp_guest_buffer *buffer = import();
	assert_int_equal(buffer->import, GUEST_BLOB_V1_IMPORT_SHM);
	assert_false(gp_guest_buffer_is_inert(buffer));
	assert_ptr_equal(gp_guest_buffer_try_from_buffer(&buffer->base), buffer);
	assert_int_equal(memory->n_users, 1);

	assert_false(wlr_buffer_get_dmabuf(&buffer->base, &dmabuf));
	assert_true(wlr_buffer_get_shm(&buffer->base, &shm));
	assert_int_equal(shm.fd, memory->fd);
	assert_int_equal(shm.offset, OFFSET);
	assert_int_equal(shm.stride, STRIDE);
	assert_false(wlr_buffer_begin_data_ptr_access(
		&buffer->base, WLR_BUFFER_DATA_PTR_ACCESS_WRITE, &data, &format, &stride));
	assert_true(wlr_buffer_begin_data_ptr_access(
		&buffer->base, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride));
	assert_memory_equal(data, "pixels", 6);
	assert_int_equal(format, DRM_FORMAT_XRGB8888);
	assert_int_equal(stride, STRIDE);
	wlr_buffer_end_data_ptr_access(&buffer->base);
	wlr_buffer_drop(&buffer->base);
	assert_int_equal(memory->n_users, 0);
}

/* Only a file that stays as it is, with whole rows, goes to a parent compositor. */
static void test_no_pool(void **state) {
	struct wlr_shm_attributes shm;
	gp_blob_memory_unref(memory);
	memory = make_memory(SIZE, GUEST_BLOB_V1_KIND_SHM, F_SEAL_SHRINK);
	struct gp_guest_buffer *buffer = import();
	assert_false(wlr_buffer_get_shm(&buffer->base, &shm));
	wlr_buffer_drop(&buffer->base);

	gp_blob_memory_unref(memory);
	memory = make_memory(SIZE - 1, GUEST_BLOB_V1_KIND_SHM, F_SEAL_SHRINK | F_SEAL_SEAL);
	buffer = import();
	assert_false(wlr_buffer_get_shm(&buffer->base, &shm));
	wlr_buffer_drop(&buffer->base);
}

static void test_inert(void **state) {
	void *data;
	uint32_t format;
	size_t stride;
	struct wlr_dmabuf_attributes dmabuf;
	gp_import_failure_set(&failure, GUEST_BLOB_V1_FAILURE_REFUSED, "because of %d", 1);
	struct gp_guest_buffer *buffer = gp_guest_buffer_create_inert(&layout, &failure);
	assert_true(gp_guest_buffer_is_inert(buffer));
	assert_ptr_equal(gp_guest_buffer_try_from_buffer(&buffer->base), buffer);
	assert_string_equal(buffer->failure->message, "because of 1");
	assert_int_equal(buffer->base.width, W);
	assert_false(wlr_buffer_get_dmabuf(&buffer->base, &dmabuf));
	assert_false(wlr_buffer_begin_data_ptr_access(
		&buffer->base, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride));
	wlr_buffer_drop(&buffer->base);

	struct wlr_buffer other = {0};
	assert_null(gp_guest_buffer_try_from_buffer(&other));
}

struct shower {
	struct gp_guest_buffer *buffer;
	bool locked, drops; // what the handler has to end
	unsigned n_lost, n_unused;
	bool was_locked;
	struct wl_listener lost, unused;
};

static void handle_lost(struct wl_listener *listener, void *data) {
	struct shower *shower = wl_container_of(listener, shower, lost);
	struct gp_guest_buffer *buffer = data;
	assert_int_equal(shower->n_unused, 0);
	shower->n_lost++;
	shower->was_locked = buffer->was_locked;
	wl_list_remove(&shower->lost.link);
	if (shower->drops) {
		wlr_buffer_drop(&buffer->base);
	}
	if (shower->locked) {
		wlr_buffer_unlock(&buffer->base);
	}
	assert_true(memory->n_users > 0); // the buffer is there until the signal was sent
}

static void handle_unused(struct wl_listener *listener, void *data) {
	struct shower *shower = wl_container_of(listener, shower, unused);
	shower->n_unused++;
}

static void show(struct shower *shower, struct gp_guest_buffer *buffer) {
	shower->buffer = buffer;
	shower->lost.notify = handle_lost;
	wl_signal_add(&buffer->events.lost, &shower->lost);
	shower->unused.notify = handle_unused;
	wl_signal_add(&memory->events.unused, &shower->unused);
	if (shower->locked) {
		wlr_buffer_lock(&buffer->base);
	}
}

/* All end in the handlers, which run while the buffer is there. */
static void test_revoke(void **state) {
	struct shower idle = {.drops = true}, shown = {.drops = true, .locked = true};
	show(&idle, import());
	show(&shown, import());
	gp_blob_memory_revoke(memory);
	assert_int_equal(idle.n_lost, 1);
	assert_false(idle.was_locked);
	assert_int_equal(shown.n_lost, 1);
	assert_true(shown.was_locked);
	assert_int_equal(idle.n_unused, 1);
	assert_int_equal(memory->n_users, 0);
	assert_int_equal(memory->fd, -1);
}

/* A plane keeps its lock: the memory is unused when that ends. */
static void test_revoke_on_plane(void **state) {
	struct shower shower = {.drops = true, .locked = true};
	struct gp_guest_buffer *buffer = import();
	show(&shower, buffer);
	wlr_buffer_lock(&buffer->base);
	gp_blob_memory_revoke(memory);
	assert_int_equal(shower.n_lost, 1);
	assert_int_equal(shower.n_unused, 0);
	assert_true(memory->fd >= 0);
	wlr_buffer_unlock(&buffer->base);
	assert_int_equal(shower.n_unused, 1);
}

/* What is still locked when its memory is closed offers nothing that could be read or imported. */
static void test_closed_memory(void **state) {
	void *data;
	uint32_t format;
	size_t stride;
	struct wlr_shm_attributes shm;
	struct shower shower = {.drops = true};
	struct gp_guest_buffer *buffer = import();
	show(&shower, buffer);
	wlr_buffer_lock(&buffer->base);
	gp_blob_memory_revoke(memory);
	gp_blob_memory_end_use(memory);
	assert_int_equal(shower.n_unused, 1);
	assert_false(wlr_buffer_get_shm(&buffer->base, &shm));
	assert_false(wlr_buffer_begin_data_ptr_access(
		&buffer->base, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride));
	wlr_buffer_unlock(&buffer->base);
	assert_int_equal(shower.n_unused, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_capabilities, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layouts_of_the_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layouts_of_the_gpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alignment_of_the_gpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quota, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inert, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoke, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoke_on_plane, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_memory, setup, teardown),
	};
	return cmocka_run_group_tests_name("importer", tests, NULL, NULL);
}

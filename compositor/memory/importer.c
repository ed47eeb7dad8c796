#include "compositor/memory/importer.h"

#include <drm_fourcc.h>
#include <sys/stat.h>
#include <wlr/render/drm_format_set.h>
#include <wlr/render/pixman.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/render/wlr_texture.h>
#include <wlr/types/wlr_buffer.h>

#include "common/format.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/memory/import_failure.h"
#include "guest-scanout-v1-enum.h"

/* pixman counts rows in words of this size. */
#define CPU_STRIDE_UNIT 4

/* No GPU asks for more of a stride, and none for less. */
#define GPU_ALIGNMENT_MAX 256
#define GPU_ALIGNMENT_MIN 8

void gp_importer_init(struct gp_importer *importer, struct wlr_renderer *renderer) {
	*importer = (struct gp_importer){
		.renderer = renderer,
		.dmabuf_formats = wlr_renderer_get_texture_formats(renderer, WLR_BUFFER_CAP_DMABUF),
		.data_formats = wlr_renderer_get_texture_formats(renderer, WLR_BUFFER_CAP_DATA_PTR),
	};
	if (importer->dmabuf_formats != NULL && importer->dmabuf_formats->len == 0) {
		importer->dmabuf_formats = NULL;
	}
}

uint32_t gp_importer_capabilities(const struct gp_importer *importer) {
	uint32_t caps = 0;
	if (importer->dmabuf_formats != NULL) {
		caps |= GUEST_SCANOUT_MANAGER_V1_CAPABILITY_GPU_IMPORT;
	} else if (importer->data_formats != NULL) {
		caps |= GUEST_SCANOUT_MANAGER_V1_CAPABILITY_CPU_MAPPING;
	}
	if (importer->data_formats != NULL) {
		caps |= GUEST_SCANOUT_MANAGER_V1_CAPABILITY_SHM;
	}
	return caps;
}

bool gp_importer_main_device(const struct gp_importer *importer, dev_t *device) {
	struct stat info;
	int fd = wlr_renderer_get_drm_fd(importer->renderer);
	if (importer->dmabuf_formats == NULL || fd < 0 || fstat(fd, &info) < 0) {
		return false;
	}
	*device = info.st_rdev;
	return true;
}

void gp_importer_for_each_format(const struct gp_importer *importer,
	void (*handle)(void *data, uint32_t format, uint64_t modifier), void *data) {
	const struct wlr_drm_format_set *set = importer->dmabuf_formats;
	bool gpu = set != NULL;
	if (!gpu) {
		set = importer->data_formats;
	}
	for (size_t i = 0; set != NULL && i < set->len; i++) {
		const struct wlr_drm_format *format = &set->formats[i];
		if (gp_format_from_drm(format->format) == NULL) {
			continue; // create_buffer does not know it
		}
		for (size_t j = 0; gpu && j < format->len; j++) {
			handle(data, format->format, format->modifiers[j]);
		}
		if (!gpu) {
			handle(data, format->format, DRM_FORMAT_MOD_LINEAR);
		}
	}
}

static bool check_cpu_layout(
	const struct gp_buffer_layout *layout, struct gp_import_failure *failure) {
	uint32_t bytes_per_pixel = gp_format_from_drm(layout->format)->bytes_per_pixel;
	if (layout->stride % CPU_STRIDE_UNIT != 0) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE,
			"the CPU needs a stride that is a multiple of %d bytes", CPU_STRIDE_UNIT);
		failure->alignment = CPU_STRIDE_UNIT;
		return false;
	}
	if (layout->stride > INT32_MAX) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE,
			"the CPU takes no stride of more than %d bytes", INT32_MAX);
		return false;
	}
	if (layout->offset % bytes_per_pixel != 0) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_REFUSED,
			"the offset is not a multiple of the size of a pixel");
		return false;
	}
	return true;
}

/* Looks at the layout alone, before the memory is touched. */
static bool check_layout(const struct gp_importer *importer, bool gpu,
	const struct gp_buffer_layout *layout, struct gp_import_failure *failure) {
	const struct wlr_drm_format_set *set =
		gpu ? importer->dmabuf_formats : importer->data_formats;
	const char *name = gp_format_from_drm(layout->format)->name;

	if (set == NULL) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND,
			"the renderer does not read memory of this kind");
		return false;
	}
	if (wlr_drm_format_set_get(set, layout->format) == NULL) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT,
			"the renderer does not know the format %s", name);
		return false;
	}
	if (gpu) {
		if (!wlr_drm_format_set_has(set, layout->format, layout->modifier)) {
			gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT,
				"the GPU does not import %s with modifier 0x%llx", name,
				(unsigned long long)layout->modifier);
			return false;
		}
		return true;
	}
	if (layout->modifier != DRM_FORMAT_MOD_LINEAR) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT,
			"the CPU reads linear layouts only");
		return false;
	}
	return check_cpu_layout(layout, failure);
}

/* NULL if memory is short, or if the renderer refuses; then *refused is set. */
static struct gp_guest_buffer *import_buffer(const struct gp_importer *importer,
	struct gp_blob_memory *memory, const struct gp_buffer_layout *layout, uint32_t import,
	bool *refused) {
	struct gp_guest_buffer *buffer = gp_guest_buffer_create(memory, layout, import);
	*refused = false;
	if (buffer == NULL) {
		return NULL;
	}
	/* For a GPU this would upload all of it, now and with the first frame again. */
	if (import == GUEST_BLOB_V1_IMPORT_SHM && !wlr_renderer_is_pixman(importer->renderer)) {
		return buffer;
	}
	/* The texture is the import. The renderer keeps it with the buffer. */
	struct wlr_texture *texture = wlr_texture_from_buffer(importer->renderer, &buffer->base);
	if (texture == NULL) {
		*refused = true;
		wlr_buffer_drop(&buffer->base);
		return NULL;
	}
	wlr_texture_destroy(texture);
	return buffer;
}

/* Whether the GPU takes the memory with a stride of that alignment, as many rows as fit then. */
static bool takes_alignment(const struct gp_importer *importer, struct gp_blob_memory *memory,
	const struct gp_buffer_layout *layout, uint32_t alignment) {
	struct gp_buffer_layout probe = *layout;
	uint64_t stride = ((uint64_t)layout->stride + alignment - 1) / alignment * alignment;
	uint64_t rows = (memory->size - layout->offset) / stride;
	bool refused;
	if (stride > INT32_MAX || rows == 0) {
		return false;
	}
	probe.stride = stride;
	probe.height = rows < (uint64_t)layout->height ? (int32_t)rows : layout->height;
	struct gp_guest_buffer *buffer =
		import_buffer(importer, memory, &probe, GUEST_BLOB_V1_IMPORT_GPU, &refused);
	if (buffer != NULL) {
		wlr_buffer_drop(&buffer->base);
	}
	return buffer != NULL;
}

/*
 * The alignment that the GPU wants of a stride that it has refused: drivers do not say, and do not
 * even say that this was the cause, so some are tried. 0: it was not.
 */
static uint32_t find_alignment(const struct gp_importer *importer, struct gp_blob_memory *memory,
	const struct gp_buffer_layout *layout) {
	if (layout->modifier != DRM_FORMAT_MOD_LINEAR || layout->stride % GPU_ALIGNMENT_MAX == 0 ||
		!takes_alignment(importer, memory, layout, GPU_ALIGNMENT_MAX)) {
		return 0;
	}
	uint32_t alignment = GPU_ALIGNMENT_MIN;
	while (alignment < GPU_ALIGNMENT_MAX &&
		(layout->stride % alignment == 0 ||
			!takes_alignment(importer, memory, layout, alignment))) {
		alignment *= 2;
	}
	return alignment;
}

static void set_refused(const struct gp_importer *importer, struct gp_blob_memory *memory,
	const struct gp_buffer_layout *layout, bool gpu, struct gp_import_failure *failure) {
	if (memory->failure.message[0] != '\0') {
		*failure = memory->failure;
		return;
	}
	uint32_t alignment = gpu ? find_alignment(importer, memory, layout) : 0;
	if (alignment == 0) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_REFUSED,
			"the renderer refused a buffer of %dx%d with stride %u", layout->width,
			layout->height, layout->stride);
		return;
	}
	gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE,
		"the GPU needs a stride that is a multiple of %u bytes, not %u", alignment,
		layout->stride);
	failure->alignment = alignment;
}

struct gp_guest_buffer *gp_importer_import(const struct gp_importer *importer,
	struct gp_blob_memory *memory, const struct gp_buffer_layout *layout,
	struct gp_import_failure *failure) {
	bool shm = memory->kind == GUEST_BLOB_V1_KIND_SHM;
	bool gpu = !shm && importer->dmabuf_formats != NULL;
	uint32_t import = gpu ? GUEST_BLOB_V1_IMPORT_GPU
		: shm         ? GUEST_BLOB_V1_IMPORT_SHM
			      : GUEST_BLOB_V1_IMPORT_MAPPED;
	if (!check_layout(importer, gpu, layout, failure) ||
		!gp_blob_memory_check(memory, failure) ||
		(!gpu && !gp_blob_memory_map(memory, failure))) {
		return NULL;
	}

	bool refused;
	struct gp_guest_buffer *buffer = import_buffer(importer, memory, layout, import, &refused);
	if (refused) {
		set_refused(importer, memory, layout, gpu, failure);
	} else if (buffer == NULL) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_NO_MEMORY, "out of memory");
	}
	return buffer;
}

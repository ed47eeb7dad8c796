#include "vmm-bridge/present/import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"
#include "common/format.h"
#include "common/log.h"
#include "common/trace.h"

#define BLOB_SIZE_MAX (1ull << 30) // what every compositor takes

/* The guest can make us try again and again. */
static void log_failure(const struct gp_memory *memory, const char *reason, const char *cause) {
	char name[32];
	memory->ops->describe(memory, name, sizeof(name));
	gp_error_limited("cannot show %s of %" PRIu64 " bytes: %s%s%s", name, memory->size, reason,
		reason[0] != '\0' ? "; " : "", cause);
}

uint64_t gp_import_copy_size(uint64_t size) {
	const uint64_t page = 4096;
	uint64_t half = (size + page - 1) / page * page;
	return half <= BLOB_SIZE_MAX / GP_IMPORT_HALVES ? half * GP_IMPORT_HALVES : size;
}

/* A file of our own for what the memory holds, empty at first. */
static bool make_copy(struct gp_import *import) {
	struct gp_memory_file *file = &import->file;
	char cause[64];
	if (import->memory->ops->read_rows == NULL) {
		snprintf(cause, sizeof(cause), "it cannot be copied");
		goto err_log;
	}
	/* Only the pages that are written exist: the second half costs nothing until it is used. */
	uint64_t size = gp_import_copy_size(import->memory->size);
	import->n_halves = size > import->memory->size ? GP_IMPORT_HALVES : 1;
	import->half_size = size / import->n_halves;
	file->fd = gp_memfd_create_sealed("guestpane-copy", size);
	if (file->fd < 0) {
		snprintf(cause, sizeof(cause), "no memory for a copy: %s", strerror(errno));
		goto err_log;
	}
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	if (map == MAP_FAILED) {
		snprintf(cause, sizeof(cause), "cannot map a copy: %s", strerror(errno));
		goto err_fd;
	}
	import->copy = map;
	file->size = size;
	file->kind = GP_CLIENT_BLOB_SHM;
	file->revocable = false;
	file->how = "copy";
	return true;

err_fd:
	gp_fd_close(&file->fd);
err_log:
	log_failure(import->memory, file->reason, cause);
	return false;
}

static bool make_file(struct gp_import *import, const char *refusal) {
	struct gp_memory_file *file = &import->file;
	file->fd = -1;
	if (refusal != NULL) {
		snprintf(file->reason, sizeof(file->reason), "%s", refusal);
	} else if (import->memory->ops->export(import->memory, file)) {
		return true;
	}
	return make_copy(import);
}

struct gp_import *gp_import_create(
	struct gp_client *client, struct gp_memory *memory, const char *refusal) {
	struct gp_import *import = calloc(1, sizeof(*import));
	if (import == NULL) {
		gp_error_limited("cannot show the guest's memory: %m");
		return NULL;
	}
	import->memory = memory;
	import->memory_id = memory->id;
	import->n_halves = 1;
	wl_list_init(&import->link);
	wl_list_insert(&memory->imports, &import->memory_link);
	uint64_t start_ns = gp_trace_now();
	struct gp_memory_file *file = &import->file;
	if (!make_file(import, refusal)) {
		gp_import_destroy(import);
		return NULL;
	}
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_EXPORT, start_ns, gp_trace_now());
	}
	if (file->n_halves > 1) {
		import->n_halves = file->n_halves;
		import->half_size = file->half_size;
	}
	import->blob = gp_client_blob_create(client, file->fd, file->size, file->kind,
		file->device[0] != '\0' ? file->device : NULL, import);
	gp_fd_close(&file->fd);
	if (import->blob == NULL) {
		gp_import_destroy(import);
		return NULL;
	}
	return import;
}

void gp_import_destroy(struct gp_import *import) {
	if (import->copy != NULL) {
		munmap(import->copy, import->file.size);
	}
	wl_list_remove(&import->memory_link);
	wl_list_remove(&import->link);
	free(import);
}

struct gp_import *gp_import_find_newest(const struct gp_memory *memory) {
	struct gp_import *import;
	return wl_list_empty(&memory->imports)
		? NULL
		: wl_container_of(memory->imports.next, import, memory_link);
}

void gp_import_end(struct gp_import *import) {
	gp_client_blob_revoke(import->blob);
	import->blob = NULL;
	import->n_buffers = 0;
	import->refused.format = 0;
	import->ending = true;
}

struct gp_client_buffer *gp_import_find_buffer(struct gp_import *import,
	const struct gp_client_layout *layout, uint32_t scanout, unsigned half) {
	for (size_t i = 0; i < import->n_buffers; i++) {
		struct gp_import_buffer *buffer = &import->buffers[i];
		if (buffer->scanout == scanout && buffer->half == half &&
			gp_layout_equal(&buffer->layout, layout)) {
			buffer->used = ++import->uses;
			return buffer->buffer;
		}
	}
	return NULL;
}

struct gp_client_buffer *gp_import_find_surplus(const struct gp_import *import) {
	if (import->n_buffers < GP_IMPORT_BUFFERS_MAX) {
		return NULL;
	}
	const struct gp_import_buffer *oldest = &import->buffers[0];
	for (size_t i = 1; i < import->n_buffers; i++) {
		if (import->buffers[i].used < oldest->used) {
			oldest = &import->buffers[i];
		}
	}
	return oldest->buffer;
}

void gp_import_drop_buffer(struct gp_import *import, struct gp_client_buffer *buffer) {
	for (size_t i = 0; i < import->n_buffers; i++) {
		if (import->buffers[i].buffer == buffer) {
			gp_client_buffer_destroy(buffer);
			import->buffers[i] = import->buffers[--import->n_buffers];
			return;
		}
	}
}

struct gp_client_buffer *gp_import_add_buffer(struct gp_import *import,
	const struct gp_client_layout *layout, uint32_t scanout, unsigned half) {
	struct gp_client_layout in_file = *layout;
	in_file.planes[0].offset += half * import->half_size;
	struct gp_client_buffer *buffer = gp_client_buffer_create(import->blob, &in_file);
	if (buffer != NULL) {
		import->buffers[import->n_buffers++] = (struct gp_import_buffer){
			.buffer = buffer,
			.layout = *layout,
			.scanout = scanout,
			.half = half,
			.used = ++import->uses,
		};
	}
	return buffer;
}

void gp_import_refuse(struct gp_import *import, const struct gp_client_buffer *buffer,
	const struct gp_client_failure *failure) {
	for (size_t i = 0; i < import->n_buffers; i++) {
		if (import->buffers[i].buffer == buffer) {
			import->refused = import->buffers[i].layout;
		}
	}
	import->refused_lasting = failure->lasting;
	import->refused_alignment = failure->stride_alignment;
	snprintf(import->refusal, sizeof(import->refusal), "the compositor refused %s: %s",
		import->file.how, failure->message);
}

uint64_t gp_import_update(struct gp_import *import, unsigned half,
	const struct gp_client_layout *layout, const struct gp_rect *rect) {
	uint64_t start_ns = gp_trace_now();
	uint64_t copied = import->memory->ops->read_rows(
		import->memory, import->copy + half * import->half_size, layout, rect);
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_COPY, start_ns, gp_trace_now());
	}
	return copied;
}

uint64_t gp_import_copy_half(struct gp_import *import, unsigned from, unsigned to,
	const struct gp_client_layout *layout, const struct gp_rect *rect) {
	uint64_t start_ns = gp_trace_now();
	uint32_t bpp = gp_format_from_drm(layout->format)->bytes_per_pixel;
	uint64_t stride = layout->planes[0].stride, length = (uint64_t)rect->width * bpp;
	uint64_t first = layout->planes[0].offset + rect->y * stride + (uint64_t)rect->x * bpp;
	for (uint32_t row = 0; row < rect->height; row++) {
		memcpy(import->copy + to * import->half_size + first + row * stride,
			import->copy + from * import->half_size + first + row * stride, length);
	}
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_COPY, start_ns, gp_trace_now());
	}
	return length * rect->height;
}

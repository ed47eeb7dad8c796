#include "vmm-bridge/present/still.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"
#include "common/format.h"

static bool export_still(struct gp_memory *base, struct gp_memory_file *out) {
	struct gp_still *still = wl_container_of(base, still, base);
	out->fd = fcntl(still->fd, F_DUPFD_CLOEXEC, 0);
	if (out->fd < 0) {
		snprintf(out->reason, sizeof(out->reason), "cannot duplicate its file: %s",
			strerror(errno));
		return false;
	}
	out->size = base->size;
	out->kind = GP_CLIENT_BLOB_SHM;
	out->how = "copy";
	snprintf(out->reason, sizeof(out->reason), "the VM is paused");
	return true;
}

static void describe(const struct gp_memory *base, char *out, size_t size) {
	snprintf(out, size, "the last frame");
}

static const struct gp_memory_ops still_ops = {
	.export = export_still,
	.describe = describe,
};

static uint64_t copy_rows(uint8_t *to, const uint8_t *from, const struct gp_client_layout *layout,
	const struct gp_rect *rect, uint32_t bpp) {
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		size_t at = layout->planes[0].offset + (size_t)y * layout->planes[0].stride +
			(size_t)rect->x * bpp;
		memcpy(to + at, from + at, (size_t)rect->width * bpp);
	}
	return (uint64_t)rect->width * rect->height * bpp;
}

/* The file is as long as the memory, but has pages only for what is copied. */
static bool fill(struct gp_still *still, struct gp_memory *memory, const uint8_t *copy) {
	void *map = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, still->fd, 0);
	if (map == MAP_FAILED) {
		return false;
	}
	const struct gp_format *format = gp_format_from_drm(still->layout.format);
	uint64_t copied = copy != NULL
		? copy_rows(map, copy, &still->layout, &still->source, format->bytes_per_pixel)
		: memory->ops->read_rows(memory, map, &still->layout, &still->source);
	munmap(map, memory->size);
	return copied == still->bytes;
}

struct gp_still *gp_still_create(struct gp_memory *memory, const uint8_t *copy,
	const struct gp_client_layout *layout, const struct gp_rect *source, uint64_t bytes_max,
	const char **reason) {
	const struct gp_format *format = gp_format_from_drm(layout->format);
	if (memory->ops->read_rows == NULL || format == NULL) {
		*reason = "the VM is paused, and its memory cannot be read";
		return NULL;
	}
	uint64_t bytes = (uint64_t)source->width * source->height * format->bytes_per_pixel;
	struct gp_still *still = bytes <= bytes_max ? calloc(1, sizeof(*still)) : NULL;
	*reason = "the VM is paused, and there is no memory for a copy";
	if (still == NULL) {
		return NULL;
	}
	gp_memory_init(
		&still->base, &still_ops, GP_CLIENT_BLOB_SHM, memory->size, GP_MEMORY_ID_NONE);
	still->base.host_copy = true;
	still->layout = *layout;
	still->source = *source;
	still->bytes = bytes;
	still->fd = gp_memfd_create_sealed("guestpane-still", memory->size);
	if (still->fd < 0) {
		gp_still_destroy(still);
		return NULL;
	}
	if (!fill(still, memory, copy)) {
		*reason = "the VM is paused, and its memory cannot be read";
		gp_still_destroy(still);
		return NULL;
	}
	return still;
}

void gp_still_destroy(struct gp_still *still) {
	if (still != NULL) {
		gp_fd_close(&still->fd);
		free(still);
	}
}

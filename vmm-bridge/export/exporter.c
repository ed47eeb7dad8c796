#include "vmm-bridge/export/exporter.h"

#include <stdio.h>

#include "common/fd.h"
#include "vmm-bridge/export/export_vfio.h"
#include "vmm-bridge/virtio/guest_memory.h"

static bool create_udmabuf(const struct gp_exporter *exporter, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out) {
	return gp_export_udmabuf_create(&exporter->udmabuf, extents, size, out);
}

static bool create_vfio(const struct gp_exporter *exporter, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out) {
	return gp_export_vfio_create(extents, size, out);
}

static const struct {
	const char *name;
	enum gp_memory_kind memory;
	bool (*create)(const struct gp_exporter *exporter, const struct gp_extents *extents,
		uint64_t size, struct gp_export *out);
} exporters[GP_EXPORT_KINDS] = {
	[GP_EXPORT_UDMABUF] = {"udmabuf", GP_MEMORY_FILE, create_udmabuf},
	[GP_EXPORT_VFIO] = {"vfio", GP_MEMORY_VFIO, create_vfio},
};

void gp_exporter_init(struct gp_exporter *exporter, bool force_copy, const char *root) {
	*exporter = (struct gp_exporter){.force_copy = force_copy};
	gp_udmabuf_init(&exporter->udmabuf, root);
}

void gp_exporter_start(struct gp_exporter *exporter, int udmabuf) {
	if (!exporter->force_copy) {
		gp_udmabuf_set_device(&exporter->udmabuf, udmabuf);
	} else if (udmabuf >= 0) {
		gp_fd_close(&udmabuf);
	}
}

void gp_exporter_finish(struct gp_exporter *exporter) {
	gp_udmabuf_finish(&exporter->udmabuf);
}

enum gp_export_kind gp_export_find_kind(const struct gp_extents *extents) {
	// What lies partly in a device is the device's: only VFIO can say why that is no dma-buf.
	enum gp_memory_kind memory = GP_MEMORY_FILE;
	for (size_t i = 0; i < extents->count && memory == GP_MEMORY_FILE; i++) {
		memory = extents->items[i].object->kind;
	}
	enum gp_export_kind kind = 0;
	while (exporters[kind].memory != memory) {
		kind++;
	}
	return kind;
}

const char *gp_export_kind_name(enum gp_export_kind kind) {
	return exporters[kind].name;
}

bool gp_export_create(const struct gp_exporter *exporter, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out) {
	*out = (struct gp_export){.kind = gp_export_find_kind(extents), .fd = -1};
	if (exporter->force_copy) {
		snprintf(out->reason, sizeof(out->reason),
			"copies were asked for with --export copy");
		return false;
	}
	return exporters[out->kind].create(exporter, extents, size, out);
}

#include "vmm-bridge/export/exporter.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/export/export_internal.h"
#include "vmm-bridge/export/export_vfio.h"

static const struct {
	const char *name;
	gp_export_create_func create;
	bool any_memory;
	enum gp_memory_kind memory;
} kinds[GP_EXPORT_KINDS] = {
	[GP_EXPORT_UDMABUF] = {"udmabuf", gp_export_udmabuf_create, .memory = GP_MEMORY_FILE},
	[GP_EXPORT_VFIO] = {"vfio", gp_export_vfio_create, .memory = GP_MEMORY_VFIO},
	[GP_EXPORT_COPY] = {"copy", gp_export_copy_create, .any_memory = true},
};

bool gp_export_fits(enum gp_export_kind kind, const struct gp_extents *extents) {
	// What lies partly in a device is the device's: only VFIO can say why that is no dma-buf.
	enum gp_memory_kind memory = GP_MEMORY_FILE;
	for (size_t i = 0; i < extents->count && memory == GP_MEMORY_FILE; i++) {
		memory = extents->items[i].object->kind;
	}
	return kinds[kind].any_memory || memory == kinds[kind].memory;
}

const char *gp_export_kind_name(enum gp_export_kind kind) {
	return kind < GP_EXPORT_KINDS ? kinds[kind].name : "unknown";
}

void gp_exporter_init_below(struct gp_exporter *exporter, bool force_copy, const char *root) {
	*exporter = (struct gp_exporter){
		.udmabuf_fd = -1,
		.force_copy = force_copy,
		.log = {.burst = 10, .interval_ns = 1000000000},
	};
	if (force_copy) {
		snprintf(exporter->udmabuf_reason, sizeof(exporter->udmabuf_reason),
			"copies were asked for with --export copy");
		return;
	}
	gp_export_udmabuf_probe(exporter, root);
}

void gp_exporter_init(struct gp_exporter *exporter, bool force_copy) {
	gp_exporter_init_below(exporter, force_copy, "");
}

void gp_exporter_finish(struct gp_exporter *exporter) {
	gp_fd_close(&exporter->udmabuf_fd);
}

/* Appends to the reasons why no better kind is used; what does not fit is cut off. */
static void add_reason(struct gp_export *out, const char *text) {
	size_t used = strlen(out->reason);
	snprintf(
		out->reason + used, sizeof(out->reason) - used, "%s%s", used > 0 ? "; " : "", text);
}

bool gp_export_create(struct gp_exporter *exporter, const struct gp_extents *extents, uint64_t size,
	enum gp_export_kind from, const char *refusal, struct gp_export *out) {
	*out = (struct gp_export){.fd = -1};
	if (refusal != NULL) {
		add_reason(out, refusal);
	}
	for (unsigned kind = from; kind < GP_EXPORT_KINDS; kind++) {
		if (!gp_export_fits(kind, extents)) {
			continue;
		}
		char reason[sizeof(out->reason)] = "";
		if (kinds[kind].create(exporter, extents, size, out, reason, sizeof(reason))) {
			out->kind = kind;
			exporter->exports[kind]++;
			return true;
		}
		add_reason(out, reason);
	}
	uint64_t suppressed;
	if (gp_log_limit_pass(&exporter->log, &suppressed)) {
		gp_error("cannot show %llu bytes of the guest's memory: %s",
			(unsigned long long)size, out->reason);
	}
	return false;
}

void gp_export_finish(struct gp_export *export) {
	if (export->map != NULL) {
		munmap(export->map, export->size);
		export->map = NULL;
	}
	gp_fd_close(&export->fd);
}

#ifndef GP_VMM_BRIDGE_EXPORT_EXPORT_INTERNAL_H
#define GP_VMM_BRIDGE_EXPORT_EXPORT_INTERNAL_H

#include "vmm-bridge/export/exporter.h"

/**
 * What a kind of export implements: a line in the table of export.c.
 *
 * create fills kind-specific members, fd and size of *out, which is zero with fd -1 before, or
 * returns false with the cause and its cure in reason (reason_size bytes) and *out as it was.
 */
typedef bool (*gp_export_create_func)(struct gp_exporter *exporter,
	const struct gp_extents *extents, uint64_t size, struct gp_export *out, char *reason,
	size_t reason_size);

bool gp_export_udmabuf_create(struct gp_exporter *exporter, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out, char *reason, size_t reason_size);
bool gp_export_copy_create(struct gp_exporter *exporter, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out, char *reason, size_t reason_size);

/* Opens the device and reads its limits; udmabuf_reason says what is missing. */
void gp_export_udmabuf_probe(struct gp_exporter *exporter, const char *root);

#endif

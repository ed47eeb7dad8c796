#ifndef GP_VMM_BRIDGE_EXPORT_EXPORTER_H
#define GP_VMM_BRIDGE_EXPORT_EXPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/export/export.h"
#include "vmm-bridge/export/export_udmabuf.h"

/**
 * Exporters turn extents of guest memory into one dma-buf that another process can show. They see
 * memory objects and offsets, never guest addresses.
 *
 * Order (behaviour B3): udmabuf; VFIO where the memory is a BAR. A new kind of memory gets a new
 * file beside export_udmabuf.c and a line in the table of exporter.c. What nothing exports is read
 * with gp_extents_read_rows.
 */

struct gp_extents;

/* What the host can do; read once at start. */
struct gp_exporter {
	struct gp_udmabuf udmabuf;
	bool force_copy; // no exports are wanted
};

/* Reads what the host can do, below root; "" is the real one. */
void gp_exporter_init(struct gp_exporter *exporter, bool force_copy, const char *root);
/* Takes the result of gp_udmabuf_open_device. Opens nothing. */
void gp_exporter_start(struct gp_exporter *exporter, int udmabuf);
void gp_exporter_finish(struct gp_exporter *exporter);

/**
 * The kind for such memory, going by its first extent. Creating may fail all the same: for memory
 * of several kinds, limits, the kernel.
 */
enum gp_export_kind gp_export_find_kind(const struct gp_extents *extents);
/* "udmabuf", "vfio". */
const char *gp_export_kind_name(enum gp_export_kind kind);

/**
 * Exports the first size bytes of the extents, which are not kept. The fd is the caller's. False,
 * with out->reason and out->fd -1, if that is not possible.
 */
bool gp_export_create(const struct gp_exporter *exporter, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out);

#endif

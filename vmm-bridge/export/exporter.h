#ifndef GP_VMM_BRIDGE_EXPORT_EXPORTER_H
#define GP_VMM_BRIDGE_EXPORT_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "vmm-bridge/virtio/guest_memory.h"

/**
 * Exporters turn extents of guest memory into one fd that another process can show. They see
 * memory objects and offsets, never guest addresses.
 *
 * Order (behaviour B3): udmabuf; VFIO where the memory is a BAR; copy. A new kind of memory gets a
 * new file beside export_udmabuf.c and a line in the table of export.c.
 */

enum gp_export_kind {
	GP_EXPORT_UDMABUF, // dma-buf of guest RAM
	GP_EXPORT_VFIO, // dma-buf of device memory
	GP_EXPORT_COPY, // sealed memory file, written by gp_export_copy_rows
	GP_EXPORT_KINDS,
};
const char *gp_export_kind_name(enum gp_export_kind kind);

struct gp_export {
	enum gp_export_kind kind;
	int fd; // owned
	uint64_t size; // bytes
	char reason[256]; // why not a better kind, with its cure; empty for the best
	char device[32]; // PCI address for GP_EXPORT_VFIO, else empty

	/* GP_EXPORT_COPY only. */
	uint8_t *map;
};

/* What the host can do; read once at start. */
struct gp_exporter {
	int udmabuf_fd; // owned; /dev/udmabuf, or -1
	uint32_t udmabuf_list_limit;
	uint64_t udmabuf_size_limit; // bytes
	char udmabuf_reason[160]; // why there is no udmabuf; empty if there is
	bool force_copy; // nothing but copies is wanted
	uint64_t exports[GP_EXPORT_KINDS]; // counters
	uint64_t bytes_copied;
	struct gp_log_limit log;
};

void gp_exporter_init(struct gp_exporter *exporter, bool force_copy);
/* The same with dev/udmabuf and sys/module/udmabuf below root, for tests; "" is the real one. */
void gp_exporter_init_below(struct gp_exporter *exporter, bool force_copy, const char *root);
void gp_exporter_finish(struct gp_exporter *exporter);

/**
 * Whether the kind is one for such memory, going by its first extent. Creating may fail all the
 * same: for memory of several kinds, limits, the kernel.
 */
bool gp_export_fits(enum gp_export_kind kind, const struct gp_extents *extents);

/**
 * Exports the extents, the first size bytes of them, by the best way from `from` on (a kind that
 * the compositor has refused is skipped by starting behind it; refusal is then put in front of the
 * reason, NULL if there was none). The extents are not kept. Returns false, after logging, if
 * nothing works (no memory); *out needs no finish then.
 */
bool gp_export_create(struct gp_exporter *exporter, const struct gp_extents *extents, uint64_t size,
	enum gp_export_kind from, const char *refusal, struct gp_export *out);
/* Closes and unmaps; who was given the fd keeps the memory. */
void gp_export_finish(struct gp_export *export);

/**
 * GP_EXPORT_COPY: copies rows [y, y + height) × bytes [x_bytes, x_bytes + width_bytes) of a picture
 * at offset with stride, from the extents into the copy. Everything is clipped to the export's
 * size and to what the extents hold by now. Returns and counts the bytes that were copied. Nothing
 * for other kinds.
 */
uint64_t gp_export_copy_rows(struct gp_exporter *exporter, struct gp_export *export,
	const struct gp_extents *extents, uint64_t offset, uint64_t stride, uint32_t x_bytes,
	uint32_t width_bytes, uint32_t y, uint32_t height);

#endif

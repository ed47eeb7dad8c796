#ifndef GP_VMM_BRIDGE_EXPORT_EXPORT_UDMABUF_H
#define GP_VMM_BRIDGE_EXPORT_EXPORT_UDMABUF_H

#include <stdbool.h>
#include <stdint.h>

struct gp_export;
struct gp_extents;

/* Guest RAM as a dma-buf: /dev/udmabuf and its limits, as they were at start. */
struct gp_udmabuf {
	int fd; // owned, or -1
	uint32_t list_limit; // entries
	uint64_t size_limit; // bytes
	char group[33]; // of the device's file; empty: not known
	char reason[160]; // why it cannot be used, with its cure; empty if it can
};

/* Opens the device, below root; "" is the real root. A descriptor, or -errno. */
int gp_udmabuf_open_device(const char *root);
/* Reads the limits, below root. There is no device yet. */
void gp_udmabuf_init(struct gp_udmabuf *udmabuf, const char *root);
/* Takes the result of opening the device. Opens nothing. Logs what is missing. */
void gp_udmabuf_set_device(struct gp_udmabuf *udmabuf, int fd);
void gp_udmabuf_finish(struct gp_udmabuf *udmabuf);

/**
 * Exports the first size bytes of the extents, rounded up to whole pages: fd and size of *out.
 * False, with out->reason, if that is not possible.
 */
bool gp_export_udmabuf_create(const struct gp_udmabuf *udmabuf, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out);

#endif

#ifndef GP_VMM_BRIDGE_GPU_DISPLAY_INFO_H
#define GP_VMM_BRIDGE_GPU_DISPLAY_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_gpu.h>

#include "common/edid.h"

/**
 * What the guest sees of its monitors (behaviour C6, C7): display info, EDIDs and the configuration
 * space. Plain data; nothing here knows of resources.
 */

struct gp_display_info {
	bool connected;
	struct gp_mode mode; // the preferred one; the last one if not connected
	uint8_t edid[GP_EDID_SIZE_MAX]; // first edid_size bytes
	size_t edid_size; // 0: not connected
};

struct gp_displays {
	struct gp_display_info items[VIRTIO_GPU_MAX_SCANOUTS]; // first count
	uint32_t count;
	uint32_t events; // VIRTIO_GPU_EVENT_*, until the guest clears them
};

/* All are disconnected; the mode is the one to report for them. count is 1 to 16. */
void gp_displays_init(struct gp_displays *displays, uint32_t count, const struct gp_mode *mode);
/* NULL: none. Returns whether the guest would see a difference; the event is set then. */
bool gp_displays_set(
	struct gp_displays *displays, uint32_t index, const struct gp_monitor *monitor);

/* Everything behind the header of the replies. The displays stand in a row, in their order. */
void gp_displays_write_info(
	const struct gp_displays *displays, struct virtio_gpu_resp_display_info *info);
/* Size 0 for a display that is not connected. */
void gp_displays_write_edid(
	const struct gp_displays *displays, uint32_t index, struct virtio_gpu_resp_edid *edid);

/* Any range; bytes behind the structure read as zero. */
void gp_displays_read_config(
	const struct gp_displays *displays, uint32_t offset, uint32_t size, uint8_t *out);
/* Only events_clear can be written; a write of the whole structure is that of the driver (QEMU). */
void gp_displays_write_config(
	struct gp_displays *displays, uint32_t offset, uint32_t size, const uint8_t *bytes);

#endif

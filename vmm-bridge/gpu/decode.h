#ifndef GP_VMM_BRIDGE_GPU_DECODE_H
#define GP_VMM_BRIDGE_GPU_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rect.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * virtio-gpu commands as typed values (virtio 1.3, 5.7.6). Bytes are copied out of guest memory
 * once; everything that can be checked without state is checked here.
 */

struct gp_gpu_entry {
	uint64_t gpa;
	uint32_t length;
};

struct gp_gpu_command {
	uint32_t type; // VIRTIO_GPU_CMD_*
	bool fenced;
	uint64_t fence_id;
	uint32_t ctx_id;
	union {
		struct {
			uint32_t scanout;
		} get_edid;
		struct {
			uint32_t resource, format, width, height;
		} create_2d;
		struct {
			uint32_t resource;
		} unref; // also detach_backing
		struct {
			uint32_t scanout, resource;
			struct gp_rect rect;
		} set_scanout;
		struct {
			uint32_t resource;
			struct gp_rect rect;
		} flush;
		struct {
			uint32_t resource;
			struct gp_rect rect;
			uint64_t offset;
		} transfer;
		struct {
			uint32_t resource, n_entries;
		} attach;
		struct {
			uint32_t resource, blob_mem, blob_flags, n_entries;
			uint64_t blob_id, size;
		} create_blob;
		struct {
			uint32_t scanout, resource, width, height, format, stride, offset;
			struct gp_rect rect;
		} set_scanout_blob;
		struct {
			uint32_t scanout, resource, hot_x, hot_y;
			int32_t x, y;
			bool move_only;
		} cursor;
	};
	/* attach and create_blob: n_entries of them, owned by the command; NULL if none. */
	struct gp_gpu_entry *entries;
};

/**
 * Decodes the readable part of a chain. Returns 0 and fills *command (to be finished), or the
 * response type of the error (VIRTIO_GPU_RESP_ERR_*): UNSPEC for a command that is too short or
 * unknown or has too many entries, OUT_OF_MEMORY. The header (type and fence) is valid in every
 * case in which the chain has at least a header, so that the reply can carry the fence.
 */
uint32_t gp_gpu_decode(
	const struct gp_chain *chain, bool cursor_queue, struct gp_gpu_command *command);
void gp_gpu_command_finish(struct gp_gpu_command *command);
/* "SET_SCANOUT_BLOB"; "unknown" for others. */
const char *gp_gpu_command_name(uint32_t type);

#endif

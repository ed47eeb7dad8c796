#include "vmm-bridge/gpu/decode.h"

#include <endian.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>

#include "common/checked.h"
#include "vmm-bridge/gpu/resource.h"

/* The fixed part of every command that is supported. */
union command_wire {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_cmd_get_edid get_edid;
	struct virtio_gpu_resource_create_2d create_2d;
	struct virtio_gpu_resource_unref unref;
	struct virtio_gpu_set_scanout set_scanout;
	struct virtio_gpu_resource_flush flush;
	struct virtio_gpu_transfer_to_host_2d transfer;
	struct virtio_gpu_resource_attach_backing attach;
	struct virtio_gpu_resource_detach_backing detach;
	struct virtio_gpu_resource_create_blob create_blob;
	struct virtio_gpu_set_scanout_blob set_scanout_blob;
	struct virtio_gpu_update_cursor cursor;
};

static struct gp_rect decode_rect(const struct virtio_gpu_rect *rect) {
	return (struct gp_rect){
		.x = le32toh(rect->x),
		.y = le32toh(rect->y),
		.width = le32toh(rect->width),
		.height = le32toh(rect->height),
	};
}

static void decode_nothing(const union command_wire *wire, struct gp_gpu_command *command) {
}

static void decode_get_edid(const union command_wire *wire, struct gp_gpu_command *command) {
	command->get_edid.scanout = le32toh(wire->get_edid.scanout);
}

static void decode_create_2d(const union command_wire *wire, struct gp_gpu_command *command) {
	command->create_2d.resource = le32toh(wire->create_2d.resource_id);
	command->create_2d.format = le32toh(wire->create_2d.format);
	command->create_2d.width = le32toh(wire->create_2d.width);
	command->create_2d.height = le32toh(wire->create_2d.height);
}

static void decode_unref(const union command_wire *wire, struct gp_gpu_command *command) {
	command->unref.resource = le32toh(wire->unref.resource_id);
}

static void decode_set_scanout(const union command_wire *wire, struct gp_gpu_command *command) {
	command->set_scanout.scanout = le32toh(wire->set_scanout.scanout_id);
	command->set_scanout.resource = le32toh(wire->set_scanout.resource_id);
	command->set_scanout.rect = decode_rect(&wire->set_scanout.r);
}

static void decode_flush(const union command_wire *wire, struct gp_gpu_command *command) {
	command->flush.resource = le32toh(wire->flush.resource_id);
	command->flush.rect = decode_rect(&wire->flush.r);
}

static void decode_transfer(const union command_wire *wire, struct gp_gpu_command *command) {
	command->transfer.resource = le32toh(wire->transfer.resource_id);
	command->transfer.rect = decode_rect(&wire->transfer.r);
	command->transfer.offset = le64toh(wire->transfer.offset);
}

static void decode_attach(const union command_wire *wire, struct gp_gpu_command *command) {
	command->attach.resource = le32toh(wire->attach.resource_id);
	command->attach.n_entries = le32toh(wire->attach.nr_entries);
}

static void decode_create_blob(const union command_wire *wire, struct gp_gpu_command *command) {
	command->create_blob.resource = le32toh(wire->create_blob.resource_id);
	command->create_blob.blob_mem = le32toh(wire->create_blob.blob_mem);
	command->create_blob.blob_flags = le32toh(wire->create_blob.blob_flags);
	command->create_blob.n_entries = le32toh(wire->create_blob.nr_entries);
	command->create_blob.blob_id = le64toh(wire->create_blob.blob_id);
	command->create_blob.size = le64toh(wire->create_blob.size);
}

static void decode_set_scanout_blob(
	const union command_wire *wire, struct gp_gpu_command *command) {
	command->set_scanout_blob.scanout = le32toh(wire->set_scanout_blob.scanout_id);
	command->set_scanout_blob.resource = le32toh(wire->set_scanout_blob.resource_id);
	command->set_scanout_blob.width = le32toh(wire->set_scanout_blob.width);
	command->set_scanout_blob.height = le32toh(wire->set_scanout_blob.height);
	command->set_scanout_blob.format = le32toh(wire->set_scanout_blob.format);
	command->set_scanout_blob.stride = le32toh(wire->set_scanout_blob.strides[0]);
	command->set_scanout_blob.offset = le32toh(wire->set_scanout_blob.offsets[0]);
	command->set_scanout_blob.rect = decode_rect(&wire->set_scanout_blob.r);
}

static void decode_cursor(const union command_wire *wire, struct gp_gpu_command *command) {
	command->cursor.scanout = le32toh(wire->cursor.pos.scanout_id);
	command->cursor.x = (int32_t)le32toh(wire->cursor.pos.x);
	command->cursor.y = (int32_t)le32toh(wire->cursor.pos.y);
	command->cursor.resource = le32toh(wire->cursor.resource_id);
	command->cursor.hot_x = le32toh(wire->cursor.hot_x);
	command->cursor.hot_y = le32toh(wire->cursor.hot_y);
	command->cursor.move_only = command->type == VIRTIO_GPU_CMD_MOVE_CURSOR;
}

struct command_type {
	uint32_t type;
	const char *name;
	size_t size; // bytes of the fixed part
	/* NULL: not supported; only the name is known. */
	void (*decode)(const union command_wire *wire, struct gp_gpu_command *command);
	bool cursor_queue, entries;
};

#define TYPE(cmd, wire_struct, ...)                                                                \
	{.type = VIRTIO_GPU_CMD_##cmd,                                                             \
		.name = #cmd,                                                                      \
		.size = sizeof(struct wire_struct),                                                \
		__VA_ARGS__}
#define UNSUPPORTED(cmd) {.type = VIRTIO_GPU_CMD_##cmd, .name = #cmd}

static const struct command_type command_types[] = {
	TYPE(GET_DISPLAY_INFO, virtio_gpu_ctrl_hdr, .decode = decode_nothing),
	TYPE(GET_EDID, virtio_gpu_cmd_get_edid, .decode = decode_get_edid),
	TYPE(RESOURCE_CREATE_2D, virtio_gpu_resource_create_2d, .decode = decode_create_2d),
	TYPE(RESOURCE_UNREF, virtio_gpu_resource_unref, .decode = decode_unref),
	TYPE(SET_SCANOUT, virtio_gpu_set_scanout, .decode = decode_set_scanout),
	TYPE(RESOURCE_FLUSH, virtio_gpu_resource_flush, .decode = decode_flush),
	TYPE(TRANSFER_TO_HOST_2D, virtio_gpu_transfer_to_host_2d, .decode = decode_transfer),
	TYPE(RESOURCE_ATTACH_BACKING, virtio_gpu_resource_attach_backing, .decode = decode_attach,
		.entries = true),
	TYPE(RESOURCE_DETACH_BACKING, virtio_gpu_resource_detach_backing, .decode = decode_unref),
	TYPE(RESOURCE_CREATE_BLOB, virtio_gpu_resource_create_blob, .decode = decode_create_blob,
		.entries = true),
	TYPE(SET_SCANOUT_BLOB, virtio_gpu_set_scanout_blob, .decode = decode_set_scanout_blob),
	TYPE(UPDATE_CURSOR, virtio_gpu_update_cursor, .decode = decode_cursor,
		.cursor_queue = true),
	TYPE(MOVE_CURSOR, virtio_gpu_update_cursor, .decode = decode_cursor, .cursor_queue = true),
	UNSUPPORTED(GET_CAPSET_INFO),
	UNSUPPORTED(GET_CAPSET),
	UNSUPPORTED(RESOURCE_ASSIGN_UUID),
	UNSUPPORTED(CTX_CREATE),
	UNSUPPORTED(CTX_DESTROY),
	UNSUPPORTED(CTX_ATTACH_RESOURCE),
	UNSUPPORTED(CTX_DETACH_RESOURCE),
	UNSUPPORTED(RESOURCE_CREATE_3D),
	UNSUPPORTED(TRANSFER_TO_HOST_3D),
	UNSUPPORTED(TRANSFER_FROM_HOST_3D),
	UNSUPPORTED(SUBMIT_3D),
	UNSUPPORTED(RESOURCE_MAP_BLOB),
	UNSUPPORTED(RESOURCE_UNMAP_BLOB),
};

static const struct command_type *find_type(uint32_t type) {
	for (size_t i = 0; i < sizeof(command_types) / sizeof(command_types[0]); i++) {
		if (command_types[i].type == type) {
			return &command_types[i];
		}
	}
	return NULL;
}

static bool decode_header(const struct gp_chain *chain, struct gp_gpu_command *command) {
	struct virtio_gpu_ctrl_hdr hdr;
	if (gp_chain_read(chain, 0, &hdr, sizeof(hdr)) != sizeof(hdr)) {
		return false;
	}
	command->type = le32toh(hdr.type);
	command->fenced = (le32toh(hdr.flags) & VIRTIO_GPU_FLAG_FENCE) != 0;
	command->fence_id = le64toh(hdr.fence_id);
	command->ctx_id = le32toh(hdr.ctx_id);
	return true;
}

/* Reads the table of entries that follows the fixed part, a piece at a time. */
static bool read_entries(const struct gp_chain *chain, uint64_t offset, uint32_t count,
	struct gp_gpu_entry *entries) {
	struct virtio_gpu_mem_entry piece[128];
	for (uint32_t done = 0; done < count;) {
		uint32_t part = count - done < 128 ? count - done : 128;
		size_t bytes = part * sizeof(piece[0]);
		if (gp_chain_read(chain, offset, piece, bytes) != bytes) {
			return false;
		}
		for (uint32_t i = 0; i < part; i++) {
			entries[done + i].gpa = le64toh(piece[i].addr);
			entries[done + i].length = le32toh(piece[i].length);
		}
		done += part;
		offset += bytes;
	}
	return true;
}

static uint32_t decode_entries(const struct gp_chain *chain, uint64_t offset, uint32_t count,
	struct gp_gpu_command *command) {
	uint64_t bytes = (uint64_t)count * sizeof(struct virtio_gpu_mem_entry);
	if (count > GP_BACKING_ENTRIES_MAX || !gp_range_inside(offset, bytes, chain->out_size)) {
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	if (count == 0) {
		return 0;
	}
	command->entries = calloc(count, sizeof(command->entries[0]));
	if (command->entries == NULL) {
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	if (!read_entries(chain, offset, count, command->entries)) {
		gp_gpu_command_finish(command);
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	return 0;
}

uint32_t gp_gpu_decode(
	const struct gp_chain *chain, bool cursor_queue, struct gp_gpu_command *command) {
	*command = (struct gp_gpu_command){0};
	if (!decode_header(chain, command)) {
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	const struct command_type *type = find_type(command->type);
	if (type == NULL || type->decode == NULL || type->cursor_queue != cursor_queue) {
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	union command_wire wire;
	if (gp_chain_read(chain, 0, &wire, type->size) != type->size) {
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	type->decode(&wire, command);
	if (!type->entries) {
		return 0;
	}
	uint32_t count = command->type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB
		? command->create_blob.n_entries
		: command->attach.n_entries;
	return decode_entries(chain, type->size, count, command);
}

void gp_gpu_command_finish(struct gp_gpu_command *command) {
	free(command->entries);
	command->entries = NULL;
}

const char *gp_gpu_command_name(uint32_t type) {
	const struct command_type *known = find_type(type);
	return known != NULL ? known->name : "unknown";
}

#ifndef GP_TESTS_HARNESS_GPU_WIRE_H
#define GP_TESTS_HARNESS_GPU_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <linux/virtio_gpu.h>

#include "common/rect.h"

/**
 * virtio-gpu commands as a driver writes them. A fence_id of 0 means: not fenced.
 */

static inline struct virtio_gpu_ctrl_hdr wire_hdr(uint32_t type, uint64_t fence_id) {
	return (struct virtio_gpu_ctrl_hdr){
		.type = htole32(type),
		.flags = htole32(fence_id != 0 ? VIRTIO_GPU_FLAG_FENCE : 0),
		.fence_id = htole64(fence_id),
	};
}

static inline struct virtio_gpu_rect wire_rect(const struct gp_rect *rect) {
	return (struct virtio_gpu_rect){
		.x = htole32(rect->x),
		.y = htole32(rect->y),
		.width = htole32(rect->width),
		.height = htole32(rect->height),
	};
}

static inline struct virtio_gpu_mem_entry wire_entry(uint64_t gpa, uint32_t length) {
	return (struct virtio_gpu_mem_entry){.addr = htole64(gpa), .length = htole32(length)};
}

static inline struct virtio_gpu_cmd_get_edid wire_get_edid(uint32_t scanout) {
	return (struct virtio_gpu_cmd_get_edid){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_GET_EDID, 0),
		.scanout = htole32(scanout),
	};
}

static inline struct virtio_gpu_resource_create_2d wire_create_2d(
	uint32_t id, uint32_t format, uint32_t width, uint32_t height) {
	return (struct virtio_gpu_resource_create_2d){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0),
		.resource_id = htole32(id),
		.format = htole32(format),
		.width = htole32(width),
		.height = htole32(height),
	};
}

/* RESOURCE_UNREF and RESOURCE_DETACH_BACKING have the same layout. */
static inline struct virtio_gpu_resource_unref wire_id(
	uint32_t type, uint32_t id, uint64_t fence_id) {
	return (struct virtio_gpu_resource_unref){
		.hdr = wire_hdr(type, fence_id),
		.resource_id = htole32(id),
	};
}

static inline struct virtio_gpu_set_scanout wire_set_scanout(
	uint32_t scanout, uint32_t id, const struct gp_rect *rect) {
	return (struct virtio_gpu_set_scanout){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_SET_SCANOUT, 0),
		.r = wire_rect(rect),
		.scanout_id = htole32(scanout),
		.resource_id = htole32(id),
	};
}

/* XRGB8888, packed rows, all of the framebuffer; change what differs. */
static inline struct virtio_gpu_set_scanout_blob wire_set_scanout_blob(
	uint32_t scanout, uint32_t id, uint32_t width, uint32_t height) {
	const struct gp_rect rect = {.width = width, .height = height};
	return (struct virtio_gpu_set_scanout_blob){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, 0),
		.r = wire_rect(&rect),
		.scanout_id = htole32(scanout),
		.resource_id = htole32(id),
		.width = htole32(width),
		.height = htole32(height),
		.format = htole32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.strides = {htole32(width * 4)},
	};
}

static inline struct virtio_gpu_resource_flush wire_flush(
	uint32_t id, const struct gp_rect *rect, uint64_t fence_id) {
	return (struct virtio_gpu_resource_flush){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_RESOURCE_FLUSH, fence_id),
		.r = wire_rect(rect),
		.resource_id = htole32(id),
	};
}

static inline struct virtio_gpu_transfer_to_host_2d wire_transfer(
	uint32_t id, const struct gp_rect *rect, uint64_t offset) {
	return (struct virtio_gpu_transfer_to_host_2d){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 0),
		.r = wire_rect(rect),
		.offset = htole64(offset),
		.resource_id = htole32(id),
	};
}

/* The fixed part; entries follow it. */
static inline struct virtio_gpu_resource_attach_backing wire_attach(
	uint32_t id, uint32_t n_entries) {
	return (struct virtio_gpu_resource_attach_backing){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0),
		.resource_id = htole32(id),
		.nr_entries = htole32(n_entries),
	};
}

static inline struct virtio_gpu_resource_create_blob wire_create_blob(
	uint32_t id, uint64_t size, uint32_t n_entries) {
	return (struct virtio_gpu_resource_create_blob){
		.hdr = wire_hdr(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, 0),
		.resource_id = htole32(id),
		.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_GUEST),
		.blob_flags = htole32(VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE),
		.nr_entries = htole32(n_entries),
		.size = htole64(size),
	};
}

static inline struct virtio_gpu_update_cursor wire_cursor(uint32_t type, uint32_t scanout,
	uint32_t id, int32_t x, int32_t y, uint32_t hot_x, uint32_t hot_y) {
	return (struct virtio_gpu_update_cursor){
		.hdr = wire_hdr(type, 0),
		.pos = {.scanout_id = htole32(scanout),
			.x = htole32((uint32_t)x),
			.y = htole32((uint32_t)y)},
		.resource_id = htole32(id),
		.hot_x = htole32(hot_x),
		.hot_y = htole32(hot_y),
	};
}

#endif

#include "vmm-bridge/gpu/device.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#include "common/trace.h"
#include "vmm-bridge/gpu/commands_display.h"
#include "vmm-bridge/gpu/commands_resource.h"
#include "vmm-bridge/gpu/cursor.h"

static const struct {
	uint32_t type;
	gp_gpu_handler handler;
	size_t response_size;
} handlers[] = {
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, gp_gpu_get_display_info,
		sizeof(struct virtio_gpu_resp_display_info)},
	{VIRTIO_GPU_CMD_GET_EDID, gp_gpu_get_edid, sizeof(struct virtio_gpu_resp_edid)},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, gp_gpu_create_2d, 0},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, gp_gpu_create_blob, 0},
	{VIRTIO_GPU_CMD_RESOURCE_UNREF, gp_gpu_unref, 0},
	{VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, gp_gpu_attach_backing, 0},
	{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, gp_gpu_detach_backing, 0},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, gp_gpu_transfer, 0},
	{VIRTIO_GPU_CMD_SET_SCANOUT, gp_gpu_set_scanout, 0},
	{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, gp_gpu_set_scanout_blob, 0},
	{VIRTIO_GPU_CMD_RESOURCE_FLUSH, gp_gpu_flush, 0},
	{VIRTIO_GPU_CMD_UPDATE_CURSOR, gp_gpu_update_cursor, 0},
	{VIRTIO_GPU_CMD_MOVE_CURSOR, gp_gpu_move_cursor, 0},
};

uint64_t gp_gpu_features(void) {
	return 1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB;
}

struct gp_gpu *gp_gpu_create(const struct gp_gpu_ops *ops, void *data,
	const struct gp_guest_memory *memory, uint32_t n_scanouts, const struct gp_mode *mode) {
	assert(n_scanouts >= 1 && n_scanouts <= GP_SCANOUTS_MAX);
	struct gp_gpu *gpu = calloc(1, sizeof(*gpu));
	if (gpu == NULL) {
		return NULL;
	}
	gpu->ops = ops;
	gpu->data = data;
	gpu->memory = memory;
	gpu->error_log = (struct gp_log_limit)GP_LOG_LIMIT_INIT;
	gp_held_replies_init(&gpu->held_replies, ops, data);
	gp_displays_init(&gpu->displays, n_scanouts, mode);
	for (uint32_t i = 0; i < n_scanouts; i++) {
		gp_scanout_init(&gpu->scanouts[i], ops, data, i, mode->refresh_mhz);
	}
	struct gp_monitor monitor = {.modes = {*mode}, .n_modes = 1};
	gp_displays_set(&gpu->displays, 0, &monitor);
	gpu->displays.events = 0;
	return gpu;
}

/* Asks for the next gp_gpu_dispatch, if its time is another one than before. */
static void update_wake(struct gp_gpu *gpu) {
	uint64_t wake_ns = UINT64_MAX;
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		uint64_t ns = gp_scanout_deadline(&gpu->scanouts[i]);
		wake_ns = ns < wake_ns ? ns : wake_ns;
	}
	if (wake_ns == UINT64_MAX) {
		wake_ns = 0;
	}
	if (wake_ns != gpu->wake_ns) {
		gpu->wake_ns = wake_ns;
		gpu->ops->wake_at(gpu->data, wake_ns);
	}
}

/* Revokes everything of the guest, then frees it. */
static void drop_guest_state(struct gp_gpu *gpu) {
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		gp_scanout_disable(&gpu->scanouts[i]);
		gp_scanout_finish(&gpu->scanouts[i]);
	}
	gp_held_replies_finish(&gpu->held_replies);
	for (size_t i = 0; i < gpu->resources.count; i++) {
		struct gp_resource *resource = gpu->resources.items[i];
		if (resource->outside != NULL) {
			gpu->ops->resource_revoke(gpu->data, resource, 0, true);
		}
	}
	gp_resources_finish(&gpu->resources);
	update_wake(gpu);
}

void gp_gpu_destroy(struct gp_gpu *gpu) {
	if (gpu == NULL) {
		return;
	}
	drop_guest_state(gpu);
	free(gpu);
}

void gp_gpu_reset(struct gp_gpu *gpu) {
	drop_guest_state(gpu);
	gp_gpu_reset_cursors(gpu);
	gpu->displays.events = 0;
	gp_saved_state_clear(&gpu->saved_state);
}

/* Decodes and runs the command. Returns the type of the reply, and its size if it is no error. */
static uint32_t run(struct gp_gpu_call *call, size_t *response_size) {
	bool cursor_queue = call->queue == GP_GPU_QUEUE_CURSOR;
	uint64_t start_ns = gp_trace_now();
	uint32_t error = gp_gpu_decode(call->chain, cursor_queue, &call->command);
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_DECODE, start_ns, gp_trace_now());
	}
	if (error != 0) {
		return gp_gpu_call_refuse(call, error,
			"not supported on this queue, too short, or too many entries (%llu bytes)",
			(unsigned long long)call->chain->out_size);
	}
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == call->command.type) {
			uint32_t type = handlers[i].handler(call);
			if (type < VIRTIO_GPU_RESP_ERR_UNSPEC && handlers[i].response_size != 0) {
				*response_size = handlers[i].response_size;
			}
			return type;
		}
	}
	return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC, "not supported");
}

void gp_gpu_handle(
	struct gp_gpu *gpu, unsigned queue, const struct gp_chain *chain, uint64_t now_ns) {
	struct gp_gpu_call call = {.gpu = gpu, .queue = queue, .chain = chain, .now_ns = now_ns};
	size_t size = sizeof(call.response.hdr);
	gpu->commands++;
	uint32_t type = run(&call, &size);
	gp_gpu_call_reply(&call, type, size);
	gp_gpu_command_finish(&call.command);
	if (gp_trace_on) {
		gp_trace_end();
	}
	gp_gpu_dispatch(gpu, now_ns);
}

void gp_gpu_reply_lost(
	struct gp_gpu *gpu, unsigned queue, const struct gp_chain *chain, bool failed) {
	struct virtio_gpu_ctrl_hdr request = {0};
	gp_chain_read(chain, 0, &request, sizeof(request));
	struct virtio_gpu_ctrl_hdr hdr = {
		.type = htole32(failed ? VIRTIO_GPU_RESP_ERR_UNSPEC : VIRTIO_GPU_RESP_OK_NODATA),
		.flags = request.flags & htole32(VIRTIO_GPU_FLAG_FENCE),
	};
	if (hdr.flags != 0) {
		hdr.fence_id = request.fence_id;
		hdr.ctx_id = request.ctx_id;
	}
	size_t written = gp_chain_write(chain, 0, &hdr, sizeof(hdr));
	gpu->ops->push(gpu->data, queue, chain->head, (uint32_t)written, true);
}

/* What its transfers want is read while the guest's memory may be. Of what is shown that is not here. */
static void complete_transfers(struct gp_gpu *gpu) {
	for (size_t i = 0; i < gpu->resources.count; i++) {
		struct gp_resource *resource = gpu->resources.items[i];
		bool shown = false;
		for (uint32_t j = 0; j < gpu->displays.count; j++) {
			shown = shown ||
				(gpu->scanouts[j].shown &&
					gpu->scanouts[j].resource_id == resource->id);
		}
		gpu->copied += shown ? 0 : gp_resource_complete_transfers(resource);
	}
}

static void reply_now(struct gp_gpu *gpu, struct gp_held_reply *reply) {
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		gp_scanout_forget_reply(&gpu->scanouts[i], reply);
	}
	gp_held_reply_send(reply);
}

void gp_gpu_drain(struct gp_gpu *gpu, unsigned queue) {
	if (queue == GP_GPU_QUEUE_CONTROL) {
		complete_transfers(gpu);
	}
	struct gp_held_reply *reply = TAILQ_FIRST(&gpu->held_replies.list);
	while (reply != NULL) {
		struct gp_held_reply *next = TAILQ_NEXT(reply, link);
		if (reply->queue == queue) {
			reply_now(gpu, reply);
		}
		reply = next;
	}
	update_wake(gpu);
}

/* Sends the replies that are written into the object, which is unmapped after this. */
static void reply_in_object(struct gp_gpu *gpu, const struct gp_memory_object *object) {
	struct gp_held_reply *reply = TAILQ_FIRST(&gpu->held_replies.list);
	while (reply != NULL) {
		struct gp_held_reply *next = TAILQ_NEXT(reply, link);
		if (gp_held_reply_uses(reply, object)) {
			reply_now(gpu, reply);
		}
		reply = next;
	}
}

static void drop_backing(struct gp_gpu *gpu, struct gp_resource *resource) {
	if (resource->blob) {
		bool shown = false;
		for (uint32_t i = 0; i < gpu->displays.count; i++) {
			struct gp_scanout *scanout = &gpu->scanouts[i];
			if (scanout->resource_id == resource->id) {
				gp_scanout_hide(scanout);
				shown = true;
			}
		}
		if (shown || resource->outside != NULL) {
			gpu->ops->resource_revoke(gpu->data, resource, 0, true);
		}
	}
	gpu->copied += gp_resource_complete_transfers(resource);
	gp_resource_lose(resource);
}

void gp_gpu_memory_removed(struct gp_gpu *gpu, struct gp_memory_object *object) {
	for (size_t i = 0; i < gpu->resources.count; i++) {
		struct gp_resource *resource = gpu->resources.items[i];
		if (gp_extents_use(&resource->backing, object)) {
			gp_debug("resource %u lost its memory", resource->id);
			drop_backing(gpu, resource);
		}
	}
	reply_in_object(gpu, object);
	update_wake(gpu);
}

void gp_gpu_memory_added(struct gp_gpu *gpu, uint64_t now_ns) {
	for (size_t i = 0; i < gpu->resources.count; i++) {
		struct gp_resource *resource = gpu->resources.items[i];
		if (!resource->lost) {
			continue;
		}
		size_t others = gp_resources_extents(&gpu->resources) - resource->n_ranges;
		if (!gp_resource_find_again(
			    resource, gpu->memory, GP_BACKING_EXTENTS_MAX - others)) {
			continue;
		}
		gp_debug("resource %u has its memory again", resource->id);
		for (uint32_t j = 0; resource->blob && j < gpu->displays.count; j++) {
			struct gp_scanout *scanout = &gpu->scanouts[j];
			if (scanout->resource_id == resource->id) {
				struct gp_framebuffer fb = scanout->fb;
				gp_scanout_set(scanout, resource, &fb);
				gp_scanout_flush(scanout, &fb.rect, NULL, now_ns);
			}
		}
	}
	update_wake(gpu);
}

void gp_gpu_dispatch(struct gp_gpu *gpu, uint64_t now_ns) {
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		gp_scanout_dispatch(&gpu->scanouts[i], now_ns);
	}
	update_wake(gpu);
}

void gp_gpu_buffer_released(struct gp_gpu *gpu, uint32_t scanout, uint64_t now_ns) {
	assert(scanout < gpu->displays.count);
	gp_scanout_buffer_released(&gpu->scanouts[scanout], now_ns);
	gp_gpu_dispatch(gpu, now_ns);
}

void gp_gpu_resource_revoked(
	struct gp_gpu *gpu, uint32_t resource_id, uint64_t token, uint64_t now_ns) {
	gp_held_replies_revoked(&gpu->held_replies, resource_id, token);
}

void gp_gpu_set_monitor(struct gp_gpu *gpu, uint32_t scanout, const struct gp_monitor *monitor) {
	assert(scanout < gpu->displays.count);
	if (monitor != NULL) {
		gp_pacer_set_refresh(&gpu->scanouts[scanout].pacer, monitor->modes[0].refresh_mhz);
	}
	gp_saved_state_monitor(&gpu->saved_state, scanout, monitor);
	if (gp_displays_set(&gpu->displays, scanout, monitor)) {
		gp_saved_state_events(&gpu->saved_state, gpu->displays.events);
		gpu->ops->config_changed(gpu->data);
	}
}

void gp_gpu_get_config(struct gp_gpu *gpu, uint32_t offset, uint32_t size, uint8_t *out) {
	gp_displays_read_config(&gpu->displays, offset, size, out);
}

void gp_gpu_set_config(struct gp_gpu *gpu, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	gp_displays_write_config(&gpu->displays, offset, size, bytes);
	gp_saved_state_events(&gpu->saved_state, gpu->displays.events);
}

void gp_gpu_get_info(const struct gp_gpu *gpu, struct gp_gpu_info *info) {
	*info = (struct gp_gpu_info){
		.n_scanouts = gpu->displays.count,
		.n_resources = gpu->resources.count,
		.host_bytes = gpu->resources.host_bytes,
		.commands = gpu->commands,
		.guest_errors = gpu->guest_errors,
		.transferred = gpu->transferred,
		.copied = gpu->copied,
	};
}

void gp_gpu_get_scanout_info(
	const struct gp_gpu *gpu, uint32_t scanout, struct gp_gpu_scanout_info *info) {
	assert(scanout < gpu->displays.count);
	const struct gp_scanout *from = &gpu->scanouts[scanout];
	*info = (struct gp_gpu_scanout_info){
		.enabled = from->resource_id != 0,
		.connected = gpu->displays.items[scanout].connected,
		.resource_id = from->resource_id,
		.last_width = from->fb.rect.width,
		.last_height = from->fb.rect.height,
		.mode = gpu->displays.items[scanout].mode,
		.flushes = from->n_flushes,
	};
	if (info->enabled) {
		info->width = from->fb.rect.width;
		info->height = from->fb.rect.height;
		info->format = from->fb.format;
	}
	for (size_t i = 0; i < GP_REPLY_CAUSES; i++) {
		info->replies[i] = from->replies[i];
	}
}

struct gp_resource *gp_gpu_find_resource(struct gp_gpu *gpu, uint32_t id) {
	return gp_resources_find(&gpu->resources, id);
}

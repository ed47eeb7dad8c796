#include "vmm-bridge/gpu/call.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>

uint32_t gp_gpu_call_refuse(struct gp_gpu_call *call, uint32_t code, const char *fmt, ...) {
	struct gp_gpu *gpu = call->gpu;
	uint64_t suppressed = 0;
	gpu->guest_errors += !gpu->restoring;
	if (!gpu->restoring && !gp_log_limit_pass(&gpu->error_log, &suppressed)) {
		return code;
	}
	char cause[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(cause, sizeof(cause), fmt, args);
	va_end(args);
	gp_log(gpu->restoring ? GP_LOG_DEBUG : GP_LOG_WARN, "guest: %s (0x%x): %s",
		gp_gpu_command_name(call->command.type), call->command.type, cause);
	if (suppressed > 0) {
		gp_warn("guest: %llu more errors were not logged", (unsigned long long)suppressed);
	}
	return code;
}

struct gp_resource *gp_gpu_call_resource(struct gp_gpu_call *call, uint32_t id) {
	struct gp_resource *resource = gp_resources_find(&call->gpu->resources, id);
	if (resource == NULL) {
		gp_gpu_call_refuse(
			call, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID, "no resource %u", id);
	}
	return resource;
}

struct gp_held_reply *gp_gpu_call_hold(struct gp_gpu_call *call) {
	if (call->held == NULL) {
		call->held =
			gp_held_reply_create(&call->gpu->held_replies, call->queue, call->chain);
	}
	return call->held;
}

static void write_header(
	const struct gp_gpu_call *call, uint32_t type, struct virtio_gpu_ctrl_hdr *hdr) {
	hdr->type = htole32(type);
	if (call->command.fenced) {
		hdr->flags = htole32(VIRTIO_GPU_FLAG_FENCE);
		hdr->fence_id = htole64(call->command.fence_id);
		hdr->ctx_id = htole32(call->command.ctx_id);
	}
}

void gp_gpu_call_reply(struct gp_gpu_call *call, uint32_t type, size_t size) {
	const struct gp_gpu *gpu = call->gpu;
	if (call->held != NULL) {
		write_header(call, type, &call->held->hdr);
		gp_held_reply_signal(call->held);
		return;
	}
	write_header(call, type, &call->response.hdr);
	size_t written = gp_chain_write(call->chain, 0, &call->response, size);
	bool interrupt = call->command.fenced || type != VIRTIO_GPU_RESP_OK_NODATA;
	gpu->ops->push(gpu->data, call->queue, call->chain->head, (uint32_t)written, interrupt);
}

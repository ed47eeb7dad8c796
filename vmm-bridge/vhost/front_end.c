#include "vmm-bridge/vhost/front_end.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vhost/offered_features.h"
#include "vmm-bridge/vhost/memory_table.h"

/* Handlers of requests. Each returns NULL, or what is wrong with the request. */

typedef const char *(*request_handler)(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply);

static const char *handle_nothing(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	return NULL;
}

static const char *handle_get_features(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	gp_vhost_reply_u64(reply, front->info->features | GP_VHOST_TRANSPORT_FEATURES);
	return NULL;
}

static const char *handle_set_features(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	front->queues->features =
		message->u64 & (front->info->features | GP_VHOST_TRANSPORT_FEATURES);
	if (front->queues->features != message->u64) {
		gp_debug("vhost: accepted features that were not offered: 0x%" PRIx64,
			message->u64 & ~front->queues->features);
	}
	return NULL;
}

static const char *handle_get_protocol_features(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	gp_vhost_reply_u64(reply, GP_VHOST_PROTOCOL_FEATURES);
	return NULL;
}

static const char *handle_get_queue_num(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	gp_vhost_reply_u64(reply, front->queues->n);
	return NULL;
}

static const char *handle_get_max_mem_slots(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	gp_vhost_reply_u64(reply, GP_MEMORY_REGIONS_MAX);
	return NULL;
}

static const char *region_error(int err) {
	switch (err) {
	case 0:
		return NULL;
	case -EINVAL:
		return "a region is empty, wraps, or is larger than its file";
	case -EEXIST:
		return "regions overlap";
	case -ENOSPC:
		return "too many regions";
	default:
		return strerror(-err);
	}
}

static const char *handle_set_mem_table(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	int err = gp_memory_table_replace(&front->queues->memory, message->table.regions,
		frame->fds, message->table.count, gp_vhost_queues_memory_removed, front->queues);
	gp_vhost_queues_memory_added(front->queues);
	return region_error(err);
}

static const char *handle_add_mem_reg(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	const struct gp_vhost_region *region = &message->region;
	int err = gp_guest_memory_add(&front->queues->memory, gp_fd_take(&frame->fds[0]),
		region->gpa, region->uva, region->size, region->file_offset);
	gp_vhost_queues_memory_added(front->queues);
	return region_error(err);
}

static const char *handle_rem_mem_reg(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	const struct gp_vhost_region *region = &message->region;
	struct gp_memory_object *object = gp_guest_memory_take(
		&front->queues->memory, region->gpa, region->uva, region->size);
	if (object == NULL) {
		return "no such region";
	}
	gp_vhost_queues_memory_removed(front->queues, object);
	return NULL;
}

#define NO_SUCH_QUEUE "no such queue"

static const char *handle_set_vring_num(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_state.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	if (message->vring_state.num > UINT16_MAX) {
		return "queue size over 65535";
	}
	vring->num = (uint16_t)message->vring_state.num;
	return NULL;
}

static const char *handle_set_vring_addr(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_addr.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	vring->desc_uva = message->vring_addr.desc;
	vring->avail_uva = message->vring_addr.avail;
	vring->used_uva = message->vring_addr.used;
	return NULL;
}

static const char *handle_set_vring_base(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_state.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	if (message->vring_state.num > UINT16_MAX) {
		return "not an index of a split ring";
	}
	vring->base = (uint16_t)message->vring_state.num;
	return NULL;
}

static const char *handle_get_vring_base(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_state.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	gp_vhost_queues_stop(front->queues, vring);
	const uint32_t state[] = {vring->index, vring->base};
	memcpy(reply->payload, state, sizeof(state));
	reply->size = sizeof(state);
	return NULL;
}

/* The descriptor of the frame, or -1 if the front end sends none on purpose. */
static int take_vring_fd(const struct gp_vhost_message *message, struct gp_vhost_frame *frame) {
	return message->vring_fd.no_fd ? -1 : gp_fd_take(&frame->fds[0]);
}

static const char *handle_set_vring_kick(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_fd.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	if (message->vring_fd.no_fd) {
		return "a queue without a kick descriptor would have to be polled";
	}
	if (!gp_vring_set_kick(vring, front->loop, take_vring_fd(message, frame))) {
		return "the descriptor is no eventfd";
	}
	if ((front->queues->features & UINT64_C(1) << GP_VHOST_F_PROTOCOL_FEATURES) == 0) {
		vring->enabled = true; // SET_VRING_ENABLE does not exist then
	}
	if (vring->started) {
		vring->due = true; // a new descriptor only
		return NULL;
	}
	const char *error = gp_vring_start(vring, &front->queues->memory, front->queues->features);
	if (error != NULL) {
		gp_vhost_queues_report_broken(front->queues, vring, error);
	}
	return NULL;
}

static const char *handle_set_vring_call(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_fd.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	if (!gp_vring_set_call(vring, take_vring_fd(message, frame))) {
		return "the descriptor is no eventfd";
	}
	if (vring->started) {
		gp_vring_interrupt(vring); // for those that the old descriptor got, or none
	}
	return NULL;
}

static const char *handle_set_vring_err(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_fd.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	if (!gp_vring_set_error(vring, take_vring_fd(message, frame))) {
		return "the descriptor is no eventfd";
	}
	return NULL;
}

static const char *handle_set_vring_enable(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	struct gp_vring *vring = gp_vhost_queues_find(front->queues, message->vring_state.index);
	if (vring == NULL) {
		return NO_SUCH_QUEUE;
	}
	if (message->vring_state.num > 1) {
		return "neither 0 nor 1";
	}
	vring->enabled = message->vring_state.num == 1;
	vring->due = vring->started && vring->enabled;
	if (!vring->enabled && gp_back_channel_cancel(&front->back_channel)) {
		front->config_changed = true;
	}
	return NULL;
}

static const char *handle_set_backend_req_fd(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	if (!gp_back_channel_open(&front->back_channel, front->loop, gp_fd_take(&frame->fds[0]))) {
		return "the descriptor is no stream socket";
	}
	return NULL;
}

static const char *handle_get_config(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	const uint32_t header[] = {
		message->config.offset, message->config.size, message->config.flags};
	memcpy(reply->payload, header, sizeof(header));
	reply->size = sizeof(header) + message->config.size;
	front->queues->ops->get_config(front->queues->data, message->config.offset,
		message->config.size, reply->payload + sizeof(header));
	return NULL;
}

static const char *handle_set_config(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	front->queues->ops->set_config(front->queues->data, message->config.offset,
		message->config.size, message->config.bytes);
	return NULL;
}

static const char *handle_reset_device(struct gp_vhost_front_end *front,
	const struct gp_vhost_message *message, struct gp_vhost_frame *frame,
	struct gp_vhost_reply *reply) {
	gp_info_limited("vhost: the front end resets the device");
	for (unsigned i = 0; i < front->queues->n; i++) {
		struct gp_vring *vring = &front->queues->vrings[i];
		gp_vhost_queues_stop(front->queues, vring);
		vring->base = vring->stopped_at = 0;
		if (vring->checkpoint != NULL) {
			vring->checkpoint->last_avail = 0;
		}
		vring->enabled = false;
	}
	gp_vhost_queues_reset_guest(front->queues);
	gp_vhost_queues_set_state(front->queues, GP_VHOST_CONNECTED);
	return NULL;
}

static request_handler find_handler(uint32_t request) {
	switch (request) {
	case GP_VHOST_GET_FEATURES:
		return handle_get_features;
	case GP_VHOST_SET_FEATURES:
		return handle_set_features;
	case GP_VHOST_SET_OWNER:
	case GP_VHOST_RESET_OWNER: // deprecated; the specification recommends to ignore it
		return handle_nothing;
	case GP_VHOST_SET_MEM_TABLE:
		return handle_set_mem_table;
	case GP_VHOST_SET_VRING_NUM:
		return handle_set_vring_num;
	case GP_VHOST_SET_VRING_ADDR:
		return handle_set_vring_addr;
	case GP_VHOST_SET_VRING_BASE:
		return handle_set_vring_base;
	case GP_VHOST_GET_VRING_BASE:
		return handle_get_vring_base;
	case GP_VHOST_SET_VRING_KICK:
		return handle_set_vring_kick;
	case GP_VHOST_SET_VRING_CALL:
		return handle_set_vring_call;
	case GP_VHOST_SET_VRING_ERR:
		return handle_set_vring_err;
	case GP_VHOST_GET_PROTOCOL_FEATURES:
		return handle_get_protocol_features;
	case GP_VHOST_SET_PROTOCOL_FEATURES: // nothing that we do depends on what it accepts
		return handle_nothing;
	case GP_VHOST_GET_QUEUE_NUM:
		return handle_get_queue_num;
	case GP_VHOST_SET_VRING_ENABLE:
		return handle_set_vring_enable;
	case GP_VHOST_SET_BACKEND_REQ_FD:
		return handle_set_backend_req_fd;
	case GP_VHOST_GET_CONFIG:
		return handle_get_config;
	case GP_VHOST_SET_CONFIG:
		return handle_set_config;
	case GP_VHOST_RESET_DEVICE:
		return handle_reset_device;
	case GP_VHOST_GET_MAX_MEM_SLOTS:
		return handle_get_max_mem_slots;
	case GP_VHOST_ADD_MEM_REG:
		return handle_add_mem_reg;
	case GP_VHOST_REM_MEM_REG:
		return handle_rem_mem_reg;
	default:
		return NULL;
	}
}

static bool send_reply(struct gp_vhost_front_end *front, const struct gp_vhost_message *message,
	struct gp_vhost_reply *reply) {
	if (!gp_vhost_reply_send(reply, message->request, front->socket)) {
		gp_error_limited("vhost: reply to %s: %s; connection dropped",
			gp_vhost_request_name(message->request), strerror(errno));
		return false;
	}
	return true;
}

/* Whether an acknowledgement can say so; else the connection has to end. */
static bool send_failure(struct gp_vhost_front_end *front, const struct gp_vhost_message *message,
	const char *error) {
	if (!message->need_reply) {
		gp_error_limited("vhost: %s: %s; connection dropped",
			gp_vhost_request_name(message->request), error);
		return false;
	}
	gp_log_limited(&front->errors, GP_LOG_ERROR, "vhost: %s: %s; refused",
		gp_vhost_request_name(message->request), error);
	return true;
}

static const char *handle_unknown(
	struct gp_vhost_front_end *front, const struct gp_vhost_message *message) {
	if (message->need_reply) {
		return "not offered";
	}
	gp_log_limited(&front->errors, GP_LOG_WARN,
		"vhost: request %" PRIu32 " is not offered; ignored", message->request);
	return NULL;
}

bool gp_vhost_front_end_handle(struct gp_vhost_front_end *front, struct gp_vhost_frame *frame) {
	struct gp_vhost_message message;
	const char *error = gp_vhost_decode(frame, &message);
	if (error != NULL) {
		gp_error_limited("vhost: %s: %s; connection dropped",
			gp_vhost_request_name(frame->request), error);
		return false;
	}
	const struct gp_vhost_checkpoint_events *checkpoint =
		front->replaying ? NULL : front->info->checkpoint_events;
	if (checkpoint != NULL) {
		checkpoint->request(front->info->checkpoint_data, frame);
	}
	struct gp_vhost_reply reply = {0};
	request_handler handle = find_handler(message.request);
	error = handle != NULL ? handle(front, &message, frame, &reply)
			       : handle_unknown(front, &message);
	if (error != NULL && !send_failure(front, &message, error)) {
		return false;
	}
	gp_vhost_queues_update_state(front->queues);
	if (reply.size == 0 && message.need_reply) {
		gp_vhost_reply_u64(&reply, error == NULL ? 0 : 1);
	}
	bool ok = front->replaying || reply.size == 0 || send_reply(front, &message, &reply);
	if (checkpoint != NULL) {
		checkpoint->handled(front->info->checkpoint_data, error == NULL);
	}
	return ok;
}

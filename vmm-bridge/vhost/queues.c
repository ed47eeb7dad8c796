#include "vmm-bridge/vhost/queues.h"

#include "common/clock.h"

void gp_vhost_queues_flush(struct gp_vhost_queues *queues) {
	for (unsigned i = 0; i < queues->n; i++) {
		gp_vring_interrupt_if_due(&queues->vrings[i], true);
	}
}

void gp_vhost_queues_serve(struct gp_vhost_queues *queues) {
	for (unsigned i = 0; i < queues->n; i++) {
		struct gp_vring *vring = &queues->vrings[i];
		if (vring->due && gp_vring_active(vring)) {
			vring->due = false;
			vring->popped = 0;
			vring->kicked_ns = gp_now_ns();
			queues->ops->queue_kick(queues->data, i);
		}
	}
	gp_vhost_queues_flush(queues);
}

/**
 * The queues before it are looked at, too. Linux creates an imported cursor's resource without a
 * kick of the control queue; the next that comes is the kick of the cursor queue.
 */
static void handle_kicked(void *data, struct gp_vring *vring) {
	struct gp_vhost_queues *queues = data;
	for (unsigned i = 0; i <= vring->index; i++) {
		queues->vrings[i].due = queues->vrings[i].started;
	}
	gp_vhost_queues_serve(queues);
}

void gp_vhost_queues_init(struct gp_vhost_queues *queues, const struct gp_vhost_info *info,
	const struct gp_vhost_ops *ops, void *data) {
	struct gp_vhost_checkpoint *checkpoint = info->checkpoint;
	*queues = (struct gp_vhost_queues){
		.ops = ops,
		.data = data,
		.n = info->n_queues,
		.state = GP_VHOST_WAITING,
		.guest_errors = GP_LOG_LIMIT_INIT,
	};
	gp_guest_memory_init(&queues->memory);
	for (unsigned i = 0; i < queues->n; i++) {
		struct gp_vring *vring = &queues->vrings[i];
		gp_vring_init(vring, i, handle_kicked, queues);
		if (checkpoint != NULL) {
			gp_vring_set_checkpoint(
				vring, &checkpoint->rings[i], &checkpoint->worked[i]);
		}
		if (checkpoint != NULL && info->resuming) {
			gp_vring_resume(vring);
		}
	}
}

void gp_vhost_queues_drain(struct gp_vhost_queues *queues) {
	for (unsigned i = 0; i < queues->n; i++) {
		if (queues->vrings[i].started) {
			queues->ops->queue_drain(queues->data, i);
		}
	}
	gp_vhost_queues_flush(queues);
}

void gp_vhost_queues_memory_removed(void *data, struct gp_memory_object *object) {
	struct gp_vhost_queues *queues = data;
	gp_vhost_queues_drain(queues);
	for (unsigned i = 0; i < queues->n; i++) {
		if (gp_vring_uses(&queues->vrings[i], object)) {
			gp_virtqueue_stop(&queues->vrings[i].queue);
		}
	}
	queues->ops->memory_removed(queues->data, object);
	gp_memory_object_unref(object);
}

void gp_vhost_queues_clear(struct gp_vhost_queues *queues) {
	struct gp_guest_memory *memory = &queues->memory;
	gp_vhost_queues_drain(queues);
	for (unsigned i = 0; i < queues->n; i++) {
		gp_vring_finish(&queues->vrings[i]);
	}
	while (memory->count > 0) {
		struct gp_memory_object *last = memory->regions[memory->count - 1];
		gp_vhost_queues_memory_removed(
			queues, gp_guest_memory_take(memory, last->gpa, last->uva, last->size));
	}
	queues->features = 0;
}

void gp_vhost_queues_memory_added(struct gp_vhost_queues *queues) {
	for (unsigned i = 0; i < queues->n; i++) {
		struct gp_vring *vring = &queues->vrings[i];
		if (vring->started && vring->queue.size == 0 &&
			gp_vring_attach(vring, &queues->memory, queues->features) == NULL) {
			vring->due = true;
		}
	}
	if (queues->ops->memory_added != NULL) {
		queues->ops->memory_added(queues->data);
	}
}

struct gp_vring *gp_vhost_queues_find(struct gp_vhost_queues *queues, uint32_t index) {
	return index < queues->n ? &queues->vrings[index] : NULL;
}

void gp_vhost_queues_stop(struct gp_vhost_queues *queues, struct gp_vring *vring) {
	if (vring->started) {
		queues->ops->queue_drain(queues->data, vring->index);
		gp_vring_interrupt_if_due(vring, false);
		gp_vring_stop(vring);
	}
}

void gp_vhost_queues_report_broken(
	struct gp_vhost_queues *queues, struct gp_vring *vring, const char *why) {
	gp_log_limited(&queues->guest_errors, GP_LOG_WARN,
		"vhost: queue %u is not served until the guest sets it up again: %s", vring->index,
		why);
	gp_vring_signal_error(vring);
}

bool gp_vhost_queues_active(const struct gp_vhost_queues *queues) {
	for (unsigned i = 0; i < queues->n; i++) {
		if (gp_vring_active(&queues->vrings[i])) {
			return true;
		}
	}
	return false;
}

static bool any_started(const struct gp_vhost_queues *queues) {
	for (unsigned i = 0; i < queues->n; i++) {
		if (queues->vrings[i].started) {
			return true;
		}
	}
	return false;
}

static bool restart_is_reset(const struct gp_vhost_queues *queues) {
	bool resumed = false;
	for (unsigned i = 0; i < queues->n; i++) {
		const struct gp_vring *vring = &queues->vrings[i];
		if (!vring->started) {
			continue;
		}
		switch (gp_vring_restart_kind(vring)) {
		case GP_VRING_RESET:
			return true;
		case GP_VRING_RESUMED:
			resumed = true;
			break;
		case GP_VRING_UNKNOWN:
			break;
		}
	}
	return !resumed;
}

void gp_vhost_queues_set_state(struct gp_vhost_queues *queues, enum gp_vhost_state state) {
	if (queues->state != state) {
		queues->state = state;
		queues->ops->state(queues->data, state);
	}
}

void gp_vhost_queues_reset_guest(struct gp_vhost_queues *queues) {
	queues->ops->reset(queues->data);
	/* Last: a process that takes over in the midst of it sees a reset to be made. */
	for (unsigned i = 0; i < queues->n; i++) {
		gp_vring_set_worked(&queues->vrings[i], false);
	}
}

void gp_vhost_queues_update_state(struct gp_vhost_queues *queues) {
	if (gp_vhost_queues_active(queues)) {
		if (queues->state == GP_VHOST_PAUSED) {
			if (restart_is_reset(queues)) {
				gp_info_limited("vhost: the guest was reset");
				gp_vhost_queues_reset_guest(queues);
			} else {
				gp_info_limited("vhost: the guest continues");
			}
		}
		gp_vhost_queues_set_state(queues, GP_VHOST_RUNNING);
	} else if (queues->state == GP_VHOST_RUNNING && !any_started(queues)) {
		gp_vhost_queues_set_state(queues, GP_VHOST_PAUSED);
	}
}

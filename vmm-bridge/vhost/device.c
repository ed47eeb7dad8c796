#include "vmm-bridge/vhost/device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vhost/device_internal.h"
#include "vmm-bridge/vhost/requests.h"

/* Then it is the turn of others: chains may take long, and a front end waits with its lock held. */
#define CHAINS_PER_KICK 1024
#define KICK_NS 5000000
#define FRAMES_PER_DISPATCH 64

const char *gp_vhost_state_name(enum gp_vhost_state state) {
	static const char *const names[] = {
		[GP_VHOST_WAITING] = "waiting",
		[GP_VHOST_CONNECTED] = "connected",
		[GP_VHOST_RUNNING] = "running",
		[GP_VHOST_PAUSED] = "paused",
	};
	return names[state];
}

void gp_vhost_set_state(struct gp_vhost_device *device, enum gp_vhost_state state) {
	if (device->state != state) {
		device->state = state;
		device->ops->state(device->data, state);
	}
}

void gp_vhost_drain_queues(struct gp_vhost_device *device) {
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		if (device->vrings[i].started) {
			device->ops->queue_drain(device->data, i);
		}
	}
	gp_vhost_device_flush(device);
}

/* A queue that cannot be served is the guest's trouble: said, told, and left alone. */
void gp_vhost_report_broken(
	struct gp_vhost_device *device, struct gp_vring *vring, const char *why) {
	uint64_t suppressed;
	if (gp_log_limit_pass(&device->guest_errors, &suppressed)) {
		gp_warn("vhost: queue %u is not served until the guest sets it up again: %s",
			vring->index, why);
	}
	gp_vring_signal_error(vring);
}

static bool any_active(const struct gp_vhost_device *device) {
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		if (gp_vring_active(&device->vrings[i])) {
			return true;
		}
	}
	return false;
}

static bool any_started(const struct gp_vhost_device *device) {
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		if (device->vrings[i].started) {
			return true;
		}
	}
	return false;
}

static bool restart_is_reset(const struct gp_vhost_device *device) {
	bool resumed = false;
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		const struct gp_vring *vring = &device->vrings[i];
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

void gp_vhost_reset_guest(struct gp_vhost_device *device) {
	device->ops->reset(device->data);
	/* Last: a process that takes over in the midst of it sees a reset to be made. */
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		gp_vring_set_worked(&device->vrings[i], false);
	}
}

/* Follows what the last message made of the queues. */
void gp_vhost_update_state(struct gp_vhost_device *device) {
	if (any_active(device)) {
		if (device->state == GP_VHOST_PAUSED) {
			if (restart_is_reset(device)) {
				gp_info("vhost: the guest was reset");
				gp_vhost_reset_guest(device);
			} else {
				gp_info("vhost: the guest goes on");
			}
		}
		gp_vhost_set_state(device, GP_VHOST_RUNNING);
	} else if (device->state == GP_VHOST_RUNNING && !any_started(device)) {
		gp_vhost_set_state(device, GP_VHOST_PAUSED);
	}
}

/**
 * C10: QEMU dies of a config-change message while its side is not started, and it stops with
 * SET_VRING_ENABLE 0 first. So none is sent while a started queue is disabled.
 */
static bool may_send_config(const struct gp_vhost_device *device) {
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		if (device->vrings[i].started && !device->vrings[i].enabled) {
			return false;
		}
	}
	return any_active(device) && gp_back_channel_is_open(&device->back_channel);
}

static void send_config(struct gp_vhost_device *device) {
	if (device->config_changed && may_send_config(device)) {
		device->config_changed = false;
		gp_back_channel_config_changed(&device->back_channel);
	}
}

/* Serves queues that are to be looked at without a kick: a kick may have come before we listened. */
static void serve_due(struct gp_vhost_device *device) {
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		struct gp_vring *vring = &device->vrings[i];
		if (vring->due && gp_vring_active(vring)) {
			vring->due = false;
			vring->popped = 0;
			vring->kicked_ns = gp_now_ns();
			device->ops->queue_kick(device->data, i);
		}
	}
	gp_vhost_device_flush(device);
}

/**
 * The queues before it are looked at, too. Linux creates an imported cursor's resource without a kick
 * of the control queue; the next that comes is the kick of the cursor queue.
 */
static void handle_kicked(void *data, struct gp_vring *vring) {
	struct gp_vhost_device *device = data;
	for (unsigned i = 0; i <= vring->index; i++) {
		device->vrings[i].due = device->vrings[i].started;
	}
	serve_due(device);
}

void gp_vhost_memory_removed(void *data, struct gp_memory_object *object) {
	struct gp_vhost_device *device = data;
	gp_vhost_drain_queues(device);
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		if (gp_vring_uses(&device->vrings[i], object)) {
			gp_virtqueue_stop(&device->vrings[i].queue);
		}
	}
	device->ops->memory_removed(device->data, object);
	gp_memory_object_unref(object);
}

void gp_vhost_attach_vrings(struct gp_vhost_device *device) {
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		struct gp_vring *vring = &device->vrings[i];
		if (vring->started && vring->queue.size == 0 &&
			gp_vring_attach(vring, &device->memory, device->features) == NULL) {
			vring->due = true;
		}
	}
}

void gp_vhost_stop_vring(struct gp_vhost_device *device, struct gp_vring *vring) {
	if (vring->started) {
		device->ops->queue_drain(device->data, vring->index);
		gp_vring_interrupt_if_due(vring, false);
		gp_vring_stop(vring);
	}
}

static void remove_all_memory(struct gp_vhost_device *device) {
	struct gp_guest_memory *memory = &device->memory;
	while (memory->count > 0) {
		struct gp_memory_object *last = memory->regions[memory->count - 1];
		gp_vhost_memory_removed(
			device, gp_guest_memory_take(memory, last->gpa, last->uva, last->size));
	}
}

void gp_vhost_device_disconnect(struct gp_vhost_device *device) {
	if (device->socket == -1) {
		return;
	}
	gp_vhost_drain_queues(device);
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		gp_vring_finish(&device->vrings[i]);
	}
	remove_all_memory(device);
	gp_back_channel_close(&device->back_channel);
	gp_vhost_reader_next(&device->reader);
	wl_event_source_remove(device->source);
	device->source = NULL;
	gp_fd_close(&device->socket);
	if (device->info.keep != NULL) {
		device->info.keep->disconnected(device->info.keep->data);
	}
	device->features = 0;
	device->config_changed = false; // whoever comes reads all of it
	if (device->state != GP_VHOST_CONNECTED) {
		device->ops->reset(device->data);
	}
	gp_vhost_set_state(device, GP_VHOST_WAITING);
}

static int handle_socket(int fd, uint32_t mask, void *data) {
	struct gp_vhost_device *device = data;
	for (int i = 0; i < FRAMES_PER_DISPATCH; i++) {
		int r = gp_vhost_reader_read(&device->reader, fd);
		if (r == 0) {
			return 0;
		}
		if (r == -ECONNRESET) {
			gp_info("vhost: the front end has gone");
		} else if (r < 0) {
			gp_error("vhost: reading from the front end: %s; connection dropped",
				strerror(-r));
		}
		if (r < 0 || !gp_vhost_handle_frame(device, &device->reader.frame)) {
			gp_vhost_device_disconnect(device);
			return 0;
		}
		gp_vhost_reader_next(&device->reader);
		serve_due(device);
		send_config(device);
	}
	return 0;
}

/* Takes fd in every case. */
static bool connect_socket(struct gp_vhost_device *device, int fd) {
	device->source = gp_fd_set_nonblock(fd)
		? wl_event_loop_add_fd(device->loop, fd, WL_EVENT_READABLE, handle_socket, device)
		: NULL;
	if (device->source == NULL) {
		gp_error_errno("vhost: cannot watch the front end's socket");
		gp_fd_close(&fd);
		return false;
	}
	device->socket = fd;
	gp_vhost_reader_init(&device->reader);
	return true;
}

static void send_keep(const struct gp_vhost_device *device) {
	if (device->info.keep != NULL) {
		device->info.keep->connected(device->info.keep->data, device->socket);
	}
}

static bool has_hung_up(int socket) {
	struct pollfd pfd = {.fd = socket, .events = POLLRDHUP};
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

static void handle_accepted(void *data, int fd) {
	struct gp_vhost_device *device = data;
	if (device->socket != -1 && has_hung_up(device->socket)) {
		// The next one was quicker than the news of the last one's end.
		gp_info("vhost: the front end has gone");
		gp_vhost_device_disconnect(device);
	}
	if (device->socket != -1) {
		gp_warn("vhost: a second front end was turned away: there is one already");
		gp_fd_close(&fd);
	} else if (connect_socket(device, fd)) {
		gp_info("vhost: a front end has connected");
		send_keep(device);
		gp_vhost_set_state(device, GP_VHOST_CONNECTED);
	}
}

static bool open_front(struct gp_vhost_device *device, const char *path, int fd) {
	if (path != NULL) {
		device->listener = gp_listener_create(device->loop, path, handle_accepted, device);
		return device->listener != NULL;
	}
	device->state = GP_VHOST_CONNECTED;
	if (!connect_socket(device, fd)) {
		return false;
	}
	if (!device->info.is_resuming) {
		send_keep(device);
	}
	return true;
}

static void keep_vrings(struct gp_vhost_device *device) {
	const struct gp_vhost_keep *keep = device->info.keep;
	for (unsigned i = 0; keep != NULL && i < device->info.n_queues; i++) {
		struct gp_vring *vring = &device->vrings[i];
		gp_vring_set_checkpoint(vring, &keep->state->queues[i], &keep->state->worked[i]);
		if (device->info.is_resuming) {
			gp_vring_resume(vring);
		}
	}
}

struct gp_vhost_device *gp_vhost_device_create(struct wl_event_loop *loop, const char *path, int fd,
	const struct gp_vhost_info *info, const struct gp_vhost_ops *ops, void *data) {
	struct gp_vhost_device *device = calloc(1, sizeof(*device));
	if (device == NULL || info->n_queues > GP_VHOST_QUEUES_MAX ||
		(info->keep != NULL && info->n_queues > GP_VHOST_KEEP_QUEUES)) {
		gp_error("vhost: cannot make a device of %u queues", info->n_queues);
		gp_fd_close(&fd);
		free(device);
		return NULL;
	}
	*device = (struct gp_vhost_device){
		.loop = loop,
		.info = *info,
		.ops = ops,
		.data = data,
		.socket = -1,
		.state = GP_VHOST_WAITING,
		.guest_errors = {.burst = 5, .interval_ns = 10000000000},
		.front_end_errors = {.burst = 20, .interval_ns = 1000000000},
	};
	gp_guest_memory_init(&device->memory);
	gp_back_channel_init(&device->back_channel);
	for (unsigned i = 0; i < info->n_queues; i++) {
		gp_vring_init(&device->vrings[i], i, handle_kicked, device);
	}
	keep_vrings(device);
	if (!open_front(device, path, fd)) {
		free(device);
		return NULL;
	}
	return device;
}

bool gp_vhost_device_resume(struct gp_vhost_device *device, int socket) {
	if (!connect_socket(device, socket)) {
		return false;
	}
	gp_vhost_set_state(device, GP_VHOST_CONNECTED);
	return true;
}

/* A copy with descriptors of its own. What could not be duplicated is missed by the request. */
static void copy_frame(struct gp_vhost_frame *to, const struct gp_vhost_frame *from) {
	*to = *from;
	for (size_t i = 0; i < from->n_fds; i++) {
		to->fds[i] = fcntl(from->fds[i], F_DUPFD_CLOEXEC, 0);
	}
}

static void handle_copy(struct gp_vhost_device *device, const struct gp_vhost_frame *frame) {
	struct gp_vhost_reader reader = {0};
	copy_frame(&reader.frame, frame);
	if (!gp_vhost_handle_frame(device, &reader.frame) && !device->is_replaying) {
		gp_vhost_device_disconnect(device);
	}
	gp_vhost_reader_next(&reader);
}

void gp_vhost_device_replay(struct gp_vhost_device *device, const struct gp_vhost_frame *frame) {
	device->is_replaying = true;
	handle_copy(device, frame);
	device->is_replaying = false;
}

static void recover_queue(
	struct gp_vhost_device *device, struct gp_vring *vring, struct gp_chain *chain) {
	uint16_t at = 0;
	bool was_running;
	while (vring->queue.size != 0 && vring->queue.keep != NULL &&
		gp_virtqueue_recover(&vring->queue, &device->memory, &at, chain, &was_running)) {
		if (device->ops->chain_lost != NULL) {
			device->ops->chain_lost(device->data, vring->index, chain, was_running);
		} else {
			gp_vhost_device_push(device, vring->index, chain->head, 0);
		}
	}
	vring->resuming = false;
	if (vring->started) {
		gp_vring_interrupt(vring); // for what was returned without one
	}
}

void gp_vhost_device_recover(struct gp_vhost_device *device, struct gp_chain *chain) {
	bool worked = false;
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		worked = worked || device->vrings[i].worked;
		recover_queue(device, &device->vrings[i], chain);
	}
	if (worked && device->state == GP_VHOST_CONNECTED && !any_active(device)) {
		gp_vhost_set_state(device, GP_VHOST_PAUSED);
	}
	serve_due(device);
}

void gp_vhost_device_answer(struct gp_vhost_device *device, const struct gp_vhost_frame *frame) {
	handle_copy(device, frame);
	serve_due(device);
	send_config(device);
}

void gp_vhost_device_destroy(struct gp_vhost_device *device) {
	if (device == NULL) {
		return;
	}
	gp_vhost_device_disconnect(device);
	gp_listener_destroy(device->listener);
	free(device);
}

enum gp_vhost_state gp_vhost_device_state(const struct gp_vhost_device *device) {
	return device->state;
}

bool gp_vhost_device_finished(const struct gp_vhost_device *device) {
	return device->listener == NULL && device->socket == -1;
}

int gp_vhost_device_socket(const struct gp_vhost_device *device) {
	return device->socket;
}

uint64_t gp_vhost_device_features(const struct gp_vhost_device *device) {
	return device->features;
}

struct gp_guest_memory *gp_vhost_device_memory(struct gp_vhost_device *device) {
	return &device->memory;
}

/* The queue is active. */
static int take_chain(
	struct gp_vhost_device *device, struct gp_vring *vring, struct gp_chain *chain) {
	if (vring->queue.broken != NULL) {
		return -EPROTO;
	}
	int r = gp_vring_pop(vring, &device->memory, chain);
	if (r < 0) {
		gp_vhost_report_broken(device, vring, vring->queue.broken);
	}
	return r;
}

int gp_vhost_device_pop(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain) {
	struct gp_vring *vring = &device->vrings[queue];
	if (!gp_vring_active(vring)) {
		return 0;
	}
	if (vring->queue.broken == NULL &&
		(vring->popped == CHAINS_PER_KICK ||
			(vring->popped > 0 && gp_now_ns() - vring->kicked_ns > KICK_NS))) {
		gp_vring_kick_self(vring);
		return 0;
	}
	int r = take_chain(device, vring, chain);
	vring->popped += r > 0;
	return r;
}

int gp_vhost_device_take(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain) {
	struct gp_vring *vring = &device->vrings[queue];
	return gp_vring_active(vring) ? take_chain(device, vring, chain) : 0;
}

uint16_t gp_vhost_device_offered(struct gp_vhost_device *device, unsigned queue, uint16_t wanted) {
	struct gp_vring *vring = &device->vrings[queue];
	if (!gp_vring_active(vring)) {
		return 0;
	}
	bool was_broken = vring->queue.broken != NULL;
	uint16_t n = gp_virtqueue_offered(&vring->queue, wanted);
	if (vring->queue.broken != NULL && !was_broken) {
		gp_vhost_report_broken(device, vring, vring->queue.broken);
	}
	return n;
}

uint16_t gp_vhost_device_queue_size(const struct gp_vhost_device *device, unsigned queue) {
	const struct gp_vring *vring = &device->vrings[queue];
	return gp_vring_active(vring) ? vring->queue.size : 0;
}

void gp_vhost_device_push(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written) {
	gp_vring_push(&device->vrings[queue], head, written, true);
}

void gp_vhost_device_push_without_interrupt(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written) {
	gp_vring_push(&device->vrings[queue], head, written, false);
}

void gp_vhost_device_flush(struct gp_vhost_device *device) {
	for (unsigned i = 0; i < device->info.n_queues; i++) {
		gp_vring_interrupt_if_due(&device->vrings[i], true);
	}
}

void gp_vhost_device_config_changed(struct gp_vhost_device *device) {
	device->config_changed = true;
	send_config(device);
}

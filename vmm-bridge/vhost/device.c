#include "vmm-bridge/vhost/device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vhost/front_end.h"
#include "vmm-bridge/vhost/listener.h"
#include "vmm-bridge/vhost/queues.h"

/* Then it is the turn of others: chains may take long, and a front end waits with its lock held. */
#define CHAINS_PER_KICK 1024
#define KICK_NS 5000000
#define FRAMES_PER_DISPATCH 64

struct gp_vhost_device {
	struct gp_vhost_info info;
	struct gp_vhost_queues queues;
	struct gp_listener *listener; // NULL if created with a socket
	struct gp_vhost_front_end front; // its socket is -1 while there is none
	struct wl_event_source *source; // of that socket
	struct gp_vhost_reader reader;
};

const char *gp_vhost_state_name(enum gp_vhost_state state) {
	static const char *const names[] = {
		[GP_VHOST_WAITING] = "waiting",
		[GP_VHOST_CONNECTED] = "connected",
		[GP_VHOST_RUNNING] = "running",
		[GP_VHOST_PAUSED] = "paused",
	};
	return names[state];
}

/**
 * C10: QEMU dies of a config-change message while its side is not started, and it stops with
 * SET_VRING_ENABLE 0 first. So none is sent while a started queue is disabled.
 */
static bool may_send_config(const struct gp_vhost_device *device) {
	const struct gp_vhost_queues *queues = &device->queues;
	for (unsigned i = 0; i < queues->n; i++) {
		if (queues->vrings[i].started && !queues->vrings[i].enabled) {
			return false;
		}
	}
	return gp_vhost_queues_active(queues) &&
		gp_back_channel_is_open(&device->front.back_channel);
}

static void send_config(struct gp_vhost_device *device) {
	if (device->front.config_changed && may_send_config(device)) {
		device->front.config_changed = false;
		gp_back_channel_config_changed(&device->front.back_channel);
	}
}

void gp_vhost_device_disconnect(struct gp_vhost_device *device) {
	struct gp_vhost_front_end *front = &device->front;
	if (front->socket == -1) {
		return;
	}
	gp_vhost_queues_clear(&device->queues);
	gp_back_channel_close(&front->back_channel);
	gp_vhost_reader_next(&device->reader);
	wl_event_source_remove(device->source);
	device->source = NULL;
	gp_fd_close(&front->socket);
	if (device->info.checkpoint_events != NULL) {
		device->info.checkpoint_events->disconnected(device->info.checkpoint_data);
	}
	front->config_changed = false; // the next one reads all of it anyway
	if (device->queues.state != GP_VHOST_CONNECTED) {
		device->queues.ops->reset(device->queues.data);
	}
	gp_vhost_queues_set_state(&device->queues, GP_VHOST_WAITING);
}

static int handle_socket(int fd, uint32_t mask, void *data) {
	struct gp_vhost_device *device = data;
	for (int i = 0; i < FRAMES_PER_DISPATCH; i++) {
		int r = gp_vhost_reader_read(&device->reader, fd);
		if (r == 0) {
			return 0;
		}
		if (r == -ECONNRESET) {
			gp_info_limited("vhost: the front end has disconnected");
		} else if (r < 0) {
			gp_error_limited(
				"vhost: reading from the front end: %s; connection dropped",
				strerror(-r));
		}
		if (r < 0 || !gp_vhost_front_end_handle(&device->front, &device->reader.frame)) {
			gp_vhost_device_disconnect(device);
			return 0;
		}
		gp_vhost_reader_next(&device->reader);
		gp_vhost_queues_serve(&device->queues);
		send_config(device);
	}
	return 0;
}

/* Takes fd in every case. */
static bool connect_socket(struct gp_vhost_device *device, int fd) {
	if (gp_fd_set_nonblock(fd)) {
		device->source = wl_event_loop_add_fd(
			device->front.loop, fd, WL_EVENT_READABLE, handle_socket, device);
	}
	if (device->source == NULL) {
		gp_error_limited("vhost: cannot watch the front end's socket: %m");
		gp_fd_close(&fd);
		return false;
	}
	device->front.socket = fd;
	gp_vhost_reader_init(&device->reader);
	return true;
}

static void save_connection(const struct gp_vhost_device *device) {
	const struct gp_vhost_info *info = &device->info;
	if (info->checkpoint_events != NULL) {
		info->checkpoint_events->connected(info->checkpoint_data, device->front.socket);
	}
}

static bool has_hung_up(int socket) {
	struct pollfd pfd = {.fd = socket, .events = POLLRDHUP};
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

static void handle_accepted(void *data, int fd) {
	struct gp_vhost_device *device = data;
	if (device->front.socket != -1 && has_hung_up(device->front.socket)) {
		// The next one was quicker than the event of the last one's end.
		gp_info_limited("vhost: the front end has disconnected");
		gp_vhost_device_disconnect(device);
	}
	if (device->front.socket != -1) {
		gp_warn_limited("vhost: a second front end was turned away: there is one already");
		gp_fd_close(&fd);
	} else if (connect_socket(device, fd)) {
		gp_info_limited("vhost: a front end has connected");
		save_connection(device);
		gp_vhost_queues_set_state(&device->queues, GP_VHOST_CONNECTED);
	}
}

static bool open_front(struct gp_vhost_device *device, int listener, int fd) {
	if (listener != -1) {
		device->listener =
			gp_listener_create(device->front.loop, listener, handle_accepted, device);
		return device->listener != NULL;
	}
	device->queues.state = GP_VHOST_CONNECTED;
	if (!connect_socket(device, fd)) {
		return false;
	}
	if (!device->info.resuming) {
		save_connection(device);
	}
	return true;
}

struct gp_vhost_device *gp_vhost_device_create(struct wl_event_loop *loop, int listener, int fd,
	const struct gp_vhost_info *info, const struct gp_vhost_ops *ops, void *data) {
	struct gp_vhost_device *device = calloc(1, sizeof(*device));
	if (device == NULL || info->n_queues > GP_VHOST_QUEUES_MAX ||
		(info->checkpoint != NULL && info->n_queues > GP_VHOST_CHECKPOINT_QUEUES)) {
		gp_error("vhost: cannot make a device of %u queues", info->n_queues);
		gp_fd_close(&listener);
		gp_fd_close(&fd);
		free(device);
		return NULL;
	}
	device->info = *info;
	device->front = (struct gp_vhost_front_end){
		.loop = loop,
		.info = &device->info,
		.queues = &device->queues,
		.socket = -1,
		.errors = GP_LOG_LIMIT_INIT,
	};
	gp_back_channel_init(&device->front.back_channel);
	gp_vhost_queues_init(&device->queues, info, ops, data);
	if (!open_front(device, listener, fd)) {
		free(device);
		return NULL;
	}
	return device;
}

bool gp_vhost_device_resume(struct gp_vhost_device *device, int socket) {
	if (!connect_socket(device, socket)) {
		return false;
	}
	gp_vhost_queues_set_state(&device->queues, GP_VHOST_CONNECTED);
	return true;
}

/* With descriptors of its own. A request fails for lack of those that cannot be duplicated. */
static void handle_copy(struct gp_vhost_device *device, const struct gp_vhost_frame *frame) {
	struct gp_vhost_frame copy = *frame;
	for (size_t i = 0; i < frame->n_fds; i++) {
		copy.fds[i] = fcntl(frame->fds[i], F_DUPFD_CLOEXEC, 0);
	}
	if (!gp_vhost_front_end_handle(&device->front, &copy) && !device->front.replaying) {
		gp_vhost_device_disconnect(device);
	}
	gp_vhost_frame_close_fds(&copy);
}

void gp_vhost_device_replay(struct gp_vhost_device *device, const struct gp_vhost_frame *frame) {
	device->front.replaying = true;
	handle_copy(device, frame);
	device->front.replaying = false;
}

static void recover_queue(
	struct gp_vhost_device *device, struct gp_vring *vring, struct gp_chain *chain) {
	uint16_t at = 0;
	bool was_running;
	while (vring->queue.size != 0 && vring->queue.checkpoint != NULL &&
		gp_virtqueue_recover(
			&vring->queue, &device->queues.memory, &at, chain, &was_running)) {
		if (device->queues.ops->chain_lost != NULL) {
			device->queues.ops->chain_lost(
				device->queues.data, vring->index, chain, was_running);
		} else {
			gp_vhost_device_push(device, vring->index, chain->head, 0);
		}
	}
	vring->resuming = false;
	if (vring->started) {
		gp_vring_interrupt(vring); // for what was returned without one
	}
}

void gp_vhost_device_recover_state(struct gp_vhost_device *device) {
	bool worked = false;
	for (unsigned i = 0; i < device->queues.n; i++) {
		worked = worked || device->queues.vrings[i].worked;
	}
	if (worked && device->queues.state == GP_VHOST_CONNECTED &&
		!gp_vhost_queues_active(&device->queues)) {
		gp_vhost_queues_set_state(&device->queues, GP_VHOST_PAUSED);
	}
}

void gp_vhost_device_recover(struct gp_vhost_device *device, struct gp_chain *chain) {
	gp_vhost_device_recover_state(device);
	for (unsigned i = 0; i < device->queues.n; i++) {
		recover_queue(device, &device->queues.vrings[i], chain);
	}
	gp_vhost_queues_serve(&device->queues);
}

void gp_vhost_device_handle(struct gp_vhost_device *device, const struct gp_vhost_frame *frame) {
	handle_copy(device, frame);
	gp_vhost_queues_serve(&device->queues);
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

bool gp_vhost_device_leave(struct gp_vhost_device *device) {
	gp_vhost_queues_drain(&device->queues);
	return device->front.socket != -1;
}

enum gp_vhost_state gp_vhost_device_state(const struct gp_vhost_device *device) {
	return device->queues.state;
}

bool gp_vhost_device_finished(const struct gp_vhost_device *device) {
	return device->listener == NULL && device->front.socket == -1;
}

int gp_vhost_device_socket(const struct gp_vhost_device *device) {
	return device->front.socket;
}

uint64_t gp_vhost_device_features(const struct gp_vhost_device *device) {
	return device->queues.features;
}

struct gp_guest_memory *gp_vhost_device_memory(struct gp_vhost_device *device) {
	return &device->queues.memory;
}

/* The queue is active. */
static int take_chain(
	struct gp_vhost_device *device, struct gp_vring *vring, struct gp_chain *chain) {
	if (vring->queue.broken != NULL) {
		return -EPROTO;
	}
	int r = gp_vring_pop(vring, &device->queues.memory, chain);
	if (r < 0) {
		gp_vhost_queues_report_broken(&device->queues, vring, vring->queue.broken);
	}
	return r;
}

int gp_vhost_device_pop(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain) {
	struct gp_vring *vring = &device->queues.vrings[queue];
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
	struct gp_vring *vring = &device->queues.vrings[queue];
	return gp_vring_active(vring) ? take_chain(device, vring, chain) : 0;
}

uint16_t gp_vhost_device_offered(struct gp_vhost_device *device, unsigned queue, uint16_t wanted) {
	struct gp_vring *vring = &device->queues.vrings[queue];
	if (!gp_vring_active(vring)) {
		return 0;
	}
	bool was_broken = vring->queue.broken != NULL;
	uint16_t n = gp_virtqueue_offered(&vring->queue, wanted);
	if (vring->queue.broken != NULL && !was_broken) {
		gp_vhost_queues_report_broken(&device->queues, vring, vring->queue.broken);
	}
	return n;
}

uint16_t gp_vhost_device_queue_size(const struct gp_vhost_device *device, unsigned queue) {
	const struct gp_vring *vring = &device->queues.vrings[queue];
	return gp_vring_active(vring) ? vring->queue.size : 0;
}

void gp_vhost_device_push(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written) {
	gp_vring_push(&device->queues.vrings[queue], head, written, true);
}

void gp_vhost_device_push_without_interrupt(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written) {
	gp_vring_push(&device->queues.vrings[queue], head, written, false);
}

void gp_vhost_device_flush(struct gp_vhost_device *device) {
	gp_vhost_queues_flush(&device->queues);
}

void gp_vhost_device_config_changed(struct gp_vhost_device *device) {
	device->front.config_changed = true;
	send_config(device);
}

#include "vmm-bridge/keeper/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/keeper/channel.h"
#include "vmm-bridge/keeper/store.h"
#include "vmm-bridge/vfio/finder.h"

#define REPLY_TIMEOUT_MS 10000

struct left_front {
	struct gp_worker *worker;
	unsigned index;
	struct gp_store store;
};

struct gp_worker {
	int channel;
	bool channel_failed; // logged once
	pid_t keeper_pid;
	unsigned restarts;
	struct gp_shared *shared;
	struct gp_grants grants;
	struct left_front fronts[GP_KEEPER_DEVICES_MAX];
	uint32_t calls;
};

/* gp_vhost_checkpoint_events: what the next worker has to know. */

static void send_message(struct left_front *front, const struct gp_channel_message *message) {
	struct gp_worker *worker = front->worker;
	if (!gp_channel_send(worker->channel, message) && !worker->channel_failed) {
		worker->channel_failed = true;
		gp_error_errno(
			"keeper: a request cannot be stored; after a crash the VM has no display");
	}
}

static void handle_connected(void *data, int socket) {
	struct left_front *front = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_CONNECTED,
		.device = front->index,
		.frame = {.fds = {socket}, .n_fds = 1},
	};
	send_message(front, &message);
}

static void handle_disconnected(void *data) {
	struct left_front *front = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_DISCONNECTED, .device = front->index};
	send_message(front, &message);
}

static void handle_request(void *data, const struct gp_vhost_frame *frame) {
	struct left_front *front = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_REQUEST, .device = front->index, .frame = *frame};
	send_message(front, &message);
}

static void handle_handled(void *data, bool accepted) {
	struct left_front *front = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_HANDLED, .device = front->index, .number = accepted};
	send_message(front, &message);
}

static const struct gp_vhost_checkpoint_events checkpoint_events = {
	.connected = handle_connected,
	.disconnected = handle_disconnected,
	.request = handle_request,
	.handled = handle_handled,
};

/* The start. */

static bool map_shared(struct gp_worker *worker, struct gp_channel_message *message) {
	worker->restarts = (unsigned)message->number;
	void *shared = mmap(NULL, sizeof(*worker->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE, message->frame.fds[0], 0);
	if (shared == MAP_FAILED) {
		gp_error_errno("keeper: cannot map the shared memory");
		return false;
	}
	worker->shared = shared;
	madvise(shared, sizeof(*worker->shared), MADV_DONTDUMP);
	return true;
}

struct gp_worker *gp_worker_create(int channel) {
	struct gp_worker *worker = calloc(1, sizeof(*worker));
	if (worker == NULL) {
		gp_error_errno("keeper: calloc");
		gp_fd_close(&channel);
		return NULL;
	}
	worker->channel = channel;
	worker->keeper_pid = getppid();
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		struct left_front *front = &worker->fronts[i];
		front->worker = worker;
		front->index = i;
		gp_store_init(&front->store);
	}
	return worker;
}

void gp_worker_destroy(struct gp_worker *worker) {
	if (worker == NULL) {
		return;
	}
	gp_worker_done(worker);
	if (worker->shared != NULL) {
		munmap(worker->shared, sizeof(*worker->shared));
	}
	gp_fd_close(&worker->channel);
	free(worker);
}

bool gp_worker_wait(struct gp_worker *worker) {
	struct gp_channel_message message;
	struct gp_grant grant;
	bool ok = true;
	while (ok) {
		int r = gp_channel_wait(worker->channel, &message, -1);
		if (r <= 0) {
			return false; // it has ended, or has another opinion of what a message is
		}
		switch (message.kind) {
		case GP_CHANNEL_SHARED:
			ok = map_shared(worker, &message);
			break;
		case GP_CHANNEL_GRANT:
			if (worker->grants.n < GP_GRANTS_MAX &&
				gp_channel_read_grant(&message, &grant)) {
				gp_grants_add(&worker->grants, &grant);
			}
			break;
		case GP_CHANNEL_READY:
			return worker->shared != NULL;
		default:
			if (message.device < GP_KEEPER_DEVICES_MAX) {
				gp_store_take(&worker->fronts[message.device].store, &message);
			}
			break;
		}
		gp_vhost_frame_close_fds(&message.frame);
	}
	return false;
}

pid_t gp_worker_get_keeper_pid(const struct gp_worker *worker) {
	return worker->keeper_pid;
}

unsigned gp_worker_get_restarts(const struct gp_worker *worker) {
	return worker->restarts;
}

struct gp_grant gp_worker_take_grant(
	struct gp_worker *worker, enum gp_grant_kind kind, uint32_t index) {
	for (size_t i = 0; i < worker->grants.n; i++) {
		struct gp_grant *grant = &worker->grants.items[i];
		if (grant->kind == kind && grant->index == index) {
			struct gp_grant taken = *grant;
			grant->fd = -EBUSY;
			return taken;
		}
	}
	return (struct gp_grant){.kind = kind, .index = index, .fd = -ENOENT};
}

/* What earlier workers have left. */

void gp_worker_get_info(struct gp_worker *worker, unsigned index, struct gp_vhost_info *info) {
	info->checkpoint = &worker->shared->checkpoints[index];
	info->checkpoint_events = &checkpoint_events;
	info->checkpoint_data = &worker->fronts[index];
	info->resuming = gp_worker_has_front(worker, index);
}

void *gp_worker_get_area(struct gp_worker *worker) {
	return worker->shared->area;
}

bool gp_worker_has_front(const struct gp_worker *worker, unsigned index) {
	return worker->fronts[index].store.socket != -1;
}

int gp_worker_dup_socket(const struct gp_worker *worker, unsigned index) {
	int socket = worker->fronts[index].store.socket;
	return socket != -1 ? fcntl(socket, F_DUPFD_CLOEXEC, 0) : -1;
}

/* Queues start when all that they need is there, and run when all have started. */
static int rank(const struct gp_vhost_frame *frame) {
	return frame->request == GP_VHOST_SET_VRING_KICK      ? 1
		: frame->request == GP_VHOST_SET_VRING_ENABLE ? 2
							      : 0;
}

void gp_worker_replay(
	const struct gp_worker *worker, unsigned index, struct gp_vhost_device *device) {
	const struct gp_store *store = &worker->fronts[index].store;
	for (int turn = 0; turn < 3; turn++) {
		const struct gp_store_request *request;
		TAILQ_FOREACH(request, &store->requests, link) {
			if (rank(&request->frame) == turn) {
				gp_vhost_device_replay(device, &request->frame);
			}
		}
	}
}

void gp_worker_handle_pending(
	const struct gp_worker *worker, unsigned index, struct gp_vhost_device *device) {
	const struct gp_store_request *pending = worker->fronts[index].store.pending;
	if (pending != NULL) {
		gp_vhost_device_handle(device, &pending->frame);
	}
}

void gp_worker_done(struct gp_worker *worker) {
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		gp_store_clear(&worker->fronts[i].store);
	}
	for (size_t i = 0; i < worker->grants.n; i++) {
		gp_grant_close(&worker->grants.items[i]);
	}
	worker->grants.n = 0;
}

/* Calls of the keeper. */

/* The result, with the reply, whose descriptors are the caller's; or -errno, without any. */
static int call(struct gp_worker *worker, enum gp_broker_call number, const void *args,
	uint32_t size, struct gp_channel_message *reply) {
	struct gp_channel_message message = {.kind = GP_CHANNEL_CALL,
		.device = ++worker->calls,
		.number = number,
		.frame.size = size};
	if (size > 0) {
		memcpy(message.frame.payload, args, size);
	}
	if (!gp_channel_send(worker->channel, &message)) {
		return -errno;
	}
	for (;;) {
		int r = gp_channel_wait(worker->channel, reply, REPLY_TIMEOUT_MS);
		if (r <= 0) {
			return r < 0 ? r : -ETIMEDOUT;
		}
		if (reply->kind == GP_CHANNEL_REPLY && reply->device == worker->calls) {
			return reply->number;
		}
		gp_vhost_frame_close_fds(&reply->frame); // to a call that was given up
	}
}

/* The same for a reply with one descriptor, which is returned. */
static int call_for_fd(struct gp_worker *worker, enum gp_broker_call number) {
	struct gp_channel_message reply;
	int result = call(worker, number, NULL, 0, &reply);
	if (result < 0) {
		return result;
	}
	int fd = reply.frame.n_fds > 0 ? gp_fd_take(&reply.frame.fds[0]) : -EPROTO;
	gp_vhost_frame_close_fds(&reply.frame);
	return fd;
}

int gp_worker_open_display(void *data) {
	int fd = call_for_fd(data, GP_BROKER_DISPLAY);
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	return fd;
}

int gp_worker_open_qemu(void *data) {
	int fd = call_for_fd(data, GP_BROKER_QEMU);
	errno = fd < 0 ? -fd : errno;
	return fd < 0 ? -1 : fd;
}

bool gp_worker_open_pair(void *data, int fds[2]) {
	struct gp_channel_message reply;
	int result = call(data, GP_BROKER_PAIR, NULL, 0, &reply);
	if (result < 0) {
		errno = -result;
		return false;
	}
	bool ok = reply.frame.n_fds == 2;
	for (unsigned i = 0; i < 2 && ok; i++) {
		fds[i] = gp_fd_take(&reply.frame.fds[i]);
	}
	gp_vhost_frame_close_fds(&reply.frame);
	errno = ok ? errno : EPROTO;
	return ok;
}

static int find_vmm(void *data) {
	return call_for_fd(data, GP_BROKER_VMM);
}

static int find_device(void *data, uint32_t index, struct gp_vfio_found *found) {
	struct gp_channel_message reply;
	struct gp_broker_device info;
	int result = call(data, GP_BROKER_VMM_DEVICE, &index, sizeof(index), &reply);
	if (result <= 0) {
		return result;
	}
	if (reply.frame.n_fds != 1 || reply.frame.size != sizeof(info)) {
		gp_vhost_frame_close_fds(&reply.frame);
		return -EPROTO;
	}
	memcpy(&info, reply.frame.payload, sizeof(info));
	*found = (struct gp_vfio_found){.id = info.id, .fd = reply.frame.fds[0]};
	memcpy(found->pci, info.pci, sizeof(found->pci));
	return 1;
}

const struct gp_vfio_finder gp_worker_vfio_finder = {
	.find_vmm = find_vmm,
	.find_device = find_device,
};

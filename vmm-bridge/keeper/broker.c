#include "vmm-bridge/keeper/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/socket.h"
#include "vmm-bridge/keeper/channel.h"

void gp_broker_init(struct gp_broker *broker, struct wl_event_loop *loop) {
	*broker =
		(struct gp_broker){.loop = loop, .vmm_socket = -1, .vmm_pidfd = -1, .vmm_end = -1};
	gp_vmm_devices_init(&broker->vmm);
}

void gp_broker_fix_vmm(struct gp_broker *broker, pid_t pid) {
	broker->vmm_fixed = true;
	broker->vmm_pid = pid;
	broker->vmm_pidfd = gp_vmm_find(pid);
}

static void close_vmm(struct gp_broker *broker) {
	if (broker->vmm_source != NULL) {
		wl_event_source_remove(broker->vmm_source);
		broker->vmm_source = NULL;
	}
	gp_vmm_devices_finish(&broker->vmm);
	gp_fd_close(&broker->vmm_end);
}

void gp_broker_drop_vmm(struct gp_broker *broker) {
	close_vmm(broker);
	if (!broker->vmm_fixed && broker->vmm_pidfd >= 0) {
		gp_fd_close(&broker->vmm_pidfd);
	}
}

void gp_broker_finish(struct gp_broker *broker) {
	broker->vmm_fixed = false;
	gp_broker_drop_vmm(broker);
}

/* Its pidfd stays: whoever gets its pid is not the VMM. */
static int handle_vmm_end(int fd, uint32_t mask, void *data) {
	close_vmm(data);
	return 0;
}

/* Each fills in the reply, whose descriptors are the caller's to close, and returns the result. */

static int open_display(
	struct gp_broker *broker, const struct gp_vhost_frame *args, struct gp_vhost_frame *reply) {
	int fd = broker->display != NULL ? gp_socket_connect(broker->display) : -1;
	if (fd < 0) {
		return broker->display != NULL ? -errno : -ENOENT;
	}
	reply->fds[reply->n_fds++] = fd;
	return 0;
}

static int open_qemu(
	struct gp_broker *broker, const struct gp_vhost_frame *args, struct gp_vhost_frame *reply) {
	int fd = broker->qemu != NULL ? gp_socket_connect(broker->qemu) : -1;
	if (fd < 0) {
		return broker->qemu != NULL ? -errno : -ENOENT;
	}
	reply->fds[reply->n_fds++] = fd;
	return 0;
}

static int make_pair(
	struct gp_broker *broker, const struct gp_vhost_frame *args, struct gp_vhost_frame *reply) {
	int fds[2];
	if (!broker->pairs ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
		return broker->pairs ? -errno : -EPERM;
	}
	reply->fds[reply->n_fds++] = fds[0];
	reply->fds[reply->n_fds++] = fds[1];
	return 0;
}

static int open_vmm(
	struct gp_broker *broker, const struct gp_vhost_frame *args, struct gp_vhost_frame *reply) {
	int ends[2];
	close_vmm(broker);
	if (!broker->looks || broker->vmm_socket < 0) {
		return -ESRCH;
	}
	if (!broker->vmm_fixed && broker->vmm_pidfd < 0) {
		broker->vmm_pidfd = gp_vmm_find_peer(broker->vmm_socket, &broker->vmm_pid);
	}
	int result = broker->vmm_pidfd < 0
		? broker->vmm_pidfd
		: gp_vmm_devices_open(&broker->vmm, broker->vmm_pid, broker->vmm_pidfd);
	if (result < 0) {
		return result;
	}
	if (pipe2(ends, O_CLOEXEC) != 0) {
		result = -errno;
		close_vmm(broker);
		return result;
	}
	reply->fds[reply->n_fds++] = ends[0];
	broker->vmm_end = ends[1];
	if (broker->loop != NULL) {
		broker->vmm_source = wl_event_loop_add_fd(broker->loop, broker->vmm.vmm.pidfd,
			WL_EVENT_READABLE, handle_vmm_end, broker);
	}
	return 0;
}

static int find_device(
	struct gp_broker *broker, const struct gp_vhost_frame *args, struct gp_vhost_frame *reply) {
	uint32_t index;
	if (args->size != sizeof(index)) {
		return -EINVAL;
	}
	memcpy(&index, args->payload, sizeof(index));
	int result = index == 0 ? gp_vmm_devices_look(&broker->vmm) : 0;
	if (result < 0 || index >= broker->vmm.count) {
		return result < 0 ? result : 0;
	}
	const struct gp_vmm_device *device = &broker->vmm.items[index];
	struct gp_broker_device info = {.id = device->id};
	memcpy(info.pci, device->pci, sizeof(info.pci));
	int fd = fcntl(device->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	reply->fds[reply->n_fds++] = fd;
	memcpy(reply->payload, &info, sizeof(info));
	reply->size = sizeof(info);
	return 1;
}

static int (*const handlers[GP_BROKER_CALLS])(struct gp_broker *broker,
	const struct gp_vhost_frame *args, struct gp_vhost_frame *reply) = {
	[GP_BROKER_DISPLAY] = open_display,
	[GP_BROKER_VMM] = open_vmm,
	[GP_BROKER_VMM_DEVICE] = find_device,
	[GP_BROKER_QEMU] = open_qemu,
	[GP_BROKER_PAIR] = make_pair,
};

bool gp_broker_handle(
	struct gp_broker *broker, const struct gp_channel_message *call, int channel) {
	struct gp_channel_message reply = {
		.kind = GP_CHANNEL_REPLY, .device = call->device, .number = -ENOSYS};
	if (call->number >= 0 && call->number < GP_BROKER_CALLS) {
		reply.number = handlers[call->number](broker, &call->frame, &reply.frame);
	}
	bool ok = gp_channel_send(channel, &reply);
	gp_vhost_frame_close_fds(&reply.frame);
	return ok;
}

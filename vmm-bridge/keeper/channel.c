#include "vmm-bridge/keeper/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd.h"

struct wire {
	uint32_t kind, device, accepted;
	uint32_t request, flags, size; // of the frame
	uint8_t payload[GP_VHOST_PAYLOAD_MAX]; // first size
};

#define WIRE_HEADER offsetof(struct wire, payload)

bool gp_channel_send(int fd, const struct gp_channel_message *message) {
	const struct gp_vhost_frame *frame = &message->frame;
	struct wire wire;
	wire.kind = message->kind;
	wire.device = message->device;
	wire.accepted = message->accepted;
	wire.request = frame->request;
	wire.flags = frame->flags;
	wire.size = frame->size;
	memcpy(wire.payload, frame->payload, frame->size);

	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * GP_VHOST_FDS_MAX)] = {0};
	struct iovec iov = {.iov_base = &wire, .iov_len = WIRE_HEADER + frame->size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (frame->n_fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * frame->n_fds);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * frame->n_fds);
		memcpy(CMSG_DATA(cmsg), frame->fds, sizeof(int) * frame->n_fds);
	}
	ssize_t n;
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}

static void take_fds(struct msghdr *msg, struct gp_vhost_frame *frame) {
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
		cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (frame->n_fds < GP_VHOST_FDS_MAX) {
				frame->fds[frame->n_fds++] = fd;
			} else {
				gp_fd_close(&fd);
			}
		}
	}
}

int gp_channel_receive(int fd, struct gp_channel_message *message) {
	struct wire wire;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * GP_VHOST_FDS_MAX)];
	struct iovec iov = {.iov_base = &wire, .iov_len = sizeof(wire)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0) {
		return n == 0 ? -ECONNRESET : errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	struct gp_vhost_frame *frame = &message->frame;
	frame->n_fds = 0;
	take_fds(&msg, frame);
	if ((size_t)n < WIRE_HEADER || wire.size > sizeof(wire.payload) ||
		(size_t)n != WIRE_HEADER + wire.size || (msg.msg_flags & MSG_CTRUNC) != 0) {
		for (size_t i = 0; i < frame->n_fds; i++) {
			gp_fd_close(&frame->fds[i]);
		}
		return -EPROTO;
	}
	message->kind = wire.kind;
	message->device = wire.device;
	message->accepted = wire.accepted;
	frame->request = wire.request;
	frame->flags = wire.flags;
	frame->size = wire.size;
	memcpy(frame->payload, wire.payload, wire.size);
	return 1;
}

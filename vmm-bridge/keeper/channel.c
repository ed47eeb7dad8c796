#include "vmm-bridge/keeper/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd.h"

struct datagram {
	uint32_t kind, device;
	int32_t number;
	uint32_t request, flags, size; // of the frame
	uint8_t payload[GP_VHOST_PAYLOAD_MAX]; // first size
};

#define DATAGRAM_HEADER offsetof(struct datagram, payload)

bool gp_channel_send(int fd, const struct gp_channel_message *message) {
	const struct gp_vhost_frame *frame = &message->frame;
	struct datagram datagram;
	datagram.kind = message->kind;
	datagram.device = message->device;
	datagram.number = message->number;
	datagram.request = frame->request;
	datagram.flags = frame->flags;
	datagram.size = frame->size;
	memcpy(datagram.payload, frame->payload, frame->size);

	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * GP_VHOST_FDS_MAX)] = {0};
	struct iovec iov = {.iov_base = &datagram, .iov_len = DATAGRAM_HEADER + frame->size};
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

int gp_channel_receive(int fd, struct gp_channel_message *message) {
	struct datagram datagram;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * GP_VHOST_FDS_MAX)];
	struct iovec iov = {.iov_base = &datagram, .iov_len = sizeof(datagram)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;
	do { // the error comes once, before what was sent, if the other end has left some unread
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == ECONNRESET);
	if (n <= 0) {
		return n == 0 ? -ECONNRESET : errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	struct gp_vhost_frame *frame = &message->frame;
	frame->n_fds = 0;
	bool fit = gp_vhost_frame_take_fds(frame, &msg);
	if (!fit || (size_t)n < DATAGRAM_HEADER || datagram.size > sizeof(datagram.payload) ||
		(size_t)n != DATAGRAM_HEADER + datagram.size) {
		gp_vhost_frame_close_fds(frame);
		return -EPROTO;
	}
	message->kind = datagram.kind;
	message->device = datagram.device;
	message->number = datagram.number;
	frame->request = datagram.request;
	frame->flags = datagram.flags;
	frame->size = datagram.size;
	memcpy(frame->payload, datagram.payload, datagram.size);
	return 1;
}

int gp_channel_wait(int fd, struct gp_channel_message *message, int timeout_ms) {
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int r = gp_channel_receive(fd, message);
	while (r == 0) {
		int n = poll(&pollfd, 1, timeout_ms);
		if (n == 0 || (n < 0 && errno != EINTR)) {
			return n < 0 ? -errno : 0;
		}
		r = gp_channel_receive(fd, message);
	}
	return r;
}

bool gp_channel_send_grant(int fd, const struct gp_grant *grant) {
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_GRANT,
		.frame = {.size = sizeof(*grant), .fds = {grant->fd}, .n_fds = grant->fd >= 0},
	};
	memcpy(message.frame.payload, grant, sizeof(*grant));
	return gp_channel_send(fd, &message);
}

bool gp_channel_read_grant(struct gp_channel_message *message, struct gp_grant *grant) {
	if (message->frame.size != sizeof(*grant)) {
		return false;
	}
	memcpy(grant, message->frame.payload, sizeof(*grant));
	grant->path = NULL; // the other process's
	if (message->frame.n_fds > 0) {
		grant->fd = gp_fd_take(&message->frame.fds[0]);
	} else if (grant->fd >= 0) {
		return false;
	}
	return true;
}

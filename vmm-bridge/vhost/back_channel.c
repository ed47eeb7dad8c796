#include "vmm-bridge/vhost/back_channel.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vhost/message.h"

#define CONFIG_CHANGE_MSG 2 // VHOST_USER_BACKEND_CONFIG_CHANGE_MSG

void gp_back_channel_init(struct gp_back_channel *channel) {
	*channel = (struct gp_back_channel){.fd = -1};
}

void gp_back_channel_close(struct gp_back_channel *channel) {
	if (channel->source != NULL) {
		wl_event_source_remove(channel->source);
	}
	gp_fd_close(&channel->fd);
	gp_back_channel_init(channel);
}

bool gp_back_channel_is_open(const struct gp_back_channel *channel) {
	return channel->fd != -1;
}

/* An unread message of this size is whole or absent: a Unix socket does not split it. */
static void send_config_changed(struct gp_back_channel *channel) {
	const uint32_t header[] = {CONFIG_CHANGE_MSG, GP_VHOST_VERSION, 0};
	ssize_t n = send(channel->fd, header, sizeof(header), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		wl_event_source_fd_update(channel->source, WL_EVENT_READABLE | WL_EVENT_WRITABLE);
		return;
	}
	if (n != sizeof(header)) {
		gp_warn_limited("vhost: back channel: send: %m; the guest does not see new modes");
		gp_back_channel_close(channel);
		return;
	}
	channel->config_changed = false;
	wl_event_source_fd_update(channel->source, WL_EVENT_READABLE);
}

/* True while there may be more; the channel is closed at its end. */
static bool discard_input(struct gp_back_channel *channel) {
	char bytes[256];
	ssize_t n = recv(channel->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n > 0) {
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		gp_debug("vhost: back channel: closed by the front end");
		gp_back_channel_close(channel);
	}
	return false;
}

static int handle_event(int fd, uint32_t mask, void *data) {
	struct gp_back_channel *channel = data;
	while (discard_input(channel)) {
	}
	if (channel->fd != -1 && channel->config_changed) {
		send_config_changed(channel);
	}
	return 0;
}

static bool is_stream_socket(int fd) {
	int type;
	socklen_t size = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

bool gp_back_channel_open(struct gp_back_channel *channel, struct wl_event_loop *loop, int fd) {
	gp_back_channel_close(channel);
	if (!is_stream_socket(fd)) {
		gp_fd_close(&fd);
		return false;
	}
	channel->source = wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_event, channel);
	if (channel->source == NULL) {
		gp_fd_close(&fd);
		return false;
	}
	channel->fd = fd;
	return true;
}

void gp_back_channel_config_changed(struct gp_back_channel *channel) {
	if (channel->fd != -1 && !channel->config_changed) {
		channel->config_changed = true;
		send_config_changed(channel);
	}
}

bool gp_back_channel_cancel(struct gp_back_channel *channel) {
	bool pending = channel->config_changed;
	if (pending) {
		channel->config_changed = false;
		wl_event_source_fd_update(channel->source, WL_EVENT_READABLE);
	}
	return pending;
}

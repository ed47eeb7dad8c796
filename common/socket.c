#include "common/socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fd.h"

#define LISTEN_BACKLOG 16

static bool fill_address(struct sockaddr_un *addr, const char *path) {
	size_t length = strlen(path);
	if (length == 0 || length >= sizeof(addr->sun_path)) {
		errno = length == 0 ? ENOENT : ENAMETOOLONG;
		return false;
	}
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(addr->sun_path, path, length);
	return true;
}

static int open_socket(int type) {
	return socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int connect_socket(const char *path, int type) {
	struct sockaddr_un addr;
	if (!fill_address(&addr, path)) {
		return -1;
	}
	int fd = open_socket(type);
	if (fd != -1 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		gp_fd_close(&fd);
	}
	return fd;
}

int gp_socket_connect(const char *path) {
	return connect_socket(path, SOCK_STREAM);
}

int gp_socket_connect_packets(const char *path) {
	return connect_socket(path, SOCK_SEQPACKET);
}

uid_t gp_socket_get_peer_uid(int fd) {
	struct ucred peer;
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.uid : (uid_t)-1;
}

pid_t gp_socket_get_listener(const char *path) {
	struct ucred listener = {0};
	socklen_t size = sizeof(listener);
	int fd = gp_socket_connect(path);
	if (fd != -1) {
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size);
		gp_fd_close(&fd);
	}
	return listener.pid;
}

bool gp_socket_hung_up(int fd) {
	struct pollfd pollfd = {.fd = fd};
	return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & (POLLHUP | POLLERR)) != 0;
}

/* Removes a socket nobody listens on. Other files refuse connections as well: they stay. */
static bool remove_stale(const char *path, int type) {
	struct stat st;
	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		return false;
	}
	int fd = connect_socket(path, type);
	if (fd != -1) {
		gp_fd_close(&fd);
		return false;
	}
	return errno == ECONNREFUSED && unlink(path) == 0;
}

static bool bind_path(int fd, const char *path, int type) {
	struct sockaddr_un addr;
	if (!fill_address(&addr, path)) {
		return false;
	}
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		return true;
	}
	if (errno != EADDRINUSE) {
		return false;
	}
	if (!remove_stale(path, type)) {
		errno = EADDRINUSE;
		return false;
	}
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

static int listen_socket(const char *path, int type) {
	int fd = open_socket(type);
	if (fd == -1) {
		return -1;
	}
	/* bind(2) gives the file the mode of the unbound socket: it never has another one. */
	if (fchmod(fd, 0600) != 0 || !bind_path(fd, path, type)) {
		goto err_fd;
	}
	if (listen(fd, LISTEN_BACKLOG) != 0) {
		goto err_path;
	}
	return fd;

err_path:
	unlink(path);
err_fd:
	gp_fd_close(&fd);
	return -1;
}

int gp_socket_listen(const char *path) {
	return listen_socket(path, SOCK_STREAM);
}

int gp_socket_listen_packets(const char *path) {
	return listen_socket(path, SOCK_SEQPACKET);
}

#include "vmm-bridge/qemu/watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/limits.h"
#include "common/log.h"

#define CONTROL GP_SCANOUTS_MAX // index of the parent's socket in epoll's data

/* The child */

struct watched {
	int fd; // -1: none
	uint64_t look_ns; // something had come: to be looked at then; 0: nothing had
	unsigned turns; // of the parent, when it came
};

struct child {
	int control, epoll;
	const atomic_uint *turns;
	struct watched watched[GP_SCANOUTS_MAX];
};

static void wait_for_data(struct child *child, unsigned index, int operation) {
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = index};
	epoll_ctl(child->epoll, operation, child->watched[index].fd, &event);
}

static void set_watched(struct child *child, unsigned index, int fd) {
	struct watched *watched = &child->watched[index];
	if (watched->fd >= 0) {
		/* The file may stay open in the parent, and epoll would keep it then. */
		epoll_ctl(child->epoll, EPOLL_CTL_DEL, watched->fd, NULL);
		gp_fd_close(&watched->fd);
	}
	*watched = (struct watched){.fd = fd};
	if (fd >= 0) {
		wait_for_data(child, index, EPOLL_CTL_ADD);
	}
}

/* False: the parent has ended. */
static bool handle_control(struct child *child) {
	unsigned index;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {&index, sizeof(index)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	if (recvmsg(child->control, &message, MSG_CMSG_CLOEXEC) != sizeof(index) ||
		index >= GP_SCANOUTS_MAX) {
		return false;
	}
	int fd = -1;
	if (CMSG_FIRSTHDR(&message) != NULL) {
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	}
	set_watched(child, index, fd);
	return true;
}

static void look(struct child *child, unsigned index) {
	struct watched *watched = &child->watched[index];
	char byte;
	bool stands_still = atomic_load(child->turns) == watched->turns &&
		recv(watched->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	watched->look_ns = 0;
	if (stands_still) {
		shutdown(watched->fd, SHUT_RDWR);
		set_watched(child, index, -1);
	} else {
		wait_for_data(child, index, EPOLL_CTL_MOD);
	}
}

/* Looks at what is due; the time to the next look in ms, -1: there is none. */
static int look_at_all(struct child *child) {
	uint64_t now_ns = gp_now_ns();
	int timeout_ms = -1;
	for (unsigned i = 0; i < GP_SCANOUTS_MAX; i++) {
		struct watched *watched = &child->watched[i];
		if (watched->look_ns != 0 && watched->look_ns <= now_ns) {
			look(child, i);
		}
		if (watched->look_ns != 0) {
			int left_ms = (int)((watched->look_ns - now_ns) / 1000000) + 1;
			timeout_ms = timeout_ms < 0 || left_ms < timeout_ms ? left_ms : timeout_ms;
		}
	}
	return timeout_ms;
}

static void watch_until_parent_ends(struct child *child) {
	for (;;) {
		struct epoll_event event;
		int n = epoll_wait(child->epoll, &event, 1, look_at_all(child));
		if (n < 0 && errno != EINTR) {
			return;
		}
		if (n > 0 && event.data.u32 == CONTROL) {
			if (!handle_control(child)) {
				return;
			}
		} else if (n > 0) {
			struct watched *watched = &child->watched[event.data.u32];
			watched->turns = atomic_load(child->turns);
			watched->look_ns = gp_now_ns() + GP_QEMU_WATCH_MS * 1000000ull;
		}
	}
}

static _Noreturn void run_child(int control, const atomic_uint *turns, void (*confine)(void)) {
	prctl(PR_SET_NAME, "guestpane-watch");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Keeps standard error, and the parent's socket as 3. */
	dup2(control, 3);
	close_range(4, ~0u, 0);
	struct child child = {.control = 3, .epoll = epoll_create1(EPOLL_CLOEXEC), .turns = turns};
	for (unsigned i = 0; i < GP_SCANOUTS_MAX; i++) {
		child.watched[i].fd = -1;
	}
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = CONTROL};
	if (confine != NULL) {
		confine();
	}
	if (epoll_ctl(child.epoll, EPOLL_CTL_ADD, child.control, &event) == 0) {
		watch_until_parent_ends(&child);
	}
	_exit(0);
}

/* The parent */

bool gp_qemu_watch_start(struct gp_qemu_watch *watch, void (*confine)(void)) {
	*watch = (struct gp_qemu_watch){.fd = -1};
	void *turns = mmap(NULL, sizeof(*watch->turns), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fds[2];
	if (turns == MAP_FAILED ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
		gp_error_errno("nobody watches that QEMU does not wait for us");
		return false;
	}
	watch->turns = turns;
	watch->fd = fds[0];
	watch->pid = fork();
	if (watch->pid == 0) {
		run_child(fds[1], turns, confine);
	}
	gp_fd_close(&fds[1]);
	if (watch->pid < 0) {
		gp_error_errno("nobody watches that QEMU does not wait for us: fork");
		gp_fd_close(&watch->fd);
	}
	return watch->pid > 0;
}

void gp_qemu_watch_stop(struct gp_qemu_watch *watch) {
	if (watch->fd >= 0) {
		gp_fd_close(&watch->fd);
		waitpid(watch->pid, NULL, 0);
		munmap(watch->turns, sizeof(*watch->turns));
	}
}

void gp_qemu_watch_turn(struct gp_qemu_watch *watch) {
	if (watch->fd >= 0) {
		atomic_fetch_add_explicit(watch->turns, 1, memory_order_relaxed);
	}
}

void gp_qemu_watch_set(struct gp_qemu_watch *watch, unsigned index, int fd) {
	if (watch->fd < 0) {
		return;
	}
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {&index, sizeof(index)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	if (sendmsg(watch->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(index)) {
		gp_warn_limited("nobody watches the listener of scanout %u: %m", index);
	}
}

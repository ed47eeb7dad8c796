#include "vmm-bridge/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/keeper/channel.h"
#include "vmm-bridge/keeper/store.h"

/* After more crashes than that in that time a new worker would crash, too. */
#define CRASHES_MAX 5
#define CRASHES_NS UINT64_C(60000000000)

struct shared {
	struct gp_vhost_checkpoint checkpoints[GP_KEEPER_DEVICES_MAX];
	_Alignas(4096) uint8_t area[GP_KEEPER_AREA_BYTES];
};

struct device {
	struct gp_keeper *keeper;
	unsigned index;
	struct gp_store store;
};

struct gp_keeper {
	struct shared *shared;
	struct device devices[GP_KEEPER_DEVICES_MAX];
	unsigned restarts;
	int channel; // this process's end
	bool channel_failed; // the worker's: logged once

	/* Of the keeper's process alone. */
	sigset_t signal_mask; // as it was before
	int signal_fd;
	pid_t worker;
	bool stopping;
	uint64_t crashes_ns[CRASHES_MAX];
};

/* The worker's side. */

static void send_message(struct device *device, const struct gp_channel_message *message) {
	struct gp_keeper *keeper = device->keeper;
	if (!gp_channel_send(keeper->channel, message) && !keeper->channel_failed) {
		keeper->channel_failed = true;
		gp_error_errno(
			"keeper: a request cannot be stored; after a crash the VM has no display");
	}
}

static void handle_connected(void *data, int socket) {
	struct device *device = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_CONNECTED,
		.device = device->index,
		.frame = {.fds = {socket}, .n_fds = 1},
	};
	send_message(device, &message);
}

static void handle_disconnected(void *data) {
	struct device *device = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_DISCONNECTED, .device = device->index};
	send_message(device, &message);
}

static void handle_request(void *data, const struct gp_vhost_frame *frame) {
	struct device *device = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_REQUEST, .device = device->index, .frame = *frame};
	send_message(device, &message);
}

static void handle_handled(void *data, bool accepted) {
	struct device *device = data;
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_HANDLED, .device = device->index, .accepted = accepted};
	send_message(device, &message);
}

static const struct gp_vhost_checkpoint_events checkpoint_events = {
	.connected = handle_connected,
	.disconnected = handle_disconnected,
	.request = handle_request,
	.handled = handle_handled,
};

unsigned gp_keeper_restarts(const struct gp_keeper *keeper) {
	return keeper != NULL ? keeper->restarts : 0;
}

void gp_keeper_get_info(struct gp_keeper *keeper, unsigned index, struct gp_vhost_info *info) {
	if (keeper != NULL && index < GP_KEEPER_DEVICES_MAX) {
		info->checkpoint = &keeper->shared->checkpoints[index];
		info->checkpoint_events = &checkpoint_events;
		info->checkpoint_data = &keeper->devices[index];
		info->resuming = gp_keeper_has_front(keeper, index);
	}
}

void *gp_keeper_get_area(struct gp_keeper *keeper) {
	return keeper != NULL ? keeper->shared->area : NULL;
}

bool gp_keeper_has_front(const struct gp_keeper *keeper, unsigned index) {
	return keeper != NULL && index < GP_KEEPER_DEVICES_MAX &&
		keeper->devices[index].store.socket != -1;
}

int gp_keeper_dup_socket(const struct gp_keeper *keeper, unsigned index) {
	return gp_keeper_has_front(keeper, index)
		? fcntl(keeper->devices[index].store.socket, F_DUPFD_CLOEXEC, 0)
		: -1;
}

/* Queues start when all that they need is there, and run when all have started. */
static int rank(const struct gp_vhost_frame *frame) {
	return frame->request == GP_VHOST_SET_VRING_KICK      ? 1
		: frame->request == GP_VHOST_SET_VRING_ENABLE ? 2
							      : 0;
}

void gp_keeper_replay(
	const struct gp_keeper *keeper, unsigned index, struct gp_vhost_device *device) {
	const struct gp_store *store = &keeper->devices[index].store;
	for (int turn = 0; turn < 3; turn++) {
		const struct gp_store_request *request;
		TAILQ_FOREACH(request, &store->requests, link) {
			if (rank(&request->frame) == turn) {
				gp_vhost_device_replay(device, &request->frame);
			}
		}
	}
}

void gp_keeper_handle_pending(
	const struct gp_keeper *keeper, unsigned index, struct gp_vhost_device *device) {
	const struct gp_store_request *pending = keeper->devices[index].store.pending;
	if (pending != NULL) {
		gp_vhost_device_handle(device, &pending->frame);
	}
}

void gp_keeper_done(struct gp_keeper *keeper) {
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		gp_store_clear(&keeper->devices[i].store);
	}
}

/* The keeper's side. */

static void store_message(struct gp_store *store, struct gp_channel_message *message) {
	switch (message->kind) {
	case GP_CHANNEL_CONNECTED:
		gp_store_connect(
			store, message->frame.n_fds > 0 ? gp_fd_take(&message->frame.fds[0]) : -1);
		break;
	case GP_CHANNEL_DISCONNECTED:
		gp_store_clear(store);
		break;
	case GP_CHANNEL_REQUEST:
		if (!gp_store_begin(store, &message->frame)) {
			gp_error("keeper: no room for a request: after a crash the VM has "
				 "no display");
		}
		break;
	case GP_CHANNEL_HANDLED:
		gp_store_end(store, message->accepted != 0);
		break;
	}
	gp_vhost_frame_close_fds(&message->frame);
}

/* Stores all messages of the worker so far. False at its end. */
static bool read_channel(struct gp_keeper *keeper) {
	struct gp_channel_message message;
	int r;
	while ((r = gp_channel_receive(keeper->channel, &message)) != 0) {
		if (r == -EPROTO) {
			gp_error("keeper: a request is missing: after a crash the VM may have "
				 "no display");
		} else if (r < 0) {
			return false;
		} else if (message.device < GP_KEEPER_DEVICES_MAX) {
			store_message(&keeper->devices[message.device].store, &message);
		} else {
			gp_vhost_frame_close_fds(&message.frame);
		}
	}
	return true;
}

static void handle_signal(struct gp_keeper *keeper, bool *ended) {
	struct signalfd_siginfo info;
	if (read(keeper->signal_fd, &info, sizeof(info)) != sizeof(info)) {
		return;
	}
	if (info.ssi_signo == SIGCHLD) {
		*ended = true;
	} else {
		keeper->stopping = true;
		kill(keeper->worker, (int)info.ssi_signo);
	}
}

/* Waits until the worker has ended. Returns its status as of waitpid. */
static int attend(struct gp_keeper *keeper) {
	struct pollfd fds[] = {
		{.fd = keeper->signal_fd, .events = POLLIN},
		{.fd = keeper->channel, .events = POLLIN},
	};
	int status = EXIT_FAILURE << 8; // as of an exit
	for (;;) {
		bool ended = false;
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			gp_error_errno("keeper: poll");
			kill(keeper->worker, SIGTERM);
			waitpid(keeper->worker, &status, 0);
			return status;
		}
		if ((fds[0].revents & POLLIN) != 0) {
			handle_signal(keeper, &ended);
		}
		/* In this order, as all messages before its end count. */
		bool done = ended && waitpid(keeper->worker, &status, WNOHANG) == keeper->worker;
		if (fds[1].fd != -1 && !read_channel(keeper)) {
			gp_fd_close(&keeper->channel); // or the worker would wait for us to read
			fds[1].fd = -1;
		}
		if (done) {
			return status;
		}
	}
}

/* In the worker's process: it must not outlive the keeper. */
static bool become_worker(struct gp_keeper *keeper, pid_t parent, int channel) {
	keeper->channel = channel;
	gp_fd_close(&keeper->signal_fd);
	sigprocmask(SIG_SETMASK, &keeper->signal_mask, NULL);
	return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent;
}

static bool start_worker(
	struct gp_keeper *keeper, int (*work)(void *data, struct gp_keeper *keeper), void *data) {
	int ends[2];
	pid_t parent = getpid();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		gp_error_errno("keeper: socketpair");
		return false;
	}
	keeper->worker = fork();
	if (keeper->worker == 0) {
		gp_fd_close(&ends[0]);
		exit(become_worker(keeper, parent, ends[1]) ? work(data, keeper) : EXIT_FAILURE);
	}
	keeper->channel = ends[0];
	gp_fd_close(&ends[1]);
	if (keeper->worker < 0) {
		gp_error_errno("keeper: fork");
		return false;
	}
	return true;
}

/* False: there were too many. */
static bool count_crash(struct gp_keeper *keeper) {
	uint64_t *oldest = &keeper->crashes_ns[keeper->restarts % CRASHES_MAX];
	uint64_t now_ns = gp_now_ns();
	bool too_many = *oldest != 0 && now_ns - *oldest < CRASHES_NS;
	*oldest = now_ns;
	keeper->restarts++;
	return !too_many;
}

static int run(struct gp_keeper *keeper, int (*work)(void *data, struct gp_keeper *keeper),
	void *data, int *socket) {
	for (;;) {
		if (!start_worker(keeper, work, data)) {
			return EXIT_FAILURE;
		}
		gp_fd_close(socket);
		int status = attend(keeper);
		gp_fd_close(&keeper->channel);
		if (WIFEXITED(status)) {
			return WEXITSTATUS(status);
		}
		if (keeper->stopping) {
			return EXIT_FAILURE;
		}
		gp_error("the worker has crashed: signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
		if (!count_crash(keeper)) {
			gp_error("the worker has crashed %d times within a minute: ended; the VM "
				 "has no display until it is started again",
				CRASHES_MAX + 1);
			return EXIT_FAILURE;
		}
		gp_info("another worker takes over");
	}
}

static struct gp_keeper *create(void) {
	struct gp_keeper *keeper = calloc(1, sizeof(*keeper));
	if (keeper == NULL) {
		return NULL;
	}
	keeper->shared = mmap(NULL, sizeof(*keeper->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (keeper->shared == MAP_FAILED) {
		free(keeper);
		return NULL;
	}
	madvise(keeper->shared, sizeof(*keeper->shared), MADV_DONTDUMP);
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		struct device *device = &keeper->devices[i];
		device->keeper = keeper;
		device->index = i;
		gp_store_init(&device->store);
	}
	return keeper;
}

static bool watch_signals(struct gp_keeper *keeper) {
	sigset_t mask;
	signal(SIGCHLD,
		SIG_DFL); // it may be inherited as ignored, which would hide the worker's end
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, &keeper->signal_mask);
	keeper->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return keeper->signal_fd != -1;
}

int gp_keeper_run(int (*work)(void *data, struct gp_keeper *keeper), void *data, int *socket) {
	struct gp_keeper *keeper = create();
	if (keeper == NULL || !watch_signals(keeper)) {
		gp_error_errno("cannot make a keeper");
		gp_fd_close(socket);
		return EXIT_FAILURE;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	int status = run(keeper, work, data, socket);
	gp_keeper_done(keeper);
	gp_fd_close(&keeper->signal_fd);
	munmap(keeper->shared, sizeof(*keeper->shared));
	free(keeper);
	return status;
}

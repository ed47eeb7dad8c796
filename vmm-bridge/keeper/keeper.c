#include "vmm-bridge/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/keeper/broker.h"
#include "vmm-bridge/keeper/channel.h"
#include "vmm-bridge/keeper/pauses.h"
#include "vmm-bridge/keeper/shared.h"
#include "vmm-bridge/keeper/store.h"

#define WORKER_CHANNEL_FD 3 // in the worker
#define WORKER_ARGS_MAX 256
#define MESSAGES_PER_TURN 64
/* A worker that does not read for so long does not work. */
#define SEND_TIMEOUT_S 5
/* The worker that begins has the processor first; a spare one that has ended was no use. */
#define SPARE_DELAY_MS 500
#define SPARE_PAUSE_MS 10000

struct child {
	pid_t pid; // 0: there is none
	int channel; // to it, or -1
};

struct gp_keeper {
	struct gp_keeper_settings *settings;
	struct wl_event_loop *loop;
	struct wl_event_source *signals[3], *pause_timer;
	sigset_t signal_mask; // as it was before
	int executable; // of this program
	int shared; // a file of struct gp_shared
	struct gp_store stores[GP_KEEPER_DEVICES_MAX];
	struct gp_broker broker;
	struct wl_event_source *vmm_source;
	struct gp_pauses pauses;

	struct child worker, spare; // at work; waiting for that, as executing one takes its time
	struct wl_event_source *channel_source, *spare_timer;
	unsigned restarts;
	bool stopping; // ends when the worker has
	bool done;
	int status; // to exit with
};

static bool has_front(const struct gp_keeper *keeper) {
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		if (keeper->stores[i].socket != -1) {
			return true;
		}
	}
	return false;
}

/* The VMM */

static void drop_vmm(struct gp_keeper *keeper) {
	if (keeper->vmm_source != NULL) {
		wl_event_source_remove(keeper->vmm_source);
		keeper->vmm_source = NULL;
	}
	gp_broker_drop_vmm(&keeper->broker);
}

static int handle_vmm_end(int fd, uint32_t mask, void *data) {
	drop_vmm(data);
	return 0;
}

static bool handle_call(struct gp_keeper *keeper, const struct gp_channel_message *call) {
	struct gp_broker *broker = &keeper->broker;
	if (keeper->vmm_source != NULL && call->number == GP_BROKER_VMM) {
		drop_vmm(keeper);
	}
	broker->vmm_socket = keeper->stores[0].socket;
	bool ok = gp_broker_handle(broker, call, keeper->worker.channel);
	if (keeper->vmm_source == NULL && broker->vmm.vmm.pidfd >= 0) {
		keeper->vmm_source = wl_event_loop_add_fd(keeper->loop, broker->vmm.vmm.pidfd,
			WL_EVENT_READABLE, handle_vmm_end, keeper);
	}
	return ok;
}

/* The display's front end has changed: nothing of the last VMM may be left. */
static void forget_vmm(struct gp_keeper *keeper) {
	drop_vmm(keeper);
	for (size_t i = 0; i < keeper->settings->n_grants; i++) {
		struct gp_grant *grant = &keeper->settings->grants[i];
		if (grant->kind == GP_GRANT_VFIO && grant->fd >= 0) {
			gp_fd_close(&grant->fd);
			grant->fd = -ENODEV;
		}
	}
}

/* The channel */

/* Does what a message of the worker says. False: it is not to be served any more. */
static bool handle_message(struct gp_keeper *keeper, struct gp_channel_message *message) {
	switch (message->kind) {
	case GP_CHANNEL_CALL: {
		bool ok = handle_call(keeper, message);
		gp_vhost_frame_close_fds(&message->frame);
		return ok;
	}
	case GP_CHANNEL_CONNECTED:
	case GP_CHANNEL_DISCONNECTED:
	case GP_CHANNEL_REQUEST:
	case GP_CHANNEL_HANDLED:
		if (message->device < GP_KEEPER_DEVICES_MAX) {
			break;
		}
		/* fallthrough */
	default:
		gp_vhost_frame_close_fds(&message->frame);
		return false;
	}
	if (message->kind == GP_CHANNEL_DISCONNECTED && message->device == 0) {
		forget_vmm(keeper);
	}
	if (!gp_store_take(&keeper->stores[message->device], message)) {
		gp_error("keeper: no room for a request: after a crash the VM has no display");
	}
	return true;
}

static void close_channel(struct gp_keeper *keeper) {
	if (keeper->channel_source != NULL) {
		wl_event_source_remove(keeper->channel_source);
		keeper->channel_source = NULL;
	}
	gp_fd_close(&keeper->worker.channel);
}

/* Handles up to max messages. False: the channel is of no use any more. */
static bool read_channel(struct gp_keeper *keeper, unsigned max) {
	struct gp_channel_message message;
	for (unsigned i = 0; i < max; i++) {
		int r = gp_channel_receive(keeper->worker.channel, &message);
		if (r == 0) {
			return true;
		}
		if (r < 0 || !handle_message(keeper, &message)) {
			if (r != -ECONNRESET) {
				gp_error("keeper: the worker says what it must not: ended");
				kill(keeper->worker.pid, SIGKILL);
			}
			return false;
		}
	}
	return true;
}

static int handle_channel(int fd, uint32_t mask, void *data) {
	struct gp_keeper *keeper = data;
	if (!read_channel(keeper, MESSAGES_PER_TURN)) {
		close_channel(keeper);
	}
	return 0;
}

/* All that a worker needs to begin. False with errno. */
static bool send_start(struct gp_keeper *keeper, int channel) {
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_SHARED,
		.number = (int32_t)keeper->restarts,
		.frame = {.fds = {keeper->shared}, .n_fds = 1},
	};
	bool ok = gp_channel_send(channel, &message);
	for (size_t i = 0; i < keeper->settings->n_grants; i++) {
		const struct gp_grant *grant = &keeper->settings->grants[i];
		message = (struct gp_channel_message){
			.kind = GP_CHANNEL_GRANT,
			.frame = {.size = sizeof(*grant),
				.fds = {grant->fd},
				.n_fds = grant->fd >= 0},
		};
		memcpy(message.frame.payload, grant, sizeof(*grant));
		ok = ok && gp_channel_send(channel, &message);
	}
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		ok = ok && gp_store_send(&keeper->stores[i], channel, i);
	}
	message = (struct gp_channel_message){.kind = GP_CHANNEL_READY};
	return ok && gp_channel_send(channel, &message);
}

/* The worker */

/* In the child. It must not outlive the keeper, and gets its channel and nothing else. */
static void become_worker(const struct gp_keeper *keeper, pid_t parent, int channel) {
	char number[16];
	const char *argv[WORKER_ARGS_MAX];
	size_t argc = 0;
	for (; keeper->settings->argv[argc] != NULL && argc < WORKER_ARGS_MAX - 3; argc++) {
		argv[argc] = keeper->settings->argv[argc];
	}
	snprintf(number, sizeof(number), "%d", WORKER_CHANNEL_FD);
	argv[argc++] = "--worker";
	argv[argc++] = number;
	argv[argc] = NULL;
	sigprocmask(SIG_SETMASK, &keeper->signal_mask, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
		_exit(EXIT_FAILURE);
	}
	int executable = fcntl(keeper->executable, F_DUPFD_CLOEXEC, WORKER_CHANNEL_FD + 1);
	if (executable >= 0 &&
		(channel == WORKER_CHANNEL_FD ? fcntl(channel, F_SETFD, 0)
					      : dup2(channel, WORKER_CHANNEL_FD)) >= 0 &&
		close_range(WORKER_CHANNEL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0) {
		fexecve(executable, (char *const *)argv, environ);
	}
	gp_error_errno("keeper: cannot execute a worker");
	_exit(EXIT_FAILURE);
}

/* False after logging; there is no child then. */
static bool execute(struct gp_keeper *keeper, struct child *child) {
	int ends[2];
	pid_t parent = getpid();
	const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
	*child = (struct child){.channel = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		gp_error_errno("keeper: socketpair");
		return false;
	}
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	pid_t pid = fork();
	if (pid == 0) {
		become_worker(keeper, parent, ends[1]);
	}
	gp_fd_close(&ends[1]);
	if (pid < 0) {
		gp_error_errno("keeper: fork");
		gp_fd_close(&ends[0]);
		return false;
	}
	*child = (struct child){.pid = pid, .channel = ends[0]};
	return true;
}

/* Without success there is no worker afterwards. */
static void start_worker(struct gp_keeper *keeper) {
	gp_pauses_worker_started(&keeper->pauses, gp_now_ns());
	wl_event_source_timer_update(keeper->spare_timer, SPARE_DELAY_MS);
	if (keeper->spare.pid != 0) {
		keeper->worker = keeper->spare;
		keeper->spare = (struct child){.channel = -1};
	} else if (!execute(keeper, &keeper->worker)) {
		return;
	}
	if (!send_start(keeper, keeper->worker.channel)) {
		gp_error_errno("keeper: the worker does not start");
		kill(keeper->worker.pid, SIGKILL);
		return;
	}
	keeper->channel_source = wl_event_loop_add_fd(
		keeper->loop, keeper->worker.channel, WL_EVENT_READABLE, handle_channel, keeper);
}

static int handle_spare_due(void *data) {
	struct gp_keeper *keeper = data;
	if (keeper->spare.pid == 0 && !keeper->stopping) {
		execute(keeper, &keeper->spare);
	}
	return 0;
}

static void end(struct gp_keeper *keeper, int status) {
	keeper->done = true;
	keeper->status = status;
}

/* There is no worker: another one, at once or after a pause. */
static void schedule_worker(struct gp_keeper *keeper) {
	unsigned crashes = keeper->pauses.crashes;
	bool was_exhausted = gp_pauses_exhausted(&keeper->pauses);
	unsigned pause_ms = gp_pauses_worker_crashed(&keeper->pauses, gp_now_ns());
	bool exhausted = gp_pauses_exhausted(&keeper->pauses);
	if (exhausted && !has_front(keeper)) {
		gp_error("workers crash again and again: ended");
		end(keeper, EXIT_FAILURE);
		return;
	}
	if (exhausted && (!was_exhausted || crashes == GP_PAUSES_CRASHES_MAX)) {
		gp_error("WORKERS CRASH AGAIN AND AGAIN (%u so far). Another one is tried every 10 "
			 "seconds: to end now would end the VM, which cannot connect again. Save "
			 "your work in the VM and shut it down.",
			keeper->pauses.crashes);
	}
	keeper->restarts++;
	gp_info("another worker takes over%s", pause_ms > 0 ? " after a pause" : "");
	if (pause_ms == 0) {
		start_worker(keeper);
	}
	/* Also where it could not be started. */
	if (keeper->worker.pid == 0) {
		wl_event_source_timer_update(
			keeper->pause_timer, pause_ms > 0 ? (int)pause_ms : 1000);
	}
}

static int handle_pause_end(void *data) {
	struct gp_keeper *keeper = data;
	if (keeper->worker.pid == 0 && !keeper->stopping) {
		start_worker(keeper);
	}
	return 0;
}

static void handle_worker_end(struct gp_keeper *keeper, int status) {
	/* All messages before its end count. */
	if (keeper->worker.channel != -1) {
		read_channel(keeper, UINT32_MAX);
		close_channel(keeper);
	}
	keeper->worker.pid = 0;
	bool crashed = WIFSIGNALED(status);
	if (keeper->stopping || (!crashed && !has_front(keeper))) {
		end(keeper, crashed ? EXIT_FAILURE : WEXITSTATUS(status));
		return;
	}
	if (crashed) {
		gp_error("the worker has crashed: signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	} else {
		gp_error("the worker has ended with status %d, but its VM has not",
			WEXITSTATUS(status));
	}
	schedule_worker(keeper);
}

/* Signals */

static int handle_child(int signal_number, void *data) {
	struct gp_keeper *keeper = data;
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == keeper->worker.pid) {
			handle_worker_end(keeper, status);
		} else if (pid == keeper->spare.pid) {
			keeper->spare.pid = 0;
			gp_fd_close(&keeper->spare.channel);
			wl_event_source_timer_update(keeper->spare_timer, SPARE_PAUSE_MS);
		}
	}
	return 0;
}

static int handle_stop(int signal_number, void *data) {
	struct gp_keeper *keeper = data;
	gp_info("ended by signal %d", signal_number);
	keeper->stopping = true;
	if (keeper->worker.pid != 0) {
		kill(keeper->worker.pid, SIGTERM);
	} else {
		end(keeper, EXIT_SUCCESS);
	}
	return 0;
}

static bool watch(struct gp_keeper *keeper) {
	/* It may be inherited as ignored, which would hide the worker's end. */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, NULL, &keeper->signal_mask);
	keeper->loop = wl_event_loop_create();
	if (keeper->loop == NULL) {
		return false;
	}
	keeper->signals[0] = wl_event_loop_add_signal(keeper->loop, SIGCHLD, handle_child, keeper);
	keeper->signals[1] = wl_event_loop_add_signal(keeper->loop, SIGTERM, handle_stop, keeper);
	keeper->signals[2] = wl_event_loop_add_signal(keeper->loop, SIGINT, handle_stop, keeper);
	keeper->pause_timer = wl_event_loop_add_timer(keeper->loop, handle_pause_end, keeper);
	keeper->spare_timer = wl_event_loop_add_timer(keeper->loop, handle_spare_due, keeper);
	return keeper->signals[0] != NULL && keeper->signals[1] != NULL &&
		keeper->signals[2] != NULL && keeper->pause_timer != NULL &&
		keeper->spare_timer != NULL;
}

static void finish(struct gp_keeper *keeper) {
	close_channel(keeper);
	gp_fd_close(&keeper->spare.channel); // it ends then
	drop_vmm(keeper);
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		gp_store_clear(&keeper->stores[i]);
	}
	struct wl_event_source *sources[] = {
		keeper->signals[0], keeper->signals[1], keeper->signals[2], keeper->pause_timer};
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (sources[i] != NULL) {
			wl_event_source_remove(sources[i]);
		}
	}
	if (keeper->loop != NULL) {
		wl_event_loop_destroy(keeper->loop);
	}
	gp_fd_close(&keeper->executable);
	gp_fd_close(&keeper->shared);
	free(keeper);
}

static bool init(struct gp_keeper *keeper, struct gp_keeper_settings *settings) {
	keeper->settings = settings;
	keeper->worker.channel = keeper->spare.channel = -1;
	gp_broker_init(&keeper->broker);
	keeper->broker.display = settings->display;
	keeper->broker.looks = settings->looks;
	keeper->broker.vmm_pid = settings->vmm_pid;
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		gp_store_init(&keeper->stores[i]);
	}
	if (settings->socket != -1) {
		gp_store_connect(&keeper->stores[0], gp_fd_take(&settings->socket));
	}
	keeper->executable = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	keeper->shared = gp_memfd_create_sealed("guestpane-bridge", sizeof(struct gp_shared));
	return keeper->executable != -1 && keeper->shared != -1 && watch(keeper);
}

int gp_keeper_run(struct gp_keeper_settings *settings) {
	struct gp_keeper *keeper = calloc(1, sizeof(*keeper));
	if (keeper == NULL) {
		gp_error_errno("cannot make a keeper");
		return EXIT_FAILURE;
	}
	if (!init(keeper, settings)) {
		gp_error_errno("cannot make a keeper");
		finish(keeper);
		return EXIT_FAILURE;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	start_worker(keeper);
	if (keeper->worker.pid == 0) {
		end(keeper, EXIT_FAILURE);
	}
	while (!keeper->done) {
		if (wl_event_loop_dispatch(keeper->loop, -1) < 0 && errno != EINTR) {
			gp_error_errno("keeper: cannot wait for events");
			end(keeper, EXIT_FAILURE);
		}
	}
	int status = keeper->status;
	finish(keeper);
	return status;
}

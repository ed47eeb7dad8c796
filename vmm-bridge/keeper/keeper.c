#include "vmm-bridge/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "vmm-bridge/confine/confine.h"
#include "vmm-bridge/keeper/broker.h"
#include "vmm-bridge/keeper/channel.h"
#include "vmm-bridge/keeper/child.h"
#include "vmm-bridge/keeper/handover.h"
#include "vmm-bridge/keeper/pauses.h"
#include "vmm-bridge/keeper/shared.h"
#include "vmm-bridge/keeper/store.h"
#include "vmm-bridge/keeper/stubs.h"

#define MESSAGES_PER_TURN 64
/* More than the channel's buffer holds; somebody else may have its other end. */
#define REST_MESSAGES_MAX 4096
/* A worker that does not end when it is told to. */
#define STOP_TIMEOUT_MS 5000
/* The worker that begins has the processor first; a spare one that has ended was no use. */
#define SPARE_DELAY_MS 500
#define SPARE_PAUSE_MS 10000
/* After one that could not be accepted. */
#define ACCEPT_PAUSE_MS 1000

struct gp_keeper {
	const struct gp_keeper_settings *settings;
	struct wl_event_loop *loop;
	struct wl_event_source *signals[4], *timer, *spare_timer;
	sigset_t signal_mask; // as it was before
	int executable; // of this program
	int shared; // file of struct gp_shared
	struct gp_store stores[GP_KEEPER_DEVICES_MAX];
	struct gp_grants *grants; // the caller's
	struct gp_grants taken; // over, until then
	struct gp_broker broker;
	struct gp_pauses pauses;
	unsigned restarts;

	struct gp_child worker, spare; // at work; waiting for that, as executing one takes its time
	struct wl_event_source *channel_source;
	bool stopping; // when the worker has ended, this process ends or lingers
	bool lingering; // there is no worker, and will be none
	struct gp_stubs stubs;

	int successors; // listening socket, or -1
	struct wl_event_source *successors_source, *successors_timer;
	int successor; // all is handed over to it when the worker has ended; or -1

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

/* The display's front end has changed: nothing of the last VMM may be left. */
static void forget_vmm(struct gp_keeper *keeper) {
	gp_broker_drop_vmm(&keeper->broker);
	for (size_t i = 0; i < keeper->grants->n; i++) {
		if (keeper->grants->items[i].kind == GP_GRANT_VFIO) {
			gp_grant_close(&keeper->grants->items[i]);
		}
	}
}

/* The channel */

/**
 * Who is at the other end of a front end's socket may be looked into (GP_BROKER_VMM), so a worker
 * must not bring any other, like that of the compositor.
 */
static bool is_front_end(const struct gp_keeper *keeper, const struct gp_channel_message *message) {
	return message->frame.n_fds == 1 &&
		gp_grants_accepted(keeper->grants, message->device, message->frame.fds[0]);
}

/* Does what a message of the worker says. False: it is not to be served any more. */
static bool handle_message(struct gp_keeper *keeper, struct gp_channel_message *message) {
	bool valid = false;
	switch (message->kind) {
	case GP_CHANNEL_CALL: {
		keeper->broker.vmm_socket = keeper->stores[0].socket;
		/* Of one that has ended, the messages behind it still count. */
		bool ok = gp_broker_handle(&keeper->broker, message, keeper->worker.channel) ||
			errno == EPIPE || errno == ECONNRESET;
		gp_vhost_frame_close_fds(&message->frame);
		return ok;
	}
	case GP_CHANNEL_CONNECTED:
	case GP_CHANNEL_DISCONNECTED:
	case GP_CHANNEL_REQUEST:
	case GP_CHANNEL_HANDLED:
		/* Of a device that there is. */
		valid = message->device < GP_KEEPER_DEVICES_MAX &&
			keeper->settings->stubs[message->device].n_queues > 0 &&
			(message->kind != GP_CHANNEL_CONNECTED || is_front_end(keeper, message)) &&
			(message->kind != GP_CHANNEL_REQUEST ||
				keeper->stores[message->device].socket != -1);
		break;
	}
	if (!valid) {
		gp_vhost_frame_close_fds(&message->frame);
		return false;
	}
	if (message->device == 0 && keeper->stores[0].socket != -1 &&
		(message->kind == GP_CHANNEL_CONNECTED ||
			message->kind == GP_CHANNEL_DISCONNECTED)) {
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

static int handle_channel(int fd, uint32_t mask, void *data) {
	struct gp_keeper *keeper = data;
	struct gp_channel_message message;
	int r = 1;
	for (unsigned i = 0; i < MESSAGES_PER_TURN && r == 1; i++) {
		r = gp_channel_receive(fd, &message);
		if (r == 1 && !handle_message(keeper, &message)) {
			r = -EPROTO;
		}
	}
	if (r < 0 && r != -ECONNRESET) {
		gp_error("keeper: the worker says what it must not: ended");
		kill(keeper->worker.pid, SIGKILL);
	}
	if (r < 0) {
		close_channel(keeper);
	}
	return 0;
}

/* What an ended worker has said counts; what it has asked for does not any more. */
static void read_rest(struct gp_keeper *keeper) {
	struct gp_channel_message message;
	unsigned left = REST_MESSAGES_MAX;
	while (left-- > 0 && gp_channel_receive(keeper->worker.channel, &message) == 1) {
		if (message.kind == GP_CHANNEL_CALL) {
			gp_vhost_frame_close_fds(&message.frame);
		} else if (!handle_message(keeper, &message)) {
			gp_error("keeper: the worker has said what it must not");
			return;
		}
	}
}

static struct gp_handover describe(struct gp_keeper *keeper) {
	return (struct gp_handover){.shared = keeper->shared,
		.restarts = keeper->restarts,
		.stores = keeper->stores,
		.grants = keeper->grants};
}

/* The worker */

static bool execute(struct gp_keeper *keeper, struct gp_child *child) {
	return gp_child_execute(
		child, keeper->executable, keeper->settings->argv, &keeper->signal_mask);
}

/* Without success there is no worker afterwards. */
static void start_worker(struct gp_keeper *keeper) {
	gp_pauses_worker_started(&keeper->pauses, gp_now_ns());
	wl_event_source_timer_update(keeper->spare_timer, SPARE_DELAY_MS);
	if (keeper->spare.pid != 0) {
		keeper->worker = keeper->spare;
		keeper->spare = (struct gp_child){.channel = -1};
	} else if (!execute(keeper, &keeper->worker)) {
		return;
	}
	const struct gp_handover all = describe(keeper);
	if (!gp_handover_send(keeper->worker.channel, &all, true)) {
		gp_error_errno("keeper: the worker does not start");
		kill(keeper->worker.pid, SIGKILL);
		return;
	}
	keeper->channel_source = wl_event_loop_add_fd(
		keeper->loop, keeper->worker.channel, WL_EVENT_READABLE, handle_channel, keeper);
}

static int handle_spare_due(void *data) {
	struct gp_keeper *keeper = data;
	if (keeper->spare.pid == 0 && !keeper->stopping && !keeper->lingering) {
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
		wl_event_source_timer_update(keeper->timer, pause_ms > 0 ? (int)pause_ms : 1000);
	}
}

/* The end */

static void handle_last_front_end(void *data) {
	gp_info("the VMM has ended, and so does the bridge");
	end(data, EXIT_SUCCESS);
}

/* There is no worker, and will be none, but a VMM is connected. */
static void linger(struct gp_keeper *keeper) {
	/* Whoever comes next finds the way free; devices stay for a successor. */
	for (size_t i = 0; keeper->grants != NULL && i < keeper->grants->n; i++) {
		if (keeper->grants->items[i].kind != GP_GRANT_VFIO) {
			gp_grant_close(&keeper->grants->items[i]);
		}
	}
	gp_fd_close(&keeper->spare.channel); // it ends then
	keeper->lingering = true;
	if (!gp_stubs_start(&keeper->stubs, keeper->loop, keeper->settings->stubs, keeper->stores,
		    keeper->shared, handle_last_front_end, keeper)) {
		end(keeper, EXIT_FAILURE);
		return;
	}
	gp_warn("the VM has no display any more, but it would not survive the end of this process "
		"while one of its vhost-user devices is not in use. So it stays until the VM ends, "
		"or a bridge with the same --socket-path takes over, for %u seconds at most",
		keeper->settings->linger_s);
	wl_event_source_timer_update(keeper->timer, (int)keeper->settings->linger_s * 1000);
}

static void end_or_linger(struct gp_keeper *keeper, int status) {
	if (has_front(keeper) && keeper->settings->linger_s > 0) {
		linger(keeper);
	} else {
		end(keeper, status);
	}
}

/* The time of whatever is waited for is over: they exclude each other. */
static int handle_timer(void *data) {
	struct gp_keeper *keeper = data;
	if (keeper->lingering) {
		gp_error("ended while a VM is connected: QEMU aborts now, if one of its vhost-user "
			 "devices is not in use");
		end(keeper, EXIT_SUCCESS);
	} else if (keeper->worker.pid != 0) {
		gp_error("the worker does not end: killed");
		kill(keeper->worker.pid, SIGKILL);
	} else if (!keeper->stopping) {
		start_worker(keeper);
	}
	return 0;
}

static void stop_worker(struct gp_keeper *keeper) {
	kill(keeper->worker.pid, SIGTERM);
	wl_event_source_timer_update(keeper->timer, STOP_TIMEOUT_MS);
}

/* There is no worker. */
static void hand_over(struct gp_keeper *keeper) {
	struct gp_handover all = describe(keeper);
	all.restarts++;
	if (gp_handover_give(keeper->successor, &all)) {
		gp_info("another bridge has taken over");
		end(keeper, EXIT_SUCCESS); // the connection ends with the process
		return;
	}
	gp_handover_refuse(keeper->successor, "it goes on itself");
	gp_fd_close(&keeper->successor);
	if (keeper->stopping && !keeper->lingering) {
		end_or_linger(keeper, EXIT_SUCCESS);
	} else if (!keeper->lingering) {
		start_worker(keeper);
	}
}

static int handle_successors_due(void *data) {
	struct gp_keeper *keeper = data;
	wl_event_source_fd_update(keeper->successors_source, WL_EVENT_READABLE);
	return 0;
}

static int handle_successor(int fd, uint32_t mask, void *data) {
	struct gp_keeper *keeper = data;
	struct gp_handover_hello hello;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (connection == -1) {
		/* For want of descriptors it would be readable for ever. */
		wl_event_source_fd_update(keeper->successors_source, 0);
		wl_event_source_timer_update(keeper->successors_timer, ACCEPT_PAUSE_MS);
		return 0;
	}
	const char *reason = gp_handover_greet(connection, keeper->settings->shape, &hello);
	if (reason == NULL && keeper->successor != -1) {
		reason = "another one is just taking over";
	}
	if (reason != NULL) {
		gp_warn("hand-over to another bridge: refused: %s", reason);
		gp_handover_refuse(connection, reason);
		gp_fd_close(&connection);
		return 0;
	}
	gp_info("another bridge, of version %s, takes over", hello.version);
	keeper->successor = connection;
	if (keeper->worker.pid != 0) {
		stop_worker(keeper);
	} else {
		hand_over(keeper);
	}
	return 0;
}

/* Without it there is no hand-over, which is logged and no more. */
static void listen_for_successors(struct gp_keeper *keeper) {
	const char *path = keeper->settings->handover_path;
	if (path == NULL) {
		return;
	}
	keeper->successors = gp_socket_listen_packets(path);
	if (keeper->successors != -1) {
		keeper->successors_source = wl_event_loop_add_fd(keeper->loop, keeper->successors,
			WL_EVENT_READABLE, handle_successor, keeper);
	}
	if (keeper->successors_source == NULL) {
		gp_warn("no other bridge will be able to take over: %s: %m", path);
	}
}

static void handle_worker_end(struct gp_keeper *keeper, int status) {
	keeper->worker.pid = 0; // it is reaped: the pid may be another process's
	if (keeper->worker.channel != -1) {
		read_rest(keeper);
		close_channel(keeper);
	}
	wl_event_source_timer_update(keeper->timer, 0);
	bool crashed = WIFSIGNALED(status);
	if (keeper->successor != -1) {
		hand_over(keeper);
		return;
	}
	if (keeper->stopping || (!crashed && !has_front(keeper))) {
		end_or_linger(keeper, crashed ? EXIT_FAILURE : WEXITSTATUS(status));
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
	if (keeper->stopping) {
		gp_warn("ended by force");
		end(keeper, EXIT_SUCCESS);
		return 0;
	}
	keeper->stopping = true;
	if (keeper->worker.pid != 0) {
		stop_worker(keeper);
	} else {
		end_or_linger(keeper, EXIT_SUCCESS);
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
	keeper->signals[3] = wl_event_loop_add_signal(keeper->loop, SIGHUP, handle_stop, keeper);
	keeper->timer = wl_event_loop_add_timer(keeper->loop, handle_timer, keeper);
	keeper->spare_timer = wl_event_loop_add_timer(keeper->loop, handle_spare_due, keeper);
	keeper->successors_timer =
		wl_event_loop_add_timer(keeper->loop, handle_successors_due, keeper);
	return keeper->signals[0] != NULL && keeper->signals[1] != NULL &&
		keeper->signals[2] != NULL && keeper->signals[3] != NULL && keeper->timer != NULL &&
		keeper->spare_timer != NULL && keeper->successors_timer != NULL;
}

static bool init(struct gp_keeper *keeper, const struct gp_keeper_settings *settings) {
	keeper->settings = settings;
	keeper->worker.channel = keeper->spare.channel = -1;
	keeper->shared = keeper->successors = keeper->successor = -1;
	keeper->grants = &keeper->taken;
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		gp_store_init(&keeper->stores[i]);
	}
	keeper->executable = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	bool ok = keeper->executable != -1 && watch(keeper);
	gp_broker_init(&keeper->broker, keeper->loop);
	keeper->broker.display = settings->display;
	keeper->broker.qemu = settings->qemu;
	keeper->broker.pairs = settings->pairs;
	keeper->broker.looks = settings->looks;
	if (settings->vmm_pid != 0) {
		gp_broker_fix_vmm(&keeper->broker, settings->vmm_pid);
	}
	return ok;
}

/* From the keeper before. False after logging. */
static bool take_over(struct gp_keeper *keeper) {
	struct gp_handover handover = {.stores = keeper->stores, .grants = &keeper->taken};
	struct gp_handover_hello hello = {.shape = keeper->settings->shape};
	snprintf(hello.version, sizeof(hello.version), "%s", GP_VERSION);
	if (keeper->settings->handover_path == NULL) {
		return true;
	}
	enum gp_handover_result result =
		gp_handover_take(keeper->settings->handover_path, &hello, &handover);
	if (result == GP_HANDOVER_TAKEN) {
		keeper->shared = handover.shared;
		keeper->restarts = handover.restarts;
		gp_info("took over from the bridge that ran here");
	}
	return result != GP_HANDOVER_FAILED;
}

struct gp_keeper *gp_keeper_create(const struct gp_keeper_settings *settings) {
	struct gp_keeper *keeper = calloc(1, sizeof(*keeper));
	if (keeper == NULL) {
		gp_error_errno("cannot make a keeper");
		return NULL;
	}
	if (!init(keeper, settings)) {
		gp_error_errno("cannot make a keeper");
		gp_keeper_destroy(keeper);
		return NULL;
	}
	if (!take_over(keeper)) {
		gp_keeper_destroy(keeper);
		return NULL;
	}
	if (keeper->shared == -1) {
		keeper->shared =
			gp_memfd_create_sealed("guestpane-bridge", sizeof(struct gp_shared));
	}
	if (keeper->shared == -1) {
		gp_error_errno("cannot make memory for workers");
		gp_keeper_destroy(keeper);
		return NULL;
	}
	return keeper;
}

static int run(struct gp_keeper *keeper) {
	while (!keeper->done) {
		if (wl_event_loop_dispatch(keeper->loop, -1) < 0 && errno != EINTR) {
			gp_error_errno("keeper: cannot wait for events");
			end(keeper, EXIT_FAILURE);
		}
	}
	return keeper->status;
}

int gp_keeper_run(struct gp_keeper *keeper, struct gp_grants *grants, int socket) {
	for (size_t i = 0; i < keeper->taken.n; i++) {
		gp_grants_add(grants, &keeper->taken.items[i]);
	}
	keeper->taken.n = 0;
	keeper->grants = grants;
	if (socket != -1) {
		gp_store_connect(&keeper->stores[0], socket);
	}
	listen_for_successors(keeper);
	gp_confine_keeper();
	start_worker(keeper);
	if (keeper->worker.pid == 0) {
		end_or_linger(keeper, EXIT_FAILURE);
	}
	int status = run(keeper);
	keeper->grants = &keeper->taken;
	return status;
}

int gp_keeper_give_up(struct gp_keeper *keeper) {
	listen_for_successors(keeper);
	gp_confine_keeper();
	end_or_linger(keeper, EXIT_FAILURE);
	return run(keeper);
}

void gp_keeper_destroy(struct gp_keeper *keeper) {
	if (keeper == NULL) {
		return;
	}
	gp_stubs_finish(&keeper->stubs);
	close_channel(keeper);
	gp_fd_close(&keeper->spare.channel); // it ends then
	gp_broker_finish(&keeper->broker);
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		gp_store_clear(&keeper->stores[i]);
	}
	for (size_t i = 0; i < keeper->taken.n; i++) {
		gp_grant_close(&keeper->taken.items[i]);
	}
	if (keeper->successors != -1) {
		unlink(keeper->settings->handover_path);
	}
	struct wl_event_source *sources[] = {keeper->signals[0], keeper->signals[1],
		keeper->signals[2], keeper->signals[3], keeper->timer, keeper->spare_timer,
		keeper->successors_source, keeper->successors_timer};
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (sources[i] != NULL) {
			wl_event_source_remove(sources[i]);
		}
	}
	if (keeper->loop != NULL) {
		wl_event_loop_destroy(keeper->loop);
	}
	gp_fd_close(&keeper->successors);
	gp_fd_close(&keeper->executable);
	gp_fd_close(&keeper->shared);
	gp_fd_close(&keeper->successor); // last of all
	free(keeper);
}

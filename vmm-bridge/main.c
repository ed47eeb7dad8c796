#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <wayland-client-core.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/service.h"
#include "common/sigbus.h"
#include "common/trace.h"
#include "vmm-bridge/bridge.h"
#include "vmm-bridge/confine/confine.h"
#include "vmm-bridge/doctor/doctor.h"
#include "vmm-bridge/keeper/keeper.h"
#include "vmm-bridge/keeper/worker.h"
#include "vmm-bridge/openings.h"
#include "vmm-bridge/passed.h"
#include "vmm-bridge/qemu_bridge.h"
#include "vmm-bridge/stub_infos.h"

#define EXIT_USAGE 2

/* The worker */

static int handle_signal(int signal_number, void *data) {
	bool *running = data;
	*running = false;
	return 0;
}

static bool start_trace(const struct gp_bridge_options *options, struct gp_worker *worker) {
	char program[96];
	int fd = gp_worker_take_grant(worker, GP_GRANT_TRACE, 0).fd;
	snprintf(program, sizeof(program), "guestpane-bridge %s", options->name);
	return fd < 0 || gp_trace_start(fd, options->trace_path, program);
}

/* It has looked at the host; from now on it opens nothing. Then come its VM's things. */
static bool confine_and_wait(const struct gp_bridge_options *options, struct gp_worker *worker) {
	gp_confine();
	return gp_worker_wait(worker) && start_trace(options, worker);
}

static bool run_vhost(struct wl_event_loop *loop, const struct gp_bridge_options *options,
	struct gp_worker *worker, const bool *running) {
	struct gp_bridge *bridge = gp_bridge_create(loop, options, worker);
	bool ok = bridge != NULL && confine_and_wait(options, worker) && gp_bridge_start(bridge);
	while (ok && *running && !gp_bridge_finished(bridge)) {
		ok = gp_bridge_dispatch(bridge);
	}
	if (ok && !*running && gp_bridge_leave(bridge)) {
		_exit(EXIT_SUCCESS); // all that the VM needs is with the keeper
	}
	gp_bridge_destroy(bridge);
	return ok;
}

#ifdef HAVE_QEMU
static bool run_qemu(struct wl_event_loop *loop, const struct gp_bridge_options *options,
	struct gp_worker *worker, const bool *running) {
	struct gp_qemu_bridge *bridge = gp_qemu_bridge_create(loop, options, worker);
	bool ok =
		bridge != NULL && confine_and_wait(options, worker) && gp_qemu_bridge_start(bridge);
	while (ok && *running && !gp_qemu_bridge_finished(bridge)) {
		ok = gp_qemu_bridge_dispatch(bridge);
	}
	gp_qemu_bridge_destroy(bridge);
	return ok;
}
#else
static bool run_qemu(struct wl_event_loop *loop, const struct gp_bridge_options *options,
	struct gp_worker *worker, const bool *running) {
	return false; // refused with the options
}
#endif

static int run(struct wl_event_loop *loop, const struct gp_bridge_options *options,
	struct gp_worker *worker) {
	bool running = true;
	struct wl_event_source *terminate =
		wl_event_loop_add_signal(loop, SIGTERM, handle_signal, &running);
	struct wl_event_source *interrupt =
		wl_event_loop_add_signal(loop, SIGINT, handle_signal, &running);
	bool ok = terminate != NULL && interrupt != NULL &&
		(gp_bridge_options_qemu(options) ? run_qemu(loop, options, worker, &running)
						 : run_vhost(loop, options, worker, &running));
	struct wl_event_source *sources[] = {terminate, interrupt};
	for (size_t i = 0; i < 2; i++) {
		if (sources[i] != NULL) {
			wl_event_source_remove(sources[i]);
		}
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int work(const struct gp_bridge_options *options) {
	int status = EXIT_FAILURE;
	prctl(PR_SET_NAME, "guestpane-bridge"); // it was executed by a descriptor
	struct gp_worker *worker = gp_worker_create(options->worker_channel);
	struct wl_event_loop *loop = wl_event_loop_create();
	if (loop == NULL) {
		gp_error_errno("cannot make an event loop");
	} else if (worker != NULL && gp_sigbus_catch()) {
		status = run(loop, options, worker);
	}
	if (loop != NULL) {
		wl_event_loop_destroy(loop);
	}
	gp_worker_destroy(worker);
	return status;
}

/* The keeper */

static uint64_t add_to_shape(uint64_t shape, const char *text, int number) {
	for (; *text != '\0'; text++) {
		shape = (shape ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	}
	return (shape ^ (uint64_t)number) * UINT64_C(0x100000001b3);
}

/* A hash of what another bridge must have in common to serve the same VM. */
static uint64_t get_shape(const struct gp_bridge_options *options) {
	uint64_t shape = add_to_shape(
		UINT64_C(0xcbf29ce484222325), options->socket_path, (int)options->n_scanouts);
	for (size_t i = 0; i < options->n_inputs; i++) {
		const struct gp_input_spec *input = &options->inputs[i];
		shape = add_to_shape(shape, input->path, (int)input->kind * 256 + input->scanout);
	}
	return shape;
}

static int keep(const struct gp_bridge_options *options, struct gp_passed *passed) {
	struct gp_openings openings;
	struct gp_stub_infos stubs;
	char path[PATH_MAX];
	gp_stub_infos_init(&stubs, options);
	struct gp_keeper_settings settings = {
		.argv = passed->argv,
		.display = options->display,
		.qemu = options->qmp != NULL ? options->qmp : options->bus_path,
		.pairs = gp_bridge_options_qemu(options),
		.looks = !gp_bridge_options_qemu(options) && options->vfio != GP_VFIO_NONE &&
			(options->vmm_pid != 0 || options->n_vfio_fds == 0),
		.vmm_pid = options->vmm_pid,
		.linger_s = options->linger_s,
		.stubs = stubs.items,
	};
	/* Where the service manager listens, it ends one bridge before it starts another one. */
	if (options->socket_path != NULL && !gp_passed_has(passed, options->socket_path)) {
		snprintf(path, sizeof(path), "%s.keeper", options->socket_path);
		settings.handover_path = path;
		settings.shape = get_shape(options);
	}
	struct gp_keeper *keeper = gp_keeper_create(&settings);
	if (keeper == NULL) {
		return EXIT_FAILURE;
	}
	int status;
	if (gp_openings_open(&openings, options, passed)) {
		gp_service_notify(passed->service, "READY=1"); // a VMM can connect
		status = gp_keeper_run(keeper, &openings.grants, gp_fd_take(&openings.socket));
	} else {
		status = gp_keeper_give_up(keeper);
	}
	gp_openings_close(&openings);
	gp_keeper_destroy(keeper);
	return status;
}

/* A compositor that is tried again says the same again: that is no news. */
static void log_libwayland(const char *fmt, va_list args) {
	static struct gp_log_limit limit = GP_LOG_LIMIT_INIT;
	static char last[256];
	char line[256];
	int length = vsnprintf(line, sizeof(line), fmt, args);
	if (length > 0 && (size_t)length < sizeof(line) && line[length - 1] == '\n') {
		line[length - 1] = '\0';
	}
	if (strcmp(line, last) != 0) {
		gp_log_limited(&limit, GP_LOG_WARN, "libwayland: %s", line);
	} else {
		gp_debug("libwayland: %s", line);
	}
	strcpy(last, line);
}

/* A guest may have thousands of 2D resources; each has a descriptor, as each memory region has. */
static void raise_file_limit(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		gp_warn("getrlimit: %m");
		return;
	}
	const struct rlimit raised = {limit.rlim_max, limit.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
		limit = raised;
	} else {
		gp_warn("cannot raise the limit of open files: %m");
	}
	gp_fd_keep_reserve(limit.rlim_cur);
}

int main(int argc, char *argv[]) {
	struct gp_bridge_options options;
	struct gp_service service;
	struct gp_passed passed;
	gp_log_init("guestpane-bridge", GP_LOG_INFO);
	gp_service_init(&service);
	if (!gp_passed_init(&passed, &service, argc, argv)) {
		gp_error("there are too many arguments");
		return EXIT_USAGE;
	}
	switch (gp_bridge_options_parse(&options, passed.argc, passed.argv)) {
	case GP_BRIDGE_OPTIONS_DONE:
		return EXIT_SUCCESS;
	case GP_BRIDGE_OPTIONS_USAGE:
		return EXIT_USAGE;
	case GP_BRIDGE_OPTIONS_DOCTOR:
		return gp_doctor_run(stdout, "", options.vmm_pid);
	case GP_BRIDGE_OPTIONS_RUN:
		break;
	}
	gp_log_init("guestpane-bridge", options.log_level);
	gp_log_set_subject(options.name);
	wl_log_set_handler_client(log_libwayland);
	wl_log_set_handler_server(log_libwayland);
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	int status = options.worker_channel >= 0 ? work(&options) : keep(&options, &passed);
	gp_service_finish(&service);
	return status;
}

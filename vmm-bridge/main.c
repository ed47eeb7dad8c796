#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <wayland-client-core.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/service.h"
#include "common/trace.h"
#include "vmm-bridge/bridge.h"
#include "vmm-bridge/confine.h"
#include "vmm-bridge/doctor/doctor.h"
#include "vmm-bridge/keeper/keeper.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define EXIT_USAGE 2

struct program {
	struct gp_bridge_options options;
	struct gp_service service;
};

static int handle_signal(int signal_number, void *data) {
	bool *running = data;
	gp_info("ended by signal %d", signal_number);
	*running = false;
	return 0;
}

/* What is opened by name is open by now, except for what --vfio finds later. */
static void confine(const struct gp_bridge_options *options) {
	const char *sockets[2 + GP_INPUTS_MAX] = {options->socket_path, options->control_path};
	for (size_t i = 0; i < options->n_inputs; i++) {
		sockets[2 + i] = options->inputs[i].path;
	}
	gp_confine(&(struct gp_confine_rules){
		.copies_fds = options->vfio != GP_VFIO_NONE &&
			(options->vmm_pid != 0 || options->n_vfio_fds == 0),
		.sockets = sockets,
		.n_sockets = 2 + options->n_inputs,
	});
}

static bool open_trace(const struct gp_bridge_options *options) {
	char name[96];
	snprintf(name, sizeof(name), "guestpane-bridge %s", options->name);
	return options->trace_path == NULL || gp_trace_open(options->trace_path, name);
}

static int run(struct wl_event_loop *loop, struct program *program, struct gp_keeper *keeper) {
	struct gp_bridge_options *options = &program->options;
	bool running = true;
	struct wl_event_source *terminate =
		wl_event_loop_add_signal(loop, SIGTERM, handle_signal, &running);
	struct wl_event_source *interrupt =
		wl_event_loop_add_signal(loop, SIGINT, handle_signal, &running);
	if (terminate == NULL || interrupt == NULL) {
		gp_error_errno("cannot handle signals");
		return EXIT_FAILURE;
	}
	struct gp_bridge *bridge = gp_bridge_create(loop, options, keeper);
	bool ok = bridge != NULL;
	if (ok) {
		confine(options);
		ok = gp_bridge_resume(bridge);
	}
	if (ok) {
		gp_service_notify(&program->service, "READY=1");
	}
	while (ok && running && !gp_bridge_finished(bridge)) {
		ok = gp_bridge_dispatch(bridge);
	}
	gp_bridge_destroy(bridge);
	wl_event_source_remove(terminate);
	wl_event_source_remove(interrupt);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A compositor that is tried again says the same again: that is no news. */
static void log_libwayland(const char *fmt, va_list args) {
	static char last[256];
	char line[256];
	int length = vsnprintf(line, sizeof(line), fmt, args);
	if (length > 0 && (size_t)length < sizeof(line) && line[length - 1] == '\n') {
		line[length - 1] = '\0';
	}
	gp_log(strcmp(line, last) != 0 ? GP_LOG_WARN : GP_LOG_DEBUG, "libwayland: %s", line);
	strcpy(last, line);
}

/* A guest may have thousands of 2D resources; each has a descriptor, as each memory region has. */
static void raise_file_limit(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		gp_warn("getrlimit: %m");
		return;
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		gp_warn("cannot raise the limit of open files: %m");
	}
}

/* What a worker of the keeper does, or the only process without one. */
static int work(void *data, struct gp_keeper *keeper) {
	struct program *program = data;
	if (!open_trace(&program->options) || !gp_guest_memory_guard()) {
		return EXIT_FAILURE;
	}
	struct wl_event_loop *loop = wl_event_loop_create();
	if (loop == NULL) {
		gp_error_errno("cannot make an event loop");
		return EXIT_FAILURE;
	}
	int status = run(loop, program, keeper);
	wl_event_loop_destroy(loop);
	return status;
}

int main(int argc, char *argv[]) {
	struct program program;
	struct gp_bridge_options *options = &program.options;
	gp_log_init("guestpane-bridge", GP_LOG_INFO);
	gp_service_init(&program.service);
	switch (gp_bridge_options_parse(options, &program.service, argc, argv)) {
	case GP_BRIDGE_OPTIONS_DONE:
		return EXIT_SUCCESS;
	case GP_BRIDGE_OPTIONS_USAGE:
		return EXIT_USAGE;
	case GP_BRIDGE_OPTIONS_DOCTOR:
		return gp_doctor_run(stdout, "", options->vmm_pid);
	case GP_BRIDGE_OPTIONS_RUN:
		break;
	}
	gp_log_init("guestpane-bridge", options->log_level);
	gp_log_set_subject(options->name);
	wl_log_set_handler_client(log_libwayland);
	wl_log_set_handler_server(log_libwayland);
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	if (!options->has_keeper) {
		return work(&program, NULL);
	}
	if (options->listen_fd != -1) {
		/* A VMM can connect by now. Workers do not talk to the service manager. */
		gp_service_notify(&program.service, "READY=1");
		gp_fd_close(&program.service.notify_fd);
	}
	return gp_keeper_run(work, &program, &options->fd);
}

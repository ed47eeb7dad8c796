#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <wayland-client-core.h>
#include <wayland-server-core.h>

#include "common/sigbus.h"
#include "common/trace.h"
#include "vmm-bridge/bridge.h"
#include "vmm-bridge/confine.h"
#include "vmm-bridge/doctor/doctor.h"
#include "vmm-bridge/keeper/keeper.h"
#include "vmm-bridge/qemu_bridge.h"

#define EXIT_USAGE 2

static int handle_signal(int signal_number, void *data) {
	bool *running = data;
	gp_info("ended by signal %d", signal_number);
	*running = false;
	return 0;
}

/* What is opened by name is open by now, except for what --vfio finds later. */
static void confine(const struct gp_bridge_options *options) {
	const char *sockets[3 + GP_INPUTS_MAX] = {
		options->socket_path, options->control_path, options->listen_path};
	for (size_t i = 0; i < options->n_inputs; i++) {
		sockets[3 + i] = options->inputs[i].path;
	}
	gp_confine(&(struct gp_confine_rules){
		.copies_fds = !gp_bridge_options_qemu(options) && options->vfio != GP_VFIO_NONE &&
			(options->vmm_pid != 0 || options->n_vfio_fds == 0),
		.sockets = sockets,
		.n_sockets = 3 + options->n_inputs,
	});
}

static bool open_trace(const struct gp_bridge_options *options) {
	char program[96];
	snprintf(program, sizeof(program), "guestpane-bridge %s", options->name);
	return options->trace_path == NULL || gp_trace_open(options->trace_path, program);
}

static bool run_vhost(struct wl_event_loop *loop, struct gp_bridge_options *options,
	struct gp_keeper *keeper, const bool *running) {
	struct gp_bridge *bridge = gp_bridge_create(loop, options, keeper);
	bool ok = bridge != NULL;
	if (ok) {
		confine(options);
		ok = gp_bridge_resume(bridge);
	}
	while (ok && *running && !gp_bridge_finished(bridge)) {
		ok = gp_bridge_dispatch(bridge);
	}
	gp_bridge_destroy(bridge);
	return ok;
}

#ifdef HAVE_QEMU
static bool run_qemu(
	struct wl_event_loop *loop, struct gp_bridge_options *options, const bool *running) {
	struct gp_qemu_bridge *bridge = gp_qemu_bridge_create(loop, options);
	bool ok = bridge != NULL;
	if (ok) {
		confine(options);
	}
	while (ok && *running && !gp_qemu_bridge_finished(bridge)) {
		ok = gp_qemu_bridge_dispatch(bridge);
	}
	gp_qemu_bridge_destroy(bridge);
	return ok;
}
#else
static bool run_qemu(
	struct wl_event_loop *loop, struct gp_bridge_options *options, const bool *running) {
	return false;
}
#endif

static int run(
	struct wl_event_loop *loop, struct gp_bridge_options *options, struct gp_keeper *keeper) {
	bool running = true;
	struct wl_event_source *terminate =
		wl_event_loop_add_signal(loop, SIGTERM, handle_signal, &running);
	struct wl_event_source *interrupt =
		wl_event_loop_add_signal(loop, SIGINT, handle_signal, &running);
	if (terminate == NULL || interrupt == NULL) {
		gp_error_errno("cannot handle signals");
		return EXIT_FAILURE;
	}
	bool ok = gp_bridge_options_qemu(options) ? run_qemu(loop, options, &running)
						  : run_vhost(loop, options, keeper, &running);
	wl_event_source_remove(terminate);
	wl_event_source_remove(interrupt);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
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
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		gp_warn("cannot raise the limit of open files: %m");
	}
}

/* What a worker of the keeper does, or the only process without one. */
static int work(void *data, struct gp_keeper *keeper) {
	struct gp_bridge_options *options = data;
	if (!open_trace(options) || !gp_sigbus_catch()) {
		return EXIT_FAILURE;
	}
	struct wl_event_loop *loop = wl_event_loop_create();
	if (loop == NULL) {
		gp_error_errno("cannot make an event loop");
		return EXIT_FAILURE;
	}
	int status = run(loop, options, keeper);
	wl_event_loop_destroy(loop);
	return status;
}

int main(int argc, char *argv[]) {
	struct gp_bridge_options options;
	switch (gp_bridge_options_parse(&options, argc, argv)) {
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
	wl_log_set_handler_client(log_libwayland);
	wl_log_set_handler_server(log_libwayland);
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	return options.has_keeper ? gp_keeper_run(work, &options, &options.fd)
				  : work(&options, NULL);
}

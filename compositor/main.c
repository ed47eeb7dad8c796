#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <wlr/util/log.h>

#include "common/log.h"
#include "common/trace.h"
#include "compositor/config/options.h"
#include "compositor/doctor/doctor.h"
#include "compositor/server.h"

/*
 * wlroots reports as an error what is often tried and handled, and has no warnings. Clients can make
 * it repeat some.
 */
static void log_wlroots(enum wlr_log_importance importance, const char *fmt, va_list args) {
	static struct gp_log_limit limit = {.burst = 100, .interval_ns = 200000000};
	if (importance == WLR_ERROR) {
		gp_vlog_limited(&limit, GP_LOG_WARN, fmt, args);
	} else {
		gp_vlog(GP_LOG_DEBUG, fmt, args);
	}
}

/* libwayland's lines end with a newline. A client that tries again causes the same one: no news. */
static void log_wayland(const char *fmt, va_list args) {
	static struct gp_log_limit limit = {.burst = 100, .interval_ns = 200000000};
	static char last[512];
	char line[512];
	int length = vsnprintf(line, sizeof(line), fmt, args);
	if (length > 0 && length < (int)sizeof(line) && line[length - 1] == '\n') {
		line[length - 1] = '\0';
	}
	if (strcmp(line, last) != 0) {
		gp_log_limited(&limit, GP_LOG_WARN, "wayland: %s", line);
		strcpy(last, line);
	} else {
		gp_debug("wayland: %s", line);
	}
}

static void init_log(enum gp_log_level level) {
	gp_log_init("guestpane", level);
	wlr_log_init(level >= GP_LOG_DEBUG ? WLR_DEBUG : WLR_ERROR, log_wlroots);
	wl_log_set_handler_server(log_wayland);
}

/* Returns the exit status. */
static int check_config(const struct gp_options *options) {
	struct gp_settings settings = {0};
	bool ok = gp_settings_init(&settings, options);
	if (!ok) {
		fprintf(stderr, "%s\n", settings.error);
	} else if (settings.path[0] != '\0') {
		printf("%s: good\n", settings.path);
	} else {
		printf("there is no configuration file\n");
	}
	gp_settings_finish(&settings);
	return ok ? GP_EXIT_OK : GP_EXIT_USAGE;
}

/*
 * A status screen has megabytes of pixels. After the first one was freed, glibc would take the next
 * from its heap, and keep them there as long as the program runs.
 */
static void limit_heap(void) {
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, 512 * 1024);
#endif
}

int main(int argc, char *argv[]) {
	limit_heap();
	struct gp_options options;
	int status;
	if (!gp_options_parse(&options, argc, argv, &status)) {
		return status;
	}
	if (options.check_config) {
		return check_config(&options);
	}
	if (options.doctor) {
		wlr_log_init(WLR_SILENT, NULL);
		return gp_compositor_doctor_run(stdout);
	}
	init_log(options.log_level);
	if (options.trace_path != NULL && !gp_trace_open(options.trace_path, "guestpane")) {
		return GP_EXIT_RUNTIME;
	}

	struct gp_server server = {0};
	status = gp_server_init(&server, &options);
	if (status == GP_EXIT_OK) {
		status = gp_server_run(&server);
	}
	gp_server_finish(&server);
	return status;
}

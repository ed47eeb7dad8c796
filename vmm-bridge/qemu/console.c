#include "vmm-bridge/qemu/console.h"

#include <stdio.h>
#include <string.h>

#include "client/guest_scanout.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/fd.h"
#include "vmm-bridge/present/presenter.h"
#include "vmm-bridge/qemu/memory.h"

#define CONSOLE "org.qemu.Display1.Console"

/* QEMU's main loop waits while it registers a listener, and without a time-out (behaviour F3). */
#define REGISTER_MAX_NS 200000000ull
#define PAUSE_MIN_NS 100000000ull
#define PAUSE_MAX_NS 2000000000ull

/* A window that is being resized changes its size all the time. */
#define INFO_DELAY_NS 150000000ull

void gp_qemu_console_init(struct gp_qemu_console *console, struct wl_event_loop *loop,
	const struct gp_qemu_opener *opener, struct gp_presenter *presenter,
	struct gp_client *client, struct gp_qemu_memories *memories, uint32_t scanout,
	struct gp_qemu_watch *watch) {
	*console = (struct gp_qemu_console){
		.loop = loop,
		.opener = opener,
		.watch = watch,
		.pause_ns = PAUSE_MIN_NS,
	};
	gp_qemu_surface_init(&console->surface, presenter, client, memories, scanout);
}

static void stop_listener(struct gp_qemu_console *console) {
	console->call = sd_bus_slot_unref(console->call);
	gp_qemu_listener_stop(&console->listener);
	gp_qemu_surface_disconnect(&console->surface);
	console->registration = GP_QEMU_UNREGISTERED;
}

static void fail(struct gp_qemu_console *console, const char *cause) {
	snprintf(console->failure, sizeof(console->failure), "%s", cause);
	gp_warn_limited("scanout %u: %s", console->surface.scanout, cause);
	stop_listener(console);
	console->try_ns = gp_now_ns() + console->pause_ns;
	console->pause_ns =
		console->pause_ns * 2 < PAUSE_MAX_NS ? console->pause_ns * 2 : PAUSE_MAX_NS;
}

/* The listener is not to be stopped from here: it is looked at in the next process. */
static int handle_registered(sd_bus_message *reply, void *data, sd_bus_error *error) {
	struct gp_qemu_console *console = data;
	console->call = sd_bus_slot_unref(console->call);
	if (sd_bus_message_is_method_error(reply, NULL)) {
		snprintf(console->failure, sizeof(console->failure), "QEMU takes no listener: %s",
			sd_bus_message_get_error(reply)->message);
		gp_warn_limited("scanout %u: %s", console->surface.scanout, console->failure);
	}
	return 0;
}

static void register_listener(struct gp_qemu_console *console, uint64_t now_ns) {
	console->try_ns = now_ns + REGISTER_MAX_NS;
	int fd = gp_qemu_listener_start(&console->listener, console->loop, console->opener,
		&console->surface, console->watch);
	if (fd < 0) {
		fail(console, "cannot make a listener");
		return;
	}
	console->registration = GP_QEMU_REGISTERING;
	console->n_registrations++;
	int result = sd_bus_call_method_async(console->main->bus, &console->call,
		console->destination, console->path, CONSOLE, "RegisterListener", handle_registered,
		console, "h", fd);
	gp_fd_close(&fd);
	if (result < 0) {
		fail(console, strerror(-result));
	}
}

void gp_qemu_console_attach(struct gp_qemu_console *console, struct gp_bus *main,
	const char *destination, const char *path, const char *label) {
	gp_qemu_console_detach(console);
	console->main = main;
	console->destination = destination;
	snprintf(console->path, sizeof(console->path), "%s", path);
	snprintf(console->label, sizeof(console->label), "%s", label);
	console->pause_ns = PAUSE_MIN_NS;
	console->failure[0] = '\0';
	console->send_info_ns = console->info_known ? 1 : 0; // at once
	if (console->registration == GP_QEMU_UNREGISTERED) {
		register_listener(console, gp_now_ns());
	}
}

void gp_qemu_console_detach(struct gp_qemu_console *console) {
	if (console->registration == GP_QEMU_REGISTERING) {
		stop_listener(console);
	}
	console->call = sd_bus_slot_unref(console->call);
	console->main = NULL;
	console->try_ns = 0;
}

void gp_qemu_console_stop(struct gp_qemu_console *console) {
	stop_listener(console);
	gp_qemu_console_detach(console);
	gp_qemu_surface_clear(&console->surface);
	console->path[0] = '\0';
	console->label[0] = '\0';
}

static void want_info(struct gp_qemu_console *console) {
	console->send_info_ns = gp_now_ns() + INFO_DELAY_NS;
}

void gp_qemu_console_set_monitor(
	struct gp_qemu_console *console, const struct gp_monitor *monitor) {
	console->connected = monitor != NULL;
	console->info_known = true;
	if (monitor != NULL) {
		console->monitor = *monitor;
		gp_qemu_surface_set_refresh(&console->surface, monitor->modes[0].refresh_mhz);
	}
	want_info(console);
}

void gp_qemu_console_set_offset(struct gp_qemu_console *console, uint32_t offset) {
	if (console->offset != offset) {
		console->offset = offset;
		want_info(console);
	}
}

/* QEMU takes 0×0 as a display that was unplugged. */
static void send_info(struct gp_qemu_console *console) {
	const struct gp_monitor *monitor = &console->monitor;
	bool on = console->connected;
	console->send_info_ns = 0;
	gp_bus_post(console->main, console->destination, console->path, CONSOLE, "SetUIInfo",
		"qqiiuu", on && monitor->width_mm <= UINT16_MAX ? (int)monitor->width_mm : 0,
		on && monitor->height_mm <= UINT16_MAX ? (int)monitor->height_mm : 0,
		on ? (int)console->offset : 0, 0, on ? monitor->modes[0].width : 0,
		on ? monitor->modes[0].height : 0);
}

void gp_qemu_console_process(struct gp_qemu_console *console, uint64_t now_ns) {
	if (console->listener.bus.bus != NULL && !gp_bus_process(&console->listener.bus)) {
		if (console->registration == GP_QEMU_REGISTERING) {
			fail(console, "QEMU closed the listener's connection");
		} else {
			stop_listener(console);
			console->try_ns = now_ns + console->pause_ns;
		}
	}
	if (console->registration == GP_QEMU_REGISTERING &&
		gp_qemu_listener_registered(&console->listener)) {
		console->registration = GP_QEMU_REGISTERED;
		console->try_ns = 0;
		console->pause_ns = PAUSE_MIN_NS;
		console->failure[0] = '\0';
	}
}

void gp_qemu_console_end_turn(struct gp_qemu_console *console, uint64_t now_ns) {
	if (console->try_ns != 0 && now_ns >= console->try_ns && console->main != NULL) {
		if (console->registration == GP_QEMU_REGISTERING) {
			fail(console, "QEMU did not register the listener within 200 ms");
		} else {
			register_listener(console, now_ns);
		}
	}
	if (console->send_info_ns != 0 && now_ns >= console->send_info_ns &&
		console->main != NULL) {
		send_info(console);
	}
	gp_qemu_surface_end_turn(&console->surface, now_ns);
	gp_bus_arm(&console->listener.bus);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
	return a == 0 || (b != 0 && b < a) ? b : a;
}

uint64_t gp_qemu_console_deadline(const struct gp_qemu_console *console) {
	uint64_t deadline_ns = gp_qemu_surface_deadline(&console->surface);
	if (console->main != NULL) {
		deadline_ns = earlier(deadline_ns, console->try_ns);
		deadline_ns = earlier(deadline_ns, console->send_info_ns);
	}
	return deadline_ns;
}

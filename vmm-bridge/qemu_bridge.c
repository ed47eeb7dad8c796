#include "vmm-bridge/qemu_bridge.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/fd.h"
#include "common/format.h"
#include "common/log.h"
#include "vmm-bridge/confine/confine.h"
#include "vmm-bridge/display.h"
#include "vmm-bridge/keeper/worker.h"
#include "vmm-bridge/qemu/qemu.h"
#include "vmm-bridge/status.h"

struct gp_qemu_bridge {
	const struct gp_bridge_options *options;
	struct gp_worker *worker;
	struct wl_event_loop *loop;
	struct gp_control *control; // may be NULL
	struct gp_display display;
	struct gp_qemu qemu;
	bool has_qemu; // qemu is initialised
	struct wl_event_source *timer; // wakes the loop; what is due is seen at the end of a turn
};

/* gp_display_events: from the compositor */

static void handle_buffer_released(void *data, uint32_t scanout) {
	struct gp_qemu_bridge *bridge = data;
	gp_qemu_buffer_released(&bridge->qemu, scanout);
}

/* Nobody waits: QEMU's memory is held by a descriptor of our own. */
static void handle_memory_revoked(void *data, uint64_t memory_id, uint64_t token) {
}

static void handle_monitor(void *data, uint32_t scanout, const struct gp_monitor *monitor) {
	struct gp_qemu_bridge *bridge = data;
	gp_qemu_set_monitor(&bridge->qemu, scanout, monitor);
}

static const struct gp_display_events display_events = {
	.presenter =
		{
			.buffer_released = handle_buffer_released,
			.memory_revoked = handle_memory_revoked,
		},
	.monitor = handle_monitor,
};

/* gp_qemu_source_events */

static void handle_state(void *data, enum gp_client_vm_state state) {
	struct gp_qemu_bridge *bridge = data;
	gp_client_set_state(bridge->display.client, state);
}

static void handle_reset(void *data) {
	struct gp_qemu_bridge *bridge = data;
	gp_display_reset(&bridge->display);
	gp_client_next_generation(bridge->display.client);
}

static void handle_leds(void *data, uint32_t leds) {
	struct gp_qemu_bridge *bridge = data;
	gp_client_set_leds(bridge->display.client, leds);
}

static const struct gp_qemu_source_events source_events = {
	.state = handle_state,
	.reset = handle_reset,
	.leds = handle_leds,
};

static int handle_timer(void *data) {
	return 0;
}

static void arm_timer(struct gp_qemu_bridge *bridge) {
	uint64_t deadline_ns = gp_qemu_deadline(&bridge->qemu);
	uint64_t now_ns = gp_now_ns();
	int delay_ms = 0; // never
	if (deadline_ns != 0) {
		uint64_t left_ms =
			deadline_ns > now_ns ? (deadline_ns - now_ns + 999999) / 1000000 : 1;
		delay_ms = left_ms > 60000 ? 60000 : (int)left_ms;
	}
	wl_event_source_timer_update(bridge->timer, delay_ms);
}

/* What QEMU waits for comes first. */
bool gp_qemu_bridge_dispatch(struct gp_qemu_bridge *bridge) {
	gp_qemu_process(&bridge->qemu);
	bool done = gp_display_end_turn(&bridge->display);
	gp_qemu_end_turn(&bridge->qemu);
	gp_client_flush(bridge->display.client);
	arm_timer(bridge);
	if (wl_event_loop_dispatch(bridge->loop, done ? -1 : 1) < 0 && errno != EINTR) {
		gp_error_errno("cannot wait for events");
		return false;
	}
	return true;
}

bool gp_qemu_bridge_finished(const struct gp_qemu_bridge *bridge) {
	return gp_qemu_finished(&bridge->qemu);
}

static struct json_object *handle_request(void *data, const char *request) {
	const struct gp_qemu_bridge *bridge = data;
	if (strcmp(request, "status") != 0) {
		return NULL;
	}
	struct gp_status_scanout scanouts[GP_SCANOUTS_MAX] = {0};
	for (uint32_t i = 0; i < bridge->qemu.n_consoles; i++) {
		const struct gp_qemu_console *console = &bridge->qemu.consoles[i];
		const struct gp_qemu_surface *surface = &console->surface;
		struct gp_status_scanout *scanout = &scanouts[i];
		scanout->connected = console->connected;
		scanout->mode = console->monitor.modes[0];
		scanout->enabled =
			gp_qemu_surface_get_size(surface, &scanout->width, &scanout->height);
		if (surface->memory != NULL) {
			scanout->format = gp_format_from_drm(surface->memory->layout.format)->name;
			scanout->resource = surface->memory->inode;
		}
		scanout->flushes = surface->n_frames;
	}
	static const char *const states[] = {
		[GP_CLIENT_VM_WAITING] = "waiting",
		[GP_CLIENT_VM_RUNNING] = "running",
		[GP_CLIENT_VM_PAUSED] = "paused",
		[GP_CLIENT_VM_DISCONNECTED] = "waiting",
	};
	struct json_object *status = gp_status_begin(bridge->options, &bridge->display,
		bridge->worker, states[bridge->qemu.state], scanouts);
	json_object_object_add(status, "qemu", gp_qemu_status(&bridge->qemu));
	json_object_object_add(
		status, "counters", gp_status_counters(&bridge->display, bridge->worker));
	return status;
}

static struct gp_qemu_address find_address(const struct gp_qemu_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	struct gp_qemu_address address = {
		.way = GP_QEMU_FD,
		.fd = -1,
		.opener =
			{
				.connect = gp_worker_open_qemu,
				.pair = gp_worker_open_pair,
				.data = bridge->worker,
			},
	};
	if (options->qmp != NULL) {
		address.way = GP_QEMU_QMP;
		address.text = options->qmp;
	} else if (options->bus_path != NULL) {
		address.way = GP_QEMU_BUS;
		address.text = options->bus_path;
	} else if (options->listen_path != NULL) {
		address.way = GP_QEMU_LISTEN;
		address.text = options->listen_path;
	}
	struct gp_grant grant = gp_worker_take_grant(bridge->worker, GP_GRANT_QEMU, 0);
	address.fd = grant.fd >= 0 ? grant.fd : -1;
	return address;
}

static bool create_display(struct gp_qemu_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	struct gp_client_options client_options = {
		.socket = options->display,
		.open = gp_worker_open_display,
		.open_data = bridge->worker,
		.pid = gp_worker_get_keeper_pid(bridge->worker),
		.name = options->name,
		.n_scanouts = options->n_scanouts,
		.seat_events = &gp_qemu_seat_events,
		.seat_data = &bridge->qemu.seat,
		.wants_lock = true,
		.wants_touch = options->touch,
	};
	memcpy(client_options.uuid, options->uuid, sizeof(client_options.uuid));
	return gp_display_init(&bridge->display, bridge->loop, &client_options,
		options->mode_set ? &options->mode : NULL, &display_events, bridge);
}

struct gp_qemu_bridge *gp_qemu_bridge_create(struct wl_event_loop *loop,
	const struct gp_bridge_options *options, struct gp_worker *worker) {
	struct gp_qemu_bridge *bridge = calloc(1, sizeof(*bridge));
	if (bridge == NULL) {
		gp_error_errno("cannot start");
		return NULL;
	}
	bridge->options = options;
	bridge->worker = worker;
	bridge->loop = loop;
	gp_qemu_start_watch(&bridge->qemu, gp_confine);
	return bridge;
}

bool gp_qemu_bridge_start(struct gp_qemu_bridge *bridge) {
	/* A picture is worth more than its state: it goes on without. */
	int fd = gp_worker_take_grant(bridge->worker, GP_GRANT_CONTROL, 0).fd;
	if (fd >= 0) {
		bridge->control = gp_control_create_at(bridge->loop, fd, handle_request, bridge);
	}
	bridge->timer = wl_event_loop_add_timer(bridge->loop, handle_timer, bridge);
	if (bridge->timer == NULL || !create_display(bridge)) {
		return false;
	}
	const struct gp_qemu_address address = find_address(bridge);
	gp_worker_done(bridge->worker);
	bridge->has_qemu = gp_qemu_init(&bridge->qemu, bridge->loop, &address,
		bridge->display.client, &bridge->display.presenter, bridge->options->n_scanouts,
		bridge->options->force_copy, &source_events, bridge);
	return bridge->has_qemu;
}

void gp_qemu_bridge_destroy(struct gp_qemu_bridge *bridge) {
	if (bridge == NULL) {
		return;
	}
	gp_control_destroy(bridge->control);
	if (bridge->has_qemu) {
		gp_qemu_finish(&bridge->qemu);
	} else {
		gp_qemu_watch_stop(&bridge->qemu.watch);
	}
	gp_display_finish(&bridge->display);
	if (bridge->timer != NULL) {
		wl_event_source_remove(bridge->timer);
	}
	free(bridge);
}

#include "vmm-bridge/bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/fd.h"
#include "common/socket.h"
#include "common/limits.h"
#include "common/trace.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/gpu/restore.h"
#include "vmm-bridge/gpu_source.h"
#include "vmm-bridge/keeper/keeper.h"
#include "vmm-bridge/present/presenter.h"
#include "vmm-bridge/seat/inputs.h"
#include "vmm-bridge/seat/router.h"
#include "vmm-bridge/status.h"
#include "vmm-bridge/vfio/device_memory.h"
#include "vmm-bridge/vfio/vfio.h"
#include "vmm-bridge/vhost/device.h"

_Static_assert(GP_CLIENT_MODES_MAX <= GP_MONITOR_MODES_MAX, "modes of a monitor");
_Static_assert(GP_KEEPER_DEVICES_MAX >= 1 + GP_INPUTS_MAX, "the display, and each input device");

#define QUEUES 2

/* The monitor of a scanout as the compositor described it last. */
struct monitor_change {
	bool changed; // to be passed on to the device at the end of the turn
	bool connected;
	struct gp_monitor monitor;
};

struct gp_bridge {
	const struct gp_bridge_options *options;
	struct gp_keeper *keeper; // NULL: there is none
	struct wl_event_loop *loop;
	struct gp_control *control; // may be NULL
	struct gp_exporter exporter;
	struct gp_device_memory devices;
	struct gp_client *client;
	struct gp_presenter presenter;
	struct gp_gpu_source source;
	struct gp_vhost_device *vhost;
	struct gp_gpu *gpu;
	struct gp_inputs *inputs;
	struct gp_router router;
	struct monitor_change monitors[GP_SCANOUTS_MAX];
	struct gp_scanout_report reports[GP_SCANOUTS_MAX];

	int timer_fd; // wake_at, or the presenter's deadline
	struct wl_event_source *timer;
	uint64_t wake_ns; // wake_at; 0: never
	uint64_t armed_ns; // when it will expire; 0: never

	bool ran; // queues ran since the guest's last reset
	struct gp_chain chain; // of the queue that is being handled
};

/* gp_gpu_ops: from the virtio-gpu device. */

static void handle_scanout_set(void *data, uint32_t scanout, struct gp_resource *resource,
	const struct gp_framebuffer *fb) {
	struct gp_bridge *bridge = data;
	gp_gpu_source_set(&bridge->source, scanout, resource, fb);
}

static void handle_scanout_disable(void *data, uint32_t scanout) {
	struct gp_bridge *bridge = data;
	gp_presenter_disable(&bridge->presenter, scanout);
}

static bool handle_scanout_flush(void *data, uint32_t scanout, const struct gp_rect *damage) {
	struct gp_bridge *bridge = data;
	return gp_presenter_flush(&bridge->presenter, scanout, damage);
}

static bool handle_resource_revoke(
	void *data, struct gp_resource *resource, uint64_t token, bool wait) {
	struct gp_bridge *bridge = data;
	gp_device_memory_detached(&bridge->devices, &resource->backing);
	return gp_gpu_source_revoke(&bridge->source, resource, token, wait);
}

static void handle_cursor_set(
	void *data, uint32_t scanout, const void *pixels, uint32_t hot_x, uint32_t hot_y) {
	struct gp_bridge *bridge = data;
	gp_client_set_cursor(bridge->client, scanout, pixels, hot_x, hot_y);
}

static void handle_cursor_move(void *data, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_bridge *bridge = data;
	gp_client_move_cursor(bridge->client, scanout, x, y);
}

static void handle_gpu_config_changed(void *data) {
	struct gp_bridge *bridge = data;
	gp_vhost_device_config_changed(bridge->vhost);
}

static void handle_wake_at(void *data, uint64_t time_ns) {
	struct gp_bridge *bridge = data;
	bridge->wake_ns = time_ns;
}

/* Once per turn: a frame may set a time and take it back, and what a guest waits for comes first. */
static void arm_timer(struct gp_bridge *bridge) {
	uint64_t wake_ns = bridge->wake_ns;
	uint64_t revoke_ns = gp_presenter_deadline(&bridge->presenter);
	if (wake_ns == 0 || (revoke_ns != 0 && revoke_ns < wake_ns)) {
		wake_ns = revoke_ns;
	}
	if (bridge->armed_ns == wake_ns) {
		return;
	}
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(wake_ns / 1000000000),
		.it_value.tv_nsec = (long)(wake_ns % 1000000000),
	};
	if (timerfd_settime(bridge->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) != 0) {
		gp_error_errno("timerfd_settime");
	}
	bridge->armed_ns = wake_ns;
}

static void handle_push(
	void *data, unsigned queue, uint16_t head, uint32_t written, bool interrupt) {
	struct gp_bridge *bridge = data;
	if (interrupt) {
		gp_vhost_device_push(bridge->vhost, queue, head, written);
	} else {
		gp_vhost_device_push_without_interrupt(bridge->vhost, queue, head, written);
	}
}

static const struct gp_gpu_ops gpu_ops = {
	.scanout_set = handle_scanout_set,
	.scanout_disable = handle_scanout_disable,
	.scanout_flush = handle_scanout_flush,
	.resource_revoke = handle_resource_revoke,
	.cursor_set = handle_cursor_set,
	.cursor_move = handle_cursor_move,
	.config_changed = handle_gpu_config_changed,
	.wake_at = handle_wake_at,
	.push = handle_push,
};

static int handle_timer(int fd, uint32_t mask, void *data) {
	struct gp_bridge *bridge = data;
	uint64_t expirations;
	if (read(fd, &expirations, sizeof(expirations)) > 0) {
		bridge->armed_ns = 0;
		gp_gpu_dispatch(bridge->gpu, gp_now_ns());
	}
	return 0;
}

/* gp_vhost_ops: from the VMM and the guest's driver. */

static void handle_queue_kick(void *data, unsigned queue) {
	struct gp_bridge *bridge = data;
	uint64_t kick_ns = gp_trace_now();
	while (gp_vhost_device_pop(bridge->vhost, queue, &bridge->chain) > 0) {
		if (gp_trace_on) {
			gp_trace_begin(kick_ns);
		}
		gp_gpu_handle(bridge->gpu, queue, &bridge->chain, gp_now_ns());
	}
}

static void handle_queue_drain(void *data, unsigned queue) {
	struct gp_bridge *bridge = data;
	if (bridge->gpu != NULL) { // else its creation failed
		gp_gpu_drain(bridge->gpu, queue);
	}
}

/* All that the guest has set up is void; the compositor shows none of it again. */
static void handle_reset(void *data) {
	struct gp_bridge *bridge = data;
	if (bridge->gpu == NULL) {
		return;
	}
	gp_presenter_end_all(&bridge->presenter);
	gp_gpu_reset(bridge->gpu);
	for (uint32_t i = 0; i < bridge->options->n_scanouts; i++) {
		gp_client_set_cursor(bridge->client, i, NULL, 0, 0);
	}
	if (bridge->ran) {
		gp_client_next_generation(bridge->client);
		bridge->ran = false;
	}
}

static void handle_state(void *data, enum gp_vhost_state state) {
	static const enum gp_client_vm_state guest_states[] = {
		[GP_VHOST_WAITING] = GP_CLIENT_VM_DISCONNECTED, // there was one: this is a change
		[GP_VHOST_CONNECTED] = GP_CLIENT_VM_RUNNING, // its firmware, or between two drivers
		[GP_VHOST_RUNNING] = GP_CLIENT_VM_RUNNING,
		[GP_VHOST_PAUSED] = GP_CLIENT_VM_PAUSED,
	};
	struct gp_bridge *bridge = data;
	bridge->ran = bridge->ran || state == GP_VHOST_RUNNING;
	if (state == GP_VHOST_CONNECTED || state == GP_VHOST_WAITING) {
		gp_device_memory_connect(&bridge->devices, gp_vhost_device_socket(bridge->vhost));
	}
	/* Before the VMM has the reply to GET_VRING_BASE (C9). */
	if (state == GP_VHOST_PAUSED) {
		gp_presenter_pause(&bridge->presenter);
	} else {
		gp_presenter_resume(&bridge->presenter);
	}
	gp_client_set_state(bridge->client, guest_states[state]);
}

static void handle_memory_removed(void *data, struct gp_memory_object *object) {
	struct gp_bridge *bridge = data;
	gp_gpu_source_end_users(&bridge->source, object);
	gp_gpu_memory_removed(bridge->gpu, object);
	gp_presenter_wait_revoked(&bridge->presenter);
}

static void handle_memory_added(void *data) {
	struct gp_bridge *bridge = data;
	gp_gpu_memory_added(bridge->gpu, gp_now_ns());
}

static const struct gp_vfio_events vfio_events = {
	.object_removed = handle_memory_removed,
};

static void handle_get_config(void *data, uint32_t offset, uint32_t size, uint8_t *out) {
	struct gp_bridge *bridge = data;
	gp_gpu_get_config(bridge->gpu, offset, size, out);
}

static void handle_set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	struct gp_bridge *bridge = data;
	gp_gpu_set_config(bridge->gpu, offset, size, bytes);
}

static void handle_chain_lost(
	void *data, unsigned queue, const struct gp_chain *chain, bool was_running) {
	struct gp_bridge *bridge = data;
	gp_gpu_reply_lost(bridge->gpu, queue, chain, was_running);
}

static const struct gp_vhost_ops vhost_ops = {
	.queue_kick = handle_queue_kick,
	.queue_drain = handle_queue_drain,
	.reset = handle_reset,
	.state = handle_state,
	.memory_removed = handle_memory_removed,
	.memory_added = handle_memory_added,
	.chain_lost = handle_chain_lost,
	.get_config = handle_get_config,
	.set_config = handle_set_config,
};

/* gp_client_events: from the compositor. */

static void handle_connected(void *data) {
	struct gp_bridge *bridge = data;
	gp_presenter_connected(&bridge->presenter);
}

static void handle_disconnected(void *data) {
	struct gp_bridge *bridge = data;
	gp_presenter_disconnected(&bridge->presenter);
	for (uint32_t i = 0; i < bridge->options->n_scanouts; i++) {
		bridge->reports[i] = (struct gp_scanout_report){.path = "none"};
	}
}

static struct gp_monitor convert_monitor(const struct gp_client_monitor *from) {
	struct gp_monitor monitor = {
		.n_modes = from->n_modes,
		.width_mm = from->width_mm,
		.height_mm = from->height_mm,
	};
	for (size_t i = 0; i < from->n_modes; i++) {
		monitor.modes[i] = (struct gp_mode){
			.width = from->modes[i].width,
			.height = from->modes[i].height,
			.refresh_mhz = from->modes[i].refresh_mhz,
		};
	}
	snprintf(monitor.make, sizeof(monitor.make), "%.*s", (int)sizeof(monitor.make) - 1,
		from->make);
	snprintf(monitor.model, sizeof(monitor.model), "%.*s", (int)sizeof(monitor.model) - 1,
		from->model);
	snprintf(monitor.serial, sizeof(monitor.serial), "%.*s", (int)sizeof(monitor.serial) - 1,
		from->serial);
	return monitor;
}

static void handle_monitor(void *data, uint32_t scanout, const struct gp_client_monitor *monitor) {
	struct gp_bridge *bridge = data;
	struct monitor_change *change = &bridge->monitors[scanout];
	change->changed = true;
	change->connected = monitor != NULL;
	if (monitor == NULL) {
		return;
	}
	change->monitor = convert_monitor(monitor);
	if (bridge->options->mode_set) {
		change->monitor.modes[0] = bridge->options->mode;
		change->monitor.n_modes = 1;
	}
}

static void handle_visibility(void *data, uint32_t scanout, bool visible) {
	struct gp_bridge *bridge = data;
	gp_presenter_visibility(&bridge->presenter, scanout, visible);
}

static void handle_path(void *data, uint32_t scanout, const char *path, const char *reason) {
	struct gp_bridge *bridge = data;
	struct gp_scanout_report *report = &bridge->reports[scanout];
	snprintf(report->path, sizeof(report->path), "%s", path);
	snprintf(report->path_reason, sizeof(report->path_reason), "%s", reason);
}

static void handle_released(void *data, void *user, struct gp_client_buffer *buffer) {
	struct gp_bridge *bridge = data;
	gp_presenter_released(&bridge->presenter, buffer);
}

static void handle_failed(void *data, void *user, struct gp_client_buffer *buffer,
	const struct gp_client_failure *failure) {
	struct gp_bridge *bridge = data;
	gp_presenter_failed(&bridge->presenter, user, buffer, failure->lasting, failure->message);
}

static void handle_revoked(void *data, void *user) {
	struct gp_bridge *bridge = data;
	gp_presenter_revoked(&bridge->presenter, user);
}

static const struct gp_client_events client_events = {
	.connected = handle_connected,
	.disconnected = handle_disconnected,
	.monitor = handle_monitor,
	.visibility = handle_visibility,
	.path = handle_path,
	.released = handle_released,
	.failed = handle_failed,
	.revoked = handle_revoked,
};

/* gp_presenter_events: replies to the virtio-gpu device. */

static void handle_buffer_released(void *data, uint32_t scanout) {
	struct gp_bridge *bridge = data;
	gp_gpu_buffer_released(bridge->gpu, scanout, gp_now_ns());
}

static void handle_memory_revoked(void *data, uint64_t memory_id, uint64_t token) {
	struct gp_bridge *bridge = data;
	gp_gpu_resource_revoked(bridge->gpu, (uint32_t)memory_id, token, gp_now_ns());
}

static const struct gp_presenter_events presenter_events = {
	.buffer_released = handle_buffer_released,
	.memory_revoked = handle_memory_revoked,
};

/* Passes on what the compositor has sent meanwhile. False: more is to do in a millisecond. */
static bool end_turn(struct gp_bridge *bridge) {
	gp_device_memory_end_turn(&bridge->devices);
	bool done = gp_presenter_end_turn(&bridge->presenter);
	for (uint32_t i = 0; i < bridge->options->n_scanouts; i++) {
		struct monitor_change *change = &bridge->monitors[i];
		if (change->changed) {
			change->changed = false;
			gp_gpu_set_monitor(
				bridge->gpu, i, change->connected ? &change->monitor : NULL);
		}
	}
	return done;
}

bool gp_bridge_dispatch(struct gp_bridge *bridge) {
	bool done = end_turn(bridge);
	gp_vhost_device_flush(bridge->vhost);
	gp_inputs_flush(bridge->inputs);
	gp_client_flush(bridge->client);
	arm_timer(bridge);
	if (wl_event_loop_dispatch(bridge->loop, done ? -1 : 1) < 0 && errno != EINTR) {
		gp_error_errno("cannot wait for events");
		return false;
	}
	return true;
}

bool gp_bridge_finished(const struct gp_bridge *bridge) {
	return gp_vhost_device_finished(bridge->vhost);
}

static bool create_timer(struct gp_bridge *bridge) {
	bridge->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (bridge->timer_fd >= 0) {
		bridge->timer = wl_event_loop_add_fd(
			bridge->loop, bridge->timer_fd, WL_EVENT_READABLE, handle_timer, bridge);
	}
	if (bridge->timer == NULL) {
		gp_error_errno("cannot make a timer");
	}
	return bridge->timer != NULL;
}

static void handle_leds(void *data, uint32_t leds) {
	struct gp_bridge *bridge = data;
	if (bridge->client != NULL) { // else this is the end
		gp_client_set_leds(bridge->client, leds);
	}
}

static bool get_scanout_size(void *data, uint32_t scanout, uint32_t *width, uint32_t *height) {
	struct gp_bridge *bridge = data;
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(bridge->gpu, scanout, &info);
	*width = info.last_width;
	*height = info.last_height;
	if (info.last_width == 0 && info.connected) {
		*width = info.mode.width;
		*height = info.mode.height;
	}
	return info.enabled;
}

static bool create_inputs(struct gp_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	bridge->inputs = gp_inputs_create(bridge->loop, options->inputs, options->n_inputs,
		bridge->keeper, handle_leds, bridge);
	const struct gp_scanouts scanouts = {
		.count = options->n_scanouts,
		.get_size = get_scanout_size,
		.data = bridge,
	};
	gp_router_init(&bridge->router, bridge->inputs, &scanouts);
	return bridge->inputs != NULL;
}

static bool create_client(struct gp_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	struct gp_client_options client_options = {
		.socket = options->display,
		.name = options->name,
		.n_scanouts = options->n_scanouts,
		.seat_events = options->n_inputs > 0 ? &gp_router_seat_events : NULL,
		.seat_data = &bridge->router,
		.wants_lock = gp_inputs_has(bridge->inputs, GP_INPUT_MOUSE),
		.wants_touch = gp_inputs_has(bridge->inputs, GP_INPUT_TOUCH),
		.wants_pen = gp_inputs_has(bridge->inputs, GP_INPUT_PEN),
	};
	for (size_t i = 0; i < sizeof(client_options.uuid); i++) {
		client_options.uuid[i] = options->uuid[i];
	}
	bridge->client = gp_client_create(bridge->loop, &client_options, &client_events, bridge);
	gp_presenter_init(
		&bridge->presenter, bridge->client, options->n_scanouts, &presenter_events, bridge);
	gp_gpu_source_init(&bridge->source, &bridge->presenter, &bridge->exporter);
	return bridge->client != NULL;
}

static bool create_device(struct gp_bridge *bridge, struct gp_bridge_options *options) {
	struct gp_vhost_info info = {.features = gp_gpu_features(), .n_queues = QUEUES};
	gp_keeper_get_info(bridge->keeper, 0, &info);
	if (options->socket_path == NULL && info.resuming) {
		options->fd = gp_keeper_dup_socket(bridge->keeper, 0);
	}
	int *fd = options->socket_path != NULL ? &options->listen_fd : &options->fd;
	bridge->vhost = gp_vhost_device_create(
		bridge->loop, options->socket_path, gp_fd_take(fd), &info, &vhost_ops, bridge);
	if (bridge->vhost == NULL) {
		return false;
	}
	bridge->gpu = gp_gpu_create(&gpu_ops, bridge, gp_vhost_device_memory(bridge->vhost),
		options->n_scanouts, &options->mode);
	if (bridge->gpu == NULL) {
		gp_error_errno("cannot make the device");
	}
	return bridge->gpu != NULL;
}

static bool create_devices(struct gp_bridge *bridge, struct gp_bridge_options *options) {
	struct gp_device_memory_settings settings = {
		.address = options->vfio_address[0] != '\0' ? options->vfio_address : NULL,
		.fds = options->vfio_fds,
		.n_fds = options->n_vfio_fds,
		.vmm_pid = options->vmm_pid,
	};
	if (!gp_device_memory_init(&bridge->devices, bridge->loop,
		    options->vfio == GP_VFIO_NONE ? NULL : &settings, &vfio_events, bridge)) {
		return false;
	}
	gp_device_memory_serve(&bridge->devices, gp_vhost_device_memory(bridge->vhost));
	gp_device_memory_connect(&bridge->devices, gp_vhost_device_socket(bridge->vhost));
	return true;
}

bool gp_bridge_resume(struct gp_bridge *bridge) {
	struct gp_keeper *keeper = bridge->keeper;
	if (keeper == NULL) {
		return true;
	}
	bool has_front = gp_keeper_has_front(keeper, 0);
	if (has_front && bridge->options->socket_path != NULL &&
		!gp_vhost_device_resume(bridge->vhost, gp_keeper_dup_socket(keeper, 0))) {
		return false;
	}
	if (has_front) {
		gp_keeper_replay(keeper, 0, bridge->vhost);
	}
	gp_gpu_set_saved_state(bridge->gpu, gp_keeper_get_area(keeper), GP_KEEPER_AREA_BYTES);
	if (has_front) {
		gp_vhost_device_recover_state(
			bridge->vhost); // a paused guest's frames are not shown
		gp_gpu_restore(bridge->gpu, gp_now_ns());
		gp_vhost_device_recover(bridge->vhost, &bridge->chain);
		gp_keeper_handle_pending(keeper, 0, bridge->vhost);
	} else {
		gp_gpu_reset(bridge->gpu);
	}
	bool ok = gp_inputs_resume(bridge->inputs, keeper);
	gp_keeper_done(keeper);
	return ok;
}

static struct json_object *handle_request(void *data, const char *request) {
	const struct gp_bridge *bridge = data;
	if (strcmp(request, "status") != 0) {
		return NULL;
	}
	return gp_status_create(&(struct gp_status_parts){
		.options = bridge->options,
		.keeper = bridge->keeper,
		.vfio = bridge->devices.vfio,
		.client = bridge->client,
		.presenter = &bridge->presenter,
		.vhost = bridge->vhost,
		.gpu = bridge->gpu,
		.inputs = bridge->inputs,
		.reports = bridge->reports,
	});
}

/*
 * A picture is worth more than its state: a default path that cannot be used is only logged. But a
 * bridge that listens there is of the same name, and the compositor takes only one of it.
 */
static bool create_control(struct gp_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	if (options->control_path != NULL && !options->control_set) {
		int pid = gp_socket_get_listener(options->control_path);
		if (pid != 0) {
			gp_error("a bridge named %s runs already (process %d)", options->name, pid);
			return false;
		}
	}
	if (options->control_path != NULL) {
		bridge->control = gp_control_create(
			bridge->loop, options->control_path, handle_request, bridge);
	}
	return bridge->control != NULL || !options->control_set;
}

struct gp_bridge *gp_bridge_create(
	struct wl_event_loop *loop, struct gp_bridge_options *options, struct gp_keeper *keeper) {
	struct gp_bridge *bridge = calloc(1, sizeof(*bridge));
	if (bridge == NULL) {
		gp_error_errno("cannot start");
		gp_fd_close(&options->fd);
		return NULL;
	}
	bridge->options = options;
	bridge->keeper = keeper;
	bridge->loop = loop;
	bridge->timer_fd = -1;
	gp_exporter_init(&bridge->exporter, options->force_copy);
	for (uint32_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		bridge->reports[i] = (struct gp_scanout_report){.path = "none"};
	}
	/* The control socket first: another bridge of this name is not to be disturbed. */
	if (create_control(bridge) && create_timer(bridge) && create_inputs(bridge) &&
		create_client(bridge) && create_device(bridge, options) &&
		create_devices(bridge, options)) {
		return bridge;
	}
	gp_fd_close(&options->fd);
	gp_bridge_destroy(bridge);
	return NULL;
}

void gp_bridge_destroy(struct gp_bridge *bridge) {
	if (bridge == NULL) {
		return;
	}
	gp_control_destroy(bridge->control);
	if (bridge->gpu != NULL) {
		gp_vhost_device_disconnect(bridge->vhost);
		gp_device_memory_finish(&bridge->devices);
		gp_gpu_destroy(bridge->gpu);
		bridge->gpu = NULL;
	}
	gp_vhost_device_destroy(bridge->vhost);
	if (bridge->client != NULL) {
		gp_client_destroy(bridge->client);
		bridge->client = NULL;
		gp_presenter_finish(&bridge->presenter);
	}
	gp_inputs_destroy(bridge->inputs);
	gp_exporter_finish(&bridge->exporter);
	if (bridge->timer != NULL) {
		wl_event_source_remove(bridge->timer);
	}
	gp_fd_close(&bridge->timer_fd);
	free(bridge);
}

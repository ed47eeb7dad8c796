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
#include "common/limits.h"
#include "common/trace.h"
#include "vmm-bridge/display.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/gpu/restore.h"
#include "vmm-bridge/gpu_source.h"
#include "vmm-bridge/keeper/worker.h"
#include "vmm-bridge/seat/inputs.h"
#include "vmm-bridge/seat/router.h"
#include "vmm-bridge/status.h"
#include "vmm-bridge/vfio/device_memory.h"
#include "vmm-bridge/vfio/finder.h"
#include "vmm-bridge/vfio/vfio.h"
#include "vmm-bridge/vhost/device.h"

#define QUEUES 2

struct gp_bridge {
	const struct gp_bridge_options *options;
	struct gp_worker *worker;
	struct wl_event_loop *loop;
	struct gp_control *control; // may be NULL
	struct gp_exporter exporter;
	struct gp_device_memory devices;
	struct gp_display display;
	struct gp_gpu_source source;
	struct gp_vhost_device *vhost;
	struct gp_gpu *gpu;
	struct gp_inputs *inputs;
	struct gp_router router;

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
	gp_presenter_disable(&bridge->display.presenter, scanout);
}

static bool handle_scanout_flush(
	void *data, uint32_t scanout, const struct gp_rect *damage, bool held) {
	struct gp_bridge *bridge = data;
	if (held) {
		return gp_presenter_flush(&bridge->display.presenter, scanout, damage);
	}
	gp_presenter_flush_without_reply(&bridge->display.presenter, scanout, damage);
	return false;
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
	gp_client_set_cursor(bridge->display.client, scanout, pixels, hot_x, hot_y);
}

static void handle_cursor_move(void *data, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_bridge *bridge = data;
	gp_client_move_cursor(bridge->display.client, scanout, x, y);
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
	uint64_t revoke_ns = gp_presenter_deadline(&bridge->display.presenter);
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
		gp_error_limited("timerfd_settime: %m");
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
	gp_display_reset(&bridge->display);
	gp_gpu_reset(bridge->gpu);
	if (bridge->ran) {
		gp_client_next_generation(bridge->display.client);
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
		gp_device_memory_connect(&bridge->devices, state == GP_VHOST_CONNECTED);
	}
	/* Before the VMM has the reply to GET_VRING_BASE (C9). */
	if (state == GP_VHOST_PAUSED) {
		gp_presenter_pause(&bridge->display.presenter);
	} else {
		gp_presenter_resume(&bridge->display.presenter);
	}
	gp_client_set_state(bridge->display.client, guest_states[state]);
}

static void handle_memory_removed(void *data, struct gp_memory_object *object) {
	struct gp_bridge *bridge = data;
	gp_gpu_source_end_users(&bridge->source, object);
	gp_gpu_memory_removed(bridge->gpu, object);
	gp_presenter_wait_revoked(&bridge->display.presenter);
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

/* gp_display_events: from the compositor, to the virtio-gpu device. */

static void handle_buffer_released(void *data, uint32_t scanout) {
	struct gp_bridge *bridge = data;
	gp_gpu_buffer_released(bridge->gpu, scanout, gp_now_ns());
}

static void handle_memory_revoked(void *data, uint64_t memory_id, uint64_t token) {
	struct gp_bridge *bridge = data;
	gp_gpu_resource_revoked(bridge->gpu, (uint32_t)memory_id, token, gp_now_ns());
}

static void handle_monitor(void *data, uint32_t scanout, const struct gp_monitor *monitor) {
	struct gp_bridge *bridge = data;
	gp_gpu_set_monitor(bridge->gpu, scanout, monitor);
}

static const struct gp_display_events display_events = {
	.presenter =
		{
			.buffer_released = handle_buffer_released,
			.memory_revoked = handle_memory_revoked,
		},
	.monitor = handle_monitor,
};

bool gp_bridge_dispatch(struct gp_bridge *bridge) {
	gp_device_memory_end_turn(&bridge->devices);
	bool done = gp_display_end_turn(&bridge->display);
	gp_vhost_device_flush(bridge->vhost);
	gp_inputs_flush(bridge->inputs);
	gp_client_flush(bridge->display.client);
	arm_timer(bridge);
	if (wl_event_loop_dispatch(bridge->loop, done ? -1 : 1) < 0 && errno != EINTR) {
		gp_error_errno("cannot wait for events");
		return false;
	}
	return true;
}

bool gp_bridge_leave(struct gp_bridge *bridge) {
	bool connected = gp_inputs_leave(bridge->inputs);
	return gp_vhost_device_leave(bridge->vhost) || connected;
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
	if (bridge->display.client != NULL) { // else this is the end
		gp_client_set_leds(bridge->display.client, leds);
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
		bridge->worker, handle_leds, bridge);
	const struct gp_scanouts scanouts = {
		.count = options->n_scanouts,
		.get_size = get_scanout_size,
		.data = bridge,
	};
	gp_router_init(&bridge->router, bridge->inputs, &scanouts);
	return bridge->inputs != NULL;
}

static bool create_display(struct gp_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	struct gp_client_options client_options = {
		.socket = options->display,
		.open = gp_worker_open_display,
		.open_data = bridge->worker,
		.pid = gp_worker_get_keeper_pid(bridge->worker),
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
	gp_gpu_source_init(&bridge->source, &bridge->display.presenter, &bridge->exporter);
	return gp_display_init(&bridge->display, bridge->loop, &client_options,
		options->mode_set ? &options->mode : NULL, &display_events, bridge);
}

static bool create_device(struct gp_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	struct gp_vhost_info info = {.features = gp_gpu_features(), .n_queues = QUEUES};
	gp_worker_get_info(bridge->worker, 0, &info);
	int listener = -1, socket = -1;
	if (options->socket_path != NULL) {
		listener = gp_worker_take_grant(bridge->worker, GP_GRANT_LISTENER, 0).fd;
	} else {
		socket = gp_worker_dup_socket(bridge->worker, 0);
	}
	bridge->vhost =
		gp_vhost_device_create(bridge->loop, listener, socket, &info, &vhost_ops, bridge);
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

static bool create_devices(struct gp_bridge *bridge) {
	const struct gp_bridge_options *options = bridge->options;
	struct gp_vfio_found passed[GP_VFIO_FDS_MAX];
	size_t n_passed = 0;
	for (uint32_t i = 0; i < GP_VFIO_FDS_MAX; i++) {
		struct gp_grant grant = gp_worker_take_grant(bridge->worker, GP_GRANT_VFIO, i);
		if (grant.fd >= 0) { // else that VMM has disconnected
			passed[n_passed] = (struct gp_vfio_found){.fd = grant.fd};
			memcpy(passed[n_passed++].pci, grant.pci, sizeof(grant.pci));
		}
	}
	bool looks = options->vmm_pid != 0 || options->n_vfio_fds == 0;
	struct gp_device_memory_settings settings = {
		.address = options->vfio_address[0] != '\0' ? options->vfio_address : NULL,
		.passed = passed,
		.n_passed = n_passed,
		.finder = looks ? &gp_worker_vfio_finder : NULL,
		.finder_data = bridge->worker,
		.early = options->vmm_pid != 0,
	};
	if (!gp_device_memory_init(&bridge->devices, bridge->loop,
		    options->vfio == GP_VFIO_NONE ? NULL : &settings, &vfio_events, bridge)) {
		return false;
	}
	gp_device_memory_serve(&bridge->devices, gp_vhost_device_memory(bridge->vhost));
	gp_device_memory_connect(&bridge->devices, gp_vhost_device_socket(bridge->vhost) != -1);
	return true;
}

/* Takes over what an earlier worker has left. */
static bool resume(struct gp_bridge *bridge) {
	struct gp_worker *worker = bridge->worker;
	bool has_front = gp_worker_has_front(worker, 0);
	if (has_front && bridge->options->socket_path != NULL &&
		!gp_vhost_device_resume(bridge->vhost, gp_worker_dup_socket(worker, 0))) {
		return false;
	}
	if (has_front) {
		gp_worker_replay(worker, 0, bridge->vhost);
	}
	gp_gpu_set_saved_state(bridge->gpu, gp_worker_get_area(worker), GP_KEEPER_AREA_BYTES);
	if (has_front) {
		gp_vhost_device_recover_state(
			bridge->vhost); // a paused guest's frames are not shown
		gp_gpu_restore(bridge->gpu, gp_now_ns());
		gp_vhost_device_recover(bridge->vhost, &bridge->chain);
		gp_worker_handle_pending(worker, 0, bridge->vhost);
	} else {
		gp_gpu_reset(bridge->gpu);
	}
	bool ok = gp_inputs_resume(bridge->inputs, worker);
	gp_worker_done(worker);
	return ok;
}

static struct json_object *handle_request(void *data, const char *request) {
	const struct gp_bridge *bridge = data;
	if (strcmp(request, "status") != 0) {
		return NULL;
	}
	return gp_status_create(&(struct gp_status_parts){
		.options = bridge->options,
		.worker = bridge->worker,
		.vfio = bridge->devices.vfio,
		.display = &bridge->display,
		.vhost = bridge->vhost,
		.gpu = bridge->gpu,
		.inputs = bridge->inputs,
	});
}

/* A picture is worth more than its state: it goes on without. */
static void create_control(struct gp_bridge *bridge) {
	int fd = gp_worker_take_grant(bridge->worker, GP_GRANT_CONTROL, 0).fd;
	if (fd >= 0) {
		bridge->control = gp_control_create_at(bridge->loop, fd, handle_request, bridge);
	}
}

struct gp_bridge *gp_bridge_create(struct wl_event_loop *loop,
	const struct gp_bridge_options *options, struct gp_worker *worker) {
	struct gp_bridge *bridge = calloc(1, sizeof(*bridge));
	if (bridge == NULL) {
		gp_error_errno("cannot start");
		return NULL;
	}
	bridge->options = options;
	bridge->worker = worker;
	bridge->loop = loop;
	bridge->timer_fd = -1;
	gp_exporter_init(&bridge->exporter, options->force_copy, "");
	return bridge;
}

bool gp_bridge_start(struct gp_bridge *bridge) {
	gp_exporter_start(
		&bridge->exporter, gp_worker_take_grant(bridge->worker, GP_GRANT_UDMABUF, 0).fd);
	create_control(bridge);
	return create_timer(bridge) && create_inputs(bridge) && create_display(bridge) &&
		create_device(bridge) && create_devices(bridge) && resume(bridge);
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
	gp_display_finish(&bridge->display);
	gp_inputs_destroy(bridge->inputs);
	gp_exporter_finish(&bridge->exporter);
	if (bridge->timer != NULL) {
		wl_event_source_remove(bridge->timer);
	}
	gp_fd_close(&bridge->timer_fd);
	free(bridge);
}

#include "compositor/seat/idle.h"

#include <stdlib.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_idle_notify_v1.h>
#include <wlr/types/wlr_keyboard.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_pointer.h>
#include <wlr/types/wlr_tablet_tool.h>
#include <wlr/types/wlr_touch.h>

#include "common/clock.h"
#include "common/log.h"
#include "compositor/config/settings.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/power.h"
#include "compositor/seat/spot.h"

#define SIGNALS_MAX 7

struct idle_device {
	struct wl_list link; // gp_idle.devices
	struct wl_listener destroy;
	struct idle_input {
		struct gp_idle *idle;
		struct wl_listener event;
	} inputs[SIGNALS_MAX];
	size_t n_inputs;
};

static void wait(struct gp_idle *idle) {
	uint64_t delay_ms = gp_settings_get_sleep_when_idle_ms(idle->outputs->settings);
	idle->waiting = delay_ms != 0 && !idle->inhibited;
	if (!idle->waiting) {
		wl_event_source_timer_update(idle->sleep_timer, 0);
		return;
	}
	uint64_t now_ns = gp_now_ns(), end_ns = idle->begin_ns + delay_ms * 1000000;
	if (now_ns >= end_ns) {
		idle->waiting = false;
		gp_outputs_sleep(idle->outputs);
	} else {
		wl_event_source_timer_update(idle->sleep_timer, (end_ns - now_ns) / 1000000 + 1);
	}
}

static int handle_sleep_timer(void *data) {
	wait(data);
	return 0;
}

/* Starts the time without input. */
static void begin(struct gp_idle *idle) {
	idle->begin_ns = gp_now_ns();
	if (!idle->waiting) {
		wait(idle);
	}
}

static void handle_input(struct wl_listener *listener, void *data) {
	struct idle_input *input = wl_container_of(listener, input, event);
	struct gp_idle *idle = input->idle;
	begin(idle);
	wlr_idle_notifier_v1_notify_activity(idle->notifier, idle->wlr_seat);
	gp_outputs_note_input(idle->outputs,
		gp_spot_find_output(idle->outputs, idle->cursor->x, idle->cursor->y));
}

/* It was switched on, perhaps by its guest, and somebody may want to see that. */
static void handle_output_changed(struct wl_listener *listener, void *data) {
	struct gp_idle *idle = wl_container_of(listener, idle, output_changed);
	const struct gp_output *output = data;
	if (output->wlr_output->enabled) {
		begin(idle);
	}
}

static void handle_output_added(struct wl_listener *listener, void *data) {
	struct gp_idle *idle = wl_container_of(listener, idle, output_added);
	begin(idle);
}

/* Inhibition by frames. */

static void set_inhibited(struct gp_idle *idle, bool inhibited) {
	if (idle->inhibited == inhibited) {
		return;
	}
	idle->inhibited = inhibited;
	wlr_idle_notifier_v1_set_inhibited(idle->notifier, inhibited);
	if (!inhibited) {
		begin(idle);
	}
}

static void handle_output_frame(struct wl_listener *listener, void *data) {
	struct gp_idle *idle = wl_container_of(listener, idle, output_frame);
	uint32_t inhibit_ms = gp_settings_get_idle_inhibit_ms(idle->outputs->settings);
	if (inhibit_ms == 0) {
		return;
	}
	idle->frame_ns = gp_now_ns();
	if (!idle->inhibited) {
		wl_event_source_timer_update(idle->inhibit_timer, inhibit_ms);
		set_inhibited(idle, true);
	}
}

static int handle_inhibit_timer(void *data) {
	struct gp_idle *idle = data;
	uint64_t inhibit_ms = gp_settings_get_idle_inhibit_ms(idle->outputs->settings);
	uint64_t now_ns = gp_now_ns(), end_ns = idle->frame_ns + inhibit_ms * 1000000;
	if (inhibit_ms == 0 || now_ns >= end_ns) {
		set_inhibited(idle, false);
	} else {
		wl_event_source_timer_update(idle->inhibit_timer, (end_ns - now_ns) / 1000000 + 1);
	}
	return 0;
}

void gp_idle_update(struct gp_idle *idle) {
	if (idle->notifier != NULL) {
		handle_inhibit_timer(idle);
		idle->begin_ns = gp_now_ns();
		wait(idle);
	}
}

/* Devices. */

static void watch(struct gp_idle *idle, struct idle_device *device, struct wl_signal *signal) {
	struct idle_input *input = &device->inputs[device->n_inputs++];
	input->idle = idle;
	input->event.notify = handle_input;
	wl_signal_add(signal, &input->event);
}

static void device_destroy(struct idle_device *device) {
	for (size_t i = 0; i < device->n_inputs; i++) {
		wl_list_remove(&device->inputs[i].event.link);
	}
	wl_list_remove(&device->destroy.link);
	wl_list_remove(&device->link);
	free(device);
}

static void handle_device_destroy(struct wl_listener *listener, void *data) {
	struct idle_device *device = wl_container_of(listener, device, destroy);
	device_destroy(device);
}

void gp_idle_add(struct gp_idle *idle, struct wlr_input_device *wlr_device) {
	struct idle_device *device = calloc(1, sizeof(*device));
	if (device == NULL) {
		gp_error("input device %s: no memory, it wakes nothing", wlr_device->name);
		return;
	}
	device->destroy.notify = handle_device_destroy;
	wl_signal_add(&wlr_device->events.destroy, &device->destroy);
	wl_list_insert(&idle->devices, &device->link);
	switch (wlr_device->type) {
	case WLR_INPUT_DEVICE_KEYBOARD:
		watch(idle, device, &wlr_keyboard_from_input_device(wlr_device)->events.key);
		break;
	case WLR_INPUT_DEVICE_POINTER: {
		struct wlr_pointer *pointer = wlr_pointer_from_input_device(wlr_device);
		watch(idle, device, &pointer->events.motion);
		watch(idle, device, &pointer->events.motion_absolute);
		watch(idle, device, &pointer->events.button);
		watch(idle, device, &pointer->events.axis);
		watch(idle, device, &pointer->events.swipe_update);
		watch(idle, device, &pointer->events.pinch_update);
		watch(idle, device, &pointer->events.hold_begin);
		break;
	}
	case WLR_INPUT_DEVICE_TOUCH: {
		struct wlr_touch *touch = wlr_touch_from_input_device(wlr_device);
		watch(idle, device, &touch->events.down);
		watch(idle, device, &touch->events.motion);
		watch(idle, device, &touch->events.up);
		break;
	}
	case WLR_INPUT_DEVICE_TABLET: {
		struct wlr_tablet *tablet = wlr_tablet_from_input_device(wlr_device);
		watch(idle, device, &tablet->events.axis);
		watch(idle, device, &tablet->events.proximity);
		watch(idle, device, &tablet->events.tip);
		watch(idle, device, &tablet->events.button);
		break;
	}
	default:
		break;
	}
}

bool gp_idle_init(struct gp_idle *idle, struct wl_display *display, struct gp_outputs *outputs,
	struct wlr_seat *wlr_seat, const struct wlr_cursor *cursor) {
	idle->outputs = outputs;
	idle->wlr_seat = wlr_seat;
	idle->cursor = cursor;
	idle->begin_ns = gp_now_ns();
	wl_list_init(&idle->devices);
	idle->notifier = wlr_idle_notifier_v1_create(display);
	idle->sleep_timer = wl_event_loop_add_timer(outputs->loop, handle_sleep_timer, idle);
	idle->inhibit_timer = wl_event_loop_add_timer(outputs->loop, handle_inhibit_timer, idle);
	idle->output_added.notify = handle_output_added;
	wl_signal_add(&outputs->events.added, &idle->output_added);
	idle->output_changed.notify = handle_output_changed;
	wl_signal_add(&outputs->events.changed, &idle->output_changed);
	idle->output_frame.notify = handle_output_frame;
	wl_signal_add(&outputs->events.frame, &idle->output_frame);
	return idle->notifier != NULL && idle->sleep_timer != NULL && idle->inhibit_timer != NULL;
}

void gp_idle_finish(struct gp_idle *idle) {
	struct idle_device *device, *tmp;
	if (idle->outputs == NULL) {
		return;
	}
	wl_list_for_each_safe (device, tmp, &idle->devices, link) {
		device_destroy(device);
	}
	wl_list_remove(&idle->output_added.link);
	wl_list_remove(&idle->output_changed.link);
	wl_list_remove(&idle->output_frame.link);
	if (idle->sleep_timer != NULL) {
		wl_event_source_remove(idle->sleep_timer);
	}
	if (idle->inhibit_timer != NULL) {
		wl_event_source_remove(idle->inhibit_timer);
	}
	*idle = (struct gp_idle){0}; // the notifier is destroyed with the display
}

#include "compositor/output/placement.h"

#include <string.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_scene.h>

#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/scanout.h"
#include "compositor/guest/scanout_events.h"
#include "compositor/output/frame.h"
#include "compositor/output/monitor.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/policy.h"
#include "compositor/output/shown.h"
#include "compositor/view/view.h"

static void send_monitor(const struct gp_placement *placement, struct gp_view *view) {
	struct gp_guest_scanout *scanout = view->scanout;
	const struct gp_output *output = gp_output_from_view(view);
	struct gp_monitor monitor;
	if (output == NULL && placement->paused && scanout->has_monitor) {
		return;
	}
	if (output != NULL) {
		gp_monitor_describe(output, &monitor);
	} else if (scanout->has_monitor) {
		monitor = scanout->monitor; // what was sent last stays valid
		monitor.connected = false;
	} else {
		const struct gp_options *options = placement->outputs->settings->options;
		gp_monitor_describe_default(options->width, options->height, &monitor);
	}
	gp_guest_scanout_send_monitor(scanout, &monitor);
}

static void place(struct gp_placement *placement, struct gp_view *view) {
	const struct gp_guest_scanout *scanout = view->scanout;
	struct gp_output *old = gp_output_from_view(view);
	struct gp_output *output =
		gp_policy_find_output(placement->outputs, scanout->guest->name, scanout->index);
	if (old != output) {
		if (old != NULL) {
			gp_output_remove_view(old, view);
		}
		view->change_stamp = ++placement->outputs->stamp;
		if (output != NULL) {
			gp_output_add_view(output, view);
		} else {
			gp_view_set_target(view, &placement->hidden);
		}
	}
	send_monitor(placement, view);
}

static void handle_view_changed(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, view_changed);
	struct gp_outputs *outputs = placement->outputs;
	gp_policy_note_change(data, outputs->settings, ++outputs->stamp);
}

static void handle_new_scanout(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, new_scanout);
	struct gp_guest_scanout *scanout = data;
	struct gp_view *view = gp_view_create(scanout, &placement->hidden);
	if (view == NULL) {
		wl_resource_post_no_memory(scanout->resource);
		return;
	}
	view->change_stamp = ++placement->outputs->stamp;
	wl_list_insert(placement->views.prev, &view->link);
	place(placement, view);
}

/*
 * The next frame releases it. A parent compositor may ask for none for a long time, as it does while
 * the window is covered, but takes one at any time.
 */
static void handle_memory_wanted(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, memory_wanted);
	struct gp_output *output;
	wl_list_for_each (output, &placement->outputs->list, link) {
		if (output->window != NULL && output->wlr_output->enabled) {
			gp_output_frame_make(output);
		}
	}
}

static void handle_output_added(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, output_added);
	gp_placement_update(placement);
}

static void handle_output_removed(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, output_removed);
	struct gp_output *output = data;
	struct gp_view *view, *tmp;
	wl_list_for_each_safe (view, tmp, &output->views, output_link) {
		place(placement, view);
	}
}

static void handle_output_monitor(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, output_monitor);
	const struct gp_output *output = data;
	struct gp_view *view;
	wl_list_for_each (view, &output->views, output_link) {
		send_monitor(placement, view);
	}
}

bool gp_placement_init(struct gp_placement *placement, struct gp_outputs *outputs,
	struct gp_guest_manager *manager) {
	placement->outputs = outputs;
	wl_list_init(&placement->views);
	placement->hidden_scene = wlr_scene_create();
	if (placement->hidden_scene == NULL) {
		return false;
	}
	gp_view_target_init(&placement->hidden);
	placement->hidden.tree = &placement->hidden_scene->tree;
	placement->view_changed.notify = handle_view_changed;
	wl_signal_add(&placement->hidden.events.changed, &placement->view_changed);
	placement->new_scanout.notify = handle_new_scanout;
	wl_signal_add(&manager->events.new_scanout, &placement->new_scanout);
	placement->memory_wanted.notify = handle_memory_wanted;
	wl_signal_add(&manager->events.memory_wanted, &placement->memory_wanted);
	placement->output_added.notify = handle_output_added;
	wl_signal_add(&outputs->events.added, &placement->output_added);
	placement->output_removed.notify = handle_output_removed;
	wl_signal_add(&outputs->events.removed, &placement->output_removed);
	placement->output_monitor.notify = handle_output_monitor;
	wl_signal_add(&outputs->events.monitor, &placement->output_monitor);
	return true;
}

void gp_placement_finish(struct gp_placement *placement) {
	if (placement->new_scanout.notify != NULL) {
		wl_list_remove(&placement->new_scanout.link);
		wl_list_remove(&placement->memory_wanted.link);
		wl_list_remove(&placement->output_added.link);
		wl_list_remove(&placement->output_removed.link);
		wl_list_remove(&placement->output_monitor.link);
		placement->new_scanout.notify = NULL;
	}
	if (placement->hidden_scene != NULL) {
		wlr_scene_node_destroy(&placement->hidden_scene->tree.node);
		placement->hidden_scene = NULL;
	}
}

void gp_placement_update(struct gp_placement *placement) {
	struct gp_view *view;
	wl_list_for_each (view, &placement->views, link) {
		place(placement, view);
		gp_view_arrange(view);
	}
}

void gp_placement_set_paused(struct gp_placement *placement, bool paused) {
	placement->paused = paused;
	if (!paused) {
		gp_placement_update(placement);
	}
}

bool gp_placement_next_guest(struct gp_placement *placement, struct gp_output *output) {
	gp_output_refresh(output);
	struct gp_view *next = gp_policy_pick_next(&output->views, output->front);
	if (next != NULL) {
		gp_output_set_front(output, next);
	}
	return next != NULL;
}

bool gp_placement_show_guest(
	struct gp_placement *placement, const char *guest, struct gp_output *output) {
	bool found = false;
	struct gp_view *view;
	/* Of several of the guest's scanouts on one output the first is in front. */
	wl_list_for_each_reverse (view, &placement->views, link) {
		struct gp_output *on = gp_output_from_view(view);
		if (on != NULL && (output == NULL || on == output) &&
			strcmp(view->scanout->guest->name, guest) == 0 &&
			gp_policy_can_be_front(view)) {
			gp_output_set_front(on, view);
			found = true;
		}
	}
	return found;
}

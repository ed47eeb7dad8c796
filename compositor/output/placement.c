#include "compositor/output/placement.h"

#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_scene.h>

#include "compositor/config/settings.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/scanout.h"
#include "compositor/output/monitor.h"
#include "compositor/output/output.h"
#include "compositor/view/view.h"

static struct gp_output *find_output(const struct gp_view *view) {
	const struct gp_placement *placement = view->placement;
	uint32_t index = view->scanout->index;
	const char *pin = view->scanout->guest != NULL
		? gp_settings_get_pin(placement->settings, view->scanout->guest->name, index)
		: NULL;
	struct gp_output *output;
	wl_list_for_each (output, &placement->outputs, link) {
		if (pin != NULL ? gp_settings_pin_matches(pin, output->wlr_output)
				: output->slot == index) {
			return output;
		}
	}
	return NULL;
}

static void send_monitor(struct gp_view *view) {
	struct gp_guest_scanout *scanout = view->scanout;
	struct gp_monitor info;
	if (view->output == NULL && view->placement->is_paused && scanout->has_monitor) {
		return;
	}
	if (view->output != NULL) {
		gp_monitor_info_init(view->output, &info);
	} else if (scanout->has_monitor) {
		info = scanout->monitor; // what was told last stays valid
		info.connected = false;
	} else {
		gp_monitor_info_init_default(
			view->placement->default_width, view->placement->default_height, &info);
	}
	gp_guest_scanout_send_monitor(scanout, &info);
}

static void place(struct gp_view *view) {
	gp_view_set_output(view, find_output(view));
	send_monitor(view);
}

static void handle_new_scanout(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, new_scanout);
	struct gp_guest_scanout *scanout = data;
	struct gp_view *view = gp_view_create(placement, scanout);
	if (view == NULL) {
		wl_resource_post_no_memory(scanout->resource);
		return;
	}
	place(view);
}

/*
 * The next frame gives it back. A parent compositor may ask for none for a long time, as it does
 * while the window is covered, but takes one at any time.
 */
static void handle_memory_wanted(struct wl_listener *listener, void *data) {
	struct gp_placement *placement = wl_container_of(listener, placement, memory_wanted);
	struct gp_output *output;
	wl_list_for_each (output, &placement->outputs, link) {
		if (output->window != NULL && output->wlr_output->enabled) {
			gp_output_frame_make(output);
		}
	}
}

bool gp_placement_init(struct gp_placement *placement, struct gp_guest_manager *manager) {
	wl_list_init(&placement->outputs);
	wl_list_init(&placement->views);
	placement->hidden = wlr_scene_create();
	if (placement->hidden == NULL) {
		return false;
	}
	placement->new_scanout.notify = handle_new_scanout;
	wl_signal_add(&manager->events.new_scanout, &placement->new_scanout);
	placement->memory_wanted.notify = handle_memory_wanted;
	wl_signal_add(&manager->events.awaited, &placement->memory_wanted);
	return true;
}

void gp_placement_finish(struct gp_placement *placement) {
	if (placement->new_scanout.notify != NULL) {
		wl_list_remove(&placement->new_scanout.link);
		wl_list_remove(&placement->memory_wanted.link);
		placement->new_scanout.notify = NULL;
	}
	if (placement->hidden != NULL) {
		wlr_scene_node_destroy(&placement->hidden->tree.node);
		placement->hidden = NULL;
	}
}

void gp_placement_add_output(struct gp_placement *placement, struct gp_output *output) {
	/* The list is in the order of slots, so the first gap is the lowest free one. */
	struct wl_list *after = &placement->outputs;
	struct gp_output *other;
	output->slot = 0;
	wl_list_for_each (other, &placement->outputs, link) {
		if (other->slot != output->slot) {
			break;
		}
		output->slot++;
		after = &other->link;
	}
	wl_list_insert(after, &output->link);

	gp_placement_update(placement);
}

void gp_placement_remove_output(struct gp_placement *placement, struct gp_output *output) {
	wl_list_remove(&output->link);
	wl_list_init(&output->link);

	struct gp_view *view;
	wl_list_for_each (view, &placement->views, link) {
		if (view->output == output) {
			place(view);
		}
	}
}

void gp_placement_send_monitor(struct gp_placement *placement, struct gp_output *output) {
	struct gp_view *view;
	wl_list_for_each (view, &placement->views, link) {
		if (view->output == output) {
			send_monitor(view);
		}
	}
}

void gp_placement_update(struct gp_placement *placement) {
	struct gp_view *view;
	wl_list_for_each (view, &placement->views, link) {
		place(view);
		gp_view_arrange(view);
	}
}

bool gp_placement_next_guest(struct gp_placement *placement, struct gp_output *output) {
	struct gp_view *view, *first = NULL, *next = NULL;
	bool is_behind = false;
	wl_list_for_each (view, &placement->views, link) {
		if (view == output->view) {
			is_behind = true;
		} else if (view->output == output && view->has_picture) {
			first = first != NULL ? first : view;
			next = next == NULL && is_behind ? view : next;
		}
	}
	next = next != NULL ? next : first;
	if (next == NULL) {
		return false;
	}
	next->picture_stamp = gp_placement_stamp(placement);
	gp_output_refresh(output);
	return true;
}

uint64_t gp_placement_stamp(struct gp_placement *placement) {
	return ++placement->stamp;
}

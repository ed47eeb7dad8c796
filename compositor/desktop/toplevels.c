#include "compositor/desktop/toplevels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/types/wlr_ext_foreign_toplevel_list_v1.h>
#include <wlr/types/wlr_foreign_toplevel_management_v1.h>

#include "common/log.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/placement.h"
#include "compositor/output/policy.h"
#include "compositor/output/shown.h"
#include "compositor/seat/focus.h"

#define TITLE_MAX (GP_GUEST_TITLE_MAX + 32)

struct toplevel {
	struct gp_toplevels *toplevels;
	struct wl_list link; // gp_toplevels.list
	struct gp_view *view; // one has a single toplevel
	struct wlr_ext_foreign_toplevel_handle_v1 *ext;
	struct wlr_foreign_toplevel_handle_v1 *wlr;
	char title[TITLE_MAX]; // as sent last
	struct wlr_output *wlr_output; // the same
	bool activated;

	struct wl_listener scanout_destroy;
	struct wl_listener output_destroy;
	struct wl_listener request_activate;
};

static void destroy(struct toplevel *toplevel) {
	wl_list_remove(&toplevel->link);
	wl_list_remove(&toplevel->scanout_destroy.link);
	wl_list_remove(&toplevel->output_destroy.link);
	if (toplevel->wlr != NULL) {
		wl_list_remove(&toplevel->request_activate.link);
		wlr_foreign_toplevel_handle_v1_destroy(toplevel->wlr);
	}
	if (toplevel->ext != NULL) {
		wlr_ext_foreign_toplevel_handle_v1_destroy(toplevel->ext);
	}
	free(toplevel);
}

static void handle_scanout_destroy(struct wl_listener *listener, void *data) {
	struct toplevel *toplevel = wl_container_of(listener, toplevel, scanout_destroy);
	destroy(toplevel);
}

/* wlroots forgets it by itself. */
static void handle_output_destroy(struct wl_listener *listener, void *data) {
	struct toplevel *toplevel = wl_container_of(listener, toplevel, output_destroy);
	wl_list_remove(&toplevel->output_destroy.link);
	wl_list_init(&toplevel->output_destroy.link);
	toplevel->wlr_output = NULL;
}

static void handle_request_activate(struct wl_listener *listener, void *data) {
	struct toplevel *toplevel = wl_container_of(listener, toplevel, request_activate);
	struct gp_output *output = gp_output_from_view(toplevel->view);
	if (output != NULL && gp_policy_can_be_front(toplevel->view)) {
		gp_output_set_front(output, toplevel->view);
	}
}

static struct toplevel *create(struct gp_toplevels *toplevels, struct gp_view *view) {
	const char *name = view->scanout->guest->name;
	struct toplevel *toplevel = calloc(1, sizeof(*toplevel));
	if (toplevel == NULL) {
		return NULL;
	}
	toplevel->toplevels = toplevels;
	toplevel->view = view;
	wl_list_insert(toplevels->list.prev, &toplevel->link);
	wl_list_init(&toplevel->output_destroy.link);
	toplevel->scanout_destroy.notify = handle_scanout_destroy;
	wl_signal_add(&view->scanout->events.destroy, &toplevel->scanout_destroy);
	toplevel->ext = wlr_ext_foreign_toplevel_handle_v1_create(toplevels->ext,
		&(struct wlr_ext_foreign_toplevel_handle_v1_state){.title = "", .app_id = name});
	toplevel->wlr = wlr_foreign_toplevel_handle_v1_create(toplevels->wlr);
	if (toplevel->wlr != NULL) {
		toplevel->request_activate.notify = handle_request_activate;
		wl_signal_add(&toplevel->wlr->events.request_activate, &toplevel->request_activate);
	}
	if (toplevel->ext == NULL || toplevel->wlr == NULL) {
		destroy(toplevel);
		return NULL;
	}
	toplevel->ext->data = toplevel;
	wlr_foreign_toplevel_handle_v1_set_app_id(toplevel->wlr, name);
	return toplevel;
}

static void send_title(struct toplevel *toplevel) {
	const struct gp_guest_scanout *scanout = toplevel->view->scanout;
	char title[TITLE_MAX];
	if (scanout->index == 0) {
		snprintf(title, sizeof(title), "%s", scanout->guest->title);
	} else {
		snprintf(title, sizeof(title), "%s, scanout %u", scanout->guest->title,
			scanout->index);
	}
	if (strcmp(title, toplevel->title) == 0) {
		return;
	}
	strcpy(toplevel->title, title);
	wlr_foreign_toplevel_handle_v1_set_title(toplevel->wlr, title);
	wlr_ext_foreign_toplevel_handle_v1_update_state(toplevel->ext,
		&(struct wlr_ext_foreign_toplevel_handle_v1_state){
			.title = title, .app_id = scanout->guest->name});
}

static void send_output(struct toplevel *toplevel, struct wlr_output *wlr_output) {
	if (toplevel->wlr_output == wlr_output) {
		return;
	}
	if (toplevel->wlr_output != NULL) {
		wl_list_remove(&toplevel->output_destroy.link);
		wlr_foreign_toplevel_handle_v1_output_leave(toplevel->wlr, toplevel->wlr_output);
	}
	toplevel->wlr_output = wlr_output;
	toplevel->output_destroy.notify = handle_output_destroy;
	wl_signal_add(&wlr_output->events.destroy, &toplevel->output_destroy);
	wlr_foreign_toplevel_handle_v1_output_enter(toplevel->wlr, wlr_output);
}

static struct toplevel *find(const struct gp_toplevels *toplevels, const struct gp_view *view) {
	struct toplevel *toplevel;
	wl_list_for_each (toplevel, &toplevels->list, link) {
		if (toplevel->view == view) {
			return toplevel;
		}
	}
	return NULL;
}

static void update_view(struct gp_toplevels *toplevels, struct gp_view *view) {
	struct toplevel *toplevel = find(toplevels, view);
	const struct gp_output *output = gp_output_from_view(view);
	if (output == NULL) {
		if (toplevel != NULL) {
			destroy(toplevel);
		}
		return;
	}
	if (toplevel == NULL) {
		toplevel = create(toplevels, view);
		if (toplevel == NULL) {
			gp_error("guest %s: no memory for a toplevel", view->scanout->guest->name);
			return;
		}
	}
	send_title(toplevel);
	send_output(toplevel, output->wlr_output);
	bool activated = output->front == view &&
		gp_focus_get_guest(toplevels->focus) == view->scanout->guest;
	if (toplevel->activated != activated) {
		toplevel->activated = activated;
		wlr_foreign_toplevel_handle_v1_set_activated(toplevel->wlr, activated);
	}
}

static void handle_update(void *data) {
	struct gp_toplevels *toplevels = data;
	struct gp_view *view;
	toplevels->update = NULL;
	wl_list_for_each (view, &toplevels->placement->views, link) {
		update_view(toplevels, view);
	}
}

/* Once per turn of the loop. */
static void schedule_update(struct gp_toplevels *toplevels) {
	if (toplevels->update == NULL) {
		toplevels->update =
			wl_event_loop_add_idle(toplevels->loop, handle_update, toplevels);
	}
}

static void handle_new_scanout(struct wl_listener *listener, void *data) {
	struct gp_toplevels *toplevels = wl_container_of(listener, toplevels, new_scanout);
	schedule_update(toplevels);
}

static void handle_output_shown(struct wl_listener *listener, void *data) {
	struct gp_toplevels *toplevels = wl_container_of(listener, toplevels, output_shown);
	schedule_update(toplevels);
}

static void handle_output_removed(struct wl_listener *listener, void *data) {
	struct gp_toplevels *toplevels = wl_container_of(listener, toplevels, output_removed);
	schedule_update(toplevels);
}

static void handle_focus_changed(struct wl_listener *listener, void *data) {
	struct gp_toplevels *toplevels = wl_container_of(listener, toplevels, focus_changed);
	schedule_update(toplevels);
}

struct gp_guest_scanout *gp_toplevel_get_scanout(
	const struct wlr_ext_foreign_toplevel_handle_v1 *handle) {
	const struct toplevel *toplevel = handle->data;
	return toplevel->view->scanout;
}

bool gp_toplevels_init(struct gp_toplevels *toplevels, struct wl_display *display,
	struct gp_guest_manager *guests, struct gp_placement *placement, struct gp_focus *focus) {
	struct gp_outputs *outputs = placement->outputs;
	toplevels->loop = wl_display_get_event_loop(display);
	toplevels->placement = placement;
	toplevels->focus = focus;
	wl_list_init(&toplevels->list);
	toplevels->wlr = wlr_foreign_toplevel_manager_v1_create(display);
	toplevels->ext = wlr_ext_foreign_toplevel_list_v1_create(display, 1);
	if (toplevels->wlr == NULL || toplevels->ext == NULL) {
		toplevels->ext = NULL;
		return false;
	}
	toplevels->new_scanout.notify = handle_new_scanout;
	wl_signal_add(&guests->events.new_scanout, &toplevels->new_scanout);
	toplevels->output_shown.notify = handle_output_shown;
	wl_signal_add(&outputs->events.shown, &toplevels->output_shown);
	toplevels->output_removed.notify = handle_output_removed;
	wl_signal_add(&outputs->events.removed, &toplevels->output_removed);
	toplevels->focus_changed.notify = handle_focus_changed;
	wl_signal_add(&focus->events.changed, &toplevels->focus_changed);
	return true;
}

void gp_toplevels_finish(struct gp_toplevels *toplevels) {
	struct toplevel *toplevel, *tmp;
	if (toplevels->ext == NULL) {
		return;
	}
	wl_list_for_each_safe (toplevel, tmp, &toplevels->list, link) {
		destroy(toplevel);
	}
	if (toplevels->update != NULL) {
		wl_event_source_remove(toplevels->update);
		toplevels->update = NULL;
	}
	wl_list_remove(&toplevels->new_scanout.link);
	wl_list_remove(&toplevels->output_shown.link);
	wl_list_remove(&toplevels->output_removed.link);
	wl_list_remove(&toplevels->focus_changed.link);
	toplevels->ext = NULL;
}

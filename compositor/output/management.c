#include "compositor/output/management.h"

#include <math.h>
#include <stdlib.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_output_management_v1.h>
#include <wlr/types/wlr_scene.h>

#include "compositor/output/apply.h"
#include "compositor/output/monitor.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"

/* The state that a client asks for, without the scale. */
static void get_state(
	const struct wlr_output_configuration_head_v1 *head, struct wlr_output_state *state) {
	wlr_output_state_init(state);
	wlr_output_head_v1_state_apply(&head->state, state);
	state->committed &= ~WLR_OUTPUT_STATE_SCALE;
}

static bool test_head(const struct wlr_output_configuration_head_v1 *head) {
	struct wlr_output_state state;
	get_state(head, &state);
	bool ok = wlr_output_test_state(head->state.output, &state);
	wlr_output_state_finish(&state);
	return ok;
}

static bool apply_head(const struct wlr_output_configuration_head_v1 *head) {
	struct gp_output *output = head->state.output->data;
	if (output == NULL) {
		return false;
	}
	/* Who configures an output wants to see it, or not to have it. */
	enum gp_power power = output->power;
	output->power = GP_POWER_ON;
	gp_output_set_dirty(output);
	struct wlr_output_state state;
	get_state(head, &state);
	bool ok = gp_output_commit_state(output, &state);
	wlr_output_state_finish(&state);
	if (!ok) {
		output->power = power;
		return false;
	}

	if (head->state.enabled) {
		output->scale_120 = lroundf(head->state.scale * 120);
	}
	struct wlr_box position = {.x = head->state.x, .y = head->state.y};
	gp_output_update_layout(output, &position);
	gp_output_monitor_changed(output);
	return true;
}

static void reply(struct wlr_output_configuration_v1 *request, bool ok) {
	if (ok) {
		wlr_output_configuration_v1_send_succeeded(request);
	} else {
		wlr_output_configuration_v1_send_failed(request);
	}
	wlr_output_configuration_v1_destroy(request);
}

static bool test_request(struct wlr_output_configuration_v1 *request) {
	struct wlr_output_configuration_head_v1 *head;
	wl_list_for_each (head, &request->heads, link) {
		if (!test_head(head)) {
			return false;
		}
	}
	return true;
}

static void handle_test(struct wl_listener *listener, void *data) {
	reply(data, test_request(data));
}

/* Sends clients what the outputs are now. */
static void update(struct gp_output_management *management) {
	struct gp_outputs *outputs = management->outputs;
	struct wlr_output_configuration_v1 *now = wlr_output_configuration_v1_create();
	if (now == NULL) {
		return;
	}
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		struct wlr_output_configuration_head_v1 *head =
			wlr_output_configuration_head_v1_create(now, output->wlr_output);
		struct wlr_box box;
		wlr_output_layout_get_box(outputs->layout, output->wlr_output, &box);
		if (head != NULL) {
			head->state.enabled = gp_monitor_is_connected(output);
			head->state.scale = output->scale_120 / 120.0f;
			head->state.x = box.x;
			head->state.y = box.y;
		}
	}
	wlr_output_manager_v1_set_configuration(management->manager, now);
}

static void handle_apply(struct wl_listener *listener, void *data) {
	struct gp_output_management *management = wl_container_of(listener, management, apply);
	struct wlr_output_configuration_v1 *request = data;
	bool ok = test_request(request);
	struct wlr_output_configuration_head_v1 *head;
	wl_list_for_each (head, &request->heads, link) {
		ok = ok && apply_head(head);
	}
	reply(request, ok);
	update(management);
}

static void handle_layout_change(struct wl_listener *listener, void *data) {
	struct gp_output_management *management =
		wl_container_of(listener, management, layout_change);
	update(management);
}

static void handle_output_added(struct wl_listener *listener, void *data) {
	struct gp_output_management *management =
		wl_container_of(listener, management, output_added);
	update(management);
}

static void handle_output_removed(struct wl_listener *listener, void *data) {
	struct gp_output_management *management =
		wl_container_of(listener, management, output_removed);
	update(management);
}

static void handle_output_changed(struct wl_listener *listener, void *data) {
	struct gp_output_management *management =
		wl_container_of(listener, management, output_changed);
	update(management);
}

bool gp_output_management_init(struct gp_output_management *management, struct wl_display *display,
	struct gp_outputs *outputs) {
	management->outputs = outputs;
	management->manager = wlr_output_manager_v1_create(display);
	if (management->manager == NULL) {
		return false;
	}
	management->apply.notify = handle_apply;
	wl_signal_add(&management->manager->events.apply, &management->apply);
	management->test.notify = handle_test;
	wl_signal_add(&management->manager->events.test, &management->test);
	management->layout_change.notify = handle_layout_change;
	wl_signal_add(&outputs->layout->events.change, &management->layout_change);
	management->output_added.notify = handle_output_added;
	wl_signal_add(&outputs->events.added, &management->output_added);
	management->output_removed.notify = handle_output_removed;
	wl_signal_add(&outputs->events.removed, &management->output_removed);
	management->output_changed.notify = handle_output_changed;
	wl_signal_add(&outputs->events.changed, &management->output_changed);
	return true;
}

void gp_output_management_finish(struct gp_output_management *management) {
	if (management->manager == NULL) {
		return;
	}
	wl_list_remove(&management->apply.link);
	wl_list_remove(&management->test.link);
	wl_list_remove(&management->layout_change.link);
	wl_list_remove(&management->output_added.link);
	wl_list_remove(&management->output_removed.link);
	wl_list_remove(&management->output_changed.link);
	management->manager = NULL;
}

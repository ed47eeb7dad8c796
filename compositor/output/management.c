#include "compositor/output/management.h"

#include <stdlib.h>
#include <wlr/backend.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_output_management_v1.h>

#include "compositor/output/apply.h"
#include "compositor/output/monitor.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"

/* Positions are in pixels of the outputs: with a scale, clients would compute other ones. */
static bool can_be_configured(const struct wlr_output_configuration_v1 *request) {
	const struct wlr_output_configuration_head_v1 *head;
	wl_list_for_each (head, &request->heads, link) {
		if (head->state.output->data == NULL ||
			(head->state.enabled && head->state.scale != 1)) {
			return false;
		}
	}
	return true;
}

static bool commit(const struct wlr_output_configuration_v1 *request, bool test) {
	size_t n_states;
	struct wlr_backend_output_state *states =
		wlr_output_configuration_v1_build_state(request, &n_states);
	bool ok = states != NULL && can_be_configured(request);
	for (size_t i = 0; ok && i < n_states; i++) {
		states[i].base.committed &= ~WLR_OUTPUT_STATE_SCALE;
	}
	ok = ok && gp_outputs_commit(states, n_states, test);
	for (size_t i = 0; states != NULL && i < n_states; i++) {
		wlr_output_state_finish(&states[i].base);
	}
	free(states);
	return ok;
}

static void reply(struct wlr_output_configuration_v1 *request, bool ok) {
	if (ok) {
		wlr_output_configuration_v1_send_succeeded(request);
	} else {
		wlr_output_configuration_v1_send_failed(request);
	}
	wlr_output_configuration_v1_destroy(request);
}

static void handle_test(struct wl_listener *listener, void *data) {
	reply(data, commit(data, true));
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
			head->state.x = box.x;
			head->state.y = box.y;
		}
	}
	wlr_output_manager_v1_set_configuration(management->manager, now);
}

static void handle_apply(struct wl_listener *listener, void *data) {
	struct gp_output_management *management = wl_container_of(listener, management, apply);
	struct wlr_output_configuration_v1 *request = data;
	bool ok = commit(request, false);
	const struct wlr_output_configuration_head_v1 *head;
	wl_list_for_each (head, &request->heads, link) {
		struct gp_output *output = head->state.output->data;
		const struct wlr_box position = {.x = head->state.x, .y = head->state.y};
		if (ok) {
			/* Who configures an output wants to see it, or not to have it. */
			output->power = GP_POWER_ON;
			gp_output_set_dirty(output);
			gp_output_update_layout(output, &position);
			gp_output_monitor_changed(output);
		}
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

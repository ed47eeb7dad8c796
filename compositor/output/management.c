#include "compositor/output/management.h"

#include <math.h>
#include <stdlib.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_output_management_v1.h>
#include <wlr/types/wlr_scene.h>

#include "compositor/output/output.h"
#include "compositor/server.h"

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
	struct wlr_output_state state;
	get_state(head, &state);
	bool ok = gp_output_commit_state(output, &state);
	wlr_output_state_finish(&state);
	if (!ok) {
		return false;
	}

	if (head->state.enabled) {
		output->scale_120 = lroundf(head->state.scale * 120);
	}
	struct wlr_box position = {.x = head->state.x, .y = head->state.y};
	gp_output_update_layout(output, &position);
	gp_output_handle_monitor(output);
	return true;
}

static void answer(struct wlr_output_configuration_v1 *request, bool ok) {
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
	answer(data, test_request(data));
}

static void handle_apply(struct wl_listener *listener, void *data) {
	struct gp_output_config *config = wl_container_of(listener, config, apply);
	struct wlr_output_configuration_v1 *request = data;
	bool ok = test_request(request);
	struct wlr_output_configuration_head_v1 *head;
	wl_list_for_each (head, &request->heads, link) {
		ok = ok && apply_head(head);
	}
	answer(request, ok);
	gp_output_management_update(config);
}

static void handle_layout_change(struct wl_listener *listener, void *data) {
	struct gp_output_config *config = wl_container_of(listener, config, layout_change);
	gp_output_management_update(config);
}

bool gp_output_management_init(struct gp_output_config *config, struct gp_server *server) {
	config->server = server;
	config->manager = wlr_output_manager_v1_create(server->display);
	if (config->manager == NULL) {
		return false;
	}
	config->apply.notify = handle_apply;
	wl_signal_add(&config->manager->events.apply, &config->apply);
	config->test.notify = handle_test;
	wl_signal_add(&config->manager->events.test, &config->test);
	config->layout_change.notify = handle_layout_change;
	wl_signal_add(&server->output_layout->events.change, &config->layout_change);
	return true;
}

void gp_output_management_finish(struct gp_output_config *config) {
	if (config->manager == NULL) {
		return;
	}
	wl_list_remove(&config->apply.link);
	wl_list_remove(&config->test.link);
	wl_list_remove(&config->layout_change.link);
	config->manager = NULL;
}

void gp_output_management_update(struct gp_output_config *config) {
	if (config->manager == NULL) {
		return;
	}
	struct wlr_output_configuration_v1 *now = wlr_output_configuration_v1_create();
	if (now == NULL) {
		return;
	}
	struct gp_output *output;
	wl_list_for_each (output, &config->server->placement.outputs, link) {
		struct wlr_output_configuration_head_v1 *head =
			wlr_output_configuration_head_v1_create(now, output->wlr_output);
		struct wlr_box box;
		wlr_output_layout_get_box(config->server->output_layout, output->wlr_output, &box);
		if (head != NULL) {
			head->state.scale = output->scale_120 / 120.0f;
			head->state.x = box.x;
			head->state.y = box.y;
		}
	}
	wlr_output_manager_v1_set_configuration(config->manager, now);
}

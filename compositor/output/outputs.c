#include "compositor/output/outputs.h"

#include <wlr/backend/session.h>
#include <wlr/types/wlr_output_layout.h>

static void forget_session(struct gp_outputs *outputs) {
	if (outputs->session != NULL) {
		wl_list_remove(&outputs->session_destroy.link);
		outputs->session = NULL;
	}
}

static void handle_session_destroy(struct wl_listener *listener, void *data) {
	struct gp_outputs *outputs = wl_container_of(listener, outputs, session_destroy);
	forget_session(outputs);
}

bool gp_outputs_init(
	struct gp_outputs *outputs, struct wl_display *display, struct wlr_session *session) {
	wl_list_init(&outputs->list);
	wl_signal_init(&outputs->events.added);
	wl_signal_init(&outputs->events.removed);
	wl_signal_init(&outputs->events.changed);
	wl_signal_init(&outputs->events.monitor);
	wl_signal_init(&outputs->events.shown);
	wl_signal_init(&outputs->events.frame);
	wl_signal_init(&outputs->events.last_window_closed);
	outputs->session = session;
	if (session != NULL) {
		outputs->session_destroy.notify = handle_session_destroy;
		wl_signal_add(&session->events.destroy, &outputs->session_destroy);
	}
	outputs->loop = wl_display_get_event_loop(display);
	outputs->layout = wlr_output_layout_create(display);
	return outputs->layout != NULL;
}

void gp_outputs_finish(struct gp_outputs *outputs) {
	forget_session(outputs);
}

#include "compositor/system/session.h"

#include <wlr/backend/session.h>

#include "common/log.h"

static void handle_resume(void *data) {
	struct gp_vt_session *session = data;
	session->resume = NULL;
	gp_info("the session is active again");
	wl_signal_emit_mutable(&session->events.resumed, session);
}

static void cancel_resume(struct gp_vt_session *session) {
	if (session->resume != NULL) {
		wl_event_source_remove(session->resume);
		session->resume = NULL;
	}
}

static void handle_wlr_active(struct wl_listener *listener, void *data) {
	struct gp_vt_session *session = wl_container_of(listener, session, wlr_active);
	cancel_resume(session);
	if (session->wlr_session->active) {
		/* The outputs come back in this signal, one after the other. */
		session->resume = wl_event_loop_add_idle(session->loop, handle_resume, session);
		wl_signal_emit_mutable(&session->events.active, session);
	} else {
		gp_info("the session is paused");
		wl_signal_emit_mutable(&session->events.paused, session);
	}
}

static void handle_wlr_destroy(struct wl_listener *listener, void *data) {
	struct gp_vt_session *session = wl_container_of(listener, session, wlr_destroy);
	gp_vt_session_finish(session);
}

void gp_vt_session_init(struct gp_vt_session *session, struct wlr_session *wlr_session,
	struct wl_event_loop *loop) {
	*session = (struct gp_vt_session){.wlr_session = wlr_session, .loop = loop};
	wl_signal_init(&session->events.paused);
	wl_signal_init(&session->events.active);
	wl_signal_init(&session->events.resumed);
	if (wlr_session == NULL) {
		return;
	}
	session->wlr_active.notify = handle_wlr_active;
	/* Before the backend, which takes the outputs away. */
	wl_list_insert(&wlr_session->events.active.listener_list, &session->wlr_active.link);
	session->wlr_destroy.notify = handle_wlr_destroy;
	wl_signal_add(&wlr_session->events.destroy, &session->wlr_destroy);
}

void gp_vt_session_finish(struct gp_vt_session *session) {
	if (session->wlr_session == NULL) {
		return;
	}
	cancel_resume(session);
	wl_list_remove(&session->wlr_active.link);
	wl_list_remove(&session->wlr_destroy.link);
	session->wlr_session = NULL;
}

const char *gp_vt_session_state(const struct gp_vt_session *session) {
	if (session->wlr_session == NULL) {
		return NULL;
	}
	return session->wlr_session->active ? "active" : "paused";
}

#include "compositor/system/session.h"

#include <wlr/backend/session.h>

#include "common/log.h"
#include "compositor/server.h"

static void handle_resume(void *data) {
	struct gp_vt_session *session = data;
	struct gp_server *server = session->server;
	session->resume = NULL;
	gp_info("the session is active again");
	server->placement.paused = false;
	gp_placement_update(&server->placement);
}

static void cancel_resume(struct gp_vt_session *session) {
	if (session->resume != NULL) {
		wl_event_source_remove(session->resume);
		session->resume = NULL;
	}
}

static void handle_active(struct wl_listener *listener, void *data) {
	struct gp_vt_session *session = wl_container_of(listener, session, active);
	struct gp_server *server = session->server;
	bool is_active = server->session->active;
	cancel_resume(session);
	if (is_active) {
		/* The outputs come back in this signal, one after the other. */
		session->resume = wl_event_loop_add_idle(server->loop, handle_resume, session);
	} else {
		gp_info("the session is paused");
		server->placement.paused = true;
	}
	gp_guest_manager_set_paused(&server->guest_manager, !is_active);
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct gp_vt_session *session = wl_container_of(listener, session, destroy);
	gp_vt_session_finish(session);
	session->server->session = NULL;
}

void gp_vt_session_init(struct gp_vt_session *session, struct gp_server *server) {
	session->server = server;
	if (server->session == NULL) {
		return;
	}
	session->active.notify = handle_active;
	/* Before the backend, which takes the outputs away. */
	wl_list_insert(&server->session->events.active.listener_list, &session->active.link);
	session->destroy.notify = handle_destroy;
	wl_signal_add(&server->session->events.destroy, &session->destroy);
}

void gp_vt_session_finish(struct gp_vt_session *session) {
	if (session->active.notify == NULL) {
		return;
	}
	cancel_resume(session);
	wl_list_remove(&session->active.link);
	wl_list_remove(&session->destroy.link);
	session->active.notify = NULL;
}

const char *gp_vt_session_state(const struct gp_vt_session *session) {
	if (session->active.notify == NULL) {
		return NULL;
	}
	return session->server->session->active ? "active" : "paused";
}

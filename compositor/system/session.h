#ifndef GP_COMPOSITOR_SYSTEM_SESSION_H
#define GP_COMPOSITOR_SYSTEM_SESSION_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_server;

/**
 * Whether the seat is ours. When the user switches to another virtual terminal, or the machine is
 * suspended by a session manager, wlroots takes all outputs away, and brings back those that are
 * there when the seat is ours again.
 *
 * In between guests go on, hidden, and keep the monitors that they were told of: those that have
 * really gone are told afterwards.
 */
struct gp_vt_session {
	struct gp_server *server;
	struct wl_event_source *resume; // pending, or NULL

	struct wl_listener active;
	struct wl_listener destroy;
};

/* Does nothing if the server has no session. The placement and the guest manager must be there. */
void gp_vt_session_init(struct gp_vt_session *session, struct gp_server *server);
/* To be called before the backend goes. One that is all zeros is fine. */
void gp_vt_session_finish(struct gp_vt_session *session);

/* "active", "paused", or NULL if there is no session. */
const char *gp_vt_session_state(const struct gp_vt_session *session);

#endif

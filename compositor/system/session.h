#ifndef GP_COMPOSITOR_SYSTEM_SESSION_H
#define GP_COMPOSITOR_SYSTEM_SESSION_H

#include <wayland-server-core.h>

struct wlr_session;

/**
 * Whether the seat is ours. When the user switches to another virtual terminal, or a session
 * manager suspends the host, wlroots takes all outputs away. It brings back those that are still
 * connected when the seat is ours again.
 */
struct gp_vt_session {
	struct wlr_session *wlr_session; // NULL: nested, headless, or finished
	struct wl_event_loop *loop;
	struct wl_event_source *resume; // pending; may be NULL

	struct {
		struct wl_signal paused; // the outputs are still there
		struct wl_signal active; // the seat is ours, the outputs are not back yet
		struct wl_signal
			resumed; // the outputs are back; follows active unless paused again
	} events;

	struct wl_listener wlr_active;
	struct wl_listener wlr_destroy;
};

/* wlr_session may be NULL: then nothing is ever emitted. */
void gp_vt_session_init(
	struct gp_vt_session *session, struct wlr_session *wlr_session, struct wl_event_loop *loop);
/* To be called before the backend is destroyed. One that is all zeros is fine. */
void gp_vt_session_finish(struct gp_vt_session *session);

/* "active", "paused", or NULL if there is no session. */
const char *gp_vt_session_state(const struct gp_vt_session *session);

#endif

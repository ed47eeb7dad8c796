#ifndef GP_COMPOSITOR_OUTPUT_OUTPUTS_H
#define GP_COMPOSITOR_OUTPUT_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_parent;
struct gp_settings;
struct wlr_allocator;
struct wlr_output_layout;
struct wlr_renderer;
struct wlr_session;

/**
 * The set of outputs and what they share. An output puts itself into the list when it is made and
 * leaves it when it is destroyed; wlr_output.data is the gp_output in between, and NULL otherwise.
 *
 * What outputs and views have to report goes up by the events here: whoever places guests, moves
 * the focus or describes outputs to clients listens, and no output knows them.
 */
struct gp_outputs {
	struct wl_list list; // gp_output.link, in the order of slots
	struct wlr_output_layout *layout; // of the display, which destroys it

	struct wl_event_loop *loop; // of the display

	/* Of the owner, to be set before the first output is made. */
	struct wlr_renderer *renderer;
	struct wlr_allocator *allocator;
	struct gp_parent *parent; // the compositor whose windows outputs may be in
	const struct gp_settings *settings;
	const char *bridge_socket; // path, for the status screen; NULL: guests have their own

	/* What is said on all outputs until then; see gp_outputs_show_notice. */
	char notice[128];
	uint64_t notice_end_ns;
	bool has_hud; // an overlay says what each output does

	bool held; // of the seat: a key or a button is pressed, or a finger is down
	uint64_t stamp; // the last that was given to an event, see policy.h

	struct wlr_session *session; // NULL if nested or headless, or once it was destroyed

	struct {
		struct wl_signal added; // struct gp_output, which is in the list
		/* struct gp_output, which is not in the list any more; it is destroyed next. */
		struct wl_signal removed;
		/* struct gp_output: its mode, transform, scale or position. At once. */
		struct wl_signal changed;
		/* struct gp_output: what its guests are to know of it. Later, when sizes settle. */
		struct wl_signal monitor;
		/**
		 * struct gp_output: the view that it shows, if any, or its size may be another. At
		 * most once per turn of the event loop, and besides at once when its view is
		 * removed.
		 */
		struct wl_signal shown;
		struct wl_signal frame; // struct gp_output: it shows a new frame of a guest
		struct wl_signal last_window_closed; // NULL
	} events;

	struct wl_listener session_destroy;
};

/* The session may be NULL. Returns false if memory is short. */
bool gp_outputs_init(
	struct gp_outputs *outputs, struct wl_display *display, struct wlr_session *session);
/* After all outputs. Outputs that are all zeros are fine. */
void gp_outputs_finish(struct gp_outputs *outputs);

#endif

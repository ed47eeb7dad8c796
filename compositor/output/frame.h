#ifndef GP_COMPOSITOR_OUTPUT_FRAME_H
#define GP_COMPOSITOR_OUTPUT_FRAME_H

struct gp_output;
struct wlr_output_event_present;

/* The frames of an output, and which way those of guests take to it. */

/* Commits a frame if there is something new, and lets clients know that they may draw the next. */
void gp_output_frame_make(struct gp_output *output);
/* Notes a guest's frame that was committed, to be counted when it is on screen. */
void gp_output_frame_handle_commit(struct gp_output *output);
void gp_output_frame_handle_present(
	struct gp_output *output, const struct wlr_output_event_present *event);
/* Forgets what was refused: something has changed that it may have depended on. */
void gp_output_frame_reset(struct gp_output *output);

#endif

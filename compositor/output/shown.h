#ifndef GP_COMPOSITOR_OUTPUT_SHOWN_H
#define GP_COMPOSITOR_OUTPUT_SHOWN_H

#include <stdbool.h>

#include "compositor/output/output.h"

/* What an output shows: one of its views or a status screen, a label and a title. */

/* Listens to the output's target and window. Returns false if memory is short. */
bool gp_output_shown_init(struct gp_output *output);
/* One that is all zeros is fine. */
void gp_output_shown_finish(struct gp_output *output);

/* Takes a view that is hidden and on no output. */
void gp_output_add_view(struct gp_output *output, struct gp_view *view);
/* Hides the view, which has to get another target. */
void gp_output_remove_view(struct gp_output *output, struct gp_view *view);

/**
 * Something that decides what the output shows has changed: a view, its guest, the size, the
 * settings. It is decided again once, at the end of this turn of the event loop.
 */
void gp_output_set_dirty(struct gp_output *output);
/* Decides it at once if it is dirty. To be called by who is about to make a frame, or to report. */
void gp_output_refresh(struct gp_output *output);
/* The user wants one of the output's views in front. */
void gp_output_set_front(struct gp_output *output, struct gp_view *view);
/* The view in front, or the one that the status screen is about; NULL if there is none. */
struct gp_view *gp_output_get_subject(const struct gp_output *output);

/* Whether the output belongs to a guest: it has a picture, or has switched its screen off. */
bool gp_output_shows_guest(const struct gp_output *output);
/* Shows or hides the overlay of all outputs (hud.h). */
void gp_outputs_set_hud(struct gp_outputs *outputs, bool shown);
/* Shows a text over everything on all outputs, until CLOCK_MONOTONIC is end_ns. */
void gp_outputs_show_notice(struct gp_outputs *outputs, const char *text, uint64_t end_ns);

const char *gp_showing_name(enum gp_showing showing);

#endif

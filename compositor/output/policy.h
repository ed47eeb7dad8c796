#ifndef GP_COMPOSITOR_OUTPUT_POLICY_H
#define GP_COMPOSITOR_OUTPUT_POLICY_H

#include <stdint.h>
#include <wayland-util.h>

struct gp_output;
struct gp_outputs;
struct gp_settings;
struct gp_view;
struct gp_view_change;

/*
 * Which output a scanout goes to, and which of the views there is in front. It reads and writes
 * fields only, so that it can be tested without outputs.
 */

/* The lowest slot that no output in the list has; *after is set to where its output belongs. */
uint32_t gp_policy_get_slot(struct gp_outputs *outputs, struct wl_list **after);
/**
 * The output that the configuration pins the guest's scanout to, or else the one whose slot is the
 * scanout's index. NULL: there is none.
 */
struct gp_output *gp_policy_find_output(
	const struct gp_outputs *outputs, const char *guest, uint32_t scanout);

/**
 * Notes at stamp what has changed about one of the views of an output; NULL: no output shows it. A
 * view that gets a picture comes to the front, but not before the guest that the configuration
 * calls first.
 */
void gp_policy_note_change(const struct gp_view_change *change, const struct wl_list *views,
	const struct gp_settings *settings, uint64_t stamp);

/* Of an output's views: the one to show; NULL if none has a picture. */
struct gp_view *gp_policy_pick_front(const struct wl_list *views);
/* The one that the status screen is about if none is shown; NULL if there is none. */
struct gp_view *gp_policy_pick_subject(const struct wl_list *views);
/* The one to show after the one that is shown (may be NULL); NULL if no other has a picture. */
struct gp_view *gp_policy_pick_next(const struct wl_list *views, const struct gp_view *shown);

#endif

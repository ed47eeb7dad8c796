#ifndef GP_COMPOSITOR_OUTPUT_POLICY_H
#define GP_COMPOSITOR_OUTPUT_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

#include "common/limits.h"

/* How long a place is kept for a guest whose bridge was lost. */
#define GP_POLICY_KEEP_NS UINT64_C(3000000000)

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
 * The place in front that is kept for a guest whose bridge was lost there: it may have crashed, and
 * is started again. Until the time is over nobody else comes to the front by itself, so that what
 * the user types then goes to nobody, and a guest of that name is in front as soon as it runs.
 */
struct gp_policy_place {
	char guest[GP_GUEST_NAME_MAX + 1]; // empty: none
	uint32_t scanout;
	uint64_t end_ns; // on the clock of the caller
};

/* The bridge of the view's guest disconnected; the view is still there. */
void gp_policy_keep_place(
	struct gp_policy_place *place, const struct gp_view *view, uint64_t now_ns);
bool gp_policy_is_kept(const struct gp_policy_place *place, uint64_t now_ns);

/**
 * Who is in front is the user's choice, by hotkey, guestpanectl or as the configuration's first
 * guest. A guest in front stays there while its VM runs or is paused, whether or not it has a
 * picture. By itself a guest comes to the front only where none is: with the first picture of its
 * life, or as the next in rank after one that has left, whose place is kept if it left by a crash.
 * And nothing goes from one guest to another
 * while a key or a button is held.
 */

/* Notes at stamp what has changed about a view. */
void gp_policy_note_change(
	const struct gp_view_change *change, const struct gp_settings *settings, uint64_t stamp);

/**
 * Which of an output's views is to be in front; NULL: none. last is the name of the guest that was
 * in front there last, empty if there was none; held: a key or a button is. place is one that is
 * kept now, or NULL.
 */
struct gp_view *gp_policy_pick_front(const struct wl_list *views, const char *last, bool held,
	const struct gp_policy_place *place);
/* Makes one of the views the front; NULL: none of them. */
void gp_policy_set_front(const struct wl_list *views, struct gp_view *front, uint64_t stamp);

/* The one that the status screen is about if none is in front; NULL if there is none. */
struct gp_view *gp_policy_pick_subject(const struct wl_list *views);
/* Whether the user may have it in front: it has had a picture, or its VM runs. */
bool gp_policy_can_be_front(const struct gp_view *view);
/* The one to show after the front (may be NULL); NULL if there is no other. */
struct gp_view *gp_policy_pick_next(const struct wl_list *views, const struct gp_view *front);

#endif

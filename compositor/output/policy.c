#include "compositor/output/policy.h"

#include <string.h>

#include "compositor/config/settings.h"
#include "compositor/guest/guest.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/view/identity.h"
#include "compositor/view/view.h"
#include "guest-scanout-v1-protocol.h"

uint32_t gp_policy_get_slot(struct gp_outputs *outputs, struct wl_list **after) {
	/* The list is in the order of slots, so the first gap is the lowest free one. */
	uint32_t slot = 0;
	struct gp_output *other;
	*after = &outputs->list;
	wl_list_for_each (other, &outputs->list, link) {
		if (other->slot != slot) {
			break;
		}
		slot++;
		*after = &other->link;
	}
	return slot;
}

struct gp_output *gp_policy_find_output(
	const struct gp_outputs *outputs, const char *guest, uint32_t scanout) {
	const char *pin = gp_settings_get_pin(outputs->settings, guest, scanout);
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		struct gp_config_identity identity = gp_output_identity(output->wlr_output);
		if (pin != NULL ? gp_config_matches(pin, &identity) : output->slot == scanout) {
			return output;
		}
	}
	return NULL;
}

static bool is_active(const struct gp_view *view) {
	return gp_guest_may_show(view->scanout->guest);
}

void gp_policy_note_change(
	const struct gp_view_change *change, const struct gp_settings *settings, uint64_t stamp) {
	struct gp_view *view = change->view;
	if (!is_active(view)) {
		view->front = false;
		view->wants_front = false;
		view->rank = 0;
	}
	if ((change->changes & GP_VIEW_FIRST_PICTURE) != 0 &&
		gp_settings_is_first(settings, view->scanout->guest->name)) {
		view->wants_front = true;
	}
	bool lost_picture = (change->changes & GP_VIEW_PICTURE) != 0 && !view->has_picture;
	if ((change->changes & GP_VIEW_GUEST) != 0 || lost_picture) {
		view->change_stamp = stamp;
	}
}

void gp_policy_keep_place(
	struct gp_policy_place *place, const struct gp_view *view, uint64_t now_ns) {
	if (view->front && is_active(view)) {
		strcpy(place->guest, view->scanout->guest->name);
		place->scanout = view->scanout->index;
		place->end_ns = now_ns + GP_POLICY_KEEP_NS;
	}
}

bool gp_policy_is_kept(const struct gp_policy_place *place, uint64_t now_ns) {
	return place->guest[0] != '\0' && now_ns < place->end_ns;
}

static bool is_for(const struct gp_policy_place *place, const struct gp_view *view) {
	return place != NULL && view->scanout->index == place->scanout &&
		strcmp(view->scanout->guest->name, place->guest) == 0;
}

/* A picture comes before none. Views of equal rank stay in the order in which they came. */
static bool comes_before(const struct gp_view *a, const struct gp_view *b) {
	if (b == NULL || a->has_picture != b->has_picture) {
		return b == NULL || a->has_picture;
	}
	return a->rank > b->rank;
}

struct gp_view *gp_policy_pick_front(const struct wl_list *views, const char *last, bool held,
	const struct gp_policy_place *place) {
	struct gp_view *view, *front = NULL, *wanting = NULL, *returned = NULL, *next = NULL;
	wl_list_for_each (view, views, output_link) {
		if (!is_active(view)) {
			continue;
		}
		/* There are two when views were moved here from another output. */
		if (view->front && (front == NULL || view->rank > front->rank)) {
			front = view;
		}
		if (is_for(place, view)) {
			returned = view;
		}
		if (view->wants_front && view->has_picture) {
			wanting = view;
		}
		if (gp_view_had_picture(view) && comes_before(view, next)) {
			next = view;
		}
	}
	struct gp_view *best = wanting != NULL ? wanting
		: front != NULL                ? front
		: place != NULL                ? returned
					       : next;
	bool from_another =
		best != NULL && last[0] != '\0' && strcmp(best->scanout->guest->name, last) != 0;
	return held && from_another ? front : best;
}

void gp_policy_set_front(const struct wl_list *views, struct gp_view *front, uint64_t stamp) {
	struct gp_view *view;
	wl_list_for_each (view, views, output_link) {
		view->front = view == front;
		view->wants_front = false;
	}
	if (front != NULL) {
		front->rank = stamp;
	}
}

struct gp_view *gp_policy_pick_subject(const struct wl_list *views) {
	struct gp_view *view, *best = NULL;
	wl_list_for_each (view, views, output_link) {
		if (best == NULL || view->change_stamp > best->change_stamp) {
			best = view;
		}
	}
	return best;
}

bool gp_policy_can_be_front(const struct gp_view *view) {
	return is_active(view) &&
		(gp_view_had_picture(view) ||
			view->scanout->guest->state == GUEST_V1_STATE_RUNNING);
}

struct gp_view *gp_policy_pick_next(const struct wl_list *views, const struct gp_view *front) {
	struct gp_view *view, *first = NULL, *next = NULL;
	bool behind = false;
	wl_list_for_each (view, views, output_link) {
		if (view == front) {
			behind = true;
		} else if (gp_policy_can_be_front(view)) {
			first = first != NULL ? first : view;
			next = next == NULL && behind ? view : next;
		}
	}
	return next != NULL ? next : first;
}

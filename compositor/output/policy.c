#include "compositor/output/policy.h"

#include "compositor/config/settings.h"
#include "compositor/guest/guest.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/view/identity.h"
#include "compositor/view/view.h"

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

/* Of the views but one, which may be NULL. */
static struct gp_view *pick_front(const struct wl_list *views, const struct gp_view *but) {
	struct gp_view *view, *best = NULL;
	wl_list_for_each (view, views, output_link) {
		if (view != but && view->has_picture &&
			(best == NULL || view->picture_stamp > best->picture_stamp)) {
			best = view;
		}
	}
	return best;
}

struct gp_view *gp_policy_pick_front(const struct wl_list *views) {
	return pick_front(views, NULL);
}

void gp_policy_note_change(const struct gp_view_change *change, const struct wl_list *views,
	const struct gp_settings *settings, uint64_t stamp) {
	struct gp_view *view = change->view;
	bool picture = (change->changes & GP_VIEW_PICTURE) != 0;
	if (picture && view->has_picture) {
		const struct gp_view *front = views != NULL ? pick_front(views, view) : NULL;
		bool behind = front != NULL &&
			gp_settings_is_first(settings, front->scanout->guest->name) &&
			!gp_settings_is_first(settings, view->scanout->guest->name);
		view->picture_stamp = behind ? 0 : stamp;
	}
	if ((change->changes & GP_VIEW_GUEST) != 0 || (picture && !view->has_picture)) {
		view->change_stamp = stamp;
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

struct gp_view *gp_policy_pick_next(const struct wl_list *views, const struct gp_view *shown) {
	struct gp_view *view, *first = NULL, *next = NULL;
	bool behind = false;
	wl_list_for_each (view, views, output_link) {
		if (view == shown) {
			behind = true;
		} else if (view->has_picture) {
			first = first != NULL ? first : view;
			next = next == NULL && behind ? view : next;
		}
	}
	return next != NULL ? next : first;
}

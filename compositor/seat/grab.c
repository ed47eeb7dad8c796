#include "compositor/seat/grab.h"

#include "compositor/config/settings.h"
#include "compositor/guest/scanout.h"
#include "compositor/nested/window.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/seat/focus.h"
#include "compositor/view/view.h"

void gp_grab_update(const struct gp_grab *grab) {
	const struct gp_outputs *outputs = grab->focus->outputs;
	bool may_grab = grab->wanted && gp_settings_get_hotkey(outputs->settings)->n > 0;
	const struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		if (output->window != NULL) {
			gp_window_inhibit(output->window,
				may_grab && output->view != NULL &&
					gp_focus_covers(
						grab->focus, output->view->scanout->surface));
		}
	}
}

void gp_grab_toggle(struct gp_grab *grab) {
	grab->wanted = !grab->wanted;
	gp_grab_update(grab);
}

static void handle_focus_changed(struct wl_listener *listener, void *data) {
	struct gp_grab *grab = wl_container_of(listener, grab, focus_changed);
	gp_grab_update(grab);
}

void gp_grab_init(struct gp_grab *grab, struct gp_focus *focus) {
	grab->focus = focus;
	grab->wanted = true;
	grab->focus_changed.notify = handle_focus_changed;
	wl_signal_add(&focus->events.changed, &grab->focus_changed);
}

void gp_grab_finish(struct gp_grab *grab) {
	wl_list_remove(&grab->focus_changed.link);
}

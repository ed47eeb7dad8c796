#include "compositor/guest/manager.h"

void gp_guest_manager_init(struct gp_guest_manager *manager, struct wlr_renderer *renderer) {
	*manager = (struct gp_guest_manager){0};
	wl_list_init(&manager->guests);
	wl_signal_init(&manager->events.guest_request);
	wl_signal_init(&manager->events.new_scanout);
	wl_signal_init(&manager->events.leds);
	wl_signal_init(&manager->events.memory_wanted);
	wl_signal_init(&manager->events.pause);
	gp_importer_init(&manager->importer, renderer);
}

void gp_guest_manager_set_paused(struct gp_guest_manager *manager, bool paused) {
	manager->paused = paused;
	if (paused) {
		wl_signal_emit_mutable(&manager->events.pause, NULL);
	}
}

#include "compositor/guest/manager.h"

#include <stdint.h>

#define LOG_BURST 64
#define LOG_INTERVAL_NS UINT64_C(1000000000)

void gp_guest_manager_init(struct gp_guest_manager *manager, struct wlr_renderer *renderer) {
	*manager = (struct gp_guest_manager){0};
	wl_list_init(&manager->guests);
	wl_signal_init(&manager->events.guest_request);
	wl_signal_init(&manager->events.fds_short);
	wl_signal_init(&manager->events.new_scanout);
	wl_signal_init(&manager->events.leds);
	wl_signal_init(&manager->events.memory_wanted);
	wl_signal_init(&manager->events.pause);
	gp_importer_init(&manager->importer, renderer);
	for (size_t i = 0; i < GP_GUEST_LOGS; i++) {
		manager->logs[i] =
			(struct gp_log_limit){.burst = LOG_BURST, .interval_ns = LOG_INTERVAL_NS};
	}
}

struct gp_log_limit *gp_guest_manager_get_log(struct gp_guest_manager *manager, const char *name) {
	uint32_t hash = 0;
	for (const char *at = name; *at != '\0'; at++) {
		hash = hash * 31 + (unsigned char)*at;
	}
	return &manager->logs[hash % GP_GUEST_LOGS];
}

void gp_guest_manager_set_paused(struct gp_guest_manager *manager, bool paused) {
	manager->paused = paused;
	if (paused) {
		wl_signal_emit_mutable(&manager->events.pause, NULL);
	}
}

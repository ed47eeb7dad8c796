#include "compositor/guest/guest.h"

#include <stdlib.h>
#include <string.h>

#include "compositor/guest/manager.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-protocol.h"

#define LOG_INTERVAL_NS UINT64_C(1000000000)
#define FAILURE_BURST 8
#define STATE_BURST 32 // a guest that boots has some

bool gp_guest_may_show(const struct gp_guest *guest) {
	return guest->state == GUEST_V1_STATE_RUNNING || guest->state == GUEST_V1_STATE_PAUSED;
}

const char *gp_guest_state_name(uint32_t state) {
	static const char *const names[] = {
		[GUEST_V1_STATE_WAITING] = "waiting",
		[GUEST_V1_STATE_RUNNING] = "running",
		[GUEST_V1_STATE_PAUSED] = "paused",
		[GUEST_V1_STATE_DISCONNECTED] = "disconnected",
	};
	return names[state];
}

void gp_guest_set_title(struct gp_guest *guest, const char *title) {
	strcpy(guest->title, title);
	wl_signal_emit_mutable(&guest->events.change, guest);
}

static void reset(struct gp_guest *guest) {
	guest->life++;
	wl_signal_emit_mutable(&guest->events.reset, guest);
}

void gp_guest_set_state(struct gp_guest *guest, uint32_t state) {
	if (guest->state == state) {
		return;
	}
	guest->state = state;
	gp_log_limited(&guest->state_limit, GP_LOG_INFO, "guest %s: %s", guest->name,
		gp_guest_state_name(state));
	if (!gp_guest_may_show(guest)) {
		reset(guest);
	}
	wl_signal_emit_mutable(&guest->events.change, guest);
}

void gp_guest_set_leds(struct gp_guest *guest, uint32_t leds) {
	guest->leds =
		leds & (GUEST_V1_LED_NUM_LOCK | GUEST_V1_LED_CAPS_LOCK | GUEST_V1_LED_SCROLL_LOCK);
	wl_signal_emit_mutable(&guest->manager->events.leds, guest);
}

void gp_guest_next_generation(struct gp_guest *guest) {
	guest->generation++;
	reset(guest);
}

void gp_guest_send_focus(struct gp_guest *guest, bool focused) {
	if (guest->focused != focused) {
		guest->focused = focused;
		guest_v1_send_focus(guest->resource, focused);
	}
}

void gp_guest_count_import(struct gp_guest *guest, const struct gp_import_failure *failure) {
	if (failure == NULL) {
		guest->n_imports++;
		return;
	}
	guest->n_imports_failed++;
	gp_log_limited(&guest->failure_limit, GP_LOG_WARN, "guest %s: import failed: %s",
		guest->name, failure->message);
}

struct gp_guest *gp_guest_create(struct gp_guest_manager *manager, struct wl_resource *resource,
	const char *name, const uint8_t uuid[GP_GUEST_UUID_SIZE], struct gp_quota *quota) {
	struct gp_guest *guest = calloc(1, sizeof(*guest));
	if (guest == NULL) {
		return NULL;
	}
	guest->resource = resource;
	guest->manager = manager;
	guest->life = 1;
	guest->quota = gp_quota_ref(quota);
	guest->quota->n_guests++;
	guest->failure_limit =
		(struct gp_log_limit){.burst = FAILURE_BURST, .interval_ns = LOG_INTERVAL_NS};
	guest->state_limit =
		(struct gp_log_limit){.burst = STATE_BURST, .interval_ns = LOG_INTERVAL_NS};
	strcpy(guest->name, name);
	strcpy(guest->title, name);
	memcpy(guest->uuid, uuid, GP_GUEST_UUID_SIZE);
	wl_list_init(&guest->blobs);
	wl_signal_init(&guest->events.change);
	wl_signal_init(&guest->events.reset);
	wl_signal_init(&guest->events.destroy);
	wl_list_insert(manager->guests.prev, &guest->link);
	gp_log_limited(gp_guest_manager_get_log(manager, guest->name), GP_LOG_INFO,
		"guest %s: connected", guest->name);
	return guest;
}

void gp_guest_destroy(struct gp_guest *guest) {
	gp_log_limited(gp_guest_manager_get_log(guest->manager, guest->name), GP_LOG_INFO,
		"guest %s: disconnected", guest->name);
	wl_signal_emit_mutable(&guest->events.destroy, guest);
	wl_list_remove(&guest->link);
	guest->quota->n_guests--;
	gp_quota_unref(guest->quota);
	free(guest);
}

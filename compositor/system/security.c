#include "compositor/system/security.h"

#include <stddef.h>
#include <string.h>
#include <wayland-server-core.h>

#include "compositor/system/bridge_client.h"

#define GUEST_MANAGER "guest_scanout_manager_v1"

/*
 * Buffers of bridges come from blobs alone. Others know no quota, and a wl_shm file that shrinks
 * while it is handed on to a parent compositor would cost us the connection there, and all guests.
 */
static const char *const for_bridges[] = {
	GUEST_MANAGER,
	"wl_compositor",
	"wl_fixes",
	"wl_output",
	"wl_seat",
	"wp_linux_drm_syncobj_manager_v1",
	"wp_presentation",
	"wp_viewporter",
	"zwp_pointer_constraints_v1",
	"zwp_relative_pointer_manager_v1",
	"zwp_tablet_manager_v2",
};

bool gp_security_shows(bool bridge, const char *interface) {
	if (!bridge) {
		return strcmp(interface, GUEST_MANAGER) != 0;
	}
	for (size_t i = 0; i < sizeof(for_bridges) / sizeof(for_bridges[0]); i++) {
		if (strcmp(interface, for_bridges[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool filter_global(
	const struct wl_client *client, const struct wl_global *global, void *data) {
	return gp_security_shows(
		gp_bridge_client_try_from(client) != NULL, wl_global_get_interface(global)->name);
}

void gp_security_init(struct wl_display *display) {
	wl_display_set_global_filter(display, filter_global, NULL);
}

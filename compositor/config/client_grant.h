#ifndef GP_COMPOSITOR_CONFIG_CLIENT_GRANT_H
#define GP_COMPOSITOR_CONFIG_CLIENT_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/config/guest_socket.h"

#define GP_CLIENT_NAME_MAX 31
#define GP_CLIENT_GRANTS_MAX 16

/**
 * What ordinary Wayland clients may do. compositor/system/security.c has the globals of each.
 */
enum gp_permission {
	GP_PERMISSION_CAPTURE = 1 << 0, // see what outputs show
	GP_PERMISSION_INPUT = 1 << 1, // type and point
	GP_PERMISSION_OUTPUTS = 1 << 2, // set modes, positions and the like
	GP_PERMISSION_POWER = 1 << 3, // switch outputs on and off
	GP_PERMISSION_IDLE = 1 << 4, // be notified whether anybody uses the seat
	GP_PERMISSION_TOPLEVELS = 1 << 5, // see which guests there are, and switch them
};
#define GP_PERMISSIONS 6
/* The names, for error messages. */
#define GP_PERMISSIONS_RULE "capture, input, outputs, power, idle and toplevels"

/**
 * A socket for ordinary clients. Those that connect there may do what is said here, nothing else.
 */
struct gp_client_grant {
	char name[GP_CLIENT_NAME_MAX + 1];
	/* With a slash at its beginning; or as in WAYLAND_DISPLAY: of a file in XDG_RUNTIME_DIR. */
	char path[GP_PATH_MAX];
	uint32_t permissions; // bits of enum gp_permission
};

struct gp_client_grants {
	struct gp_client_grant list[GP_CLIENT_GRANTS_MAX]; // the first n
	size_t n;
};

/* Of the bit with that number, below GP_PERMISSIONS. */
const char *gp_permission_name(size_t bit);
/* Adds the permission of that name, which need not be terminated. Returns false for another one. */
bool gp_permissions_add(uint32_t *permissions, const char *name, size_t length);
/* Adds a copy. Returns NULL, or why that is not possible. */
const char *gp_client_grants_add(
	struct gp_client_grants *grants, const char *name, const char *path, uint32_t permissions);
/* The same from NAME=PATH, or NAME=PATH:PERMISSION,PERMISSION. */
const char *gp_client_grants_parse(struct gp_client_grants *grants, const char *text);
/* Returns NULL if there is none of that name. */
const struct gp_client_grant *gp_client_grants_find(
	const struct gp_client_grants *grants, const char *name);

#endif

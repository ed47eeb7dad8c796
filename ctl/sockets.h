#ifndef GP_CTL_SOCKETS_H
#define GP_CTL_SOCKETS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define GP_SOCKETS_MAX 128

/* Control sockets: guestpane's first, then those of bridges, by name. */
struct gp_sockets {
	char paths[GP_SOCKETS_MAX][PATH_MAX]; // the first n
	size_t n;
};

/* Finds those of the user in $XDG_RUNTIME_DIR/guestpane, and those of the services in /run. */
void gp_sockets_find(struct gp_sockets *sockets);
/* Whether the path is one of a compositor. */
bool gp_socket_is_compositor(const char *path);

#endif

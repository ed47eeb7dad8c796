#ifndef GP_COMPOSITOR_CONFIG_GUEST_SOCKET_H
#define GP_COMPOSITOR_CONFIG_GUEST_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/limits.h"

#define GP_PATH_MAX 108 // bytes of a socket's path, with the terminating zero
#define GP_GUEST_SOCKETS_MAX 64
#define GP_NO_BRIDGE_SOCKET "none" // in the place of the general one's path

/**
 * Bridge sockets that are for one guest each: who connects there is that guest, and nobody else is.
 */
struct gp_guest_socket {
	char guest[GP_GUEST_NAME_MAX + 1];
	char path[GP_PATH_MAX];
};

struct gp_guest_sockets {
	struct gp_guest_socket list[GP_GUEST_SOCKETS_MAX]; // the first n
	size_t n;
};

/* Whether the first bytes of a text can be the name of a guest, UTF-8 or not. */
bool gp_guest_socket_is_name(const char *text, size_t length);
/* Adds a copy. Returns NULL, or why that is not possible. */
const char *gp_guest_sockets_add(
	struct gp_guest_sockets *sockets, const char *guest, const char *path);

#endif

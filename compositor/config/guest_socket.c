#include "compositor/config/guest_socket.h"

#include <string.h>

#define STRINGIFY(x) #x
#define TEXT(x) STRINGIFY(x)

bool gp_guest_socket_is_name(const char *text, size_t length) {
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte < ' ' || byte == 0x7f) {
			return false;
		}
	}
	return length >= 1 && length <= GP_GUEST_NAME_MAX;
}

const char *gp_guest_sockets_add(
	struct gp_guest_sockets *sockets, const char *guest, const char *path) {
	if (!gp_guest_socket_is_name(guest, strlen(guest))) {
		return "a guest's name has 1 to " TEXT(GP_GUEST_NAME_MAX) " bytes";
	}
	if (path[0] == '\0' || strlen(path) >= GP_PATH_MAX) {
		return "a socket path has 1 to 107 bytes";
	}
	for (size_t i = 0; i < sockets->n; i++) {
		if (strcmp(sockets->list[i].guest, guest) == 0) {
			return "the guest has a bridge socket already";
		}
	}
	if (sockets->n == GP_GUEST_SOCKETS_MAX) {
		return "more than " TEXT(GP_GUEST_SOCKETS_MAX) " sockets of guests";
	}
	struct gp_guest_socket *socket = &sockets->list[sockets->n++];
	strcpy(socket->guest, guest);
	strcpy(socket->path, path);
	return NULL;
}

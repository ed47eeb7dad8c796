#include "vmm-bridge/keeper/grant.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fd.h"

void gp_grant_close(struct gp_grant *grant) {
	if (grant->fd < 0) {
		return;
	}
	gp_fd_close(&grant->fd);
	grant->fd = -ENODEV;
	if (grant->path != NULL) {
		unlink(grant->path);
	}
}

void gp_grants_add(struct gp_grants *grants, const struct gp_grant *grant) {
	for (size_t i = 0; i < grants->n; i++) {
		struct gp_grant *known = &grants->items[i];
		if (known->kind == grant->kind && known->index == grant->index) {
			gp_grant_close(known);
			*known = *grant;
			return;
		}
	}
	grants->items[grants->n++] = *grant;
}

static bool get_name(int socket, struct sockaddr_un *name) {
	socklen_t size = sizeof(*name);
	*name = (struct sockaddr_un){0};
	return getsockname(socket, (struct sockaddr *)name, &size) == 0;
}

/* The listener itself, which every worker has, goes by the same name. */
static bool is_connection(int socket) {
	int listens, type;
	socklen_t size = sizeof(int);
	return getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
		getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && listens == 0 &&
		type == SOCK_STREAM;
}

bool gp_grants_accepted(const struct gp_grants *grants, uint32_t index, int socket) {
	struct sockaddr_un accepted, listening;
	for (size_t i = 0; i < grants->n; i++) {
		const struct gp_grant *grant = &grants->items[i];
		if (grant->kind == GP_GRANT_LISTENER && grant->index == index) {
			return is_connection(socket) && get_name(socket, &accepted) &&
				get_name(grant->fd, &listening) &&
				memcmp(&accepted, &listening, sizeof(accepted)) == 0;
		}
	}
	return false;
}

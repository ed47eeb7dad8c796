#ifndef GP_COMPOSITOR_FD_SHORTAGE_H
#define GP_COMPOSITOR_FD_SHORTAGE_H

#include <stdbool.h>
#include <sys/types.h>

struct gp_bridge_clients;
struct wl_client;

/**
 * What happens when descriptors run short: whoever has taken the most gives some back, so that one
 * who hoards them keeps nobody from connecting, and no guest from being shown.
 */

/**
 * Makes room for a descriptor of this process, and of its client unless that is NULL: disconnects a
 * client of the process that has the most. Returns false if that is the same one. Processes count,
 * as one may have several clients; those of which nothing is seen here (pid 0) count as one.
 */
bool gp_fd_shortage_make_room(const struct gp_bridge_clients *clients,
	const struct wl_client *client, pid_t pid, uid_t uid);

#endif

#ifndef GP_COMPOSITOR_FD_SHORTAGE_H
#define GP_COMPOSITOR_FD_SHORTAGE_H

#include <stdbool.h>
#include <sys/types.h>

struct gp_bridge_clients;

/**
 * What happens when descriptors run short: whoever has taken the most gives some back, so that one
 * who hoards them keeps nobody from connecting, and no guest from being shown.
 */

/**
 * Makes room for a descriptor of this process: disconnects a client of the process that has the
 * most. Returns false if that is the same one. Processes count, as one may have several clients.
 */
bool gp_fd_shortage_make_room(const struct gp_bridge_clients *clients, pid_t pid, uid_t uid);

#endif

#ifndef GP_COMPOSITOR_SYSTEM_PASSED_SOCKET_H
#define GP_COMPOSITOR_SYSTEM_PASSED_SOCKET_H

#include <stdbool.h>

#include "common/limits.h"

/**
 * Whether the name of a descriptor that the service manager passed means a socket for bridges:
 * "bridge-NAME" for the guest NAME; "bridge", or the name of the socket's unit, which is the
 * default, for any guest. Writes for which; empty: any.
 */
bool gp_passed_socket_parse(const char *name, char guest[GP_GUEST_NAME_MAX + 1]);

#endif

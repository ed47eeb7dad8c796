#ifndef GP_COMPOSITOR_SOCKETS_H
#define GP_COMPOSITOR_SOCKETS_H

#include <stdbool.h>

struct gp_server;

/* The sockets that the service manager, the command line and the configuration ask for. */

/* Returns false after logging. The server has to finish its sockets in any case. */
bool gp_server_open_bridge_sockets(struct gp_server *server);
bool gp_server_open_client_sockets(struct gp_server *server);

#endif

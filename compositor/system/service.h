#ifndef GP_COMPOSITOR_SYSTEM_SERVICE_H
#define GP_COMPOSITOR_SYSTEM_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

struct wl_event_loop;
struct wl_event_source;

#define GP_SERVICE_SOCKETS_MAX 65

/* A listening socket for bridges that was passed to us. */
struct gp_service_socket {
	int fd; // -1: taken
	char guest[GP_GUEST_NAME_MAX + 1]; // that alone may appear there; empty: any
};

/**
 * The service manager's protocols: sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3),
 * without libsystemd. Without a service manager nothing here does anything.
 */
struct gp_service {
	int notify_fd; // connected to the manager; -1: none
	struct gp_service_socket sockets[GP_SERVICE_SOCKETS_MAX]; // the first n_sockets
	size_t n_sockets;
	struct wl_event_source *watchdog; // may be NULL
	uint32_t watchdog_ms; // between keep-alive messages
};

/**
 * To be called once. Unsets the variables, so that no child sees them. Of the sockets that were
 * passed, FileDescriptorName= says what they are for: "bridge-NAME" for the guest NAME; "bridge",
 * or the name of the socket's unit, which is the default, for any guest. Others are closed, after
 * logging.
 */
void gp_service_init(struct gp_service *service);
/* Starts keep-alive messages if the manager wants them. Returns false if memory is short. */
bool gp_service_start_watchdog(struct gp_service *service, struct wl_event_loop *loop);
/* To be called before the loop is destroyed. */
void gp_service_finish(struct gp_service *service);

/* Sends assignments as in sd_notify(3): "READY=1". */
void gp_service_notify(const struct gp_service *service, const char *state);

#endif

#ifndef GP_COMMON_SERVICE_H
#define GP_COMMON_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wl_event_loop;
struct wl_event_source;

#define GP_SERVICE_SOCKETS_MAX 80
#define GP_SERVICE_NAME_MAX 255 // of a descriptor, as the service manager has it
#define GP_SERVICE_STATUS_MAX 512
#define GP_SERVICE_PATH_MAX 108

/* A listening Unix stream socket that was passed to us. */
struct gp_service_socket {
	int fd; // non-blocking, closed on exec; -1: taken
	char name[GP_SERVICE_NAME_MAX + 1]; // FileDescriptorName=; empty if there is none
	char path[GP_SERVICE_PATH_MAX + 1]; // that it is bound to; empty if it has none
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
	char status[GP_SERVICE_STATUS_MAX]; // that the manager has
};

/**
 * To be called once. Unsets the variables, so that no child sees them. What was passed and is no
 * listening Unix stream socket is closed, after logging.
 */
void gp_service_init(struct gp_service *service);
/* Starts keep-alive messages if the manager wants them. Returns false if memory is short. */
bool gp_service_start_watchdog(struct gp_service *service, struct wl_event_loop *loop);
/* To be called before the loop is destroyed. */
void gp_service_finish(struct gp_service *service);

/* Whether there is a manager that wants to be notified. */
bool gp_service_is_notified(const struct gp_service *service);
/* Sends assignments as in sd_notify(3): "READY=1". */
void gp_service_notify(const struct gp_service *service, const char *state);
/* The configuration is about to be loaded again; READY=1 follows. */
void gp_service_notify_reloading(const struct gp_service *service);
/* One line for people, which is sent if it has changed. It may be cut. */
void gp_service_set_status(struct gp_service *service, const char *status);
/* Logs that a socket is not used and why, and closes it. */
void gp_service_refuse_socket(struct gp_service_socket *socket, const char *cause);

#endif

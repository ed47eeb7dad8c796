#ifndef GP_COMPOSITOR_SYSTEM_SERVICE_H
#define GP_COMPOSITOR_SYSTEM_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

struct wl_event_loop;
struct wl_event_source;

/**
 * The service manager's protocols: sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3), without
 * libsystemd. Without a service manager nothing here does anything.
 */
struct gp_service {
	int notify_fd; // connected to the manager; -1: none
	int listen_fd; // the listening socket that it passed to us; -1: none
	struct wl_event_source *watchdog; // may be NULL
	uint32_t watchdog_ms; // between keep-alive messages
};

/* To be called once. Unsets the variables, so that no child sees them. */
void gp_service_init(struct gp_service *service);
/* Starts keep-alive messages if the manager wants them. Returns false if memory is short. */
bool gp_service_start_watchdog(struct gp_service *service, struct wl_event_loop *loop);
/* To be called before the loop is destroyed. */
void gp_service_finish(struct gp_service *service);

/* Sends assignments as in sd_notify(3): "READY=1". */
void gp_service_notify(const struct gp_service *service, const char *state);

#endif

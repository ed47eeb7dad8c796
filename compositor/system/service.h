#ifndef GP_COMPOSITOR_SYSTEM_SERVICE_H
#define GP_COMPOSITOR_SYSTEM_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

struct wl_event_loop;
struct wl_event_source;

/**
 * What a service manager gives and gets, by the environment: sd_listen_fds(3), sd_notify(3) and
 * sd_watchdog_enabled(3), which are simple enough to be spoken without libsystemd. Without a
 * service manager all of it does nothing.
 */
struct gp_service {
	int notify_fd; // connected to the manager, -1: nobody wants to know
	int listen_fd; // a listening socket that was handed over, -1: none
	struct wl_event_source *watchdog; // may be NULL
	uint32_t watchdog_ms; // between signs of life
};

/* Takes what there is out of the environment, so that no child sees it. Must be called once. */
void gp_service_init(struct gp_service *service);
/* Starts the signs of life, if the manager waits for them. Returns false if memory is short. */
bool gp_service_start_watchdog(struct gp_service *service, struct wl_event_loop *loop);
/* The loop must still be there. */
void gp_service_finish(struct gp_service *service);

/* Sends assignments as in sd_notify(3): "READY=1". */
void gp_service_notify(const struct gp_service *service, const char *state);

#endif

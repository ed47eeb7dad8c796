#ifndef GP_TESTS_HARNESS_POWER_CLIENT_H
#define GP_TESTS_HARNESS_POWER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * What wlopm and swayidle do: a client of wlr-output-power-management, for the compositor's first
 * output, and of ext-idle-notify.
 */
struct power_client {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_seat *seat;
	struct wl_output *output;
	struct zwlr_output_power_manager_v1 *power_manager; // NULL: not advertised
	struct zwlr_output_power_v1 *power;
	struct ext_idle_notifier_v1 *notifier; // NULL: not advertised
	struct ext_idle_notification_v1 *notification;
	int mode; // enum zwlr_output_power_v1_mode; -1: the compositor has sent none
	unsigned n_idled, n_resumed;
};

/* Connects to a socket by path. False: the connection is broken, or something is not advertised. */
bool power_client_connect(struct power_client *client, const char *path);
void power_client_finish(struct power_client *client);

/* Returns when the compositor has handled it. */
bool power_client_set_mode(struct power_client *client, int mode);
/* Asks to be notified after timeout_ms without activity. */
bool power_client_watch(struct power_client *client, uint32_t timeout_ms);
/* Handles events until there was so many of both; false after timeout_ms. */
bool power_client_wait(
	struct power_client *client, unsigned n_idled, unsigned n_resumed, int timeout_ms);
/* Handles what has come. */
bool power_client_sync(struct power_client *client);

#endif

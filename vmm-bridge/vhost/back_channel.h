#ifndef GP_VMM_BRIDGE_VHOST_BACK_CHANNEL_H
#define GP_VMM_BRIDGE_VHOST_BACK_CHANNEL_H

#include <stdbool.h>

/**
 * The socket for requests from the back end to the front end. Never waits: a message that does
 * not fit is sent when the front end has read. It asks for no replies and discards what comes.
 */

struct wl_event_loop;
struct wl_event_source;

struct gp_back_channel {
	int fd; // owned, or -1
	struct wl_event_source *source;
	bool config_changed; // has to be sent
};

void gp_back_channel_init(struct gp_back_channel *channel);
/* Takes fd in every case; replaces an earlier one. False, and no channel, if it is no socket. */
bool gp_back_channel_open(struct gp_back_channel *channel, struct wl_event_loop *loop, int fd);
void gp_back_channel_close(struct gp_back_channel *channel);
bool gp_back_channel_is_open(const struct gp_back_channel *channel);

/* Several changes that the front end has not read become one. */
void gp_back_channel_config_changed(struct gp_back_channel *channel);
/* Forgets a change that could not be sent yet. Returns whether there was one. */
bool gp_back_channel_cancel(struct gp_back_channel *channel);

#endif

#ifndef GP_VMM_BRIDGE_QEMU_BUS_H
#define GP_VMM_BRIDGE_QEMU_BUS_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

/**
 * A D-Bus connection in libwayland's event loop. Its messages are handled from gp_bus_process only,
 * so nothing that is called in the loop's dispatch sees the connection end.
 */

#define GP_BUS_TIMEOUT_US 2000000 // of our own calls

struct wl_event_loop;
struct wl_event_source;

struct gp_bus {
	sd_bus *bus; // NULL: closed
	struct wl_event_loop *loop;
	struct wl_event_source *io, *timer;
	bool more; // messages were left for the next turn
};

/**
 * A connection on the socket, without a bus between, that is not started; fd is taken in every
 * case. server: the other end begins the handshake. NULL after logging.
 */
sd_bus *gp_bus_new(int fd, bool server);

/**
 * Starts the connection and puts it into the loop; the reference is taken in every case. False
 * after logging, with the bus closed.
 */
bool gp_bus_start(struct gp_bus *bus, struct wl_event_loop *loop, sd_bus *connection);
/* Flushes nothing. Nothing happens if it is closed. */
void gp_bus_close(struct gp_bus *bus);

/* Handles what has come. False: the connection has ended, and is to be closed. */
bool gp_bus_process(struct gp_bus *bus);
/* After all that was sent in this turn, and before the loop waits. */
void gp_bus_arm(struct gp_bus *bus);

/* Calls without waiting for a reply; what cannot be sent is dropped. For tiny messages. */
void gp_bus_post(struct gp_bus *bus, const char *destination, const char *path,
	const char *interface, const char *member, const char *types, ...);
/**
 * Reads a{sv}, which is next in the message. handle reads the value, a variant with contents of
 * that type, and returns 1; or it leaves it and returns 0. False: the message is broken.
 */
bool gp_bus_read_properties(sd_bus_message *message,
	int (*handle)(void *data, const char *name, const char *contents, sd_bus_message *message),
	void *data);
/* How many messages wait because the other end does not read. */
uint64_t gp_bus_backlog(const struct gp_bus *bus);

#endif

#ifndef GP_VMM_BRIDGE_QEMU_ENDPOINT_H
#define GP_VMM_BRIDGE_QEMU_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/qemu/bus.h"
#include "vmm-bridge/qemu/opener.h"
#include "vmm-bridge/qemu/qmp.h"

/**
 * The connection to QEMU's objects (-display dbus), made in one of four ways, and again when it was
 * lost, with pauses that grow.
 */

enum gp_qemu_way {
	GP_QEMU_NOWAY,
	GP_QEMU_QMP, // QEMU's monitor at a path; it is handed an end of a socket pair
	GP_QEMU_FD, // a socket that is connected already
	GP_QEMU_LISTEN, // QEMU comes to a path and takes us for a bus
	GP_QEMU_BUS, // QEMU and we are clients of a bus
};

struct gp_qemu_address {
	enum gp_qemu_way way;
	const char *text; // path, for messages; must stay valid
	int fd; // FD: a connection. LISTEN: a listening socket
	struct gp_qemu_opener opener;
};

/* Called from gp_qemu_endpoint_end_turn and the loop's dispatch, never from process. */
struct gp_qemu_endpoint_events {
	/* QEMU's objects can be called. */
	void (*connected)(void *data);
	/* That connection has ended. */
	void (*disconnected)(void *data);
	/* What the monitor reports: an event, or "RESUME" or "STOP" for the state at the start. */
	void (*event)(void *data, const char *name);
};

struct gp_qemu_endpoint {
	const struct gp_qemu_endpoint_events *events;
	void *data;
	struct wl_event_loop *loop;
	struct gp_qemu_address address;
	struct gp_qmp qmp;
	struct wl_event_source *listen_source;
	struct gp_bus main;
	const char *destination; // of calls on main; NULL: there is no bus between
	bool ready; // QEMU was found on main, which is not yet reported
	bool connected; // it was reported
	bool wanted; // a connection may be made by QMP
	bool finished; // there will be none any more
	uint64_t try_ns; // 0: nothing is to be tried
	uint64_t limit_ns; // of what is being tried; 0: nothing is
	uint64_t pause_ns;
	char failure[160]; // why there is no connection; empty: not known, or there is one
};

/* address.fd is taken in every case. False after logging; it needs no finish then. */
bool gp_qemu_endpoint_init(struct gp_qemu_endpoint *endpoint, struct wl_event_loop *loop,
	const struct gp_qemu_address *address, const struct gp_qemu_endpoint_events *events,
	void *data);
void gp_qemu_endpoint_finish(struct gp_qemu_endpoint *endpoint);
/* Whether QMP may make a connection when there is none: it takes QEMU from another client. */
void gp_qemu_endpoint_want(struct gp_qemu_endpoint *endpoint, bool wanted);

/* Handles what QEMU has sent. */
void gp_qemu_endpoint_process(struct gp_qemu_endpoint *endpoint);
void gp_qemu_endpoint_end_turn(struct gp_qemu_endpoint *endpoint, uint64_t now_ns);
/* When that is to be called without an event; 0: never. */
uint64_t gp_qemu_endpoint_deadline(const struct gp_qemu_endpoint *endpoint);

#endif

#ifndef GP_VMM_BRIDGE_QEMU_QMP_H
#define GP_VMM_BRIDGE_QEMU_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A connection to QEMU's monitor protocol, on a Unix socket: commands one after the other, and the
 * events that are of interest here. It never blocks. A reply that does not come is waited for by
 * the user (gp_qmp_waiting).
 */

#define GP_QMP_LINE_MAX 65536
#define GP_QMP_COMMANDS_MAX 8

struct json_object;
struct json_tokener;
struct wl_event_loop;
struct wl_event_source;

struct gp_qmp_events {
	/* QEMU takes commands. */
	void (*ready)(void *data);
	/* The reply to the oldest command: result, or NULL and the error. */
	void (*reply)(
		void *data, const char *command, struct json_object *result, const char *error);
	void (*event)(void *data, const char *name);
};

struct gp_qmp {
	int fd; // owned; -1: not connected
	struct wl_event_source *source;
	const struct gp_qmp_events *events;
	void *data;
	const char *commands[GP_QMP_COMMANDS_MAX]; // without a reply, oldest first
	size_t n_commands;
	char line[GP_QMP_LINE_MAX]; // first length bytes
	size_t length;
	bool lost; // it has ended: to be closed
};

/* fd is connected and non-blocking, and taken in every case. events must outlive it. False: no
 * memory. */
bool gp_qmp_start(struct gp_qmp *qmp, struct wl_event_loop *loop, int fd,
	const struct gp_qmp_events *events, void *data);
/* Nothing happens if it is not connected. */
void gp_qmp_close(struct gp_qmp *qmp);
bool gp_qmp_connected(const struct gp_qmp *qmp);
/* Sends a command of a static name; arguments are JSON, or NULL. fd, which stays the caller's, goes
 * with it; -1: none does. */
void gp_qmp_send(struct gp_qmp *qmp, const char *command, const char *arguments, int fd);

#endif

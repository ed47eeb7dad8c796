#ifndef GP_COMMON_CONTROL_H
#define GP_COMMON_CONTROL_H

#include <stdbool.h>

struct wl_event_loop;
struct json_object;

/* Of the status documents, in their member "schema": raised when a member changes its meaning. */
#define GP_STATUS_SCHEMA 1

/**
 * The control socket of a program. A client connects, sends one line ("status\n"), gets one JSON
 * document and a newline, and the server closes. Clients are of the same user (mode 0600), but
 * slow or silent ones do not block the program: connections are non-blocking, at most 8 at a time,
 * and ended after 2 s.
 */
struct gp_control;

/**
 * Returns a new document, owned by the caller, or NULL if the request is not known; the client
 * then gets {"error": "unknown request"}.
 */
typedef struct json_object *(*gp_control_handler)(void *data, const char *request);

/* Listens at path. Returns NULL after logging if that fails. The path is removed on destroy. */
struct gp_control *gp_control_create(
	struct wl_event_loop *loop, const char *path, gp_control_handler handler, void *data);
/* The same at a listening socket, which is taken in every case. */
struct gp_control *gp_control_create_at(
	struct wl_event_loop *loop, int fd, gp_control_handler handler, void *data);
/* NULL is fine. */
void gp_control_destroy(struct gp_control *control);

#endif

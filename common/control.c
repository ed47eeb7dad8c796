#include "common/control.h"

#include <errno.h>
#include <json-c/json_object.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"

#define CLIENTS_MAX 8
#define CLIENT_TIMEOUT_MS 2000
#define ACCEPT_RETRY_MS 500
#define REQUEST_MAX 256

struct client {
	struct gp_control *control;
	int fd; // -1: unused
	struct wl_event_source *source, *timer;
	char request[REQUEST_MAX];
	size_t n_request;
	char *reply; // NULL until the request is complete
	size_t n_reply, n_sent;
};

struct gp_control {
	struct wl_event_loop *loop;
	gp_control_handler handler;
	void *data;
	char *path; // to be removed, or NULL
	int fd;
	struct wl_event_source *source, *retry_timer;
	struct client clients[CLIENTS_MAX];
};

static void remove_source(struct wl_event_source **source) {
	if (*source != NULL) {
		wl_event_source_remove(*source);
		*source = NULL;
	}
}

static void client_finish(struct client *client) {
	remove_source(&client->source);
	remove_source(&client->timer);
	gp_fd_close(&client->fd);
	free(client->reply);
	*client = (struct client){.control = client->control, .fd = -1};
}

static void client_send(struct client *client) {
	ssize_t n = send(client->fd, client->reply + client->n_sent,
		client->n_reply - client->n_sent, MSG_NOSIGNAL);
	if (n > 0) {
		client->n_sent += n;
	}
	bool again = n >= 0 || errno == EAGAIN || errno == EINTR;
	if (!again || client->n_sent == client->n_reply) {
		client_finish(client);
		return;
	}
	wl_event_source_fd_update(client->source, WL_EVENT_WRITABLE);
}

static struct json_object *error_document(const char *text) {
	struct json_object *document = json_object_new_object();
	json_object_object_add(document, "error", json_object_new_string(text));
	return document;
}

/* Takes the document. */
static void reply_document(struct client *client, struct json_object *document) {
	const char *text = json_object_to_json_string_ext(
		document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int length = asprintf(&client->reply, "%s\n", text);
	json_object_put(document);
	if (length < 0) {
		client->reply = NULL;
		client_finish(client);
		return;
	}
	client->n_reply = length;
	client_send(client);
}

static void handle_client_request(struct client *client) {
	struct gp_control *control = client->control;
	struct json_object *document = control->handler(control->data, client->request);
	reply_document(client, document != NULL ? document : error_document("unknown request"));
}

static void client_receive(struct client *client) {
	char *end = client->request + client->n_request;
	ssize_t n = recv(client->fd, end, sizeof(client->request) - client->n_request, 0);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			client_finish(client);
		}
		return;
	}
	client->n_request += n;
	char *newline = memchr(end, '\n', n);
	if (newline != NULL) {
		*newline = '\0';
		handle_client_request(client);
	} else if (client->n_request == sizeof(client->request)) {
		reply_document(client, error_document("request too long"));
	}
}

static int client_handle_event(int fd, uint32_t mask, void *data) {
	struct client *client = data;
	if (mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR)) {
		client_finish(client);
	} else if (client->reply != NULL) {
		client_send(client);
	} else {
		client_receive(client);
	}
	return 0;
}

static int client_handle_timeout(void *data) {
	client_finish(data);
	return 0;
}

/* Takes fd, also on failure. */
static void client_init(struct client *client, int fd) {
	struct wl_event_loop *loop = client->control->loop;

	client->fd = fd;
	client->source =
		wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, client_handle_event, client);
	client->timer = wl_event_loop_add_timer(loop, client_handle_timeout, client);
	if (client->source == NULL || client->timer == NULL) {
		gp_error_limited("control: wl_event_loop_add: %m");
		client_finish(client);
		return;
	}
	wl_event_source_timer_update(client->timer, CLIENT_TIMEOUT_MS);
}

static struct client *free_client(struct gp_control *control) {
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (control->clients[i].fd == -1) {
			return &control->clients[i];
		}
	}
	return NULL;
}

static int control_handle_connection(int fd, uint32_t mask, void *data) {
	struct gp_control *control = data;
	int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client_fd == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			/**
			 * No descriptors, say: the connection stays pending, so ignore it for a
			 * while.
			 */
			gp_error_limited("control: accept4: %m");
			wl_event_source_fd_update(control->source, 0);
			wl_event_source_timer_update(control->retry_timer, ACCEPT_RETRY_MS);
		}
		return 0;
	}
	struct client *client = free_client(control);
	if (client == NULL) {
		gp_fd_close(&client_fd);
		return 0;
	}
	client_init(client, client_fd);
	return 0;
}

static int control_handle_retry(void *data) {
	struct gp_control *control = data;
	wl_event_source_fd_update(control->source, WL_EVENT_READABLE);
	return 0;
}

struct gp_control *gp_control_create_at(
	struct wl_event_loop *loop, int fd, gp_control_handler handler, void *data) {
	struct gp_control *control = calloc(1, sizeof(*control));
	if (control == NULL) {
		gp_error_errno("control: malloc");
		gp_fd_close(&fd);
		return NULL;
	}
	*control = (struct gp_control){.loop = loop, .handler = handler, .data = data, .fd = fd};
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		control->clients[i] = (struct client){.control = control, .fd = -1};
	}
	control->source = wl_event_loop_add_fd(
		loop, fd, WL_EVENT_READABLE, control_handle_connection, control);
	control->retry_timer = wl_event_loop_add_timer(loop, control_handle_retry, control);
	if (control->source == NULL || control->retry_timer == NULL) {
		gp_error_errno("control: cannot watch the socket");
		gp_control_destroy(control);
		return NULL;
	}
	return control;
}

struct gp_control *gp_control_create(
	struct wl_event_loop *loop, const char *path, gp_control_handler handler, void *data) {
	char *own_path = strdup(path);
	if (own_path == NULL) {
		gp_error_errno("control: malloc");
		return NULL;
	}
	int fd = gp_socket_listen(path);
	if (fd == -1) {
		gp_error_errno("control: cannot listen at %s", path);
		free(own_path);
		return NULL;
	}
	struct gp_control *control = gp_control_create_at(loop, fd, handler, data);
	if (control == NULL) {
		unlink(path);
		free(own_path);
		return NULL;
	}
	control->path = own_path;
	return control;
}

void gp_control_destroy(struct gp_control *control) {
	if (control == NULL) {
		return;
	}
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		client_finish(&control->clients[i]);
	}
	remove_source(&control->source);
	remove_source(&control->retry_timer);
	if (control->path != NULL) {
		unlink(control->path);
	}
	gp_fd_close(&control->fd);
	free(control->path);
	free(control);
}

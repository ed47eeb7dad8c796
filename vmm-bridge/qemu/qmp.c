#include "vmm-bridge/qemu/qmp.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"

static const char *get_string(struct json_object *object, const char *key) {
	struct json_object *value;
	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value)
							      : NULL;
}

static void handle_reply(struct gp_qmp *qmp, struct json_object *result, const char *error) {
	if (qmp->n_commands == 0) {
		return;
	}
	const char *command = qmp->commands[0];
	qmp->n_commands--;
	memmove(&qmp->commands[0], &qmp->commands[1], qmp->n_commands * sizeof(qmp->commands[0]));
	if (strcmp(command, "qmp_capabilities") != 0) {
		qmp->events->reply(qmp->data, command, result, error);
	} else if (error == NULL) {
		qmp->events->ready(qmp->data);
	}
}

static void handle_message(struct gp_qmp *qmp, struct json_object *message) {
	struct json_object *value;
	if (json_object_object_get_ex(message, "QMP", &value)) {
		gp_qmp_send(qmp, "qmp_capabilities", NULL, -1);
	} else if (json_object_object_get_ex(message, "return", &value)) {
		handle_reply(qmp, value, NULL);
	} else if (json_object_object_get_ex(message, "error", &value)) {
		const char *text = get_string(value, "desc");
		handle_reply(qmp, NULL, text != NULL ? text : "an error");
	} else {
		const char *name = get_string(message, "event");
		if (name != NULL) {
			qmp->events->event(qmp->data, name);
		}
	}
}

static void handle_line(struct gp_qmp *qmp, const char *line) {
	struct json_object *message = json_tokener_parse(line);
	if (message == NULL || !json_object_is_type(message, json_type_object)) {
		gp_warn_limited("QMP: not a JSON object");
		qmp->lost = true;
	} else {
		handle_message(qmp, message);
	}
	json_object_put(message);
}

static void handle_lines(struct gp_qmp *qmp) {
	char *start = qmp->line, *end;
	while (!qmp->lost &&
		(end = memchr(start, '\n', qmp->length - (size_t)(start - qmp->line))) != NULL) {
		*end = '\0';
		handle_line(qmp, start);
		start = end + 1;
	}
	qmp->length -= (size_t)(start - qmp->line);
	memmove(qmp->line, start, qmp->length);
	if (qmp->length == sizeof(qmp->line)) {
		gp_warn_limited("QMP: a line of more than %d bytes", GP_QMP_LINE_MAX);
		qmp->lost = true;
	}
}

static int handle_readable(int fd, uint32_t mask, void *data) {
	struct gp_qmp *qmp = data;
	ssize_t n = read(fd, qmp->line + qmp->length, sizeof(qmp->line) - qmp->length);
	if (n > 0) {
		qmp->length += (size_t)n;
		handle_lines(qmp);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		qmp->lost = true;
	}
	if (qmp->lost) { // or its event would come again and again
		wl_event_source_fd_update(qmp->source, 0);
	}
	return 0;
}

bool gp_qmp_start(struct gp_qmp *qmp, struct wl_event_loop *loop, int fd,
	const struct gp_qmp_events *events, void *data) {
	*qmp = (struct gp_qmp){.fd = fd, .events = events, .data = data};
	qmp->source = wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_readable, qmp);
	if (qmp->source == NULL) {
		gp_fd_close(&qmp->fd);
	}
	return qmp->source != NULL;
}

void gp_qmp_close(struct gp_qmp *qmp) {
	if (qmp->source != NULL) {
		wl_event_source_remove(qmp->source);
		qmp->source = NULL;
		gp_fd_close(&qmp->fd);
	}
	qmp->n_commands = 0;
}

bool gp_qmp_connected(const struct gp_qmp *qmp) {
	return qmp->source != NULL;
}

void gp_qmp_send(struct gp_qmp *qmp, const char *command, const char *arguments, int fd) {
	char text[512];
	int length = snprintf(text, sizeof(text), "{\"execute\": \"%s\", \"arguments\": %s}\n",
		command, arguments != NULL ? arguments : "{}");
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {text, (size_t)length};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	/* A monitor that takes not even a line does not work. */
	if (qmp->n_commands == GP_QMP_COMMANDS_MAX || length >= (int)sizeof(text) ||
		sendmsg(qmp->fd, &message, MSG_NOSIGNAL) != length) {
		qmp->lost = true;
		return;
	}
	qmp->commands[qmp->n_commands++] = command;
}

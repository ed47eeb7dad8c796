#include "ctl/request.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/socket.h"

#define TIMEOUT_NS UINT64_C(2000000000)
#define REPLY_MAX (4 << 20)

static bool wait_readable(int fd, uint64_t deadline_ns) {
	uint64_t now_ns = gp_now_ns();
	if (now_ns >= deadline_ns) {
		errno = ETIMEDOUT;
		return false;
	}
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int n = poll(&pollfd, 1, (deadline_ns - now_ns) / 1000000 + 1);
	if (n == 0) {
		errno = ETIMEDOUT;
	}
	return n > 0;
}

/* Reads to the end of the stream. Returns a string owned by the caller, or NULL with errno. */
static char *read_reply(int fd) {
	uint64_t deadline_ns = gp_now_ns() + TIMEOUT_NS;
	char *reply = NULL;
	size_t size = 0;
	ssize_t n = 0;
	FILE *out = open_memstream(&reply, &size);
	if (out == NULL) {
		return NULL;
	}
	do {
		char chunk[4096];
		if (!wait_readable(fd, deadline_ns)) {
			n = -1;
			break;
		}
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0) {
			fwrite(chunk, 1, n, out);
			fflush(out);
		}
	} while (n > 0 && size <= REPLY_MAX);
	int saved = n < 0 ? errno : EMSGSIZE;
	fclose(out);
	if (n != 0) {
		free(reply);
		reply = NULL;
		errno = saved;
	}
	return reply;
}

struct json_object *gp_request_send(const char *path, const char *request) {
	struct json_object *document = NULL;
	int fd = gp_socket_connect(path);
	char *reply = NULL;

	if (fd != -1 &&
		send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request)) {
		reply = read_reply(fd);
	}
	if (reply == NULL) {
		fprintf(stderr, "guestpanectl: %s: %s\n", path, strerror(errno));
	} else {
		document = json_tokener_parse(reply);
		if (!json_object_is_type(document, json_type_object)) {
			fprintf(stderr, "guestpanectl: %s: the reply is not a JSON object\n", path);
			json_object_put(document);
			document = NULL;
		}
	}
	free(reply);
	gp_fd_close(&fd);
	return document;
}

#include "vmm-bridge/keeper/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "vmm-bridge/keeper/channel.h"
#include "vmm-bridge/keeper/shared.h"

#define HELLO_TIMEOUT_MS 1000
#define STEP_TIMEOUT_MS 10000 // for one message, and for the end of the old one's worker

static const char *check(
	int connection, int32_t version, const struct gp_handover_hello *hello, uint64_t shape) {
	static char reason[160];
	if (gp_socket_get_peer_uid(connection) != geteuid()) {
		return "it is another user's";
	}
	if (version != GP_HANDOVER_VERSION) {
		snprintf(reason, sizeof(reason),
			"it is version %.32s, of another form of hand-over (%d) than version %s "
			"(%d): shut the VM down to change to it",
			hello->version, version, GP_VERSION, GP_HANDOVER_VERSION);
		return reason;
	}
	return hello->shape != shape ? "its --socket-path, --input or --scanouts are different"
				     : NULL;
}

const char *gp_handover_greet(int connection, uint64_t shape, struct gp_handover_hello *hello) {
	const struct timeval timeout = {.tv_sec = STEP_TIMEOUT_MS / 1000};
	struct gp_channel_message message;
	setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	int r = gp_channel_wait(connection, &message, HELLO_TIMEOUT_MS);
	if (r == 1) {
		gp_vhost_frame_close_fds(&message.frame);
	}
	if (r != 1 || message.kind != GP_CHANNEL_HELLO || message.frame.size != sizeof(*hello)) {
		return "it says nothing that is understood here";
	}
	memcpy(hello, message.frame.payload, sizeof(*hello));
	hello->version[sizeof(hello->version) - 1] = '\0';
	return check(connection, message.number, hello, shape);
}

void gp_handover_refuse(int connection, const char *reason) {
	struct gp_channel_message message = {.kind = GP_CHANNEL_REFUSED};
	snprintf((char *)message.frame.payload, sizeof(message.frame.payload), "%s", reason);
	message.frame.size = (uint32_t)strlen(reason) + 1;
	gp_channel_send(connection, &message);
}

bool gp_handover_send(int channel, const struct gp_handover *handover, bool to_worker) {
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_SHARED,
		.number = (int32_t)handover->restarts,
		.frame = {.fds = {handover->shared}, .n_fds = 1},
	};
	bool ok = gp_channel_send(channel, &message);
	for (size_t i = 0; i < handover->grants->n; i++) {
		const struct gp_grant *grant = &handover->grants->items[i];
		if (to_worker || (grant->kind == GP_GRANT_VFIO && grant->fd >= 0)) {
			ok = ok && gp_channel_send_grant(channel, grant);
		}
	}
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		ok = ok && gp_store_send(&handover->stores[i], channel, i);
	}
	message = (struct gp_channel_message){.kind = GP_CHANNEL_READY};
	return ok && gp_channel_send(channel, &message);
}

bool gp_handover_give(int connection, const struct gp_handover *handover) {
	struct gp_channel_message message;
	if (!gp_handover_send(connection, handover, false)) {
		gp_error_errno("hand-over: sending");
		return false;
	}
	int r = gp_channel_wait(connection, &message, STEP_TIMEOUT_MS);
	if (r == 1) {
		gp_vhost_frame_close_fds(&message.frame);
	}
	if (r != 1 || message.kind != GP_CHANNEL_READY) {
		gp_error("hand-over: the other bridge did not take it: %s",
			r < 0 ? strerror(-r) : "it does not say so");
		return false;
	}
	return true;
}

/* The file must be what it is for: a hole at its end would be a SIGBUS. */
static bool take_shared(struct gp_handover *handover, struct gp_channel_message *message) {
	struct stat st;
	int seals = message->frame.n_fds == 1 ? fcntl(message->frame.fds[0], F_GET_SEALS) : -1;
	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(message->frame.fds[0], &st) != 0 ||
		st.st_size != sizeof(struct gp_shared)) {
		gp_error("hand-over: the shared memory is not of this version");
		return false;
	}
	gp_fd_close(&handover->shared);
	handover->shared = gp_fd_take(&message->frame.fds[0]);
	handover->restarts = (unsigned)message->number;
	return true;
}

static void take_grant(struct gp_handover *handover, struct gp_channel_message *message) {
	struct gp_grant grant;
	if (handover->grants->n < GP_GRANTS_MAX && gp_channel_read_grant(message, &grant)) {
		gp_grants_add(handover->grants, &grant);
	}
}

/* Takes what one message brings. 1: that was all; 0: there is more; -1 after logging. */
static int take_message(struct gp_handover *handover, struct gp_channel_message *message) {
	switch (message->kind) {
	case GP_CHANNEL_SHARED:
		return take_shared(handover, message) ? 0 : -1;
	case GP_CHANNEL_GRANT:
		take_grant(handover, message);
		return 0;
	case GP_CHANNEL_CONNECTED:
	case GP_CHANNEL_REQUEST:
	case GP_CHANNEL_HANDLED:
		if (message->device < GP_KEEPER_DEVICES_MAX) {
			gp_store_take(&handover->stores[message->device], message);
		}
		return 0;
	case GP_CHANNEL_READY:
		return handover->shared != -1 ? 1 : -1;
	case GP_CHANNEL_REFUSED:
		message->frame.payload[sizeof(message->frame.payload) - 1] = '\0';
		gp_error("the bridge that runs there does not hand over to this one: %s",
			message->frame.size > 0 ? (char *)message->frame.payload : "");
		return -1;
	}
	gp_error("hand-over: a message that does not belong there");
	return -1;
}

static bool take_all(
	int connection, const struct gp_handover_hello *hello, struct gp_handover *handover) {
	struct gp_channel_message message = {.kind = GP_CHANNEL_HELLO,
		.number = GP_HANDOVER_VERSION,
		.frame.size = sizeof(*hello)};
	memcpy(message.frame.payload, hello, sizeof(*hello));
	if (!gp_channel_send(connection, &message)) {
		gp_error_errno("hand-over: sending");
		return false;
	}
	int done = 0;
	while (done == 0) {
		int r = gp_channel_wait(connection, &message, STEP_TIMEOUT_MS);
		if (r <= 0) {
			gp_error("hand-over: the bridge that runs there: %s",
				r < 0 ? strerror(-r) : "it does not answer");
			return false;
		}
		done = take_message(handover, &message);
		gp_vhost_frame_close_fds(&message.frame);
	}
	if (done < 0) {
		return false;
	}
	message = (struct gp_channel_message){.kind = GP_CHANNEL_READY};
	if (!gp_channel_send(connection, &message)) {
		gp_error_errno("hand-over: sending");
		return false;
	}
	/* It closes the connection when its sockets are free. */
	int r = gp_channel_wait(connection, &message, STEP_TIMEOUT_MS);
	if (r == 1) {
		gp_vhost_frame_close_fds(&message.frame);
		gp_error("hand-over: the bridge that runs there goes on itself");
	}
	return r != 1;
}

enum gp_handover_result gp_handover_take(
	const char *path, const struct gp_handover_hello *hello, struct gp_handover *handover) {
	handover->shared = -1;
	int connection = gp_socket_connect_packets(path);
	if (connection == -1) {
		return GP_HANDOVER_NONE;
	}
	fcntl(connection, F_SETFL, 0); // to send is to wait for room
	bool ok = gp_socket_get_peer_uid(connection) == geteuid();
	if (!ok) {
		gp_error("the bridge that runs there is another user's");
	}
	ok = ok && take_all(connection, hello, handover);
	gp_fd_close(&connection);
	if (ok) {
		return GP_HANDOVER_TAKEN;
	}
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		gp_store_clear(&handover->stores[i]);
	}
	while (handover->grants->n > 0) {
		gp_grant_close(&handover->grants->items[--handover->grants->n]);
	}
	gp_fd_close(&handover->shared);
	return GP_HANDOVER_FAILED;
}

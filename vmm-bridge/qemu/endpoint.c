#include "vmm-bridge/qemu/endpoint.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#define NAME "org.qemu"
#define DBUS "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

#define PAUSE_MIN_NS 100000000ull
#define PAUSE_MAX_NS 2000000000ull
#define LIMIT_NS 2000000000ull // of a try

/* Logged when it is news. */
static void set_failure(struct gp_qemu_endpoint *endpoint, const char *text) {
	if (strcmp(endpoint->failure, text) != 0) {
		snprintf(endpoint->failure, sizeof(endpoint->failure), "%s", text);
		gp_info_limited("%s", endpoint->failure);
	}
}

static void pause_trying(struct gp_qemu_endpoint *endpoint) {
	endpoint->limit_ns = 0;
	endpoint->try_ns = gp_now_ns() + endpoint->pause_ns;
	endpoint->pause_ns =
		endpoint->pause_ns * 2 < PAUSE_MAX_NS ? endpoint->pause_ns * 2 : PAUSE_MAX_NS;
}

static void set_ready(struct gp_qemu_endpoint *endpoint) {
	endpoint->ready = true;
	endpoint->limit_ns = 0;
	endpoint->pause_ns = PAUSE_MIN_NS;
	endpoint->failure[0] = '\0';
}

static void close_main(struct gp_qemu_endpoint *endpoint) {
	bool connected = endpoint->connected;
	endpoint->connected = endpoint->ready = false;
	if (connected) {
		endpoint->events->disconnected(endpoint->data);
	}
	gp_bus_close(&endpoint->main);
}

/* QMP */

/* QEMU gets its end, and takes it for the only client that it has. */
static void add_client(struct gp_qemu_endpoint *endpoint) {
	int fds[2];
	const struct gp_qemu_opener *opener = &endpoint->address.opener;
	if (!opener->pair(opener->data, fds)) {
		gp_warn_limited("no sockets for QEMU's display: %m");
		pause_trying(endpoint);
		return;
	}
	sd_bus *bus = gp_bus_new(fds[0], false);
	if (bus == NULL || !gp_bus_start(&endpoint->main, endpoint->loop, bus)) {
		gp_fd_close(&fds[1]);
		pause_trying(endpoint);
		return;
	}
	gp_qmp_send(&endpoint->qmp, "getfd", "{\"fdname\": \"guestpane\"}", fds[1]);
	gp_fd_close(&fds[1]);
	gp_qmp_send(&endpoint->qmp, "add_client",
		"{\"protocol\": \"@dbus-display\", \"fdname\": \"guestpane\"}", -1);
	endpoint->limit_ns = gp_now_ns() + LIMIT_NS;
}

static void handle_qmp_ready(void *data) {
	struct gp_qemu_endpoint *endpoint = data;
	gp_qmp_send(&endpoint->qmp, "query-status", NULL, -1);
	endpoint->limit_ns = 0;
	endpoint->pause_ns = PAUSE_MIN_NS;
	endpoint->try_ns = gp_now_ns();
}

static void handle_qmp_reply(
	void *data, const char *command, struct json_object *result, const char *error) {
	struct gp_qemu_endpoint *endpoint = data;
	struct json_object *running;
	if (error != NULL && strcmp(command, "query-status") != 0) {
		char text[160];
		snprintf(text, sizeof(text), "QMP %s: %s; is QEMU run with -display dbus,p2p=yes?",
			command, error);
		set_failure(endpoint, text);
		gp_bus_close(&endpoint->main);
		pause_trying(endpoint);
	} else if (strcmp(command, "add_client") == 0 && endpoint->main.bus != NULL) {
		set_ready(endpoint);
	} else if (result != NULL && json_object_object_get_ex(result, "running", &running)) {
		endpoint->events->event(
			endpoint->data, json_object_get_boolean(running) ? "RESUME" : "STOP");
	}
}

static void handle_qmp_event(void *data, const char *name) {
	struct gp_qemu_endpoint *endpoint = data;
	endpoint->events->event(endpoint->data, name);
}

static const struct gp_qmp_events qmp_events = {
	.ready = handle_qmp_ready,
	.reply = handle_qmp_reply,
	.event = handle_qmp_event,
};

/* To QEMU's monitor, or the bus. -1: it is tried again. */
static int open_socket(struct gp_qemu_endpoint *endpoint) {
	const struct gp_qemu_opener *opener = &endpoint->address.opener;
	int fd = opener->connect(opener->data);
	if (fd < 0) {
		char text[160];
		snprintf(text, sizeof(text), "nobody listens at %.100s: %s", endpoint->address.text,
			strerror(errno));
		set_failure(endpoint, text);
		pause_trying(endpoint);
	}
	return fd;
}

static void try_qmp(struct gp_qemu_endpoint *endpoint) {
	if (gp_qmp_connected(&endpoint->qmp)) {
		if (endpoint->main.bus == NULL && endpoint->wanted) {
			add_client(endpoint);
		}
		return;
	}
	int fd = open_socket(endpoint);
	if (fd >= 0 && gp_qmp_start(&endpoint->qmp, endpoint->loop, fd, &qmp_events, endpoint)) {
		endpoint->limit_ns = gp_now_ns() + LIMIT_NS;
	} else if (fd >= 0) {
		pause_trying(endpoint);
	}
}

/* As a bus for QEMU alone */

static int handle_hello(sd_bus_message *call, void *data, sd_bus_error *error) {
	return sd_bus_reply_method_return(call, "s", ":1.0");
}

static int handle_request_name(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_endpoint *endpoint = data;
	set_ready(endpoint);
	return sd_bus_reply_method_return(call, "u", 1u); // the primary owner
}

static int handle_nothing(sd_bus_message *call, void *data, sd_bus_error *error) {
	return sd_bus_reply_method_return(call, NULL);
}

static int handle_get_owner(sd_bus_message *call, void *data, sd_bus_error *error) {
	return sd_bus_reply_method_return(call, "s", ":1.0");
}

#define METHOD(name, in, out, handler)                                                             \
	SD_BUS_METHOD(name, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable bus_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("Hello", "", "s", handle_hello),
	METHOD("RequestName", "su", "u", handle_request_name),
	METHOD("AddMatch", "s", "", handle_nothing),
	METHOD("RemoveMatch", "s", "", handle_nothing),
	METHOD("GetNameOwner", "s", "s", handle_get_owner),
	SD_BUS_VTABLE_END,
};

/* One QEMU at a time: another one finds the door closed. */
static int handle_connection(int fd, uint32_t mask, void *data) {
	struct gp_qemu_endpoint *endpoint = data;
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (accepted < 0) {
		return 0;
	}
	if (endpoint->main.bus != NULL) {
		gp_warn_limited("another QEMU came to %s: it is refused", endpoint->address.text);
		gp_fd_close(&accepted);
		return 0;
	}
	sd_bus *bus = gp_bus_new(accepted, true);
	if (bus != NULL &&
		sd_bus_add_object_vtable(bus, NULL, DBUS_PATH, DBUS, bus_vtable, endpoint) < 0) {
		bus = sd_bus_unref(bus);
	}
	if (bus != NULL && gp_bus_start(&endpoint->main, endpoint->loop, bus)) {
		endpoint->limit_ns = gp_now_ns() + LIMIT_NS;
	}
	return 0;
}

static bool start_listening(struct gp_qemu_endpoint *endpoint) {
	endpoint->listen_source = wl_event_loop_add_fd(endpoint->loop, endpoint->address.fd,
		WL_EVENT_READABLE, handle_connection, endpoint);
	if (endpoint->listen_source == NULL) {
		gp_error_errno("cannot wait for QEMU");
		gp_fd_close(&endpoint->address.fd);
	}
	return endpoint->listen_source != NULL;
}

/* On a bus */

static void set_owner(struct gp_qemu_endpoint *endpoint, const char *owner) {
	if (owner[0] == '\0') {
		endpoint->ready = false;
		set_failure(endpoint, "no " NAME " on the bus");
	} else if (!endpoint->connected) {
		set_ready(endpoint);
	}
}

static int handle_owner_changed(sd_bus_message *signal, void *data, sd_bus_error *error) {
	const char *name, *before, *after;
	if (sd_bus_message_read(signal, "sss", &name, &before, &after) >= 0 &&
		strcmp(name, NAME) == 0) {
		set_owner(data, after);
	}
	return 0;
}

static int handle_owner(sd_bus_message *reply, void *data, sd_bus_error *error) {
	const char *owner;
	bool found = !sd_bus_message_is_method_error(reply, NULL) &&
		sd_bus_message_read(reply, "s", &owner) >= 0;
	set_owner(data, found ? owner : "");
	((struct gp_qemu_endpoint *)data)->limit_ns = 0;
	return 0;
}

static void try_bus(struct gp_qemu_endpoint *endpoint) {
	int fd = open_socket(endpoint);
	if (fd < 0) {
		return;
	}
	sd_bus *bus = gp_bus_new(fd, false);
	if (bus == NULL) {
		pause_trying(endpoint);
		return;
	}
	sd_bus_set_bus_client(bus, true);
	if (!gp_bus_start(&endpoint->main, endpoint->loop, bus)) {
		set_failure(endpoint, "cannot connect to the bus");
		pause_trying(endpoint);
		return;
	}
	endpoint->limit_ns = gp_now_ns() + LIMIT_NS;
	sd_bus_match_signal_async(bus, NULL, DBUS, DBUS_PATH, DBUS, "NameOwnerChanged",
		handle_owner_changed, NULL, endpoint);
	sd_bus_call_method_async(bus, NULL, DBUS, DBUS_PATH, DBUS, "GetNameOwner", handle_owner,
		endpoint, "s", NAME);
}

/* All of them */

bool gp_qemu_endpoint_init(struct gp_qemu_endpoint *endpoint, struct wl_event_loop *loop,
	const struct gp_qemu_address *address, const struct gp_qemu_endpoint_events *events,
	void *data) {
	*endpoint = (struct gp_qemu_endpoint){
		.events = events,
		.data = data,
		.loop = loop,
		.address = *address,
		.destination = address->way == GP_QEMU_BUS ? NAME : NULL,
		.pause_ns = PAUSE_MIN_NS,
		.wanted = true,
	};
	switch (address->way) {
	case GP_QEMU_QMP:
	case GP_QEMU_BUS:
		endpoint->try_ns = gp_now_ns();
		return true;
	case GP_QEMU_FD: {
		sd_bus *bus = gp_bus_new(gp_fd_take(&endpoint->address.fd), false);
		endpoint->ready = bus != NULL && gp_bus_start(&endpoint->main, loop, bus);
		return endpoint->ready;
	}
	case GP_QEMU_LISTEN:
		return start_listening(endpoint);
	default:
		return false;
	}
}

void gp_qemu_endpoint_finish(struct gp_qemu_endpoint *endpoint) {
	gp_bus_close(&endpoint->main);
	gp_qmp_close(&endpoint->qmp);
	if (endpoint->listen_source != NULL) {
		wl_event_source_remove(endpoint->listen_source);
	}
	gp_fd_close(&endpoint->address.fd);
}

void gp_qemu_endpoint_want(struct gp_qemu_endpoint *endpoint, bool wanted) {
	if (wanted && !endpoint->wanted && endpoint->main.bus == NULL) {
		pause_trying(endpoint);
	}
	endpoint->wanted = wanted;
}

/* Nobody is there any more: the next try is due, if there is one. */
static void lose_main(struct gp_qemu_endpoint *endpoint, const char *cause) {
	close_main(endpoint);
	set_failure(endpoint, cause);
	endpoint->finished = endpoint->address.way == GP_QEMU_FD;
	endpoint->limit_ns = 0;
	if (endpoint->address.way == GP_QEMU_QMP || endpoint->address.way == GP_QEMU_BUS) {
		pause_trying(endpoint);
	}
}

void gp_qemu_endpoint_process(struct gp_qemu_endpoint *endpoint) {
	if (endpoint->main.bus != NULL && !gp_bus_process(&endpoint->main)) {
		lose_main(endpoint, "QEMU closed the connection");
	}
	if (endpoint->connected && !endpoint->ready) { // it left the bus
		endpoint->connected = false;
		endpoint->events->disconnected(endpoint->data);
	}
	if (endpoint->qmp.lost) {
		gp_qmp_close(&endpoint->qmp);
		endpoint->qmp.lost = false;
		set_failure(endpoint, "QEMU closed its monitor");
		pause_trying(endpoint);
	}
}

void gp_qemu_endpoint_end_turn(struct gp_qemu_endpoint *endpoint, uint64_t now_ns) {
	if (endpoint->limit_ns != 0 && now_ns >= endpoint->limit_ns) {
		if (gp_qmp_connected(&endpoint->qmp)) {
			gp_qmp_close(&endpoint->qmp);
			lose_main(
				endpoint, "QEMU's monitor does not reply; has it another client?");
		} else {
			lose_main(endpoint, "QEMU does not reply");
		}
	}
	if (endpoint->try_ns != 0 && now_ns >= endpoint->try_ns) {
		endpoint->try_ns = 0;
		if (endpoint->address.way == GP_QEMU_QMP) {
			try_qmp(endpoint);
		} else if (endpoint->main.bus == NULL) {
			try_bus(endpoint);
		}
	}
	if (endpoint->ready && !endpoint->connected) {
		endpoint->connected = true;
		endpoint->events->connected(endpoint->data);
	}
	gp_bus_arm(&endpoint->main);
}

uint64_t gp_qemu_endpoint_deadline(const struct gp_qemu_endpoint *endpoint) {
	uint64_t a = endpoint->try_ns, b = endpoint->limit_ns;
	return a == 0 || (b != 0 && b < a) ? b : a;
}

#include "vmm-bridge/qemu/bus.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/log.h"

/* A flood of messages must not starve the compositor's side of the loop. */
#define MESSAGES_MAX 256

/* What is left unsent beyond this is dropped: QEMU has stood still for long. */
#define BACKLOG_MAX 1024

sd_bus *gp_bus_new(int fd, bool server) {
	sd_bus *bus = NULL;
	int error = sd_bus_new(&bus);
	if (error >= 0) {
		error = sd_bus_set_fd(bus, fd, fd);
	}
	if (error < 0) {
		gp_error("cannot make a D-Bus connection: %s", strerror(-error));
		sd_bus_unref(bus);
		close(fd);
		return NULL;
	}
	sd_id128_t id;
	if (server && sd_id128_randomize(&id) >= 0) {
		sd_bus_set_server(bus, true, id);
	}
	sd_bus_set_trusted(bus, true); // the peer's user is that of the socket
	sd_bus_negotiate_fds(bus, true);
	sd_bus_set_method_call_timeout(bus, GP_BUS_TIMEOUT_US);
	return bus;
}

/* That the loop wakes up is all: see gp_bus_process. */
static int handle_io(int fd, uint32_t mask, void *data) {
	return 0;
}

static int handle_timer(void *data) {
	return 0;
}

bool gp_bus_start(struct gp_bus *bus, struct wl_event_loop *loop, sd_bus *connection) {
	*bus = (struct gp_bus){.bus = connection, .loop = loop};
	int error = sd_bus_start(connection);
	if (error < 0) {
		gp_warn_limited("cannot start a D-Bus connection: %s", strerror(-error));
		gp_bus_close(bus);
		return false;
	}
	int fd = sd_bus_get_fd(connection);
	bus->io = wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_io, bus);
	bus->timer = wl_event_loop_add_timer(loop, handle_timer, bus);
	if (bus->io == NULL || bus->timer == NULL) {
		gp_error_errno("cannot wait for a D-Bus connection");
		gp_bus_close(bus);
		return false;
	}
	return true;
}

void gp_bus_close(struct gp_bus *bus) {
	if (bus->io != NULL) {
		wl_event_source_remove(bus->io);
	}
	if (bus->timer != NULL) {
		wl_event_source_remove(bus->timer);
	}
	if (bus->bus != NULL) {
		sd_bus_close(bus->bus);
		sd_bus_unref(bus->bus);
	}
	*bus = (struct gp_bus){0};
}

bool gp_bus_process(struct gp_bus *bus) {
	int result = 1;
	bus->more = false;
	for (unsigned i = 0; result > 0; i++) {
		if (i == MESSAGES_MAX) {
			bus->more = true;
			return true;
		}
		result = sd_bus_process(bus->bus, NULL);
	}
	return result == 0;
}

static uint32_t loop_mask(int events) {
	return (events & POLLIN ? WL_EVENT_READABLE : 0) |
		(events & POLLOUT ? WL_EVENT_WRITABLE : 0);
}

void gp_bus_arm(struct gp_bus *bus) {
	if (bus->bus == NULL) {
		return;
	}
	int events = sd_bus_get_events(bus->bus);
	uint64_t timeout_us = UINT64_MAX;
	if (events < 0 || sd_bus_get_timeout(bus->bus, &timeout_us) < 0) {
		timeout_us = 0; // it has ended: the next gp_bus_process reports it
		events = 0;
	}
	wl_event_source_fd_update(bus->io, loop_mask(events));
	uint64_t now_us = gp_now_ns() / 1000;
	int delay_ms = 0; // never
	if (bus->more || timeout_us <= now_us) {
		delay_ms = 1;
	} else if (timeout_us != UINT64_MAX) {
		uint64_t left_ms = (timeout_us - now_us + 999) / 1000;
		delay_ms = left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
	}
	wl_event_source_timer_update(bus->timer, delay_ms);
}

void gp_bus_post(struct gp_bus *bus, const char *destination, const char *path,
	const char *interface, const char *member, const char *types, ...) {
	sd_bus_message *message = NULL;
	if (bus->bus == NULL || gp_bus_backlog(bus) > BACKLOG_MAX ||
		sd_bus_message_new_method_call(
			bus->bus, &message, destination, path, interface, member) < 0) {
		return;
	}
	va_list args;
	va_start(args, types);
	int error = sd_bus_message_appendv(message, types, args);
	va_end(args);
	if (error >= 0 && sd_bus_message_set_expect_reply(message, false) >= 0) {
		sd_bus_send(bus->bus, message, NULL);
	}
	sd_bus_message_unref(message);
}

bool gp_bus_read_properties(sd_bus_message *message,
	int (*handle)(void *data, const char *name, const char *contents, sd_bus_message *message),
	void *data) {
	int result = sd_bus_message_enter_container(message, 'a', "{sv}");
	while (result > 0 && (result = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *name, *contents;
		result = sd_bus_message_read(message, "s", &name);
		if (result > 0) {
			result = sd_bus_message_peek_type(message, NULL, &contents);
		}
		if (result > 0) {
			result = handle(data, name, contents, message);
		}
		if (result == 0) {
			result = sd_bus_message_skip(message, "v");
		}
		if (result >= 0) {
			result = sd_bus_message_exit_container(message);
		}
	}
	return result >= 0 && sd_bus_message_exit_container(message) >= 0;
}

uint64_t gp_bus_backlog(const struct gp_bus *bus) {
	uint64_t n = 0;
	if (bus->bus != NULL && sd_bus_get_n_queued_write(bus->bus, &n) < 0) {
		n = 0;
	}
	return n;
}

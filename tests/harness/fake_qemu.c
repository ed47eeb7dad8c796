#include "tests/harness/fake_qemu.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOT "/org/qemu/Display1"
#define PREFIX "org.qemu.Display1."
#define LISTENER_PATH ROOT "/Listener"
#define LISTENER PREFIX "Listener"

static void note(struct fake_qemu *qemu, const char *line) {
	size_t length = strlen(qemu->log);
	snprintf(qemu->log + length, sizeof(qemu->log) - length, "%s\n", line);
}

static int get_name(sd_bus *bus, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *data, sd_bus_error *error) {
	return sd_bus_message_append(reply, "s", "the VM");
}

static int get_ids(sd_bus *bus, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *data, sd_bus_error *error) {
	const struct fake_qemu *qemu = data;
	uint32_t ids[FAKE_CONSOLES_MAX + 1] = {0, 1, 2, 3, 4};
	return sd_bus_message_append_array(
		reply, 'u', ids, (qemu->n_consoles + 1) * sizeof(ids[0]));
}

static const sd_bus_vtable vm_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Name", "s", get_name, 0, 0),
	SD_BUS_PROPERTY("ConsoleIDs", "au", get_ids, 0, 0),
	SD_BUS_VTABLE_END,
};

static unsigned console_of(const char *path) {
	unsigned id;
	return sscanf(path, ROOT "/Console_%u", &id) == 1 ? id : 0;
}

static int count_introspected(sd_bus_message *reply, void *data, sd_bus_error *error) {
	struct fake_qemu *qemu = data;
	qemu->n_introspected++;
	if (qemu->interfaces[0] != '\0' || sd_bus_message_is_method_error(reply, NULL) ||
		sd_bus_message_enter_container(reply, 'a', "{sv}") <= 0) {
		return 0;
	}
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		const char *name, *text;
		sd_bus_message_read(reply, "s", &name);
		assert(strcmp(name, "Interfaces") == 0);
		sd_bus_message_enter_container(reply, 'v', "as");
		sd_bus_message_enter_container(reply, 'a', "s");
		while (sd_bus_message_read(reply, "s", &text) > 0) {
			strcat(strcat(qemu->interfaces, text), " ");
		}
		sd_bus_message_exit_container(reply);
		sd_bus_message_exit_container(reply);
		sd_bus_message_exit_container(reply);
	}
	return 0;
}

static sd_bus *serve(int fd) {
	sd_bus *bus;
	sd_id128_t id;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	int result = sd_bus_new(&bus);
	assert(result >= 0);
	result = sd_bus_set_fd(bus, fd, fd);
	assert(result >= 0);
	sd_id128_randomize(&id);
	sd_bus_set_server(bus, true, id);
	sd_bus_negotiate_fds(bus, true);
	sd_bus_set_trusted(bus, true);
	return bus;
}

static void get_all(struct fake_qemu *qemu, sd_bus *bus, const char *interface) {
	sd_bus_call_method_async(bus, NULL, NULL, LISTENER_PATH, "org.freedesktop.DBus.Properties",
		"GetAll", count_introspected, qemu, "s", interface);
}

static int handle_register(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct fake_qemu *qemu = data;
	unsigned index = console_of(sd_bus_message_get_path(call)) - 1;
	int fd;
	sd_bus_message_read(call, "h", &fd);
	qemu->n_registrations++;
	fake_qemu_close_listener(qemu, index);
	sd_bus *bus = serve(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	qemu->listeners[index] = bus;
	if (!qemu->hangs) {
		sd_bus_start(bus);
		get_all(qemu, bus, LISTENER);
		get_all(qemu, bus, LISTENER ".Unix.Map");
		get_all(qemu, bus, LISTENER ".Unix.ScanoutDMABUF2");
	}
	return sd_bus_reply_method_return(call, NULL);
}

static int handle_ui_info(sd_bus_message *call, void *data, sd_bus_error *error) {
	uint16_t width_mm, height_mm;
	int32_t x, y;
	uint32_t width, height;
	char line[128];
	sd_bus_message_read(call, "qqiiuu", &width_mm, &height_mm, &x, &y, &width, &height);
	snprintf(line, sizeof(line), "%u SetUIInfo %u %u %d %d %u %u",
		console_of(sd_bus_message_get_path(call)), width_mm, height_mm, x, y, width,
		height);
	note(data, line);
	return sd_bus_reply_method_return(call, NULL);
}

static int get_type(sd_bus *bus, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *data, sd_bus_error *error) {
	return sd_bus_message_append(reply, "s", console_of(path) == 0 ? "Text" : "Graphic");
}

static int get_label(sd_bus *bus, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *data, sd_bus_error *error) {
	return sd_bus_message_append(reply, "s", "VGA");
}

static const sd_bus_vtable console_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("RegisterListener", "h", "", handle_register, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("SetUIInfo", "qqiiuu", "", handle_ui_info, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Label", "s", get_label, 0, 0),
	SD_BUS_PROPERTY("Type", "s", get_type, 0, 0),
	SD_BUS_VTABLE_END,
};

static int handle_number(sd_bus_message *call, void *data, sd_bus_error *error) {
	uint32_t number;
	char line[128];
	const char *interface = sd_bus_message_get_interface(call);
	sd_bus_message_read(call, "u", &number);
	snprintf(line, sizeof(line), "%u %s.%s %u", console_of(sd_bus_message_get_path(call)),
		interface + strlen(PREFIX), sd_bus_message_get_member(call), number);
	note(data, line);
	return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable keyboard_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Press", "u", "", handle_number, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Release", "u", "", handle_number, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int handle_pair(sd_bus_message *call, void *data, sd_bus_error *error) {
	int32_t x, y;
	char line[128];
	if (strcmp(sd_bus_message_get_member(call), "RelMotion") == 0) {
		sd_bus_message_read(call, "ii", &x, &y);
	} else {
		sd_bus_message_read(call, "uu", &x, &y);
	}
	snprintf(line, sizeof(line), "%u %s %d %d", console_of(sd_bus_message_get_path(call)),
		sd_bus_message_get_member(call), x, y);
	note(data, line);
	return sd_bus_reply_method_return(call, NULL);
}

static int get_absolute(sd_bus *bus, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *data, sd_bus_error *error) {
	const struct fake_qemu *qemu = data;
	return sd_bus_message_append(reply, "b", (int)qemu->absolute);
}

static const sd_bus_vtable mouse_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Press", "u", "", handle_number, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Release", "u", "", handle_number, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("SetAbsPosition", "uu", "", handle_pair, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("RelMotion", "ii", "", handle_pair, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("IsAbsolute", "b", get_absolute, 0, 0),
	SD_BUS_VTABLE_END,
};

static int handle_touch(sd_bus_message *call, void *data, sd_bus_error *error) {
	uint32_t kind;
	uint64_t slot;
	double x, y;
	char line[128];
	sd_bus_message_read(call, "utdd", &kind, &slot, &x, &y);
	snprintf(line, sizeof(line), "%u SendEvent %u %u %.1f %.1f",
		console_of(sd_bus_message_get_path(call)), kind, (unsigned)slot, x, y);
	note(data, line);
	return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable touch_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("SendEvent", "utdd", "", handle_touch, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

void fake_qemu_start_on(struct fake_qemu *qemu, int fd) {
	qemu->main = serve(fd);
	sd_bus_add_object_vtable(qemu->main, NULL, ROOT "/VM", PREFIX "VM", vm_vtable, qemu);
	for (uint32_t i = 0; i <= qemu->n_consoles; i++) {
		char path[64];
		snprintf(path, sizeof(path), ROOT "/Console_%u", i);
		sd_bus_add_object_vtable(
			qemu->main, NULL, path, PREFIX "Console", console_vtable, qemu);
		sd_bus_add_object_vtable(
			qemu->main, NULL, path, PREFIX "Keyboard", keyboard_vtable, qemu);
		sd_bus_add_object_vtable(
			qemu->main, NULL, path, PREFIX "Mouse", mouse_vtable, qemu);
		sd_bus_add_object_vtable(
			qemu->main, NULL, path, PREFIX "MultiTouch", touch_vtable, qemu);
	}
	int result = sd_bus_start(qemu->main);
	assert(result >= 0);
	(void)result;
}

int fake_qemu_start(struct fake_qemu *qemu) {
	int fds[2];
	int result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	assert(result == 0);
	(void)result;
	fake_qemu_start_on(qemu, fds[0]);
	return fds[1];
}

static void close_bus(sd_bus **bus) {
	if (*bus != NULL) {
		sd_bus_close(*bus);
		*bus = sd_bus_unref(*bus);
	}
}

void fake_qemu_close_main(struct fake_qemu *qemu) {
	close_bus(&qemu->main);
}

void fake_qemu_close_listener(struct fake_qemu *qemu, unsigned index) {
	close_bus(&qemu->listeners[index]);
}

void fake_qemu_stop(struct fake_qemu *qemu) {
	fake_qemu_close_main(qemu);
	for (unsigned i = 0; i < FAKE_CONSOLES_MAX; i++) {
		fake_qemu_close_listener(qemu, i);
	}
}

static void process(sd_bus **bus) {
	int result = 1;
	while (*bus != NULL && result > 0) {
		result = sd_bus_process(*bus, NULL);
	}
	if (result < 0) {
		close_bus(bus);
	}
}

void fake_qemu_process(struct fake_qemu *qemu) {
	process(&qemu->main);
	for (unsigned i = 0; i < FAKE_CONSOLES_MAX; i++) {
		if (!qemu->hangs) {
			process(&qemu->listeners[i]);
		}
	}
}

static int handle_reply(sd_bus_message *reply, void *data, sd_bus_error *error) {
	struct fake_qemu *qemu = data;
	qemu->n_replies++;
	if (sd_bus_message_is_method_error(reply, NULL)) {
		qemu->n_errors++;
		snprintf(qemu->error, sizeof(qemu->error), "%s",
			sd_bus_message_get_error(reply)->message);
	}
	return 0;
}

static sd_bus_message *begin_call(
	struct fake_qemu *qemu, unsigned index, const char *unix_interface, const char *member) {
	char interface[96];
	sd_bus_message *call;
	snprintf(interface, sizeof(interface), LISTENER "%s%s", unix_interface != NULL ? "." : "",
		unix_interface != NULL ? unix_interface : "");
	int result = sd_bus_message_new_method_call(
		qemu->listeners[index], &call, NULL, LISTENER_PATH, interface, member);
	assert(result >= 0);
	(void)result;
	return call;
}

static void end_call(struct fake_qemu *qemu, unsigned index, sd_bus_message *call) {
	int result =
		sd_bus_call_async(qemu->listeners[index], NULL, call, handle_reply, qemu, 1000000);
	assert(result >= 0);
	(void)result;
	sd_bus_message_unref(call);
}

void fake_qemu_call(struct fake_qemu *qemu, unsigned index, const char *unix_interface,
	const char *member, const char *types, ...) {
	sd_bus_message *call = begin_call(qemu, index, unix_interface, member);
	va_list args;
	va_start(args, types);
	sd_bus_message_appendv(call, types, args);
	va_end(args);
	end_call(qemu, index, call);
}

void fake_qemu_call_bytes(struct fake_qemu *qemu, unsigned index, const char *member,
	const void *bytes, size_t size, const char *types, ...) {
	sd_bus_message *call = begin_call(qemu, index, NULL, member);
	va_list args;
	va_start(args, types);
	sd_bus_message_appendv(call, types, args);
	va_end(args);
	sd_bus_message_append_array(call, 'y', bytes, size);
	end_call(qemu, index, call);
}

static void send_changed(struct fake_qemu *qemu, const char *interface, const char *name,
	const char *type, uint32_t value) {
	sd_bus_emit_signal(qemu->main, ROOT "/Console_1", "org.freedesktop.DBus.Properties",
		"PropertiesChanged", "sa{sv}as", interface, 1, name, type, value, 0);
}

void fake_qemu_set_absolute(struct fake_qemu *qemu, bool absolute) {
	qemu->absolute = absolute;
	send_changed(qemu, PREFIX "Mouse", "IsAbsolute", "b", absolute);
}

void fake_qemu_set_modifiers(struct fake_qemu *qemu, uint32_t modifiers) {
	send_changed(qemu, PREFIX "Keyboard", "Modifiers", "u", modifiers);
}

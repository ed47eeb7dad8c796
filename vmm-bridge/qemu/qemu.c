#include "vmm-bridge/qemu/qemu.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define ROOT "/org/qemu/Display1"
#define VM "org.qemu.Display1.VM"
#define CONSOLE "org.qemu.Display1.Console"
#define KEYBOARD "org.qemu.Display1.Keyboard"
#define MOUSE "org.qemu.Display1.Mouse"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* A QEMU that ends closes the connections one after the other. */
#define TAKEN_NS 300000000ull

/* What the client is told of the VM. */
static void set_state(struct gp_qemu *qemu, enum gp_client_vm_state state) {
	if (qemu->state != state) {
		qemu->state = state;
		qemu->events->state(qemu->data, state);
	}
}

static bool has_listener(const struct gp_qemu *qemu) {
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		if (qemu->consoles[i].listener.bus.bus != NULL) {
			return true;
		}
	}
	return false;
}

static void update_state(struct gp_qemu *qemu) {
	if (qemu->endpoint.connected || has_listener(qemu)) {
		set_state(qemu, qemu->stopped ? GP_CLIENT_VM_PAUSED : GP_CLIENT_VM_RUNNING);
	} else if (qemu->state != GP_CLIENT_VM_WAITING) {
		set_state(qemu, GP_CLIENT_VM_DISCONNECTED);
	}
}

/* Properties of QEMU's objects */

static int handle_input_property(
	void *data, const char *name, const char *contents, sd_bus_message *message) {
	struct gp_qemu *qemu = data;
	int absolute;
	uint32_t modifiers;
	if (strcmp(name, "IsAbsolute") == 0 && strcmp(contents, "b") == 0 &&
		sd_bus_message_read(message, "v", "b", &absolute) > 0) {
		gp_qemu_seat_set_absolute(&qemu->seat, absolute);
		return 1;
	}
	if (strcmp(name, "Modifiers") == 0 && strcmp(contents, "u") == 0 &&
		sd_bus_message_read(message, "v", "u", &modifiers) > 0) {
		qemu->events->leds(qemu->data, gp_qemu_seat_leds(modifiers));
		return 1;
	}
	return 0;
}

static int handle_input_properties(sd_bus_message *reply, void *data, sd_bus_error *error) {
	if (!sd_bus_message_is_method_error(reply, NULL)) {
		gp_bus_read_properties(reply, handle_input_property, data);
	}
	return 0;
}

static int handle_properties_changed(sd_bus_message *signal, void *data, sd_bus_error *error) {
	const char *interface;
	if (sd_bus_message_read(signal, "s", &interface) > 0 &&
		(strcmp(interface, MOUSE) == 0 || strcmp(interface, KEYBOARD) == 0)) {
		gp_bus_read_properties(signal, handle_input_property, data);
	}
	return 0;
}

static int handle_console_property(
	void *data, const char *name, const char *contents, sd_bus_message *message) {
	struct gp_qemu_probe *probe = data;
	const char *text;
	if (strcmp(contents, "s") != 0 ||
		(strcmp(name, "Type") != 0 && strcmp(name, "Label") != 0)) {
		return 0;
	}
	if (sd_bus_message_read(message, "v", "s", &text) <= 0) {
		return -1;
	}
	if (strcmp(name, "Type") == 0) {
		probe->graphic = strcmp(text, "Graphic") == 0;
	} else {
		gp_escape(probe->label, sizeof(probe->label), text);
	}
	return 1;
}

static void get_all(struct gp_qemu *qemu, const char *path, const char *interface,
	sd_bus_message_handler_t handler, void *data) {
	sd_bus_call_method_async(qemu->endpoint.main.bus, NULL, qemu->endpoint.destination, path,
		PROPERTIES, "GetAll", handler, data, "s", interface);
}

/* All consoles are known: those of text have no display. */
static void attach_consoles(struct gp_qemu *qemu) {
	uint32_t n = 0;
	for (size_t i = 0; i < qemu->n_probes && n < qemu->n_consoles; i++) {
		const struct gp_qemu_probe *probe = &qemu->probes[i];
		char path[64];
		if (probe->graphic) {
			snprintf(path, sizeof(path), ROOT "/Console_%u", probe->id);
			gp_qemu_console_attach(&qemu->consoles[n++], &qemu->endpoint.main,
				qemu->endpoint.destination, path, probe->label);
		}
	}
	qemu->has_scanouts = n > 0;
	for (uint32_t i = n; i < qemu->n_consoles; i++) {
		gp_qemu_console_stop(&qemu->consoles[i]);
	}
	if (n == 0) {
		gp_warn_limited("QEMU has no graphical console");
		return;
	}
	gp_info_limited("QEMU's display: %u of %zu consoles are shown", n, qemu->n_probes);
	get_all(qemu, qemu->consoles[0].path, MOUSE, handle_input_properties, qemu);
	get_all(qemu, qemu->consoles[0].path, KEYBOARD, handle_input_properties, qemu);
	gp_qemu_seat_attach(&qemu->seat);
}

static int handle_console(sd_bus_message *reply, void *data, sd_bus_error *error) {
	struct gp_qemu_probe *probe = data;
	struct gp_qemu *qemu = probe->qemu;
	if (sd_bus_message_is_method_error(reply, NULL) ||
		!gp_bus_read_properties(reply, handle_console_property, probe)) {
		probe->graphic = false;
	}
	if (++qemu->n_replies == qemu->n_probes) {
		attach_consoles(qemu);
	}
	return 0;
}

static int handle_vm_property(
	void *data, const char *name, const char *contents, sd_bus_message *message) {
	struct gp_qemu *qemu = data;
	const char *text;
	const void *ids;
	size_t size;
	if (strcmp(name, "Name") == 0 && strcmp(contents, "s") == 0) {
		if (sd_bus_message_read(message, "v", "s", &text) <= 0) {
			return -1;
		}
		gp_escape(qemu->name, sizeof(qemu->name), text);
		return 1;
	}
	if (strcmp(name, "ConsoleIDs") != 0 || strcmp(contents, "au") != 0) {
		return 0;
	}
	if (sd_bus_message_enter_container(message, 'v', "au") <= 0 ||
		sd_bus_message_read_array(message, 'u', &ids, &size) < 0) {
		return -1;
	}
	qemu->n_probes = 0; // a key may come twice
	for (size_t i = 0; i < size / sizeof(uint32_t) && i < GP_QEMU_CONSOLES_MAX; i++) {
		struct gp_qemu_probe *probe = &qemu->probes[qemu->n_probes++];
		*probe = (struct gp_qemu_probe){.qemu = qemu};
		memcpy(&probe->id, (const uint8_t *)ids + i * sizeof(probe->id), sizeof(probe->id));
	}
	return sd_bus_message_exit_container(message) >= 0 ? 1 : -1;
}

static int handle_vm(sd_bus_message *reply, void *data, sd_bus_error *error) {
	struct gp_qemu *qemu = data;
	qemu->n_probes = qemu->n_replies = 0;
	if (sd_bus_message_is_method_error(reply, NULL)) {
		gp_warn_limited(
			"QEMU has no display for us: %s", sd_bus_message_get_error(reply)->message);
		return 0;
	}
	if (!gp_bus_read_properties(reply, handle_vm_property, qemu)) {
		qemu->n_probes = 0;
	}
	if (qemu->n_probes == 0) {
		attach_consoles(qemu);
	}
	for (size_t i = 0; i < qemu->n_probes; i++) {
		char path[64];
		snprintf(path, sizeof(path), ROOT "/Console_%u", qemu->probes[i].id);
		get_all(qemu, path, CONSOLE, handle_console, &qemu->probes[i]);
	}
	return 0;
}

/* gp_qemu_endpoint_events */

static void handle_connected(void *data) {
	struct gp_qemu *qemu = data;
	gp_info_limited("connected to QEMU's display");
	qemu->taken = false;
	qemu->taken_ns = 0;
	sd_bus_match_signal_async(qemu->endpoint.main.bus, NULL, qemu->endpoint.destination, NULL,
		PROPERTIES, "PropertiesChanged", handle_properties_changed, NULL, qemu);
	get_all(qemu, ROOT "/VM", VM, handle_vm, qemu);
	update_state(qemu);
}

/* QEMU has ended, or it has another client: its listeners' connections will tell. */
static void handle_disconnected(void *data) {
	struct gp_qemu *qemu = data;
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		gp_qemu_console_detach(&qemu->consoles[i]);
	}
	qemu->taken_ns = gp_now_ns() + TAKEN_NS;
	gp_qemu_endpoint_want(&qemu->endpoint, false);
}

static void handle_event(void *data, const char *name) {
	struct gp_qemu *qemu = data;
	gp_debug("QEMU reports %s", name);
	if (strcmp(name, "RESET") == 0) {
		qemu->events->reset(qemu->data);
	} else if (strcmp(name, "STOP") == 0 || strcmp(name, "RESUME") == 0) {
		qemu->stopped = name[0] == 'S';
		update_state(qemu);
	}
}

static const struct gp_qemu_endpoint_events endpoint_events = {
	.connected = handle_connected,
	.disconnected = handle_disconnected,
	.event = handle_event,
};

void gp_qemu_start_watch(struct gp_qemu *qemu, void (*confine)(void)) {
	gp_qemu_watch_start(&qemu->watch, confine);
}

bool gp_qemu_init(struct gp_qemu *qemu, struct wl_event_loop *loop,
	const struct gp_qemu_address *address, struct gp_client *client,
	struct gp_presenter *presenter, uint32_t n_scanouts, bool force_copy,
	const struct gp_qemu_source_events *events, void *data) {
	qemu->events = events;
	qemu->data = data;
	qemu->n_consoles = n_scanouts;
	gp_qemu_memories_init(&qemu->memories, presenter, force_copy);
	for (uint32_t i = 0; i < n_scanouts; i++) {
		gp_qemu_console_init(&qemu->consoles[i], loop, &qemu->endpoint.address.opener,
			presenter, client, &qemu->memories, i, &qemu->watch);
	}
	gp_qemu_seat_init(&qemu->seat, qemu->consoles, n_scanouts);
	return gp_qemu_endpoint_init(&qemu->endpoint, loop, address, &endpoint_events, qemu);
}

static void stop_consoles(struct gp_qemu *qemu) {
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		gp_qemu_console_stop(&qemu->consoles[i]);
	}
	gp_qemu_memories_finish(&qemu->memories);
	qemu->has_scanouts = false;
}

void gp_qemu_finish(struct gp_qemu *qemu) {
	stop_consoles(qemu);
	gp_qemu_endpoint_finish(&qemu->endpoint);
	gp_qemu_watch_stop(&qemu->watch);
}

bool gp_qemu_finished(const struct gp_qemu *qemu) {
	return qemu->endpoint.finished && !has_listener(qemu);
}

void gp_qemu_set_monitor(struct gp_qemu *qemu, uint32_t scanout, const struct gp_monitor *monitor) {
	uint32_t offset = 0;
	gp_qemu_console_set_monitor(&qemu->consoles[scanout], monitor);
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		struct gp_qemu_console *console = &qemu->consoles[i];
		gp_qemu_console_set_offset(console, offset);
		offset += console->connected ? console->monitor.modes[0].width : 0;
	}
}

void gp_qemu_buffer_released(struct gp_qemu *qemu, uint32_t scanout) {
	gp_qemu_surface_released(&qemu->consoles[scanout].surface);
}

void gp_qemu_process(struct gp_qemu *qemu) {
	uint64_t now_ns = gp_now_ns();
	gp_qemu_watch_turn(&qemu->watch);
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		gp_qemu_console_process(&qemu->consoles[i], now_ns);
	}
	gp_qemu_endpoint_process(&qemu->endpoint);
}

/* The main connection has ended. */
static void check_taken(struct gp_qemu *qemu, uint64_t now_ns) {
	if (!has_listener(qemu)) {
		qemu->taken = false;
		qemu->taken_ns = 0;
		stop_consoles(qemu);
		update_state(qemu);
		gp_qemu_endpoint_want(&qemu->endpoint, true);
	} else if (qemu->taken_ns != 0 && now_ns >= qemu->taken_ns) {
		qemu->taken = true;
		qemu->taken_ns = 0;
		gp_warn_limited("another client took QEMU's display: frames go on, input does not");
	}
}

void gp_qemu_end_turn(struct gp_qemu *qemu) {
	uint64_t now_ns = gp_now_ns();
	if (!qemu->endpoint.connected && (qemu->taken || qemu->taken_ns != 0)) {
		check_taken(qemu, now_ns);
	}
	gp_qemu_seat_end_turn(&qemu->seat);
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		gp_qemu_console_end_turn(&qemu->consoles[i], now_ns);
	}
	gp_qemu_endpoint_end_turn(&qemu->endpoint, now_ns);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
	return a == 0 || (b != 0 && b < a) ? b : a;
}

uint64_t gp_qemu_deadline(const struct gp_qemu *qemu) {
	uint64_t deadline_ns = earlier(gp_qemu_endpoint_deadline(&qemu->endpoint), qemu->taken_ns);
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		deadline_ns = earlier(deadline_ns, gp_qemu_console_deadline(&qemu->consoles[i]));
	}
	return deadline_ns;
}

const char *gp_qemu_connection(const struct gp_qemu *qemu, const char **reason) {
	*reason = qemu->endpoint.failure;
	if (qemu->taken) {
		*reason = "another client took QEMU's display: frames go on, input does not";
		return "taken";
	}
	if (qemu->endpoint.connected && !qemu->has_scanouts) {
		*reason = "QEMU has no graphical console";
	}
	return qemu->endpoint.connected ? "connected" : "waiting";
}

static struct json_object *console_status(const struct gp_qemu_console *console) {
	static const char *const registrations[] = {
		[GP_QEMU_UNREGISTERED] = "no",
		[GP_QEMU_REGISTERING] = "waiting",
		[GP_QEMU_REGISTERED] = "yes",
	};
	const struct gp_qemu_surface *surface = &console->surface;
	struct json_object *object = json_object_new_object();
	json_object_object_add(
		object, "scanout", json_object_new_int((int)console->surface.scanout));
	json_object_object_add(object, "label", json_object_new_string(console->label));
	json_object_object_add(
		object, "registered", json_object_new_string(registrations[console->registration]));
	json_object_object_add(object, "reason",
		json_object_new_string(console->failure[0] != '\0' ? console->failure
								   : console->listener.refusal));
	json_object_object_add(
		object, "registrations", json_object_new_uint64(console->n_registrations));
	json_object_object_add(
		object, "refused", json_object_new_uint64(console->listener.n_refused));
	json_object_object_add(
		object, "late_replies", json_object_new_uint64(surface->n_late_replies));
	json_object_object_add(
		object, "cut_cursors", json_object_new_uint64(surface->n_cut_cursors));
	return object;
}

struct json_object *gp_qemu_status(const struct gp_qemu *qemu) {
	const char *reason;
	const char *connection = gp_qemu_connection(qemu, &reason);
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "connection", json_object_new_string(connection));
	json_object_object_add(object, "reason", json_object_new_string(reason));
	json_object_object_add(object, "name", json_object_new_string(qemu->name));
	struct json_object *consoles = json_object_new_array();
	for (uint32_t i = 0; i < qemu->n_consoles; i++) {
		if (qemu->consoles[i].path[0] != '\0') {
			json_object_array_add(consoles, console_status(&qemu->consoles[i]));
		}
	}
	json_object_object_add(object, "consoles", consoles);
	json_object_object_add(object, "seat", gp_qemu_seat_status(&qemu->seat));
	json_object_object_add(object, "missing",
		json_object_new_string("the refresh rate of the monitor: QEMU reports 75 Hz"));
	return object;
}

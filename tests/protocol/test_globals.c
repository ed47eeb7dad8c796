/*
 * Which globals a client is offered, by the socket that it connects to, and that no other one can be
 * bound. A global that is new here has to be added to a row, by somebody who has thought about it.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-client.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/socket.h"
#include "security-context-v1-client-protocol.h"
#include "tests/harness/cases.h"

#define GLOBALS_MAX 64
#define CONFINED_MAX 64 // of the compositor

struct client {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wp_security_context_manager_v1 *contexts; // NULL: not advertised
	size_t n;
	struct {
		char interface[64];
		uint32_t name, version;
	} globals[GLOBALS_MAX];
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct client *client = data;
	assert_true(client->n < GLOBALS_MAX);
	snprintf(client->globals[client->n].interface, sizeof(client->globals[0].interface), "%s",
		interface);
	client->globals[client->n].name = name;
	client->globals[client->n].version = version;
	client->n++;
	if (strcmp(interface, wp_security_context_manager_v1_interface.name) == 0) {
		client->contexts = wl_registry_bind(
			registry, name, &wp_security_context_manager_v1_interface, 1);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

/* Returns false if the compositor hangs up. */
static bool try_connect(struct client *client, const char *dir, const char *name) {
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	*client = (struct client){0};
	int fd = gp_socket_connect(path);
	assert_true(fd >= 0);
	client->display = wl_display_connect_to_fd(fd);
	assert_non_null(client->display);
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	return wl_display_roundtrip(client->display) >= 0;
}

static void client_connect(struct client *client, const struct host *host, const char *name) {
	assert_true(try_connect(client, host->dir, name));
}

static void client_finish(struct client *client) {
	if (client->contexts != NULL) {
		wp_security_context_manager_v1_destroy(client->contexts);
	}
	wl_registry_destroy(client->registry);
	wl_display_disconnect(client->display);
}

static bool has(const struct client *client, const char *interface) {
	for (size_t i = 0; i < client->n; i++) {
		if (strcmp(client->globals[i].interface, interface) == 0) {
			return true;
		}
	}
	return false;
}

/* Lists end with NULL. linux-dmabuf depends on the renderer. */
static bool is_in(const char *interface, const char *const *list) {
	for (; list != NULL && *list != NULL; list++) {
		if (strcmp(interface, *list) == 0) {
			return true;
		}
	}
	return false;
}

/* The client is offered the globals of both lists, and nothing else. */
static void assert_offered(
	const struct client *client, const char *const *always, const char *const *more) {
	for (size_t i = 0; i < client->n; i++) {
		const char *interface = client->globals[i].interface;
		if (!is_in(interface, always) && !is_in(interface, more) &&
			strcmp(interface, "zwp_linux_dmabuf_v1") != 0) {
			fail_msg("%s is offered", interface);
		}
	}
	const char *const *const lists[] = {always, more};
	for (size_t i = 0; i < 2; i++) {
		for (const char *const *name = lists[i]; name != NULL && *name != NULL; name++) {
			if (!has(client, *name)) {
				fail_msg("%s is not offered", *name);
			}
		}
	}
}

static const char *const bridge[] = {"guest_scanout_manager_v1", "wl_compositor", "wl_fixes",
	"wl_output", "wl_seat", "wp_presentation", "wp_viewporter", "zwp_pointer_constraints_v1",
	"zwp_relative_pointer_manager_v1", "zwp_tablet_manager_v2", NULL};
static const char *const plain[] = {"wl_compositor", "wl_fixes", "wl_output", "wl_seat", "wl_shm",
	"wl_subcompositor", "wp_presentation", "wp_single_pixel_buffer_manager_v1", "wp_viewporter",
	"zxdg_output_manager_v1", NULL};
static const char *const unconfined[] = {"wp_security_context_manager_v1", NULL};

/* With their globals; the rows of a client that has all are these together. */
static const struct {
	const char *permission;
	const char *globals[8];
} permissions[] = {
	{"capture",
		{"wp_security_context_manager_v1",
			"ext_foreign_toplevel_image_capture_source_manager_v1",
			"ext_image_copy_capture_manager_v1",
			"ext_output_image_capture_source_manager_v1",
			"zwlr_screencopy_manager_v1"}},
	{"input",
		{"wp_security_context_manager_v1", "zwlr_virtual_pointer_manager_v1",
			"zwp_virtual_keyboard_manager_v1"}},
	{"outputs", {"wp_security_context_manager_v1", "zwlr_output_manager_v1"}},
	{"power", {"wp_security_context_manager_v1", "zwlr_output_power_manager_v1"}},
	{"idle", {"wp_security_context_manager_v1", "ext_idle_notifier_v1"}},
	{"toplevels",
		{"wp_security_context_manager_v1", "ext_foreign_toplevel_list_v1",
			"zwlr_foreign_toplevel_manager_v1"}},
};
#define PERMISSIONS (sizeof(permissions) / sizeof(permissions[0]))

static void test_bridge(struct host *host) {
	struct client client;
	client_connect(&client, host, strrchr(host->bridge_socket, '/') + 1);
	assert_offered(&client, bridge, NULL);
	client_finish(&client);
}

static void start(struct host *host, const char *option) {
	assert_true(host_start_compositor(host, 1, CASE_WIDTH, CASE_HEIGHT,
		(const char *[]){"--client-socket", option, NULL}));
}

static void test_plain(struct host *host) {
	struct client client;
	char path[128];
	struct stat st;
	start(host, "plain=plain");
	client_connect(&client, host, "plain");
	assert_offered(&client, plain, unconfined);
	client_finish(&client);
	snprintf(path, sizeof(path), "%s/plain", host->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* Each permission opens its globals, and no others. */
static void test_permissions(struct host *host) {
	const char *args[2 * PERMISSIONS + 1] = {0};
	char options[PERMISSIONS][64];
	struct client client;
	for (size_t i = 0; i < PERMISSIONS; i++) {
		const char *name = permissions[i].permission;
		snprintf(options[i], sizeof(options[i]), "%s=c-%s:%s", name, name, name);
		args[2 * i] = "--client-socket";
		args[2 * i + 1] = options[i];
	}
	assert_true(host_start_compositor(host, 1, CASE_WIDTH, CASE_HEIGHT, args));
	for (size_t i = 0; i < PERMISSIONS; i++) {
		char name[64];
		snprintf(name, sizeof(name), "c-%s", permissions[i].permission);
		client_connect(&client, host, name);
		assert_offered(&client, plain, permissions[i].globals);
		client_finish(&client);
	}
	/* The harness's own socket has all of them. */
	client_connect(&client, host, host->wayland_display);
	for (size_t i = 0; i < PERMISSIONS; i++) {
		for (size_t k = 0; permissions[i].globals[k] != NULL; k++) {
			assert_true(has(&client, permissions[i].globals[k]));
		}
	}
	client_finish(&client);
}

/* Tries to bind what the other client sees, and one without permissions does not. Returns how many. */
static unsigned bind_hidden(struct host *host, const struct client *other) {
	unsigned n_hidden = 0;
	for (size_t i = 0; i < other->n; i++) {
		const char *interface = other->globals[i].interface;
		struct client client;
		client_connect(&client, host, "plain");
		if (!has(&client, interface)) {
			const struct wl_interface guessed = {
				.name = interface, .version = (int)other->globals[i].version};
			struct wl_proxy *proxy = wl_registry_bind(client.registry,
				other->globals[i].name, &guessed, other->globals[i].version);
			assert_int_equal(wl_display_roundtrip(client.display), -1);
			const struct wl_interface *of;
			uint32_t id;
			assert_int_equal(wl_display_get_error(client.display), EPROTO);
			assert_int_equal(wl_display_get_protocol_error(client.display, &of, &id),
				WL_DISPLAY_ERROR_INVALID_OBJECT);
			wl_proxy_destroy(proxy);
			n_hidden++;
		}
		client_finish(&client);
	}
	return n_hidden;
}

/* Whoever guesses the number of a global gets a protocol error, not the global. */
static void test_bind(struct host *host) {
	struct client all, of_bridge;
	start(host, "plain=plain");
	client_connect(&all, host, host->wayland_display);
	client_connect(&of_bridge, host, strrchr(host->bridge_socket, '/') + 1);
	unsigned n = 0;
	for (size_t i = 0; i < PERMISSIONS; i++) {
		for (size_t k = 1; permissions[i].globals[k] != NULL; k++) {
			n++;
		}
	}
	assert_int_equal(bind_hidden(host, &all), n);
	assert_int_equal(bind_hidden(host, &of_bridge), 4); // pointers, tablets, guests
	client_finish(&of_bridge);
	client_finish(&all);
}

/* Makes a socket for confined clients. Returns the end that keeps it open. */
static int confine(struct client *client, const struct host *host, const char *name) {
	char path[128];
	int ends[2];
	snprintf(path, sizeof(path), "%s/%s", host->dir, name);
	int listen_fd = gp_socket_listen(path);
	assert_true(listen_fd >= 0);
	assert_int_equal(pipe(ends), 0);
	struct wp_security_context_v1 *context = wp_security_context_manager_v1_create_listener(
		client->contexts, listen_fd, ends[1]);
	wp_security_context_v1_set_sandbox_engine(context, "guestpane.test");
	wp_security_context_v1_commit(context);
	wp_security_context_v1_destroy(context);
	assert_true(wl_display_roundtrip(client->display) >= 0);
	close(listen_fd);
	close(ends[1]);
	return ends[0];
}

/* Who is confined has no permission, whatever those who confine it have. */
static void test_confined(struct host *host) {
	struct client all, confined;
	assert_true(host_start_compositor(host, 1, CASE_WIDTH, CASE_HEIGHT, NULL));
	client_connect(&all, host, host->wayland_display);
	int open_end = confine(&all, host, "confined");
	client_connect(&confined, host, "confined");
	assert_offered(&confined, plain, NULL);
	client_finish(&confined);
	client_finish(&all);
	/* Also after the client that made the socket has disconnected. */
	client_connect(&confined, host, "confined");
	assert_offered(&confined, plain, NULL);
	client_finish(&confined);
	close(open_end);
}

/* The number of confined clients is limited, and no other client suffers from that. */
static void test_confined_full(struct host *host) {
	static struct client clients[CONFINED_MAX];
	struct client all, one_more;
	assert_true(host_start_compositor(host, 1, CASE_WIDTH, CASE_HEIGHT, NULL));
	client_connect(&all, host, host->wayland_display);
	int open_end = confine(&all, host, "confined");
	for (size_t i = 0; i < CONFINED_MAX; i++) {
		client_connect(&clients[i], host, "confined");
	}
	assert_false(try_connect(&one_more, host->dir, "confined"));
	client_finish(&one_more);
	for (size_t i = 0; i < CONFINED_MAX; i++) {
		assert_true(wl_display_roundtrip(clients[i].display) >= 0);
		client_finish(&clients[i]);
	}
	assert_true(wl_display_roundtrip(all.display) >= 0);
	client_connect(&one_more, host, "confined");
	client_finish(&one_more);
	client_finish(&all);
	close(open_end);
}

static const struct host_case cases[] = {
	{"globals of a bridge", test_bridge, 1},
	{"globals without a permission", test_plain, 0},
	{"globals of each permission", test_permissions, 0},
	{"hidden globals cannot be bound", test_bind, 0},
	{"globals of a confined client", test_confined, 0},
	{"too many confined clients", test_confined_full, 0},
};

int main(int argc, char **argv) {
	return cases_run(
		"globals", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}

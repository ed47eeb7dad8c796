/* How many may connect to a bridge socket, and which guest may appear at which one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/limits.h"
#include "compositor/system/bridge_socket.h"

#define CONNECTIONS 64

static char dir[] = "/tmp/gp-test-bridges-XXXXXX";
static char general_path[64], office_path[64];
static struct wl_display *display;
static struct gp_bridge_sockets sockets;
static int fds[CONNECTIONS];
static struct rlimit limit;

static int setup(void **state) {
	getrlimit(RLIMIT_NOFILE, &limit);
	display = wl_display_create();
	gp_bridge_sockets_init(&sockets, display);
	memset(fds, -1, sizeof(fds));
	return gp_bridge_sockets_add(&sockets, NULL, general_path, -1) != NULL &&
			gp_bridge_sockets_add(&sockets, "office", office_path, -1) != NULL
		? 0
		: -1;
}

static int teardown(void **state) {
	setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		gp_fd_close(&fds[i]);
	}
	wl_display_destroy_clients(display);
	int left = wl_list_length(&sockets.clients.list);
	gp_bridge_sockets_finish(&sockets);
	wl_display_destroy(display);
	return left == 0 && access(general_path, F_OK) != 0 && access(office_path, F_OK) != 0 ? 0
											      : -1;
}

/* The compositor accepts one in a turn. */
static void dispatch(void) {
	for (unsigned i = 0; i < 4; i++) {
		wl_event_loop_dispatch(wl_display_get_event_loop(display), 0);
	}
}

static int connect_to(const char *path) {
	int fd = gp_socket_connect(path);
	assert_true(fd >= 0);
	dispatch();
	return fd;
}

/* Connects the first n, from one process. Returns how many are connected still. */
static unsigned connect_all(const char *path, size_t n) {
	unsigned connected = 0;
	for (size_t i = 0; i < n; i++) {
		fds[i] = connect_to(path);
		connected += !gp_socket_hung_up(fds[i]);
	}
	return connected;
}

/* Of the last connection that was accepted; there must be one. */
static struct gp_bridge_client *last(void) {
	struct gp_bridge_client *bridge = wl_container_of(sockets.clients.list.prev, bridge, link);
	return bridge;
}

/* Connects from another process, which waits for input to end. Returns the other end of that. */
static int connect_child(const char *path, pid_t *pid, bool *connected) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	*pid = fork();
	if (*pid == 0) {
		char byte;
		close(ends[1]);
		int fd = gp_socket_connect(path);
		_exit(read(ends[0], &byte, 1) == 0 && fd >= 0 ? gp_socket_hung_up(fd) : 2);
	}
	close(ends[0]);
	wl_event_loop_dispatch(wl_display_get_event_loop(display), 5000);
	dispatch();
	*connected = last()->pid == *pid;
	return ends[1];
}

static bool can_child_connect(const char *path) {
	pid_t pid;
	bool connected;
	int status, end = connect_child(path, &pid, &connected);
	close(end);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == !connected);
	dispatch();
	return connected;
}

static bool admits(struct gp_bridge_client *bridge, const char *name) {
	char cause[320] = "";
	bool admitted = gp_bridge_socket_admit_guest(bridge->client, name, cause, sizeof(cause));
	assert_int_equal(admitted, cause[0] == '\0');
	return admitted;
}

/* One process is held to its own limit, and no other one is. */
static void test_idle_of_process(void **state) {
	assert_int_equal(connect_all(general_path, CONNECTIONS), GP_BRIDGES_OF_PROCESS_IDLE_MAX);
	assert_true(can_child_connect(general_path));
	/* Nor at another socket. */
	int fd = connect_to(office_path);
	assert_true(gp_socket_hung_up(fd));
	close(fd);
	/* One that has a guest counts as such. */
	assert_true(admits(last(), "one"));
	fd = connect_to(office_path);
	assert_false(gp_socket_hung_up(fd));
	close(fd);
	dispatch();
	/* One that has ended counts no more, noticed or not. */
	gp_fd_close(&fds[0]);
	fd = gp_socket_connect(general_path);
	dispatch();
	assert_false(gp_socket_hung_up(fd));
	close(fd);
}

static void test_of_process(void **state) {
	for (size_t i = 0; i < GP_BRIDGES_OF_PROCESS_MAX; i++) {
		char name[16];
		snprintf(name, sizeof(name), "vm%zu", i);
		fds[i] = connect_to(general_path);
		assert_true(admits(last(), name));
	}
	int fd = connect_to(general_path);
	assert_true(gp_socket_hung_up(fd));
	close(fd);
	assert_true(can_child_connect(general_path));
}

/* A full socket makes room by those that have made no guest for a while, and is full alone. */
static void test_full(void **state) {
	struct gp_bridge_clients *clients = &sockets.clients;
	clients->max = 4;
	clients->of_guest_max = 1;
	assert_int_equal(connect_all(general_path, 4), 4);
	struct gp_bridge_client *oldest = wl_container_of(clients->list.next, oldest, link);
	assert_true(admits(oldest, "one"));
	assert_false(can_child_connect(general_path));
	assert_true(can_child_connect(office_path));
	clients->idle_ns = 0;
	assert_true(can_child_connect(general_path));
	assert_false(gp_socket_hung_up(fds[0]));
	assert_true(gp_socket_hung_up(fds[1])); // the oldest one without a guest
	assert_false(gp_socket_hung_up(fds[2]));
	/* The limit of a process is not for others to pay. */
	clients->of_process_idle_max = 2;
	int fd = connect_to(general_path);
	assert_true(gp_socket_hung_up(fd));
	close(fd);
	assert_false(gp_socket_hung_up(fds[2]));
}

/* What is left of descriptors is for other things. */
static void test_reserve(void **state) {
	struct rlimit low = limit;
	int fd = connect_to(general_path);
	assert_false(gp_socket_hung_up(fd));
	low.rlim_cur = (rlim_t)fd + GP_FDS_RESERVED;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	int other = connect_to(general_path);
	assert_true(gp_socket_hung_up(other));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	close(other);
	close(fd);
}

static void test_names(void **state) {
	fds[0] = connect_to(general_path);
	struct gp_bridge_client *general = last();
	fds[1] = connect_to(office_path);
	struct gp_bridge_client *office = last();
	assert_string_equal(
		gp_bridge_socket_of_client(general->client)->listener.path, general_path);
	assert_string_equal(gp_bridge_socket_of_client(office->client)->listener.path, office_path);
	assert_string_equal(gp_bridge_sockets_find(&sockets, "office")->listener.path, office_path);
	assert_string_equal(gp_bridge_sockets_find(&sockets, NULL)->listener.path, general_path);
	assert_null(gp_bridge_sockets_find(&sockets, "lab"));

	assert_false(admits(general, "office"));
	assert_false(general->has_guest);
	assert_true(admits(general, "lab"));
	assert_true(general->has_guest);
	assert_false(admits(office, "lab"));
	assert_false(admits(office, "office2"));
	assert_true(admits(office, "office"));
}

static void count_request(void *data, enum wl_protocol_logger_type direction,
	const struct wl_protocol_logger_message *message) {
	unsigned *n = data;
	*n += direction == WL_PROTOCOL_LOGGER_REQUEST;
}

#define SYNC 0
#define GET_REGISTRY 1
#define REQUESTS 5000

/* Requests of wl_display that make objects, with ids from first on. In one piece. */
static void send_requests(int fd, uint32_t opcode, uint32_t first, uint32_t n) {
	static uint32_t messages[REQUESTS][3];
	assert_true(n <= REQUESTS);
	for (uint32_t i = 0; i < n; i++) {
		messages[i][0] = 1;
		messages[i][1] = sizeof(messages[i]) << 16 | opcode;
		messages[i][2] = first + i;
	}
	ssize_t size = (ssize_t)(n * sizeof(messages[0]));
	assert_int_equal(write(fd, messages, (size_t)size), size);
}

/* Of what a bridge sends at once, one turn of the loop handles a few hundred requests. */
static void test_turn(void **state) {
	unsigned n = 0;
	fds[0] = connect_to(general_path);
	fds[1] = connect_to(general_path);
	send_requests(fds[0], SYNC, 2, REQUESTS);
	send_requests(fds[1], SYNC, 2, 1);
	struct wl_protocol_logger *logger =
		wl_display_add_protocol_logger(display, count_request, &n);
	wl_event_loop_dispatch(wl_display_get_event_loop(display), 0);
	wl_display_flush_clients(display);
	assert_true(n > 1 && n <= GP_REQUESTS_PER_TURN_MAX + 1);
	/* The other one has its reply: done, and delete_id. */
	char reply[64];
	assert_int_equal(read(fds[1], reply, sizeof(reply)), 24);
	wl_protocol_logger_destroy(logger);
}

/* Ids, and so objects and the table of them, end. */
static void test_objects(void **state) {
	fds[0] = connect_to(general_path);
	for (uint32_t id = 2; id <= GP_OBJECTS_PER_CLIENT_MAX; id++) {
		send_requests(fds[0], GET_REGISTRY, id, 1);
		if (id % 64 == 0) {
			dispatch();
		}
	}
	dispatch();
	assert_false(gp_socket_hung_up(fds[0]));
	send_requests(fds[0], GET_REGISTRY, GP_OBJECTS_PER_CLIENT_MAX + 1, 1);
	dispatch();
	assert_true(gp_socket_hung_up(fds[0]));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_idle_of_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_objects, setup, teardown),
	};
	gp_log_init("test", GP_LOG_SILENT);
	if (mkdtemp(dir) == NULL) {
		return 1;
	}
	snprintf(general_path, sizeof(general_path), "%s/general", dir);
	snprintf(office_path, sizeof(office_path), "%s/office", dir);
	int failed = cmocka_run_group_tests_name("bridge_socket", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}

/* Sockets of ordinary clients: which they are, and how many may connect. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/limits.h"
#include "compositor/config/client_grant.h"
#include "compositor/system/client_socket.h"

static char dir[] = "/tmp/gp-test-clients-XXXXXX";
static struct gp_client_grant tool, plain;
static struct wl_display *display;
static struct gp_client_sockets sockets;
static int fds[GP_CLIENTS_OF_SOCKET_MAX];
static struct rlimit limit;

static int setup(void **state) {
	getrlimit(RLIMIT_NOFILE, &limit);
	display = wl_display_create();
	gp_client_sockets_init(&sockets, display);
	memset(fds, -1, sizeof(fds));
	return gp_client_sockets_add(&sockets, &tool) && gp_client_sockets_add(&sockets, &plain)
		? 0
		: -1;
}

static int teardown(void **state) {
	setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i < GP_CLIENTS_OF_SOCKET_MAX; i++) {
		gp_fd_close(&fds[i]);
	}
	wl_display_destroy_clients(display);
	gp_client_sockets_finish(&sockets);
	wl_display_destroy(display);
	return access(tool.path, F_OK) != 0 ? 0 : -1;
}

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

/* Of the last connection that was accepted; NULL if there is none. */
static const struct gp_client_socket *last(void) {
	struct wl_list *clients = wl_display_get_client_list(display);
	return wl_list_empty(clients)
		? NULL
		: gp_client_socket_of_client(wl_client_from_link(clients->prev));
}

static void test_of_client(void **state) {
	char path[128];
	struct stat st;
	fds[0] = connect_to(tool.path);
	assert_string_equal(last()->name, "tool");
	assert_int_equal(last()->permissions, GP_PERMISSION_CAPTURE | GP_PERMISSION_INPUT);
	/* A name in XDG_RUNTIME_DIR. */
	snprintf(path, sizeof(path), "%s/plain", dir);
	fds[1] = connect_to(path);
	assert_string_equal(last()->name, "plain");
	assert_int_equal(last()->permissions, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	/* One that came another way is of none. */
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_non_null(wl_client_create(display, ends[0]));
	assert_null(last());
	close(ends[1]);
	dispatch();
}

static void test_full(void **state) {
	for (size_t i = 0; i < GP_CLIENTS_OF_SOCKET_MAX; i++) {
		fds[i] = connect_to(tool.path);
		assert_false(gp_socket_hung_up(fds[i]));
	}
	int fd = connect_to(tool.path);
	assert_true(gp_socket_hung_up(fd));
	close(fd);
	/* Of that socket alone, and until one disconnects. */
	char path[128];
	snprintf(path, sizeof(path), "%s/plain", dir);
	fd = connect_to(path);
	assert_false(gp_socket_hung_up(fd));
	close(fd);
	gp_fd_close(&fds[0]);
	dispatch();
	fds[0] = connect_to(tool.path);
	assert_false(gp_socket_hung_up(fds[0]));
}

static void test_reserve(void **state) {
	struct rlimit low = limit;
	fds[0] = connect_to(tool.path);
	low.rlim_cur = (rlim_t)fds[0] + GP_FDS_RESERVED;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	fds[1] = connect_to(tool.path);
	assert_true(gp_socket_hung_up(fds[1]));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The first of a name is in force. What cannot be made is no reason to offer something else. */
static void test_add(void **state) {
	struct gp_client_grant other = plain;
	strcpy(other.name, "tool");
	assert_true(gp_client_sockets_add(&sockets, &other));
	assert_int_equal(wl_list_length(&sockets.list), 2);
	strcpy(other.name, "other");
	assert_false(gp_client_sockets_add(&sockets, &other)); // its path is in use
	strcpy(other.path, "/nonexistent/other");
	assert_false(gp_client_sockets_add(&sockets, &other));
	memset(other.path, 'x', GP_PATH_MAX - 1);
	assert_false(gp_client_sockets_add(&sockets, &other)); // too long with the directory
	unsetenv("XDG_RUNTIME_DIR");
	strcpy(other.path, "other");
	assert_false(gp_client_sockets_add(&sockets, &other));
	setenv("XDG_RUNTIME_DIR", dir, 1);
	assert_int_equal(wl_list_length(&sockets.list), 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_of_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add, setup, teardown),
	};
	gp_log_init("test", GP_LOG_SILENT);
	if (mkdtemp(dir) == NULL) {
		return 1;
	}
	setenv("XDG_RUNTIME_DIR", dir, 1);
	tool = (struct gp_client_grant){
		.name = "tool", .permissions = GP_PERMISSION_CAPTURE | GP_PERMISSION_INPUT};
	snprintf(tool.path, sizeof(tool.path), "%s/tool", dir);
	plain = (struct gp_client_grant){.name = "plain", .path = "plain"};
	int failed = cmocka_run_group_tests_name("client_socket", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}

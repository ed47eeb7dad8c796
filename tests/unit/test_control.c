#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/socket.h"

#define LARGE_SIZE (4 << 20) // more than a socket takes at once
#define SECOND_NS UINT64_C(1000000000)

static char dir[] = "/tmp/gp-test-control-XXXXXX";
static char path[64];
static int fds_before;
static struct wl_event_loop *loop;
static struct gp_control *control;
static int n_requests;

static int count_fds(void) {
	DIR *fds = opendir("/proc/self/fd");
	int n = 0;
	assert_non_null(fds);
	while (readdir(fds) != NULL) {
		n++;
	}
	closedir(fds);
	return n;
}

static struct json_object *handle_request(void *data, const char *request) {
	struct json_object *document = NULL;
	assert_ptr_equal(data, &n_requests);
	n_requests++;
	if (strcmp(request, "status") == 0) {
		document = json_object_new_object();
		json_object_object_add(document, "path", json_object_new_string("a/b"));
	} else if (strcmp(request, "large") == 0) {
		char *text = malloc(LARGE_SIZE);
		memset(text, 'x', LARGE_SIZE);
		document = json_object_new_string_len(text, LARGE_SIZE);
		free(text);
	}
	return document;
}

static int setup(void **state) {
	fds_before = count_fds();
	n_requests = 0;
	loop = wl_event_loop_create();
	control = gp_control_create(loop, path, handle_request, &n_requests);
	assert_non_null(control);
	return 0;
}

static int teardown(void **state) {
	gp_control_destroy(control);
	wl_event_loop_destroy(loop);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(count_fds(), fds_before);
	return 0;
}

static int group_setup(void **state) {
	gp_log_init("test", GP_LOG_SILENT);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control", dir);
	return 0;
}

static int group_teardown(void **state) {
	return rmdir(dir);
}

/* Runs the server until it has nothing to do. */
static void run(void) {
	for (int i = 0; i < 20; i++) {
		assert_int_equal(wl_event_loop_dispatch(loop, 1), 0);
	}
}

static int connect_client(const char *request) {
	int fd = gp_socket_connect(path);
	ssize_t length = strlen(request);
	assert_int_not_equal(fd, -1);
	assert_int_equal(send(fd, request, length, MSG_NOSIGNAL), length);
	return fd;
}

/* Reads what there is into buf. Returns whether the stream has ended. */
static bool has_ended(int fd, char *buf, size_t size) {
	size_t length = 0;
	ssize_t n;
	while ((n = recv(fd, buf + length, size - 1 - length, 0)) > 0) {
		length += n;
	}
	buf[length] = '\0';
	return n == 0 || errno == ECONNRESET; // a reset: it did not read all we sent
}

static void assert_reply(int fd, const char *reply) {
	char buf[256];
	run();
	assert_true(has_ended(fd, buf, sizeof(buf)));
	assert_string_equal(buf, reply);
	close(fd);
}

static void test_status(void **state) {
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_reply(connect_client("status\n"), "{\"path\":\"a/b\"}\n");
	assert_reply(connect_client("status\nmore\n"), "{\"path\":\"a/b\"}\n");
	assert_int_equal(n_requests, 2);
}

static void test_request_in_pieces(void **state) {
	char buf[64];
	int fd = connect_client("sta");
	run();
	assert_false(has_ended(fd, buf, sizeof(buf)));
	assert_int_equal(send(fd, "tus\n", 4, 0), 4);
	assert_reply(fd, "{\"path\":\"a/b\"}\n");
}

static void test_unknown_request(void **state) {
	assert_reply(connect_client("reboot\n"), "{\"error\":\"unknown request\"}\n");
	assert_reply(connect_client("\n"), "{\"error\":\"unknown request\"}\n");
	assert_reply(connect_client("statusx\n"), "{\"error\":\"unknown request\"}\n");
}

static void test_oversize_request(void **state) {
	char request[5000];
	memset(request, 'a', sizeof(request) - 1);
	request[sizeof(request) - 1] = '\0';
	assert_reply(connect_client(request), "{\"error\":\"request too long\"}\n");
	assert_int_equal(n_requests, 0);
}

static void test_client_leaves(void **state) {
	close(connect_client(""));
	close(connect_client("sta"));
	close(connect_client("large\n"));
	int half = connect_client("stat");
	shutdown(half, SHUT_WR);
	assert_reply(half, ""); // no whole line will come
	assert_reply(connect_client("status\n"), "{\"path\":\"a/b\"}\n");
}

static void test_large_reply(void **state) {
	char buf[65536];
	size_t total = 0;
	ssize_t n;
	int fd = connect_client("large\n");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(wl_event_loop_dispatch(loop, 10), 0);
		n = recv(fd, buf, sizeof(buf), 0);
		if (n == 0) {
			break;
		}
		total += n > 0 ? n : 0;
	}
	assert_int_equal(n, 0);
	assert_int_equal(total, LARGE_SIZE + 3); // quotes and the newline
	close(fd);
}

/* A client that sends nothing and one that does not read its reply are both ended after 2 s. */
static void test_slow_clients(void **state) {
	static char buf[LARGE_SIZE];
	uint64_t start_ns = gp_now_ns();
	int silent = connect_client("stat"), deaf = connect_client("large\n");
	run();
	assert_false(has_ended(silent, buf, sizeof(buf)));
	while (!has_ended(silent, buf, sizeof(buf))) {
		assert_int_equal(wl_event_loop_dispatch(loop, 100), 0);
		assert_true(gp_now_ns() - start_ns < 4 * SECOND_NS);
	}
	assert_true(gp_now_ns() - start_ns > SECOND_NS * 19 / 10);
	run();
	assert_true(has_ended(deaf, buf, sizeof(buf)));
	assert_true(strlen(buf) < LARGE_SIZE - 1);
	close(silent);
	close(deaf);
	assert_reply(connect_client("status\n"), "{\"path\":\"a/b\"}\n");
}

static void test_ninth_client(void **state) {
	int fds[8];
	for (int i = 0; i < 8; i++) {
		fds[i] = connect_client("");
	}
	run();
	assert_reply(connect_client(""), ""); // sent away
	assert_int_equal(send(fds[3], "status\n", 7, 0), 7);
	assert_reply(fds[3], "{\"path\":\"a/b\"}\n");
	assert_reply(connect_client("status\n"), "{\"path\":\"a/b\"}\n"); // in its slot
	for (int i = 0; i < 8; i++) {
		if (i != 3) {
			assert_int_equal(send(fds[i], "status\n", 7, 0), 7);
			assert_reply(fds[i], "{\"path\":\"a/b\"}\n");
		}
	}
}

/* Without descriptors the server neither spins nor forgets the client. */
static void test_accept_fails(void **state) {
	struct rlimit limit, old;
	int fd = connect_client("status\n"), rounds = 0;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = (struct rlimit){0, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (uint64_t end_ns = gp_now_ns() + SECOND_NS / 5; gp_now_ns() < end_ns; rounds++) {
		assert_int_equal(wl_event_loop_dispatch(loop, 50), 0);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(rounds < 10);
	assert_int_equal(n_requests, 0);
	for (int i = 0; i < 10 && n_requests == 0; i++) {
		assert_int_equal(wl_event_loop_dispatch(loop, 100), 0);
	}
	assert_reply(fd, "{\"path\":\"a/b\"}\n");
}

static void test_create_fails(void **state) {
	assert_null(gp_control_create(loop, path, handle_request, NULL)); // in use, by us
	assert_reply(connect_client("status\n"), "{\"path\":\"a/b\"}\n");
	assert_null(gp_control_create(loop, "/nonexistent/control", handle_request, NULL));
}

static void test_destroy_with_clients(void **state) {
	int waiting = connect_client("sta"), deaf = connect_client("large\n");
	run();
	gp_control_destroy(control);
	control = NULL;
	assert_reply(waiting, "");
	close(deaf);
	gp_control_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_status),
		TEST(test_request_in_pieces),
		TEST(test_unknown_request),
		TEST(test_oversize_request),
		TEST(test_client_leaves),
		TEST(test_large_reply),
		TEST(test_slow_clients),
		TEST(test_ninth_client),
		TEST(test_accept_fails),
		TEST(test_create_fails),
		TEST(test_destroy_with_clients),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

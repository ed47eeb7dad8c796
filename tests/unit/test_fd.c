#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/read_text.h"
#include "common/runtime_path.h"
#include "common/socket.h"

static char dir[] = "/tmp/gp-test-fd-XXXXXX";
static char path[64];
static int fds_before;

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

static void set_fd_limit(rlim_t n) {
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* From now on only n more descriptors can be opened. */
static void limit_fds(int n) {
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(lowest, -1);
	close(lowest);
	set_fd_limit(lowest + n);
}

static bool is_cloexec(int fd) {
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static bool is_nonblock(int fd) {
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

static int setup(void **state) {
	fds_before = count_fds();
	return 0;
}

static int teardown(void **state) {
	set_fd_limit(1024);
	unlink(path);
	assert_int_equal(count_fds(), fds_before);
	return 0;
}

static int group_setup(void **state) {
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	return 0;
}

static int group_teardown(void **state) {
	return rmdir(dir);
}

static void test_close(void **state) {
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), raw = fd;
	errno = EPROTO;
	gp_fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(fcntl(raw, F_GETFD), -1);
	errno = EPROTO;
	gp_fd_close(&fd);
	assert_int_equal(errno, EPROTO);
}

static void test_take(void **state) {
	int fd = 7;
	assert_int_equal(gp_fd_take(&fd), 7);
	assert_int_equal(fd, -1);
	assert_int_equal(gp_fd_take(&fd), -1);
}

static void test_nonblock(void **state) {
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_false(is_nonblock(fds[0]));
	assert_true(gp_fd_set_nonblock(fds[0]));
	assert_true(is_nonblock(fds[0]));
	close(fds[0]);
	close(fds[1]);
	assert_false(gp_fd_set_nonblock(fds[0]));
	assert_int_equal(errno, EBADF);
}

static void test_memfd(void **state) {
	struct stat st;
	int fd = gp_memfd_create_sealed("test", 8192);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 8192);
	assert_true(is_cloexec(fd));
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 16384), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(pwrite(fd, "x", 1, 8191), 1);
	close(fd);
}

static void test_memfd_fails(void **state) {
	assert_int_equal(gp_memfd_create_sealed("test", SIZE_MAX), -1);
	assert_int_equal(errno, EINVAL);
	limit_fds(0);
	assert_int_equal(gp_memfd_create_sealed("test", 4096), -1);
	assert_int_equal(errno, EMFILE);
}

static void test_listen(void **state) {
	struct stat st;
	mode_t umask_before = umask(0);
	int fd = gp_socket_listen(path);
	assert_int_equal(umask(umask_before), 0);
	assert_int_not_equal(fd, -1);
	assert_true(is_cloexec(fd) && is_nonblock(fd));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);

	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	int client = gp_socket_connect(path);
	assert_int_not_equal(client, -1);
	assert_true(is_cloexec(client) && is_nonblock(client));
	int server = accept(fd, NULL, NULL);
	assert_int_not_equal(server, -1);
	assert_int_equal(write(client, "a", 1), 1);
	char byte = 0;
	assert_int_equal(read(server, &byte, 1), 1);
	assert_int_equal(byte, 'a');
	close(server);
	close(client);
	close(fd);
}

/* A socket that is bound but not listened on is nobody's, as one left by a crash. */
static void test_listen_replaces_stale(void **state) {
	int stale = gp_socket_listen(path);
	assert_int_not_equal(stale, -1);
	close(stale);
	assert_int_equal(gp_socket_connect(path), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(gp_socket_get_listener(path), 0);
	int fd = gp_socket_listen(path);
	assert_int_not_equal(fd, -1);
	int client = gp_socket_connect(path);
	assert_int_not_equal(client, -1);
	close(client);
	close(fd);
}

/* What the other end has sent before does not hide that it hung up. */
static void test_hung_up(void **state) {
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_false(gp_socket_hung_up(ends[0]));
	assert_int_equal(write(ends[1], "a", 1), 1);
	assert_false(gp_socket_hung_up(ends[0]));
	close(ends[1]);
	assert_true(gp_socket_hung_up(ends[0]));
	close(ends[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	shutdown(ends[1], SHUT_RDWR);
	assert_true(gp_socket_hung_up(ends[0]));
	close(ends[0]);
	close(ends[1]);
}

static void test_listen_leaves_live(void **state) {
	int live = gp_socket_listen(path);
	assert_int_not_equal(live, -1);
	assert_int_equal(gp_socket_get_listener(path), getpid());
	assert_int_equal(gp_socket_listen(path), -1);
	assert_int_equal(errno, EADDRINUSE);
	int client = gp_socket_connect(path);
	assert_int_not_equal(client, -1);
	close(client);
	close(live);
}

/* A live socket with a full queue does not take connections at once; still it is not stale. */
static void test_listen_leaves_busy(void **state) {
	int live = gp_socket_listen(path), clients[64], n = 0;
	assert_int_not_equal(live, -1);
	while (n < 64 && (clients[n] = gp_socket_connect(path)) != -1) {
		n++;
	}
	assert_true(n >= 1 && n < 64);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(gp_socket_listen(path), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	while (n > 0) {
		close(clients[--n]);
	}
	close(live);
}

static void test_listen_leaves_file(void **state) {
	int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_not_equal(file, -1);
	close(file);
	assert_int_equal(gp_socket_listen(path), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_listen_bad_path(void **state) {
	char too_long[200];
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(gp_socket_listen(too_long), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(gp_socket_connect(too_long), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(gp_socket_listen(""), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(gp_socket_listen("/nonexistent/dir/sock"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(gp_socket_connect("/nonexistent/dir/sock"), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_longest_path(void **state) {
	char longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	size_t length = sizeof(longest) - 1;
	int n = snprintf(longest, sizeof(longest), "%s/", dir);
	memset(longest + n, 'a', length - n);
	longest[length] = '\0';
	assert_int_equal(gp_socket_listen(longest), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	longest[length - 1] = '\0';
	int fd = gp_socket_listen(longest);
	assert_int_not_equal(fd, -1);
	assert_int_equal(unlink(longest), 0);
	close(fd);
}

static void test_listen_no_descriptors(void **state) {
	limit_fds(0);
	assert_int_equal(gp_socket_listen(path), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(gp_socket_connect(path), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(access(path, F_OK), -1);
}

/* Whether the old socket is stale cannot be found out: it stays. */
static void test_listen_no_second_descriptor(void **state) {
	int stale = gp_socket_listen(path);
	assert_int_not_equal(stale, -1);
	close(stale);
	limit_fds(1);
	assert_int_equal(gp_socket_listen(path), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_now(void **state) {
	uint64_t a = gp_now_ns(), b = gp_now_ns();
	assert_true(a > 0 && b >= a && b - a < 1000000000);
}

static void test_runtime_path(void **state) {
	char buf[64], expected[96];
	struct stat st;

	setenv("XDG_RUNTIME_DIR", dir, 1);
	for (int i = 0; i < 2; i++) { // made, then found
		assert_true(gp_runtime_path(buf, sizeof(buf), "x.ctl"));
		snprintf(expected, sizeof(expected), "%s/guestpane/x.ctl", dir);
		assert_string_equal(buf, expected);
	}
	assert_true(gp_runtime_path(buf, sizeof(buf), ""));
	assert_int_equal(stat(buf, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(rmdir(buf), 0);
}

static void test_runtime_path_fails(void **state) {
	char buf[64];

	unsetenv("XDG_RUNTIME_DIR");
	assert_false(gp_runtime_path(buf, sizeof(buf), "x"));
	assert_int_equal(errno, ENOENT);
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	assert_false(gp_runtime_path(buf, sizeof(buf), "x"));
	assert_int_equal(errno, ENOENT);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	assert_false(gp_runtime_path(buf, strlen(dir) + 10, "x"));
	assert_int_equal(errno, ENAMETOOLONG);
	assert_false(gp_runtime_path(buf, strlen(dir) + 12, "x")); // the directory fits
	assert_int_equal(errno, ENAMETOOLONG);
	assert_true(gp_runtime_path(buf, strlen(dir) + 13, "x"));
	assert_true(gp_runtime_path(buf, sizeof(buf), ""));
	assert_int_equal(rmdir(buf), 0);
}

static void test_read_text(void **state) {
	char buf[8], whole[16];
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "0123456789\n", 11), 11);
	close(fd);
	assert_true(gp_read_text(AT_FDCWD, path, whole, sizeof(whole)));
	assert_string_equal(whole, "0123456789\n");
	assert_true(gp_read_text(AT_FDCWD, path, buf, sizeof(buf)));
	assert_string_equal(buf, "0123456");
	int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(gp_read_text(dir_fd, "sock", whole, sizeof(whole)));
	assert_string_equal(whole, "0123456789\n");
	assert_false(gp_read_text(dir_fd, "missing", whole, sizeof(whole)));
	assert_string_equal(whole, "");
	close(dir_fd);
}

static void test_reserve(void **state) {
	static const struct {
		uint64_t limit;
		int last; // that is not of the reserve
	} rows[] = {
		{1, 0},
		{64, 31},
		{2048, 1023},
		{4096, 3071},
		{UINT64_C(1) << 20, (1 << 20) - 1025},
		{UINT64_MAX, INT32_MAX - 1}, // no limit
	};
	assert_false(gp_fd_is_reserve(INT32_MAX - 1));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gp_fd_keep_reserve(rows[i].limit);
		assert_false(gp_fd_is_reserve(-1));
		assert_false(gp_fd_is_reserve(rows[i].last));
		assert_true(gp_fd_is_reserve(rows[i].last + 1));
	}
	gp_fd_keep_reserve(UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_close),
		TEST(test_take),
		TEST(test_nonblock),
		TEST(test_memfd),
		TEST(test_memfd_fails),
		TEST(test_reserve),
		TEST(test_listen),
		TEST(test_listen_replaces_stale),
		TEST(test_listen_leaves_live),
		TEST(test_hung_up),
		TEST(test_listen_leaves_busy),
		TEST(test_listen_leaves_file),
		TEST(test_listen_bad_path),
		TEST(test_longest_path),
		TEST(test_listen_no_descriptors),
		TEST(test_listen_no_second_descriptor),
		TEST(test_now),
		TEST(test_runtime_path),
		TEST(test_runtime_path_fails),
		TEST(test_read_text),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

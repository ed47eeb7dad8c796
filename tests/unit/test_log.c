#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

/* Standard error is a datagram socket while a test logs: one write(2) is one message. */
static int stderr_saved, lines_fd;

static int setup(void **state) {
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	lines_fd = fds[0];
	stderr_saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	gp_log_init("test", GP_LOG_INFO);
	return 0;
}

static int teardown(void **state) {
	dup2(stderr_saved, STDERR_FILENO);
	close(stderr_saved);
	close(lines_fd);
	return 0;
}

/* Takes one write and returns the text after the level, without the newline; NULL: none. */
static const char *next_message(char level) {
	static char line[4096];
	unsigned seconds, micros;
	int head = 0;
	char letter = 0;
	ssize_t n = recv(lines_fd, line, sizeof(line) - 1, MSG_DONTWAIT);
	if (n == -1) {
		return NULL;
	}
	assert_true(n > 0 && line[n - 1] == '\n');
	line[n - 1] = '\0';
	assert_null(strchr(line, '\n'));
	assert_int_equal(sscanf(line, "test: %u.%6u %c %n", &seconds, &micros, &letter, &head), 3);
	assert_true(head > 0 && seconds < 10);
	assert_int_equal(letter, level);
	return line + head;
}

static void test_levels(void **state) {
	gp_error("one %d", 1);
	gp_warn("two");
	gp_info("three");
	gp_debug("four");
	assert_string_equal(next_message('E'), "one 1");
	assert_string_equal(next_message('W'), "two");
	assert_string_equal(next_message('I'), "three");
	assert_null(next_message('D'));
	assert_int_equal(gp_log_level(), GP_LOG_INFO);
	gp_log_init("test", GP_LOG_DEBUG);
	gp_debug("five");
	assert_string_equal(next_message('D'), "five");
	gp_log_init("test", GP_LOG_SILENT);
	gp_error("six");
	assert_null(next_message('E'));
}

static void test_errno(void **state) {
	errno = ENOSPC;
	gp_error_errno("cannot %s", "write");
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(next_message('E'), "cannot write: No space left on device");
	errno = EPROTO;
	gp_debug("not shown");
	assert_int_equal(errno, EPROTO);
}

static void test_errno_kept_if_write_fails(void **state) {
	close(STDERR_FILENO);
	errno = EPROTO;
	gp_error("nobody reads this");
	assert_int_equal(errno, EPROTO);
}

static void test_escapes_message(void **state) {
	gp_warn("guest '%s'", "a\nb\x1b[31m\x7f");
	assert_string_equal(next_message('W'), "guest 'a\\x0ab\\x1b[31m\\x7f'");
}

static void test_long_message(void **state) {
	static char text[5000];
	memset(text, '\x01', sizeof(text) - 1);
	gp_error("%s", text);
	const char *message = next_message('E');
	assert_non_null(message);
	assert_true(strlen(message) > 1000);
	memset(text, 'y', sizeof(text) - 1);
	gp_error("%s", text);
	assert_int_equal(strspn(next_message('E'), "y"), 1023);
}

/* The journal has time and program itself, and gets priorities (sd-daemon(3)). */
static void test_journal(void **state) {
	char stream[64], line[128];
	struct stat status;
	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		(unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", stream, true);
	gp_log_init("test", GP_LOG_DEBUG);
	gp_error("one");
	gp_warn("two");
	gp_log_set_subject("office");
	gp_info("three");
	gp_debug("four");
	gp_log_set_subject(NULL);
	static const char *const lines[] = {
		"<3>one\n", "<4>two\n", "<6>office: three\n", "<7>office: four\n"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ssize_t n = recv(lines_fd, line, sizeof(line) - 1, MSG_DONTWAIT);
		assert_true(n > 0);
		line[n] = '\0';
		assert_string_equal(line, lines[i]);
	}
	setenv("JOURNAL_STREAM", "1:1", true); // of somebody else
	gp_log_init("test", GP_LOG_INFO);
	unsetenv("JOURNAL_STREAM");
	gp_info("five");
	assert_string_equal(next_message('I'), "five");
}

static void test_escape(void **state) {
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"", ""},
		{"plain ~ text", "plain ~ text"},
		{"tab\tcr\r", "tab\\x09cr\\x0d"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"}, // 2 bytes
		{"\xe2\x82\xac \xf0\x9f\x96\xa5", "\xe2\x82\xac \xf0\x9f\x96\xa5"}, // 3 and 4
		{"\xc2\xa0", "\xc2\xa0"},
		{"\xc2\x9b", "\\xc2\\x9b"}, // C1: a terminal's CSI
		{"\xe0\x82\x9b", "\\xe0\\x82\\x9b"}, // the same, overlong
		{"\xf0\x80\x82\x9b", "\\xf0\\x80\\x82\\x9b"},
		{"\xc0\x8a", "\\xc0\\x8a"}, // an overlong newline
		{"\x9b", "\\x9b"},
		{"\xff", "\\xff"},
		{"\xc3", "\\xc3"}, // cut
		{"\xe2\x82", "\\xe2\\x82"},
		{"\xe2\x82z", "\\xe2\\x82z"},
	};
	char out[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(gp_escape(out, sizeof(out), rows[i].in), strlen(rows[i].out));
		assert_string_equal(out, rows[i].out);
	}
}

static void test_escape_cuts(void **state) {
	char out[6] = "?????";
	assert_int_equal(gp_escape(out, 1, "abc"), 0);
	assert_string_equal(out, "");
	assert_int_equal(gp_escape(out, 4, "abc"), 3);
	assert_int_equal(gp_escape(out, 4, "abcd"), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(gp_escape(out, 5, "ab\x01"), 2); // no half escape
	assert_int_equal(gp_escape(out, 4, "ab\xc3\xbc"), 2); // no half character
	assert_string_equal(out, "ab");
	assert_int_equal(gp_escape(out, 5, "ab\xc3\xbc"), 4);
}

static void test_limit(void **state) {
	struct gp_log_limit limit = {.burst = 2, .interval_ns = UINT64_C(3600) * 1000000000};
	uint64_t suppressed = 99;

	assert_true(gp_log_limit_pass(&limit, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_true(gp_log_limit_pass(&limit, &suppressed));
	for (int i = 0; i < 5; i++) {
		assert_false(gp_log_limit_pass(&limit, &suppressed));
	}
	limit.next_ns = 0; // an hour later
	assert_true(gp_log_limit_pass(&limit, &suppressed));
	assert_int_equal(suppressed, 5);
	assert_false(gp_log_limit_pass(&limit, &suppressed));
	limit.next_ns = 0;
	assert_true(gp_log_limit_pass(&limit, &suppressed));
	assert_int_equal(suppressed, 1);
}

static unsigned count_messages(char level) {
	unsigned n = 0;
	while (next_message(level) != NULL) {
		n++;
	}
	return n;
}

static void repeat(struct gp_log_limit *limit, int times) {
	for (int i = 0; i < times; i++) {
		errno = EPROTO;
		gp_log_limited(limit, GP_LOG_WARN, "BAR %d: %m", i);
		assert_int_equal(errno, EPROTO);
	}
}

/* What a guest repeats is a bounded number of lines, and the next one has the count of the rest. */
static void test_limited(void **state) {
	struct gp_log_limit limit = GP_LOG_LIMIT_INIT;
	limit.interval_ns *= 360;
	repeat(&limit, 10000);
	assert_string_equal(next_message('W'), "BAR 0: Protocol error");
	assert_int_equal(count_messages('W'), limit.burst - 1);
	limit.next_ns = 0; // an hour later
	repeat(&limit, 10000);
	char last[128];
	snprintf(last, sizeof(last), "BAR 0: Protocol error (%d such lines suppressed)",
		10000 - (int)limit.burst);
	assert_string_equal(next_message('W'), last);
	assert_null(next_message('W'));
}

static void test_limited_here(void **state) {
	unsigned ones = 0, lines = 0;
	for (int i = 0; i < 10000; i++) {
		gp_info_limited("one");
		ones += count_messages('I');
		gp_info_limited("two"); // each place has its own limit
		lines += count_messages('I');
	}
	assert_int_equal(ones, 10);
	assert_int_equal(lines, 10);
}

static void test_limited_silent(void **state) {
	struct gp_log_limit limit = {.burst = 1, .interval_ns = UINT64_C(3600) * 1000000000};
	gp_log_limited(&limit, GP_LOG_DEBUG, "not shown");
	gp_log_limited(&limit, GP_LOG_INFO, "shown");
	assert_string_equal(next_message('I'), "shown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_levels),
		TEST(test_errno),
		TEST(test_errno_kept_if_write_fails),
		TEST(test_escapes_message),
		TEST(test_long_message),
		TEST(test_journal),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_cuts),
		cmocka_unit_test(test_limit),
		TEST(test_limited),
		TEST(test_limited_here),
		TEST(test_limited_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

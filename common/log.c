#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/clock.h"

#define MESSAGE_MAX 1024
/* Room for the prefix and the newline, and for some bytes that grow when escaped. */
#define LINE_MAX_BYTES 2048

static const char *program_name = "guestpane";
static enum gp_log_level max_level = GP_LOG_INFO;
static const char *line_subject;
static bool is_journal;
static uint64_t start_ns;

/* sd-daemon(3): the service manager says which stream is the journal's. */
static bool writes_to_journal(void) {
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
		status.st_ino == inode;
}

void gp_log_init(const char *program, enum gp_log_level level) {
	program_name = program;
	max_level = level;
	is_journal = writes_to_journal();
	start_ns = gp_now_ns();
}

void gp_log_set_subject(const char *subject) {
	line_subject = subject;
}

enum gp_log_level gp_log_level(void) {
	return max_level;
}

static bool is_continuation(unsigned char byte) {
	return (byte & 0xc0) == 0x80;
}

/*
 * Length of the printable character at text, 0 if its first byte is to be escaped: a control
 * character (C0, DEL, C1, an overlong form of one) or no UTF-8.
 */
static size_t printable_length(const unsigned char *text) {
	static const struct {
		unsigned char first, last, second; // lead bytes and the least second byte
		size_t length;
	} rows[] = {
		{0xc2, 0xc2, 0xa0, 2},
		{0xc3, 0xdf, 0x80, 2},
		{0xe0, 0xe0, 0xa0, 3},
		{0xe1, 0xef, 0x80, 3},
		{0xf0, 0xf0, 0x90, 4},
		{0xf1, 0xf4, 0x80, 4},
	};

	if (text[0] < 0x80) {
		return text[0] >= 0x20 && text[0] != 0x7f;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (text[0] < rows[i].first || text[0] > rows[i].last || text[1] < rows[i].second) {
			continue;
		}
		size_t n = 1;
		while (n < rows[i].length && is_continuation(text[n])) {
			n++;
		}
		return n == rows[i].length ? n : 0;
	}
	return 0;
}

size_t gp_escape(char *out, size_t size, const char *text) {
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	while (*text != '\0') {
		const unsigned char byte = *text;
		const char escaped[] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
		size_t used = printable_length((const unsigned char *)text);
		const char *piece = used > 0 ? text : escaped;
		size_t length = used > 0 ? used : sizeof(escaped);

		if (n + length >= size) {
			break;
		}
		memcpy(out + n, piece, length);
		n += length;
		text += used > 0 ? used : 1;
	}
	out[n] = '\0';
	return n;
}

/* Returns the length of what comes before the message. */
static int print_prefix(char *line, size_t size, enum gp_log_level level) {
	static const char letters[] = "-EWID";
	static const int priorities[] = {[GP_LOG_ERROR] = LOG_ERR,
		[GP_LOG_WARN] = LOG_WARNING,
		[GP_LOG_INFO] = LOG_INFO,
		[GP_LOG_DEBUG] = LOG_DEBUG};
	if (is_journal) {
		return snprintf(line, size, "<%d>%s%s", priorities[level],
			line_subject != NULL ? line_subject : "", line_subject != NULL ? ": " : "");
	}
	uint64_t us = (gp_now_ns() - start_ns) / 1000;
	return snprintf(line, size, "%s: %llu.%06llu %c ", program_name,
		(unsigned long long)us / 1000000, (unsigned long long)us % 1000000, letters[level]);
}

void gp_vlog(enum gp_log_level level, const char *fmt, va_list args) {
	char message[MESSAGE_MAX], line[LINE_MAX_BYTES];
	int saved = errno;

	if (level > max_level) {
		return;
	}
	int n = print_prefix(line, MESSAGE_MAX, level);
	size_t length = n < MESSAGE_MAX ? n : MESSAGE_MAX - 1;
	errno = saved;
	vsnprintf(message, sizeof(message), fmt, args);
	length += gp_escape(line + length, sizeof(line) - length - 1, message);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0) {
		/* There is nowhere left to report it. */
	}
	errno = saved;
}

void gp_log(enum gp_log_level level, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	gp_vlog(level, fmt, args);
	va_end(args);
}

bool gp_log_limit_pass(struct gp_log_limit *limit, uint64_t *suppressed) {
	uint64_t now_ns = gp_now_ns();

	if (limit->used < limit->burst) {
		limit->used++;
	} else if (now_ns < limit->next_ns) {
		limit->suppressed++;
		return false;
	}
	limit->next_ns = now_ns + limit->interval_ns;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}

void gp_vlog_limited(
	struct gp_log_limit *limit, enum gp_log_level level, const char *fmt, va_list args) {
	char message[MESSAGE_MAX];
	uint64_t suppressed;
	int saved = errno;
	/* A line that is not shown anyway does not count. */
	if (level > max_level || !gp_log_limit_pass(limit, &suppressed)) {
		return;
	}
	errno = saved;
	vsnprintf(message, sizeof(message), fmt, args);
	if (suppressed > 0) {
		gp_log(level, "%s (%llu such lines suppressed)", message,
			(unsigned long long)suppressed);
	} else {
		gp_log(level, "%s", message);
	}
	errno = saved;
}

void gp_log_limited(struct gp_log_limit *limit, enum gp_log_level level, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	gp_vlog_limited(limit, level, fmt, args);
	va_end(args);
}

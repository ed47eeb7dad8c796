#ifndef GP_COMMON_LOG_H
#define GP_COMMON_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Log lines on stderr: "program: seconds.micros L message", with L one of E, W, I and D. If stderr
 * is the journal's, which has time and program itself: "<priority>message" (sd-daemon(3)), or
 * "<priority>subject: message". A line is written once, where the cause is known, with one
 * write(2); control characters in it are escaped. errno is the same after a call as before it.
 */

enum gp_log_level {
	GP_LOG_SILENT = 0,
	GP_LOG_ERROR = 1, // something does not work
	GP_LOG_WARN = 2, // it works less well, or somebody misbehaved
	GP_LOG_INFO = 3, // life of the program; the default
	GP_LOG_DEBUG = 4,
};

/* Sets the level, and the name that starts each line; the name must stay valid. */
void gp_log_init(const char *program, enum gp_log_level level);
enum gp_log_level gp_log_level(void);
/* What all lines in the journal are about: a VM's name, which must stay valid. NULL: nothing. */
void gp_log_set_subject(const char *subject);

void gp_vlog(enum gp_log_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
void gp_log(enum gp_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define gp_error(...) gp_log(GP_LOG_ERROR, __VA_ARGS__)
#define gp_warn(...) gp_log(GP_LOG_WARN, __VA_ARGS__)
#define gp_info(...) gp_log(GP_LOG_INFO, __VA_ARGS__)
#define gp_debug(...) gp_log(GP_LOG_DEBUG, __VA_ARGS__)
/* Like gp_error, with the text of errno appended. */
#define gp_error_errno(fmt, ...) gp_log(GP_LOG_ERROR, fmt ": %m", ##__VA_ARGS__)

/**
 * Copies text into out (size at least 1) as something that can be shown: control characters and
 * bytes that are not UTF-8 become \xNN. What does not fit is cut at a character. Log messages get
 * this treatment already. Returns the length.
 */
size_t gp_escape(char *out, size_t size, const char *text);

/**
 * A limit for lines that a guest or client can provoke: `burst` lines at once, then one line in
 * `interval_ns`. Initialise with zeros and the two values.
 */
struct gp_log_limit {
	uint32_t burst;
	uint64_t interval_ns;
	uint64_t next_ns; // CLOCK_MONOTONIC: time at which the next line is allowed
	uint64_t suppressed; // lines swallowed since the last one that was let through
	uint32_t used;
};

/* Of one place in the code, in a process that serves one peer. */
#define GP_LOG_LIMIT_INIT {.burst = 10, .interval_ns = UINT64_C(10000000000)}

/* Whether a line may be written now. *suppressed is the number swallowed before it. */
bool gp_log_limit_pass(struct gp_log_limit *limit, uint64_t *suppressed);
/* A line that the limit may swallow; the next one that it lets through ends with their number. */
void gp_log_limited(struct gp_log_limit *limit, enum gp_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void gp_vlog_limited(struct gp_log_limit *limit, enum gp_log_level level, const char *fmt,
	va_list args) __attribute__((format(printf, 3, 0)));

/* With a limit for this place in the code. */
#define gp_log_limited_here(level, ...)                                                            \
	do {                                                                                       \
		static struct gp_log_limit limit_of_place = GP_LOG_LIMIT_INIT;                     \
		gp_log_limited(&limit_of_place, level, __VA_ARGS__);                               \
	} while (0)
#define gp_error_limited(...) gp_log_limited_here(GP_LOG_ERROR, __VA_ARGS__)
#define gp_warn_limited(...) gp_log_limited_here(GP_LOG_WARN, __VA_ARGS__)
#define gp_info_limited(...) gp_log_limited_here(GP_LOG_INFO, __VA_ARGS__)

#endif

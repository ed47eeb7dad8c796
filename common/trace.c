#include "common/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#define EVENT_MAX_BYTES 512

bool gp_trace_on;

static int trace_fd = -1;

static struct {
	struct {
		uint64_t start_ns, end_ns; // 0: not done
	} steps[GP_TRACE_STEPS];
	uint64_t committed;
} current;

static void close_trace(void) {
	gp_fd_close(&trace_fd);
	gp_trace_on = false;
}

static void write_line(const char *line, size_t length) {
	ssize_t n;
	do {
		n = write(trace_fd, line, length);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)length) {
		gp_error("the trace ends here: %s", n < 0 ? strerror(errno) : "no space");
		close_trace();
	}
}

/* Under the lock. The first program begins the array. */
static bool begin(const char *program) {
	struct stat st;
	char first = '[', line[EVENT_MAX_BYTES];
	if (fstat(trace_fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		(st.st_size > 0 && pread(trace_fd, &first, 1, 0) != 1) || first != '[') {
		return false;
	}
	int length = snprintf(line, sizeof(line),
		"%s{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"tid\":%d,"
		"\"args\":{\"name\":\"%s\"}}\n",
		st.st_size > 0 ? "," : "[", (int)getpid(), (int)getpid(), program);
	write_line(line, (size_t)length);
	return trace_fd != -1;
}

int gp_trace_open_file(const char *path) {
	return open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
}

bool gp_trace_open(const char *path, const char *program) {
	return gp_trace_start(gp_trace_open_file(path), path, program);
}

bool gp_trace_start(int fd, const char *path, const char *program) {
	trace_fd = fd;
	if (trace_fd == -1 || flock(trace_fd, LOCK_EX) != 0) {
		gp_error_errno("trace: %s", path);
		close_trace();
		return false;
	}
	if (!begin(program)) {
		gp_error("trace: %s is not a trace", path);
		close_trace();
		return false;
	}
	flock(trace_fd, LOCK_UN);
	gp_trace_on = true;
	return true;
}

uint64_t gp_trace_frame_id(pid_t bridge, uint32_t scanout, uint64_t number) {
	return (uint64_t)bridge << 42 | (uint64_t)(scanout & 15) << 38 |
		(number & ((UINT64_C(1) << 38) - 1));
}

/* Microseconds, as the format wants them. */
#define US "%" PRIu64 ".%03u"
#define US_OF(ns) (ns) / 1000, (unsigned)((ns) % 1000)

void gp_trace_event(const char *name, enum gp_trace_arrow arrow, uint64_t frame, uint64_t start_ns,
	uint64_t end_ns, const char *key, const char *text) {
	static const char *const arrows[] = {
		[GP_TRACE_FIRST] = "\"flow_out\":true",
		[GP_TRACE_NEXT] = "\"flow_in\":true,\"flow_out\":true",
		[GP_TRACE_LAST] = "\"flow_in\":true",
	};
	char word[64] = "", line[EVENT_MAX_BYTES];
	if (!gp_trace_on) {
		return;
	}
	if (key != NULL) {
		snprintf(word, sizeof(word), ",\"%.20s\":\"%.32s\"", key, text);
	}
	/* Perfetto reads the id as hexadecimal digits, others as a word. */
	int length = snprintf(line, sizeof(line),
		",{\"ph\":\"X\",\"cat\":\"frame\",\"name\":\"%s\",\"ts\":" US ",\"dur\":" US
		",\"pid\":%d,\"tid\":%d,\"bind_id\":\"%" PRIx64 "\",%s,"
		"\"args\":{\"scanout\":%u,\"frame\":%" PRIu64 "%s}}\n",
		name, US_OF(start_ns), US_OF(end_ns - start_ns), (int)getpid(), (int)getpid(),
		frame, arrows[arrow], (unsigned)(frame >> 38 & 15),
		frame & ((UINT64_C(1) << 38) - 1), word);
	write_line(line, (size_t)length);
}

void gp_trace_step(enum gp_trace_step step, uint64_t start_ns, uint64_t end_ns) {
	current.steps[step].start_ns = start_ns;
	current.steps[step].end_ns = end_ns;
}

void gp_trace_commit(uint64_t frame, uint64_t start_ns) {
	static const char *const names[GP_TRACE_STEPS] = {
		[GP_TRACE_KICK] = "kick",
		[GP_TRACE_DECODE] = "decode",
		[GP_TRACE_EXPORT] = "export",
		[GP_TRACE_COPY] = "copy",
	};
	uint64_t now_ns = gp_now_ns();
	enum gp_trace_arrow arrow = GP_TRACE_FIRST;
	for (unsigned i = 0; i < GP_TRACE_STEPS; i++) {
		uint64_t from_ns = current.steps[i].start_ns;
		if (from_ns != 0) {
			gp_trace_event(names[i], arrow, frame, from_ns, current.steps[i].end_ns,
				NULL, NULL);
			arrow = GP_TRACE_NEXT;
		}
	}
	gp_trace_event("commit", arrow, frame, start_ns, now_ns, NULL, NULL);
	/* One command may make frames of several scanouts, each with its own export and copy. */
	gp_trace_step(GP_TRACE_EXPORT, 0, 0);
	gp_trace_step(GP_TRACE_COPY, 0, 0);
	current.committed = frame;
}

uint64_t gp_trace_take_committed(void) {
	uint64_t frame = current.committed;
	current.committed = 0;
	return frame;
}

void gp_trace_end(void) {
	memset(&current, 0, sizeof(current));
}

void gp_trace_begin(uint64_t kick_ns) {
	gp_trace_end();
	gp_trace_step(GP_TRACE_KICK, kick_ns, kick_ns);
}

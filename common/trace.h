#ifndef GP_COMMON_TRACE_H
#define GP_COMMON_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/clock.h"

/**
 * A trace of the life of frames (--trace), in the JSON form of the trace event format, which
 * ui.perfetto.dev and chrome://tracing open. Several programs write into one file: an event is one
 * line and one write(2) at the end of the file. The closing bracket is missing, as the format
 * allows; who opens the file first writes the opening one.
 *
 * The events of one frame are connected by its id, which bridge and compositor both derive from
 * what they know: the bridge's process, the number of the scanout, and how many frames its surface
 * had before. So numbers start at 0 again when the bridge reconnects.
 *
 * While there is no trace, a read of gp_trace_on is all that it costs: callers check it before they
 * call anything but gp_trace_now. One thread only.
 */

extern bool gp_trace_on;

/**
 * Opens the file, creates it if there is none, and writes whose events follow. Returns false after
 * logging, also if the file is not a trace.
 */
bool gp_trace_open(const char *path, const char *program);
/* The same in two steps, for a program that opens files for another one. -1 with errno. */
int gp_trace_open_file(const char *path);
/* Takes fd. */
bool gp_trace_start(int fd, const char *path, const char *program);

/* CLOCK_MONOTONIC in nanoseconds; 0 while there is no trace. */
static inline uint64_t gp_trace_now(void) {
	return gp_trace_on ? gp_now_ns() : 0;
}

uint64_t gp_trace_frame_id(pid_t bridge, uint32_t scanout, uint64_t number);

/* The position of an event in the chain of its frame. */
enum gp_trace_arrow {
	GP_TRACE_FIRST,
	GP_TRACE_NEXT,
	GP_TRACE_LAST,
};

/* An event of a frame. key and text are an attribute of it, short words, or NULL. */
void gp_trace_event(const char *name, enum gp_trace_arrow arrow, uint64_t frame, uint64_t start_ns,
	uint64_t end_ns, const char *key, const char *text);

/**
 * Steps towards a frame that has no number yet: it gets one when it is committed, if it is.
 */
enum gp_trace_step {
	GP_TRACE_KICK,
	GP_TRACE_DECODE,
	GP_TRACE_EXPORT,
	GP_TRACE_COPY,
	GP_TRACE_STEPS,
};

/**
 * A command of the guest begins: forgets all steps of the last one, and takes the kick as the
 * first.
 */
void gp_trace_begin(uint64_t kick_ns);
/* The step went from start_ns to end_ns. */
void gp_trace_step(enum gp_trace_step step, uint64_t start_ns, uint64_t end_ns);
/* The frame was committed: writes its steps, and its commit from start_ns till now. */
void gp_trace_commit(uint64_t frame, uint64_t start_ns);
/* The frame that was committed since the command began or this was called last; 0: none. */
uint64_t gp_trace_take_committed(void);
/* The command is done: a frame that is committed from now on does not belong to it. */
void gp_trace_end(void);

#endif

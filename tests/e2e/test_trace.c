/*
 * --trace of both programs into one file: every flush's way from its kick to its reply, in order,
 * by one id in both processes.
 */

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"

#define FLIPS 20
#define FRAMES (FLIPS + 3) // of a scanout, and room for one too many

enum step {
	KICK,
	DECODE,
	EXPORT,
	COPY,
	COMMIT, // by the bridge
	IMPORT,
	COMMITTED, // in the compositor
	LATCH,
	PRESENT,
	REPLY,
	STEPS,
};

static const char *const names[STEPS] = {"kick", "decode", "export", "copy", "commit", "import",
	"commit", "latch", "present", "reply"};

struct frame {
	char id[20];
	struct {
		double start, end; // µs
		bool in, out;
	} steps[STEPS];
};

struct trace {
	int bridge, compositor; // pids
	unsigned processes;
	struct frame frames[2][FRAMES];
};

static struct json_object *get(struct json_object *object, const char *key) {
	struct json_object *value = NULL;
	json_object_object_get_ex(object, key, &value);
	return value;
}

static enum step find_step(const struct trace *trace, struct json_object *event) {
	const char *name = json_object_get_string(get(event, "name"));
	int pid = json_object_get_int(get(event, "pid"));
	bool is_bridge = pid == trace->bridge;
	assert_true(is_bridge || pid == trace->compositor);
	for (unsigned i = 0; i < STEPS; i++) {
		bool by_compositor = i >= IMPORT && i <= PRESENT;
		if (strcmp(names[i], name) == 0 && is_bridge != by_compositor) {
			return i;
		}
	}
	fail_msg("an event \"%s\" of process %d", name, pid);
	return STEPS;
}

static void take_event(struct trace *trace, struct json_object *event) {
	if (strcmp(json_object_get_string(get(event, "ph")), "M") == 0) {
		trace->processes++;
		return;
	}
	struct json_object *args = get(event, "args");
	int scanout = json_object_get_int(get(args, "scanout"));
	int number = json_object_get_int(get(args, "frame"));
	assert_true(scanout == 0 || scanout == 1);
	assert_true(number >= 1 && number < FRAMES);
	struct frame *frame = &trace->frames[scanout][number];
	const char *id = json_object_get_string(get(event, "bind_id"));
	assert_true(frame->id[0] == '\0' || strcmp(frame->id, id) == 0);
	snprintf(frame->id, sizeof(frame->id), "%s", id);

	enum step step = find_step(trace, event);
	assert_true(frame->steps[step].start == 0); // once
	frame->steps[step].start = json_object_get_double(get(event, "ts"));
	frame->steps[step].end =
		frame->steps[step].start + json_object_get_double(get(event, "dur"));
	frame->steps[step].in = json_object_get_boolean(get(event, "flow_in"));
	frame->steps[step].out = json_object_get_boolean(get(event, "flow_out"));
}

/* As a reader of the format does: the end of the array is where the file ends. */
static void read_trace(const char *path, struct trace *trace) {
	struct json_tokener *tokener = json_tokener_new();
	char text[4096];
	struct json_object *events = NULL;
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	for (size_t n; (n = fread(text, 1, sizeof(text), file)) > 0;) {
		events = json_tokener_parse_ex(tokener, text, (int)n);
		assert_int_equal(json_tokener_get_error(tokener), json_tokener_continue);
	}
	fclose(file);
	events = json_tokener_parse_ex(tokener, "]", 1);
	assert_true(json_object_is_type(events, json_type_array));
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		take_event(trace, json_object_array_get_idx(events, i));
	}
	json_object_put(events);
	json_tokener_free(tokener);
}

/* Whether both are there and one was over before the other began. */
static void assert_order(const struct frame *frame, enum step a, enum step b) {
	if (frame->steps[a].start == 0 || frame->steps[b].start == 0 ||
		frame->steps[a].end > frame->steps[b].start) {
		fail_msg("frame %s: %s at %.3f to %.3f, %s at %.3f", frame->id, names[a],
			frame->steps[a].start, frame->steps[a].end, names[b],
			frame->steps[b].start);
	}
}

static void check_frame(const struct frame *frame, bool is_new) {
	assert_order(frame, KICK, DECODE);
	assert_order(frame, DECODE, COMMIT);
	assert_order(frame, COMMIT, COMMITTED);
	assert_order(frame, COMMIT, REPLY);
	if (is_new) {
		assert_order(frame, DECODE, EXPORT);
		assert_order(frame, EXPORT, COMMIT);
		assert_order(frame, COMMIT, IMPORT);
		assert_order(frame, IMPORT, COMMITTED);
	} else {
		assert_true(frame->steps[EXPORT].start == 0);
		/* The first re-flush of a copy imports its other half. */
		assert_true(frame->steps[IMPORT].start == 0 || vm_copies());
	}
	assert_true((frame->steps[COPY].start != 0) == vm_copies());
	if (frame->steps[LATCH].start != 0) { // a frame may be replaced before
		assert_true(frame->steps[COMMITTED].start < frame->steps[LATCH].end);
		assert_true(frame->steps[LATCH].start <= frame->steps[PRESENT].start);
	}
	for (unsigned i = 0; i < STEPS; i++) {
		if (frame->steps[i].start != 0) {
			assert_int_equal(frame->steps[i].in, i != KICK);
			assert_int_equal(frame->steps[i].out, i != REPLY);
		}
	}
}

static void test_flows(struct host *host) {
	struct trace trace = {0};
	struct gg_blob blob;
	struct vm vm;
	char path[96];
	snprintf(path, sizeof(path), "%s/trace", host->dir);
	const char *const args[] = {"--trace", path, NULL};
	assert_true(host_start_compositor(host, 2, W, H, args));
	vm_start(&vm, host, 0, (const char *[]){"--scanouts", "2", "--trace", path, NULL});
	trace.bridge = vm_worker(&vm)->pid;
	trace.compositor = host->compositor.pid;

	vm_blob(&vm, &blob, 1, RED);
	vm_blob(&vm, &blob, 2, BLUE);
	vm_blob(&vm, &blob, 3, GREEN);
	for (unsigned i = 0; i < FLIPS; i++) {
		vm_show(&vm, 0, 1 + i % 2);
	}
	/* Without a fence, and on another output. */
	assert_int_equal(gg_flush(&vm.fe, 2, &(struct gp_rect){0, 0, 16, 16}, false), OK);
	vm_show(&vm, 1, 3);
	vm_assert_color(&vm, "HEADLESS-2", GREEN);
	vm_finish(&vm);
	assert_int_equal(host_stop(vm.bridge), 0);
	assert_int_equal(host_stop(&host->compositor), 0);

	read_trace(path, &trace);
	assert_int_equal(trace.processes, 2);
	unsigned latched = 0;
	for (unsigned i = 1; i <= FLIPS + 1; i++) {
		check_frame(&trace.frames[0][i], i <= 2);
		latched += trace.frames[0][i].steps[LATCH].start != 0;
	}
	check_frame(&trace.frames[1][1], true);
	assert_true(trace.frames[1][1].steps[PRESENT].start != 0);
	assert_true(trace.frames[0][FLIPS + 2].id[0] == '\0');
	printf("# %u of %u frames of the first output were latched\n", latched, FLIPS + 1);
	assert_true(latched > 0);
}

/* A file that is something else is left alone, and the program says so. */
static void test_no_trace(struct host *host) {
	char path[96], *text = NULL;
	snprintf(path, sizeof(path), "%s/letter", host->dir);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs("Dear reader\n", file);
	fclose(file);
	const char *program = getenv("GUESTPANE_BRIDGE");
	const char *argv[] = {program, "--socket-path", "x", "--trace", path, NULL};
	assert_int_equal(host_run(host, argv, &text), 1);
	assert_non_null(strstr(text, "is not a trace"));
	free(text);
	char line[32] = "";
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "Dear reader\n");
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
}

static const struct host_case cases[] = {
	{"flows", test_flows, 0},
	{"not a trace", test_no_trace, 0},
};

int main(int argc, char **argv) {
	return vm_main("trace", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

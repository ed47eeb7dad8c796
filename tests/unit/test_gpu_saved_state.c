#include "vmm-bridge/gpu/saved_state.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/saved_state_cases.h"

/*
 * A crash at any instruction: a process that works on a saved_state is led through it step by step, and
 * each state of the area is taken over.
 */

#define STEP_IDS 4 // resources whose backing is attached and detached
#define STEP_ENTRIES 32 // 24 are in use at most

/* Another number of entries for each resource and place; returns it. */
static uint32_t make_entries(uint32_t id, uint32_t place, struct gp_gpu_entry *entries) {
	uint32_t n = 2 + id + place;
	for (uint32_t i = 0; i < n; i++) {
		entries[i].gpa = GPA + (8 * place + id) * 16ull * PAGE + i * 2ull * PAGE;
		entries[i].length = PAGE;
	}
	return n;
}

static uint32_t add_blob(struct gp_saved_state *saved_state, uint32_t id) {
	struct gp_gpu_entry entry = {.gpa = GPA, .length = SIZE};
	struct gp_gpu_command create = {
		.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
		.create_blob = {.resource = id, .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST},
		.entries = &entry,
	};
	create.create_blob.size = id > STEP_IDS ? SIZE : id * PAGE;
	return gp_saved_state_add(saved_state, id, &create, id > STEP_IDS);
}

/* A framebuffer of another size for each resource. */
static void flip(struct gp_saved_state *saved_state, uint32_t id) {
	uint32_t height = 16 + id;
	struct gp_gpu_command set = {
		.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.set_scanout_blob = {.resource = id,
			.width = W,
			.height = height,
			.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
			.stride = W * 4,
			.rect = {0, 0, W, height}},
	};
	gp_saved_state_scanout(saved_state, 0, id, &set);
}

static void show_cursor(struct gp_saved_state *saved_state, uint8_t shade) {
	uint32_t pixels[GP_CURSOR_SIZE * GP_CURSOR_SIZE];
	memset(pixels, shade, sizeof(pixels));
	gp_saved_state_cursor(saved_state, 0, pixels, shade, 0);
}

static void work(struct gp_saved_state *saved_state) {
	uint32_t slots[STEP_IDS + 1];
	struct gp_gpu_entry entries[3 + STEP_IDS];
	for (uint32_t id = 1; id <= STEP_IDS; id++) {
		slots[id] = add_blob(saved_state, id);
	}
	add_blob(saved_state, STEP_IDS + 1);
	add_blob(saved_state, STEP_IDS + 2);
	for (uint32_t id = 2; id <= STEP_IDS; id++) {
		gp_saved_state_attach(
			saved_state, slots[id], entries, make_entries(id, 0, entries));
	}
	for (uint32_t i = 0; i < 8; i++) {
		/* Mostly the smallest, so that others are moved by less than their own length. */
		uint32_t id = i % 4 == 3 ? 2 + i / 4 % 3 : 1;
		flip(saved_state, STEP_IDS + 1 + i % 2);
		gp_saved_state_detach(saved_state, slots[id]);
		gp_saved_state_attach(
			saved_state, slots[id], entries, make_entries(id, i % 2, entries));
		if (i == 4) { // they change places
			gp_saved_state_remove(saved_state, slots[1]);
			gp_saved_state_remove(saved_state, slots[2]);
			slots[2] = add_blob(saved_state, 2);
			slots[1] = add_blob(saved_state, 1);
		}
	}
	show_cursor(saved_state, 1);
	show_cursor(saved_state, 2);
}

static bool has_entries(const struct gp_resource *resource, uint32_t place) {
	struct gp_gpu_entry entries[3 + STEP_IDS];
	if (resource->backing.count != make_entries(resource->id, place, entries)) {
		return false;
	}
	for (size_t i = 0; i < resource->backing.count; i++) {
		if (resource->backing.items[i].offset != entries[i].gpa - GPA ||
			resource->backing.items[i].length != PAGE) {
			return false;
		}
	}
	return true;
}

/* What is there is right. */
static void check_state(struct rig *rig, const struct gp_saved_state_area *area) {
	memcpy(rig->area, area, rig->area_size);
	bool torn = area->moving != 0;
	bool all = take_over(rig);
	assert_true(!torn || (!all && get_info(rig).n_resources == 0));
	for (uint32_t id = 1; id <= STEP_IDS; id++) {
		const struct gp_resource *resource = gp_gpu_find_resource(rig->gpu, id);
		assert_true(resource == NULL || resource->size == id * PAGE);
		assert_true(resource == NULL || !resource->backed || has_entries(resource, 0) ||
			has_entries(resource, 1));
	}
	const struct rig_event *set = rig_event(rig, RIG_SET, 0);
	assert_true(set == NULL || set->fb.height == 16 + set->resource);
	const struct rig_event *cursor = rig_event(rig, RIG_CURSOR_SET, 0);
	for (size_t i = 0; cursor != NULL && i < GP_CURSOR_SIZE * GP_CURSOR_SIZE; i++) {
		assert_int_equal(rig->cursor[i], cursor->hot_x * 0x1010101);
	}
}

/* The parts that change, but only the ends of the cursor. */
struct glance {
	struct gp_saved_state_scanout scanout;
	struct gp_saved_state_resource resources[STEP_IDS + 2];
	struct gp_gpu_entry entries[STEP_ENTRIES];
	uint32_t ids[STEP_IDS + 2], first, last, moving;
};

static void take_glance(const struct gp_saved_state_area *area, struct glance *glance) {
	memset(glance, 0, sizeof(*glance));
	memcpy(&glance->scanout, &area->scanouts[0], sizeof(glance->scanout));
	memcpy(glance->resources, area->resources, sizeof(glance->resources));
	memcpy(glance->entries, area->entries, sizeof(glance->entries));
	memcpy(glance->ids, area->ids, sizeof(glance->ids));
	glance->first = area->cursors[0][0];
	glance->last = area->cursors[0][GP_CURSOR_SIZE * GP_CURSOR_SIZE - 1];
	glance->moving = area->moving;
}

/* Returns the number of states. */
static unsigned lead(struct rig *rig, pid_t pid, const struct gp_saved_state_area *area) {
	struct glance last, now;
	unsigned n_states = 0;
	int status;
	take_glance(area, &last);
	for (;;) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return n_states;
		}
		assert_true(WIFSTOPPED(status));
		take_glance(area, &now);
		if (memcmp(&now, &last, sizeof(now)) != 0) {
			last = now;
			n_states++;
			check_state(rig, area);
		}
	}
}

static void test_each_instruction(void **state) {
	struct rig *rig = rig_create(1);
	size_t size = area_bytes(STEP_ENTRIES);
	rig_save(rig, size);
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(area, MAP_FAILED);
	struct gp_saved_state saved_state;
	assert_true(gp_saved_state_open(&saved_state, area, size));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
			_exit(1);
		}
		raise(SIGSTOP);
		work(&saved_state);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unsigned n_states = WIFSTOPPED(status) ? lead(rig, pid, area) : 0;
	munmap(area, size);
	rig_destroy(rig);
	if (!WIFSTOPPED(status)) {
		print_message("ptrace of a child is not allowed\n");
		skip();
	}
	assert_true(n_states > 100);
}

/* In a table of two resources with a scanout each. */
static void scribble_first(struct gp_saved_state_area *area) {
	area->resources[0].first = 65;
}
static void scribble_length(struct gp_saved_state_area *area) {
	area->resources[0].n_entries = UINT32_MAX;
}
static void scribble_no_length(struct gp_saved_state_area *area) {
	area->resources[0].n_entries = 0;
}
static void scribble_overlap(struct gp_saved_state_area *area) {
	/* It would be in order by itself. */
	area->resources[0].first = area->resources[1].first + 1;
	area->entries[area->resources[0].first + 1] = area->entries[0];
}
static void scribble_state(struct gp_saved_state_area *area) {
	area->resources[0].backing = 77;
}
static void scribble_entry(struct gp_saved_state_area *area) {
	area->entries[area->resources[0].first].gpa = UINT64_MAX - 1;
}
static void scribble_used(struct gp_saved_state_area *area) {
	area->used = UINT32_MAX;
}
static void scribble_type(struct gp_saved_state_area *area) {
	area->resources[0].create.type = VIRTIO_GPU_CMD_RESOURCE_UNREF;
}
static void scribble_size(struct gp_saved_state_area *area) {
	area->resources[0].create.create_blob.size = 0;
}
static void scribble_twice(struct gp_saved_state_area *area) {
	area->ids[100] = 1;
	area->resources[100] = area->resources[0];
}
static void scribble_scanout(struct gp_saved_state_area *area) {
	area->scanouts[0].resource_id = 99;
}
static void scribble_set(struct gp_saved_state_area *area) {
	area->scanouts[0].set.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH;
}
static void scribble_stride(struct gp_saved_state_area *area) {
	area->scanouts[0].set.set_scanout_blob.stride = UINT32_MAX;
}
static void scribble_cursor(struct gp_saved_state_area *area) {
	area->scanouts[0].cursor = 1;
	area->scanouts[0].hot_x = GP_CURSOR_SIZE;
}
static void scribble_monitor(struct gp_saved_state_area *area) {
	area->scanouts[0].plugged = GP_SAVED_PLUGGED;
	area->scanouts[0].monitor.n_modes = GP_MONITOR_MODES_MAX + 1;
}
static void scribble_name(struct gp_saved_state_area *area) {
	area->scanouts[0].plugged = GP_SAVED_PLUGGED;
	memset(&area->scanouts[0].monitor, 'x', sizeof(area->scanouts[0].monitor));
	area->scanouts[0].monitor.n_modes = 1;
}

static const struct {
	void (*scribble)(struct gp_saved_state_area *area);
	size_t n_resources, n_sets; // what is still there then
	bool all;
} scribbles[] = {
	{scribble_first, 2, 1, false},
	{scribble_length, 2, 1, false},
	{scribble_no_length, 2, 1, false},
	{scribble_overlap, 2, 1, false},
	{scribble_state, 2, 1, false},
	{scribble_entry, 2, 1, false},
	{scribble_used, 2, 2, true},
	{scribble_type, 1, 1, false},
	{scribble_size, 1, 1, false},
	{scribble_twice, 2, 2, false},
	{scribble_scanout, 2, 1, false},
	{scribble_set, 2, 1, false},
	{scribble_stride, 2, 1, false},
	{scribble_cursor, 2, 2, true},
	{scribble_monitor, 2, 2, true},
	{scribble_name, 2, 2, true},
};

static void test_scribbled(void **state) {
	for (size_t i = 0; i < sizeof(scribbles) / sizeof(scribbles[0]); i++) {
		struct rig *rig = rig_create(2);
		rig_save(rig, area_bytes(64));
		for (uint32_t id = 1; id <= 2; id++) {
			assert_int_equal(rig_create_blob(rig, id, SIZE, 0), OK);
			assert_int_equal(attach_pages(rig, id, GPA + id * 8 * SIZE, PAGES), OK);
			assert_int_equal(rig_set_scanout_blob(rig, id - 1, id, W, H), OK);
		}
		scribbles[i].scribble(rig->area);
		assert_int_equal(take_over(rig), scribbles[i].all);
		assert_int_equal(get_info(rig).n_resources, scribbles[i].n_resources);
		assert_int_equal(rig_count(rig, RIG_SET), scribbles[i].n_sets);
		assert_int_equal(rig_count(rig, RIG_CURSOR_SET), 0);
		check_pages(rig, 2, GPA + 16 * SIZE, PAGES);
		/* It mirrors the device again, and has room. */
		assert_int_equal(rig_unref(rig, 2), OK);
		for (unsigned j = 0; j < 20; j++) {
			assert_int_equal(rig_create_blob(rig, 3, PAGE, 0), OK);
			assert_int_equal(attach_pages(rig, 3, GPA, 20), OK);
			assert_int_equal(rig_unref(rig, 3), OK);
		}
		size_t n_resources = get_info(rig).n_resources;
		take_over(rig);
		assert_int_equal(get_info(rig).n_resources, n_resources);
		rig_destroy(rig);
	}
}

static void test_random(void **state) {
	struct rig *rig = *state;
	uint8_t *bytes = rig->area;
	struct gp_saved_state_area *area = rig->area;
	srand(2);
	for (unsigned i = 0; i < 20; i++) {
		for (size_t j = 0; j < rig->area_size; j++) {
			bytes[j] = (uint8_t)rand();
		}
		area->moving = 0;
		take_over(rig);
		take_over(rig);
		assert_int_equal(get_info(rig).n_resources, 0); // no command has a type
		assert_int_equal(rig_create_blob(rig, 1, PAGE, 0), OK);
		assert_int_equal(attach_pages(rig, 1, GPA, 20), OK);
		assert_true(take_over(rig));
		check_pages(rig, 1, GPA, 20);
		gp_gpu_reset(rig->gpu);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_instruction),
		cmocka_unit_test(test_scribbled),
		TEST(test_random),
	};
	gp_log_init("test", GP_LOG_SILENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#ifndef GP_TESTS_UNIT_PRESENTER_CASES_H
#define GP_TESTS_UNIT_PRESENTER_CASES_H

#include "tests/harness/fake_client.h"
#include "vmm-bridge/present/presenter.h"

/**
 * What the tests of the presenter share. Source and client are the test's own.
 */

#define W 128u
#define H 128u
#define SIZE (W * H * 4)
#define MEMORIES 4

/* Memory of the guest, of a source that has it as plain bytes and perhaps as a file. */
struct fake_memory {
	struct gp_memory base;
	uint8_t bytes[SIZE];
	int fd; // -1: nothing exports it
	bool revocable;
	unsigned n_exports;
	unsigned n_comparisons;
	uint32_t painted; // row that the guest paints when it is read next; 0: none
};

extern struct presenter_test {
	struct gp_client client;
	struct gp_presenter presenter;
	struct fake_memory memories[MEMORIES];
	struct gp_client_layout layout;
	unsigned n_released;
	unsigned n_revoked;
	uint64_t revoked_id, revoked_token;
} t;

extern const struct gp_rect whole, part, other_part;

/* What can be compared with a copy. */
extern const struct gp_memory_ops compared_ops;
/* What has no rows: a tiled buffer, or one that is a file of pixels already. */
extern const struct gp_memory_ops file_ops;

int setup(void **state);
int teardown(void **state);

struct fake_memory *use_memory(size_t index);
/* The same with a file of its own. */
struct fake_memory *use_file(size_t index, bool revocable);

void fill(struct fake_memory *memory, uint8_t value);
void assert_shown(uint8_t value);
bool show(struct fake_memory *memory, const struct gp_rect *damage);
/* The compositor no longer reads the buffer. */
void release(struct gp_client_buffer *buffer);
/* Flushes until a frame is deferred. */
void flood(struct fake_memory *memory);

#endif

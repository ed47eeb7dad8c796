/* The memory of a blob: what is accepted, how much of it is mapped, and when it counts as unused. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/limits.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-enum.h"

#define SIZE 8192

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool no_memory;

void *__wrap_calloc(size_t n, size_t size) {
	return no_memory ? NULL : __real_calloc(n, size);
}

/* Never counted down to 0. */
static struct gp_quota quota;
static struct wl_event_loop *loop;

static int setup(void **state) {
	gp_quota_init(&quota);
	loop = wl_event_loop_create();
	return 0;
}

/* Nothing is left of what a test has made. */
static int teardown(void **state) {
	wl_event_loop_destroy(loop);
	return quota.n_refs == 1 && quota.n_blobs == 0 && quota.n_mapped == 0 ? 0 : -1;
}

static int make_file(uint64_t size, int seals) {
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static struct gp_blob_memory *make_memory(void) {
	return gp_blob_memory_create(
		loop, make_file(SIZE, F_SEAL_SHRINK), SIZE, GUEST_BLOB_V1_KIND_SHM, &quota);
}

static void check_rejected(int fd, uint64_t size, uint32_t kind, const char *cause) {
	struct gp_import_failure failure;
	struct gp_blob_memory *memory = gp_blob_memory_create(loop, fd, size, kind, &quota);
	assert_false(gp_blob_memory_check(memory, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
	if (strstr(failure.message, cause) == NULL) {
		fail_msg("%s instead of %s", failure.message, cause);
	}
	gp_blob_memory_unref(memory);
}

static void test_check(void **state) {
	struct gp_import_failure failure;
	struct gp_blob_memory *memory = make_memory();
	assert_true(gp_blob_memory_check(memory, &failure));
	gp_blob_memory_unref(memory);

	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	check_rejected(fds[0], SIZE, GUEST_BLOB_V1_KIND_SHM, "with seals");
	close(fds[1]);
	check_rejected(make_file(SIZE, F_SEAL_GROW), SIZE, GUEST_BLOB_V1_KIND_SHM, "not sealed");
	check_rejected(make_file(SIZE - 1, F_SEAL_SHRINK), SIZE, GUEST_BLOB_V1_KIND_SHM,
		"8191 bytes, less than the 8192");
	check_rejected(make_file(SIZE, F_SEAL_SHRINK), SIZE, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF,
		"not a dma-buf");
	check_rejected(make_file(SIZE, F_SEAL_SHRINK), SIZE, GUEST_BLOB_V1_KIND_DEVICE_DMABUF,
		"not a dma-buf");
	int huge = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	assert_true(huge >= 0);
	assert_int_equal(fcntl(huge, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	check_rejected(huge, SIZE, GUEST_BLOB_V1_KIND_SHM, "huge pages");
}

static void test_map(void **state) {
	struct gp_import_failure failure;
	int fd = make_file(SIZE, F_SEAL_SHRINK);
	assert_int_equal(pwrite(fd, "x", 1, SIZE - 1), 1);
	/* A part of a page is mapped as a whole one. */
	struct gp_blob_memory *memory =
		gp_blob_memory_create(loop, fd, SIZE - 1, GUEST_BLOB_V1_KIND_SHM, &quota);
	assert_true(gp_blob_memory_map(memory, &failure));
	const uint8_t *data = memory->mapping.data;
	assert_int_equal(data[SIZE - 1], 'x');
	assert_int_equal(quota.n_mapped, SIZE);
	assert_true(gp_blob_memory_map(memory, &failure));
	assert_ptr_equal(memory->mapping.data, data);
	assert_int_equal(quota.n_mapped, SIZE);
	gp_blob_memory_unref(memory);
}

static void test_map_fails(void **state) {
	struct gp_import_failure failure;
	struct gp_blob_memory *memory = make_memory();
	quota.n_mapped = GP_MAPPED_PER_CLIENT_MAX - SIZE + 1;
	assert_false(gp_blob_memory_map(memory, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_NO_MEMORY);
	assert_int_equal(quota.n_mapped, GP_MAPPED_PER_CLIENT_MAX - SIZE + 1);
	quota.n_mapped = 0;
	gp_blob_memory_unref(memory);

	char path[32];
	int fd = make_file(SIZE, F_SEAL_SHRINK);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int write_only = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(write_only >= 0);
	close(fd);
	memory = gp_blob_memory_create(loop, write_only, SIZE, GUEST_BLOB_V1_KIND_SHM, &quota);
	assert_false(gp_blob_memory_map(memory, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND);
	assert_int_equal(quota.n_mapped, 0);
	gp_blob_memory_unref(memory);
}

static void test_pool(void **state) {
	static const struct {
		int seals;
		uint64_t size;
		bool pool;
	} rows[] = {
		{F_SEAL_SHRINK | F_SEAL_SEAL, SIZE, true},
		{F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, SIZE, true},
		{F_SEAL_SHRINK, SIZE, false}, // somebody may add F_SEAL_WRITE
		{F_SEAL_SEAL, SIZE, false},
		{F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL, SIZE, false},
		{F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL, SIZE, false},
		{F_SEAL_SHRINK | F_SEAL_SEAL, INT32_MAX, true},
		{F_SEAL_SHRINK | F_SEAL_SEAL, UINT64_C(1) << 31, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_blob_memory *memory =
			gp_blob_memory_create(loop, make_file(rows[i].size, rows[i].seals),
				rows[i].size, GUEST_BLOB_V1_KIND_SHM, &quota);
		if (gp_blob_memory_is_pool(memory) != rows[i].pool) {
			fail_msg("case %zu", i);
		}
		gp_blob_memory_unref(memory);
	}
}

struct observer {
	struct wl_listener revoke, unused;
	unsigned n_revoke, n_unused;
};

static void handle_revoke(struct wl_listener *listener, void *data) {
	struct observer *observer = wl_container_of(listener, observer, revoke);
	struct gp_blob_memory *memory = data;
	assert_true(memory->revoked || memory->failure.message[0] != '\0');
	assert_int_equal(observer->n_unused, 0);
	observer->n_revoke++;
}

static void handle_unused(struct wl_listener *listener, void *data) {
	struct observer *observer = wl_container_of(listener, observer, unused);
	struct gp_blob_memory *memory = data;
	assert_int_equal(memory->fd, -1);
	assert_null(memory->mapping.data);
	assert_int_equal(memory->quota->n_mapped, 0);
	observer->n_unused++;
}

static void observe(struct observer *observer, struct gp_blob_memory *memory) {
	*observer = (struct observer){
		.revoke.notify = handle_revoke,
		.unused.notify = handle_unused,
	};
	wl_signal_add(&memory->events.revoke, &observer->revoke);
	wl_signal_add(&memory->events.unused, &observer->unused);
}

static void test_revoke_without_users(void **state) {
	struct gp_import_failure failure;
	struct observer observer;
	struct gp_blob_memory *memory = make_memory();
	int fd = memory->fd;
	observe(&observer, memory);
	assert_true(gp_blob_memory_map(memory, &failure));
	gp_blob_memory_revoke(memory);
	assert_int_equal(observer.n_revoke, 1);
	assert_int_equal(observer.n_unused, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	gp_blob_memory_unref(memory);
	assert_int_equal(observer.n_unused, 1);
}

static void test_revoke_with_users(void **state) {
	struct observer observer;
	struct gp_blob_memory *memory = make_memory();
	observe(&observer, memory);
	gp_blob_memory_add_user(memory);
	gp_blob_memory_add_user(memory);
	gp_blob_memory_revoke(memory);
	assert_int_equal(observer.n_revoke, 1);
	gp_blob_memory_remove_user(memory);
	assert_int_equal(observer.n_unused, 0);
	assert_true(memory->fd >= 0);
	gp_blob_memory_remove_user(memory);
	assert_int_equal(observer.n_unused, 1);
	gp_blob_memory_unref(memory);
}

/* A paused session has no plane, though one may keep a buffer. */
static void test_end_use(void **state) {
	struct observer observer;
	struct gp_blob_memory *memory = make_memory();
	observe(&observer, memory);
	gp_blob_memory_add_user(memory);
	gp_blob_memory_end_use(memory);
	assert_int_equal(observer.n_unused, 0);
	gp_blob_memory_revoke(memory);
	assert_int_equal(observer.n_unused, 0);
	gp_blob_memory_end_use(memory);
	assert_int_equal(observer.n_unused, 1);
	gp_blob_memory_end_use(memory);
	gp_blob_memory_remove_user(memory);
	assert_int_equal(observer.n_unused, 1);
	gp_blob_memory_unref(memory);
}

/* A blob that was destroyed counts while a buffer of it is on a plane; nobody waits for it. */
static void test_user_outlives(void **state) {
	struct observer observer;
	struct gp_blob_memory *memory = make_memory();
	int fd = memory->fd;
	observe(&observer, memory);
	gp_blob_memory_add_user(memory);
	gp_blob_memory_unref(memory);
	assert_int_equal(quota.n_blobs, 1);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	gp_blob_memory_remove_user(memory);
	assert_int_equal(quota.n_blobs, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(observer.n_unused, 0);
}

static void test_no_memory(void **state) {
	int fd = make_file(SIZE, F_SEAL_SHRINK);
	no_memory = true;
	struct gp_blob_memory *memory =
		gp_blob_memory_create(loop, fd, SIZE, GUEST_BLOB_V1_KIND_SHM, &quota);
	no_memory = false;
	assert_null(memory);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	gp_blob_memory_unref(NULL);
}

/* What is missing when it is read: zeros, and the users are told later, once. */
static void test_lost(void **state) {
	struct observer observer;
	struct gp_blob_memory *memory = gp_blob_memory_create(
		loop, make_file(SIZE, 0), SIZE, GUEST_BLOB_V1_KIND_SHM, &quota);
	assert_true(gp_fault_guard_init()); // after that of cmocka
	observe(&observer, memory);
	assert_int_equal(pwrite(memory->fd, "x", 1, SIZE - 1), 1);
	assert_true(gp_blob_memory_begin_read(memory));
	const volatile uint8_t *data = memory->mapping.data;
	assert_int_equal(data[SIZE - 1], 'x');
	assert_int_equal(ftruncate(memory->fd, 0), 0);
	assert_int_equal(data[SIZE - 1], 0);
	assert_int_equal(observer.n_revoke, 0);
	gp_blob_memory_end_read(memory);
	assert_int_equal(observer.n_revoke, 0);
	assert_int_equal(memory->failure.reason, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
	assert_false(gp_blob_memory_begin_read(memory));
	wl_event_loop_dispatch_idle(loop);
	wl_event_loop_dispatch_idle(loop);
	assert_int_equal(observer.n_revoke, 1);
	assert_int_equal(observer.n_unused, 0);
	struct gp_import_failure failure;
	assert_false(gp_blob_memory_check(memory, &failure));
	assert_string_equal(failure.message, memory->failure.message);
	gp_blob_memory_unref(memory);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoke_without_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoke_with_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_outlives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
	};
	return cmocka_run_group_tests_name("blob_memory", tests, NULL, NULL);
}

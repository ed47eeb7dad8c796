#include "vmm-bridge/virtio/guest_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/sigbus.h"

#define KIB UINT64_C(1024)
#define UVA UINT64_C(0x7f0000000000)

static struct gp_guest_memory *memory;

static int setup(void **state) {
	memory = calloc(1, sizeof(*memory));
	gp_guest_memory_init(memory);
	return 0;
}

static int teardown(void **state) {
	gp_guest_memory_finish(memory);
	free(memory);
	return 0;
}

static int make_file(size_t size) {
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* A file of 64 KiB at gpa, whose bytes are all fill. */
static void add_filled(uint64_t gpa, uint8_t fill) {
	uint8_t bytes[64 * 1024];
	memset(bytes, fill, sizeof(bytes));
	int fd = make_file(0);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(gp_guest_memory_add(memory, fd, gpa, UVA + gpa, sizeof(bytes), 0), 0);
}

/* Whether the descriptor is open: "takes fd in every case" means that it is closed on failure. */
static bool is_open(int fd) {
	return fcntl(fd, F_GETFD) != -1;
}

static void test_add_refuses(void **state) {
	static const struct {
		uint64_t gpa, uva, size, file_offset;
		int err;
	} rows[] = {
		{0, UVA, 0, 0, -EINVAL},
		{UINT64_MAX - 4095, UVA, 8192, 0, -EINVAL},
		{UINT64_MAX - 4095, UVA, 4096, 0, -EINVAL}, // ends at 2^64
		{0, UINT64_MAX - 10, 4096, 0, -EINVAL},
		{0, UVA, 4096, UINT64_MAX - 10, -EINVAL},
		{0, UVA, 64 * KIB + 1, 0, -EINVAL},
		{0, UVA, 64 * KIB, 1, -EINVAL},
		{0, UVA, UINT64_MAX, 0, -EINVAL},
		{1024 * KIB, UVA, 64 * KIB, 0, -EEXIST},
		{1024 * KIB - 1, UVA, 2, 0, -EEXIST},
		{1024 * KIB + 64 * KIB - 1, UVA, 2, 0, -EEXIST},
		{1024 * KIB + 4096, UVA, 4096, 0, -EEXIST},
	};
	add_filled(1024 * KIB, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = make_file(64 * KIB);
		assert_int_equal(gp_guest_memory_add(memory, fd, rows[i].gpa, rows[i].uva,
					 rows[i].size, rows[i].file_offset),
			rows[i].err);
		assert_false(is_open(fd));
		assert_int_equal(memory->count, 1);
	}
	int around = make_file(128 * KIB);
	assert_int_equal(
		gp_guest_memory_add(memory, around, 1023 * KIB, UVA, 66 * KIB, 0), -EEXIST);
	assert_false(is_open(around));
}

static void test_add_refuses_other_files(void **state) {
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(gp_guest_memory_add(memory, fds[0], 0, UVA, 4096, 0) < 0);
	assert_true(gp_guest_memory_add(memory, fds[1], 0, UVA, 4096, 0) < 0);
	assert_false(is_open(fds[0]));
	int sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(sealed, 4096), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(gp_guest_memory_add(memory, sealed, 0, UVA, 4096, 0), -EPERM);
	assert_int_equal(gp_guest_memory_add(memory, -1, 0, UVA, 4096, 0), -EBADF);
}

static void test_add_limit(void **state) {
	for (unsigned i = 0; i < GP_MEMORY_REGIONS_MAX; i++) {
		// from the top down, so that each is inserted at the front
		uint64_t gpa = (GP_MEMORY_REGIONS_MAX - i) * 8 * KIB;
		assert_int_equal(
			gp_guest_memory_add(memory, make_file(4096), gpa, UVA + gpa, 4096, 0), 0);
	}
	assert_int_equal(gp_guest_memory_add(memory, make_file(4096), 0, UVA, 4096, 0), -ENOSPC);
	for (size_t i = 1; i < memory->count; i++) {
		assert_true(memory->regions[i - 1]->gpa < memory->regions[i]->gpa);
	}
	struct gp_memory_object *first = gp_guest_memory_take(memory, 8 * KIB, UVA + 8 * KIB, 4096);
	assert_non_null(first);
	gp_memory_object_unref(first);
	assert_int_equal(gp_guest_memory_add(memory, make_file(4096), 0, UVA, 4096, 0), 0);
}

static void test_map(void **state) {
	struct iovec iov[4];
	add_filled(128 * KIB, 2);
	add_filled(64 * KIB, 1); // its neighbour below
	add_filled(256 * KIB, 3);

	assert_int_equal(gp_guest_memory_map(memory, 64 * KIB, 64 * KIB, iov, 4), 1);
	assert_int_equal(iov[0].iov_len, 64 * KIB);
	assert_int_equal(*(uint8_t *)iov[0].iov_base, 1);

	assert_int_equal(gp_guest_memory_map(memory, 128 * KIB - 1, 2, iov, 4), 2);
	assert_int_equal(iov[0].iov_len, 1);
	assert_int_equal(*(uint8_t *)iov[0].iov_base, 1);
	assert_int_equal(iov[1].iov_len, 1);
	assert_int_equal(*(uint8_t *)iov[1].iov_base, 2);
	assert_int_equal(gp_guest_memory_map(memory, 128 * KIB - 1, 2, iov, 1), -E2BIG);

	assert_int_equal(gp_guest_memory_map(memory, 192 * KIB - 1, 1, iov, 4), 1);
	assert_int_equal(gp_guest_memory_map(memory, 192 * KIB - 1, 2, iov, 4), -EFAULT);
	assert_int_equal(gp_guest_memory_map(memory, 192 * KIB, 1, iov, 4), -EFAULT);
	assert_int_equal(gp_guest_memory_map(memory, 64 * KIB - 1, 2, iov, 4), -EFAULT);
	assert_int_equal(gp_guest_memory_map(memory, 0, 1, iov, 4), -EFAULT);
	assert_int_equal(gp_guest_memory_map(memory, 64 * KIB, 256 * KIB, iov, 4), -EFAULT);
	assert_int_equal(gp_guest_memory_map(memory, UINT64_MAX, 1, iov, 4), -EINVAL);
	assert_int_equal(gp_guest_memory_map(memory, UINT64_MAX - 1, 1, iov, 4), -EFAULT);
	assert_int_equal(gp_guest_memory_map(memory, 64 * KIB, UINT64_MAX, iov, 4), -EINVAL);
	assert_int_equal(gp_guest_memory_map(memory, 64 * KIB, 0, iov, 4), -EINVAL);
}

static void test_map_unaligned_offset(void **state) {
	int fd = make_file(64 * KIB);
	uint8_t byte = 0x5a;
	assert_int_equal(pwrite(fd, &byte, 1, 0x1234), 1);
	assert_int_equal(gp_guest_memory_add(memory, fd, 0x100, UVA + 0x34, 0x100, 0x1234), 0);
	struct iovec iov;
	assert_int_equal(gp_guest_memory_map(memory, 0x100, 0x100, &iov, 1), 1);
	assert_int_equal(*(uint8_t *)iov.iov_base, 0x5a);
	assert_ptr_equal(iov.iov_base, gp_guest_memory_from_uva(memory, UVA + 0x34, 0x100));
}

static void test_from_uva(void **state) {
	add_filled(64 * KIB, 1);
	add_filled(128 * KIB, 2);
	uint64_t base = UVA + 64 * KIB;
	assert_int_equal(*(uint8_t *)gp_guest_memory_from_uva(memory, base, 64 * KIB), 1);
	assert_int_equal(*(uint8_t *)gp_guest_memory_from_uva(memory, base + 64 * KIB, 1), 2);
	// A range in two regions is not contiguous here.
	assert_null(gp_guest_memory_from_uva(memory, base + 64 * KIB - 1, 2));
	assert_null(gp_guest_memory_from_uva(memory, base - 1, 1));
	assert_null(gp_guest_memory_from_uva(memory, base + 128 * KIB, 1));
	assert_null(gp_guest_memory_from_uva(memory, base, UINT64_MAX));
	assert_null(gp_guest_memory_from_uva(memory, 0, 1));
}

static void test_take(void **state) {
	add_filled(64 * KIB, 1);
	uint64_t uva = UVA + 64 * KIB;
	assert_null(gp_guest_memory_take(memory, 64 * KIB, uva, 32 * KIB));
	assert_null(gp_guest_memory_take(memory, 64 * KIB, uva + 1, 64 * KIB));
	assert_null(gp_guest_memory_take(memory, 65 * KIB, uva, 64 * KIB));
	assert_null(gp_guest_memory_take(memory, 256 * KIB, uva, 64 * KIB));
	struct gp_memory_object *object = gp_guest_memory_take(memory, 64 * KIB, uva, 64 * KIB);
	assert_non_null(object);
	assert_true(object->removed);
	assert_int_equal(memory->count, 0);
	int fd = object->fd;
	assert_true(is_open(fd));
	gp_memory_object_unref(object);
	assert_false(is_open(fd));
	assert_null(gp_guest_memory_take(memory, 64 * KIB, uva, 64 * KIB));
}

static void test_extents(void **state) {
	struct gp_extents extents = {0};
	add_filled(64 * KIB, 1);
	add_filled(128 * KIB, 2);
	const struct gp_memory_object *low = memory->regions[0], *high = memory->regions[1];

	assert_int_equal(gp_guest_memory_extents(memory, 64 * KIB, 4096, &extents), 0);
	assert_int_equal(gp_guest_memory_extents(memory, 68 * KIB, 4096, &extents), 0);
	assert_int_equal(extents.count, 1); // they touch
	assert_int_equal(gp_guest_memory_extents(memory, 80 * KIB, 4096, &extents), 0);
	assert_int_equal(extents.count, 2);
	assert_int_equal(low->refs, 3);
	assert_false(gp_extents_use(&extents, high));
	assert_int_equal(gp_guest_memory_extents(memory, 124 * KIB, 8 * KIB, &extents), 0);
	assert_int_equal(extents.count, 4); // two objects, though neighbours for the guest
	assert_true(gp_extents_use(&extents, high));
	assert_int_equal(extents.length, 20 * KIB);
	assert_int_equal(gp_guest_memory_extents(memory, 0, 4096, &extents), -EFAULT);
	assert_int_equal(gp_guest_memory_extents(memory, 188 * KIB, 8 * KIB, &extents), -EFAULT);
	assert_int_equal(gp_guest_memory_extents(memory, 64 * KIB, 0, &extents), -EINVAL);
	gp_extents_finish(&extents);
	assert_int_equal(extents.count, 0);
	assert_int_equal(low->refs, 1);
	assert_int_equal(high->refs, 1);
}

static void test_extents_read(void **state) {
	struct gp_extents extents = {0};
	uint8_t out[8];
	add_filled(64 * KIB, 1);
	add_filled(128 * KIB, 2);
	assert_int_equal(gp_guest_memory_extents(memory, 128 * KIB - 4, 6, &extents), 0);
	memset(out, 0xee, sizeof(out));
	assert_true(gp_extents_read(&extents, 0, out, 6));
	assert_memory_equal(out, "\1\1\1\1\2\2\xee\xee", 8);
	assert_true(gp_extents_read(&extents, 3, out, 2));
	assert_memory_equal(out, "\1\2", 2);
	assert_true(gp_extents_read(&extents, 5, out, 1));
	assert_memory_equal(out, "\2", 1);
	assert_true(gp_extents_read(&extents, 6, out, 0));
	memset(out, 0xee, sizeof(out));
	assert_false(gp_extents_read(&extents, 6, out, 1));
	assert_false(gp_extents_read(&extents, 0, out, 7));
	assert_false(gp_extents_read(&extents, UINT64_MAX, out, 2));
	assert_int_equal(out[0], 0xee);
	gp_extents_finish(&extents);
}

/* Whoever holds extents keeps the memory, though the region was removed (A1). */
static void test_extents_outlive_region(void **state) {
	struct gp_extents extents = {0};
	uint8_t out[4];
	add_filled(64 * KIB, 7);
	assert_int_equal(gp_guest_memory_extents(memory, 64 * KIB, 4096, &extents), 0);
	gp_memory_object_unref(gp_guest_memory_take(memory, 64 * KIB, UVA + 64 * KIB, 64 * KIB));
	assert_true(extents.items[0].object->removed);
	assert_true(gp_extents_read(&extents, 4092, out, 4));
	assert_memory_equal(out, "\7\7\7\7", 4);
	gp_extents_finish(&extents);
}

static void test_finish_marks_removed(void **state) {
	add_filled(0, 1);
	struct gp_memory_object *object = gp_memory_object_ref(memory->regions[0]);
	gp_guest_memory_finish(memory);
	assert_true(object->removed);
	assert_int_equal(object->map[0], 1);
	gp_memory_object_unref(object);
}

/* A region of huge pages may begin and end anywhere in them. */
static void test_huge_pages(void **state) {
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	if (fd == -1 || ftruncate(fd, 4 << 20) != 0) {
		gp_fd_close(&fd);
		print_message("no huge pages here: %s\n", strerror(errno));
		skip();
	}
	assert_true(gp_sigbus_catch());
	assert_int_equal(gp_guest_memory_add(memory, fd, 0xc0000, UVA, 0x200000, 0xc0000), 0);
	struct iovec iov;
	assert_int_equal(gp_guest_memory_map(memory, 0xc0000, 0x200000, &iov, 1), 1);
	// Where none are free the guard puts zeros over a whole huge page.
	assert_int_equal(((volatile uint8_t *)iov.iov_base)[0], 0);
	assert_int_equal(((volatile uint8_t *)iov.iov_base)[0x1fffff], 0);
}

static void test_guard(void **state) {
	int fd = make_file(64 * KIB);
	int mine = dup(fd);
	assert_true(gp_sigbus_catch());
	assert_int_equal(gp_guest_memory_add(memory, fd, 0, UVA, 64 * KIB, 0), 0);
	volatile uint8_t *map = memory->regions[0]->map;
	map[0] = 1;
	map[8192] = 2;
	unsigned before = gp_sigbus_count();
	assert_int_equal(ftruncate(mine, 4096), 0);
	assert_int_equal(map[8192], 0);
	map[8192] = 3; // nobody else sees it
	assert_int_equal(map[8192], 3);
	assert_int_equal(gp_sigbus_count(), before + 1);
	assert_int_equal(map[4096], 0);
	assert_int_equal(gp_sigbus_count(), before + 2);
	assert_int_equal(map[0], 1); // the rest is as it was
	gp_fd_close(&mine);
}

/* A SIGBUS of somebody else still ends the process. */
static void test_guard_passes_on(void **state) {
	int fd = make_file(4096);
	volatile uint8_t *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	for (int sent = 0; sent < 2; sent++) {
		pid_t pid = fork();
		if (pid == 0) {
			gp_sigbus_catch();
			if (sent) {
				raise(SIGBUS);
			}
			_exit(map[0]);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGBUS);
	}
	munmap((void *)map, 4096);
	close(fd);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_refuses_other_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map_unaligned_offset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_uva, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extents, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extents_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extents_outlive_region, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finish_marks_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_huge_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guard_passes_on, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

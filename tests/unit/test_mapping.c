/* What of a client's memory is mapped, what reading it makes resident, and what may go wrong. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/limits.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/mapping.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-enum.h"

#define PAGE 4096
#define MIB (1 << 20)

static struct gp_quota quota;
static struct gp_import_failure failure;
static int fd;

static int setup(void **state) {
	gp_quota_init(&quota);
	failure = (struct gp_import_failure){0};
	fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	return ftruncate(fd, MIB);
}

static int teardown(void **state) {
	close(fd);
	return quota.n_mapped == 0 && quota.n_hole_bytes == 0 && quota.n_pieces == 0 &&
			wl_list_empty(&quota.mappings)
		? 0
		: -1;
}

static void write_pages(int first, int n, char byte) {
	char page[PAGE];
	memset(page, byte, sizeof(page));
	for (int i = first; i < first + n; i++) {
		assert_int_equal(pwrite(fd, page, PAGE, (off_t)i * PAGE), PAGE);
	}
}

static int64_t count_blocks(void) {
	struct stat info;
	assert_int_equal(fstat(fd, &info), 0);
	return info.st_blocks;
}

static unsigned sum(const struct gp_mapping *mapping, size_t size) {
	const volatile uint8_t *data = mapping->data;
	unsigned result = 0;
	for (size_t i = 0; i < size; i += PAGE) {
		result += data[i];
	}
	return result;
}

static void map(struct gp_mapping *mapping) {
	if (!gp_mapping_map(mapping, fd, MIB, true, &failure)) {
		fail_msg("%s", failure.message);
	}
}

static void test_holes(void **state) {
	struct gp_mapping mapping;
	gp_mapping_init(&mapping, &quota);
	write_pages(3, 2, 1);
	write_pages(200, 1, 1);
	int64_t blocks = count_blocks();
	map(&mapping);
	assert_int_equal(mapping.n_pieces, 4);
	assert_int_equal(sum(&mapping, MIB), 3);
	assert_int_equal(count_blocks(), blocks);
	/* What is written later is seen with the next read. */
	const uint8_t *data = mapping.data;
	write_pages(10, 5, 1);
	write_pages(0, 1, 1);
	map(&mapping);
	assert_ptr_equal(mapping.data, data);
	assert_int_equal(mapping.n_pieces, 5);
	assert_int_equal(sum(&mapping, MIB), 9);
	blocks = count_blocks();
	assert_int_equal(quota.n_hole_bytes, MIB - blocks * 512);
	write_pages(0, MIB / PAGE, 1);
	map(&mapping);
	assert_int_equal(mapping.n_pieces, 1);
	assert_int_equal(sum(&mapping, MIB), MIB / PAGE);
	assert_int_equal(quota.n_hole_bytes, 0);
	map(&mapping);
	assert_ptr_equal(mapping.data, data);
	assert_int_equal(quota.n_mapped, MIB);
	gp_mapping_unmap(&mapping);
	gp_mapping_unmap(&mapping);
}

static void test_only_a_hole(void **state) {
	struct gp_mapping mapping;
	gp_mapping_init(&mapping, &quota);
	map(&mapping);
	assert_int_equal(sum(&mapping, MIB), 0);
	assert_int_equal(count_blocks(), 0);
	gp_mapping_unmap(&mapping);
}

/* It would move while somebody reads it. */
static void test_not_while_read(void **state) {
	struct gp_mapping mapping;
	gp_mapping_init(&mapping, &quota);
	map(&mapping);
	gp_mapping_begin_read(&mapping);
	write_pages(0, 4, 1);
	map(&mapping);
	assert_int_equal(sum(&mapping, MIB), 0);
	assert_true(gp_mapping_end_read(&mapping));
	map(&mapping);
	assert_int_equal(sum(&mapping, MIB), 4);
	gp_mapping_unmap(&mapping);
}

static void test_punched(void **state) {
	struct gp_mapping mapping;
	gp_mapping_init(&mapping, &quota);
	write_pages(0, 8, 1);
	map(&mapping);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * PAGE), 0);
	assert_false(gp_mapping_map(&mapping, fd, MIB, true, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
	assert_non_null(strstr(failure.message, "punched"));
	gp_mapping_unmap(&mapping);
}

static void test_too_many_holes(void **state) {
	struct gp_mapping mapping;
	gp_mapping_init(&mapping, &quota);
	for (int i = 0; i < GP_HOLES_PER_FILE_MAX; i++) {
		write_pages(2 * i, 1, 1);
	}
	map(&mapping);
	assert_int_equal(mapping.n_pieces, 1 + GP_HOLES_PER_FILE_MAX);
	assert_int_equal(sum(&mapping, MIB), GP_HOLES_PER_FILE_MAX);
	write_pages(2 * GP_HOLES_PER_FILE_MAX, 1, 1);
	assert_false(gp_mapping_map(&mapping, fd, MIB, true, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
	assert_non_null(strstr(failure.message, "holes"));
	gp_mapping_unmap(&mapping);
	assert_false(gp_mapping_map(&mapping, fd, MIB, true, &failure));
	assert_non_null(strstr(failure.message, "holes"));
	assert_null(mapping.data);
}

/* Those that were not read for longest end, and come back. */
static void test_room(void **state) {
	struct gp_mapping mappings[4];
	const uint64_t size = GP_HOLE_BYTES_PER_CLIENT_MAX / 2;
	assert_int_equal(ftruncate(fd, GP_MAPPED_PER_CLIENT_MAX + PAGE), 0);
	for (size_t i = 0; i < 3; i++) {
		gp_mapping_init(&mappings[i], &quota);
		assert_true(gp_mapping_map(&mappings[i], fd, size, true, &failure));
	}
	assert_null(mappings[0].data);
	assert_non_null(mappings[1].data);
	assert_int_equal(quota.n_hole_bytes, GP_HOLE_BYTES_PER_CLIENT_MAX);
	assert_true(gp_mapping_map(&mappings[1], fd, size, true, &failure));
	assert_true(gp_mapping_map(&mappings[0], fd, size, true, &failure));
	assert_null(mappings[2].data);
	assert_non_null(mappings[1].data);
	/* Not those that are being read. */
	gp_mapping_begin_read(&mappings[0]);
	gp_mapping_begin_read(&mappings[1]);
	assert_false(gp_mapping_map(&mappings[2], fd, size, true, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_NO_MEMORY);
	gp_mapping_end_read(&mappings[0]);
	gp_mapping_end_read(&mappings[1]);
	/* More than all of it is for nobody, and costs the others nothing. */
	gp_mapping_init(&mappings[3], &quota);
	assert_false(
		gp_mapping_map(&mappings[3], fd, GP_HOLE_BYTES_PER_CLIENT_MAX + 1, true, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
	assert_non_null(strstr(failure.message, "256 MiB"));
	/* The same without holes, or of what is no file. */
	assert_false(
		gp_mapping_map(&mappings[3], fd, GP_MAPPED_PER_CLIENT_MAX + 1, false, &failure));
	assert_int_equal(failure.reason, GUEST_BLOB_V1_FAILURE_NO_MEMORY);
	assert_non_null(mappings[0].data);
	assert_non_null(mappings[1].data);
	assert_true(gp_mapping_map(&mappings[3], fd, GP_MAPPED_PER_CLIENT_MAX, false, &failure));
	assert_null(mappings[0].data);
	assert_null(mappings[1].data);
	assert_int_equal(quota.n_mapped, GP_MAPPED_PER_CLIENT_MAX);
	gp_mapping_unmap(&mappings[3]);
}

static void test_fault(void **state) {
	assert_true(gp_fault_guard_init()); // after that of cmocka
	struct gp_mapping mapping, other;
	gp_mapping_init(&mapping, &quota);
	gp_mapping_init(&other, &quota);
	write_pages(0, MIB / PAGE, 1);
	map(&mapping);
	map(&other);
	gp_mapping_begin_read(&mapping);
	gp_mapping_begin_read(&other);
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	assert_int_equal(sum(&mapping, 2 * PAGE), 2);
	sum(&mapping, MIB);
	assert_int_equal(sum(&mapping, MIB), 0);
	assert_int_equal(sum(&other, 2 * PAGE), 2);
	assert_false(gp_mapping_end_read(&mapping));
	assert_true(gp_mapping_end_read(&other));
	gp_mapping_unmap(&mapping);
	gp_mapping_unmap(&other);
}

/* A fault elsewhere ends the process as before. */
static void test_fault_elsewhere(void **state) {
	signal(SIGBUS, SIG_DFL);
	assert_true(gp_fault_guard_init());
	struct gp_mapping mapping;
	gp_mapping_init(&mapping, &quota);
	map(&mapping);
	volatile uint8_t *data = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(data != MAP_FAILED);
	assert_int_equal(ftruncate(fd, 0), 0);
	pid_t pid = fork();
	if (pid == 0) {
		_exit(data[0]);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	munmap((void *)data, PAGE);
	gp_mapping_unmap(&mapping);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_holes),
		TEST(test_only_a_hole),
		TEST(test_not_while_read),
		TEST(test_punched),
		TEST(test_too_many_holes),
		TEST(test_room),
		TEST(test_fault),
		TEST(test_fault_elsewhere),
	};
	return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}

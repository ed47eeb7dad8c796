/* Guest RAM as udmabuf on a real kernel, with its limits and seals. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "tests/hostvm/vfio_host.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define PAGE 4096u
#define MIB (UINT64_C(1) << 20)
#define RAM_SIZE (160 * MIB)
#define HUGE_SIZE (16 * MIB)
#define HUGE_GPA (UINT64_C(4) << 30)
#define PARAMETERS "/sys/module/udmabuf/parameters/"

struct fixture {
	struct gp_guest_memory memory; // RAM_SIZE at 0 in two memfds, half each
	uint8_t *ram[2];
	int fds[2];
};

static void set_limit(const char *name, unsigned value) {
	char path[128];
	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "%u", value);
	assert_int_equal(fclose(file), 0);
}

static int make_memfd(uint64_t size, unsigned flags, int seals) {
	int fd = memfd_create("ram", MFD_CLOEXEC | flags);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(seals != 0 ? fcntl(fd, F_ADD_SEALS, seals) : 0, 0);
	return fd;
}

static uint32_t *map_shared(int fd, uint64_t size) {
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	return map;
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	*state = f;
	gp_guest_memory_init(&f->memory);
	for (unsigned i = 0; i < 2; i++) {
		f->fds[i] = make_memfd(RAM_SIZE / 2, MFD_ALLOW_SEALING, F_SEAL_SHRINK);
		uint32_t *words = map_shared(f->fds[i], RAM_SIZE / 2);
		for (uint32_t n = 0; n < RAM_SIZE / 2 / 4; n++) {
			words[n] = n * 2654435761u ^ (i << 31);
		}
		f->ram[i] = (uint8_t *)words;
		assert_int_equal(gp_guest_memory_add(&f->memory, dup(f->fds[i]), i * RAM_SIZE / 2,
					 0, RAM_SIZE / 2, 0),
			0);
	}
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	gp_guest_memory_finish(&f->memory);
	for (int i = 0; i < 2; i++) {
		munmap(f->ram[i], RAM_SIZE / 2);
		close(f->fds[i]);
	}
	set_limit("list_limit", 1024);
	set_limit("size_limit_mb", 64);
	free(f);
	return 0;
}

static const uint8_t *ram_at(const struct fixture *f, uint64_t gpa) {
	return f->ram[gpa / (RAM_SIZE / 2)] + gpa % (RAM_SIZE / 2);
}

static void append(struct fixture *f, struct gp_extents *extents, uint64_t gpa, uint64_t length) {
	assert_int_equal(gp_guest_memory_extents(&f->memory, gpa, length, extents), 0);
}

/* With the limits as they are now; fd is -1 if that cannot be. */
static struct gp_export try_export(const struct gp_extents *extents, uint64_t size) {
	struct gp_exporter exporter;
	struct gp_export export;
	gp_exporter_init(&exporter, false, "");
	gp_exporter_start(&exporter, gp_udmabuf_open_device(""));
	bool ok = gp_export_create(&exporter, extents, size, &export);
	assert_int_equal(ok, export.fd >= 0);
	assert_int_equal(export.kind, GP_EXPORT_UDMABUF);
	gp_exporter_finish(&exporter);
	return export;
}

static struct gp_export create_export(const struct gp_extents *extents, uint64_t size) {
	struct gp_export export = try_export(extents, size);
	if (export.fd < 0) {
		fail_msg("no udmabuf: %s", export.reason);
	}
	return export;
}

/* The dma-buf is count pieces of `length` bytes; piece i is what gpa(i) of the guest has. */
static void assert_content(struct fixture *f, const struct gp_export *export, size_t count,
	uint64_t length, uint64_t (*gpa)(size_t index)) {
	assert_string_equal(export->reason, "");
	assert_int_equal(export->size, count * length);
	assert_int_equal(lseek(export->fd, 0, SEEK_END), count * length);
	assert_int_equal(fcntl(export->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	void *map = mmap(NULL, export->size, PROT_READ, MAP_SHARED, export->fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};
	assert_int_equal(ioctl(export->fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *piece = (const uint8_t *)map + i * length;
		if (memcmp(piece, ram_at(f, gpa(i)), length) != 0) {
			fail_msg("piece %zu of %zu differs", i, count);
		}
	}
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	assert_int_equal(ioctl(export->fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
	munmap(map, export->size);
}

static void assert_copies(const struct gp_extents *extents, uint64_t size, const char *words) {
	struct gp_export export = try_export(extents, size);
	if (export.fd >= 0 || strstr(export.reason, words) == NULL) {
		fail_msg("reason '%s', expected '%s'", export.reason, words);
	}
}

static uint64_t in_order(size_t index) {
	return index * PAGE;
}

static uint64_t every_other(size_t index) {
	return (2 * index + 1) * PAGE;
}

static uint64_t backwards(size_t index) {
	return RAM_SIZE - (index + 1) * PAGE;
}

static uint64_t shuffled(size_t index) { // 8191 is prime to the number of pages
	return index * 8191 % (RAM_SIZE / PAGE) * PAGE;
}

static uint64_t same(size_t index) {
	(void)index;
	return 77 * PAGE;
}

static uint64_t alternating(size_t index) { // between the two memfds
	return index % 2 * (RAM_SIZE / 2) + index * PAGE;
}

static void check_shape(struct fixture *f, size_t count, uint64_t (*gpa)(size_t index)) {
	struct gp_extents extents = {0};
	for (size_t i = 0; i < count; i++) {
		append(f, &extents, gpa(i), PAGE);
	}
	struct gp_export export = create_export(&extents, extents.length);
	assert_content(f, &export, count, PAGE, gpa);
	gp_fd_close(&export.fd);
	gp_extents_finish(&extents);
}

static void test_shapes(void **state) {
	struct fixture *f = *state;
	check_shape(f, 1, in_order);
	check_shape(f, 16384, in_order);
	check_shape(f, 1000, every_other);
	check_shape(f, 1000, backwards);
	check_shape(f, 1000, shuffled);
	check_shape(f, 1000, same);
	check_shape(f, 1000, alternating);
}

/* B1: what real guests send, against the default limits and against what dist/ sets. */
static void test_limits(void **state) {
	struct fixture *f = *state;
	struct gp_extents extents = {0};
	for (size_t i = 0; i < 2025; i++) {
		append(f, &extents, shuffled(i), PAGE);
	}
	assert_copies(&extents, extents.length, "list_limit");
	gp_extents_finish(&extents);
	append(f, &extents, 0, 65 * MIB);
	assert_copies(&extents, extents.length, "size_limit_mb");
	gp_extents_finish(&extents);

	set_limit("list_limit", 32768);
	set_limit("size_limit_mb", 1024);
	check_shape(f, 2025, shuffled); // 1080p
	check_shape(f, 8100, shuffled); // 4K
	check_shape(f, 32400, shuffled); // 8K
	append(f, &extents, 0, RAM_SIZE);
	struct gp_export export = create_export(&extents, RAM_SIZE);
	assert_content(f, &export, RAM_SIZE / PAGE, PAGE, in_order);
	gp_fd_close(&export.fd);
	gp_extents_finish(&extents);
}

/* The whole of a memory made of one file, which udmabuf takes or not. */
static void check_file(int fd, uint64_t size, const char *words) {
	struct gp_guest_memory memory;
	struct gp_extents extents = {0};
	gp_guest_memory_init(&memory);
	assert_int_equal(gp_guest_memory_add(&memory, dup(fd), 0, 0, size, 0), 0);
	assert_int_equal(gp_guest_memory_extents(&memory, 0, size, &extents), 0);
	if (words == NULL) {
		struct gp_export export = create_export(&extents, size);
		assert_string_equal(export.reason, "");
		gp_fd_close(&export.fd);
	} else {
		assert_copies(&extents, size, words);
	}
	gp_extents_finish(&extents);
	gp_guest_memory_finish(&memory);
	close(fd);
}

/* B2 */
static void test_seals(void **state) {
	check_file(make_memfd(MIB, MFD_ALLOW_SEALING, F_SEAL_SHRINK), MIB, NULL);
	check_file(make_memfd(MIB, MFD_ALLOW_SEALING, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		MIB, NULL);
	check_file(make_memfd(MIB, MFD_ALLOW_SEALING, 0), MIB, "F_SEAL_SHRINK");
	check_file(make_memfd(MIB, 0, 0), MIB, "F_SEAL_SHRINK");

	FILE *file = fopen("/dev/shm/hostvm", "w+e");
	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), MIB), 0);
	unlink("/dev/shm/hostvm");
	check_file(dup(fileno(file)), MIB, "seal");
	fclose(file);

	file = tmpfile();
	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), MIB), 0);
	check_file(dup(fileno(file)), MIB, "mem");
	fclose(file);
}

static void test_future_write_seal(void **state) {
	// The mapping is made before the seal, as the VMM's own is.
	int fd = make_memfd(MIB, MFD_ALLOW_SEALING, F_SEAL_SHRINK);
	struct gp_guest_memory memory;
	struct gp_extents extents = {0};
	gp_guest_memory_init(&memory);
	assert_int_equal(gp_guest_memory_add(&memory, dup(fd), 0, 0, MIB, 0), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	assert_int_equal(gp_guest_memory_extents(&memory, 0, MIB, &extents), 0);
	assert_copies(&extents, MIB, "F_SEAL_FUTURE_WRITE");
	gp_extents_finish(&extents);
	gp_guest_memory_finish(&memory);
	close(fd);
}

static void test_hugetlb(void **state) {
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (fd < 0 || ftruncate(fd, HUGE_SIZE) < 0) {
		print_message("# no huge pages\n");
		skip();
	}
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	uint32_t *words = map_shared(fd, HUGE_SIZE);
	for (uint32_t i = 0; i < HUGE_SIZE / 4; i++) {
		words[i] = ~i * 2246822519u;
	}
	struct gp_guest_memory memory;
	struct gp_extents extents = {0};
	gp_guest_memory_init(&memory);
	assert_int_equal(gp_guest_memory_add(&memory, dup(fd), HUGE_GPA, 0, HUGE_SIZE, 0), 0);
	// Single pages out of huge ones, across their borders, backwards.
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(gp_guest_memory_extents(&memory,
					 HUGE_GPA + HUGE_SIZE - (4 * i + 1) * PAGE, PAGE, &extents),
			0);
	}
	struct gp_export export = create_export(&extents, extents.length);
	assert_string_equal(export.reason, "");
	uint8_t *map = mmap(NULL, export.size, PROT_READ, MAP_SHARED, export.fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_memory_equal(
			map + i * PAGE, (uint8_t *)words + HUGE_SIZE - (4 * i + 1) * PAGE, PAGE);
	}
	munmap(map, export.size);
	gp_fd_close(&export.fd);
	gp_extents_finish(&extents);
	gp_guest_memory_finish(&memory);
	munmap(words, HUGE_SIZE);
	close(fd);
}

static void test_unaligned(void **state) {
	struct fixture *f = *state;
	struct gp_extents extents = {0};
	append(f, &extents, 512, PAGE);
	assert_copies(&extents, PAGE, "whole pages");
	gp_extents_finish(&extents);
	append(f, &extents, 0, PAGE + 4);
	append(f, &extents, 10 * PAGE, PAGE);
	assert_copies(&extents, extents.length, "whole pages");
	gp_extents_finish(&extents);
}

static void test_balance(void **state) {
	struct fixture *f = *state;
	struct gp_exporter exporter;
	gp_exporter_init(&exporter, false, "");
	gp_exporter_start(&exporter, gp_udmabuf_open_device(""));
	int before = count_fds();
	for (int i = 0; i < 1000; i++) {
		struct gp_extents extents = {0};
		struct gp_export export;
		append(f, &extents, (uint64_t)i * PAGE, 4 * PAGE);
		append(f, &extents, RAM_SIZE - PAGE, i % 2 == 0 ? PAGE : 512);
		assert_int_equal(
			gp_export_create(&exporter, &extents, extents.length, &export), i % 2 == 0);
		gp_fd_close(&export.fd);
		gp_extents_finish(&extents);
	}
	assert_int_equal(count_fds(), before);
	gp_exporter_finish(&exporter);
}

int main(void) {
	if (access("/dev/udmabuf", R_OK | W_OK) < 0) {
		printf("1..0 # SKIP no /dev/udmabuf\n");
		return 0;
	}
	gp_log_init("test", GP_LOG_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_seals),
		cmocka_unit_test(test_future_write_seal),
		cmocka_unit_test(test_hugetlb),
		cmocka_unit_test(test_unaligned),
		cmocka_unit_test(test_balance),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/export/device_read.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/export/read_rows.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define PAGE 4096u
#define REGION_PAGES 64u
#define REGION_SIZE (REGION_PAGES * PAGE)
#define REGIONS 2u

/* The VM: two memory objects, and a directory that plays the root of the host. */
struct fixture {
	struct gp_guest_memory memory;
	struct gp_extents extents;
	struct gp_exporter exporter;
	char root[32];
	int fds_before;
};

static int count_fds(void) {
	DIR *fds = opendir("/proc/self/fd");
	int n = 0;
	assert_non_null(fds);
	while (readdir(fds) != NULL) {
		n++;
	}
	closedir(fds);
	return n;
}

static uint8_t pattern(uint64_t gpa) {
	return (uint8_t)(gpa * 7 + gpa / PAGE * 13 + 1);
}

static void add_region(struct fixture *f, uint64_t gpa, int seals) {
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, REGION_SIZE), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	assert_int_equal(gp_guest_memory_add(&f->memory, fd, gpa, gpa, REGION_SIZE, 0), 0);
	for (size_t i = 0; i < f->memory.count; i++) {
		struct gp_memory_object *object = f->memory.regions[i];
		for (uint64_t at = 0; at < object->size; at++) {
			object->map[at] = pattern(object->gpa + at);
		}
	}
}

static void write_file(const char *root, const char *path, const char *text) {
	char full[128];
	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	gp_log_init("test", GP_LOG_SILENT);
	f->fds_before = count_fds();
	gp_guest_memory_init(&f->memory);
	add_region(f, 0, F_SEAL_SHRINK);
	add_region(f, REGION_SIZE, F_SEAL_SHRINK); // neighbours in address, not in memory
	strcpy(f->root, "/tmp/gp-test-export-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	f->exporter.udmabuf.fd = -1;
	*state = f;
	return 0;
}

static void remove_tree(const char *root) {
	static const char *const paths[] = {"dev/udmabuf", "dev",
		"sys/module/udmabuf/parameters/list_limit",
		"sys/module/udmabuf/parameters/size_limit_mb", "sys/module/udmabuf/parameters",
		"sys/module/udmabuf", "sys/module", "sys", ""};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char full[128];
		snprintf(full, sizeof(full), "%s/%s", root, paths[i]);
		remove(full);
	}
}

static int teardown(void **state) {
	struct fixture *f = *state;
	gp_exporter_finish(&f->exporter);
	gp_extents_finish(&f->extents);
	gp_guest_memory_finish(&f->memory);
	remove_tree(f->root);
	int leaked = count_fds() - f->fds_before;
	free(f);
	return leaked;
}

static void add_extent(struct fixture *f, uint64_t gpa, uint64_t length) {
	assert_int_equal(gp_guest_memory_extents(&f->memory, gpa, length, &f->extents), 0);
}

/* Every page of the VM, scattered, so that no two are neighbours. */
static void add_scattered_pages(struct fixture *f, unsigned n_pages) {
	for (unsigned i = 0; i < n_pages; i++) {
		add_extent(f, (uint64_t)(i * 37 % (REGIONS * REGION_PAGES)) * PAGE, PAGE);
	}
}

static uint8_t expected(const struct fixture *f, uint64_t offset) {
	uint8_t byte = 0;
	assert_true(gp_extents_read(&f->extents, offset, &byte, 1));
	return byte;
}

static bool in_rect(uint64_t at, uint64_t offset, uint64_t stride, const uint32_t rect[4]) {
	if (at < offset) {
		return false;
	}
	uint64_t x = (at - offset) % stride, y = (at - offset) / stride;
	return x >= rect[0] && x - rect[0] < rect[2] && y >= rect[1] && y - rect[1] < rect[3];
}

/* Copies a rectangle into a new copy and checks every byte of it, inside and outside. */
static void check_copy(struct fixture *f, uint64_t size, uint64_t offset, uint64_t stride,
	const uint32_t rect[4]) {
	uint8_t *copy = calloc(1, size);
	assert_non_null(copy);
	uint64_t inside = 0;
	uint64_t copied = gp_extents_read_rows(
		&f->extents, copy, size, offset, stride, rect[0], rect[2], rect[1], rect[3]);
	for (uint64_t at = 0; at < size; at++) {
		bool hit = at < f->extents.length && in_rect(at, offset, stride, rect);
		inside += hit ? 1 : 0;
		uint8_t want = hit ? expected(f, at) : 0;
		if (copy[at] != want) {
			fail_msg("byte %llu is %u, not %u", (unsigned long long)at, copy[at], want);
		}
	}
	assert_int_equal(copied, inside);
	free(copy);
}

static void test_copies_scattered_pages(void **state) {
	struct fixture *f = *state;
	add_scattered_pages(f, 100);
	assert_int_equal(f->extents.count, 100);
	check_copy(f, 100 * PAGE, 0, 1000, (const uint32_t[]){0, 0, 1000, 409});
}

static void test_copies_damaged_rows_only(void **state) {
	struct fixture *f = *state;
	static const uint32_t rects[][4] = {
		{0, 0, 4, 1},
		{4, 10, 4, 10},
		{1500, 3, 548, 5},
		{2044, 0, 4, 40},
		{0, 7, 2048, 1},
		{100, 100, 0, 10},
		{100, 100, 10, 0},
	};
	add_scattered_pages(f, 60);
	for (size_t i = 0; i < sizeof(rects) / sizeof(rects[0]); i++) {
		check_copy(f, 60 * PAGE, 0, 2048, rects[i]);
		check_copy(f, 60 * PAGE, 4100, 2048, rects[i]);
	}
}

/* What is copied for CPU reading need not be made of pages. */
static void test_copies_odd_extents(void **state) {
	struct fixture *f = *state;
	add_extent(f, 3, 1000);
	add_extent(f, REGION_SIZE - 500, 1000); // across both objects
	add_extent(f, 70001, 1);
	add_extent(f, 9, 5000);
	check_copy(f, 7001, 0, 701, (const uint32_t[]){0, 0, 701, 9});
	check_copy(f, 7001, 13, 97, (const uint32_t[]){11, 2, 80, 60});
}

static void test_copy_clips_to_its_size(void **state) {
	struct fixture *f = *state;
	add_scattered_pages(f, 20);
	check_copy(f, 10 * PAGE, 0, 4096, (const uint32_t[]){0, 5, 4096, 100});
	check_copy(f, 10 * PAGE + 100, 0, 4096, (const uint32_t[]){0, 5, 4096, UINT32_MAX});
	check_copy(f, 10 * PAGE, 10 * PAGE - 1, 4096, (const uint32_t[]){0, 0, 4096, 2});
	check_copy(f, 10 * PAGE, 10 * PAGE, 4096, (const uint32_t[]){0, 0, 4096, 2});
}

static void test_copy_clips_to_shrunk_extents(void **state) {
	struct fixture *f = *state;
	add_scattered_pages(f, 20);
	check_copy(f, 40 * PAGE, 0, 4096, (const uint32_t[]){0, 0, 4096, 40});
	check_copy(f, 40 * PAGE, 100, 3000, (const uint32_t[]){50, 20, 2950, 30});
	gp_extents_finish(&f->extents);
	memset(&f->extents, 0, sizeof(f->extents));
	check_copy(f, 4 * PAGE, 0, 4096, (const uint32_t[]){0, 0, 4096, 4});
}

static void test_copy_survives_overflow(void **state) {
	struct fixture *f = *state;
	add_scattered_pages(f, 4);
	static uint8_t copy[4 * PAGE];
	static const struct {
		uint64_t offset, stride;
		uint32_t x, width, y, height;
	} cases[] = {
		{UINT64_MAX, 4096, 0, 4096, 0, 4},
		{UINT64_MAX - 4096, 4096, 4095, 4096, 0, 4},
		{0, UINT64_MAX, 0, 4096, 2, 4},
		{0, UINT64_MAX / 2, 0, 4096, 3, UINT32_MAX},
		{0, 4096, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
		{0, 0, 0, 4096, 0, 4},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(gp_extents_read_rows(&f->extents, copy, sizeof(copy),
					 cases[i].offset, cases[i].stride, cases[i].x,
					 cases[i].width, cases[i].y, cases[i].height),
			0);
	}
	/* Rows that overlap are cut to the stride. */
	assert_int_equal(
		gp_extents_read_rows(&f->extents, copy, sizeof(copy), 0, 100, 0, 4096, 0, 4), 400);
}

static void test_copy_skips_unmapped_memory(void **state) {
	struct fixture *f = *state;
	add_extent(f, 0, PAGE);
	add_extent(f, 2 * PAGE, PAGE);
	uint8_t copy[2 * PAGE] = {0};
	struct gp_memory_object *object = f->extents.items[0].object;
	uint8_t *map = object->map;
	object->map = NULL;
	assert_int_equal(
		gp_extents_read_rows(&f->extents, copy, sizeof(copy), 0, PAGE, 0, PAGE, 0, 2), 0);
	object->map = map;
	assert_int_equal(copy[0], 0);
}

/* Rows that differ, in memory of several extents; rows near each other are one rectangle. */
static void test_find_changes(void **state) {
	struct fixture *f = *state;
	static uint8_t copy[4 * PAGE];
	struct gp_rects changed = {0};
	const uint64_t stride = 200;
	const struct gp_rect all = {0, 0, 50, 80}, part = {10, 20, 5, 40};
	add_scattered_pages(f, 4);
	gp_extents_read_rows(&f->extents, copy, sizeof(copy), 0, stride, 0, 200, 0, 80);
	gp_extents_find_changes(&f->extents, copy, sizeof(copy), 0, stride, 4, &all, &changed);
	assert_int_equal(changed.n, 0);
	copy[20 * stride] ^= 1;
	copy[25 * stride + 199] ^= 1;
	copy[79 * stride + 41] ^= 1; // in another extent
	gp_extents_find_changes(&f->extents, copy, sizeof(copy), 0, stride, 4, &all, &changed);
	const struct gp_rect wanted[] = {{0, 20, 50, 6}, {0, 79, 50, 1}};
	assert_int_equal(changed.n, 2);
	assert_memory_equal(changed.items, wanted, sizeof(wanted));
	changed.n = 0;
	gp_extents_find_changes(&f->extents, copy, sizeof(copy), 0, stride, 4, &part, &changed);
	assert_int_equal(changed.n, 0);
	copy[59 * stride + 59] ^= 1;
	gp_extents_find_changes(&f->extents, copy, sizeof(copy), 0, stride, 4, &part, &changed);
	assert_int_equal(changed.n, 1);
	assert_int_equal(changed.items[0].y, 59);
	/* As memory of a device is read. */
	for (size_t i = 0; i < f->extents.count; i++) {
		f->extents.items[i].object->kind = GP_MEMORY_VFIO;
	}
	changed.n = 0;
	gp_extents_find_changes(&f->extents, copy, sizeof(copy), 0, stride, 4, &all, &changed);
	assert_int_equal(changed.n, 3);
	for (size_t i = 0; i < f->extents.count; i++) {
		f->extents.items[i].object->kind = GP_MEMORY_FILE;
	}
	/* What cannot be compared has changed. */
	const struct gp_rect outside[] = {
		{0, 0, 50, 82},
		{0, 1, 51, 1},
		{0, UINT32_MAX, 50, 1},
		{UINT32_MAX, 0, 1, 1},
	};
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		changed.n = 0;
		gp_extents_find_changes(
			&f->extents, copy, sizeof(copy), 0, stride, 4, &outside[i], &changed);
		assert_int_equal(changed.n, 1);
	}
}

/* Tries to export, and returns the reason why that cannot be. */
static const char *export_reason(struct fixture *f, uint64_t size) {
	static struct gp_export export;
	assert_false(gp_export_create(&f->exporter, &f->extents, size, &export));
	assert_int_equal(export.fd, -1);
	return export.reason;
}

#define assert_reason(f, size, part)                                                               \
	do {                                                                                       \
		const char *reason = export_reason(f, size);                                       \
		if (strstr(reason, part) == NULL) {                                                \
			fail_msg("\"%s\" does not say \"%s\"", reason, part);                      \
		}                                                                                  \
	} while (0)

static void test_no_device(void **state) {
	struct fixture *f = *state;
	gp_exporter_init(&f->exporter, false, f->root);
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(f->root));
	add_scattered_pages(f, 4);
	assert_int_equal(f->exporter.udmabuf.fd, -1);
	assert_reason(f, 4 * PAGE, "no /dev/udmabuf");
	assert_reason(f, 4 * PAGE, "modprobe udmabuf");
}

static void test_no_permission(void **state) {
	struct fixture *f = *state;
	if (geteuid() == 0) {
		print_message("# root may open everything\n");
		skip();
	}
	char path[64];
	write_file(f->root, "dev/udmabuf", "");
	snprintf(path, sizeof(path), "%s/dev/udmabuf", f->root);
	assert_int_equal(chmod(path, 0), 0);
	gp_exporter_init(&f->exporter, false, f->root);
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(f->root));
	add_scattered_pages(f, 4);
	assert_reason(f, 4 * PAGE, "no permission to open /dev/udmabuf: add this user to");
}

static void test_force_copy(void **state) {
	struct fixture *f = *state;
	write_file(f->root, "dev/udmabuf", "");
	gp_exporter_init(&f->exporter, true, f->root);
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(f->root));
	add_scattered_pages(f, 4);
	assert_int_equal(f->exporter.udmabuf.fd, -1);
	assert_reason(f, 4 * PAGE, "--export copy");
}

static void test_limits_are_read(void **state) {
	struct fixture *f = *state;
	gp_exporter_init(&f->exporter, false, f->root);
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(f->root));
	assert_int_equal(f->exporter.udmabuf.list_limit, 1024);
	assert_int_equal(f->exporter.udmabuf.size_limit, 64ull << 20);
	gp_exporter_finish(&f->exporter);
	write_file(f->root, "sys/module/udmabuf/parameters/list_limit", "16384\n");
	write_file(f->root, "sys/module/udmabuf/parameters/size_limit_mb", "nonsense\n");
	gp_exporter_init(&f->exporter, false, f->root);
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(f->root));
	assert_int_equal(f->exporter.udmabuf.list_limit, 16384);
	assert_int_equal(f->exporter.udmabuf.size_limit, 64ull << 20);
}

/* A file that is no udmabuf device: what comes before the ioctl can be seen with it. */
static void init_fake(struct fixture *f, const char *list_limit, const char *size_limit_mb) {
	write_file(f->root, "dev/udmabuf", "");
	write_file(f->root, "sys/module/udmabuf/parameters/list_limit", list_limit);
	write_file(f->root, "sys/module/udmabuf/parameters/size_limit_mb", size_limit_mb);
	gp_exporter_init(&f->exporter, false, f->root);
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(f->root));
	assert_true(f->exporter.udmabuf.fd >= 0);
}

static void test_list_limit(void **state) {
	struct fixture *f = *state;
	init_fake(f, "16", "64");
	add_scattered_pages(f, 17);
	assert_reason(f, 17 * PAGE, "17 entries exceed udmabuf's limit of 16: write");
	assert_reason(f, 17 * PAGE, "/sys/module/udmabuf/parameters/list_limit");
	/* Only as many entries count as the buffer needs, and one that goes on counts once. */
	assert_reason(f, 16 * PAGE, "udmabuf refused 16 entries");
	gp_extents_finish(&f->extents);
	memset(&f->extents, 0, sizeof(f->extents));
	add_extent(f, 0, REGION_SIZE);
	add_extent(f, REGION_SIZE, REGION_SIZE);
	assert_reason(f, 2 * REGION_SIZE, "udmabuf refused 2 entries");
}

static void test_size_limit(void **state) {
	struct fixture *f = *state;
	init_fake(f, "1024", "1");
	for (int i = 0; i < 5; i++) {
		add_extent(f, 0, REGION_SIZE);
	}
	assert_reason(f, 5 * REGION_SIZE, "2 MiB exceed udmabuf's limit of 1 MiB: write");
	assert_reason(f, 4 * REGION_SIZE, "udmabuf refused 4 entries");
}

static void test_whole_pages_only(void **state) {
	struct fixture *f = *state;
	init_fake(f, "1024", "64");
	add_extent(f, 0, PAGE);
	add_extent(f, 3 * PAGE, 100);
	assert_reason(f, PAGE, "udmabuf refused 1 entries");
	assert_reason(f, PAGE - 100, "udmabuf refused 1 entries"); // the page is the guest's
	assert_reason(f, PAGE + 100, "entry 1 of the guest's memory is not made of whole pages");
	gp_extents_finish(&f->extents);
	memset(&f->extents, 0, sizeof(f->extents));
	add_extent(f, 100, PAGE);
	assert_reason(f, 4000, "not made of whole pages");
	assert_reason(f, 2 * PAGE, "not made of whole pages");
	gp_extents_finish(&f->extents);
	memset(&f->extents, 0, sizeof(f->extents));
	add_extent(f, 0, PAGE);
	assert_reason(f, 2 * PAGE, "smaller than the buffer");
}

static void test_seals(void **state) {
	struct fixture *f = *state;
	static const struct {
		int seals;
		const char *part;
	} cases[] = {
		{0, "lacks the seal F_SEAL_SHRINK"},
		{F_SEAL_GROW, "seal=on"},
		{F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, "has the seal F_SEAL_FUTURE_WRITE"},
	};
	init_fake(f, "1024", "64");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(ftruncate(fd, REGION_SIZE), 0);
		uint64_t gpa = (4 + i) * REGION_SIZE;
		int copy = dup(fd);
		assert_int_equal(gp_guest_memory_add(&f->memory, fd, gpa, gpa, REGION_SIZE, 0), 0);
		assert_int_equal(fcntl(copy, F_ADD_SEALS, cases[i].seals), 0);
		close(copy);
		add_extent(f, 0, PAGE); // a good one in front does not help
		add_extent(f, gpa, PAGE);
		assert_reason(f, 2 * PAGE, cases[i].part);
		gp_extents_finish(&f->extents);
		memset(&f->extents, 0, sizeof(f->extents));
	}
}

static void test_no_memfd(void **state) {
	struct fixture *f = *state;
	char path[64];
	init_fake(f, "1024", "64");
	write_file(f->root, "dev/udmabuf", "");
	snprintf(path, sizeof(path), "%s/ram", f->root);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, REGION_SIZE), 0);
	if (fcntl(fd, F_GET_SEALS) >= 0) {
		close(fd);
		print_message("# /tmp is a tmpfs, whose files have seals\n");
		skip();
	}
	uint64_t gpa = 8 * REGION_SIZE;
	assert_int_equal(gp_guest_memory_add(&f->memory, fd, gpa, gpa, REGION_SIZE, 0), 0);
	add_extent(f, gpa, PAGE);
	assert_reason(f, PAGE, "not a memfd");
	assert_reason(f, PAGE, "memory-backend-memfd");
}

static void test_host_error_is_said(void **state) {
	struct fixture *f = *state;
	init_fake(f, "1024", "64");
	add_scattered_pages(f, 4);
	assert_reason(f, 4 * PAGE, strerror(ENOTTY));
}

static void test_udmabuf(void **state) {
	struct fixture *f = *state;
	if (access("/dev/udmabuf", R_OK | W_OK) != 0) {
		print_message("# no /dev/udmabuf\n");
		skip();
	}
	gp_exporter_init(&f->exporter, false, "");
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(""));
	add_scattered_pages(f, 50);
	struct gp_export export;
	assert_true(gp_export_create(&f->exporter, &f->extents, 50 * PAGE - 1000, &export));
	assert_int_equal(export.kind, GP_EXPORT_UDMABUF);
	assert_int_equal(export.size, 50 * PAGE);
	assert_string_equal(export.reason, "");
	assert_true(fcntl(export.fd, F_GETFD) & FD_CLOEXEC);
	uint8_t *map = mmap(NULL, export.size, PROT_READ, MAP_SHARED, export.fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	f->memory.regions[0]->map[37] ^= 0xff; // a later change is seen as well
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};
	assert_int_equal(ioctl(export.fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
	for (uint64_t at = 0; at < export.size; at++) {
		assert_int_equal(map[at], expected(f, at));
	}
	munmap(map, export.size);
	gp_fd_close(&export.fd);
}

static void test_kind_names(void **state) {
	assert_string_equal(gp_export_kind_name(GP_EXPORT_UDMABUF), "udmabuf");
	assert_string_equal(gp_export_kind_name(GP_EXPORT_VFIO), "vfio");
}

/* Every alignment of source and destination, and every size around a line. */
static void test_device_read(void **state) {
	uint8_t in[512], out[512];
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] = (uint8_t)(i * 7 + 1);
	}
	for (size_t at = 0; at < 66; at++) {
		for (size_t to = 0; to < 20; to++) {
			for (size_t size = 0; size < 300; size++) {
				memset(out, 0xee, sizeof(out));
				gp_device_read(out + to, in + at, size);
				assert_memory_equal(out + to, in + at, size);
				assert_int_equal(out[to + size], 0xee);
				assert_true(to == 0 || out[to - 1] == 0xee);
			}
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_copies_scattered_pages),
		TEST(test_copies_damaged_rows_only),
		TEST(test_find_changes),
		TEST(test_copies_odd_extents),
		TEST(test_copy_clips_to_its_size),
		TEST(test_copy_clips_to_shrunk_extents),
		TEST(test_copy_survives_overflow),
		TEST(test_copy_skips_unmapped_memory),
		TEST(test_no_device),
		TEST(test_no_permission),
		TEST(test_force_copy),
		TEST(test_limits_are_read),
		TEST(test_list_limit),
		TEST(test_size_limit),
		TEST(test_whole_pages_only),
		TEST(test_seals),
		TEST(test_no_memfd),
		TEST(test_host_error_is_said),
		TEST(test_udmabuf),
		TEST(test_kind_names),
		cmocka_unit_test(test_device_read),
	};
	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}

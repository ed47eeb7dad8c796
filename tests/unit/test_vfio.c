#include "vmm-bridge/vfio/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <cmocka.h>

#include "common/log.h"
#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/finder.h"
#include "vmm-bridge/vfio/map.h"
#include "vmm-bridge/vfio/uapi.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define PAGE 4096u
#define MIB (UINT64_C(1) << 20)

/*
 * The fake device is a memory file: BAR 0 at 0, config space behind it. BAR 0 has an MSI-X hole in
 * its second page if fake.sparse is set.
 */
#define BAR0_SIZE (1 * MIB)
#define CONFIG_OFFSET BAR0_SIZE
#define BAR0_GPA UINT64_C(0x480000000)

static struct fake_state {
	bool sparse, broken_info, pci, no_mmap;
	int feature_errno;
	unsigned feature_calls, config_reads;
} fake;

static int fake_region_info(struct vfio_region_info *info) {
	uint32_t size = info->argsz;
	struct { // struct vfio_region_info_cap_sparse_mmap, with its array
		struct vfio_info_cap_header header;
		uint32_t nr_areas, reserved;
		struct vfio_region_sparse_mmap_area areas[2];
	} cap = {
		.header = {.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1},
		.nr_areas = 2,
		.areas = {{0, PAGE}, {2 * PAGE, BAR0_SIZE - 2 * PAGE}},
	};
	info->flags = VFIO_REGION_INFO_FLAG_READ;
	if (info->index == VFIO_PCI_CONFIG_REGION_INDEX) {
		info->offset = CONFIG_OFFSET;
		info->size = 256;
		return 0;
	}
	if (info->index == VFIO_PCI_BAR4_REGION_INDEX) { // an unusual one: 32 bits, 16 bytes
		info->size = 16;
		info->offset = 0;
		return 0;
	}
	if (info->index != VFIO_PCI_BAR0_REGION_INDEX) {
		info->size = 0;
		return 0;
	}
	info->size = BAR0_SIZE;
	info->offset = 0;
	if (!fake.no_mmap) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	}
	if (fake.sparse) {
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		info->argsz = sizeof(*info) + sizeof(cap);
		if (size >= info->argsz) {
			info->cap_offset = sizeof(*info);
			memcpy(info + 1, &cap, sizeof(cap));
		}
	}
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg) {
	if (request == VFIO_DEVICE_GET_INFO) {
		struct vfio_device_info *info = arg;
		info->flags = fake.pci ? VFIO_DEVICE_FLAGS_PCI : VFIO_DEVICE_FLAGS_PLATFORM;
		info->num_regions = VFIO_PCI_NUM_REGIONS;
		if (fake.broken_info) {
			errno = EINVAL;
			return -1;
		}
		return 0;
	}
	if (request == VFIO_DEVICE_GET_REGION_INFO) {
		return fake_region_info(arg);
	}
	if (request == VFIO_DEVICE_FEATURE) {
		fake.feature_calls++;
		errno = fake.feature_errno;
		return fake.feature_errno != 0 ? -1 : 0;
	}
	errno = ENOTTY;
	return -1;
}

static ssize_t fake_pread(int fd, void *out, size_t size, off_t offset) {
	fake.config_reads++;
	return pread(fd, out, size, offset);
}

static const struct gp_vfio_ops fake_ops = {.ioctl = fake_ioctl, .pread = fake_pread};

static void put_u32(uint8_t *config, size_t offset, uint32_t value) {
	for (int i = 0; i < 4; i++) {
		config[offset + i] = (uint8_t)(value >> (8 * i));
	}
}

static void set_config(int fd, size_t offset, uint32_t value) {
	uint8_t bytes[4];
	put_u32(bytes, 0, value);
	assert_int_equal(pwrite(fd, bytes, 4, (off_t)(CONFIG_OFFSET + offset)), 4);
}

static void place_bar0(int fd, uint64_t gpa) {
	set_config(fd, PCI_BASE_ADDRESS_0,
		(uint32_t)gpa | PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	set_config(fd, PCI_BASE_ADDRESS_1, (uint32_t)(gpa >> 32));
}

static int make_device(void) {
	fake = (struct fake_state){.pci = true};
	int fd = memfd_create("device", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, CONFIG_OFFSET + 256), 0);
	for (uint64_t at = 0; at < BAR0_SIZE; at += PAGE) {
		uint64_t value = ~at;
		assert_int_equal(pwrite(fd, &value, sizeof(value), (off_t)at), sizeof(value));
	}
	set_config(fd, PCI_VENDOR_ID, 0x56c08086);
	set_config(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	place_bar0(fd, BAR0_GPA);
	set_config(fd, PCI_BASE_ADDRESS_4, 0xfeb00000);
	return fd;
}

struct removals {
	struct gp_memory_object *object;
	int removed;
};

static void handle_removed(void *data, struct gp_memory_object *object) {
	struct removals *removals = data;
	removals->object = object;
	removals->removed++;
}

static const struct gp_vfio_events events = {.object_removed = handle_removed};

static int count_fds(void) {
	int count = 0;
	for (int fd = 0; fd < 1024; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

static void test_resolve(void **state) {
	struct removals removals = {0};
	struct gp_memory_object *object, *again;
	uint64_t offset;
	int before = count_fds();
	int fd = make_device();
	struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);

	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, PAGE, &object, &offset), -EFAULT);
	assert_true(gp_vfio_add_fd(vfio, dup(fd), ""));
	assert_int_equal(gp_vfio_count(vfio), 1);
	assert_int_equal(gp_vfio_at(vfio, 0)->vendor, 0x8086);
	assert_null(gp_vfio_at(vfio, 1));

	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA + 5 * PAGE, PAGE, &object, &offset), 0);
	assert_int_equal(offset, 5 * PAGE);
	assert_int_equal(object->kind, GP_MEMORY_VFIO);
	assert_int_equal(object->size, BAR0_SIZE);
	assert_int_equal(object->refs, 2);
	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, BAR0_SIZE, &again, &offset), 0);
	assert_ptr_equal(again, object);
	gp_memory_object_unref(again);

	static const struct {
		uint64_t gpa, length;
	} outside[] = {
		{BAR0_GPA - 1, 1},
		{BAR0_GPA - 1, 2},
		{BAR0_GPA, BAR0_SIZE + 1},
		{BAR0_GPA + BAR0_SIZE, 1},
		{BAR0_GPA + 1, UINT64_MAX},
		{BAR0_GPA, 0},
		{0, 1},
		{UINT64_MAX, 1},
		{UINT64_MAX, UINT64_MAX},
		{0xfeb00000 + 15, 2},
	};
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		again = NULL;
		assert_int_equal(
			gp_vfio_resolve(vfio, outside[i].gpa, outside[i].length, &again, &offset),
			-EFAULT);
		assert_null(again);
	}
	assert_int_equal(gp_vfio_resolve(vfio, 0xfeb00000 + 15, 1, &again, &offset), 0);
	assert_int_equal(again->vfio_region, 4);
	gp_memory_object_unref(again);

	gp_vfio_destroy(vfio);
	assert_int_equal(removals.removed, 2);
	assert_true(object->removed);
	assert_int_equal(object->fd, -1);
	gp_memory_object_unref(object);
	close(fd);
	assert_int_equal(count_fds(), before);
}

/* A2: hits do not read config space again and again; a miss does. */
static void test_caching(void **state) {
	struct removals removals = {0};
	struct gp_memory_object *object;
	uint64_t offset;
	int fd = make_device();
	struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);
	assert_true(gp_vfio_add_fd(vfio, dup(fd), ""));

	fake.config_reads = 0;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			gp_vfio_resolve(vfio, BAR0_GPA + i * PAGE, PAGE, &object, &offset), 0);
		gp_memory_object_unref(object);
	}
	assert_true(fake.config_reads <= 3); // 50 ms may pass on a slow host

	place_bar0(fd, 2 * BAR0_GPA);
	assert_int_equal(gp_vfio_resolve(vfio, 2 * BAR0_GPA, PAGE, &object, &offset), 0);
	assert_int_equal(removals.removed, 1);
	gp_memory_object_unref(object);

	// Without a miss it is noticed a little later.
	set_config(fd, PCI_COMMAND, 0);
	usleep(60000);
	assert_int_equal(gp_vfio_resolve(vfio, 2 * BAR0_GPA, PAGE, &object, &offset), -EFAULT);
	assert_int_equal(removals.removed, 2);

	// The device can no longer be read.
	set_config(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	assert_int_equal(gp_vfio_resolve(vfio, 2 * BAR0_GPA, PAGE, &object, &offset), 0);
	assert_int_equal(ftruncate(fd, CONFIG_OFFSET), 0);
	gp_vfio_refresh(vfio);
	assert_true(object->removed);
	gp_memory_object_unref(object);
	gp_vfio_destroy(vfio);
	close(fd);
}

static void test_two_devices(void **state) {
	struct removals removals = {0};
	struct gp_memory_object *a, *b;
	uint64_t offset;
	int first = make_device(), second = make_device();
	place_bar0(second, BAR0_GPA + BAR0_SIZE);
	struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);
	assert_true(gp_vfio_add_fd(vfio, dup(first), ""));
	assert_true(gp_vfio_add_fd(vfio, dup(second), ""));
	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, PAGE, &a, &offset), 0);
	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA + BAR0_SIZE, PAGE, &b, &offset), 0);
	assert_ptr_not_equal(a, b);
	// Across both: one fd cannot be both.
	struct gp_memory_object *none = NULL;
	assert_int_equal(
		gp_vfio_resolve(vfio, BAR0_GPA + BAR0_SIZE - PAGE, 2 * PAGE, &none, &offset),
		-EFAULT);
	// A guest may well put both at one place.
	place_bar0(second, BAR0_GPA);
	gp_vfio_refresh(vfio);
	assert_false(a->removed);
	assert_true(b->removed);
	gp_memory_object_unref(a);
	gp_memory_object_unref(b);
	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, PAGE, &a, &offset), 0);
	gp_memory_object_unref(a);
	gp_vfio_destroy(vfio);
	close(first);
	close(second);
}

static void test_unusable(void **state) {
	struct removals removals = {0};
	int before = count_fds();
	int fd = make_device();
	struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);

	fake.pci = false;
	assert_false(gp_vfio_add_fd(vfio, dup(fd), ""));
	fake.pci = true;
	fake.broken_info = true;
	assert_false(gp_vfio_add_fd(vfio, dup(fd), ""));
	fake.broken_info = false;
	assert_int_equal(ftruncate(fd, CONFIG_OFFSET + 10), 0);
	assert_false(gp_vfio_add_fd(vfio, dup(fd), ""));
	assert_false(gp_vfio_add_fd(vfio, 1000, ""));
	assert_int_equal(gp_vfio_count(vfio), 0);
	gp_vfio_destroy(vfio);
	close(fd);
	assert_int_equal(count_fds(), before);

	assert_null(gp_vfio_create(NULL, "nonsense", &fake_ops, &events, &removals));
	gp_vfio_destroy(NULL);
}

/* B5: holes of a sparse BAR read as zeros and cannot fault. */
static void test_map(void **state) {
	struct removals removals = {0};
	struct gp_memory_object *object;
	uint64_t offset;

	for (int sparse = 0; sparse < 2; sparse++) {
		int fd = make_device();
		fake.sparse = sparse;
		struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);
		assert_true(gp_vfio_add_fd(vfio, dup(fd), ""));
		assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, PAGE, &object, &offset), 0);
		assert_null(object->map);
		assert_int_equal(gp_memory_object_map(object), 0);
		for (uint64_t at = 0; at < BAR0_SIZE; at += PAGE) {
			uint64_t value;
			memcpy(&value, object->map + at, sizeof(value));
			assert_true(value == (sparse && at == PAGE ? 0 : ~at));
		}
		// What the device writes is seen: it is no copy.
		assert_int_equal(pwrite(fd, "new", 4, 3 * PAGE), 4);
		assert_string_equal((char *)object->map + 3 * PAGE, "new");

		uint8_t *map = object->map;
		gp_vfio_destroy(vfio);
		assert_int_equal(gp_vfio_object_map(object, &fake_ops), -ENODEV);
		assert_ptr_equal(object->map, map);
		assert_int_equal(map[3 * PAGE], 0);
		assert_int_equal(map[BAR0_SIZE - PAGE], 0);
		gp_memory_object_unref(object);
		close(fd);
	}
}

static void test_map_refused(void **state) {
	struct removals removals = {0};
	struct gp_memory_object *object;
	uint64_t offset;
	int fd = make_device();
	fake.no_mmap = true;
	struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);
	assert_true(gp_vfio_add_fd(vfio, dup(fd), ""));
	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, PAGE, &object, &offset), 0);
	assert_int_equal(gp_memory_object_map(object), -ENODEV);
	assert_null(object->map);
	gp_memory_object_unref(object);
	gp_vfio_destroy(vfio);
	close(fd);
}

/* A VMM with up to two devices, whose descriptors are copies of files. */
static struct {
	uint64_t ids[2]; // 0: not plugged
	int files[2];
	int end; // write end of a pipe, or -1
	int error;
} vmm;

static int find_vmm(void *data) {
	int ends[2];
	if (vmm.error != 0) {
		return vmm.error;
	}
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	vmm.end = ends[1];
	return ends[0];
}

static int find_device(void *data, uint32_t index, struct gp_vfio_found *found) {
	for (unsigned i = 0; i < 2; i++) {
		if (vmm.ids[i] != 0 && index-- == 0) {
			*found = (struct gp_vfio_found){
				.id = vmm.ids[i],
				.fd = fcntl(vmm.files[i], F_DUPFD_CLOEXEC, 0),
				.pci = "0000:00:05.0",
			};
			return 1;
		}
	}
	return 0;
}

static const struct gp_vfio_finder finder = {.find_vmm = find_vmm, .find_device = find_device};

/* A device is known by its id: another one with the same number and address is another one. */
static void test_attach(void **state) {
	struct removals removals = {0};
	struct gp_memory_object *object;
	uint64_t offset;
	int before = count_fds();
	vmm.files[0] = make_device();
	vmm.files[1] = make_device();
	place_bar0(vmm.files[1], BAR0_GPA + BAR0_SIZE);
	struct wl_event_loop *loop = wl_event_loop_create();
	struct gp_vfio *vfio = gp_vfio_create(loop, NULL, &fake_ops, &events, &removals);
	vmm.error = -EPERM;
	assert_int_equal(gp_vfio_attach(vfio, &finder, NULL), -EPERM);
	vmm.error = 0;
	assert_int_equal(gp_vfio_attach(vfio, &finder, NULL), 0);

	vmm.ids[0] = 1;
	gp_vfio_refresh(vfio);
	gp_vfio_refresh(vfio);
	assert_int_equal(gp_vfio_count(vfio), 1);
	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, PAGE, &object, &offset), 0);
	assert_false(object->removed);
	vmm.ids[0] = 2; // unplugged, and plugged again
	gp_vfio_refresh(vfio);
	assert_true(object->removed);
	gp_memory_object_unref(object);
	assert_int_equal(gp_vfio_count(vfio), 1);
	assert_int_equal(gp_vfio_resolve(vfio, BAR0_GPA, PAGE, &object, &offset), 0);
	vmm.ids[1] = 3;
	gp_vfio_refresh(vfio);
	assert_int_equal(gp_vfio_count(vfio), 2);
	assert_false(object->removed);

	close(vmm.end); // it ends
	assert_int_equal(wl_event_loop_dispatch(loop, 1000), 0);
	assert_true(object->removed);
	assert_int_equal(gp_vfio_count(vfio), 0);
	gp_memory_object_unref(object);
	gp_vfio_refresh(vfio);
	assert_int_equal(gp_vfio_count(vfio), 0);
	gp_vfio_destroy(vfio);
	wl_event_loop_destroy(loop);
	close(vmm.files[0]);
	close(vmm.files[1]);
	assert_int_equal(count_fds(), before);
}

#define REPETITIONS 10000

/* Each round is a BAR that cannot be mapped, and then one that moves. */
static void move_around(int fd, struct gp_vfio *vfio) {
	struct gp_memory_object *object;
	uint64_t offset;
	for (int i = 0; i < REPETITIONS; i++) {
		uint64_t gpa = BAR0_GPA + (i % 2 != 0 ? BAR0_SIZE : 0);
		place_bar0(fd, gpa);
		gp_vfio_refresh(vfio);
		assert_int_equal(gp_vfio_resolve(vfio, gpa, PAGE, &object, &offset), 0);
		assert_int_equal(gp_memory_object_map(object), -ENODEV);
		gp_memory_object_unref(object);
	}
}

/* A guest moves its BARs as often as it likes: it does not fill the disk with that. */
static void test_logs(void **state) {
	struct removals removals = {0};
	int fd = make_device();
	fake.no_mmap = true;
	struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);
	assert_true(gp_vfio_add_fd(vfio, dup(fd), ""));

	int log = memfd_create("log", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
	assert_true(log >= 0 && saved >= 0);
	dup2(log, STDERR_FILENO);
	gp_log_init("test", GP_LOG_DEBUG);
	move_around(fd, vfio);
	gp_log_init("test", GP_LOG_SILENT);
	dup2(saved, STDERR_FILENO);
	close(saved);

	char text[65536];
	ssize_t n = pread(log, text, sizeof(text), 0);
	assert_true(n > 0 && n < (ssize_t)sizeof(text));
	int lines = 0;
	for (ssize_t i = 0; i < n; i++) {
		lines += text[i] == '\n';
	}
	/* Ten at once of each of the two kinds, and some later on a slow host. */
	assert_true(lines >= 20 && lines <= 30);
	assert_int_equal(removals.removed, REPETITIONS - 1);
	close(log);
	gp_vfio_destroy(vfio);
	close(fd);
}

/* A device that was passed is not added a second time when it is found. */
static void test_passed_and_found(void **state) {
	struct removals removals = {0};
	vmm.files[0] = make_device();
	vmm.ids[0] = 9;
	vmm.ids[1] = 0;
	struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, &fake_ops, &events, &removals);
	assert_true(gp_vfio_add_fd(vfio, dup(vmm.files[0]), "0000:00:05.0"));
	/* A memory file says no address; a VFIO device does. */
	strcpy(((struct gp_vfio_device *)gp_vfio_at(vfio, 0))->pci, "0000:00:05.0");
	assert_int_equal(gp_vfio_attach(vfio, &finder, NULL), 1);
	assert_int_equal(gp_vfio_count(vfio), 1);
	gp_vfio_destroy(vfio);
	close(vmm.files[0]);
	close(vmm.end);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_caching),
		cmocka_unit_test(test_two_devices),
		cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_map_refused),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_passed_and_found),
	};
	gp_log_init("test", GP_LOG_SILENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

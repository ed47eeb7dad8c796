/* Device memory on a real kernel: two ivshmem devices at vfio-pci, in the host VM. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/sigbus.h"
#include "tests/hostvm/vfio_host.h"
#include "vmm-bridge/export/export_vfio.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/export/read_rows.h"
#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/vfio.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define PAGE 4096u
#define SEED 0x5eed1234u

struct fixture {
	struct vfio_host hosts[VFIO_HOST_DEVICES];
	struct gp_vfio *vfio;
	struct gp_exporter exporter;
	struct gp_memory_object *last_removed;
	int removed;
};

static void handle_removed(void *data, struct gp_memory_object *object) {
	struct fixture *f = data;
	assert_true(object->removed);
	f->last_removed = object;
	f->removed++;
}

static const struct gp_vfio_events events = {.object_removed = handle_removed};

/* A device that was passed. */
static bool add_host(struct gp_vfio *vfio, const struct vfio_host *host) {
	char pci[GP_PCI_ADDRESS_SIZE];
	gp_vfio_device_find_address(host->device, pci);
	assert_string_equal(pci, host->pci);
	return gp_vfio_add_fd(vfio, dup(host->device), pci);
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	*state = f;
	gp_exporter_init(&f->exporter, false, "");
	gp_exporter_start(&f->exporter, gp_udmabuf_open_device(""));
	f->vfio = gp_vfio_create(NULL, NULL, NULL, &events, f);
	for (int i = 0; i < VFIO_HOST_DEVICES; i++) {
		if (!vfio_host_find(&f->hosts[i], i) || !vfio_host_open(&f->hosts[i]) ||
			!add_host(f->vfio, &f->hosts[i])) {
			return -1;
		}
	}
	vfio_host_fill(&f->hosts[0], SEED);
	vfio_host_fill(&f->hosts[1], ~SEED);
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	gp_vfio_destroy(f->vfio);
	for (int i = 0; i < VFIO_HOST_DEVICES; i++) {
		vfio_host_close(&f->hosts[i]);
	}
	gp_exporter_finish(&f->exporter);
	free(f);
	return 0;
}

/* Appends what [gpa, gpa + length) resolves to. */
static void append(struct fixture *f, struct gp_extents *extents, uint64_t gpa, uint64_t length) {
	struct gp_memory_object *object;
	uint64_t offset;
	assert_int_equal(gp_vfio_resolve(f->vfio, gpa, length, &object, &offset), 0);
	assert_true(gp_extents_append(extents, object, offset, length));
	gp_memory_object_unref(object);
}

static struct gp_export create_export(
	struct fixture *f, const struct gp_extents *extents, uint64_t size) {
	struct gp_export export;
	if (!gp_export_create(&f->exporter, extents, size, &export)) {
		fail_msg("no %s: %s", gp_export_kind_name(export.kind), export.reason);
	}
	return export;
}

/* The extents are a dma-buf of device memory, of their size. */
static void assert_exports(struct fixture *f, const struct gp_extents *extents, uint64_t size) {
	struct gp_export export = create_export(f, extents, size);
	assert_int_equal(export.kind, GP_EXPORT_VFIO);
	assert_string_equal(export.reason, "");
	assert_string_equal(export.device, f->hosts[0].pci);
	assert_int_equal(export.size, (size + PAGE - 1) / PAGE * PAGE);
	assert_int_equal(lseek(export.fd, 0, SEEK_END), export.size);
	assert_int_equal(fcntl(export.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	gp_fd_close(&export.fd);
}

/* The extents can only be copied, and the reason has these words. */
static void assert_copies(
	struct fixture *f, const struct gp_extents *extents, uint64_t size, const char *words) {
	struct gp_export export;
	assert_false(gp_export_create(&f->exporter, extents, size, &export));
	assert_int_equal(export.fd, -1);
	if (strstr(export.reason, words) == NULL) {
		fail_msg("reason '%s', expected '%s'", export.reason, words);
	}
}

/* A2: the BARs are where the device decodes them, and nowhere else. */
static void test_resolve(void **state) {
	struct fixture *f = *state;
	struct gp_memory_object *object = NULL;
	uint64_t offset;

	assert_int_equal(gp_vfio_count(f->vfio), VFIO_HOST_DEVICES);
	for (int i = 0; i < VFIO_HOST_DEVICES; i++) {
		struct vfio_host *host = &f->hosts[i];
		assert_string_equal(gp_vfio_at(f->vfio, i)->pci, host->pci);
		assert_int_equal(gp_vfio_at(f->vfio, i)->export_error, 0);
		assert_int_equal(gp_vfio_at(f->vfio, i)->sizes[VFIO_HOST_BAR], host->bar_size);

		uint64_t last = host->bar_gpa + host->bar_size - 1;
		assert_int_equal(gp_vfio_resolve(f->vfio, last, 1, &object, &offset), 0);
		assert_int_equal(offset, host->bar_size - 1);
		assert_int_equal(object->gpa, host->bar_gpa);
		assert_int_equal(object->size, host->bar_size);
		assert_int_equal(object->kind, GP_MEMORY_VFIO);
		assert_int_equal(object->vfio_region, VFIO_HOST_BAR);
		assert_string_equal(object->pci, host->pci);
		gp_memory_object_unref(object);

		object = NULL;
		assert_int_equal(gp_vfio_resolve(f->vfio, last, 2, &object, &offset), -EFAULT);
		assert_int_equal(
			gp_vfio_resolve(f->vfio, host->bar_gpa - 1, 2, &object, &offset), -EFAULT);
		assert_int_equal(
			gp_vfio_resolve(f->vfio, host->bar_gpa, 0, &object, &offset), -EFAULT);
		assert_int_equal(
			gp_vfio_resolve(f->vfio, host->bar_gpa, UINT64_MAX, &object, &offset),
			-EFAULT);
	}
	assert_int_equal(gp_vfio_resolve(f->vfio, 0, PAGE, &object, &offset), -EFAULT);
	assert_null(object);
	assert_int_equal(f->removed, 0);
}

/* B4: ranges in entry order, of every number and order. */
static void test_shapes(void **state) {
	struct fixture *f = *state;
	uint64_t bar = f->hosts[0].bar_gpa, bar_size = f->hosts[0].bar_size;
	static const struct {
		const char *name;
		uint64_t first, step, length;
		int count;
	} shapes[] = {
		{"one page", 0, 0, PAGE, 1},
		{"1080p at an offset", 0x10000, 0, 1920 * 1080 * 4, 1},
		{"neighbours, merged", 0, PAGE, PAGE, 64},
		{"scattered", PAGE, 3 * PAGE, PAGE, 2025},
		{"backwards", 16383 * PAGE, -(uint64_t)PAGE, PAGE, 8100},
		{"the same page as often as 8K has entries", 7 * PAGE, 0, PAGE, 32400},
		{"all pages of the BAR, merged", 0, 1 * PAGE, PAGE, 16384},
		{"overlapping", 0, PAGE, 4 * PAGE, 100},
	};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct gp_extents extents = {0};
		for (int n = 0; n < shapes[i].count; n++) {
			append(f, &extents, bar + shapes[i].first + n * shapes[i].step,
				shapes[i].length);
		}
		print_message("# %s: %d entries, %zu extents\n", shapes[i].name, shapes[i].count,
			extents.count);
		assert_exports(f, &extents, extents.length);
		gp_extents_finish(&extents);
	}

	struct gp_extents whole = {0};
	append(f, &whole, bar, bar_size);
	assert_exports(f, &whole, bar_size);
	// Less than all of it, and not a whole number of pages: the last page counts whole.
	assert_exports(f, &whole, 5 * PAGE + 1);
	gp_extents_finish(&whole);
}

/* A4, A5, B4: what is no dma-buf is a copy, and says why. */
static void test_refusals(void **state) {
	struct fixture *f = *state;
	uint64_t bar = f->hosts[0].bar_gpa;
	struct gp_memory_object *object;
	uint64_t offset;
	struct gp_extents extents = {0};

	append(f, &extents, bar + 512, PAGE);
	assert_copies(f, &extents, PAGE, "not made of whole pages");
	gp_extents_finish(&extents);

	append(f, &extents, bar, PAGE + 512);
	append(f, &extents, bar + 4 * PAGE, PAGE);
	assert_copies(f, &extents, extents.length, "not made of whole pages");
	gp_extents_finish(&extents);

	append(f, &extents, bar, PAGE);
	assert_copies(f, &extents, 2 * PAGE, "smaller than the buffer");
	gp_extents_finish(&extents);

	// Only a bug of ours can ask for this; the kernel must not be asked.
	assert_int_equal(gp_vfio_resolve(f->vfio, bar, PAGE, &object, &offset), 0);
	assert_true(gp_extents_append(&extents, object, object->size - PAGE, 2 * PAGE));
	assert_copies(f, &extents, 2 * PAGE, "not inside BAR 2");
	gp_extents_finish(&extents);
	gp_memory_object_unref(object);

	append(f, &extents, bar, PAGE);
	append(f, &extents, f->hosts[1].bar_gpa, PAGE);
	assert_copies(f, &extents, extents.length, "two devices");
	gp_extents_finish(&extents);

	append(f, &extents, bar, PAGE);
	append(f, &extents, gp_vfio_at(f->vfio, 0)->gpa[0], 256);
	assert_copies(f, &extents, extents.length, "two BARs");
	gp_extents_finish(&extents);

	// BAR 0 is 256 bytes: no page of it.
	append(f, &extents, gp_vfio_at(f->vfio, 0)->gpa[0], 256);
	assert_copies(f, &extents, 256, "not made of whole pages");
	gp_extents_finish(&extents);
}

static void test_mixed_with_ram(void **state) {
	struct fixture *f = *state;
	struct gp_guest_memory memory;
	struct gp_extents extents = {0};
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	gp_guest_memory_init(&memory);
	assert_int_equal(ftruncate(fd, 16 * PAGE), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(gp_guest_memory_add(&memory, fd, 0, 0, 16 * PAGE, 0), 0);
	memory.resolve = gp_vfio_resolve;
	memory.resolve_data = f->vfio;
	const uint64_t places[] = {0, f->hosts[0].bar_gpa};
	for (int order = 0; order < 2; order++) {
		for (int i = 0; i < 2; i++) {
			uint64_t gpa = places[i ^ order];
			assert_int_equal(gp_guest_memory_extents(&memory, gpa, PAGE, &extents), 0);
		}
		assert_copies(f, &extents, extents.length, "partly in RAM");
		gp_extents_finish(&extents);
	}
	assert_int_equal(gp_guest_memory_extents(&memory, f->hosts[0].bar_gpa, PAGE, &extents), 0);
	assert_exports(f, &extents, PAGE);
	gp_extents_finish(&extents);
	assert_int_equal(gp_guest_memory_extents(&memory, 16 * PAGE, PAGE, &extents), -EFAULT);
	assert_int_equal(gp_guest_memory_extents(&memory, 15 * PAGE, 2 * PAGE, &extents), -EFAULT);
	gp_extents_finish(&extents);
	gp_guest_memory_finish(&memory);
}

/* The kernel's own errnos (B4), so that a change of them is noticed. */
static void test_kernel_errnos(void **state) {
	struct fixture *f = *state;
	struct gp_memory_object *object;
	uint64_t offset;
	struct gp_export export = {.fd = -1};
	struct gp_extents extents = {0};

	assert_int_equal(gp_vfio_resolve(f->vfio, f->hosts[0].bar_gpa, PAGE, &object, &offset), 0);
	assert_true(gp_extents_append(&extents, object, 0, PAGE));

	static const struct {
		uint32_t region;
		const char *words;
	} cases[] = {
		{0, "smaller than a page"}, // ivshmem's registers: 256 bytes
		{1, "has no memory BAR 1"}, // ivshmem-plain has none
		{7, "has no memory BAR 7"}, // config space
		{100, "has no memory BAR 100"},
	};
	uint32_t region = object->vfio_region;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		object->vfio_region = cases[i].region;
		assert_false(gp_export_vfio_create(&extents, PAGE, &export));
		if (strstr(export.reason, cases[i].words) == NULL) {
			fail_msg("region %u: '%s'", cases[i].region, export.reason);
		}
	}
	object->vfio_region = region;

	// The range is beyond the BAR, whatever we believe of its size.
	object->size *= 2;
	extents.items[0].offset = object->size - PAGE;
	assert_false(gp_export_vfio_create(&extents, PAGE, &export));
	assert_non_null(strstr(export.reason, "cannot be exported"));
	object->size /= 2;
	extents.items[0].offset = 0;

	assert_int_equal(export.fd, -1);
	gp_extents_finish(&extents);
	gp_memory_object_unref(object);
}

/* B5: what is read through the mapping is what an independent mapping has, byte by byte. */
static void test_content(void **state) {
	struct fixture *f = *state;
	struct vfio_host *host = &f->hosts[0];
	struct gp_memory_object *object;
	uint64_t offset;

	assert_int_equal(
		gp_vfio_resolve(f->vfio, host->bar_gpa, host->bar_size, &object, &offset), 0);
	assert_null(object->map);
	assert_int_equal(gp_memory_object_map(object), 0);
	assert_non_null(object->map);
	assert_memory_equal(object->map, host->bar, host->bar_size);
	const uint32_t *words = (const uint32_t *)object->map;
	for (uint64_t at = 0; at < host->bar_size; at += PAGE) {
		assert_int_equal(words[at / 4], vfio_host_expected(SEED, at));
	}
	host->bar[12345] ^= 0xff;
	assert_int_equal(object->map[12345], host->bar[12345]);
	host->bar[12345] ^= 0xff;
	assert_int_equal(gp_memory_object_map(object), 0);

	// Scattered, as a copy: each entry's bytes are at its place. The copy maps what it needs.
	struct gp_extents extents = {0};
	static const unsigned pages[] = {9, 3, 16000, 3, 0, 1, 2, 500};
	for (size_t i = 0; i < 8; i++) {
		append(f, &extents, host->bar_gpa + (uint64_t)pages[i] * PAGE, PAGE);
	}
	uint8_t copy[8 * PAGE];
	assert_int_equal(gp_extents_read_rows(&extents, copy, sizeof(copy), 0, PAGE, 0, PAGE, 0, 8),
		8 * PAGE);
	for (size_t i = 0; i < 8; i++) {
		assert_memory_equal(copy + i * PAGE, host->bar + (uint64_t)pages[i] * PAGE, PAGE);
	}
	gp_extents_finish(&extents);
	gp_memory_object_unref(object);
}

static void assert_zeros(const uint8_t *bytes, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != 0) {
			fail_msg("byte %zu is 0x%02x", i, bytes[i]);
		}
	}
}

/* Memory decode goes off while the memory is in use, and comes back. */
static void test_decode_off(void **state) {
	struct fixture *f = *state;
	struct vfio_host *host = &f->hosts[0];
	struct gp_memory_object *object, *again;
	uint64_t offset;
	struct gp_extents extents = {0};

	assert_int_equal(
		gp_vfio_resolve(f->vfio, host->bar_gpa, host->bar_size, &object, &offset), 0);
	assert_true(gp_extents_append(&extents, object, 0, 64 * PAGE));
	assert_int_equal(gp_memory_object_map(object), 0);
	struct gp_export export = create_export(f, &extents, extents.length);
	assert_int_equal(export.kind, GP_EXPORT_VFIO);

	gp_sigbus_catch(); // cmocka has its own handler before each test
	// Nobody has told: a read faults, is survived, and reads as zeros.
	vfio_host_set_decode(host, false);
	unsigned faults = gp_sigbus_count();
	assert_zeros(object->map, 16 * PAGE);
	assert_int_not_equal(gp_sigbus_count(), faults);
	print_message("# %u faults\n", gp_sigbus_count() - faults);

	// It comes back in between: the same object has its content again.
	vfio_host_set_decode(host, true);
	assert_int_equal(gp_memory_object_map(object), 0);
	assert_memory_equal(object->map, host->bar, host->bar_size);

	// It is noticed: the object is dead, for all that hold it.
	vfio_host_set_decode(host, false);
	gp_vfio_refresh(f->vfio);
	assert_true(f->removed >= 1); // BAR 0 may have had an object, too
	assert_ptr_equal(f->last_removed, object);
	assert_true(object->removed);
	assert_int_equal(object->fd, -1);
	faults = gp_sigbus_count();
	assert_zeros(object->map, host->bar_size);
	assert_int_equal(gp_sigbus_count(), faults);
	assert_int_equal(gp_memory_object_map(object), -ENODEV);
	assert_copies(f, &extents, extents.length, "was removed");
	assert_int_equal(gp_vfio_resolve(f->vfio, host->bar_gpa, PAGE, &again, &offset), -EFAULT);
	// The dma-buf is revoked by the kernel and stays a valid descriptor.
	assert_int_equal(lseek(export.fd, 0, SEEK_END), extents.length);
	gp_fd_close(&export.fd);

	vfio_host_set_decode(host, true);
	assert_int_equal(
		gp_vfio_resolve(f->vfio, host->bar_gpa, host->bar_size, &again, &offset), 0);
	assert_ptr_not_equal(again, object);
	assert_int_equal(gp_memory_object_map(again), 0);
	assert_memory_equal(again->map, host->bar, host->bar_size);
	gp_extents_finish(&extents);
	append(f, &extents, host->bar_gpa, PAGE);
	assert_exports(f, &extents, PAGE);
	gp_extents_finish(&extents);
	gp_memory_object_unref(object);
	gp_memory_object_unref(again);
	f->removed = 0;
}

/* The guest gives the BAR another address: a register of 64 bits, both halves of it. */
static void test_bar_moves(void **state) {
	struct fixture *f = *state;
	struct vfio_host *host = &f->hosts[0];
	const uint64_t elsewhere = UINT64_C(0x1234) << 32 | 0x40000000;
	struct gp_memory_object *object, *moved;
	uint64_t offset;

	assert_int_equal(gp_vfio_resolve(f->vfio, host->bar_gpa, PAGE, &object, &offset), 0);
	vfio_host_write_config(host, PCI_BASE_ADDRESS_2, (uint32_t)elsewhere);
	vfio_host_write_config(host, PCI_BASE_ADDRESS_3, (uint32_t)(elsewhere >> 32));
	assert_int_equal(gp_vfio_resolve(f->vfio, elsewhere + 3 * PAGE, PAGE, &moved, &offset), 0);
	assert_int_equal(offset, 3 * PAGE);
	assert_int_equal(f->removed, 1);
	assert_ptr_equal(f->last_removed, object);
	gp_memory_object_unref(object);
	assert_int_equal(gp_vfio_resolve(f->vfio, host->bar_gpa, PAGE, &object, &offset), -EFAULT);
	assert_int_equal(gp_memory_object_map(moved), 0);
	assert_memory_equal(moved->map, host->bar, 16 * PAGE);
	gp_memory_object_unref(moved);

	// A guest that asks for the size leaves all ones.
	vfio_host_write_config(host, PCI_BASE_ADDRESS_2, UINT32_MAX);
	vfio_host_write_config(host, PCI_BASE_ADDRESS_3, UINT32_MAX);
	gp_vfio_refresh(f->vfio);
	assert_int_equal(gp_vfio_at(f->vfio, 0)->gpa[VFIO_HOST_BAR], 0);

	vfio_host_write_config(host, PCI_BASE_ADDRESS_2, (uint32_t)host->bar_gpa);
	vfio_host_write_config(host, PCI_BASE_ADDRESS_3, (uint32_t)(host->bar_gpa >> 32));
	assert_int_equal(gp_vfio_resolve(f->vfio, host->bar_gpa, PAGE, &object, &offset), 0);
	gp_memory_object_unref(object);
	f->removed = 0;
}

/* B12: no descriptor stays, whatever was made of the memory. */
static void test_balance(void **state) {
	struct fixture *f = *state;
	uint64_t bar = f->hosts[0].bar_gpa;
	int before = 0;

	gp_log_init("test", GP_LOG_WARN);
	for (int i = 0; i <= 1000; i++) {
		struct gp_extents extents = {0};
		append(f, &extents, bar + (uint64_t)(i % 100) * PAGE, 8 * PAGE);
		append(f, &extents, bar + 200 * PAGE, 8 * PAGE);
		assert_exports(f, &extents, extents.length);
		append(f, &extents, f->hosts[1].bar_gpa, PAGE);
		assert_copies(f, &extents, extents.length, "two devices");
		gp_extents_finish(&extents);
		if (i % 50 == 0) { // the whole life of a device, too
			struct gp_vfio *vfio = gp_vfio_create(NULL, NULL, NULL, &events, f);
			struct gp_memory_object *object;
			uint64_t offset;
			assert_true(add_host(vfio, &f->hosts[1]));
			assert_int_equal(
				gp_vfio_resolve(vfio, f->hosts[1].bar_gpa, PAGE, &object, &offset),
				0);
			assert_int_equal(gp_memory_object_map(object), 0);
			gp_vfio_destroy(vfio);
			assert_true(object->removed);
			gp_memory_object_unref(object);
		}
		if (i == 0) {
			before = count_fds();
		}
	}
	assert_int_equal(count_fds(), before);
	f->removed = 0;
}

/* The device goes while a dma-buf of it lives: nothing keeps the device open. */
static void test_device_closed(void **state) {
	struct fixture *f = *state;
	struct vfio_host *host = &f->hosts[0];
	struct gp_memory_object *object;
	uint64_t offset;
	struct gp_extents extents = {0};

	assert_int_equal(gp_vfio_resolve(f->vfio, host->bar_gpa, PAGE, &object, &offset), 0);
	assert_int_equal(gp_memory_object_map(object), 0);
	append(f, &extents, host->bar_gpa, 64 * PAGE);
	struct gp_export export = create_export(f, &extents, extents.length);
	assert_int_equal(export.kind, GP_EXPORT_VFIO);

	gp_vfio_release(f->vfio);
	assert_int_equal(gp_vfio_count(f->vfio), 0);
	assert_true(object->removed);
	assert_zeros(object->map, PAGE);
	assert_copies(f, &extents, extents.length, "was removed");
	assert_int_equal(lseek(export.fd, 0, SEEK_END), extents.length);

	// A group is busy for as long as anybody holds its device.
	vfio_host_close(host);
	assert_true(vfio_host_open(host));
	assert_true(add_host(f->vfio, host));
	assert_true(add_host(f->vfio, &f->hosts[1]));
	gp_fd_close(&export.fd);
	gp_extents_finish(&extents);
	gp_memory_object_unref(object);

	append(f, &extents, host->bar_gpa, PAGE);
	assert_exports(f, &extents, PAGE);
	gp_extents_finish(&extents);
	f->removed = 0;
}

static void test_address_filter(void **state) {
	struct fixture *f = *state;
	struct gp_vfio *vfio =
		gp_vfio_create(NULL, f->hosts[1].pci + strlen("0000:"), NULL, &events, f);
	assert_non_null(vfio);
	assert_false(add_host(vfio, &f->hosts[0]));
	assert_true(add_host(vfio, &f->hosts[1]));
	assert_int_equal(gp_vfio_count(vfio), 1);
	assert_string_equal(gp_vfio_at(vfio, 0)->pci, f->hosts[1].pci);
	gp_vfio_destroy(vfio);

	assert_false(gp_vfio_add_fd(f->vfio, open("/dev/null", O_RDWR | O_CLOEXEC), ""));
	assert_false(gp_vfio_add_fd(f->vfio, 987, ""));
	assert_int_equal(gp_vfio_count(f->vfio), 2);
}

int main(void) {
	struct vfio_host host;
	if (!vfio_host_find(&host, VFIO_HOST_DEVICES - 1)) {
		printf("1..0 # SKIP no two ivshmem devices at vfio-pci\n");
		return 0;
	}
	gp_log_init("test", GP_LOG_INFO);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_mixed_with_ram),
		cmocka_unit_test(test_kernel_errnos),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_decode_off),
		cmocka_unit_test(test_bar_moves),
		cmocka_unit_test(test_device_closed),
		cmocka_unit_test(test_address_filter),
		cmocka_unit_test(test_balance),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

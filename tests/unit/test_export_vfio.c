#include "vmm-bridge/export/export_vfio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log.h"
#include "vmm-bridge/export/export.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define PAGE 4096u
#define MIB (UINT64_C(1) << 20)

/* B4: each errno of the kernel has a sentence of its own. */
static void test_export_words(void **state) {
	static const int errors[] = {
		ENOTTY, EOPNOTSUPP, EINVAL, EOVERFLOW, ENODEV, EBADF, EMFILE, ENOMEM};
	const size_t count = sizeof(errors) / sizeof(errors[0]);
	char words[8][192];
	assert_int_equal(count, 8);
	for (size_t i = 0; i < count; i++) {
		gp_export_vfio_explain(errors[i], "0000:03:00.1", 2, words[i], sizeof(words[i]));
		assert_true(strlen(words[i]) < sizeof(words[i]) - 1);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(words[i], words[k]);
		}
	}
	assert_non_null(strstr(words[0], "6.19"));
	assert_non_null(strstr(words[1], "vfio-pci"));
}

/* A4: what cannot be one dma-buf is refused before the kernel is asked. */
static void test_export_rules(void **state) {
	enum { RAM, BAR, OTHER_BAR, OTHER_DEVICE, REMOVED, OBJECTS };
	static const struct {
		int objects[2]; // -1: none
		uint64_t offset, length, size;
		const char *words;
	} cases[] = {
		{{RAM, RAM}, 0, PAGE, 2 * PAGE, ""},
		{{BAR, RAM}, 0, PAGE, 2 * PAGE, "partly in RAM"},
		{{RAM, BAR}, 0, PAGE, 2 * PAGE, "partly in RAM"},
		{{BAR, OTHER_BAR}, 0, PAGE, 2 * PAGE, "two BARs"},
		{{BAR, OTHER_DEVICE}, 0, PAGE, 2 * PAGE, "two devices"},
		{{REMOVED, -1}, 0, PAGE, PAGE, "was removed"},
		{{BAR, -1}, 512, PAGE, PAGE, "whole pages"},
		{{BAR, -1}, 0, PAGE - 1, PAGE - 1, "whole pages"},
		{{BAR, -1}, 0, PAGE, PAGE + 1, "smaller than the buffer"},
		{{BAR, -1}, 0, PAGE, UINT64_MAX, "too large"},
		{{BAR, -1}, 0, PAGE, 0, "smaller than the buffer"},
		{{BAR, -1}, MIB, PAGE, PAGE, "not inside BAR 2"},
		{{BAR, -1}, UINT64_MAX - PAGE + 1, PAGE, PAGE, "not inside BAR 2"},
		// The rules are kept, and the kernel says what it thinks of a memfd.
		{{BAR, BAR}, 0, PAGE, PAGE + 1, "6.19"},
		{{BAR, -1}, MIB - PAGE, PAGE, PAGE, "6.19"},
	};
	struct gp_memory_object *objects[OBJECTS];
	for (int i = 0; i < OBJECTS; i++) {
		objects[i] = calloc(1, sizeof(*objects[i]));
		*objects[i] = (struct gp_memory_object){
			.refs = 1,
			.kind = i == RAM ? GP_MEMORY_FILE : GP_MEMORY_VFIO,
			.fd = memfd_create("object", MFD_CLOEXEC),
			.size = MIB,
			.removed = i == REMOVED,
			.vfio_region = i == OTHER_BAR ? 4 : 2,
		};
		strcpy(objects[i]->pci, i == OTHER_DEVICE ? "0000:04:00.0" : "0000:03:00.1");
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gp_extents extents = {0};
		struct gp_export export = {.fd = -1};
		for (int k = 0; k < 2 && cases[i].objects[k] >= 0; k++) {
			assert_true(gp_extents_append(&extents, objects[cases[i].objects[k]],
				cases[i].offset, cases[i].length));
		}
		assert_false(gp_export_vfio_create(&extents, cases[i].size, &export));
		assert_int_equal(export.fd, -1);
		if (strstr(export.reason, cases[i].words) == NULL ||
			(cases[i].words[0] == '\0') != (export.reason[0] == '\0')) {
			fail_msg("case %zu: '%s'", i, export.reason);
		}
		gp_extents_finish(&extents);
	}
	for (int i = 0; i < OBJECTS; i++) {
		gp_memory_object_unref(objects[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_export_words),
		cmocka_unit_test(test_export_rules),
	};
	gp_log_init("test", GP_LOG_SILENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

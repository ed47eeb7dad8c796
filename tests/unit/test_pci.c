#include "vmm-bridge/vfio/bar.h"

#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm-bridge/vfio/pci_address.h"

#define MIB (UINT64_C(1) << 20)

static void put_u32(uint8_t *config, size_t offset, uint32_t value) {
	for (int i = 0; i < 4; i++) {
		config[offset + i] = (uint8_t)(value >> (8 * i));
	}
}

static void test_bars(void **state) {
	static const struct {
		const char *name;
		uint16_t command;
		uint8_t header_type;
		uint32_t registers[6];
		uint64_t sizes[6];
		uint64_t gpa[6];
	} cases[] = {
		{"32 bits", 2, 0, {0xfe000000}, {0x1000}, {0xfe000000}},
		{"32 bits, prefetchable", 2, 0, {0xfe000008}, {0x1000}, {0xfe000000}},
		{"two neighbours", 2, 0, {0xfe000000, 0xfe001000}, {0x1000, 0x1000},
			{0xfe000000, 0xfe001000}},
		{"64 bits below 4 GiB", 2, 0, {0xe000000c, 0}, {0x1000, 0}, {0xe0000000}},
		{"64 bits", 2, 0, {0x0000000c, 0x38}, {16 * MIB}, {UINT64_C(0x3800000000)}},
		{"64 bits, then 32", 2, 0, {0xc, 1, 0xfe000000}, {0x1000, 0, 0x1000},
			{UINT64_C(1) << 32, 0, 0xfe000000}},
		{"64 bits at BAR 4", 2, 0, {0, 0, 0, 0, 0xc, 2}, {0, 0, 0, 0, 0x1000, 0},
			{0, 0, 0, 0, UINT64_C(2) << 32}},
		{"64 bits without an upper half", 2, 0, {0, 0, 0, 0, 0, 0xe000000c},
			{0, 0, 0, 0, 0, 0x1000}, {0}},
		{"I/O ports", 3, 0, {0xc001, 0xfe000000}, {0x20, 0x1000}, {0, 0xfe000000}},
		{"decode off", 1, 0, {0xfe000000}, {0x1000}, {0}},
		{"a bridge", 2, 1, {0xfe000000}, {0x1000}, {0}},
		{"multifunction", 2, 0x80, {0xfe000000}, {0x1000}, {0xfe000000}},
		{"not there", 2, 0, {0xfe000000}, {0}, {0}},
		{"unset", 2, 0, {0x8}, {0x1000}, {0}},
		{"sizing of 32 bits", 2, 0, {0xffff0000}, {0x10000}, {0}},
		{"sizing of 32 bits, raw", 2, 0, {0xffffffff & ~7u}, {0x10000}, {0}},
		{"sizing of 64 bits", 2, 0, {0xfff0000c, 0xffffffff}, {MIB}, {0}},
		{"bits below the size", 2, 0, {0xfe000ff0}, {0x1000}, {0xfe000000}},
		{"a size that is no power of two", 2, 0, {0xfe000000}, {0x3000}, {0}},
		{"larger than 32 bits", 2, 0, {0xfe000000}, {UINT64_C(1) << 33}, {0}},
		{"all of 64 bits", 2, 0, {0x4, 0x80000000}, {UINT64_C(1) << 63}, {0}},
		{"all of 32 bits", 2, 0, {0x80000000}, {UINT64_C(1) << 31}, {0}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t config[GP_PCI_HEADER_SIZE] = {0};
		uint64_t gpa[GP_PCI_BARS];
		config[PCI_COMMAND] = (uint8_t)cases[i].command;
		config[PCI_HEADER_TYPE] = cases[i].header_type;
		for (int bar = 0; bar < 6; bar++) {
			put_u32(config, PCI_BASE_ADDRESS_0 + 4 * bar, cases[i].registers[bar]);
		}
		gp_pci_bars_parse(config, cases[i].sizes, gpa);
		for (int bar = 0; bar < 6; bar++) {
			if (gpa[bar] != cases[i].gpa[bar]) {
				fail_msg("%s: BAR %d at 0x%llx", cases[i].name, bar,
					(unsigned long long)gpa[bar]);
			}
		}
	}
}

/* Whatever a guest writes: inside the address space, never a crash. */
static void test_bars_random(void **state) {
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		uint8_t config[GP_PCI_HEADER_SIZE];
		uint64_t sizes[GP_PCI_BARS], gpa[GP_PCI_BARS];
		for (size_t i = 0; i < sizeof(config); i++) {
			config[i] = random() % 4 == 0 ? 0xff : (uint8_t)random();
		}
		config[PCI_HEADER_TYPE] = 0;
		for (int i = 0; i < GP_PCI_BARS; i++) {
			sizes[i] = UINT64_C(1) << random() % 64;
		}
		gp_pci_bars_parse(config, sizes, gpa);
		for (int i = 0; i < GP_PCI_BARS; i++) {
			assert_int_equal(gpa[i] & (sizes[i] - 1), 0);
			assert_true(gpa[i] + (sizes[i] - 1) >= gpa[i]);
		}
	}
}

static void test_addresses(void **state) {
	static const struct {
		const char *text, *address;
	} cases[] = {
		{"0000:03:00.1", "0000:03:00.1"},
		{"03:00.1", "0000:03:00.1"},
		{"3:0.1", "0000:03:00.1"},
		{"10af:FF:1f.7", "10af:ff:1f.7"},
		{"", ""},
		{"0000:03:00", ""},
		{"0000:03:00.8", ""},
		{"0000:03:20.0", ""},
		{"0000:03:00.1x", ""},
		{"-1:03:00.1", ""},
		{"00000:03:00.1", ""},
		{"vfio0", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[GP_PCI_ADDRESS_SIZE];
		bool good = gp_pci_address_parse(cases[i].text, out);
		assert_string_equal(out, cases[i].address);
		assert_int_equal(good, out[0] != '\0');
	}

	static const struct {
		const char *text, *address;
	} infos[] = {
		{"pos:\t0\nflags:\t02\nvfio-device-syspath: "
		 "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.3\n",
			"0000:01:00.3"},
		{"vfio-device-syspath: /sys/devices/pci0000:00/0000:00:05.0", "0000:00:05.0"},
		{"pos:\t0\n", ""},
		{"vfio-device-syspath: \n/0000:00:05.0", ""},
		{"vfio-device-syspath: /sys/devices/mdev/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001\n",
			""},
		{"vfio-device-syspath:", ""},
	};
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		char out[GP_PCI_ADDRESS_SIZE];
		gp_pci_address_from_fdinfo(infos[i].text, out);
		assert_string_equal(out, infos[i].address);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_bars_random),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

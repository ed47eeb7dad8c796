#include "vmm-bridge/vfio/bar.h"

#include <linux/pci_regs.h>
#include <stdbool.h>
#include <string.h>

static uint32_t read_u32(const uint8_t *config, size_t offset) {
	return config[offset] | (uint32_t)config[offset + 1] << 8 |
		(uint32_t)config[offset + 2] << 16 | (uint32_t)config[offset + 3] << 24;
}

static bool decodes_memory(const uint8_t *config) {
	uint16_t command = config[PCI_COMMAND] | config[PCI_COMMAND + 1] << 8;
	uint8_t type = config[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK;
	return (command & PCI_COMMAND_MEMORY) != 0 && type == PCI_HEADER_TYPE_NORMAL;
}

/* Where the address space of the BAR ends decides what "all ones" is. */
static uint64_t checked_address(uint64_t address, uint64_t size, uint64_t last) {
	address &= ~(size - 1);
	if (address == 0 || address > last - (size - 1) || address == (last & ~(size - 1))) {
		return 0;
	}
	return address;
}

void gp_pci_bars_parse(const uint8_t config[GP_PCI_HEADER_SIZE], const uint64_t sizes[GP_PCI_BARS],
	uint64_t gpa[GP_PCI_BARS]) {
	memset(gpa, 0, GP_PCI_BARS * sizeof(gpa[0]));
	if (!decodes_memory(config)) {
		return;
	}

	for (int i = 0; i < GP_PCI_BARS; i++) {
		uint32_t low = read_u32(config, PCI_BASE_ADDRESS_0 + 4 * i);
		if ((low & PCI_BASE_ADDRESS_SPACE) == PCI_BASE_ADDRESS_SPACE_IO) {
			continue;
		}
		bool wide = (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
		if (wide && i == GP_PCI_BARS - 1) {
			continue; // has no upper half
		}

		int bar = i;
		uint64_t address = low & ~(uint32_t)0xf, last = UINT32_MAX;
		if (wide) {
			i++;
			address |= (uint64_t)read_u32(config, PCI_BASE_ADDRESS_0 + 4 * i) << 32;
			last = UINT64_MAX;
		}
		bool sane = sizes[bar] != 0 && (sizes[bar] & (sizes[bar] - 1)) == 0 &&
			sizes[bar] - 1 <= last;
		gpa[bar] = sane ? checked_address(address, sizes[bar], last) : 0;
	}
}

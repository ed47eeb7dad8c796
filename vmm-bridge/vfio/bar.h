#ifndef GP_VMM_BRIDGE_VFIO_BAR_H
#define GP_VMM_BRIDGE_VFIO_BAR_H

#include <stddef.h>
#include <stdint.h>

/**
 * The BARs in PCI config space, as a guest programmed it. Nothing here is trusted to make sense: a
 * guest writes whatever it likes into BAR registers.
 */

#define GP_PCI_BARS 6
#define GP_PCI_HEADER_SIZE 64 // bytes of config space that are needed

/**
 * Finds where the guest has put the memory BARs: gpa[i] is the guest-physical address of BAR i, 0
 * where there is none. sizes[i] is the BAR's size in bytes, a power of two, 0 where there is none.
 * A 64-bit BAR has its address at its lower register. All are 0 while memory decode is off; a BAR
 * at 0, or with all address bits set (the guest reads its size), is none.
 */
void gp_pci_bars_parse(const uint8_t config[GP_PCI_HEADER_SIZE], const uint64_t sizes[GP_PCI_BARS],
	uint64_t gpa[GP_PCI_BARS]);

#endif

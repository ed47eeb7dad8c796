#ifndef GP_VMM_BRIDGE_VFIO_BAR_H
#define GP_VMM_BRIDGE_VFIO_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * PCI config space, as a guest programmed it, and PCI addresses. Nothing here is trusted to make
 * sense: a guest writes whatever it likes into BAR registers.
 */

#define GP_PCI_BARS 6
#define GP_PCI_HEADER_SIZE 64 // bytes of config space that are needed
#define GP_PCI_ADDRESS_SIZE 16

/**
 * Finds where the guest has put the memory BARs: gpa[i] is the guest-physical address of BAR i, 0
 * where there is none. sizes[i] is the BAR's size in bytes, a power of two, 0 where there is none.
 * A 64-bit BAR has its address at its lower register. All are 0 while memory decode is off; a BAR
 * at 0, or with all address bits set (a guest that asks for the size), is none.
 */
void gp_pci_bars_parse(const uint8_t config[GP_PCI_HEADER_SIZE], const uint64_t sizes[GP_PCI_BARS],
	uint64_t gpa[GP_PCI_BARS]);

/**
 * Brings "3:0.1", "03:00.1" or "0000:03:00.1" into the last form. False, with out empty, if it is
 * not a PCI address.
 */
bool gp_pci_address_parse(const char *text, char out[GP_PCI_ADDRESS_SIZE]);

/**
 * The PCI address in the text of /proc/PID/fdinfo/FD of a VFIO device fd (Linux 6.17:
 * "vfio-device-syspath: /sys/devices/pci0000:00/0000:00:05.0"). False, with out empty, if the text
 * has none.
 */
bool gp_pci_address_from_fdinfo(const char *text, char out[GP_PCI_ADDRESS_SIZE]);

#endif

#ifndef GP_VMM_BRIDGE_VFIO_PCI_ADDRESS_H
#define GP_VMM_BRIDGE_VFIO_PCI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * PCI addresses as text, in the form "0000:03:00.1". Each function returns false, with out empty,
 * if there is none.
 */

#define GP_PCI_ADDRESS_SIZE 16

/* Brings "3:0.1", "03:00.1" or "0000:03:00.1" into the last form. */
bool gp_pci_address_parse(const char *text, char out[GP_PCI_ADDRESS_SIZE]);

/**
 * The address in the text of /proc/PID/fdinfo/FD of a VFIO device fd (Linux 6.17:
 * "vfio-device-syspath: /sys/devices/pci0000:00/0000:00:05.0").
 */
bool gp_pci_address_from_fdinfo(const char *text, char out[GP_PCI_ADDRESS_SIZE]);
/* The same of the file itself, at path below dir. */
bool gp_pci_address_read_fdinfo(int dir, const char *path, char out[GP_PCI_ADDRESS_SIZE]);

/* For older kernels: of the device with these ids that has a VFIO driver, if it is the only one. */
bool gp_pci_address_guess(uint16_t vendor, uint16_t product, char out[GP_PCI_ADDRESS_SIZE]);

#endif

#include "vmm-bridge/vfio/pci_address.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/read_text.h"

bool gp_pci_address_parse(const char *text, char out[GP_PCI_ADDRESS_SIZE]) {
	unsigned domain = 0, bus, slot, function;
	int end = 0;

	out[0] = '\0';
	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 ||
		text[end] != '\0') {
		domain = 0;
		end = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &slot, &function, &end) != 3 ||
			text[end] != '\0') {
			return false;
		}
	}
	if (domain > 0xffff || bus > 0xff || slot > 0x1f || function > 7) {
		return false;
	}
	snprintf(out, GP_PCI_ADDRESS_SIZE, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return true;
}

bool gp_pci_address_from_fdinfo(const char *text, char out[GP_PCI_ADDRESS_SIZE]) {
	static const char key[] = "vfio-device-syspath:";
	char last[GP_PCI_ADDRESS_SIZE];

	out[0] = '\0';
	const char *line = strstr(text, key);
	if (line == NULL) {
		return false;
	}
	line += strlen(key);
	size_t length = strcspn(line, "\n");
	const char *name = memrchr(line, '/', length);
	if (name == NULL) {
		return false;
	}
	name++;
	length -= name - line;
	if (length >= sizeof(last)) {
		return false;
	}
	memcpy(last, name, length);
	last[length] = '\0';
	return gp_pci_address_parse(last, out);
}

bool gp_pci_address_read_fdinfo(int dir, const char *path, char out[GP_PCI_ADDRESS_SIZE]) {
	char text[4096];
	gp_read_text(dir, path, text, sizeof(text));
	return gp_pci_address_from_fdinfo(text, out);
}

static unsigned long read_sysfs_hex(const char *pci, const char *name) {
	char path[96], text[16];
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.15s/%s", pci, name);
	gp_read_text(AT_FDCWD, path, text, sizeof(text));
	return strtoul(text, NULL, 16);
}

static bool has_vfio_driver(const char *pci) {
	char path[96], target[256];
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.15s/driver", pci);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	const char *name = strrchr(target, '/');
	return name != NULL && strstr(name, "vfio") != NULL;
}

bool gp_pci_address_guess(uint16_t vendor, uint16_t product, char out[GP_PCI_ADDRESS_SIZE]) {
	out[0] = '\0';
	DIR *dir = opendir("/sys/bus/pci/devices");
	if (dir == NULL) {
		return false;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char pci[GP_PCI_ADDRESS_SIZE];
		if (!gp_pci_address_parse(entry->d_name, pci) || !has_vfio_driver(pci) ||
			read_sysfs_hex(pci, "vendor") != vendor ||
			read_sysfs_hex(pci, "device") != product) {
			continue;
		}
		if (out[0] != '\0') { // not the only one
			out[0] = '\0';
			break;
		}
		memcpy(out, pci, sizeof(pci));
	}
	closedir(dir);
	return out[0] != '\0';
}

#include "tests/hostvm/vfio_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SYSFS "/sys/bus/pci/drivers/vfio-pci"

static unsigned long read_hex(const char *pci, const char *name) {
	char path[128], text[32] = "";
	snprintf(path, sizeof(path), SYSFS "/%s/%s", pci, name);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	bool found = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	return found ? strtoul(text, NULL, 16) : 0;
}

static uint64_t read_bar_address(const char *pci) {
	char path[128], line[128];
	uint64_t start = 0;
	snprintf(path, sizeof(path), SYSFS "/%s/resource", pci);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	for (int i = 0; i <= VFIO_HOST_BAR && fgets(line, sizeof(line), file) != NULL; i++) {
		start = strtoull(line, NULL, 16);
	}
	fclose(file);
	return start;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
	return strcmp((*a)->d_name, (*b)->d_name);
}

bool vfio_host_find(struct vfio_host *host, int index) {
	struct dirent **entries;
	bool found = false;
	*host = (struct vfio_host){.container = -1, .group = -1, .device = -1};
	int count = scandir(SYSFS, &entries, NULL, by_name);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		if (!found && strlen(name) < sizeof(host->pci) &&
			read_hex(name, "vendor") == 0x1af4 && read_hex(name, "device") == 0x1110 &&
			index-- == 0) {
			strcpy(host->pci, name);
			host->bar_gpa = read_bar_address(name);
			found = true;
		}
		free(entries[i]);
	}
	if (count >= 0) {
		free(entries);
	}
	return found;
}

static bool fail(const char *what) {
	fprintf(stderr, "vfio_host: %s: %s\n", what, strerror(errno));
	return false;
}

static bool open_group(struct vfio_host *host) {
	char link[128], target[256], path[64];
	snprintf(link, sizeof(link), SYSFS "/%s/iommu_group", host->pci);
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	if (n < 0) {
		return fail(link);
	}
	target[n] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%.20s", strrchr(target, '/') + 1);
	host->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	host->group = open(path, O_RDWR | O_CLOEXEC);
	if (host->container < 0 || host->group < 0) {
		return fail(path);
	}
	return true;
}

static bool open_device(struct vfio_host *host) {
	if (ioctl(host->group, VFIO_GROUP_SET_CONTAINER, &host->container) < 0) {
		return fail("VFIO_GROUP_SET_CONTAINER");
	}
	if (ioctl(host->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0) {
		return fail("VFIO_SET_IOMMU");
	}
	host->device = ioctl(host->group, VFIO_GROUP_GET_DEVICE_FD, host->pci);
	if (host->device < 0) {
		return fail("VFIO_GROUP_GET_DEVICE_FD");
	}
	return true;
}

static bool map_bar(struct vfio_host *host) {
	struct vfio_region_info info = {
		.argsz = sizeof(info), .index = VFIO_PCI_CONFIG_REGION_INDEX};
	if (ioctl(host->device, VFIO_DEVICE_GET_REGION_INFO, &info) < 0) {
		return fail("config region");
	}
	host->config_offset = info.offset;
	vfio_host_set_decode(host, true);

	info = (struct vfio_region_info){
		.argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX + VFIO_HOST_BAR};
	if (ioctl(host->device, VFIO_DEVICE_GET_REGION_INFO, &info) < 0) {
		return fail("BAR region");
	}
	host->bar_offset = info.offset;
	host->bar_size = info.size;
	host->bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, host->device,
		(off_t)info.offset);
	if (host->bar == MAP_FAILED) {
		host->bar = NULL;
		return fail("mmap of the BAR");
	}
	return true;
}

bool vfio_host_open(struct vfio_host *host) {
	if (open_group(host) && open_device(host) && map_bar(host)) {
		return true;
	}
	vfio_host_close(host);
	return false;
}

void vfio_host_close(struct vfio_host *host) {
	int *fds[] = {&host->device, &host->group, &host->container};
	if (host->bar != NULL) {
		munmap(host->bar, host->bar_size);
		host->bar = NULL;
	}
	for (int i = 0; i < 3; i++) {
		if (*fds[i] >= 0) {
			close(*fds[i]);
			*fds[i] = -1;
		}
	}
}

uint32_t vfio_host_read_config(const struct vfio_host *host, unsigned offset) {
	uint32_t value = 0;
	if (pread(host->device, &value, sizeof(value), (off_t)(host->config_offset + offset)) !=
		sizeof(value)) {
		fail("config read");
	}
	return value;
}

void vfio_host_write_config(const struct vfio_host *host, unsigned offset, uint32_t value) {
	if (pwrite(host->device, &value, sizeof(value), (off_t)(host->config_offset + offset)) !=
		sizeof(value)) {
		fail("config write");
	}
}

void vfio_host_set_decode(const struct vfio_host *host, bool on) {
	uint16_t command = (uint16_t)vfio_host_read_config(host, PCI_COMMAND);
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	if (pwrite(host->device, &command, sizeof(command),
		    (off_t)(host->config_offset + PCI_COMMAND)) != sizeof(command)) {
		fail("command register");
	}
}

uint32_t vfio_host_expected(uint32_t seed, uint64_t offset) {
	return (uint32_t)(offset / 4 * 2654435761u) ^ seed;
}

void vfio_host_fill(const struct vfio_host *host, uint32_t seed) {
	uint32_t *words = (uint32_t *)host->bar;
	for (uint64_t i = 0; i < host->bar_size / 4; i++) {
		words[i] = vfio_host_expected(seed, i * 4);
	}
}

int count_fds(void) {
	int count = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (dir != NULL && readdir(dir) != NULL) {
		count++;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return count - 3; // ".", ".." and dir itself
}

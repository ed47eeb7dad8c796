#include "vmm-bridge/vfio/vmm_devices.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vfio/device.h"

void gp_vmm_devices_init(struct gp_vmm_devices *devices) {
	*devices = (struct gp_vmm_devices){0};
	gp_vmm_init(&devices->vmm);
}

static void remove_device(struct gp_vmm_devices *devices, size_t index) {
	gp_fd_close(&devices->items[index].fd);
	devices->count--;
	memmove(&devices->items[index], &devices->items[index + 1],
		(devices->count - index) * sizeof(devices->items[0]));
}

void gp_vmm_devices_finish(struct gp_vmm_devices *devices) {
	while (devices->count > 0) {
		remove_device(devices, devices->count - 1);
	}
	gp_vmm_finish(&devices->vmm);
}

int gp_vmm_devices_open(struct gp_vmm_devices *devices, pid_t pid, int pidfd) {
	return gp_vmm_open_found(&devices->vmm, pid, pidfd);
}

/* Whether the copy is of the open file that we have: a number may be in use for the second time. */
static bool is_same(const struct gp_vmm_device *device, int vmm_fd, int copy, const char *pci) {
	pid_t self = getpid();
	long order = syscall(SYS_kcmp, self, self, KCMP_FILE, device->fd, copy);
	if (order >= 0) {
		return order == 0;
	}
	/* No kcmp in this kernel, or a sandbox hides it. Since Linux 6.10 devices have inodes. */
	struct stat a, b;
	return device->vmm_fd == vmm_fd && strcmp(device->pci, pci) == 0 &&
		fstat(device->fd, &a) == 0 && fstat(copy, &b) == 0 && a.st_dev == b.st_dev &&
		a.st_ino == b.st_ino;
}

static void handle_vmm_fd(void *data, int vmm_fd, int copy, const char *pci) {
	struct gp_vmm_devices *devices = data;
	for (size_t i = 0; i < devices->count; i++) {
		if (is_same(&devices->items[i], vmm_fd, copy, pci)) {
			devices->items[i].seen = true;
			gp_fd_close(&copy);
			return;
		}
	}
	if (devices->count == GP_VFIO_DEVICES_MAX) {
		if (!devices->full_logged) {
			gp_warn("VFIO: more than %d devices; %s is left out", GP_VFIO_DEVICES_MAX,
				pci);
			devices->full_logged = true;
		}
		gp_fd_close(&copy);
		return;
	}
	struct gp_vmm_device *device = &devices->items[devices->count++];
	*device = (struct gp_vmm_device){
		.id = ++devices->last_id,
		.fd = copy,
		.vmm_fd = vmm_fd,
		.seen = true,
	};
	memcpy(device->pci, pci, sizeof(device->pci));
	if (device->pci[0] == '\0') {
		gp_vfio_device_find_address(copy, device->pci); // of an older kernel
	}
}

int gp_vmm_devices_look(struct gp_vmm_devices *devices) {
	if (devices->vmm.pidfd < 0) {
		return -ESRCH;
	}
	for (size_t i = 0; i < devices->count; i++) {
		devices->items[i].seen = false;
	}
	int result = gp_vmm_each_vfio(&devices->vmm, handle_vmm_fd, devices);
	if (result < 0) {
		return result;
	}
	for (size_t i = devices->count; i-- > 0;) {
		if (!devices->items[i].seen) {
			remove_device(devices, i);
		}
	}
	return 0;
}

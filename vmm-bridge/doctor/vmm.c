#include "vmm-bridge/doctor/vmm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/doctor_report.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/vmm.h"

/* Smaller memory files of a VMM are something else (a firmware's flash, a display's surface). */
#define RAM_SIZE_MIN (16 << 20)

/* Whether the VMM maps the file so that writes reach it; a guest's RAM is, with share=on. */
static bool mapped_shared(pid_t pid, const struct stat *st) {
	char path[64], line[PATH_MAX + 128];
	bool shared = false;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return true; // unknown; gp_vmm_open would have failed before
	}
	while (!shared && fgets(line, sizeof(line), file) != NULL) {
		char permissions[8];
		unsigned long inode;
		if (sscanf(line, "%*x-%*x %7s %*x %*x:%*x %lu", permissions, &inode) == 2) {
			shared = inode == st->st_ino && permissions[3] == 's';
		}
	}
	fclose(file);
	return shared;
}

/* An open file of the VMM that is large enough to be RAM. Returns whether it was judged. */
static bool check_memory(struct gp_doctor_report *report, pid_t pid, int fd, const struct stat *st,
	const char *link) {
	struct statfs fs;
	int seals = fcntl(fd, F_GET_SEALS);
	long mib = (long)(st->st_size >> 20);
	bool huge = fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
	bool memfd = strncmp(link, "/memfd:", 7) == 0;

	if (!memfd && seals < 0 && strncmp(link, "/dev/", 5) != 0) {
		return false; // a disk image
	}
	if (!mapped_shared(pid, st)) {
		if (memfd) {
			gp_doctor_fail(report,
				"memory %s (%ld MiB) is private to the VMM: start it with share=on",
				link, mib);
		}
		return memfd;
	}
	if (seals < 0 || (!memfd && (seals & F_SEAL_SHRINK) == 0)) {
		gp_doctor_fail(report,
			"memory %s (%ld MiB) is not a memfd: use -object "
			"memory-backend-memfd,share=on",
			link, mib);
	} else if ((seals & F_SEAL_SHRINK) == 0) {
		gp_doctor_fail(report,
			"memory %s (%ld MiB) lacks F_SEAL_SHRINK: use memory-backend-memfd with "
			"seal=on, QEMU's default",
			link, mib);
	} else if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) {
		gp_doctor_fail(report,
			"memory %s (%ld MiB) is sealed against writing, which udmabuf refuses",
			link, mib);
	} else {
		gp_doctor_ok(report, "memory %s (%ld MiB%s) is a memfd with the right seals", link,
			mib, huge ? ", huge pages" : "");
	}
	return true;
}

#define SEEN_MAX 64

static void check_memories(struct gp_doctor_report *report, struct gp_vmm *vmm) {
	ino_t seen[SEEN_MAX];
	size_t n_seen = 0;
	unsigned judged = 0;
	char path[64], link[256];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)vmm->pid);
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		struct stat st;
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
			st.st_size < RAM_SIZE_MIN) {
			continue;
		}
		bool again = false;
		for (size_t i = 0; i < n_seen; i++) {
			again = again || seen[i] == st.st_ino;
		}
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		int fd = again || n < 0 ? -1
					: openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			continue;
		}
		link[n] = '\0';
		if (n_seen < SEEN_MAX) {
			seen[n_seen++] = st.st_ino;
		}
		judged += check_memory(report, vmm->pid, fd, &st, link);
		gp_fd_close(&fd);
	}
	if (dir != NULL) {
		closedir(dir);
	}
	if (judged == 0) {
		gp_doctor_fail(report,
			"VMM %d has no guest memory in a file that can be shared: start it with "
			"-object memory-backend-memfd,id=mem,size=…,share=on -machine "
			"memory-backend=mem",
			(int)vmm->pid);
	}
}

/* VFIO devices */

static void handle_device(void *data, int vmm_fd, int copy, const char *pci) {
	struct gp_doctor_report *report = data;
	char own_pci[GP_PCI_ADDRESS_SIZE];
	if (pci[0] == '\0') { // of an older kernel
		gp_vfio_device_find_address(copy, own_pci);
		pci = own_pci;
	}
	struct gp_vfio_device *device = gp_vfio_device_create(&gp_vfio_kernel_ops, copy, pci, true);
	if (device == NULL) {
		gp_doctor_warn(
			report, "VFIO device %s of the VMM (fd %d) is not usable", pci, vmm_fd);
		return;
	}
	const char *name = gp_vfio_device_name(device);
	switch (device->export_error) {
	case 0:
		gp_doctor_ok(report, "VFIO device %s of the VMM exports its memory", name);
		break;
	case ENOTTY:
		gp_doctor_warn(report,
			"VFIO device %s: its memory will be copied; exporting it takes Linux 6.19 "
			"with CONFIG_VFIO_PCI_DMABUF",
			name);
		break;
	case EOPNOTSUPP:
		gp_doctor_warn(report,
			"VFIO device %s: its memory will be copied; bind it to plain vfio-pci "
			"instead of its variant driver",
			name);
		break;
	default:
		gp_doctor_warn(report, "VFIO device %s: its memory will be copied (%s)", name,
			strerror(device->export_error));
		break;
	}
	gp_vfio_device_destroy(device);
}

static void check_devices(struct gp_doctor_report *report, struct gp_vmm *vmm) {
	vmm->quiet = true; // it is reported below
	int count = gp_vmm_each_vfio(vmm, handle_device, report);
	if (count == 0) {
		gp_doctor_ok(report, "VMM %d has no VFIO device", (int)vmm->pid);
	} else if (count < 0) {
		struct gp_vmm_facts facts;
		char text[320];
		gp_vmm_read_facts(vmm->pid, &facts);
		gp_vmm_explain(-count, &facts, text, sizeof(text));
		gp_doctor_fail(report, "VMM %d: its VFIO devices cannot be reached: %s",
			(int)vmm->pid, text);
	}
}

void gp_doctor_check_vmm(struct gp_doctor_report *report, pid_t pid) {
	struct gp_vmm vmm;
	enum gp_log_level level = gp_log_level();
	gp_log_init("guestpane-bridge", GP_LOG_SILENT);
	int error = -gp_vmm_open(&vmm, pid);
	gp_log_init("guestpane-bridge", level);
	if (error != 0) {
		struct gp_vmm_facts facts;
		char text[320];
		gp_vmm_read_facts(pid, &facts);
		gp_vmm_explain(error, &facts, text, sizeof(text));
		gp_doctor_fail(report, "VMM %d cannot be looked into: %s", (int)pid, text);
		return;
	}
	check_memories(report, &vmm);
	check_devices(report, &vmm);
	gp_vmm_finish(&vmm);
}

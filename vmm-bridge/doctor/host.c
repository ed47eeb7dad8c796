#include "vmm-bridge/doctor/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/doctor_report.h"
#include "common/fd.h"
#include "common/read_text.h"
#include "vmm-bridge/vfio/pci_address.h"

#define PARAMETERS "/sys/module/udmabuf/parameters/"
#define CURE " or install dist/tmpfiles.d/guestpane.conf for good"

struct host {
	struct gp_doctor_report *report;
	const char *root;
};

/* A path of the host, on the stack of the caller. */
#define PATH_IN(host, name, ...)                                                                   \
	char name[PATH_MAX];                                                                       \
	format_path(name, host, __VA_ARGS__)

static void __attribute__((format(printf, 3, 4))) format_path(
	char out[PATH_MAX], const struct host *host, const char *fmt, ...) {
	va_list args;
	int used = snprintf(out, PATH_MAX, "%s", host->root);
	va_start(args, fmt);
	if (used >= 0 && used < PATH_MAX) {
		vsnprintf(out + used, PATH_MAX - used, fmt, args);
	}
	va_end(args);
}

/* The last component of a link's target; empty if it is none. */
static void read_link_name(const char *path, char *out, size_t size) {
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(out, size, "%.*s", (int)size - 1, slash != NULL ? slash + 1 : target);
}

static const char *group_name(gid_t gid) {
	struct group *group = getgrgid(gid);
	return group != NULL ? group->gr_name : "its group";
}

/* Makes a dma-buf of a page. 0 or errno. */
static int try_udmabuf(int fd) {
	int memfd = memfd_create("guestpane-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	long page = sysconf(_SC_PAGESIZE);
	int error = 0;
	if (memfd < 0 || ftruncate(memfd, page) < 0 ||
		fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
		error = errno;
	} else {
		struct udmabuf_create create = {
			.memfd = (uint32_t)memfd,
			.flags = UDMABUF_FLAGS_CLOEXEC,
			.size = (uint64_t)page,
		};
		int dmabuf = ioctl(fd, UDMABUF_CREATE, &create);
		error = dmabuf < 0 ? errno : 0;
		gp_fd_close(&dmabuf);
	}
	gp_fd_close(&memfd);
	return error;
}

/* Returns whether there is one at all. */
static bool check_udmabuf(const struct host *host) {
	PATH_IN(host, path, "/dev/udmabuf");
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && (errno == EACCES || errno == EPERM) && stat(path, &st) == 0) {
		gp_doctor_fail(host->report,
			"/dev/udmabuf cannot be opened by uid %u: add the user to group %s "
			"(usermod -aG) and log in again",
			(unsigned)geteuid(), group_name(st.st_gid));
		return true;
	}
	if (fd < 0) {
		gp_doctor_fail(host->report,
			"no /dev/udmabuf (%s): modprobe udmabuf, or a kernel with CONFIG_UDMABUF",
			strerror(errno));
		return false;
	}
	int error = host->root[0] == '\0' ? try_udmabuf(fd) : 0;
	gp_fd_close(&fd);
	if (error != 0) {
		gp_doctor_fail(host->report, "/dev/udmabuf makes no dma-buf of a page: %s",
			strerror(error));
	} else {
		gp_doctor_ok(host->report, "/dev/udmabuf makes dma-bufs of guest memory");
	}
	return true;
}

static unsigned long read_parameter(
	const struct host *host, const char *name, unsigned long fallback) {
	char text[32];
	PATH_IN(host, path, PARAMETERS "%s", name);
	return gp_read_text(AT_FDCWD, path, text, sizeof(text)) ? strtoul(text, NULL, 10)
								: fallback;
}

/* Linux scatters a buffer over single pages: in the worst case an entry for each (behaviour B1). */
static void check_limits(const struct host *host) {
	static const struct {
		const char *name;
		unsigned long entries, mib;
		bool needed;
	} modes[] = {
		{"1920x1080", 2025, 8, true},
		{"3840x2160", 8100, 32, false},
		{"7680x4320", 32400, 127, false},
	};
	unsigned long list_limit = read_parameter(host, "list_limit", 1024);
	unsigned long size_limit_mb = read_parameter(host, "size_limit_mb", 64);
	const char *largest = NULL;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		void (*complain)(struct gp_doctor_report *, const char *, ...) =
			modes[i].needed ? gp_doctor_fail : gp_doctor_warn;
		if (list_limit < modes[i].entries) {
			complain(host->report,
				"udmabuf takes %lu entries, a scattered %s buffer has up to %lu: "
				"write 32768 to " PARAMETERS "list_limit," CURE,
				list_limit, modes[i].name, modes[i].entries);
			break;
		}
		if (size_limit_mb < modes[i].mib) {
			complain(host->report,
				"udmabuf takes %lu MiB, a %s buffer has %lu: write 1024 "
				"to " PARAMETERS "size_limit_mb," CURE,
				size_limit_mb, modes[i].name, modes[i].mib);
			break;
		}
		largest = modes[i].name;
	}
	if (largest != NULL) {
		gp_doctor_ok(host->report,
			"udmabuf takes %lu entries and %lu MiB: scattered buffers up to %s fit",
			list_limit, size_limit_mb, largest);
	}
}

static bool kernel_at_least(const struct host *host, int major, int minor) {
	char text[128];
	int have[2];
	PATH_IN(host, path, "/proc/sys/kernel/osrelease");
	gp_read_text(AT_FDCWD, path, text, sizeof(text));
	if (sscanf(text, "%d.%d", &have[0], &have[1]) != 2) {
		return false;
	}
	return have[0] > major || (have[0] == major && have[1] >= minor);
}

static void check_kernel(const struct host *host) {
	char text[128];
	PATH_IN(host, path, "/proc/sys/kernel/osrelease");
	if (!gp_read_text(AT_FDCWD, path, text, sizeof(text))) {
		strcpy(text, "unknown");
	}
	text[strcspn(text, "\n")] = '\0';
	if (kernel_at_least(host, 5, 6)) {
		gp_doctor_ok(host->report, "kernel %s", text);
	} else {
		gp_doctor_warn(host->report,
			"kernel %s is older than what Guestpane is made for: 5.6", text);
	}
}

static void check_kvm(const struct host *host) {
	PATH_IN(host, path, "/dev/kvm");
	if (access(path, R_OK | W_OK) == 0) {
		gp_doctor_ok(host->report, "/dev/kvm can be opened");
		return;
	}
	struct stat st;
	if (stat(path, &st) == 0) {
		gp_doctor_warn(host->report,
			"/dev/kvm cannot be opened by uid %u, so VMs are emulated and slow: add "
			"the user to group %s",
			(unsigned)geteuid(), group_name(st.st_gid));
	} else {
		gp_doctor_warn(host->report,
			"no /dev/kvm, so VMs are emulated and slow: enable virtualisation in the "
			"firmware, modprobe kvm_intel or kvm_amd");
	}
}

static int is_render_node(const struct dirent *entry) {
	return strncmp(entry->d_name, "renderD", 7) == 0;
}

static void check_render_nodes(const struct host *host) {
	PATH_IN(host, dir, "/dev/dri");
	struct dirent **entries;
	int count = scandir(dir, &entries, is_render_node, alphasort);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char driver[64];
		PATH_IN(host, node, "/dev/dri/%.64s", name);
		PATH_IN(host, link, "/sys/class/drm/%.64s/device/driver", name);
		read_link_name(link, driver, sizeof(driver));
		struct stat st = {0};
		if (access(node, R_OK | W_OK) == 0) {
			gp_doctor_ok(host->report, "GPU /dev/dri/%s (%s)", name, driver);
		} else if (stat(node, &st) == 0) {
			gp_doctor_warn(host->report,
				"GPU /dev/dri/%s (%s) cannot be opened by uid %u: add the user to "
				"group %s",
				name, driver, (unsigned)geteuid(), group_name(st.st_gid));
		}
		free(entries[i]);
	}
	if (count >= 0) {
		free(entries);
	}
	if (count <= 0) {
		gp_doctor_warn(host->report,
			"no GPU with a render node: the compositor composes with the CPU, which "
			"cannot read device memory in place");
	}
}

/* Returns how many devices the driver has. */
static unsigned check_vfio_driver(const struct host *host, const char *driver) {
	PATH_IN(host, path, "/sys/bus/pci/drivers/%.64s", driver);
	unsigned count = 0;
	DIR *dir = opendir(path);
	if (dir == NULL) {
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char pci[GP_PCI_ADDRESS_SIZE];
		if (!gp_pci_address_parse(entry->d_name, pci)) {
			continue;
		}
		count++;
		if (strcmp(driver, "vfio-pci") == 0) {
			gp_doctor_ok(host->report, "device %s is bound to vfio-pci", pci);
		} else {
			gp_doctor_warn(host->report,
				"device %s is bound to %s, which may not export its memory: bind "
				"it to vfio-pci (driverctl set-override %s vfio-pci)",
				pci, driver, pci);
		}
	}
	closedir(dir);
	return count;
}

static void check_vfio(const struct host *host) {
	PATH_IN(host, path, "/sys/bus/pci/drivers");
	unsigned count = 0;
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (strstr(entry->d_name, "vfio") != NULL) {
			count += check_vfio_driver(host, entry->d_name);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	if (count == 0) {
		gp_doctor_ok(host->report,
			"no device is bound to VFIO: all buffers are in the guest's RAM");
	} else if (kernel_at_least(host, 6, 19)) {
		gp_doctor_ok(host->report, "the kernel is new enough to export device memory");
	} else {
		gp_doctor_warn(host->report,
			"device memory cannot be exported and will be copied: that takes Linux "
			"6.19");
	}
}

void gp_doctor_check_host(struct gp_doctor_report *report, const char *root) {
	const struct host host = {report, root};
	check_kernel(&host);
	check_kvm(&host);
	if (check_udmabuf(&host)) {
		check_limits(&host);
	}
	check_render_nodes(&host);
	check_vfio(&host);
}

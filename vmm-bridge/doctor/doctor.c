#include "vmm-bridge/doctor/doctor.h"

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

#include "common/fd.h"
#include "vmm-bridge/vfio/pci_address.h"

#define PARAMETERS "/sys/module/udmabuf/parameters/"
#define CURE " or install dist/tmpfiles.d/guestpane.conf for good"

/* "%s" of the root and a path, on the stack of whoever uses it. */
#define PATH_IN(doctor, name, ...)                                                                 \
	char name[PATH_MAX];                                                                       \
	format_path(name, doctor, __VA_ARGS__)

static void __attribute__((format(printf, 3, 4))) format_path(
	char out[PATH_MAX], const struct gp_doctor *doctor, const char *fmt, ...) {
	va_list args;
	int used = snprintf(out, PATH_MAX, "%s", doctor->root);
	va_start(args, fmt);
	if (used >= 0 && used < PATH_MAX) {
		vsnprintf(out + used, PATH_MAX - used, fmt, args);
	}
	va_end(args);
}

static void __attribute__((format(printf, 3, 0))) say(
	struct gp_doctor *doctor, const char *mark, const char *fmt, va_list args) {
	fprintf(doctor->out, "%-7s", mark);
	vfprintf(doctor->out, fmt, args);
	fputc('\n', doctor->out);
}

void gp_doctor_ok(struct gp_doctor *doctor, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	say(doctor, "[ok]", fmt, args);
	va_end(args);
}

void gp_doctor_warn(struct gp_doctor *doctor, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	say(doctor, "[warn]", fmt, args);
	va_end(args);
	doctor->warnings++;
}

void gp_doctor_fail(struct gp_doctor *doctor, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	say(doctor, "[fail]", fmt, args);
	va_end(args);
	doctor->fails++;
}

/* Reads a line without its end; false if there is none. */
static bool read_line(const char *path, char *out, size_t size) {
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return false;
	}
	bool found = fgets(out, (int)size, file) != NULL;
	fclose(file);
	if (found) {
		out[strcspn(out, "\n")] = '\0';
	}
	return found;
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

/* udmabuf */

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
static bool check_udmabuf(struct gp_doctor *doctor) {
	PATH_IN(doctor, path, "/dev/udmabuf");
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && (errno == EACCES || errno == EPERM) && stat(path, &st) == 0) {
		gp_doctor_fail(doctor,
			"/dev/udmabuf cannot be opened by uid %u: add the user to group %s "
			"(usermod "
			"-aG) and log in again",
			(unsigned)geteuid(), group_name(st.st_gid));
		return true;
	}
	if (fd < 0) {
		gp_doctor_fail(doctor,
			"no /dev/udmabuf (%s): modprobe udmabuf, or a kernel with CONFIG_UDMABUF",
			strerror(errno));
		return false;
	}
	int error = doctor->root[0] == '\0' ? try_udmabuf(fd) : 0;
	gp_fd_close(&fd);
	if (error != 0) {
		gp_doctor_fail(
			doctor, "/dev/udmabuf makes no dma-buf of a page: %s", strerror(error));
	} else {
		gp_doctor_ok(doctor, "/dev/udmabuf makes dma-bufs of guest memory");
	}
	return true;
}

static unsigned long read_parameter(
	const struct gp_doctor *doctor, const char *name, unsigned long fallback) {
	char text[32];
	PATH_IN(doctor, path, PARAMETERS "%s", name);
	return read_line(path, text, sizeof(text)) ? strtoul(text, NULL, 10) : fallback;
}

/* Linux scatters a buffer over single pages: in the worst case an entry for each (behaviour B1). */
static void check_limits(struct gp_doctor *doctor) {
	static const struct {
		const char *name;
		unsigned long entries, mib;
		bool needed;
	} modes[] = {
		{"1920x1080", 2025, 8, true},
		{"3840x2160", 8100, 32, false},
		{"7680x4320", 32400, 127, false},
	};
	unsigned long list_limit = read_parameter(doctor, "list_limit", 1024);
	unsigned long size_limit_mb = read_parameter(doctor, "size_limit_mb", 64);
	const char *largest = NULL;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		void (*complain)(struct gp_doctor *, const char *, ...) =
			modes[i].needed ? gp_doctor_fail : gp_doctor_warn;
		if (list_limit < modes[i].entries) {
			complain(doctor,
				"udmabuf takes %lu entries, a scattered %s buffer has up to %lu: "
				"write 32768 to " PARAMETERS "list_limit," CURE,
				list_limit, modes[i].name, modes[i].entries);
			break;
		}
		if (size_limit_mb < modes[i].mib) {
			complain(doctor,
				"udmabuf takes %lu MiB, a %s buffer has %lu: write 1024 "
				"to " PARAMETERS "size_limit_mb," CURE,
				size_limit_mb, modes[i].name, modes[i].mib);
			break;
		}
		largest = modes[i].name;
	}
	if (largest != NULL) {
		gp_doctor_ok(doctor,
			"udmabuf takes %lu entries and %lu MiB: scattered buffers up to %s fit",
			list_limit, size_limit_mb, largest);
	}
}

/* Kernel, KVM, GPUs */

static bool kernel_at_least(const struct gp_doctor *doctor, int major, int minor) {
	char text[128] = "";
	int have[2] = {0};
	PATH_IN(doctor, path, "/proc/sys/kernel/osrelease");
	if (!read_line(path, text, sizeof(text)) ||
		sscanf(text, "%d.%d", &have[0], &have[1]) != 2) {
		return false;
	}
	return have[0] > major || (have[0] == major && have[1] >= minor);
}

static void check_kernel(struct gp_doctor *doctor) {
	char text[128] = "unknown";
	PATH_IN(doctor, path, "/proc/sys/kernel/osrelease");
	read_line(path, text, sizeof(text));
	if (kernel_at_least(doctor, 5, 6)) {
		gp_doctor_ok(doctor, "kernel %s", text);
	} else {
		gp_doctor_warn(
			doctor, "kernel %s is older than what Guestpane is made for: 5.6", text);
	}
}

static void check_kvm(struct gp_doctor *doctor) {
	PATH_IN(doctor, path, "/dev/kvm");
	if (access(path, R_OK | W_OK) == 0) {
		gp_doctor_ok(doctor, "/dev/kvm can be opened");
		return;
	}
	struct stat st;
	if (stat(path, &st) == 0) {
		gp_doctor_warn(doctor,
			"/dev/kvm cannot be opened by uid %u, so VMs are emulated and slow: add "
			"the "
			"user to group %s",
			(unsigned)geteuid(), group_name(st.st_gid));
	} else {
		gp_doctor_warn(doctor,
			"no /dev/kvm, so VMs are emulated and slow: enable virtualisation in the "
			"firmware, modprobe kvm_intel or kvm_amd");
	}
}

static int is_render_node(const struct dirent *entry) {
	return strncmp(entry->d_name, "renderD", 7) == 0;
}

static void check_render_nodes(struct gp_doctor *doctor) {
	PATH_IN(doctor, dir, "/dev/dri");
	struct dirent **entries;
	int count = scandir(dir, &entries, is_render_node, alphasort);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char driver[64];
		PATH_IN(doctor, node, "/dev/dri/%.64s", name);
		PATH_IN(doctor, link, "/sys/class/drm/%.64s/device/driver", name);
		read_link_name(link, driver, sizeof(driver));
		struct stat st = {0};
		if (access(node, R_OK | W_OK) == 0) {
			gp_doctor_ok(doctor, "GPU /dev/dri/%s (%s)", name, driver);
		} else if (stat(node, &st) == 0) {
			gp_doctor_warn(doctor,
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
		gp_doctor_warn(doctor,
			"no GPU with a render node: the compositor composes with the CPU, which "
			"cannot read device memory in place");
	}
}

/* VFIO */

static bool is_vfio_driver(const char *name) {
	return strstr(name, "vfio") != NULL;
}

/* Returns how many devices the driver has. */
static unsigned check_vfio_driver(struct gp_doctor *doctor, const char *driver) {
	PATH_IN(doctor, path, "/sys/bus/pci/drivers/%.64s", driver);
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
			gp_doctor_ok(doctor, "device %s is bound to vfio-pci", pci);
		} else {
			gp_doctor_warn(doctor,
				"device %s is bound to %s, which may not export its memory: bind "
				"it "
				"to vfio-pci (driverctl set-override %s vfio-pci)",
				pci, driver, pci);
		}
	}
	closedir(dir);
	return count;
}

static void check_vfio(struct gp_doctor *doctor) {
	PATH_IN(doctor, path, "/sys/bus/pci/drivers");
	unsigned count = 0;
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (is_vfio_driver(entry->d_name)) {
			count += check_vfio_driver(doctor, entry->d_name);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	if (count == 0) {
		gp_doctor_ok(
			doctor, "no device is bound to VFIO: pictures are in the guest's RAM only");
	} else if (kernel_at_least(doctor, 6, 19)) {
		gp_doctor_ok(doctor, "the kernel is new enough to export device memory");
	} else {
		gp_doctor_warn(doctor,
			"device memory cannot be exported and will be copied: that takes Linux "
			"6.19");
	}
}

void gp_doctor_check_host(struct gp_doctor *doctor) {
	check_kernel(doctor);
	check_kvm(doctor);
	if (check_udmabuf(doctor)) {
		check_limits(doctor);
	}
	check_render_nodes(doctor);
	check_vfio(doctor);
}

int gp_doctor_run(FILE *out, const char *root, pid_t pid) {
	struct gp_doctor doctor = {.out = out, .root = root};
	gp_doctor_check_host(&doctor);
	if (pid != 0) {
		gp_doctor_check_vmm(&doctor, pid);
	}
	if (doctor.fails == 0) {
		fprintf(out, "Zero copy will work%s.\n",
			doctor.warnings > 0 ? ", within the warnings above" : "");
	} else {
		fprintf(out, "Pictures will be copied: %u of the checks above failed.\n",
			doctor.fails);
	}
	return doctor.fails == 0 ? 0 : 1;
}

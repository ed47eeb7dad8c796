#include "vmm-bridge/export/export_udmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/checked.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/export/export.h"
#include "vmm-bridge/virtio/guest_memory.h"

/* The kernel's defaults (drivers/dma-buf/udmabuf.c), for a kernel that hides its parameters. */
#define LIST_LIMIT_DEFAULT 1024
#define SIZE_LIMIT_MB_DEFAULT 64
#define PARAMETERS "/sys/module/udmabuf/parameters/"

static uint32_t read_parameter(const char *root, const char *name, uint32_t fallback) {
	char path[PATH_MAX], text[32] = "";
	snprintf(path, sizeof(path), "%s" PARAMETERS "%s", root, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return fallback;
	}
	ssize_t length = read(fd, text, sizeof(text) - 1);
	gp_fd_close(&fd);
	long value = length > 0 ? strtol(text, NULL, 10) : 0;
	return value > 0 && value <= INT_MAX ? (uint32_t)value : fallback;
}

/* Why the device did not open, and what helps. */
static void explain_open(struct gp_udmabuf *udmabuf, int error) {
	char *reason = udmabuf->reason;
	size_t size = sizeof(udmabuf->reason);
	if (error == ENOENT || error == ENODEV || error == ENXIO) {
		snprintf(reason, size,
			"no /dev/udmabuf: load the module (modprobe udmabuf), or use a kernel with "
			"CONFIG_UDMABUF");
	} else if (error == EACCES || error == EPERM) {
		snprintf(reason, size,
			"no permission to open /dev/udmabuf: add this user to its group (%s) or "
			"add a udev rule",
			udmabuf->group[0] != '\0' ? udmabuf->group : "kvm");
	} else {
		snprintf(reason, size, "cannot open /dev/udmabuf: %s", strerror(error));
	}
}

/* Scattered memory needs an entry for each page, so both limits bound the size of a buffer. */
static void log_limits(const struct gp_udmabuf *udmabuf) {
	static const struct {
		uint32_t width, height;
	} modes[] = {{7680, 4320}, {3840, 2160}, {2560, 1440}, {1920, 1080}, {1280, 800},
		{1024, 768}, {800, 600}, {640, 480}};
	uint64_t bytes = (uint64_t)udmabuf->list_limit * (uint64_t)sysconf(_SC_PAGESIZE);
	if (bytes > udmabuf->size_limit) {
		bytes = udmabuf->size_limit;
	}
	size_t i = 0;
	while (i + 1 < sizeof(modes) / sizeof(modes[0]) &&
		4ull * modes[i].width * modes[i].height > bytes) {
		i++;
	}
	gp_info("udmabuf: at most %" PRIu32 " entries and %" PRIu64 " MiB; frames up to %" PRIu32
		"x%" PRIu32 " are sure to fit",
		udmabuf->list_limit, udmabuf->size_limit >> 20, modes[i].width, modes[i].height);
}

#define DEVICE "/dev/udmabuf"

int gp_udmabuf_open_device(const char *root) {
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s" DEVICE, root);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static void read_group(struct gp_udmabuf *udmabuf, const char *path) {
	struct stat st;
	struct group *group =
		access(path, R_OK | W_OK) != 0 && stat(path, &st) == 0 ? getgrgid(st.st_gid) : NULL;
	if (group != NULL) {
		snprintf(udmabuf->group, sizeof(udmabuf->group), "%.32s", group->gr_name);
	}
}

void gp_udmabuf_init(struct gp_udmabuf *udmabuf, const char *root) {
	char path[PATH_MAX];
	*udmabuf = (struct gp_udmabuf){.fd = -1};
	udmabuf->list_limit = read_parameter(root, "list_limit", LIST_LIMIT_DEFAULT);
	udmabuf->size_limit = (uint64_t)read_parameter(root, "size_limit_mb", SIZE_LIMIT_MB_DEFAULT)
		<< 20;
	snprintf(path, sizeof(path), "%s" DEVICE, root);
	read_group(udmabuf, path);
}

void gp_udmabuf_set_device(struct gp_udmabuf *udmabuf, int fd) {
	if (fd < 0) {
		explain_open(udmabuf, -fd);
		gp_warn("the guest's frames will be copied: %s", udmabuf->reason);
		return;
	}
	udmabuf->fd = fd;
	log_limits(udmabuf);
}

void gp_udmabuf_finish(struct gp_udmabuf *udmabuf) {
	gp_fd_close(&udmabuf->fd);
}

/* Whether the kernel will take the object (B2); the sentence otherwise. */
static bool check_object(const struct gp_memory_object *object, char *reason, size_t reason_size) {
	if (object->kind != GP_MEMORY_FILE) {
		snprintf(reason, reason_size, "the memory belongs to a device");
		return false;
	}
	int seals = fcntl(object->fd, F_GET_SEALS);
	if (seals < 0) {
		snprintf(reason, reason_size,
			"the guest's memory is not a memfd: start QEMU with -object "
			"memory-backend-memfd,share=on");
	} else if ((seals & F_SEAL_SHRINK) == 0) {
		snprintf(reason, reason_size,
			"the guest's memory lacks the seal F_SEAL_SHRINK: use memory-backend-memfd "
			"with seal=on, which is QEMU's default");
	} else if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) {
		snprintf(reason, reason_size,
			"the guest's memory has the seal %s, with which udmabuf refuses it",
			(seals & F_SEAL_WRITE) != 0 ? "F_SEAL_WRITE" : "F_SEAL_FUTURE_WRITE");
	} else {
		return true;
	}
	return false;
}

/**
 * Appends an extent, merged with the entry before it where they touch in the same file (extents
 * of neighbouring regions can). False if it does not start and end at pages.
 */
static bool append_item(
	struct udmabuf_create_list *list, const struct gp_extent *extent, uint64_t length) {
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t offset = extent->object->file_offset + extent->offset;
	if (offset % page != 0 || length % page != 0) {
		return false;
	}
	struct udmabuf_create_item *last = list->count > 0 ? &list->list[list->count - 1] : NULL;
	if (last != NULL && last->memfd == (uint32_t)extent->object->fd &&
		last->offset + last->size == offset) {
		last->size += length;
		return true;
	}
	list->list[list->count++] = (struct udmabuf_create_item){
		.memfd = (uint32_t)extent->object->fd,
		.offset = offset,
		.size = length,
	};
	return true;
}

/* The first size bytes of the extents, as whole pages; NULL with the reason if that cannot be. */
static struct udmabuf_create_list *build_list(
	const struct gp_extents *extents, uint64_t size, char *reason, size_t reason_size) {
	struct udmabuf_create_list *list =
		calloc(1, sizeof(*list) + extents->count * sizeof(list->list[0]));
	if (list == NULL) {
		snprintf(
			reason, reason_size, "no memory for a list of %zu entries", extents->count);
		return NULL;
	}
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	const struct gp_memory_object *checked = NULL;
	for (size_t i = 0; i < extents->count && size > 0; i++) {
		const struct gp_extent *extent = &extents->items[i];
		if (extent->object != checked &&
			!check_object(extent->object, reason, reason_size)) {
			goto err_list;
		}
		checked = extent->object;
		uint64_t length = extent->length < size ? extent->length : size;
		if (!append_item(list, extent, length)) {
			snprintf(reason, reason_size,
				"entry %zu of the guest's memory is not made of whole pages", i);
			goto err_list;
		}
		size -= length;
	}
	if (size == 0 && list->count > 0) {
		return list;
	}
	snprintf(reason, reason_size, "the guest's memory is smaller than the buffer");

err_list:
	free(list);
	return NULL;
}

static bool check_limits(const struct gp_udmabuf *udmabuf, uint32_t count, uint64_t size,
	char *reason, size_t reason_size) {
	if (count > udmabuf->list_limit) {
		snprintf(reason, reason_size,
			"%" PRIu32 " entries exceed udmabuf's limit of %" PRIu32
			": write 32768 to " PARAMETERS "list_limit",
			count, udmabuf->list_limit);
		return false;
	}
	if (size > udmabuf->size_limit) {
		snprintf(reason, reason_size,
			"%" PRIu64 " MiB exceed udmabuf's limit of %" PRIu64
			" MiB: write 1024 to " PARAMETERS "size_limit_mb",
			(size + (1 << 20) - 1) >> 20, udmabuf->size_limit >> 20);
		return false;
	}
	return true;
}

bool gp_export_udmabuf_create(const struct gp_udmabuf *udmabuf, const struct gp_extents *extents,
	uint64_t size, struct gp_export *out) {
	if (udmabuf->fd < 0) {
		snprintf(out->reason, sizeof(out->reason), "%s", udmabuf->reason);
		return false;
	}
	/* The guest's last page is its own as a whole, if it gave all of it. */
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t rounded;
	if (!gp_add_u64(size, page - 1, &rounded)) {
		snprintf(out->reason, sizeof(out->reason), "the buffer is too large");
		return false;
	}
	rounded -= rounded % page;
	struct udmabuf_create_list *list =
		build_list(extents, rounded, out->reason, sizeof(out->reason));
	if (list == NULL) {
		return false;
	}
	if (check_limits(udmabuf, list->count, rounded, out->reason, sizeof(out->reason))) {
		out->fd = ioctl(udmabuf->fd, UDMABUF_CREATE_LIST, list);
		if (out->fd < 0) {
			snprintf(out->reason, sizeof(out->reason),
				"udmabuf refused %" PRIu32 " entries: %s", list->count,
				strerror(errno));
		} else {
			out->size = rounded;
		}
	}
	free(list);
	return out->fd >= 0;
}

#include "vmm-bridge/vhost/memory_table.h"

#include <sys/stat.h>

#include "common/fd.h"

static bool same_file(int a, int b) {
	struct stat sa, sb;
	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
		sa.st_ino == sb.st_ino;
}

static bool same_region(
	const struct gp_memory_object *object, const struct gp_vhost_region *region, int fd) {
	return object->gpa == region->gpa && object->uva == region->uva &&
		object->size == region->size && object->file_offset == region->file_offset &&
		same_file(object->fd, fd);
}

/* Whether the object is among the wanted regions; marks that one as present. */
static bool find_wanted(const struct gp_memory_object *object,
	const struct gp_vhost_region *regions, const int *fds, size_t count, bool *present) {
	for (size_t i = 0; i < count; i++) {
		if (!present[i] && same_region(object, &regions[i], fds[i])) {
			present[i] = true;
			return true;
		}
	}
	return false;
}

int gp_memory_table_replace(struct gp_guest_memory *memory, const struct gp_vhost_region *regions,
	int *fds, size_t count, gp_memory_removed_func removed, void *data) {
	bool present[GP_VHOST_FDS_MAX] = {false};
	size_t at = 0;
	while (at < memory->count) {
		struct gp_memory_object *object = memory->regions[at];
		if (find_wanted(object, regions, fds, count, present)) {
			at++;
			continue;
		}
		removed(data, gp_guest_memory_take(memory, object->gpa, object->uva, object->size));
	}
	for (size_t i = 0; i < count; i++) {
		if (present[i]) {
			continue;
		}
		int err = gp_guest_memory_add(memory, gp_fd_take(&fds[i]), regions[i].gpa,
			regions[i].uva, regions[i].size, regions[i].file_offset);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

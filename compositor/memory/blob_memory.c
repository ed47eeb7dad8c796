#include "compositor/memory/blob_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-enum.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

static void handle_fence_done(struct gp_read_fence *fence);

struct gp_blob_memory *gp_blob_memory_create(
	struct wl_event_loop *loop, int fd, uint64_t size, uint32_t kind, struct gp_quota *quota) {
	struct gp_blob_memory *memory = calloc(1, sizeof(*memory));
	if (memory == NULL) {
		close(fd);
		return NULL;
	}
	memory->n_refs = 1;
	memory->fd = fd;
	memory->size = size;
	memory->kind = kind;
	memory->quota = gp_quota_ref(quota);
	memory->quota->n_blobs++;
	memory->loop = loop;
	gp_mapping_init(&memory->mapping, quota);
	gp_read_fence_init(&memory->fence, handle_fence_done);
	wl_signal_init(&memory->events.revoke);
	wl_signal_init(&memory->events.unused);
	return memory;
}

struct gp_blob_memory *gp_blob_memory_ref(struct gp_blob_memory *memory) {
	memory->n_refs++;
	return memory;
}

static void release_memory(struct gp_blob_memory *memory) {
	gp_mapping_unmap(&memory->mapping);
	gp_fd_close(&memory->fd);
}

void gp_blob_memory_unref(struct gp_blob_memory *memory) {
	if (memory == NULL || --memory->n_refs > 0) {
		return;
	}
	gp_read_fence_finish(&memory->fence);
	gp_read_points_finish(&memory->read_points);
	release_memory(memory);
	memory->quota->n_blobs--;
	gp_quota_unref(memory->quota);
	free(memory);
}

static bool check_shm(const struct gp_blob_memory *memory, struct gp_import_failure *failure) {
	struct statfs info;
	if (fstatfs(memory->fd, &info) == 0 && info.f_type == HUGETLBFS_MAGIC) {
		/* After a hole was punched there may be no huge page to read. */
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"the memory file is of huge pages (hugetlbfs)");
		return false;
	}
	int seals = fcntl(memory->fd, F_GET_SEALS);
	if (seals < 0) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"not a memory file with seals: %s", strerror(errno));
		return false;
	}
	if ((seals & F_SEAL_SHRINK) == 0) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"the memory file is not sealed against shrinking");
		return false;
	}
	return true;
}

/* dma-bufs have a file system of their own: no ioctl, which may have side effects, is needed. */
static bool check_dmabuf(const struct gp_blob_memory *memory, struct gp_import_failure *failure) {
	struct statfs info;
	if (fstatfs(memory->fd, &info) < 0 || info.f_type != DMA_BUF_MAGIC) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"the file descriptor is not a dma-buf");
		return false;
	}
	return true;
}

static int64_t file_size(const struct gp_blob_memory *memory) {
	if (memory->kind != GUEST_BLOB_V1_KIND_SHM) {
		return lseek(memory->fd, 0, SEEK_END);
	}
	struct stat info;
	return fstat(memory->fd, &info) < 0 ? -1 : info.st_size;
}

bool gp_blob_memory_check(const struct gp_blob_memory *memory, struct gp_import_failure *failure) {
	if (memory->failure.message[0] != '\0') {
		*failure = memory->failure;
		return false;
	}
	bool ok = memory->kind == GUEST_BLOB_V1_KIND_SHM ? check_shm(memory, failure)
							 : check_dmabuf(memory, failure);
	if (!ok) {
		return false;
	}

	int64_t size = file_size(memory);
	if (size < 0 || (uint64_t)size < memory->size) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"the memory has %lld bytes, less than the %llu of the blob",
			(long long)size, (unsigned long long)memory->size);
		return false;
	}
	return true;
}

/* The kernel says only here who has exported a dma-buf. The client cannot change the first line. */
static bool get_exporter(int fd, char name[32]) {
	char path[48], line[256];
	bool found = false;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *file = fopen(path, "re");
	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		found = sscanf(line, "exp_name: %31s", name) == 1;
	}
	if (file != NULL) {
		fclose(file);
	}
	return found;
}

static bool check_mappable(const struct gp_blob_memory *memory, struct gp_import_failure *failure) {
	char exporter[32] = "unknown";
	if (memory->kind == GUEST_BLOB_V1_KIND_SHM) {
		return true;
	}
	if (memory->kind == GUEST_BLOB_V1_KIND_SYSTEM_DMABUF) {
		/* What the kind says is the client's word. */
		if (get_exporter(memory->fd, exporter) &&
			(strcmp(exporter, "udmabuf") == 0 || strcmp(exporter, "system") == 0)) {
			return true;
		}
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND,
			"the CPU reads no dma-buf of the exporter %s", exporter);
		return false;
	}
	gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND,
		"the CPU does not read the memory of a device");
	return false;
}

bool gp_blob_memory_map(struct gp_blob_memory *memory, struct gp_import_failure *failure) {
	if (memory->mapping.data == NULL && !check_mappable(memory, failure)) {
		return false;
	}
	return gp_mapping_map(&memory->mapping, memory->fd, memory->size,
		memory->kind == GUEST_BLOB_V1_KIND_SHM, failure);
}

bool gp_blob_memory_is_pool(const struct gp_blob_memory *memory) {
	/* The parent maps a pool for writing, and ends the connection if it cannot. */
	const int forbidden = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	const int needed = F_SEAL_SHRINK | F_SEAL_SEAL;
	int seals = fcntl(memory->fd, F_GET_SEALS);
	int flags = fcntl(memory->fd, F_GETFL);
	return seals >= 0 && (seals & forbidden) == 0 && (seals & needed) == needed && flags >= 0 &&
		(flags & O_ACCMODE) == O_RDWR && memory->size <= INT32_MAX;
}

static void sync_dmabuf(const struct gp_blob_memory *memory, uint64_t flags) {
	if (memory->kind == GUEST_BLOB_V1_KIND_SHM) {
		return;
	}
	struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_READ};
	int ret;
	do {
		ret = ioctl(memory->fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	if (ret < 0) {
		gp_debug("DMA_BUF_IOCTL_SYNC: %m");
	}
}

/* Later: this may be in the midst of a frame. */
static void handle_failure(void *data) {
	struct gp_blob_memory *memory = data;
	memory->failure_source = NULL;
	wl_signal_emit_mutable(&memory->events.revoke, memory);
	gp_blob_memory_unref(memory);
}

static void fail(struct gp_blob_memory *memory, const struct gp_import_failure *failure) {
	if (memory->failure.message[0] != '\0') {
		return;
	}
	memory->failure = *failure;
	memory->failure_source = wl_event_loop_add_idle(memory->loop, handle_failure, memory);
	if (memory->failure_source != NULL) {
		gp_blob_memory_ref(memory);
	}
}

bool gp_blob_memory_begin_read(struct gp_blob_memory *memory) {
	struct gp_import_failure failure;
	if (memory->failure.message[0] != '\0' || memory->fd < 0) {
		return false;
	}
	if (!gp_blob_memory_map(memory, &failure)) {
		fail(memory, &failure);
		return false;
	}
	gp_mapping_begin_read(&memory->mapping);
	sync_dmabuf(memory, DMA_BUF_SYNC_START);
	return true;
}

void gp_blob_memory_end_read(struct gp_blob_memory *memory) {
	struct gp_import_failure failure;
	sync_dmabuf(memory, DMA_BUF_SYNC_END);
	if (!gp_mapping_end_read(&memory->mapping)) {
		gp_import_failure_set(&failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"the memory was not there when it was read");
		fail(memory, &failure);
	}
}

void gp_blob_memory_add_user(struct gp_blob_memory *memory) {
	gp_blob_memory_ref(memory);
	memory->n_users++;
	memory->was_used = true;
}

void gp_blob_memory_remove_user(struct gp_blob_memory *memory) {
	if (--memory->n_users == 0) {
		gp_blob_memory_end_use(memory);
	}
	gp_blob_memory_unref(memory);
}

void gp_blob_memory_revoke(struct gp_blob_memory *memory) {
	memory->revoked = true;
	wl_signal_emit_mutable(&memory->events.revoke, memory);
	if (memory->n_users == 0) {
		gp_blob_memory_end_use(memory);
	}
}

void gp_blob_memory_add_read_point(
	struct gp_blob_memory *memory, struct wlr_drm_syncobj_timeline *timeline, uint64_t point) {
	gp_read_points_add(&memory->read_points, timeline, point);
}

bool gp_blob_memory_wait_read(struct gp_blob_memory *memory, struct gp_read_fence *fence) {
	/* What was never checked may be any file, also one whose poll never returns. */
	return memory->kind != GUEST_BLOB_V1_KIND_SHM && memory->was_used && memory->fd >= 0 &&
		gp_read_fence_wait(fence, memory->loop, memory->fd, &memory->read_points);
}

static void set_unused(struct gp_blob_memory *memory) {
	memory->unused = true;
	release_memory(memory);
	wl_signal_emit_mutable(&memory->events.unused, memory);
}

static void handle_fence_done(struct gp_read_fence *fence) {
	struct gp_blob_memory *memory = wl_container_of(fence, memory, fence);
	set_unused(memory);
}

void gp_blob_memory_end_use(struct gp_blob_memory *memory) {
	if (memory->revoked && !memory->unused && !gp_read_fence_is_waiting(&memory->fence) &&
		!gp_blob_memory_wait_read(memory, &memory->fence)) {
		set_unused(memory);
	}
}

#include "compositor/memory/blob_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "compositor/memory/import_failure.h"
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
	if (memory->data != NULL) {
		munmap((void *)memory->data, memory->n_mapped);
		gp_quota_remove_mapped(memory->quota, memory->n_mapped);
		memory->data = NULL;
	}
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

/* munmap takes whole huge pages only. */
static size_t mapping_size(const struct gp_blob_memory *memory) {
	struct stat info;
	size_t unit = fstat(memory->fd, &info) == 0 && info.st_blksize > 0 ? info.st_blksize : 4096;
	return (memory->size + unit - 1) / unit * unit;
}

bool gp_blob_memory_map(struct gp_blob_memory *memory, struct gp_import_failure *failure) {
	if (memory->data != NULL) {
		return true;
	}

	size_t size = mapping_size(memory);
	if (!gp_quota_add_mapped(memory->quota, size)) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_NO_MEMORY,
			"too much memory of the client is mapped");
		return false;
	}
	void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, memory->fd, 0);
	if (data == MAP_FAILED) {
		gp_quota_remove_mapped(memory->quota, size);
		gp_import_failure_set(failure,
			errno == ENOMEM ? GUEST_BLOB_V1_FAILURE_NO_MEMORY
					: GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND,
			"the CPU cannot map this memory: %s", strerror(errno));
		return false;
	}
	memory->data = data;
	memory->n_mapped = size;
	return true;
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

void gp_blob_memory_begin_read(struct gp_blob_memory *memory) {
	sync_dmabuf(memory, DMA_BUF_SYNC_START);
}

void gp_blob_memory_end_read(struct gp_blob_memory *memory) {
	sync_dmabuf(memory, DMA_BUF_SYNC_END);
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

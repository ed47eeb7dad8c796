#include "vmm-bridge/qemu/memory.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/sigbus.h"
#include "vmm-bridge/present/presenter.h"

/* Memory that nobody shows is kept for its import, but it is QEMU's, or the guest's. */
#define UNUSED_BYTES_MAX (256u << 20)

static struct gp_qemu_memory *from_base(struct gp_memory *base) {
	struct gp_qemu_memory *memory;
	return wl_container_of(base, memory, base);
}

static void describe(const struct gp_memory *base, char *out, size_t size) {
	const struct gp_qemu_memory *memory = wl_container_of(base, memory, base);
	static const char *const names[] = {
		[GP_QEMU_MEMORY_FILE] = "QEMU's memory file",
		[GP_QEMU_MEMORY_DMABUF] = "QEMU's dma-buf",
		[GP_QEMU_MEMORY_BYTES] = "QEMU's message",
	};
	snprintf(out, size, "%s %llu", names[memory->kind], (unsigned long long)memory->inode);
}

static bool export_memory(struct gp_memory *base, struct gp_memory_file *out) {
	const struct gp_qemu_memory *memory = from_base(base);
	snprintf(out->reason, sizeof(out->reason), "%s",
		memory->reason != NULL ? memory->reason : "");
	if (memory->reason != NULL) {
		return false;
	}
	out->fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
	if (out->fd < 0) {
		snprintf(out->reason, sizeof(out->reason), "cannot duplicate QEMU's dma-buf: %s",
			strerror(errno));
		return false;
	}
	out->size = base->size;
	out->kind = GP_CLIENT_BLOB_SYSTEM_DMABUF;
	out->how = "qemu-dmabuf";
	return true;
}

/* Waits for writers, and makes the CPU see what they wrote. */
static void sync_dmabuf(const struct gp_qemu_memory *memory, uint64_t flags) {
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_READ | flags};
	if (memory->kind == GP_QEMU_MEMORY_DMABUF) {
		ioctl(memory->fd, DMA_BUF_IOCTL_SYNC, &sync);
	}
}

static uint64_t read_rows(struct gp_memory *base, uint8_t *copy,
	const struct gp_client_layout *layout, const struct gp_rect *rect) {
	const struct gp_qemu_memory *memory = from_base(base);
	sync_dmabuf(memory, DMA_BUF_SYNC_START);
	uint64_t copied = gp_qemu_image_read(&memory->image, memory->bytes,
		copy + layout->planes[0].offset, layout->planes[0].stride, rect);
	sync_dmabuf(memory, DMA_BUF_SYNC_END);
	return copied;
}

static const struct gp_memory_ops readable_ops = {
	.export = export_memory,
	.read_rows = read_rows,
	.describe = describe,
};

static const struct gp_memory_ops unreadable_ops = {
	.export = export_memory,
	.describe = describe,
};

void gp_qemu_memories_init(
	struct gp_qemu_memories *memories, struct gp_presenter *presenter, bool force_copy) {
	*memories = (struct gp_qemu_memories){.presenter = presenter, .force_copy = force_copy};
	wl_list_init(&memories->list);
}

static void memory_free(struct gp_qemu_memory *memory) {
	if (memory->mapping != NULL) {
		gp_sigbus_unguard(memory->mapping);
		munmap(memory->mapping, memory->mapping_size);
	}
	if (memory->kind == GP_QEMU_MEMORY_BYTES) {
		free(memory->bytes);
	}
	gp_fd_close(&memory->fd);
	free(memory);
}

static void drop(struct gp_qemu_memories *memories, struct gp_qemu_memory *memory) {
	gp_presenter_revoke(memories->presenter, &memory->base, 0, false);
	wl_list_remove(&memory->link);
	memories->n--;
	memory_free(memory);
}

void gp_qemu_memories_finish(struct gp_qemu_memories *memories) {
	struct gp_qemu_memory *memory, *tmp;
	wl_list_for_each_safe (memory, tmp, &memories->list, link) {
		drop(memories, memory);
	}
}

/* Drops what was not shown for longest, until a further memory is within the limits. */
static void make_room(struct gp_qemu_memories *memories) {
	uint64_t bytes = 0;
	size_t n = 0;
	struct gp_qemu_memory *memory, *tmp;
	wl_list_for_each_safe (memory, tmp, &memories->list, link) {
		n++;
		bytes += memory->n_users == 0 ? memory->base.size : 0;
		if (memory->n_users == 0 &&
			(n >= GP_QEMU_MEMORIES_MAX || bytes > UNUSED_BYTES_MAX)) {
			n--;
			bytes -= memory->base.size;
			drop(memories, memory);
		}
	}
}

static void insert(struct gp_qemu_memories *memories, struct gp_qemu_memory *memory,
	enum gp_client_blob_kind kind, uint64_t size) {
	make_room(memories);
	gp_memory_init(&memory->base, memory->bytes != NULL ? &readable_ops : &unreadable_ops, kind,
		size, memories->next_id++);
	wl_list_insert(&memories->list, &memory->link);
	memories->n++;
}

/* A memory file, a dma-buf, or neither: -1. */
static int find_kind(int fd, struct stat *st) {
	struct statfs fs;
	if (fstat(fd, st) != 0 || fstatfs(fd, &fs) != 0) {
		return -1;
	}
	if ((unsigned long)fs.f_type == DMA_BUF_MAGIC) {
		return GP_QEMU_MEMORY_DMABUF;
	}
	/* Files of a disk have no seals; huge pages that are taken away cannot be replaced. */
	return (unsigned long)fs.f_type != HUGETLBFS_MAGIC && S_ISREG(st->st_mode) &&
			fcntl(fd, F_GET_SEALS) >= 0
		? GP_QEMU_MEMORY_FILE
		: -1;
}

/* Makes the image readable here. False: the memory cannot be mapped. */
static bool map(struct gp_qemu_memory *memory, uint64_t file_size) {
	const uint64_t page = (uint64_t)getpagesize();
	uint64_t from = memory->image.offset / page * page;
	uint64_t size =
		(uint64_t)memory->image.stride * memory->image.height + memory->image.offset - from;
	size = from + size > file_size ? file_size - from : size; // of the last row
	void *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, memory->fd, (off_t)from);
	if (mapping == MAP_FAILED) {
		return false;
	}
	if (!gp_sigbus_guard(mapping, (size + page - 1) / page * page, page)) {
		munmap(mapping, size);
		return false;
	}
	memory->mapping = mapping;
	memory->mapping_size = size;
	memory->bytes = (uint8_t *)mapping - from;
	return true;
}

/* Rows of the image without gaps, from the file's first byte on. */
static struct gp_client_layout compact_layout(const struct gp_qemu_image *image) {
	return (struct gp_client_layout){
		.width = image->width,
		.height = image->height,
		.format = image->format->drm,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.planes = {{0, image->width * 4}},
		.n_planes = 1,
	};
}

static uint64_t layout_size(const struct gp_client_layout *layout) {
	return (uint64_t)layout->planes[0].stride * layout->height;
}

/* Why the file cannot be handed on as it is; NULL: it can. */
static const char *find_reason(
	const struct gp_qemu_memories *memories, const struct gp_qemu_memory *memory) {
	if (memory->kind == GP_QEMU_MEMORY_FILE) {
		return "QEMU sends no dma-buf without gl=on and a device with blob=true, and the "
		       "memory that it sends may shrink";
	}
	if (memories->force_copy) {
		return "copies were asked for (--export copy)";
	}
	if (memory->image.format->convert != NULL) {
		return "its pixels have fewer than 8 bits a channel, or 3 bytes";
	}
	return memory->image.flipped ? "it is upside down" : NULL;
}

/* What is known of the file is in *memory. */
static const char *add_file(
	struct gp_qemu_memories *memories, struct gp_qemu_memory *memory, uint64_t file_size) {
	bool tiled = memory->image.modifier != DRM_FORMAT_MOD_LINEAR;
	bool readable = !tiled && map(memory, file_size);
	memory->reason = find_reason(memories, memory);
	if (memory->reason != NULL && !readable) {
		return memory->kind == GP_QEMU_MEMORY_FILE ? "it cannot be mapped" : memory->reason;
	}
	memory->layout = compact_layout(&memory->image);
	if (memory->reason != NULL) {
		insert(memories, memory, GP_CLIENT_BLOB_SHM, layout_size(&memory->layout));
		return NULL;
	}
	memory->layout.modifier = memory->image.modifier;
	memory->layout.planes[0] =
		(struct gp_client_plane){memory->image.offset, memory->image.stride};
	insert(memories, memory, GP_CLIENT_BLOB_SYSTEM_DMABUF, file_size);
	return NULL;
}

struct gp_qemu_memory *gp_qemu_memories_get(struct gp_qemu_memories *memories,
	const struct gp_qemu_image *image, int fd, const char **refusal) {
	struct stat st;
	int kind = find_kind(fd, &st);
	if (kind < 0) {
		*refusal = "the descriptor is neither a memory file nor a dma-buf";
		return NULL;
	}
	/* Of one that is known, too: what is seen of it comes with each message. */
	off_t size = lseek(fd, 0, SEEK_END);
	*refusal = "the image does not fit into its file";
	if (size <= 0 || !gp_qemu_image_fits(image, (uint64_t)size)) {
		return NULL;
	}
	struct gp_qemu_memory *memory;
	wl_list_for_each (memory, &memories->list, link) {
		if (memory->fd >= 0 && memory->device == st.st_dev && memory->inode == st.st_ino &&
			gp_qemu_image_equal(&memory->image, image)) {
			wl_list_remove(&memory->link);
			wl_list_insert(&memories->list, &memory->link);
			return memory;
		}
	}
	memory = calloc(1, sizeof(*memory));
	*refusal = "no memory";
	if (memory == NULL) {
		return NULL;
	}
	memory->kind = (enum gp_qemu_memory_kind)kind;
	memory->image = *image;
	memory->device = st.st_dev;
	memory->inode = st.st_ino;
	memory->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (memory->fd >= 0) {
		*refusal = add_file(memories, memory, (uint64_t)size);
	}
	if (*refusal != NULL) {
		memory_free(memory);
		return NULL;
	}
	return memory;
}

struct gp_qemu_memory *gp_qemu_memories_add_bytes(
	struct gp_qemu_memories *memories, const struct gp_qemu_image *image) {
	struct gp_qemu_memory *memory = calloc(1, sizeof(*memory));
	if (memory == NULL) {
		return NULL;
	}
	memory->kind = GP_QEMU_MEMORY_BYTES;
	memory->fd = -1;
	memory->reason = "QEMU sends pixels in messages; its display has no memory to share";
	memory->layout = compact_layout(image);
	memory->image = *image;
	memory->image.format = gp_qemu_format_from_drm(memory->layout.format);
	memory->image.offset = 0;
	memory->image.stride = memory->layout.planes[0].stride;
	memory->image.flipped = false;
	memory->bytes = calloc(1, layout_size(&memory->layout));
	if (memory->bytes == NULL) {
		memory_free(memory);
		return NULL;
	}
	insert(memories, memory, GP_CLIENT_BLOB_SHM, layout_size(&memory->layout));
	return memory;
}

void gp_qemu_memory_write(struct gp_qemu_memory *memory, const struct gp_qemu_image *part,
	const uint8_t *bytes, uint32_t x, uint32_t y) {
	const struct gp_rect all = {0, 0, part->width, part->height};
	gp_qemu_image_read(part, bytes,
		memory->bytes + (uint64_t)y * memory->image.stride + (uint64_t)x * 4,
		memory->image.stride, &all);
}

void gp_qemu_memory_use(struct gp_qemu_memory *memory) {
	if (memory != NULL) {
		memory->n_users++;
	}
}

void gp_qemu_memories_unuse(struct gp_qemu_memories *memories, struct gp_qemu_memory *memory) {
	/* Bytes are written once: nobody sends them again. */
	if (memory != NULL && --memory->n_users == 0 && memory->kind == GP_QEMU_MEMORY_BYTES) {
		drop(memories, memory);
	}
}

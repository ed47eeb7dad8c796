#ifndef GP_VMM_BRIDGE_QEMU_MEMORY_H
#define GP_VMM_BRIDGE_QEMU_MEMORY_H

#include <sys/types.h>

#include "vmm-bridge/present/memory.h"
#include "vmm-bridge/qemu/pixels.h"

/**
 * What QEMU shows, as memory of the presenter. QEMU sends a descriptor again and again, and frees
 * the memory without asking; so the descriptors are known by their inode, and one of ours keeps the
 * memory for as long as it is remembered. What a descriptor is decides, not the method that brought
 * it (behaviour F1):
 *
 *  - a dma-buf is handed on, if the compositor's way to describe it suffices;
 *  - a memory file is copied, as it may shrink at any time; it is read under a guard;
 *  - bytes in a message are copied, too.
 */

#define GP_QEMU_MEMORIES_MAX 24 // of all consoles: three buffers each, and what was there before

enum gp_qemu_memory_kind {
	GP_QEMU_MEMORY_FILE,
	GP_QEMU_MEMORY_DMABUF,
	GP_QEMU_MEMORY_BYTES,
};

struct gp_qemu_memory {
	struct gp_memory base;
	struct wl_list link; // gp_qemu_memories.list
	enum gp_qemu_memory_kind kind;
	unsigned n_users; // consoles that show it
	struct gp_qemu_image image; // in the file, or in the bytes
	struct gp_client_layout layout; // as the presenter has it
	const char *reason; // why the file is not handed on; NULL: it is
	dev_t device; // with inode: of the file
	ino_t inode;
	int fd; // owned; -1: bytes
	uint8_t *bytes; // the image's memory, from its file's first byte on; NULL: cannot be read
	void *mapping; // what munmap gets
	size_t mapping_size;
};

struct gp_qemu_memories {
	struct gp_presenter *presenter;
	bool force_copy; // no dma-bufs are wanted
	struct wl_list list; // gp_qemu_memory.link, most recently used first
	size_t n;
	uint64_t next_id;
};

/* presenter must outlive it, but for a finish without memories. */
void gp_qemu_memories_init(
	struct gp_qemu_memories *memories, struct gp_presenter *presenter, bool force_copy);
/* Drops all memories; nobody may use any. */
void gp_qemu_memories_finish(struct gp_qemu_memories *memories);

/**
 * The memory of an image in a file, which stays the caller's. NULL with *refusal, a static text, if
 * it cannot be shown.
 */
struct gp_qemu_memory *gp_qemu_memories_get(struct gp_qemu_memories *memories,
	const struct gp_qemu_image *image, int fd, const char **refusal);
/**
 * Memory for bytes of messages, black at first. Its image has 4 bytes per pixel. NULL: no memory.
 */
struct gp_qemu_memory *gp_qemu_memories_add_bytes(
	struct gp_qemu_memories *memories, const struct gp_qemu_image *image);
/* Writes a part of an image that came in a message, at x and y of it; it must be inside. */
void gp_qemu_memory_write(struct gp_qemu_memory *memory, const struct gp_qemu_image *part,
	const uint8_t *bytes, uint32_t x, uint32_t y);

/* A console shows it, or does no longer. memory NULL is fine. */
void gp_qemu_memory_use(struct gp_qemu_memory *memory);
void gp_qemu_memories_unuse(struct gp_qemu_memories *memories, struct gp_qemu_memory *memory);

#endif

#ifndef GP_VMM_BRIDGE_PRESENT_MEMORY_H
#define GP_VMM_BRIDGE_PRESENT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-util.h>

#include "client/guest_scanout.h"
#include "common/rects.h"

/**
 * Memory of a guest that buffers lie in: what a source brings to the presenter. It is a file
 * already, or something that exports to one. It belongs to the source, which may free it after
 * gp_presenter_revoke.
 */

struct gp_memory;

/* Memory as a file that the compositor can have. */
struct gp_memory_file {
	int fd; // owned
	uint64_t size; // bytes
	enum gp_client_blob_kind kind;
	bool revocable; // the guest may take it back
	unsigned n_halves; // that gp_memory_ops.update_half writes; 0: there are none
	uint64_t half_size; // bytes from one to the next
	const char *how; // the way it was made, in a word for people; static
	char device[32]; // PCI address for GP_CLIENT_BLOB_DEVICE_DMABUF, else empty
	char reason[256]; // why not in a better way, with its cure; empty for the best
};

/* The half of its file that was written last. */
struct gp_memory_half {
	unsigned index;
	bool stale; // the memory has changed since
	bool reported; // update_half would report no change
};

struct gp_memory_ops {
	/**
	 * Makes the file, of gp_memory.kind and at least gp_memory.size bytes. *out is zero with fd
	 * -1 before. False, with out->reason, if that is not possible.
	 */
	bool (*export)(struct gp_memory *memory, struct gp_memory_file *out);
	/**
	 * Brings a rectangle, in pixels of the layout, up to date in a copy of the memory. The
	 * copy has gp_memory.size bytes. Returns the number of bytes that were copied. NULL: it
	 * cannot be read here.
	 */
	uint64_t (*read_rows)(struct gp_memory *memory, uint8_t *copy,
		const struct gp_client_layout *layout, const struct gp_rect *rect);
	/**
	 * Which parts of a rectangle differ from a copy: they are added to *changed. NULL: that
	 * cannot be said.
	 */
	void (*find_changes)(struct gp_memory *memory, const uint8_t *copy,
		const struct gp_client_layout *layout, const struct gp_rect *rect,
		struct gp_rects *changed);
	/**
	 * For a file of our own with halves, so that there is one to write into while the
	 * compositor reads the other. NULL: there are none, and the file has what the guest
	 * changes.
	 *
	 * update_half brings a half, which nobody should read, up to date; it is the last one then.
	 * *changed, in pixels, is what has changed since the last call, perhaps nothing. Returns
	 * the number of bytes that were written.
	 */
	struct gp_memory_half (*get_half)(const struct gp_memory *memory);
	uint64_t (*update_half)(struct gp_memory *memory, unsigned half, struct gp_rect *changed);
	/* Its name for log lines. */
	void (*describe)(const struct gp_memory *memory, char *out, size_t size);
};

#define GP_MEMORY_ID_NONE UINT64_MAX // of memory that no source has

struct gp_memory {
	const struct gp_memory_ops *ops;
	enum gp_client_blob_kind kind; // of its file
	uint64_t size; // bytes
	uint64_t id; // the source's; it may give it to other memory after gp_presenter_revoke
	bool host_copy; // pixels that only we write: not the guest's own memory
	struct wl_list imports; // gp_import.memory_link, newest first
};

void gp_memory_init(struct gp_memory *memory, const struct gp_memory_ops *ops,
	enum gp_client_blob_kind kind, uint64_t size, uint64_t id);

#endif

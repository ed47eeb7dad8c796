#ifndef GP_COMPOSITOR_OUTPUT_REFUSALS_H
#define GP_COMPOSITOR_OUTPUT_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GP_REFUSALS_MAX 8
#define GP_REFUSAL_REASON_MAX 112

/**
 * What decides, as far as we know, whether a plane takes a buffer.
 */
struct gp_buffer_class {
	uint32_t kind; // enum guest_blob_v1_kind
	uint32_t format; // DRM fourcc
	uint64_t modifier;
	bool cropped; // only a part of the buffer is shown
};

/**
 * The classes of buffers that an output refused to scan out, so that it is not asked for each
 * frame: wlroots would import and test each time. All zeros is empty.
 */
struct gp_refusals {
	struct gp_refused_class {
		struct gp_buffer_class class;
		char reason[GP_REFUSAL_REASON_MAX];
	} items[GP_REFUSALS_MAX];
	size_t count;
};

/* Copies the reason. A known class keeps its old one; if there is no room, the oldest is dropped. */
void gp_refusals_add(
	struct gp_refusals *refusals, const struct gp_buffer_class *class, const char *reason);
/* Why the class was refused, NULL if it was not. Valid until the next change. */
const char *gp_refusals_find(
	const struct gp_refusals *refusals, const struct gp_buffer_class *class);

#endif

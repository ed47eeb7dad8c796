#ifndef GP_COMPOSITOR_OUTPUT_REFUSALS_H
#define GP_COMPOSITOR_OUTPUT_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GP_REFUSALS_MAX 8
/* How long a class is not tried: at first, and at most, as it doubles with each refusal. */
#define GP_REFUSAL_FIRST_NS 10000000000ull
#define GP_REFUSAL_LONGEST_NS 640000000000ull
#define GP_REFUSAL_REASON_MAX 112

/**
 * What decides, as far as we know, whether a plane takes a buffer.
 */
struct gp_buffer_class {
	uint32_t kind; // enum guest_blob_v1_kind
	uint32_t format; // DRM fourcc
	uint64_t modifier;
	uint32_t alignment; // of the stride, bytes: a power of two
	bool cropped; // only a part of the buffer is shown
	bool scaled; // it does not cover the output pixel by pixel
};

/**
 * The classes of buffers that an output refused to scan out, so that it is not asked for each
 * frame: wlroots would import and test each time. A refusal may be for want of memory or bandwidth
 * at that moment, so it holds for a while, longer each time. Pure: time is an argument. All zeros
 * is empty.
 */
struct gp_refusals {
	struct gp_refused_class {
		struct gp_buffer_class class;
		uint64_t pause_ns, end_ns; // it holds so long, until then
		char reason[GP_REFUSAL_REASON_MAX];
	} items[GP_REFUSALS_MAX];
	size_t count;
};

/**
 * Copies the reason; a known class keeps its old one, and is refused for longer. If there is no
 * room, the oldest is dropped. Returns whether the class is new.
 */
bool gp_refusals_add(struct gp_refusals *refusals, const struct gp_buffer_class *class,
	const char *reason, uint64_t now_ns);
/* Why the class is refused now, or NULL if it may be tried. Valid until the next change. */
const char *gp_refusals_find(
	const struct gp_refusals *refusals, const struct gp_buffer_class *class, uint64_t now_ns);
/* The output took a buffer of the class. */
void gp_refusals_remove(struct gp_refusals *refusals, const struct gp_buffer_class *class);

#endif

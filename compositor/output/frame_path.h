#ifndef GP_COMPOSITOR_OUTPUT_FRAME_PATH_H
#define GP_COMPOSITOR_OUTPUT_FRAME_PATH_H

#include <stdbool.h>
#include <stdint.h>

#define GP_PATH_REASON_MAX 160

/* The name of a presentation path in the status: "direct". */
const char *gp_path_name(uint32_t path);

/**
 * What is known when a guest's frame is committed to an output.
 */
struct gp_frame_facts {
	bool copied; // the buffer is a copy that the bridge made
	bool direct; // the output was given the buffer itself
	bool mapped; // the renderer reads buffers with the CPU
	bool parent; // the output is a window of another Wayland compositor
	bool other_gpu; // it is driven by a GPU that gets copies of what the renderer's GPU has

	/* Why the output was not given the buffer. */
	const char *no_plane; // why there is nothing that could scan it out; NULL if there is
	bool scaled; // the picture has not the output's size
	bool overlaid; // a cursor or a label is drawn above it
	bool translucent; // it has an alpha channel that an output might not ignore
	const char *refusal; // why the output does not scan out such buffers, or NULL
	bool captured; // somebody wants composited frames
	bool rotated;
};

/**
 * Returns enum guest_scanout_v1_path, and why it is not a better one in reason. What a parent
 * compositor does with a frame only it knows: there the reason is empty.
 */
uint32_t gp_frame_path(const struct gp_frame_facts *facts, char reason[GP_PATH_REASON_MAX]);

#endif

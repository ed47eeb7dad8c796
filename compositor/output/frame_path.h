#ifndef GP_COMPOSITOR_OUTPUT_FRAME_PATH_H
#define GP_COMPOSITOR_OUTPUT_FRAME_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gp_view;
struct wlr_buffer;
struct wlr_output;

#define GP_PATH_REASON_MAX 160

/* The name of a way in status: "direct". */
const char *gp_path_name(uint32_t path);

/**
 * What is known when a frame is committed to an output.
 */
struct gp_frame_facts {
	struct wlr_output *output;
	struct wlr_buffer *buffer;
	bool is_direct; // wlr_scene gave the buffer itself to the output
	bool is_scaled; // the picture has not the output's size
	bool is_overlaid; // a cursor or a label is drawn above it
	const char *refusal; // why the output does not scan out such buffers, or NULL
	bool is_translucent; // it has an alpha channel that an output might not ignore
};

/* Returns enum guest_scanout_v1_path, and why it is not a better one in reason. */
uint32_t gp_frame_path(const struct gp_frame_facts *facts, char reason[GP_PATH_REASON_MAX]);

#define GP_FRAME_QUEUE_SIZE 16

/**
 * Frames of guests that were committed to an output and not yet presented. When there are too many
 * the oldest is forgotten.
 */
struct gp_frame_queue {
	struct gp_frame {
		uint32_t commit_seq; // of the output
		struct gp_view *view; // NULL if it has gone meanwhile
		bool is_new; // false: it was counted before
		uint64_t trace_id; // 0: the trace does not tell of it
		uint32_t path;
		char reason[GP_PATH_REASON_MAX];
	} frames[GP_FRAME_QUEUE_SIZE];
	size_t first, count;
};

/* Returns a new place at the end, with everything but commit_seq zero. */
struct gp_frame *gp_frame_queue_push(struct gp_frame_queue *queue, uint32_t commit_seq);
/**
 * Removes the frames up to that sequence number. Returns whether there was one of exactly that
 * number and copies it.
 */
bool gp_frame_queue_pop(struct gp_frame_queue *queue, uint32_t commit_seq, struct gp_frame *frame);
void gp_frame_queue_forget_view(struct gp_frame_queue *queue, const struct gp_view *view);

#endif

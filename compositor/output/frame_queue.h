#ifndef GP_COMPOSITOR_OUTPUT_FRAME_QUEUE_H
#define GP_COMPOSITOR_OUTPUT_FRAME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/output/frame_path.h"

struct gp_view;

#define GP_FRAME_QUEUE_SIZE 16

/**
 * Frames of guests that were committed to an output and not yet presented. When there are too many
 * the oldest is forgotten.
 */
struct gp_frame_queue {
	struct gp_frame {
		uint32_t commit_seq; // of the output
		struct gp_view *view; // NULL if it was destroyed or moved meanwhile
		bool is_new; // false: it was counted before
		bool bare; // nothing of ours lies over it
		uint64_t guest_ns; // when the guest committed it
		uint64_t trace_id; // 0: it is not traced
		uint32_t path;
		char reason[GP_PATH_REASON_MAX];
	} frames[GP_FRAME_QUEUE_SIZE];
	size_t first, count;
};

/* Appends a frame, with everything but commit_seq zero. */
struct gp_frame *gp_frame_queue_push(struct gp_frame_queue *queue, uint32_t commit_seq);
/**
 * Removes the frames up to that sequence number, which may wrap around. Returns whether there was
 * one of exactly that number, and copies it.
 */
bool gp_frame_queue_pop(struct gp_frame_queue *queue, uint32_t commit_seq, struct gp_frame *frame);
void gp_frame_queue_forget_view(struct gp_frame_queue *queue, const struct gp_view *view);

#endif

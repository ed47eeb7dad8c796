#include "compositor/output/frame_queue.h"

static struct gp_frame *frame_at(struct gp_frame_queue *queue, size_t i) {
	return &queue->frames[(queue->first + i) % GP_FRAME_QUEUE_SIZE];
}

static void remove_first(struct gp_frame_queue *queue) {
	queue->first = (queue->first + 1) % GP_FRAME_QUEUE_SIZE;
	queue->count--;
}

struct gp_frame *gp_frame_queue_push(struct gp_frame_queue *queue, uint32_t commit_seq) {
	if (queue->count == GP_FRAME_QUEUE_SIZE) {
		remove_first(queue);
	}
	struct gp_frame *frame = frame_at(queue, queue->count++);
	*frame = (struct gp_frame){.commit_seq = commit_seq};
	return frame;
}

bool gp_frame_queue_pop(struct gp_frame_queue *queue, uint32_t commit_seq, struct gp_frame *frame) {
	while (queue->count > 0) {
		const struct gp_frame *first = frame_at(queue, 0);
		int32_t distance = (int32_t)(first->commit_seq - commit_seq);
		if (distance > 0) {
			return false;
		}
		*frame = *first;
		remove_first(queue);
		if (distance == 0) {
			return true;
		}
	}
	return false;
}

void gp_frame_queue_forget_view(struct gp_frame_queue *queue, const struct gp_view *view) {
	for (size_t i = 0; i < queue->count; i++) {
		struct gp_frame *frame = frame_at(queue, i);
		if (frame->view == view) {
			frame->view = NULL;
		}
	}
}

#include "compositor/output/frame_path.h"

#include <stdio.h>
#include <wlr/backend/headless.h>
#include <wlr/config.h>
#include <wlr/render/pixman.h>
#include <wlr/types/wlr_output.h>
#if WLR_HAS_X11_BACKEND
#include <wlr/backend/x11.h>
#endif

#include "compositor/guest/scanout.h"
#include "guest-scanout-v1-protocol.h"

const char *gp_path_name(uint32_t path) {
	static const char *const names[GP_PATHS] = {
		[GUEST_SCANOUT_V1_PATH_NONE] = "none",
		[GUEST_SCANOUT_V1_PATH_DIRECT] = "direct",
		[GUEST_SCANOUT_V1_PATH_GPU] = "gpu",
		[GUEST_SCANOUT_V1_PATH_MAPPED] = "mapped",
		[GUEST_SCANOUT_V1_PATH_COPIED] = "copied",
	};
	return names[path];
}

/* A copy stays one, even where the copy itself is scanned out. */
static bool is_copy(struct wlr_buffer *buffer) {
	struct wlr_dmabuf_attributes attribs;
	return !wlr_buffer_get_dmabuf(buffer, &attribs);
}

/* An output that takes buffers and shows them to nobody, or that copies them. */
static const char *why_no_plane(struct wlr_output *output) {
	if (wlr_output_is_headless(output)) {
		return "a headless output has no plane";
	}
#if WLR_HAS_X11_BACKEND
	if (wlr_output_is_x11(output)) {
		return "an X11 window has no plane";
	}
#endif
	return NULL;
}

static const char *why_composited(const struct gp_frame_facts *facts) {
	const char *no_plane = why_no_plane(facts->output);
	if (no_plane != NULL) {
		return no_plane;
	}
	if (facts->is_scaled) {
		return "the picture has not the size of the output";
	}
	if (facts->is_overlaid) {
		return "a cursor or a label lies over the picture";
	}
	if (facts->is_translucent) {
		return "the picture has an alpha channel, which must not be shown";
	}
	if (facts->refusal != NULL) {
		return facts->refusal;
	}
	if (facts->output->attach_render_locks > 0) {
		return "the output is being captured";
	}
	if (facts->output->transform != WL_OUTPUT_TRANSFORM_NORMAL) {
		return "the output is rotated";
	}
	return "the output does not take the buffer";
}

uint32_t gp_frame_path(const struct gp_frame_facts *facts, char reason[GP_PATH_REASON_MAX]) {
	reason[0] = '\0';
	if (is_copy(facts->buffer)) {
		snprintf(reason, GP_PATH_REASON_MAX, "the picture is a copy in shared memory");
		return GUEST_SCANOUT_V1_PATH_COPIED;
	}
	if (facts->is_direct && why_no_plane(facts->output) == NULL) {
		return GUEST_SCANOUT_V1_PATH_DIRECT;
	}
	if (!wlr_renderer_is_pixman(facts->output->renderer)) {
		snprintf(reason, GP_PATH_REASON_MAX, "%s", why_composited(facts));
		return GUEST_SCANOUT_V1_PATH_GPU;
	}
	snprintf(reason, GP_PATH_REASON_MAX, "%s, and the pixman renderer reads with the CPU",
		why_composited(facts));
	return GUEST_SCANOUT_V1_PATH_MAPPED;
}

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

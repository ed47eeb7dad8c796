#include <time.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_scene.h>

#include "common/log.h"
#include "compositor/guest_scanout.h"
#include "compositor/output.h"
#include "compositor/scanout_view.h"

void gp_output_frame_reset(struct gp_output *output) {
	if (output->is_refused) {
		output->is_refused = false;
		wlr_output_lock_attach_render(output->wlr_output, false);
	}
}

static void get_facts(const struct gp_output *output, struct gp_frame_facts *facts) {
	*facts = (struct gp_frame_facts){.output = output->wlr_output};
	gp_scanout_view_describe_frame(output->view, facts);
	facts->is_overlaid = facts->is_overlaid || output->showing == GP_SHOWING_PAUSED;
	facts->is_refused = output->is_refused;
}

/* Notes a guest's frame that was committed, to be counted when it is on screen. */
void gp_output_frame_handle_commit(struct gp_output *output) {
	struct gp_scanout_view *view = output->view;
	if (view == NULL || !view->is_sampled) {
		return;
	}
	view->is_sampled = false;
	if (view->n_counted == view->scanout->n_commits || view->scanout->content.buffer == NULL) {
		return;
	}
	view->n_counted = view->scanout->n_commits;

	struct gp_frame_facts facts;
	get_facts(output, &facts);
	struct gp_frame *frame =
		gp_frame_queue_push(&output->frames, output->wlr_output->commit_seq);
	frame->view = view;
	frame->way = gp_frame_way(&facts, frame->reason);
}

void gp_output_frame_handle_present(
	struct gp_output *output, const struct wlr_output_event_present *event) {
	struct gp_frame frame;
	if (!gp_frame_queue_pop(&output->frames, event->commit_seq, &frame) || !event->presented ||
		frame.view == NULL) {
		return;
	}
	output->n_frames[frame.way]++;
	frame.view->frames[frame.way]++;
	if (frame.view->is_shown) {
		gp_guest_scanout_send_way(frame.view->scanout, frame.way, frame.reason);
	}
}

/* Whether the buffer that is shown is of the class that was refused. */
static bool get_class(const struct gp_output *output, uint32_t *format, uint64_t *modifier) {
	struct wlr_dmabuf_attributes dmabuf;
	struct wlr_shm_attributes shm;
	struct wlr_buffer *buffer =
		output->view != NULL ? output->view->scanout->content.buffer : NULL;
	*modifier = 0;
	if (buffer == NULL) {
		return false;
	}
	if (wlr_buffer_get_dmabuf(buffer, &dmabuf)) {
		*format = dmabuf.format;
		*modifier = dmabuf.modifier;
		return true;
	}
	if (wlr_buffer_get_shm(buffer, &shm)) {
		*format = shm.format;
		return true;
	}
	return false;
}

static void unlock_other_class(struct gp_output *output) {
	uint32_t format;
	uint64_t modifier;
	if (output->is_refused &&
		(!get_class(output, &format, &modifier) || format != output->refused.format ||
			modifier != output->refused.modifier)) {
		gp_output_frame_reset(output);
	}
}

/*
 * A buffer that passed the test may be refused all the same when it counts. Then the frame is
 * composited, and so are those that follow, as long as they are of the same class.
 */
static void commit_frame(struct gp_output *output) {
	unlock_other_class(output);
	if (wlr_scene_output_commit(output->scene_output, NULL)) {
		return;
	}
	bool was_direct = output->view != NULL && output->view->is_sampled &&
		output->view->is_direct && !output->is_refused &&
		get_class(output, &output->refused.format, &output->refused.modifier);
	if (!was_direct) {
		gp_debug("output %s: commit failed", output->wlr_output->name);
		return;
	}
	gp_warn("output %s: refused to scan out a buffer that it had accepted; compositing",
		output->wlr_output->name);
	output->is_refused = true;
	wlr_output_lock_attach_render(output->wlr_output, true);
	wlr_scene_output_commit(output->scene_output, NULL);
}

void gp_output_frame_make(struct gp_output *output) {
	gp_splash_draw(&output->splash);
	if (wlr_scene_output_needs_frame(output->scene_output)) {
		commit_frame(output);
	}
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	wlr_scene_output_send_frame_done(output->scene_output, &now);
}

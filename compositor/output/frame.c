#include "compositor/output/frame.h"

#include <stdio.h>
#include <time.h>
#include <wlr/backend/headless.h>
#include <wlr/backend/session.h>
#include <wlr/backend/wayland.h>
#include <wlr/config.h>
#include <wlr/render/drm_format_set.h>
#include <wlr/render/pixman.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_scene.h>
#if WLR_HAS_DRM_BACKEND
#include <wlr/backend/drm.h>
#endif
#if WLR_HAS_X11_BACKEND
#include <wlr/backend/x11.h>
#endif

#include "common/clock.h"
#include "common/format.h"
#include "common/log.h"
#include "common/trace.h"
#include "compositor/guest/scanout.h"
#include "compositor/guest/scanout_events.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/output/hud.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"
#include "guest-scanout-v1-protocol.h"

/* No GPU asks for more of a stride. */
#define ALIGNMENT_MAX 256

static void set_composited(struct gp_output *output, bool composited) {
	if (output->composited != composited) {
		output->composited = composited;
		wlr_output_lock_attach_render(output->wlr_output, composited);
	}
}

void gp_output_frame_reset(struct gp_output *output) {
	output->refusals.count = 0;
}

/* Whether the picture does not cover the output pixel by pixel. */
static bool is_scaled(const struct gp_output *output) {
	const struct gp_view *view = output->view;
	int width, height;
	wlr_output_transformed_resolution(output->wlr_output, &width, &height);
	return view->scanout->width != width || view->scanout->height != height ||
		view->box.width != width || view->box.height != height;
}

/* Of what is shown; false if that is not a guest's buffer. */
static bool get_class(const struct gp_output *output, struct gp_buffer_class *class) {
	struct wlr_buffer *buffer =
		output->view != NULL ? output->view->scanout->content.buffer : NULL;
	const struct gp_guest_buffer *guest_buffer =
		buffer != NULL ? gp_guest_buffer_try_from_buffer(buffer) : NULL;
	if (guest_buffer == NULL || gp_guest_buffer_is_inert(guest_buffer)) {
		return false;
	}
	const struct wlr_fbox *source = &output->view->shape_source;
	const struct gp_buffer_layout *layout = &guest_buffer->layout;
	*class = (struct gp_buffer_class){
		.kind = guest_buffer->memory->kind,
		.format = layout->format,
		.modifier = layout->modifier,
		.alignment = layout->stride & -layout->stride,
		.cropped = !wlr_fbox_empty(source) &&
			(source->width != buffer->width || source->height != buffer->height),
		.scaled = is_scaled(output),
	};
	if (class->alignment > ALIGNMENT_MAX) {
		class->alignment = ALIGNMENT_MAX;
	}
	return true;
}

/* An output that takes buffers and shows them to nobody, or that copies them. */
static const char *why_no_plane(struct wlr_output *wlr_output) {
	if (wlr_output_is_headless(wlr_output)) {
		return "a headless output has no plane";
	}
#if WLR_HAS_X11_BACKEND
	if (wlr_output_is_x11(wlr_output)) {
		return "an X11 window has no plane";
	}
#endif
	return NULL;
}

/* Whether wlroots copies each buffer to the GPU of the output, scan-out or not. */
static bool is_on_other_gpu(struct wlr_output *wlr_output) {
#if WLR_HAS_DRM_BACKEND
	return wlr_output_is_drm(wlr_output) &&
		wlr_drm_backend_get_parent(wlr_output->backend) != NULL;
#else
	return false;
#endif
}

/* Of the frame that was committed; there has to be a buffer. */
static void get_facts(const struct gp_output *output, struct gp_frame_facts *facts) {
	struct wlr_output *wlr_output = output->wlr_output;
	const struct gp_view *view = output->view;
	const struct gp_guest_scanout *scanout = view->scanout;
	struct wlr_dmabuf_attributes attribs;
	*facts = (struct gp_frame_facts){
		.copied = !wlr_buffer_get_dmabuf(scanout->content.buffer, &attribs),
		.direct = view->direct,
		.mapped = wlr_renderer_is_pixman(wlr_output->renderer),
		.parent = wlr_output_is_wl(wlr_output),
		.other_gpu = is_on_other_gpu(wlr_output),
		.no_plane = why_no_plane(wlr_output),
		.scaled = is_scaled(output),
		.overlaid = gp_view_cursor_is_composed(&view->cursor) ||
			output->status_screen.label_text[0] != '\0',
		.captured = wlr_output->attach_render_locks > 0,
		.rotated = wlr_output->transform != WL_OUTPUT_TRANSFORM_NORMAL,
	};
	struct gp_buffer_class class;
	if (get_class(output, &class)) {
		facts->refusal = gp_refusals_find(&output->refusals, &class, gp_now_ns());
		facts->translucent = gp_format_from_drm(class.format)->has_alpha;
	}
}

static const char *kind_name(uint32_t kind) {
	switch (kind) {
	case GUEST_BLOB_V1_KIND_SHM:
		return "shared memory";
	case GUEST_BLOB_V1_KIND_DEVICE_DMABUF:
		return "device memory";
	default:
		return "system memory";
	}
}

static void refuse(
	struct gp_output *output, const struct gp_buffer_class *class, const char *words) {
	char reason[GP_REFUSAL_REASON_MAX];
	snprintf(reason, sizeof(reason), "%s %s%s in %s%s", words,
		class->cropped ? "a part of a buffer of " : "",
		gp_format_from_drm(class->format)->name, kind_name(class->kind),
		class->scaled ? ", scaled" : "");
	if (gp_refusals_add(&output->refusals, class, reason, gp_now_ns())) {
		/* That a plane does not scale is common. */
		static struct gp_log_limit limit = {.burst = 32, .interval_ns = 1000000000};
		gp_log_limited(&limit, class->scaled ? GP_LOG_INFO : GP_LOG_WARN, "output %s: %s",
			output->wlr_output->name, reason);
	}
}

/* Whether wlr_scene offered the picture to the output, which did not take it. */
static bool was_test_refused(const struct gp_output *output) {
	const struct wlr_session *session = output->outputs->session;
	const struct gp_view *view = output->view;
	struct gp_frame_facts facts;
	if (view->direct || output->configuring || output->wlr_output->attach_render_locks > 0 ||
		(session != NULL && !session->active)) {
		return false;
	}
	get_facts(output, &facts);
	return !facts.overlaid && !facts.rotated;
}

static const char *why_test_refused(
	const struct gp_output *output, const struct gp_buffer_class *class) {
	const struct wlr_drm_format_set *formats = wlr_output_get_primary_formats(
		output->wlr_output,
		class->kind == GUEST_BLOB_V1_KIND_SHM ? WLR_BUFFER_CAP_SHM : WLR_BUFFER_CAP_DMABUF);
	if (formats != NULL && wlr_drm_format_set_get(formats, class->format) == NULL) {
		return "the plane has no format";
	}
	return "the output does not take";
}

static void trace_latch(const struct gp_output *output, struct gp_frame *frame) {
	uint64_t now_ns = gp_trace_now();
	frame->trace_id = gp_guest_scanout_get_frame_id(frame->view->scanout);
	gp_trace_event("latch", GP_TRACE_NEXT, frame->trace_id,
		output->latch_ns != 0 ? output->latch_ns : now_ns, now_ns, "path",
		gp_path_name(frame->path));
}

void gp_output_frame_handle_commit(struct gp_output *output) {
	struct gp_view *view = output->view;
	struct gp_buffer_class class;
	if (view == NULL || !view->sampled) {
		return;
	}
	if (get_class(output, &class)) {
		if (view->direct) {
			gp_refusals_remove(&output->refusals, &class);
		} else if (was_test_refused(output)) {
			refuse(output, &class, why_test_refused(output, &class));
		}
	}
	view->sampled = false;
	/* A view that was hidden is shown again without a new frame; that takes a path all the same. */
	bool is_new = view->n_counted != view->scanout->n_commits;
	bool is_reported =
		view->scanout->path != GUEST_SCANOUT_V1_PATH_NONE && !output->label_changed;
	if ((!is_new && is_reported) || view->scanout->content.buffer == NULL) {
		return;
	}
	view->n_counted = view->scanout->n_commits;
	output->label_changed = false;

	struct gp_frame_facts facts;
	get_facts(output, &facts);
	struct gp_frame *frame =
		gp_frame_queue_push(&output->frames, output->wlr_output->commit_seq);
	frame->view = view;
	frame->is_new = is_new;
	frame->bare = output->status_screen.label_text[0] == '\0';
	frame->guest_ns = view->scanout->commit_ns;
	frame->path = gp_frame_path(&facts, frame->reason);
	if (gp_trace_on && is_new) {
		trace_latch(output, frame);
	}
}

void gp_output_frame_handle_present(
	struct gp_output *output, const struct wlr_output_event_present *event) {
	struct gp_frame frame;
	if (!gp_frame_queue_pop(&output->frames, event->commit_seq, &frame) || !event->presented ||
		frame.view == NULL) {
		return;
	}
	uint64_t when_ns =
		(uint64_t)event->when.tv_sec * 1000000000 + (uint64_t)event->when.tv_nsec;
	if (frame.trace_id != 0 && gp_trace_on) {
		gp_trace_event(
			"present", GP_TRACE_NEXT, frame.trace_id, when_ns, when_ns, NULL, NULL);
	}
	if (frame.path == GUEST_SCANOUT_V1_PATH_PARENT &&
		(event->flags & WLR_OUTPUT_PRESENT_ZERO_COPY) == 0) {
		snprintf(frame.reason, sizeof(frame.reason), "the parent compositor composites it");
	}
	uint64_t latency_ns = when_ns > frame.guest_ns ? when_ns - frame.guest_ns : 1;
	gp_hud_count(
		&output->hud, frame.path, frame.reason, frame.bare, frame.is_new ? latency_ns : 0);
	output->n_frames[frame.path] += frame.is_new;
	frame.view->n_frames[frame.path] += frame.is_new;
	if (frame.is_new) {
		wl_signal_emit_mutable(&output->outputs->events.frame, output);
	}
	if (frame.view->shown && frame.view->has_picture) {
		gp_guest_scanout_send_path(frame.view->scanout, frame.path, frame.reason);
	}
}

/* A driver that refuses one frame may refuse each. */
static void warn_lost_frame(const struct gp_output *output) {
	static struct gp_log_limit limit = {.burst = 3, .interval_ns = 10000000000};
	gp_log_limited(&limit, GP_LOG_WARN, "output %s: a frame cannot be committed",
		output->wlr_output->name);
}

/*
 * A buffer that the output refuses is composited, also if it passed the test and is refused by the
 * commit: then in the same frame. Its class is not tried for a while. A buffer with an alpha
 * channel is never tried: a guest may leave anything in it, which the scene ignores, but a plane or
 * a parent compositor would show what is behind. Nor is a texture, which is in no memory that an
 * output could have.
 */
static void commit_frame(struct gp_output *output) {
	struct gp_buffer_class class;
	bool has_class = get_class(output, &class);
	set_composited(output,
		has_class &&
			(gp_format_from_drm(class.format)->has_alpha ||
				output->view->upload.texture != NULL ||
				gp_refusals_find(&output->refusals, &class, gp_now_ns()) != NULL));
	if (output->view != NULL) {
		output->view->sampled = false;
	}
	if (wlr_scene_output_commit(output->scene_output, NULL)) {
		return;
	}
	const struct wlr_session *session = output->outputs->session;
	if (session != NULL && !session->active) {
		return;
	}
	if (has_class && output->view->sampled && output->view->direct && !output->composited) {
		refuse(output, &class, "the output accepted and then refused");
		set_composited(output, true);
		if (wlr_scene_output_commit(output->scene_output, NULL)) {
			return;
		}
	}
	warn_lost_frame(output);
}

void gp_output_frame_make(struct gp_output *output) {
	gp_output_refresh(output);
	gp_status_screen_draw(&output->status_screen);
	bool arrange = gp_cursor_plane_restore(&output->cursor_plane);
	if (output->view != NULL) {
		gp_view_begin_frame(output->view);
		if (arrange) {
			gp_view_arrange(output->view);
		}
	}
	if (wlr_scene_output_needs_frame(output->scene_output)) {
		output->latch_ns = gp_trace_now();
		commit_frame(output);
		output->latch_ns = 0;
	}
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	wlr_scene_output_send_frame_done(output->scene_output, &now);
	if (output->view != NULL) {
		gp_view_cursor_send_frame_done(&output->view->cursor, &now);
	}
}

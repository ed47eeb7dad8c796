#include "compositor/desktop/guest_capture.h"

#include <pixman.h>
#include <stdlib.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_ext_foreign_toplevel_list_v1.h>
#include <wlr/types/wlr_ext_image_capture_source_v1.h>
#include <wlr/types/wlr_scene.h>

#include "common/log.h"
#include "compositor/desktop/toplevels.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/scanout.h"

struct guest_capture {
	struct wl_list link; // gp_guest_captures.list
	struct gp_guest_scanout *scanout;
	struct wlr_scene *scene;
	struct wlr_scene_rect *black; // what there is without content, in the last size
	struct wlr_scene_buffer *node;
	struct wlr_ext_image_capture_source_v1 *source; // of the scene, which destroys it

	struct wl_listener commit;
	struct wl_listener sample;
	struct wl_listener scanout_destroy;
};

static void destroy(struct guest_capture *capture) {
	wl_list_remove(&capture->link);
	wl_list_remove(&capture->commit.link);
	wl_list_remove(&capture->scanout_destroy.link);
	if (capture->scene != NULL) {
		wl_list_remove(&capture->sample.link);
		wlr_scene_node_destroy(&capture->scene->tree.node);
	}
	free(capture);
}

static void show(struct guest_capture *capture, const pixman_region32_t *damage) {
	const struct gp_guest_scanout *scanout = capture->scanout;
	struct wlr_buffer *buffer = scanout->content.buffer;
	struct wlr_fbox source;
	if (buffer == NULL || scanout->width <= 0 || scanout->height <= 0) {
		wlr_scene_buffer_set_buffer(capture->node, NULL);
		return;
	}
	if (capture->black->width != scanout->width || capture->black->height != scanout->height) {
		pixman_region32_t opaque;
		damage = NULL;
		pixman_region32_init_rect(&opaque, 0, 0, scanout->width, scanout->height);
		wlr_scene_buffer_set_opaque_region(capture->node, &opaque);
		pixman_region32_fini(&opaque);
		wlr_scene_rect_set_size(capture->black, scanout->width, scanout->height);
		wlr_scene_buffer_set_dest_size(capture->node, scanout->width, scanout->height);
	}
	gp_guest_scanout_get_source_box(scanout, &source);
	wlr_scene_buffer_set_source_box(capture->node, &source);
	struct wlr_scene_buffer_set_buffer_options options = {.damage = damage};
	gp_surface_set_acquire_point(scanout->surface, &options);
	wlr_scene_buffer_set_buffer_with_options(capture->node, buffer, &options);
}

static void handle_commit(struct wl_listener *listener, void *data) {
	struct guest_capture *capture = wl_container_of(listener, capture, commit);
	show(capture, data);
}

static void handle_sample(struct wl_listener *listener, void *data) {
	struct guest_capture *capture = wl_container_of(listener, capture, sample);
	struct gp_guest_scanout *scanout = capture->scanout;
	gp_surface_content_handle_sample(&scanout->content, scanout->surface, data);
}

static void handle_scanout_destroy(struct wl_listener *listener, void *data) {
	struct guest_capture *capture = wl_container_of(listener, capture, scanout_destroy);
	destroy(capture);
}

/* The scene has a size also if the guest has shown nothing yet: that of its monitor. */
static void get_size(const struct gp_guest_scanout *scanout, int *width, int *height) {
	bool has_mode = scanout->has_monitor && scanout->monitor.modes[0].width > 0;
	*width = has_mode ? (int)scanout->monitor.modes[0].width : 1;
	*height = has_mode ? (int)scanout->monitor.modes[0].height : 1;
}

static bool create_scene(struct guest_capture *capture) {
	static const float black[4] = {0, 0, 0, 1};
	int width, height;
	get_size(capture->scanout, &width, &height);
	capture->scene = wlr_scene_create();
	if (capture->scene == NULL) {
		return false;
	}
	wl_list_init(&capture->sample.link);
	capture->black = wlr_scene_rect_create(&capture->scene->tree, width, height, black);
	capture->node = wlr_scene_buffer_create(&capture->scene->tree, NULL);
	if (capture->black == NULL || capture->node == NULL) {
		return false;
	}
	capture->sample.notify = handle_sample;
	wl_signal_add(&capture->node->events.output_sample, &capture->sample);
	return true;
}

static struct guest_capture *create(
	struct gp_guest_captures *captures, struct gp_guest_scanout *scanout) {
	struct guest_capture *capture = calloc(1, sizeof(*capture));
	if (capture == NULL) {
		return NULL;
	}
	capture->scanout = scanout;
	wl_list_insert(&captures->list, &capture->link);
	capture->commit.notify = handle_commit;
	wl_signal_add(&scanout->events.commit, &capture->commit);
	capture->scanout_destroy.notify = handle_scanout_destroy;
	wl_signal_add(&scanout->events.destroy, &capture->scanout_destroy);
	if (!create_scene(capture)) {
		destroy(capture);
		return NULL;
	}
	show(capture, NULL);
	capture->source =
		wlr_ext_image_capture_source_v1_create_with_scene_node(&capture->scene->tree.node,
			captures->loop, captures->allocator, captures->renderer);
	if (capture->source == NULL) {
		destroy(capture);
		return NULL;
	}
	return capture;
}

static struct guest_capture *get(
	struct gp_guest_captures *captures, struct gp_guest_scanout *scanout) {
	struct guest_capture *capture;
	wl_list_for_each (capture, &captures->list, link) {
		if (capture->scanout == scanout) {
			return capture;
		}
	}
	return create(captures, scanout);
}

static void handle_request(struct wl_listener *listener, void *data) {
	struct gp_guest_captures *captures = wl_container_of(listener, captures, request);
	struct wlr_ext_foreign_toplevel_image_capture_source_manager_v1_request *request = data;
	struct gp_guest_scanout *scanout = gp_toplevel_get_scanout(request->toplevel_handle);
	struct guest_capture *capture = get(captures, scanout);
	if (capture == NULL) {
		gp_error("guest %s: no memory to capture it", scanout->guest->name);
		return;
	}
	wlr_ext_foreign_toplevel_image_capture_source_manager_v1_request_accept(
		request, capture->source);
}

bool gp_guest_captures_init(struct gp_guest_captures *captures, struct wl_display *display,
	struct wlr_allocator *allocator, struct wlr_renderer *renderer) {
	struct wlr_ext_foreign_toplevel_image_capture_source_manager_v1 *manager =
		wlr_ext_foreign_toplevel_image_capture_source_manager_v1_create(display, 1);
	if (manager == NULL) {
		return false;
	}
	captures->loop = wl_display_get_event_loop(display);
	captures->allocator = allocator;
	captures->renderer = renderer;
	wl_list_init(&captures->list);
	captures->request.notify = handle_request;
	wl_signal_add(&manager->events.new_request, &captures->request);
	return true;
}

void gp_guest_captures_finish(struct gp_guest_captures *captures) {
	struct guest_capture *capture, *tmp;
	if (captures->loop == NULL) {
		return;
	}
	wl_list_for_each_safe (capture, tmp, &captures->list, link) {
		destroy(capture);
	}
	wl_list_remove(&captures->request.link);
	captures->loop = NULL;
}

/*
 * A desktop for a nested guestpane: a headless compositor with xdg-shell, whose windows are
 * commanded by lines on standard input and told of by lines on standard output.
 *
 *   size W H      the window shall have this size; before there is a window: its first one
 *   fractional    the desktop has fractional-scale-v1; before there is a window
 *   legacy        windows learn no scale but that of the output; before there is a window
 *   scale N       of the desktop
 *   close         the user closes the window
 *   sleep         the window is covered: no frame callbacks, no presentation
 *   pixel X Y     what the user sees there, in pixels of the screen; the window is at 0, 0
 *   and those of parent_seat.h
 *
 *   display NAME  it runs
 *   title TEXT    the window has a new title
 *   shown W H     the window has another size
 *   buffer W H    its picture has another size
 *   gone          the window was closed
 *   inhibit 0|1   the window wants the desktop's own keys, or not
 *   fullscreen 0|1
 *   memory NAME   what the picture is in, told when it changes: "dma-buf", or the name of a file
 *   pixel RRGGBB
 */

#include <drm_fourcc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <wlr/backend/headless.h>
#include <wlr/render/allocator.h>
#include <wlr/render/drm_format_set.h>
#include <wlr/render/pixman.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_fractional_scale_v1.h>
#include <wlr/types/wlr_keyboard_shortcuts_inhibit_v1.h>
#include <wlr/types/wlr_linux_dmabuf_v1.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_presentation_time.h>
#include <wlr/types/wlr_scene.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_subcompositor.h>
#include <wlr/types/wlr_viewporter.h>
#include <wlr/types/wlr_xdg_shell.h>

#include "tests/e2e/parent_seat.h"

#define DISPLAY_NAME "parent-0" // not like those that the tests look for

struct parent {
	struct wl_display *display;
	struct wl_event_source *commands;
	char text[1024]; // of commands; first n_text
	size_t n_text;
	struct wlr_backend *backend;
	struct wlr_renderer *renderer;
	struct wlr_allocator *allocator;
	struct wlr_scene *scene;
	struct wlr_output *output;
	struct wlr_scene_output *scene_output;
	struct wlr_scene_buffer *picture; // of the window
	struct parent_seat seat;
	struct wlr_xdg_toplevel *toplevel; // NULL: no window
	int width, height; // that the window shall have
	int shown_width, shown_height, buffer_width, buffer_height;
	double scale;
	bool is_legacy;
	char memory[64]; // of the picture
	bool is_covered;
	struct wl_listener new_surface, frame, new_toplevel, commit, title, destroy, fullscreen;
	struct wl_listener new_inhibitor, inhibitor_destroy;
};

/* wlroots keeps a surface's buffer only for the commit; this does until the next one. */
struct picture {
	struct wlr_surface *surface;
	struct wlr_buffer *buffer; // may be NULL
	struct wl_listener commit, destroy;
};

static void handle_picture_commit(struct wl_listener *listener, void *data) {
	struct picture *picture = wl_container_of(listener, picture, commit);
	const struct wlr_surface_state *state = &picture->surface->current;
	if ((state->committed & WLR_SURFACE_STATE_BUFFER) != 0) {
		wlr_buffer_unlock(picture->buffer);
		picture->buffer = state->buffer != NULL ? wlr_buffer_lock(state->buffer) : NULL;
	}
}

static void handle_picture_destroy(struct wl_listener *listener, void *data) {
	struct picture *picture = wl_container_of(listener, picture, destroy);
	wl_list_remove(&picture->commit.link);
	wl_list_remove(&picture->destroy.link);
	wlr_buffer_unlock(picture->buffer);
	free(picture);
}

static void handle_new_surface(struct wl_listener *listener, void *data) {
	struct wlr_surface *surface = data;
	struct picture *picture = calloc(1, sizeof(*picture));
	picture->surface = surface;
	surface->data = picture;
	picture->commit.notify = handle_picture_commit;
	wl_signal_add(&surface->events.commit, &picture->commit);
	picture->destroy.notify = handle_picture_destroy;
	wl_signal_add(&surface->events.destroy, &picture->destroy);
}

static void handle_frame(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, frame);
	struct timespec now;
	if (parent->is_covered) {
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (parent->toplevel != NULL) {
		struct wlr_surface *surface = parent->toplevel->base->surface;
		wlr_presentation_surface_textured_on_output(surface, parent->output);
		wlr_surface_send_frame_done(surface, &now);
	}
	wlr_scene_output_commit(parent->scene_output, NULL);
}

/* The window is fullscreen if it wants to be, and otherwise as large as was said. */
static void configure(struct parent *parent) {
	bool fullscreen = parent->toplevel->requested.fullscreen;
	int width, height;
	wlr_output_effective_resolution(parent->output, &width, &height);
	wlr_xdg_toplevel_set_fullscreen(parent->toplevel, fullscreen);
	wlr_xdg_toplevel_set_size(parent->toplevel, fullscreen ? width : parent->width,
		fullscreen ? height : parent->height);
}

static void send_scale(struct parent *parent) {
	struct wlr_surface *surface = parent->toplevel->base->surface;
	if (!parent->is_legacy) {
		wlr_fractional_scale_v1_notify_scale(surface, parent->scale);
		wlr_surface_set_preferred_buffer_scale(surface, (int32_t)ceil(parent->scale));
	}
}

static void set_scale(struct parent *parent, double scale) {
	struct wlr_output_state state;
	parent->scale = scale;
	wlr_output_state_init(&state);
	wlr_output_state_set_scale(&state, scale);
	if (!wlr_output_commit_state(parent->output, &state)) {
		abort();
	}
	wlr_output_state_finish(&state);
	if (parent->toplevel != NULL) {
		send_scale(parent);
	}
}

static void tell_memory(struct parent *parent, const struct wlr_surface *surface) {
	struct wlr_shm_attributes shm;
	struct wlr_dmabuf_attributes dmabuf;
	char name[sizeof(parent->memory)] = "nothing", path[32];
	struct wlr_buffer *buffer = surface->current.buffer;
	if (buffer != NULL && wlr_buffer_get_dmabuf(buffer, &dmabuf)) {
		strcpy(name, "dma-buf");
	} else if (buffer != NULL && wlr_buffer_get_shm(buffer, &shm)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", shm.fd);
		ssize_t n = readlink(path, name, sizeof(name) - 1);
		name[n > 0 ? n : 0] = '\0';
	}
	if (strcmp(name, parent->memory) != 0) {
		strcpy(parent->memory, name);
		printf("memory %s\n", name);
	}
}

static void handle_commit(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, commit);
	const struct wlr_surface *surface = parent->toplevel->base->surface;
	if (parent->toplevel->base->initial_commit) {
		send_scale(parent);
		configure(parent);
	}
	tell_memory(parent, surface);
	wlr_scene_buffer_set_buffer(parent->picture, surface->current.buffer);
	wlr_scene_buffer_set_dest_size(
		parent->picture, surface->current.width, surface->current.height);
	if (surface->mapped &&
		(surface->current.width != parent->shown_width ||
			surface->current.height != parent->shown_height)) {
		parent->shown_width = surface->current.width;
		parent->shown_height = surface->current.height;
		printf("shown %d %d\n", parent->shown_width, parent->shown_height);
		wlr_surface_send_enter(parent->toplevel->base->surface, parent->output);
	}
	if (surface->mapped &&
		(surface->current.buffer_width != parent->buffer_width ||
			surface->current.buffer_height != parent->buffer_height)) {
		parent->buffer_width = surface->current.buffer_width;
		parent->buffer_height = surface->current.buffer_height;
		printf("buffer %d %d\n", parent->buffer_width, parent->buffer_height);
	}
}

static void handle_title(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, title);
	printf("title %s\n", parent->toplevel->title);
}

static void handle_fullscreen(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, fullscreen);
	printf("fullscreen %d\n", parent->toplevel->requested.fullscreen);
	if (parent->toplevel->base->initialized) {
		configure(parent);
	}
}

static void handle_inhibitor_destroy(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, inhibitor_destroy);
	wl_list_remove(&parent->inhibitor_destroy.link);
	puts("inhibit 0");
}

static void handle_new_inhibitor(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, new_inhibitor);
	struct wlr_keyboard_shortcuts_inhibitor_v1 *inhibitor = data;
	parent->inhibitor_destroy.notify = handle_inhibitor_destroy;
	wl_signal_add(&inhibitor->events.destroy, &parent->inhibitor_destroy);
	wlr_keyboard_shortcuts_inhibitor_v1_activate(inhibitor);
	puts("inhibit 1");
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, destroy);
	wl_list_remove(&parent->commit.link);
	wl_list_remove(&parent->title.link);
	wl_list_remove(&parent->destroy.link);
	wl_list_remove(&parent->fullscreen.link);
	parent->toplevel = NULL;
	wlr_scene_buffer_set_buffer(parent->picture, NULL);
	puts("gone");
}

static void handle_new_toplevel(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, new_toplevel);
	struct wlr_xdg_toplevel *toplevel = data;
	if (parent->toplevel != NULL) {
		return; // one is enough
	}
	parent->toplevel = toplevel;
	parent->commit.notify = handle_commit;
	wl_signal_add(&toplevel->base->surface->events.commit, &parent->commit);
	parent->title.notify = handle_title;
	wl_signal_add(&toplevel->events.set_title, &parent->title);
	parent->destroy.notify = handle_destroy;
	wl_signal_add(&toplevel->events.destroy, &parent->destroy);
	parent->fullscreen.notify = handle_fullscreen;
	wl_signal_add(&toplevel->events.request_fullscreen, &parent->fullscreen);
}

static void add_subsurface(struct wlr_surface *surface, int x, int y, void *data) {
	struct wlr_scene_tree *tree = data;
	struct wlr_fbox source;
	if (surface == wlr_surface_get_root_surface(surface)) {
		return;
	}
	const struct picture *picture = surface->data;
	struct wlr_scene_buffer *node = wlr_scene_buffer_create(tree, picture->buffer);
	wlr_surface_get_buffer_source_box(surface, &source);
	wlr_scene_buffer_set_source_box(node, &source);
	wlr_scene_buffer_set_dest_size(node, surface->current.width, surface->current.height);
	wlr_scene_node_set_position(&node->node, x, y);
}

static void tell_pixel(struct parent *parent, int x, int y) {
	struct wlr_scene_tree *above = wlr_scene_tree_create(&parent->scene->tree);
	if (parent->toplevel != NULL) {
		wlr_surface_for_each_surface(
			parent->toplevel->base->surface, add_subsurface, above);
	}
	struct wlr_output_state state;
	void *data;
	uint32_t format, pixel = 0;
	size_t stride;
	wlr_output_state_init(&state);
	if (wlr_scene_output_build_state(parent->scene_output, &state, NULL) &&
		state.buffer != NULL && x >= 0 && x < state.buffer->width && y >= 0 &&
		y < state.buffer->height &&
		wlr_buffer_begin_data_ptr_access(
			state.buffer, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride)) {
		const uint8_t *row = (const uint8_t *)data + (size_t)y * stride;
		memcpy(&pixel, row + (size_t)x * sizeof(pixel), sizeof(pixel));
		wlr_buffer_end_data_ptr_access(state.buffer);
	}
	wlr_output_state_finish(&state);
	wlr_scene_node_destroy(&above->node);
	printf("pixel %06x\n", pixel & 0xffffff);
}

static void obey(struct parent *parent, const char *line) {
	int x, y;
	double scale;
	if (strncmp(line, "sleep", 5) == 0) {
		parent->is_covered = true;
	} else if (strcmp(line, "fractional") == 0) {
		wlr_fractional_scale_manager_v1_create(parent->display, 1);
	} else if (strcmp(line, "legacy") == 0) {
		parent->is_legacy = true;
	} else if (sscanf(line, "scale %lf", &scale) == 1) {
		set_scale(parent, scale);
	} else if (sscanf(line, "size %d %d", &parent->width, &parent->height) == 2) {
		if (parent->toplevel != NULL) {
			wlr_xdg_toplevel_set_size(parent->toplevel, parent->width, parent->height);
		}
	} else if (strncmp(line, "close", 5) == 0 && parent->toplevel != NULL) {
		wlr_xdg_toplevel_send_close(parent->toplevel);
	} else if (sscanf(line, "pixel %d %d", &x, &y) == 2) {
		tell_pixel(parent, x, y);
	} else if (parent->toplevel != NULL) {
		parent_seat_obey(&parent->seat, parent->toplevel->base->surface, line);
	}
}

static int handle_command(int fd, uint32_t mask, void *data) {
	struct parent *parent = data;
	size_t room = sizeof(parent->text) - 1 - parent->n_text;
	ssize_t n = read(fd, parent->text + parent->n_text, room);
	if (n <= 0) {
		wl_display_terminate(parent->display);
		return 0;
	}
	parent->n_text += (size_t)n;
	parent->text[parent->n_text] = '\0';
	char *line = parent->text, *end;
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		obey(parent, line);
	}
	parent->n_text = strlen(line); // of a line that has no end yet
	memmove(parent->text, line, parent->n_text);
	return 0;
}

static bool init_output(struct parent *parent) {
	struct wlr_output_state state;
	parent->output = wlr_headless_add_output(parent->backend, 1600, 1200);
	if (parent->output == NULL ||
		!wlr_output_init_render(parent->output, parent->allocator, parent->renderer)) {
		return false;
	}
	wlr_output_create_global(parent->output, parent->display);
	wlr_output_state_init(&state);
	wlr_output_state_set_enabled(&state, true);
	bool ok = wlr_output_commit_state(parent->output, &state);
	wlr_output_state_finish(&state);
	parent->scene_output = wlr_scene_output_create(parent->scene, parent->output);
	parent->frame.notify = handle_frame;
	wl_signal_add(&parent->output->events.frame, &parent->frame);
	return ok && parent->scene_output != NULL;
}

static void init_inhibitors(struct parent *parent) {
	struct wlr_keyboard_shortcuts_inhibit_manager_v1 *inhibitors =
		wlr_keyboard_shortcuts_inhibit_v1_create(parent->display);
	parent->new_inhibitor.notify = handle_new_inhibitor;
	wl_signal_add(&inhibitors->events.new_inhibitor, &parent->new_inhibitor);
}

/* With a card that can import them, dma-bufs are taken; wlroots tries each on it. */
static void init_dmabuf(struct parent *parent) {
	struct stat info;
	struct wlr_linux_dmabuf_feedback_v1 feedback = {0};
	const char *card = getenv("GUESTPANE_PARENT_CARD");
	if (stat(card != NULL ? card : "/dev/dri/card0", &info) != 0) {
		return;
	}
	feedback.main_device = info.st_rdev;
	struct wlr_linux_dmabuf_feedback_v1_tranche *tranche =
		wlr_linux_dmabuf_feedback_add_tranche(&feedback);
	tranche->target_device = info.st_rdev;
	wlr_drm_format_set_add(&tranche->formats, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	wlr_linux_dmabuf_v1_create(parent->display, 4, &feedback);
	wlr_linux_dmabuf_feedback_v1_finish(&feedback);
}

static bool init(struct parent *parent) {
	parent->display = wl_display_create();
	struct wl_event_loop *loop = wl_display_get_event_loop(parent->display);
	parent->backend = wlr_headless_backend_create(loop);
	parent->renderer = wlr_pixman_renderer_create();
	parent->allocator = wlr_allocator_autocreate(parent->backend, parent->renderer);
	parent->scene = wlr_scene_create();
	parent->picture = wlr_scene_buffer_create(&parent->scene->tree, NULL);
	if (parent->allocator == NULL || parent->scene == NULL ||
		!wlr_renderer_init_wl_shm(parent->renderer, parent->display)) {
		return false;
	}
	init_dmabuf(parent);
	/* Without a renderer: a dma-buf is no texture for this one, and taken all the same. */
	struct wlr_compositor *compositor = wlr_compositor_create(parent->display, 6, NULL);
	parent->new_surface.notify = handle_new_surface;
	wl_signal_add(&compositor->events.new_surface, &parent->new_surface);
	wlr_subcompositor_create(parent->display);
	wlr_viewporter_create(parent->display);
	wlr_presentation_create(parent->display, parent->backend, 2);
	init_inhibitors(parent);
	struct wlr_xdg_shell *shell = wlr_xdg_shell_create(parent->display, 3);
	parent->new_toplevel.notify = handle_new_toplevel;
	wl_signal_add(&shell->events.new_toplevel, &parent->new_toplevel);
	parent->commands =
		wl_event_loop_add_fd(loop, STDIN_FILENO, WL_EVENT_READABLE, handle_command, parent);
	return parent_seat_init(&parent->seat, parent->display) &&
		wlr_backend_start(parent->backend) && init_output(parent) &&
		wl_display_add_socket(parent->display, DISPLAY_NAME) == 0;
}

int main(void) {
	struct parent parent = {.width = 640, .height = 480, .scale = 1};
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (!init(&parent)) {
		return 1;
	}
	printf("display %s\n", DISPLAY_NAME);
	wl_display_run(parent.display);
	return 0; // what is left goes with the process
}

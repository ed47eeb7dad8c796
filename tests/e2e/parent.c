/*
 * A desktop for a nested guestpane: a headless compositor with xdg-shell, whose windows are
 * commanded by lines on standard input and told of by lines on standard output.
 *
 *   size W H      the window shall have this size; before there is a window: its first one
 *   close         the user closes the window
 *   pixel X Y     what the user sees there; the window is at 0, 0
 *   and those of parent_seat.h
 *
 *   display NAME  it runs
 *   title TEXT    the window has a new title
 *   shown W H     the window has a picture of another size
 *   gone          the window was closed
 *   pixel RRGGBB
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <wlr/backend/headless.h>
#include <wlr/render/allocator.h>
#include <wlr/render/pixman.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_presentation_time.h>
#include <wlr/types/wlr_scene.h>
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
	struct parent_seat seat;
	struct wlr_xdg_toplevel *toplevel; // NULL: no window
	int width, height; // that the window shall have
	int shown_width, shown_height;
	struct wl_listener frame, new_toplevel, commit, title, destroy;
};

static void handle_frame(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, frame);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	wlr_scene_output_commit(parent->scene_output, NULL);
	wlr_scene_output_send_frame_done(parent->scene_output, &now);
}

static void handle_commit(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, commit);
	const struct wlr_surface *surface = parent->toplevel->base->surface;
	if (parent->toplevel->base->initial_commit) {
		wlr_xdg_toplevel_set_size(parent->toplevel, parent->width, parent->height);
	}
	if (surface->mapped &&
		(surface->current.width != parent->shown_width ||
			surface->current.height != parent->shown_height)) {
		parent->shown_width = surface->current.width;
		parent->shown_height = surface->current.height;
		printf("shown %d %d\n", parent->shown_width, parent->shown_height);
	}
}

static void handle_title(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, title);
	printf("title %s\n", parent->toplevel->title);
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, destroy);
	wl_list_remove(&parent->commit.link);
	wl_list_remove(&parent->title.link);
	wl_list_remove(&parent->destroy.link);
	parent->toplevel = NULL;
	puts("gone");
}

static void handle_new_toplevel(struct wl_listener *listener, void *data) {
	struct parent *parent = wl_container_of(listener, parent, new_toplevel);
	struct wlr_xdg_toplevel *toplevel = data;
	if (parent->toplevel != NULL) {
		return; // one is enough
	}
	parent->toplevel = toplevel;
	wlr_scene_xdg_surface_create(&parent->scene->tree, toplevel->base);
	parent->commit.notify = handle_commit;
	wl_signal_add(&toplevel->base->surface->events.commit, &parent->commit);
	parent->title.notify = handle_title;
	wl_signal_add(&toplevel->events.set_title, &parent->title);
	parent->destroy.notify = handle_destroy;
	wl_signal_add(&toplevel->events.destroy, &parent->destroy);
}

static void tell_pixel(struct parent *parent, int x, int y) {
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
	printf("pixel %06x\n", pixel & 0xffffff);
}

static void obey(struct parent *parent, const char *line) {
	int x, y;
	if (sscanf(line, "size %d %d", &parent->width, &parent->height) == 2) {
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

static bool init(struct parent *parent) {
	parent->display = wl_display_create();
	struct wl_event_loop *loop = wl_display_get_event_loop(parent->display);
	parent->backend = wlr_headless_backend_create(loop);
	parent->renderer = wlr_pixman_renderer_create();
	parent->allocator = wlr_allocator_autocreate(parent->backend, parent->renderer);
	parent->scene = wlr_scene_create();
	if (parent->allocator == NULL || parent->scene == NULL ||
		!wlr_renderer_init_wl_shm(parent->renderer, parent->display)) {
		return false;
	}
	wlr_compositor_create(parent->display, 6, parent->renderer);
	wlr_viewporter_create(parent->display);
	wlr_presentation_create(parent->display, parent->backend, 2);
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
	struct parent parent = {.width = 640, .height = 480};
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (!init(&parent)) {
		return 1;
	}
	printf("display %s\n", DISPLAY_NAME);
	wl_display_run(parent.display);
	return 0; // what is left goes with the process
}

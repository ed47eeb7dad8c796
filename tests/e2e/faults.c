/*
 * Preloaded into the compositor, between it and wlroots: what graphics cards do and the headless
 * backend does not. A file of the host's directory turns each of them on:
 *
 *   renderer-lost   the next frame finds that the GPU was reset; the file is removed
 *   no-commit       frames are refused
 */

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <wlr/render/pass.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/types/wlr_output.h>

#define EXPORT __attribute__((visibility("default")))

static const char *get_path(const char *name) {
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", getenv("XDG_RUNTIME_DIR"), name);
	return path;
}

EXPORT struct wlr_render_pass *wlr_renderer_begin_buffer_pass(struct wlr_renderer *renderer,
	struct wlr_buffer *buffer, const struct wlr_buffer_pass_options *options) {
	struct wlr_render_pass *(*begin)(struct wlr_renderer *, struct wlr_buffer *,
		const struct wlr_buffer_pass_options *) = (struct wlr_render_pass *
		(*)(struct wlr_renderer *, struct wlr_buffer *,
			const struct wlr_buffer_pass_options *))
		dlsym(RTLD_NEXT, "wlr_renderer_begin_buffer_pass");
	if (unlink(get_path("renderer-lost")) == 0) {
		wl_signal_emit_mutable(&renderer->events.lost, NULL);
		return NULL;
	}
	return begin(renderer, buffer, options);
}

EXPORT bool wlr_output_commit_state(
	struct wlr_output *output, const struct wlr_output_state *state) {
	bool (*commit)(struct wlr_output *, const struct wlr_output_state *) =
		(bool (*)(struct wlr_output *, const struct wlr_output_state *))dlsym(
			RTLD_NEXT, "wlr_output_commit_state");
	return access(get_path("no-commit"), F_OK) != 0 && commit(output, state);
}

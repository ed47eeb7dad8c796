/*
 * Preloaded into the compositor, between it and wlroots: what graphics cards do and the headless
 * backend does not. A file of the host's directory turns each of them on:
 *
 *   renderer-lost   the next frame finds that the GPU was reset; the file is removed
 *   no-commit       frames are refused
 *   no-mode-NAME    the output of that name passes tests of its modes, and refuses them then
 *   adaptive-sync   outputs have that, and switch it where a modeset is allowed, as drivers do
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

EXPORT bool wlr_output_init_render(
	struct wlr_output *output, struct wlr_allocator *allocator, struct wlr_renderer *renderer) {
	bool (*init)(struct wlr_output *, struct wlr_allocator *, struct wlr_renderer *) =
		(bool (*)(struct wlr_output *, struct wlr_allocator *, struct wlr_renderer *))dlsym(
			RTLD_NEXT, "wlr_output_init_render");
	output->adaptive_sync_supported = access(get_path("adaptive-sync"), F_OK) == 0;
	return init(output, allocator, renderer);
}

/* Takes adaptive sync from a state, as a headless output knows of none. */
static bool take_adaptive_sync(
	const struct wlr_output_state *state, struct wlr_output_state *rest) {
	*rest = *state;
	rest->committed &= ~(uint32_t)WLR_OUTPUT_STATE_ADAPTIVE_SYNC_ENABLED;
	return rest->committed == state->committed || state->allow_reconfiguration;
}

EXPORT bool wlr_output_test_state(struct wlr_output *output, const struct wlr_output_state *state) {
	struct wlr_output_state rest;
	bool (*test)(struct wlr_output *, const struct wlr_output_state *) =
		(bool (*)(struct wlr_output *, const struct wlr_output_state *))dlsym(
			RTLD_NEXT, "wlr_output_test_state");
	return take_adaptive_sync(state, &rest) && test(output, &rest);
}

EXPORT bool wlr_output_commit_state(
	struct wlr_output *output, const struct wlr_output_state *state) {
	struct wlr_output_state rest;
	char no_mode[64];
	bool (*commit)(struct wlr_output *, const struct wlr_output_state *) =
		(bool (*)(struct wlr_output *, const struct wlr_output_state *))dlsym(
			RTLD_NEXT, "wlr_output_commit_state");
	snprintf(no_mode, sizeof(no_mode), "no-mode-%s", output->name);
	bool has_mode = (state->committed & WLR_OUTPUT_STATE_MODE) != 0;
	if (access(get_path("no-commit"), F_OK) == 0 ||
		(has_mode && access(get_path(no_mode), F_OK) == 0) ||
		!take_adaptive_sync(state, &rest) || !commit(output, &rest)) {
		return false;
	}
	if (rest.committed != state->committed) {
		output->adaptive_sync_status = state->adaptive_sync_enabled
			? WLR_OUTPUT_ADAPTIVE_SYNC_ENABLED
			: WLR_OUTPUT_ADAPTIVE_SYNC_DISABLED;
	}
	return true;
}

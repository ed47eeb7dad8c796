#include "compositor/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <wlr/backend.h>
#include <wlr/backend/multi.h>
#include <wlr/config.h>
#include <wlr/render/allocator.h>
#include <wlr/render/pixman.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_ext_image_capture_source_v1.h>
#include <wlr/types/wlr_ext_image_copy_capture_v1.h>
#include <wlr/types/wlr_fixes.h>
#include <wlr/types/wlr_linux_dmabuf_v1.h>
#include <wlr/types/wlr_linux_drm_syncobj_v1.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_presentation_time.h>
#include <wlr/types/wlr_screencopy_v1.h>
#include <wlr/types/wlr_single_pixel_buffer_v1.h>
#include <wlr/types/wlr_subcompositor.h>
#include <wlr/types/wlr_viewporter.h>
#include <wlr/types/wlr_xdg_output_v1.h>
#if WLR_HAS_DRM_BACKEND
#include <wlr/backend/drm.h>
#endif

#include "common/control.h"
#include "common/fd.h"
#include "common/log.h"
#include "compositor/fd_shortage.h"
#include "compositor/guest/manager_v1.h"
#include "compositor/memory/fault_guard.h"
#include "compositor/output/apply.h"
#include "compositor/output/output.h"
#include "compositor/output/shown.h"
#include "compositor/sockets.h"
#include "compositor/status.h"
#include "compositor/system/card.h"
#include "compositor/system/bridge_bounds.h"
#include "compositor/system/command.h"

static const int handled_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};

void gp_server_terminate(struct gp_server *server, int exit_status) {
	if (!server->terminating) {
		server->terminating = true;
		server->exit_status = exit_status;
	}
	wl_display_terminate(server->display);
}

static void reload(struct gp_server *server) {
	struct gp_settings *settings = &server->settings;
	if (!gp_settings_reload(settings)) {
		gp_error("%s", settings->error);
		gp_error("the old configuration stays");
		return;
	}
	gp_info("%s: loaded", settings->path[0] != '\0' ? settings->path : "no configuration file");
	gp_outputs_wake(&server->outputs);
	struct gp_output *output;
	wl_list_for_each (output, &server->outputs.list, link) {
		gp_output_apply_settings(output);
		gp_output_set_dirty(output);
	}
	gp_placement_update(&server->placement);
	gp_idle_update(&server->seat.idle);
}

static int handle_signal(int number, void *data) {
	struct gp_server *server = data;
	bool notified = gp_service_is_notified(&server->service);
	bool reloads = number == SIGHUP && (server->settings.path[0] != '\0' || notified);
	if (number == SIGCHLD) {
		if (server->command != NULL && gp_command_reap(server->command)) {
			gp_info("the command has ended with status %d", server->command->status);
			gp_server_terminate(server, server->command->status);
		}
	} else if (reloads && server->started) {
		gp_service_notify_reloading(&server->service);
		reload(server);
		gp_service_notify(&server->service, "READY=1");
		gp_summary_update(&server->summary);
	} else if (!reloads && !server->started) {
		/* wlroots waits for the seat in its own loop, and does not look at ours. */
		gp_info("terminated by signal %d", number);
		exit(GP_EXIT_OK);
	} else if (!reloads) {
		gp_info("terminated by signal %d", number);
		gp_server_terminate(server, GP_EXIT_OK);
	}
	return 0;
}

/* Before anything starts a thread: a signal that one thread does not block terminates us. */
static bool init_signals(struct gp_server *server) {
	sigset_t mask;
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(handled_signals) / sizeof(handled_signals[0]); i++) {
		sigaddset(&mask, handled_signals[i]);
	}
	sigprocmask(SIG_BLOCK, &mask, &server->signal_mask);
	signal(SIGPIPE, SIG_IGN);
	if (!gp_fault_guard_init()) {
		return false;
	}
	for (size_t i = 0; i < sizeof(handled_signals) / sizeof(handled_signals[0]); i++) {
		server->signals[i] = wl_event_loop_add_signal(
			server->loop, handled_signals[i], handle_signal, server);
		if (server->signals[i] == NULL) {
			gp_error_errno("signal handler");
			return false;
		}
	}
	return true;
}

/*
 * At the start virtual outputs come in the reverse order: they are sorted by name. Real ones stay in
 * the order of the connectors.
 */
static bool comes_before(struct wlr_output *a, struct wlr_output *b) {
	return a->backend == b->backend && wl_list_empty(&a->modes) && wl_list_empty(&b->modes) &&
		strverscmp(a->name, b->name) < 0;
}

static void add_starting_output(struct gp_server *server, struct wlr_output *wlr_output) {
	size_t at = server->n_starting;
	if (at == GP_STARTING_OUTPUTS_MAX) {
		gp_warn("output %s: too many outputs", wlr_output->name);
		return;
	}
	while (at > 0 && comes_before(wlr_output, server->starting[at - 1])) {
		server->starting[at] = server->starting[at - 1];
		at--;
	}
	server->starting[at] = wlr_output;
	server->n_starting++;
}

static void handle_new_output(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, new_output);
	struct wlr_output *wlr_output = data;
	if (wlr_output->non_desktop) {
		gp_info("output %s: not a monitor", wlr_output->name);
	} else if (server->started) {
		gp_output_create(&server->outputs, wlr_output);
	} else {
		add_starting_output(server, wlr_output);
	}
}

static bool start_backend(struct gp_server *server) {
	if (!wlr_backend_start(server->backend)) {
		gp_error("the backend cannot be started");
		return false;
	}
	server->started = true;
	for (size_t i = 0; i < server->n_starting; i++) {
		gp_output_create(&server->outputs, server->starting[i]);
	}
	const struct gp_options *options = server->options;
	if (options->fullscreen && server->parent.backend == NULL) {
		gp_warn("--fullscreen is for windows of a Wayland compositor only");
	}
	return gp_parent_open_windows(
		&server->parent, options->width, options->height, options->fullscreen);
}

static void forget_backend(struct gp_server *server) {
	wl_list_remove(&server->new_output.link);
	wl_list_remove(&server->backend_destroy.link);
	wl_list_remove(&server->gpu_destroy.link);
	gp_seat_finish(&server->seat);
	gp_vt_session_finish(&server->seat_session);
	server->session = NULL;
	server->backend = NULL;
}

static void handle_backend_destroy(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, backend_destroy);
	bool had_seat = server->session != NULL;
	forget_backend(server);
	if (had_seat) {
		gp_error("the seat or its graphics card was removed");
		gp_server_terminate(server, GP_EXIT_RUNTIME);
	} else {
		gp_info("the backend has ended");
		gp_server_terminate(server, GP_EXIT_OK);
	}
}

static void handle_gpu_destroy(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, gpu_destroy);
	wl_list_remove(&server->gpu_destroy.link);
	wl_list_init(&server->gpu_destroy.link);
	gp_error("the graphics card was removed");
	gp_server_terminate(server, GP_EXIT_RUNTIME);
}

/* The card that the renderer uses: others may come and go. */
static void find_gpu(struct wlr_backend *backend, void *data) {
#if WLR_HAS_DRM_BACKEND
	struct gp_server *server = data;
	if (wlr_backend_is_drm(backend) && wlr_drm_backend_get_parent(backend) == NULL) {
		wl_signal_add(&backend->events.destroy, &server->gpu_destroy);
	}
#endif
}

static bool init_backend(struct gp_server *server) {
	bool wants_card = gp_card_is_wanted();
	if (wants_card && !gp_card_exists()) {
		gp_error("no graphics card: /dev/dri has none; load its driver, start guestpane in "
			 "a Wayland or X11 session, or set WLR_BACKENDS=headless");
		return false;
	}
	/* Keyboard and mouse may come later, or never. */
	setenv("WLR_LIBINPUT_NO_DEVICES", "1", false);
	server->backend = gp_parent_create_backend(server->loop, &server->session);
	if (server->backend == NULL && wants_card) {
		gp_error("no seat: start seatd and be in the group of its socket, or log in on a "
			 "virtual terminal; or start guestpane in a Wayland or X11 session");
		return false;
	}
	if (server->backend == NULL) {
		gp_error("no backend: WAYLAND_DISPLAY, DISPLAY or WLR_BACKENDS names one that does "
			 "not work; unset it to use the seat and its graphics card");
		return false;
	}
	server->new_output.notify = handle_new_output;
	wl_signal_add(&server->backend->events.new_output, &server->new_output);
	server->backend_destroy.notify = handle_backend_destroy;
	wl_signal_add(&server->backend->events.destroy, &server->backend_destroy);
	server->gpu_destroy.notify = handle_gpu_destroy;
	wl_list_init(&server->gpu_destroy.link);
	if (wlr_backend_is_multi(server->backend)) {
		wlr_multi_for_each_backend(server->backend, find_gpu, server);
	}
	return gp_parent_init(&server->parent, server->backend);
}

/*
 * The GPU was reset: nothing can be drawn, and all imports are lost with its context. Started again
 * we have a new one, and the bridges connect again with what their guests show by then.
 */
static void handle_renderer_lost(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, renderer_lost);
	gp_error("the GPU was reset, and the renderer is lost");
	gp_server_terminate(server, GP_EXIT_RUNTIME);
}

static bool init_renderer(struct gp_server *server) {
	server->renderer = wlr_renderer_autocreate(server->backend);
	if (server->renderer == NULL && getenv("WLR_RENDERER") == NULL) {
		gp_warn("no GPU renderer works: the CPU renders");
		server->renderer = wlr_pixman_renderer_create();
	}
	if (server->renderer == NULL) {
		gp_error("no renderer");
		return false;
	}
	server->renderer_lost.notify = handle_renderer_lost;
	wl_signal_add(&server->renderer->events.lost, &server->renderer_lost);
	server->allocator = wlr_allocator_autocreate(server->backend, server->renderer);
	if (server->allocator == NULL) {
		gp_error("no allocator for the backend and the renderer");
		return false;
	}
	return true;
}

static bool init_dmabuf(struct gp_server *server) {
	if (wlr_renderer_get_texture_formats(server->renderer, WLR_BUFFER_CAP_DMABUF) == NULL ||
		wlr_renderer_get_drm_fd(server->renderer) < 0) {
		return true;
	}
	return wlr_linux_dmabuf_v1_create_with_renderer(server->display, 4, server->renderer) !=
		NULL;
}

/* Release points are of frames, which the renderer draws and the backend shows. */
static bool init_syncobj(struct gp_server *server) {
	if (!server->renderer->features.timeline || !server->backend->features.timeline) {
		return true;
	}
	return wlr_linux_drm_syncobj_manager_v1_create(
		       server->display, 1, wlr_renderer_get_drm_fd(server->renderer)) != NULL;
}

static bool init_globals(struct gp_server *server) {
	struct wl_display *display = server->display;
	/* Without a renderer: surfaces keep no textures, and those who show a buffer own it. */
	return wlr_compositor_create(display, 6, NULL) != NULL &&
		wlr_renderer_init_wl_shm(server->renderer, display) && init_dmabuf(server) &&
		init_syncobj(server) && wlr_subcompositor_create(display) != NULL &&
		wlr_viewporter_create(display) != NULL &&
		wlr_presentation_create(display, server->backend, 2) != NULL &&
		wlr_single_pixel_buffer_manager_v1_create(display) != NULL &&
		wlr_fixes_create(display, 1) != NULL &&
		wlr_xdg_output_manager_v1_create(display, server->outputs.layout) != NULL &&
		wlr_screencopy_manager_v1_create(display) != NULL &&
		wlr_ext_output_image_capture_source_manager_v1_create(display, 1) != NULL &&
		wlr_ext_image_copy_capture_manager_v1_create(display, 1) != NULL;
}

static void handle_last_window_closed(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, last_window_closed);
	gp_server_terminate(server, GP_EXIT_OK);
}

static void handle_quit(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, quit);
	gp_info("the user quits");
	gp_server_terminate(server, GP_EXIT_OK);
}

static void handle_quit_request(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, quit_request);
	gp_info("guestpanectl quits");
	/* The reply goes out first. */
	gp_server_terminate(server, GP_EXIT_OK);
}

static void handle_reload_request(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, reload_request);
	reload(server);
	gp_summary_update(&server->summary);
}

static void init_requests(struct gp_server *server) {
	gp_requests_init(&server->requests, server);
	server->quit_request.notify = handle_quit_request;
	wl_signal_add(&server->requests.events.quit, &server->quit_request);
	server->reload_request.notify = handle_reload_request;
	wl_signal_add(&server->requests.events.reload, &server->reload_request);
}

static bool init_outputs(struct gp_server *server) {
	struct gp_outputs *outputs = &server->outputs;
	if (!gp_outputs_init(outputs, server->display, server->session)) {
		return false;
	}
	outputs->renderer = server->renderer;
	outputs->allocator = server->allocator;
	outputs->parent = &server->parent;
	outputs->settings = &server->settings;
	server->last_window_closed.notify = handle_last_window_closed;
	wl_signal_add(&outputs->events.last_window_closed, &server->last_window_closed);
	gp_summary_init(&server->summary, &server->service, outputs, &server->settings);
	return true;
}

static void handle_session_paused(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, session_paused);
	gp_placement_set_paused(&server->placement, true);
	gp_guest_manager_set_paused(&server->guest_manager, true);
}

static void handle_session_active(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, session_active);
	gp_guest_manager_set_paused(&server->guest_manager, false);
}

static void handle_session_resumed(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, session_resumed);
	gp_placement_set_paused(&server->placement, false);
}

static void init_session(struct gp_server *server) {
	struct gp_vt_session *session = &server->seat_session;
	gp_vt_session_init(session, server->session, server->loop);
	server->session_paused.notify = handle_session_paused;
	wl_signal_add(&session->events.paused, &server->session_paused);
	server->session_active.notify = handle_session_active;
	wl_signal_add(&session->events.active, &server->session_active);
	server->session_resumed.notify = handle_session_resumed;
	wl_signal_add(&session->events.resumed, &server->session_resumed);
}

static void handle_guest_request(struct wl_listener *listener, void *data) {
	struct gp_guest_request *request = data;
	gp_bridge_socket_admit_guest(
		request->client, request->name, request->refusal, sizeof(request->refusal));
}

static void handle_blob_fds_short(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, blob_fds_short);
	struct gp_blob_request *request = data;
	pid_t pid;
	uid_t uid;
	wl_client_get_credentials(request->client, &pid, &uid, NULL);
	request->granted = gp_fd_shortage_make_room(
		&server->bridge_sockets.clients, request->client, pid, uid);
}

static void handle_bridge_fds_short(struct wl_listener *listener, void *data) {
	struct gp_server *server = wl_container_of(listener, server, bridge_fds_short);
	struct gp_fd_request *request = data;
	request->granted = gp_fd_shortage_make_room(
		&server->bridge_sockets.clients, NULL, request->pid, request->uid);
}

static bool init_objects(struct gp_server *server) {
	gp_guest_manager_init(&server->guest_manager, server->renderer);
	server->blob_fds_short.notify = handle_blob_fds_short;
	wl_signal_add(&server->guest_manager.events.fds_short, &server->blob_fds_short);
	server->guest_request.notify = handle_guest_request;
	wl_signal_add(&server->guest_manager.events.guest_request, &server->guest_request);
	if (!gp_security_init(&server->security, server->display) || !init_outputs(server) ||
		!init_globals(server) ||
		!gp_guest_manager_v1_init(&server->guest_manager, server->display) ||
		!gp_placement_init(&server->placement, &server->outputs, &server->guest_manager) ||
		!gp_output_management_init(
			&server->output_management, server->display, &server->outputs) ||
		!gp_output_power_init(&server->output_power, server->display, &server->outputs) ||
		!gp_seat_init(&server->seat, server->display, server->backend, &server->outputs,
			&server->placement, &server->guest_manager) ||
		!gp_toplevels_init(&server->toplevels, server->display, &server->guest_manager,
			&server->placement, &server->seat.focus) ||
		!gp_guest_captures_init(&server->guest_captures, server->display, server->allocator,
			server->renderer)) {
		gp_error("the objects of the compositor cannot be made");
		return false;
	}
	server->quit.notify = handle_quit;
	wl_signal_add(&server->seat.shortcut.events.quit, &server->quit);
	init_session(server);
	return gp_bridge_bounds_init(server->display);
}

static bool init_sockets(struct gp_server *server) {
	const struct gp_options *options = server->options;
	if (!gp_server_open_bridge_sockets(server)) {
		return false;
	}
	server->bridge_fds_short.notify = handle_bridge_fds_short;
	wl_signal_add(&server->bridge_sockets.clients.events.fds_short, &server->bridge_fds_short);
	if (!gp_server_open_client_sockets(server)) {
		return false;
	}
	init_requests(server);
	server->control = gp_control_create(
		server->loop, options->control_socket, gp_requests_handle, &server->requests);
	return server->control != NULL;
}

/* Each blob of each guest is a descriptor. */
static void raise_file_limit(struct gp_server *server) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &server->file_limit) < 0) {
		gp_error_errno("getrlimit");
		return;
	}
	limit = server->file_limit;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		gp_error_errno("setrlimit");
	}
}

static void set_environment(const char *name, const char *value) {
	if (value != NULL) {
		setenv(name, value, true);
	} else {
		unsetenv(name);
	}
}

static bool start_command(struct gp_server *server) {
	const struct gp_options *options = server->options;
	/* Not the parent compositor's: what the command starts would open its windows there. */
	set_environment("WAYLAND_DISPLAY",
		options->client_grants.n > 0 ? options->client_grants.list[0].path : NULL);
	set_environment("GUESTPANE_BRIDGE_SOCKET", server->outputs.bridge_socket);
	if (options->command == NULL) {
		return true;
	}
	/* The old limit, for programs that use select(). */
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	setrlimit(RLIMIT_NOFILE, &server->file_limit);
	server->command = gp_command_start(options->command, &server->signal_mask);
	setrlimit(RLIMIT_NOFILE, &limit);
	return server->command != NULL;
}

enum gp_exit gp_server_init(struct gp_server *server, const struct gp_options *options) {
	server->options = options;
	gp_service_init(&server->service);
	if (!gp_settings_init(&server->settings, options)) {
		gp_error("%s", server->settings.error);
		return GP_EXIT_USAGE;
	}
	raise_file_limit(server);
	server->display = wl_display_create();
	if (server->display == NULL) {
		gp_error_errno("wl_display_create");
		return GP_EXIT_RUNTIME;
	}
	server->loop = wl_display_get_event_loop(server->display);
	if (!init_signals(server)) {
		return GP_EXIT_RUNTIME;
	}
	if (!init_backend(server) || !init_renderer(server)) {
		return GP_EXIT_NO_SEAT;
	}
	if (!init_objects(server) || !init_sockets(server)) {
		return GP_EXIT_RUNTIME;
	}
	if (!start_backend(server)) {
		return GP_EXIT_NO_SEAT;
	}
	gp_info("backend %s, renderer %s", gp_status_backend_name(server),
		gp_status_renderer_name(server));
	if (!start_command(server) || !gp_service_start_watchdog(&server->service, server->loop)) {
		return GP_EXIT_RUNTIME;
	}
	gp_service_notify(&server->service, "READY=1");
	return GP_EXIT_OK;
}

int gp_server_run(struct gp_server *server) {
	/* The first frame may have shown already that it is of no use. */
	if (!server->terminating) {
		wl_display_run(server->display);
	}
	return server->exit_status;
}

static void finish_outputs(struct gp_server *server) {
	struct gp_output *output, *tmp;
	if (server->outputs.layout == NULL) {
		return;
	}
	wl_list_for_each_safe (output, tmp, &server->outputs.list, link) {
		gp_output_destroy(output);
	}
}

static void finish_objects(struct gp_server *server) {
	gp_summary_finish(&server->summary);
	gp_output_management_finish(&server->output_management);
	finish_outputs(server);
	gp_output_power_finish(&server->output_power);
	gp_outputs_finish(&server->outputs);
	gp_guest_captures_finish(&server->guest_captures);
	gp_toplevels_finish(&server->toplevels);
	gp_placement_finish(&server->placement);
	gp_guest_manager_v1_finish(&server->guest_manager);
}

/* With all that lives on its event loop. */
static void finish_display(struct gp_server *server) {
	gp_command_destroy(server->command);
	gp_control_destroy(server->control);
	wl_display_destroy_clients(server->display);
	finish_objects(server);
	gp_bridge_sockets_finish(&server->bridge_sockets);
	gp_client_sockets_finish(&server->client_sockets);
	gp_security_finish(&server->security);

	struct wlr_backend *backend = server->backend;
	if (backend != NULL) {
		forget_backend(server);
	}
	wlr_allocator_destroy(server->allocator);
	if (server->renderer != NULL) {
		wl_list_remove(&server->renderer_lost.link);
		wlr_renderer_destroy(server->renderer);
	}
	wlr_backend_destroy(backend);
	for (size_t i = 0; i < sizeof(server->signals) / sizeof(server->signals[0]); i++) {
		if (server->signals[i] != NULL) {
			wl_event_source_remove(server->signals[i]);
		}
	}
	gp_service_finish(&server->service);
	wl_display_destroy(server->display);
}

void gp_server_finish(struct gp_server *server) {
	gp_service_notify(&server->service, "STOPPING=1");
	if (server->display != NULL) {
		finish_display(server);
	} else {
		gp_service_finish(&server->service);
	}
	gp_settings_finish(&server->settings);
}

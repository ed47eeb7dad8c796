#ifndef GP_COMPOSITOR_SERVER_H
#define GP_COMPOSITOR_SERVER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <wayland-server-core.h>

#include "common/service.h"
#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/desktop/guest_capture.h"
#include "compositor/desktop/toplevels.h"
#include "compositor/guest/manager.h"
#include "compositor/nested/parent.h"
#include "compositor/output/management.h"
#include "compositor/output/outputs.h"
#include "compositor/output/placement.h"
#include "compositor/output/power.h"
#include "compositor/requests.h"
#include "compositor/seat/seat.h"
#include "compositor/summary.h"
#include "compositor/system/bridge_socket.h"
#include "compositor/system/client_socket.h"
#include "compositor/system/security.h"
#include "compositor/system/session.h"

#define GP_STARTING_OUTPUTS_MAX 32

struct wlr_output;

/**
 * The compositor: all that lives as long as the program.
 */
struct gp_server {
	const struct gp_options *options;
	struct gp_settings settings;
	struct gp_service service;
	struct gp_summary summary;
	struct gp_requests requests;

	struct wl_display *display;
	struct wl_event_loop *loop;
	struct wlr_backend *backend; // NULL again if it has destroyed itself
	struct wlr_session *session; // NULL if nested or headless
	struct gp_vt_session seat_session;
	struct gp_parent parent;
	struct wlr_renderer *renderer;
	struct wlr_allocator *allocator;

	struct gp_outputs outputs;
	struct gp_guest_manager guest_manager;
	struct gp_placement placement;
	struct gp_output_management output_management;
	struct gp_output_power output_power;
	struct gp_seat seat;
	struct gp_toplevels toplevels;
	struct gp_guest_captures guest_captures;
	struct gp_security security;
	struct gp_bridge_sockets bridge_sockets;
	struct gp_client_sockets client_sockets;
	struct gp_control *control;
	struct gp_command *command; // NULL if there is none, or it has ended

	/* Outputs that came while the backend was started. */
	struct wlr_output *starting[GP_STARTING_OUTPUTS_MAX];
	size_t n_starting;
	bool started;

	struct wl_event_source *signals[4];
	sigset_t signal_mask; // as it was before, for the command
	struct rlimit file_limit; // the same
	bool terminating;
	int exit_status;

	/* Guests go on while the session is paused: hidden, with the monitors that they have. */
	struct wl_listener session_paused;
	struct wl_listener session_active;
	struct wl_listener session_resumed;
	struct wl_listener guest_request;
	struct wl_listener blob_fds_short;
	struct wl_listener bridge_fds_short;
	struct wl_listener new_output;
	struct wl_listener backend_destroy;
	struct wl_listener gpu_destroy; // of the KMS backend that the renderer belongs to
	struct wl_listener renderer_lost;
	struct wl_listener last_window_closed;
	struct wl_listener quit;
	struct wl_listener quit_request;
	struct wl_listener reload_request;
};

/**
 * Makes everything. The server must be all zeros; the options must stay valid. On failure returns
 * the exit status, after logging. The server has to be finished in any case.
 */
enum gp_exit gp_server_init(struct gp_server *server, const struct gp_options *options);
/**
 * Runs until a signal, the end of the command or of the backend, or the loss of the GPU. Returns
 * the exit status.
 */
int gp_server_run(struct gp_server *server);
void gp_server_finish(struct gp_server *server);

/* Ends gp_server_run. The first exit status counts. */
void gp_server_terminate(struct gp_server *server, int exit_status);

#endif

#include "vmm-bridge/control_socket.h"

#include "common/log.h"
#include "common/socket.h"

bool gp_control_socket_create(struct gp_control **control, struct wl_event_loop *loop,
	const struct gp_bridge_options *options, gp_control_handler handler, void *data) {
	if (options->control_path != NULL && !options->control_set) {
		int pid = gp_socket_get_listener(options->control_path);
		if (pid != 0) {
			gp_error("a bridge named %s runs already (process %d)", options->name, pid);
			return false;
		}
	}
	if (options->control_path != NULL) {
		*control = gp_control_create(loop, options->control_path, handler, data);
	}
	return *control != NULL || !options->control_set;
}

#ifndef GP_VMM_BRIDGE_OPTIONS_H
#define GP_VMM_BRIDGE_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "common/monitor.h"
#include "vmm-bridge/seat/inputs.h"

#define GP_VFIO_FDS_MAX 16

/* Where memory that is not the VM's RAM is looked for. */
enum gp_vfio_choice {
	GP_VFIO_AUTO, // in the passed descriptors, else in the VMM's
	GP_VFIO_NONE, // nowhere
};

#define GP_LINGER_DEFAULT_S 60 // within a service manager's time to stop, 90 s

/* The command line of guestpane-bridge. Strings point into argv, the environment or the buffers. */
struct gp_bridge_options {
	const char *socket_path; // listens here, or NULL
	int fd; // number of a connected socket, or -1
	/* QEMU's display: one of these, or none. */
	const char *qmp; // path of QEMU's monitor, or NULL
	int display_fd; // number of a connected socket, or -1
	const char *listen_path; // or NULL
	const char *bus_path; // of the bus's socket, or NULL
	unsigned n_sources; // that were given: of all above
	bool touch; // QEMU has a touch screen
	const char *display; // the compositor's bridge socket
	const char *name;
	uint8_t uuid[16]; // zeros: none
	bool mode_set;
	struct gp_mode mode;
	uint32_t n_scanouts;
	bool force_copy;
	struct gp_input_spec inputs[GP_INPUTS_MAX]; // first n_inputs
	size_t n_inputs;
	enum gp_vfio_choice vfio;
	char vfio_address[16]; // only this PCI device; empty: any
	int vfio_fds[GP_VFIO_FDS_MAX]; // device descriptors that were passed
	size_t n_vfio_fds;
	int32_t vmm_pid; // 0: the process at the other end of the socket
	const char *control_path; // NULL: none
	bool control_set; // on the command line
	uint32_t linger_s; // how long it stays for a VMM when it is to end
	enum gp_log_level log_level;
	const char *trace_path; // NULL: no trace
	int worker_channel; // not for users: this process is a worker (keeper/worker.h); or -1

	char display_buffer[PATH_MAX], control_buffer[PATH_MAX];
};

enum gp_bridge_options_result {
	GP_BRIDGE_OPTIONS_RUN,
	GP_BRIDGE_OPTIONS_DOCTOR, // --doctor: check this host, and the VMM if vmm_pid is not 0
	GP_BRIDGE_OPTIONS_DONE, // --help and the like: exit 0
	GP_BRIDGE_OPTIONS_USAGE, // exit 2; the message is out
};
enum gp_bridge_options_result gp_bridge_options_parse(
	struct gp_bridge_options *options, int argc, char *argv[]);
/* Whether frames come from QEMU's display, and not from a vhost-user device. */
bool gp_bridge_options_qemu(const struct gp_bridge_options *options);

#endif

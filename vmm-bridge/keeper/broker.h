#ifndef GP_VMM_BRIDGE_KEEPER_BROKER_H
#define GP_VMM_BRIDGE_KEEPER_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm-bridge/vfio/vmm_devices.h"

struct gp_channel_message;
struct wl_event_loop;
struct wl_event_source;

/**
 * What the keeper does at a worker's request: all that takes a look outside. The worker chooses
 * among the calls below and nothing else: which socket, which process was settled when the bridge
 * started, or follows from who has connected.
 *
 * A new call is a line here, a function and a line in the table of broker.c.
 */

enum gp_broker_call {
	/* Connects to the compositor. One descriptor. */
	GP_BROKER_DISPLAY,
	/* Looks for the VMM. One descriptor, which hangs up when the VMM has ended. */
	GP_BROKER_VMM,
	/**
	 * Payload: uint32_t, the index of a VFIO device of the VMM; 0 looks at the VMM's
	 * descriptors again. Result 1, with the device's descriptor and a struct gp_broker_device;
	 * 0: no more.
	 */
	GP_BROKER_VMM_DEVICE,
	/* Connects to QEMU's monitor, or to the bus that it is on. One descriptor. */
	GP_BROKER_QEMU,
	/* Makes a pair of sockets, for QEMU and the worker. Two descriptors. */
	GP_BROKER_PAIR,
	GP_BROKER_CALLS,
};

struct gp_broker_device {
	uint64_t id; // never used again for another one
	char pci[GP_PCI_ADDRESS_SIZE]; // empty: not known
};

struct gp_broker {
	const char *display; // path of the compositor's socket; NULL: none
	const char *qemu; // path of QEMU's monitor, or of a bus; NULL: neither
	bool pairs; // GP_BROKER_PAIR is of use: frames come from QEMU's display
	bool looks; // into the VMM
	int vmm_socket; // borrowed, of the display's front end; -1: none
	bool vmm_fixed; // else it is the process at the other end of vmm_socket
	pid_t vmm_pid;
	int vmm_pidfd; // negative: not found (yet). No other one takes its place after its end
	struct gp_vmm_devices vmm;
	struct wl_event_loop *loop; // NULL: the VMM's end is not noticed
	struct wl_event_source *vmm_source;
	int vmm_end; // hangs up at the worker when it is closed, or -1
};

/* What is above vmm_fixed is the caller's to set. */
void gp_broker_init(struct gp_broker *broker, struct wl_event_loop *loop);
void gp_broker_finish(struct gp_broker *broker);
/* The VMM is this process and never another one. Why it cannot be found is logged. */
void gp_broker_fix_vmm(struct gp_broker *broker, pid_t pid);
/* Its front end has gone: its devices are closed, and the worker notices. */
void gp_broker_drop_vmm(struct gp_broker *broker);
/* Replies to the call, which may be any bytes. False with errno: it cannot be sent. */
bool gp_broker_handle(struct gp_broker *broker, const struct gp_channel_message *call, int channel);

#endif

#ifndef GP_VMM_BRIDGE_QEMU_LISTENER_H
#define GP_VMM_BRIDGE_QEMU_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/qemu/bus.h"

/**
 * The connection on which QEMU sends what a console shows: org.qemu.Display1.Listener, with QEMU as
 * the caller. While QEMU registers it, and with ScanoutMap, its main loop waits for us; so a reply
 * is sent before anything else is done.
 */

struct gp_qemu_opener;
struct gp_qemu_surface;
struct gp_qemu_watch;

struct gp_qemu_listener {
	struct gp_bus bus;
	struct gp_qemu_watch *watch;
	struct gp_qemu_surface *surface;
	unsigned n_asked; // GetAll, of each interface once
	bool called; // a method of the interface
	char refusal[160]; // of the last call that was refused; empty: none was
	uint64_t n_refused;
};

/**
 * Starts our end, for RegisterListener. Returns QEMU's end, which is the caller's, or -1 after
 * logging. surface and watch must outlive the listener.
 */
int gp_qemu_listener_start(struct gp_qemu_listener *listener, struct wl_event_loop *loop,
	const struct gp_qemu_opener *opener, struct gp_qemu_surface *surface,
	struct gp_qemu_watch *watch);
/* Nothing happens if it was not started. */
void gp_qemu_listener_stop(struct gp_qemu_listener *listener);
/* Whether QEMU has all that it asks for when it registers, and no longer waits for us. */
bool gp_qemu_listener_registered(const struct gp_qemu_listener *listener);

#endif

#ifndef GP_VMM_BRIDGE_QEMU_QEMU_H
#define GP_VMM_BRIDGE_QEMU_QEMU_H

#include "client/guest_scanout.h"
#include "common/limits.h"
#include "vmm-bridge/qemu/console.h"
#include "vmm-bridge/qemu/endpoint.h"
#include "vmm-bridge/qemu/memory.h"
#include "vmm-bridge/qemu/seat.h"
#include "vmm-bridge/qemu/watch.h"

/**
 * QEMU's own display (-display dbus) as a source of the presenter. Graphical consoles are scanouts,
 * in QEMU's order.
 */

#define GP_QEMU_CONSOLES_MAX 64 // that are looked at, with those of text

struct gp_qemu_source_events {
	void (*state)(void *data, enum gp_client_vm_state state);
	/* The VM was reset: nothing that was shown is shown again. */
	void (*reset)(void *data);
	void (*leds)(void *data, uint32_t leds);
};

/* A console that QEMU was asked about. */
struct gp_qemu_probe {
	struct gp_qemu *qemu;
	uint32_t id;
	bool graphic;
	char label[64];
};

struct gp_qemu {
	const struct gp_qemu_source_events *events;
	void *data;
	struct gp_qemu_watch watch;
	struct gp_qemu_endpoint endpoint;
	struct gp_qemu_memories memories;
	struct gp_qemu_console consoles[GP_SCANOUTS_MAX]; // n_consoles
	uint32_t n_consoles;
	struct gp_qemu_seat seat;
	struct gp_qemu_probe probes[GP_QEMU_CONSOLES_MAX]; // n_probes
	size_t n_probes, n_replies;
	char name[64]; // of the VM, as QEMU calls it
	bool stopped; // as the monitor reports it
	bool taken; // another client has the connection, but frames come
	uint64_t taken_ns; // when that will be certain; 0: it is, or there is no question
	enum gp_client_vm_state state;
	bool has_scanouts; // QEMU has a console for the first one
};

/**
 * Starts what keeps QEMU from waiting for us (watch.h): to be called before other files are opened,
 * with a gp_qemu of zeros. confine is for the process that it starts.
 */
void gp_qemu_start_watch(struct gp_qemu *qemu, void (*confine)(void));
/**
 * client and presenter must outlive it, and events. address.fd is taken in every case. False after
 * logging; it needs no finish then.
 */
bool gp_qemu_init(struct gp_qemu *qemu, struct wl_event_loop *loop,
	const struct gp_qemu_address *address, struct gp_client *client,
	struct gp_presenter *presenter, uint32_t n_scanouts, bool force_copy,
	const struct gp_qemu_source_events *events, void *data);
void gp_qemu_finish(struct gp_qemu *qemu);
/* Whether QEMU has ended and no other one can come. */
bool gp_qemu_finished(const struct gp_qemu *qemu);

/* For gp_display_events. */
void gp_qemu_set_monitor(struct gp_qemu *qemu, uint32_t scanout, const struct gp_monitor *monitor);
void gp_qemu_buffer_released(struct gp_qemu *qemu, uint32_t scanout);

/* Handles what QEMU has sent: first in a turn, as QEMU may wait for us. */
void gp_qemu_process(struct gp_qemu *qemu);
/* Last in a turn: does what follows from it, and arms the loop. */
void gp_qemu_end_turn(struct gp_qemu *qemu);
/* When that is to be called without an event; 0: never. */
uint64_t gp_qemu_deadline(const struct gp_qemu *qemu);

/* "connected", "taken" or "waiting", and why it is not connected. */
const char *gp_qemu_connection(const struct gp_qemu *qemu, const char **reason);
/* Its part of the status document. */
struct json_object *gp_qemu_status(const struct gp_qemu *qemu);

#endif

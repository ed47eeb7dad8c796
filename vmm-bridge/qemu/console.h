#ifndef GP_VMM_BRIDGE_QEMU_CONSOLE_H
#define GP_VMM_BRIDGE_QEMU_CONSOLE_H

#include "common/monitor.h"
#include "vmm-bridge/qemu/listener.h"
#include "vmm-bridge/qemu/surface.h"

/* A graphical console of QEMU, which is a head of a display device; it has a scanout. */

enum gp_qemu_registration {
	GP_QEMU_UNREGISTERED,
	GP_QEMU_REGISTERING,
	GP_QEMU_REGISTERED,
};

struct gp_qemu_console {
	struct wl_event_loop *loop;
	const struct gp_qemu_opener *opener;
	struct gp_qemu_watch *watch;
	struct gp_bus *main; // to QEMU
	const char *destination; // on it, or NULL
	char path[64]; // of its object; empty: there is no such console
	char label[64];
	struct gp_qemu_surface surface;
	struct gp_qemu_listener listener;
	enum gp_qemu_registration registration;
	sd_bus_slot *call; // RegisterListener, without a reply
	uint64_t try_ns; // to register again then, or to give up while registering; 0: never
	uint64_t pause_ns; // before the next try
	unsigned n_registrations;
	char failure[128]; // of the last registration; empty: none failed

	/* What the guest is told of its display. */
	bool connected, info_known;
	struct gp_monitor monitor;
	uint32_t offset; // of the scanout in the row of all
	uint64_t send_info_ns; // 0: it has been sent
};

/* All must outlive it. */
void gp_qemu_console_init(struct gp_qemu_console *console, struct wl_event_loop *loop,
	const struct gp_qemu_opener *opener, struct gp_presenter *presenter,
	struct gp_client *client, struct gp_qemu_memories *memories, uint32_t scanout,
	struct gp_qemu_watch *watch);
/* QEMU has it, at that path of the connection, which must stay until detach. */
void gp_qemu_console_attach(struct gp_qemu_console *console, struct gp_bus *main,
	const char *destination, const char *path, const char *label);
/**
 * The connection has ended; what is shown stays, and so does the listener's own connection. stop:
 * that ends, too, and nothing is shown.
 */
void gp_qemu_console_detach(struct gp_qemu_console *console);
void gp_qemu_console_stop(struct gp_qemu_console *console);

/* The monitor of its scanout; NULL: there is none. */
void gp_qemu_console_set_monitor(struct gp_qemu_console *console, const struct gp_monitor *monitor);
/* Where it lies beside the others. */
void gp_qemu_console_set_offset(struct gp_qemu_console *console, uint32_t offset);

/* Handles what QEMU has sent. */
void gp_qemu_console_process(struct gp_qemu_console *console, uint64_t now_ns);
/* Shows it, and sends what is due. */
void gp_qemu_console_end_turn(struct gp_qemu_console *console, uint64_t now_ns);
/* When that is to be called without an event; 0: never. */
uint64_t gp_qemu_console_deadline(const struct gp_qemu_console *console);

#endif

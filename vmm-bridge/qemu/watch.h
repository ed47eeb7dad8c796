#ifndef GP_VMM_BRIDGE_QEMU_WATCH_H
#define GP_VMM_BRIDGE_QEMU_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * QEMU's main loop waits for a listener without a time-out, or for a second, and a process that was
 * stopped, or that hangs, cannot close its socket (behaviour F3). So a child process holds a
 * duplicate of each listener's socket. When something lies there unread, and its parent has done no
 * turn of its loop for GP_QEMU_WATCH_MS, it shuts the socket down; QEMU goes on, and the parent
 * registers again when it can. The child sleeps while nothing comes, and ends with its parent.
 */

#define GP_QEMU_WATCH_MS 110 // twice that at the worst: it looks once in that time

struct gp_qemu_watch {
	int fd; // owned; -1: there is no child
	pid_t pid;
	atomic_uint *turns; // of the parent's loop; shared
};

/* False after logging: nobody watches. It is the first thing to do: the child inherits what is
 * open, and closes it. confine is called in it; NULL: it keeps its rights. */
bool gp_qemu_watch_start(struct gp_qemu_watch *watch, void (*confine)(void));
/* Nothing happens if it was not started. */
void gp_qemu_watch_stop(struct gp_qemu_watch *watch);
/* The parent's loop has turned, or it has handled a message. */
void gp_qemu_watch_turn(struct gp_qemu_watch *watch);
/* Watches the socket as the one of that index (below GP_SCANOUTS_MAX), and no other; -1: none. The
 * socket is to be shut down before it is closed, as the child has it, too. */
void gp_qemu_watch_set(struct gp_qemu_watch *watch, unsigned index, int fd);

#endif

#ifndef GP_VMM_BRIDGE_QEMU_OPENER_H
#define GP_VMM_BRIDGE_QEMU_OPENER_H

#include <stdbool.h>

/* Who makes sockets for the source, which may not: all are non-blocking, and its own then. */
struct gp_qemu_opener {
	/* Connects to QEMU's monitor, or to its bus; -1 with errno. */
	int (*connect)(void *data);
	/* A pair of which QEMU gets one. False with errno. */
	bool (*pair)(void *data, int fds[2]);
	void *data;
};

#endif

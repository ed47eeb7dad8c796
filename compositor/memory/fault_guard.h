#ifndef GP_COMPOSITOR_MEMORY_FAULT_GUARD_H
#define GP_COMPOSITOR_MEMORY_FAULT_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A mapping of memory that somebody else can take away while it is read: a file shrinks, a huge
 * page cannot be had, a device is reset. The SIGBUS that follows puts zeros in place of the whole
 * mapping, and the read goes on. Any thread may read; those here are for one thread.
 */
struct gp_fault_guard {
	uintptr_t start, end; // whole pages
	atomic_bool hit; // there are zeros from now on
	struct gp_fault_guard *_Atomic next;
};

/* Sets the action of SIGBUS, once for the process. Returns false after logging. */
bool gp_fault_guard_init(void);
/* Guards a mapping until gp_fault_guard_remove. */
void gp_fault_guard_add(struct gp_fault_guard *guard, const void *start, size_t size);
/* Before the mapping is unmapped; it must have been added. */
void gp_fault_guard_remove(struct gp_fault_guard *guard);

#endif

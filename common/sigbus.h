#ifndef GP_COMMON_SIGBUS_H
#define GP_COMMON_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Memory of another process may shrink, and a device's may go: reading the mapping then raises
 * SIGBUS. A guarded mapping gets a page of zeros there, private to this process, and the reader
 * goes on. Every other SIGBUS ends the process as before.
 *
 * Mappings are added and removed by one thread only; any thread may read them.
 */

/* Installs the handler. False after logging. */
bool gp_sigbus_catch(void);
/* How often a page of zeros was put somewhere. */
unsigned gp_sigbus_count(void);

/* page_size is that of the file: its huge page, or a page. False: there are too many mappings. */
bool gp_sigbus_guard(const void *mapping, size_t size, size_t page_size);
/* To be called before munmap. Nothing happens if it is not guarded. */
void gp_sigbus_unguard(const void *mapping);

#endif

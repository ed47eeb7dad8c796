#ifndef GP_COMPOSITOR_MEMORY_IMPORT_FAILURE_H
#define GP_COMPOSITOR_MEMORY_IMPORT_FAILURE_H

#include <stdint.h>

#define GP_IMPORT_FAILURE_MESSAGE_MAX 160

/**
 * Why a buffer was not imported, as in guest_blob_v1.failed.
 */
struct gp_import_failure {
	uint32_t reason; // enum guest_blob_v1_failure
	uint32_t alignment; // that the import needs of a stride, in bytes; 0: unknown, or no cause
	char message[GP_IMPORT_FAILURE_MESSAGE_MAX];
};

/* Sets all of it; the alignment is 0. */
void gp_import_failure_set(struct gp_import_failure *failure, uint32_t reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif

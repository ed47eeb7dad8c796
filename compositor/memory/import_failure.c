#include "compositor/memory/import_failure.h"

#include <stdarg.h>
#include <stdio.h>

void gp_import_failure_set(
	struct gp_import_failure *failure, uint32_t reason, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	*failure = (struct gp_import_failure){.reason = reason};
	vsnprintf(failure->message, sizeof(failure->message), fmt, args);
	va_end(args);
}

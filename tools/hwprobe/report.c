#include "tools/hwprobe/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool hw_result(int error, const char *fmt, ...) {
	va_list args;
	fputs("  ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	if (error == 0) {
		puts(": ok");
	} else {
		printf(": error %d (%s)\n", error, strerror(error));
	}
	fflush(stdout);
	return error == 0;
}

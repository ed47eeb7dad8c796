#include "common/runtime_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool join_path(char *buf, size_t size, const char *head, const char *tail) {
	int length = snprintf(buf, size, "%s/guestpane%s%s", head, tail[0] ? "/" : "", tail);
	if (length < 0 || (size_t)length >= size) {
		errno = ENAMETOOLONG;
		return false;
	}
	return true;
}

bool gp_runtime_path(char *buf, size_t size, const char *name) {
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	if (runtime_dir == NULL || runtime_dir[0] == '\0') {
		errno = ENOENT;
		return false;
	}
	if (!join_path(buf, size, runtime_dir, "")) {
		return false;
	}
	if (mkdir(buf, 0700) != 0 && errno != EEXIST) {
		return false;
	}
	return join_path(buf, size, runtime_dir, name);
}

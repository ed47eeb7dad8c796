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

static bool is_directory(const char *path) {
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
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
	/* A process that may make no directory, as a bridge's worker, finds the one that is there. */
	if (!is_directory(buf) && mkdir(buf, 0700) != 0 && errno != EEXIST) {
		return false;
	}
	return join_path(buf, size, runtime_dir, name);
}

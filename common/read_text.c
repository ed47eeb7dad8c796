#include "common/read_text.h"

#include <fcntl.h>
#include <unistd.h>

bool gp_read_text(int dir, const char *path, char *out, size_t size) {
	size_t used = 0;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n;
		while (used < size - 1 && (n = read(fd, out + used, size - 1 - used)) > 0) {
			used += (size_t)n;
		}
		close(fd);
	}
	out[used] = '\0';
	return fd >= 0;
}

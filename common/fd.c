#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int reserve_start = INT32_MAX; // the lowest number of the reserve

void gp_fd_keep_reserve(uint64_t limit) {
	uint64_t reserve = limit / 2 < GP_FD_RESERVE ? limit / 2 : GP_FD_RESERVE;
	reserve_start = limit - reserve < INT32_MAX ? (int)(limit - reserve) : INT32_MAX;
}

/* The kernel gives the lowest number that is free. */
bool gp_fd_is_reserve(int fd) {
	return fd >= reserve_start;
}

void gp_fd_close(int *fd) {
	if (*fd == -1) {
		return;
	}
	int saved = errno;
	close(*fd);
	*fd = -1;
	errno = saved;
}

int gp_fd_take(int *fd) {
	int taken = *fd;
	*fd = -1;
	return taken;
}

bool gp_fd_set_nonblock(int fd) {
	int flags = fcntl(fd, F_GETFL);
	return flags != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool gp_fd_is_short(int fd, unsigned reserve) {
	struct rlimit limit;
	/* The kernel takes the lowest number: all that are below this one are in use. */
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)fd + reserve >= limit.rlim_cur;
}

int gp_memfd_create_sealed(const char *name, size_t size) {
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1) {
		return -1;
	}
	if (ftruncate(fd, size) != 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		gp_fd_close(&fd);
	}
	return fd;
}

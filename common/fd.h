#ifndef GP_COMMON_FD_H
#define GP_COMMON_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * File descriptors. All that are made here are close-on-exec.
 */

/* Closes *fd if it is not -1 and sets it to -1. errno is kept. */
void gp_fd_close(int *fd);
/* Moves the descriptor out: returns *fd and sets it to -1. */
int gp_fd_take(int *fd);
bool gp_fd_set_nonblock(int fd);
/* Whether fewer than `reserve` descriptors are free beside this new one, up to RLIMIT_NOFILE. */
bool gp_fd_is_short(int fd, unsigned reserve);

/* How many are kept back at most; at a low limit it is half of it. */
#define GP_FD_RESERVE 1024
/**
 * Keeps descriptors below the limit (RLIMIT_NOFILE) for what must not fail: the regions of a VM's
 * memory, its sockets. Before this call there is no reserve.
 */
void gp_fd_keep_reserve(uint64_t limit);
/* Whether only the reserve was left for this one: whoever asked for it is to be refused. */
bool gp_fd_is_reserve(int fd);

/**
 * A memory file of the given size in bytes, sealed against shrinking, growing and further seals,
 * still writable. Returns the fd, owned by the caller, or -1 with errno.
 */
int gp_memfd_create_sealed(const char *name, size_t size);

#endif

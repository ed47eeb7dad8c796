#ifndef GP_COMMON_FD_H
#define GP_COMMON_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * File descriptors. All descriptors made here are close-on-exec.
 */

/* Closes *fd if it is not -1 and sets it to -1. errno is kept. */
void gp_fd_close(int *fd);
/* Moves the descriptor out: returns *fd and sets it to -1. */
int gp_fd_take(int *fd);
bool gp_fd_set_nonblock(int fd);

/**
 * A memory file of the given size in bytes, sealed against shrinking, growing and further seals,
 * still writable. Returns the fd, owned by the caller, or -1 with errno.
 */
int gp_memfd_create_sealed(const char *name, size_t size);

/**
 * A listening, non-blocking SOCK_STREAM Unix socket at path with mode 0600, made so that no one
 * can connect before the mode is set. A stale socket (one that refuses connections) at the path is
 * replaced; a live one is left and the call fails with EADDRINUSE. Missing parent directories are
 * not made. Returns the fd, owned by the caller, or -1 with errno.
 */
int gp_socket_listen(const char *path);
/* Connects to path. Returns a non-blocking fd, owned by the caller, or -1 with errno. */
int gp_socket_connect(const char *path);
/* The process that listens at path, as far as the kernel knows; 0: nobody does. */
pid_t gp_socket_get_listener(const char *path);
/* Whether the other end of a connected socket was closed, whatever is still to be read here. */
bool gp_socket_hung_up(int fd);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t gp_now_ns(void);

/**
 * Writes "$XDG_RUNTIME_DIR/guestpane/<name>" into buf, making the directory guestpane with mode
 * 0700 if it is missing; an empty name gives the directory. Returns false if XDG_RUNTIME_DIR is not set (errno ENOENT), the path does
 * not fit (ENAMETOOLONG) or the directory cannot be made.
 */
bool gp_runtime_path(char *buf, size_t size, const char *name);

#endif

#ifndef GP_COMMON_SOCKET_H
#define GP_COMMON_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * A listening, non-blocking SOCK_STREAM Unix socket at path with mode 0600, made so that no one
 * can connect before the mode is set. A stale socket (one that refuses connections) at the path is
 * replaced; a live one is left and the call fails with EADDRINUSE. Missing parent directories are
 * not made. Returns the fd, owned by the caller, or -1 with errno.
 */
int gp_socket_listen(const char *path);
/* The same for SOCK_SEQPACKET. */
int gp_socket_listen_packets(const char *path);
/* Connects to path. Returns a non-blocking fd, owned by the caller, or -1 with errno. */
int gp_socket_connect(const char *path);
int gp_socket_connect_packets(const char *path);
/* Whose process is at the other end of a connected socket; -1 with errno. */
uid_t gp_socket_get_peer_uid(int fd);
/* The process that listens at path, as far as the kernel knows; 0: nobody does. */
pid_t gp_socket_get_listener(const char *path);
/* Whether the other end of a connected socket was closed, whatever is still to be read here. */
bool gp_socket_hung_up(int fd);

#endif

#ifndef GP_COMMON_LIMITS_H
#define GP_COMMON_LIMITS_H

#include <stdint.h>

/**
 * Numbers that the guest, the bridge and the compositor must agree on.
 */

/* Scanouts of a guest: VIRTIO_GPU_MAX_SCANOUTS, and the indices 0 to 15 of guest-scanout-v1. */
#define GP_SCANOUTS_MAX 16

/* Bytes of a guest's name. */
#define GP_GUEST_NAME_MAX 64

/* Pixels on one side of a buffer or of a mode. */
#define GP_DIMENSION_MAX 16384

/**
 * The most that one bridge may cost the compositor. A client is a connection; a bridge that is
 * confined has one. guest-scanout-v1 guarantees least values of some.
 */

/* Connections: at the general socket, at that of one guest, of one process at all, and of those
 * the ones without a guest. A process is a pid and uid. */
#define GP_BRIDGES_MAX 256
#define GP_BRIDGES_OF_GUEST_MAX 16
#define GP_BRIDGES_OF_PROCESS_MAX 16
#define GP_BRIDGES_OF_PROCESS_IDLE_MAX 8
/* Descriptors of the compositor that are left to outputs, connections and the imports of others. */
#define GP_FDS_RESERVED 128
/* Those that a client may have sent without a request that takes them: libwayland keeps as many. */
#define GP_FDS_IN_TRANSIT_MAX 1024

/**
 * Objects, as the greatest id: a client has to reuse ids. A scanout takes some tens, a blob two.
 */
#define GP_OBJECTS_PER_CLIENT_MAX 16384
/*
 * Requests of a client in one turn of the loop: libwayland reads 4096 bytes, the shortest has 8.
 */
#define GP_REQUESTS_PER_TURN_MAX 512
/* Rectangles: of damage more are taken as the one around them, of a region they are an error. */
#define GP_DAMAGE_RECTS_MAX 64
#define GP_REGION_RECTS_MAX 64
/* Commits of a surface that wait for their acquire points (linux-drm-syncobj). */
#define GP_QUEUED_COMMITS_MAX 64

/* Guests of all clients, and of one. */
#define GP_GUESTS_MAX 64
#define GP_GUESTS_PER_CLIENT_MAX 8
/* A descriptor each. */
#define GP_BLOBS_PER_CLIENT_MAX 4096
#define GP_BUFFERS_PER_BLOB_MAX 64
/* Bytes. */
#define GP_BLOB_SIZE_MAX (UINT64_C(1) << 32)
/* Bytes that are mapped: those read last. It is what one blob may have for the CPU to read it. */
#define GP_MAPPED_PER_CLIENT_MAX (UINT64_C(1) << 30)
/* Of these, bytes in holes of memory files: zeros, which some kernels have to make. */
#define GP_HOLE_BYTES_PER_CLIENT_MAX (UINT64_C(1) << 28)
/* Holes of a memory file, and the files and holes that are mapped; a process has 65530 mappings. */
#define GP_HOLES_PER_FILE_MAX 64
#define GP_PIECES_PER_CLIENT_MAX 1024

#endif

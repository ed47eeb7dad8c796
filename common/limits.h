#ifndef GP_COMMON_LIMITS_H
#define GP_COMMON_LIMITS_H

/**
 * Numbers that the guest, the bridge and the compositor must agree on.
 */

/* Scanouts of a guest: VIRTIO_GPU_MAX_SCANOUTS, and the indices 0 to 15 of guest-scanout-v1. */
#define GP_SCANOUTS_MAX 16

/* Bytes of a guest's name. */
#define GP_GUEST_NAME_MAX 64

/* Pixels on one side of a buffer or of a mode. */
#define GP_DIMENSION_MAX 16384

#endif

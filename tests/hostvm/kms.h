#ifndef GP_TESTS_HOSTVM_KMS_H
#define GP_TESTS_HOSTVM_KMS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/host.h"

/**
 * What the host VM's graphics card does, by the kernel's own word and by QEMU's: independent of
 * the programs under test. One card with one connector, Virtual-1.
 */

#define KMS_OUTPUT "Virtual-1"
#define KMS_REFUSE "/tmp/kms-refuse" // see refuse.c

/* What is on the monitor; asks hostvm_test.py. */
bool kms_screendump(struct picture *picture);
/* The same until the pixel at x, y has the color, or some seconds have passed. */
bool kms_wait_pixel(struct picture *picture, uint32_t x, uint32_t y, uint32_t color);

/* The framebuffer on the primary plane; 0 if there is none. */
int kms_plane_fb(void);
/* Whether its memory comes from elsewhere: it was imported as a dma-buf. */
bool kms_fb_is_imported(int fb);
/* How many framebuffers there are whose memory was imported. */
unsigned kms_count_imported(void);

#endif

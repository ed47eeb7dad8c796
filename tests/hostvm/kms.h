#ifndef GP_TESTS_HOSTVM_KMS_H
#define GP_TESTS_HOSTVM_KMS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/host.h"

/**
 * What the host VM's graphics cards do, by the kernel's own word and by that of what shows their
 * monitors outside of the VM: independent of the programs under test.
 */

#define KMS_OUTPUTS_MAX 4
#define KMS_REFUSE "/tmp/kms-refuse" // see refuse.c
#define KMS_REFUSED "/tmp/kms-refused"

/* Cards, by driver and PCI class. */
#define KMS_BOCHS "bochs-drm 0x038000"
#define KMS_VIRTIO "virtio-pci 0x078000" // our bridge; with cursor planes, imports udmabufs
#define KMS_QEMU "virtio-pci 0x038000" // QEMU's own virtio-gpu; imports nothing

/**
 * Chooses a card for what follows, compositors that are started included. False
 * if there is none.
 */
bool kms_choose(const char *kind);
/* The name of a connector of the card, in the kernel's order. */
const char *kms_output(unsigned index);

/* Asks hostvm_test.py for something that gives no picture. */
bool kms_ask(const char *request);
/* What is on a monitor of the card. */
bool kms_screendump(unsigned index, struct picture *picture);
/* The same until the pixel at x, y has the color, or some seconds have passed. */
bool kms_wait_pixel(
	unsigned index, struct picture *picture, uint32_t x, uint32_t y, uint32_t color);

/* Planes in the kernel's order: for each CRTC a primary one, and a cursor if the card has one. */
struct kms_plane {
	int fb; // 0: off
	int x, y, width, height; // on the CRTC
};
bool kms_plane(unsigned index, struct kms_plane *plane);
/* Whether the first CRTC scans out, now or soon. */
bool kms_wait_active(bool wanted);
/* The framebuffer on the first plane; 0 if there is none. */
int kms_plane_fb(void);
/* Whether a CRTC is on, in the kernel's order. */
bool kms_crtc_active(unsigned index);
/* Whether its memory comes from elsewhere: it was imported as a dma-buf. */
bool kms_fb_is_imported(int fb);
/* How many framebuffers there are whose memory was imported. */
unsigned kms_count_imported(void);

/* Switches to a virtual terminal; there is seatd, which takes the card away from the compositor. */
bool kms_switch_vt(int number);

/**
 * Suspends the host VM to memory (S3) for a second; it was booted to allow that. False if it did
 * not happen.
 */
bool kms_sleep(void);
/*
 * Whether the kernel switches to a terminal of its own while it sleeps, as it does for a graphics
 * driver that asks for it.
 */
bool kms_set_sleep_vt(bool wanted);
/* Takes the card from its driver, as if it were pulled out; with `there` it is given back. */
bool kms_plug(bool there);

/* Switches a connector: "on", "off", or "detect" for what is true; the compositor is told. */
bool kms_force(unsigned index, const char *status);

#endif

#ifndef GP_TESTS_HOSTVM_UINPUT_H
#define GP_TESTS_HOSTVM_UINPUT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Input devices that the kernel takes for real ones, and through it udev, libinput and the
 * compositor. Axes that are places have a pixel of a 640×480 panel as their unit.
 */

enum uinput_kind {
	UINPUT_KEYBOARD,
	UINPUT_MOUSE,
	UINPUT_TOUCH,
	UINPUT_PEN,
};

/* A descriptor, or -1 after saying why. The device goes when it is closed. */
int uinput_create(enum uinput_kind kind, const char *name);
bool uinput_send(int fd, uint16_t type, uint16_t code, int32_t value);
/* SYN_REPORT. */
bool uinput_end(int fd);

#endif

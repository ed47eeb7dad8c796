#ifndef GP_VMM_BRIDGE_QEMU_KEYMAP_H
#define GP_VMM_BRIDGE_QEMU_KEYMAP_H

#include <stdint.h>

/**
 * QEMU's number of an evdev key: its scan code of XT set 1, with 0x80 for those that have the
 * prefix 0xe0. 0: QEMU has none.
 */
uint32_t gp_qemu_key(uint32_t code);

#endif

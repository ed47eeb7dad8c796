#ifndef GP_VMM_BRIDGE_INPUT_CONFIG_H
#define GP_VMM_BRIDGE_INPUT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/virtio_input.h>

/**
 * The description of an input device: the configuration space of virtio-input (virtio 1.3, 5.8.4),
 * in which the driver selects what it wants to read.
 */

enum gp_input_kind {
	GP_INPUT_KEYBOARD,
	GP_INPUT_TABLET, // absolute pointer with buttons and wheels
	GP_INPUT_MOUSE, // the same with relative motion
	GP_INPUT_TOUCH, // touch screen
	GP_INPUT_PEN, // pen on a screen
};
#define GP_INPUT_KINDS 5

#define GP_INPUT_ABS_MAX 32767 // of axes that are positions, which begin at 0
#define GP_INPUT_ALL_SCANOUTS (-1)

/* "keyboard", "tablet", "mouse", "touch", "pen". */
const char *gp_input_kind_name(enum gp_input_kind kind);

/* Whether a device of that kind can belong to one scanout alone. */
bool gp_input_has_scanouts(enum gp_input_kind kind);

/**
 * Whether a device of that kind has the key or button. Codes of buttons are no keys, and the other
 * way round: a keyboard with a button would be taken for a mouse as well.
 */
bool gp_input_has_key(enum gp_input_kind kind, uint32_t code);

/**
 * Fills the structure as it is read after the selection; without a selected item size is 0, and
 * zeros follow. scanout is the scanout that the device belongs to, or GP_INPUT_ALL_SCANOUTS; it
 * shows in the name.
 */
void gp_input_config_fill(enum gp_input_kind kind, int scanout, uint8_t select, uint8_t subsel,
	struct virtio_input_config *config);

/* Any range of it; bytes behind the structure read as zero. */
void gp_input_config_read(
	const struct virtio_input_config *config, uint32_t offset, uint32_t size, uint8_t *out);

#endif

#ifndef GP_TOOLS_HWPROBE_CARD_H
#define GP_TOOLS_HWPROBE_CARD_H

#include <stdbool.h>

struct hw_buffers;

/* Every /dev/dri/card*: import, framebuffer; with commit also on the screen. */
void hw_try_cards(const struct hw_buffers *buffers, bool commit);

#endif

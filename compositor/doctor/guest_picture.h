#ifndef GP_COMPOSITOR_DOCTOR_GUEST_PICTURE_H
#define GP_COMPOSITOR_DOCTOR_GUEST_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Memory as guests have it, in single pages, with the picture of probe/udmabuf.h in it.
 */
struct gp_guest_picture {
	int fd; // dma-buf; -1: there is none
	uint32_t width, height, stride;
};

/* False, with errno; to be finished then, too. */
bool gp_guest_picture_init(struct gp_guest_picture *picture);
void gp_guest_picture_finish(struct gp_guest_picture *picture);

#endif

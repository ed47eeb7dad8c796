#include "compositor/doctor/guest_picture.h"

#include "common/fd.h"
#include "probe/udmabuf.h"

/* What udmabuf takes in single pages with the limits of its default: less than 1024. */
#define WIDTH 1024u
#define HEIGHT 768u

bool gp_guest_picture_init(struct gp_guest_picture *picture) {
	*picture = (struct gp_guest_picture){
		.fd = gp_probe_create_udmabuf((uint64_t)WIDTH * 4 * HEIGHT, true),
		.width = WIDTH,
		.height = HEIGHT,
		.stride = WIDTH * 4,
	};
	if (picture->fd >= 0 &&
		!gp_probe_paint(picture->fd, picture->width, picture->height, picture->stride)) {
		gp_fd_close(&picture->fd);
	}
	return picture->fd >= 0;
}

void gp_guest_picture_finish(struct gp_guest_picture *picture) {
	gp_fd_close(&picture->fd);
}

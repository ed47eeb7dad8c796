/* A machine that does nothing but show a color, until its input ends.
 *
 *     stand_in SOCKET COLOR WIDTH HEIGHT
 */

#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/harness/guest_gpu.h"

static bool show(struct fe *fe, uint32_t color, uint32_t width, uint32_t height) {
	const struct gp_rect all = {.width = width, .height = height};
	struct gg_blob blob;
	gg_create_blob(fe, 1, (uint64_t)width * height * 4, &blob);
	if (blob.pixels == NULL) {
		return false;
	}
	gg_fill(blob.pixels, width, &all, color);
	return gg_set_scanout_blob(fe, 0, 1, width, height) == VIRTIO_GPU_RESP_OK_NODATA &&
		gg_flush(fe, 1, &all, true) == VIRTIO_GPU_RESP_OK_NODATA;
}

int main(int argc, char *argv[]) {
	struct fe fe;
	char byte;
	if (argc != 5 || !fe_connect(&fe, argv[1], -1) ||
		!fe_negotiate(&fe,
			UINT64_C(1) << VIRTIO_GPU_F_RESOURCE_BLOB |
				UINT64_C(1) << VIRTIO_GPU_F_EDID) ||
		!fe_start(&fe) ||
		!show(&fe, (uint32_t)strtoul(argv[2], NULL, 16), (uint32_t)atoi(argv[3]),
			(uint32_t)atoi(argv[4]))) {
		return EXIT_FAILURE;
	}
	puts("shown");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
	fe_finish(&fe);
	return EXIT_SUCCESS;
}

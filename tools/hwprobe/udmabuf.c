#include "tools/hwprobe/udmabuf.h"

#include <stdio.h>

#include "probe/udmabuf.h"
#include "tools/hwprobe/buffers.h"

void hw_try_udmabuf(struct hw_buffers *buffers) {
	static const struct {
		const char *name;
		uint32_t width, height;
		bool keep;
	} cases[] = {
		{"udmabuf 1920x1080", 1920, 1080, true},
		{"udmabuf 3840x2160", 3840, 2160, false},
		{"udmabuf 7680x4320", 7680, 4320, false},
	};
	struct hw_buffers dropped = {.count = 0};
	printf("Guest memory, by udmabuf\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t size = (uint64_t)cases[i].width * cases[i].height * 4;
		for (int scattered = 0; scattered < 2; scattered++) {
			char name[48];
			snprintf(name, sizeof(name), "%s%s", cases[i].name,
				scattered ? " scattered" : "");
			int fd = gp_probe_create_udmabuf(size, scattered);
			bool painted = cases[i].keep && fd >= 0 &&
				gp_probe_paint(fd, HW_WIDTH, HW_HEIGHT, HW_STRIDE);
			hw_buffers_add(cases[i].keep ? buffers : &dropped, name, fd, size, painted);
		}
	}
	hw_buffers_finish(&dropped);
}

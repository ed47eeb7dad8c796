#include "tools/hwprobe/udmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/hwprobe/buffers.h"

/* Every other page of a file that is twice as large: nothing can be merged. */
static struct udmabuf_create_list *make_list(int memfd, uint64_t size, bool scattered) {
	uint32_t count = scattered ? (uint32_t)(size / HW_PAGE) : 1;
	struct udmabuf_create_list *list = calloc(1, sizeof(*list) + count * sizeof(list->list[0]));
	if (list == NULL) {
		return NULL;
	}
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = count;
	for (uint32_t i = 0; i < count; i++) {
		list->list[i] = (struct udmabuf_create_item){
			.memfd = (uint32_t)memfd,
			.offset = scattered ? (2 * (uint64_t)i + 1) * HW_PAGE : 0,
			.size = scattered ? HW_PAGE : size,
		};
	}
	return list;
}

int hw_make_udmabuf(uint64_t size, bool scattered) {
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		return -1;
	}
	int fd = -1;
	int memfd = memfd_create("hwprobe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size = (size + HW_PAGE - 1) / HW_PAGE * HW_PAGE;
	struct udmabuf_create_list *list = make_list(memfd, size, scattered);
	if (list != NULL && memfd >= 0 && ftruncate(memfd, (off_t)(size * 2)) == 0 &&
		fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0) {
		fd = ioctl(device, UDMABUF_CREATE_LIST, list);
	}
	int error = errno;
	free(list);
	if (memfd >= 0) {
		close(memfd);
	}
	close(device);
	errno = error;
	return fd;
}

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
			int fd = hw_make_udmabuf(size, scattered);
			bool painted = cases[i].keep && fd >= 0 &&
				hw_paint(fd, HW_WIDTH, HW_HEIGHT, HW_STRIDE);
			hw_buffers_add(cases[i].keep ? buffers : &dropped, name, fd, size, painted);
		}
	}
	hw_buffers_finish(&dropped);
}

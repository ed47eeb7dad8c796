#include "tools/hwprobe/buffers.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/hwprobe/report.h"

void hw_buffers_add(
	struct hw_buffers *buffers, const char *name, int fd, uint64_t size, bool painted) {
	hw_result(fd < 0 ? errno : 0, "%s, %llu bytes", name, (unsigned long long)size);
	if (fd < 0) {
		return;
	}
	if (buffers->count == HW_BUFFERS_MAX) {
		close(fd);
		return;
	}
	struct hw_buffer *buffer = &buffers->items[buffers->count++];
	*buffer = (struct hw_buffer){.fd = fd, .size = size, .painted = painted};
	snprintf(buffer->name, sizeof(buffer->name), "%s", name);
}

void hw_buffers_finish(struct hw_buffers *buffers) {
	for (size_t i = 0; i < buffers->count; i++) {
		close(buffers->items[i].fd);
	}
	buffers->count = 0;
}

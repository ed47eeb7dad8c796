#include "tools/hwprobe/hwprobe.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: guestpane-hwprobe [OPTION…]\n"
	"  --vfio ADDRESS  export the memory of this PCI device, which no VM may use now\n"
	"  --vmm-pid PID   export the memory of the VFIO devices of a running VMM\n"
	"  --commit        show buffers on the screens; run it on a console of its own\n";

bool hw_result(int error, const char *fmt, ...) {
	va_list args;
	fputs("  ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	if (error == 0) {
		puts(": ok");
	} else {
		printf(": error %d (%s)\n", error, strerror(error));
	}
	fflush(stdout);
	return error == 0;
}

void hw_buffers_add(
	struct hw_buffers *buffers, const char *name, int fd, uint64_t size, bool readable) {
	hw_result(fd < 0 ? errno : 0, "%s, %llu bytes", name, (unsigned long long)size);
	if (fd < 0) {
		return;
	}
	if (buffers->count == HW_BUFFERS_MAX) {
		close(fd);
		return;
	}
	struct hw_buffer *buffer = &buffers->items[buffers->count++];
	*buffer = (struct hw_buffer){.fd = fd, .size = size, .readable = readable};
	snprintf(buffer->name, sizeof(buffer->name), "%s", name);
}

int main(int argc, char *argv[]) {
	static const struct option options[] = {
		{"vfio", required_argument, NULL, 'v'},
		{"vmm-pid", required_argument, NULL, 'p'},
		{"commit", no_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct hw_buffers buffers = {.count = 0};
	const char *vfio = NULL;
	bool commit = false;
	int pid = 0;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'v':
			vfio = optarg;
			break;
		case 'p':
			pid = atoi(optarg);
			break;
		case 'c':
			commit = true;
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}

	hw_try_udmabuf(&buffers);
	if (vfio != NULL) {
		hw_try_vfio(&buffers, vfio);
	}
	if (pid != 0) {
		hw_try_vmm(&buffers, pid);
	}
	hw_try_cards(&buffers, commit);
	hw_try_render_nodes(&buffers);
	for (size_t i = 0; i < buffers.count; i++) {
		close(buffers.items[i].fd);
	}
	return 0;
}

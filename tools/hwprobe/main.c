/**
 * The part of tools/hwcheck that talks to devices: makes buffers of every kind, and offers them to
 * every importer of this host.
 */

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/hwprobe/buffers.h"
#include "tools/hwprobe/card.h"
#include "tools/hwprobe/render.h"
#include "tools/hwprobe/udmabuf.h"
#include "tools/hwprobe/vfio.h"

static const char usage[] =
	"Usage: guestpane-hwprobe [OPTION…]\n"
	"  --vfio ADDRESS  export the memory of this PCI device, which no VM may use now\n"
	"  --vmm-pid PID   export the memory of the VFIO devices of a running VMM\n"
	"  --commit        show buffers on the screens; run it on a console of its own\n";

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
	hw_buffers_finish(&buffers);
	return 0;
}

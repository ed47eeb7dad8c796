#include "tests/hostvm/kms.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHARE "/guest" // with the machine that runs the VM
#define DEBUGFS "/sys/kernel/debug/dri/*/"
#define TIMEOUT_MS 15000

bool kms_screendump(struct picture *picture) {
	static unsigned number;
	char want[64], dump[64];
	uint64_t end = host_now_ms() + TIMEOUT_MS;
	snprintf(want, sizeof(want), SHARE "/%d-%u.want", (int)getpid(), ++number);
	snprintf(dump, sizeof(dump), SHARE "/%d-%u.ppm", (int)getpid(), number);
	FILE *file = fopen(want, "we");
	if (!file) {
		printf("# %s cannot be made\n", want);
		return false;
	}
	fclose(file);
	while (access(dump, R_OK) != 0) {
		if (host_now_ms() >= end) {
			printf("# no screendump\n");
			return false;
		}
		host_sleep_ms(10);
	}
	bool ok = picture_read(picture, dump);
	unlink(want);
	unlink(dump);
	return ok;
}

bool kms_wait_pixel(struct picture *picture, uint32_t x, uint32_t y, uint32_t color) {
	uint64_t end = host_now_ms() + TIMEOUT_MS;
	do {
		if (!kms_screendump(picture)) {
			return false;
		}
		if (picture_at(picture, x, y) == color) {
			return true;
		}
	} while (host_now_ms() < end);
	printf("# pixel %u, %u is %06x, not %06x\n", x, y, picture_at(picture, x, y), color);
	return false;
}

/* Opens a file of the card; there is one card, but it has several names. */
static FILE *open_debugfs(const char *name) {
	char pattern[64];
	glob_t found;
	snprintf(pattern, sizeof(pattern), DEBUGFS "%s", name);
	if (glob(pattern, 0, NULL, &found) != 0) {
		printf("# no %s\n", pattern);
		return NULL;
	}
	FILE *file = fopen(found.gl_pathv[0], "re");
	globfree(&found);
	return file;
}

int kms_plane_fb(void) {
	FILE *file = open_debugfs("state");
	char line[256];
	int fb = 0;
	while (file && fb == 0 && fgets(line, sizeof(line), file)) {
		sscanf(line, " fb=%d", &fb);
	}
	if (file) {
		fclose(file);
	}
	return fb;
}

/* Counts the imported framebuffers; of one number, or of all for 0. */
static unsigned count(int wanted) {
	FILE *file = open_debugfs("framebuffer");
	char line[256];
	int fb = 0;
	unsigned n = 0;
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "framebuffer[%d]", &fb);
		n += strstr(line, "imported=yes") != NULL && (wanted == 0 || fb == wanted);
	}
	if (file) {
		fclose(file);
	}
	return n;
}

bool kms_fb_is_imported(int fb) {
	return fb != 0 && count(fb) == 1;
}

unsigned kms_count_imported(void) {
	return count(0);
}

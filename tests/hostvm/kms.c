#include "tests/hostvm/kms.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/vt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SHARE "/guest" // with the machine that runs the VM
#define TIMEOUT_MS 15000
#define SETTLE_MS 200
#define LPC_CONFIG "/sys/bus/pci/devices/0000:00:1f.0/config" // of Q35's ICH9
#define LPC_PMBASE 0x40 // where the ACPI registers are, and at 0x44 whether they are

static struct {
	char name[16]; // "card1"
	const char *kind;
	char outputs[KMS_OUTPUTS_MAX][32];
} card;

/* "driver class" of a card's device; empty if it cannot be told. */
static void get_kind(const char *path, char kind[64]) {
	char file[96], target[256], class[16] = "";
	snprintf(file, sizeof(file), "%s/device/driver", path);
	ssize_t length = readlink(file, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	const char *driver = strrchr(target, '/');
	snprintf(file, sizeof(file), "%s/device/class", path);
	FILE *stream = fopen(file, "re");
	kind[0] = '\0';
	if (driver && stream && fscanf(stream, "%15s", class) == 1) {
		snprintf(kind, 64, "%.40s %s", driver + 1, class);
	}
	if (stream) {
		fclose(stream);
	}
}

static void find_outputs(void) {
	char pattern[64];
	glob_t found;
	memset(card.outputs, 0, sizeof(card.outputs));
	snprintf(pattern, sizeof(pattern), "/sys/class/drm/%s-*", card.name);
	if (glob(pattern, 0, NULL, &found) != 0) {
		return;
	}
	for (size_t i = 0; i < found.gl_pathc && i < KMS_OUTPUTS_MAX; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1 + strlen(card.name) + 1;
		snprintf(card.outputs[i], sizeof(card.outputs[i]), "%.31s", name);
	}
	globfree(&found);
}

bool kms_choose(const char *kind) {
	glob_t found;
	char device[32];
	card.name[0] = '\0';
	if (glob("/sys/class/drm/card?", 0, NULL, &found) != 0) {
		return false;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char found_kind[64];
		get_kind(found.gl_pathv[i], found_kind);
		if (strcmp(found_kind, kind) == 0) {
			snprintf(card.name, sizeof(card.name), "%.15s",
				strrchr(found.gl_pathv[i], '/') + 1);
		}
	}
	globfree(&found);
	card.kind = kind;
	find_outputs();
	snprintf(device, sizeof(device), "/dev/dri/%s", card.name);
	setenv("WLR_DRM_DEVICES", device, 1);
	return card.name[0] && card.outputs[0][0];
}

const char *kms_output(unsigned index) {
	return card.outputs[index];
}

/* A request to hostvm_test.py, and its result. */
struct request {
	const char *text;
	char want[64], got[64];
};

static bool send_request(struct request *request, const char *text) {
	static unsigned number;
	char temporary[64];
	++number;
	request->text = text;
	snprintf(temporary, sizeof(temporary), SHARE "/%d-%u.new", (int)getpid(), number);
	snprintf(request->want, sizeof(request->want), SHARE "/%d-%u.want", (int)getpid(), number);
	snprintf(request->got, sizeof(request->got), SHARE "/%d-%u.got", (int)getpid(), number);
	FILE *file = fopen(temporary, "we");
	if (!file) {
		printf("# %s cannot be made\n", temporary);
		return false;
	}
	fprintf(file, "%s\n", text);
	fclose(file);
	return rename(temporary, request->want) == 0;
}

/* Waits for the result: the file `got`, to be removed. */
static bool finish_request(struct request *request) {
	uint64_t end = host_now_ms() + TIMEOUT_MS;
	while (access(request->got, R_OK) != 0) {
		if (host_now_ms() >= end) {
			printf("# no result of: %s\n", request->text);
			return false;
		}
		host_sleep_ms(10);
	}
	unlink(request->want);
	return true;
}

bool kms_ask(const char *text) {
	struct request request;
	bool ok = send_request(&request, text) && finish_request(&request);
	unlink(request.got);
	return ok;
}

bool kms_screendump(unsigned index, struct picture *picture) {
	struct request request;
	char text[32];
	if (strcmp(card.kind, KMS_VIRTIO) == 0) {
		snprintf(text, sizeof(text), "HEADLESS-%u", index + 1);
	} else {
		snprintf(text, sizeof(text), "screen %s",
			strcmp(card.kind, KMS_BOCHS) == 0 ? "bochs" : "virtio");
	}
	bool ok = send_request(&request, text) && finish_request(&request) &&
		picture_read(picture, request.got);
	unlink(request.got);
	return ok;
}

bool kms_wait_pixel(
	unsigned index, struct picture *picture, uint32_t x, uint32_t y, uint32_t color) {
	uint64_t end = host_now_ms() + TIMEOUT_MS;
	do {
		if (!kms_screendump(index, picture)) {
			return false;
		}
		if (picture_at(picture, x, y) == color) {
			/* The driver copies what is on its plane; that may have been amid it. */
			host_sleep_ms(SETTLE_MS);
			return kms_screendump(index, picture);
		}
	} while (host_now_ms() < end);
	printf("# pixel %u, %u is %06x, not %06x\n", x, y, picture_at(picture, x, y), color);
	return false;
}

/* Opens a file of the card. */
static FILE *open_debugfs(const char *name) {
	char path[256];
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%s/%s", card.name + strlen("card"),
		name);
	FILE *file = fopen(path, "re");
	if (!file) {
		printf("# no %s\n", path);
	}
	return file;
}

bool kms_plane(unsigned index, struct kms_plane *plane) {
	FILE *file = open_debugfs("state");
	char line[256];
	int at = -1;
	*plane = (struct kms_plane){0};
	while (file && at <= (int)index && fgets(line, sizeof(line), file)) {
		at += strncmp(line, "plane[", 6) == 0;
		if (strncmp(line, "crtc[", 5) == 0) {
			break;
		}
		if (at == (int)index) {
			sscanf(line, " fb=%d", &plane->fb);
			sscanf(line, " crtc-pos=%dx%d%d%d", &plane->width, &plane->height,
				&plane->x, &plane->y);
		}
	}
	if (file) {
		fclose(file);
	}
	return at >= (int)index;
}

static bool is_active(void) {
	FILE *file = open_debugfs("state");
	char line[256];
	bool in_crtc = false;
	int active = 0;
	while (file && fgets(line, sizeof(line), file)) {
		in_crtc |= strncmp(line, "crtc[", 5) == 0;
		if (in_crtc && sscanf(line, " active=%d", &active) == 1) {
			break;
		}
	}
	if (file) {
		fclose(file);
	}
	return active;
}

bool kms_wait_active(bool wanted) {
	uint64_t end = host_now_ms() + TIMEOUT_MS;
	while (is_active() != wanted) {
		if (host_now_ms() >= end) {
			printf("# the CRTC is %s\n", wanted ? "not active" : "active");
			return false;
		}
		host_sleep_ms(20);
	}
	return true;
}

int kms_plane_fb(void) {
	struct kms_plane plane;
	return kms_plane(0, &plane) ? plane.fb : 0;
}

bool kms_crtc_active(unsigned index) {
	FILE *file = open_debugfs("state");
	char line[256];
	int at = -1, active = 0;
	while (file && fgets(line, sizeof(line), file)) {
		at += strncmp(line, "crtc[", 5) == 0;
		if (at == (int)index && sscanf(line, " active=%d", &active) == 1) {
			break;
		}
	}
	if (file) {
		fclose(file);
	}
	return active == 1;
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

bool kms_switch_vt(int number) {
	int fd = open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool ok = fd >= 0 && ioctl(fd, VT_ACTIVATE, number) == 0 &&
		ioctl(fd, VT_WAITACTIVE, number) == 0;
	if (!ok) {
		perror("# VT_ACTIVATE");
	}
	if (fd >= 0) {
		close(fd);
	}
	return ok;
}

static bool write_file(const char *path, const char *text) {
	FILE *file = fopen(path, "we");
	if (!file) {
		return false;
	}
	fputs(text, file);
	return fclose(file) == 0;
}

bool kms_plug(bool there) {
	static char device[32], driver[64];
	char path[96], target[256];
	if (!there) {
		snprintf(path, sizeof(path), "/sys/class/drm/%s/device", card.name);
		if (realpath(path, target) == NULL) {
			return false;
		}
		snprintf(device, sizeof(device), "%.31s", strrchr(target, '/') + 1);
		snprintf(driver, sizeof(driver), "/sys/bus/pci/drivers/%.*s",
			(int)strcspn(card.kind, " "), card.kind);
	}
	snprintf(path, sizeof(path), "%s/%s", driver, there ? "bind" : "unbind");
	return write_file(path, device);
}

/* The kernel does not tell of what it is told itself; a rule in `inside` makes it a hotplug. */
bool kms_force(unsigned index, const char *status) {
	char path[96];
	snprintf(path, sizeof(path), "/sys/class/drm/%s-%s/status", card.name, card.outputs[index]);
	if (!write_file(path, status)) {
		return false;
	}
	snprintf(path, sizeof(path), "/sys/class/drm/%s/uevent", card.name);
	return write_file(path, "change");
}

/* How many times the kernel has suspended. */
static bool read_count(unsigned *count) {
	FILE *file = fopen("/sys/power/suspend_stats/success", "re");
	bool ok = file && fscanf(file, "%u", count) == 1;
	if (file) {
		fclose(file);
	}
	return ok;
}

bool kms_sleep(void) {
	struct request request;
	uint8_t registers[8];
	unsigned before, after;
	int fd = open(LPC_CONFIG, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, registers, sizeof(registers), LPC_PMBASE) < 0 ||
		!read_count(&before) || !send_request(&request, "wake")) {
		perror("# before suspend");
		return false;
	}
	bool ok =
		write_file("/sys/power/mem_sleep", "deep") && write_file("/sys/power/state", "mem");
	if (!ok) {
		perror("# suspend");
	}
	/* SeaBIOS restores these for the older chipset only, and without them there is no power-off. */
	ok = pwrite(fd, registers, sizeof(registers), LPC_PMBASE) == sizeof(registers) && ok;
	close(fd);
	ok = finish_request(&request) && ok;
	unlink(request.got);
	return ok && read_count(&after) && after == before + 1;
}

bool kms_set_sleep_vt(bool wanted) {
	return write_file("/sys/module/printk/parameters/console_suspend", wanted ? "N" : "Y");
}

#include "tools/hwprobe/card.h"

#include <dirent.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "tools/hwprobe/buffers.h"
#include "tools/hwprobe/commit.h"
#include "tools/hwprobe/report.h"

static uint64_t get_cap(int card, uint64_t name) {
	uint64_t value = 0;
	return drmGetCap(card, name, &value) == 0 ? value : 0;
}

static void try_framebuffer(int card, uint32_t handle, uint32_t width, uint32_t height,
	uint32_t stride, bool modifier) {
	uint32_t handles[4] = {handle}, strides[4] = {stride}, offsets[4] = {0}, fb = 0;
	uint64_t modifiers[4] = {DRM_FORMAT_MOD_LINEAR};
	int result = drmModeAddFB2WithModifiers(card, width, height, DRM_FORMAT_XRGB8888, handles,
		strides, offsets, modifier ? modifiers : NULL, &fb,
		modifier ? DRM_MODE_FB_MODIFIERS : 0);
	hw_result(result < 0 ? errno : 0, "    framebuffer %ux%u, pitch %u%s", width, height,
		stride, modifier ? ", modifier LINEAR" : "");
	if (result == 0) {
		drmModeRmFB(card, fb);
	}
}

static void try_buffer(int card, const struct hw_buffer *buffer, bool is_kms) {
	static const uint32_t sizes[][3] = {{HW_WIDTH, HW_HEIGHT, HW_STRIDE}, {1366, 768, 5464},
		{1366, 768, 5632}, {1400, 1050, 5600}};
	uint32_t handle = 0;
	int result = drmPrimeFDToHandle(card, buffer->fd, &handle);
	if (!hw_result(result < 0 ? errno : 0, "import of %s", buffer->name)) {
		return;
	}
	bool modifiers = get_cap(card, DRM_CAP_ADDFB2_MODIFIERS) != 0;
	for (size_t i = 0; is_kms && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if ((uint64_t)sizes[i][1] * sizes[i][2] > buffer->size) {
			continue;
		}
		try_framebuffer(card, handle, sizes[i][0], sizes[i][1], sizes[i][2], false);
		if (modifiers) {
			try_framebuffer(card, handle, sizes[i][0], sizes[i][1], sizes[i][2], true);
		}
	}
	drmCloseBufferHandle(card, handle);
}

static void try_card(const char *path, const struct hw_buffers *buffers, bool commit) {
	int card = open(path, O_RDWR | O_CLOEXEC);
	printf("Card %s\n", path);
	if (card < 0) {
		hw_result(errno, "open");
		return;
	}
	drmVersionPtr version = drmGetVersion(card);
	bool is_kms = drmIsKMS(card) != 0;
	printf("  driver %s, %s, PRIME %#llx, modifiers %llu, atomic %s\n",
		version != NULL ? version->name : "unknown", is_kms ? "KMS" : "no KMS",
		(unsigned long long)get_cap(card, DRM_CAP_PRIME),
		(unsigned long long)get_cap(card, DRM_CAP_ADDFB2_MODIFIERS),
		drmSetClientCap(card, DRM_CLIENT_CAP_ATOMIC, 1) == 0 ? "yes" : "no");
	drmFreeVersion(version);
	for (size_t i = 0; i < buffers->count; i++) {
		try_buffer(card, &buffers->items[i], is_kms);
	}
	if (commit && is_kms) {
		hw_try_commit(card);
	}
	close(card);
}

static int is_card(const struct dirent *entry) {
	return strncmp(entry->d_name, "card", 4) == 0;
}

void hw_try_cards(const struct hw_buffers *buffers, bool commit) {
	struct dirent **entries;
	int count = scandir("/dev/dri", &entries, is_card, versionsort);
	if (count <= 0) {
		printf("No cards in /dev/dri\n");
	}
	for (int i = 0; i < count; i++) {
		char path[300];
		snprintf(path, sizeof(path), "/dev/dri/%s", entries[i]->d_name);
		try_card(path, buffers, commit);
		free(entries[i]);
	}
	if (count >= 0) {
		free(entries);
	}
}

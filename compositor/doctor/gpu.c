#include "compositor/doctor/gpu.h"

#include <dirent.h>
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/doctor_report.h"
#include "compositor/doctor/guest_picture.h"
#include "probe/render_node.h"

/* A width whose rows are no multiple of more than 8 bytes: 1366 pixels is a common one. */
#define ODD_STRIDE 2728u
#define ALIGNMENT_MAX 256u

static const uint32_t formats[] = {
	DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888, DRM_FORMAT_XBGR8888, DRM_FORMAT_ABGR8888};

/* The smallest alignment with which the node takes a stride; 0: none. */
static uint32_t find_alignment(
	const struct gp_render_node *node, const struct gp_guest_picture *picture) {
	for (uint32_t alignment = 8; alignment <= ALIGNMENT_MAX; alignment *= 2) {
		const struct gp_probe_image image = {
			.fd = picture->fd,
			.format = DRM_FORMAT_XRGB8888,
			.width = ODD_STRIDE / 4,
			.height = picture->height / 2,
			.stride = (ODD_STRIDE + alignment - 1) / alignment * alignment,
		};
		if (gp_render_node_try(node, &image, NULL) == 0) {
			return alignment;
		}
	}
	return 0;
}

static void check_alignment(struct gp_doctor_report *report, const char *path,
	const struct gp_render_node *node, const struct gp_guest_picture *picture) {
	uint32_t alignment = find_alignment(node, picture);
	if (alignment == 8) {
		gp_doctor_ok(report, "%s: takes any pitch", path);
	} else {
		gp_doctor_warn(report,
			"%s: takes pitches of a multiple of %u bytes, so guests in some modes, "
			"1366×768 for instance, are copied",
			path, alignment);
	}
}

/* Whether the picture is read right. */
static bool check_node(struct gp_doctor_report *report, const char *path,
	const struct gp_render_node *node, const struct gp_guest_picture *picture) {
	char names[64] = "";
	int wrong = -1;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct gp_probe_image image = {picture->fd, formats[i], picture->width,
			picture->height, picture->stride, node->modifiers};
		if (gp_render_node_try(node, &image, i == 0 ? &wrong : NULL) == 0) {
			size_t length = strlen(names);
			snprintf(names + length, sizeof(names) - length, " %.4s",
				(const char *)&formats[i]);
		}
	}
	if (names[0] == '\0') {
		gp_doctor_warn(report, "%s: %s does not import guest memory", path, node->renderer);
		return false;
	}
	if (wrong != 0) {
		gp_doctor_fail(report, "%s: %s imports guest memory, and reads %s", path,
			node->renderer, wrong < 0 ? "nothing of it" : "wrong pixels from it");
		return false;
	}
	if (node->software) {
		gp_doctor_warn(report, "%s: %s imports guest memory, but it is the CPU that draws",
			path, node->renderer);
	} else {
		gp_doctor_ok(report, "%s: %s imports guest memory:%s", path, node->renderer, names);
	}
	check_alignment(report, path, node, picture);
	return true;
}

static int is_render_node(const struct dirent *entry) {
	return strncmp(entry->d_name, "renderD", 7) == 0;
}

unsigned gp_doctor_check_gpus(
	struct gp_doctor_report *report, const struct gp_guest_picture *picture) {
	struct dirent **entries;
	unsigned good = 0;
	int count = scandir("/dev/dri", &entries, is_render_node, versionsort);
	if (count <= 0) {
		gp_doctor_warn(report, "no render node in /dev/dri: the CPU composes");
	}
	for (int i = 0; i < count; i++) {
		struct gp_render_node node;
		char path[300];
		snprintf(path, sizeof(path), "/dev/dri/%s", entries[i]->d_name);
		const char *failure = gp_render_node_open(&node, path);
		if (failure != NULL) {
			gp_doctor_warn(report, "%s: %s", path, failure);
		} else if (picture->fd >= 0) {
			good += check_node(report, path, &node, picture);
		} else {
			gp_doctor_ok(report, "%s: %s", path, node.renderer);
		}
		gp_render_node_close(&node);
		free(entries[i]);
	}
	if (count >= 0) {
		free(entries);
	}
	return good;
}

#include "tools/hwprobe/commit.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "tools/hwprobe/buffers.h"
#include "tools/hwprobe/report.h"
#include "probe/udmabuf.h"

#define FRAMES 2

/* AddFB2 and TEST_ONLY promise nothing: some drivers move or refuse the memory only here. */
struct screen {
	int card;
	drmModeConnectorPtr connector;
	drmModeCrtcPtr before;
	uint32_t crtc, plane, mode_blob;
	uint32_t fb[FRAMES], handle[FRAMES];
};

static uint32_t property(
	int card, uint32_t object, uint32_t type, const char *name, uint64_t *value) {
	uint32_t found = 0;
	drmModeObjectPropertiesPtr properties = drmModeObjectGetProperties(card, object, type);
	for (uint32_t i = 0; properties != NULL && found == 0 && i < properties->count_props; i++) {
		drmModePropertyPtr info = drmModeGetProperty(card, properties->props[i]);
		if (info != NULL && strcmp(info->name, name) == 0) {
			found = info->prop_id;
			if (value != NULL) {
				*value = properties->prop_values[i];
			}
		}
		drmModeFreeProperty(info);
	}
	drmModeFreeObjectProperties(properties);
	return found;
}

static bool find_connector(struct screen *screen, drmModeResPtr resources) {
	for (int i = 0; i < resources->count_connectors; i++) {
		drmModeConnectorPtr connector =
			drmModeGetConnector(screen->card, resources->connectors[i]);
		if (connector != NULL && connector->connection == DRM_MODE_CONNECTED &&
			connector->count_modes > 0) {
			screen->connector = connector;
			return true;
		}
		drmModeFreeConnector(connector);
	}
	return false;
}

/* Sets crtc and returns its bit. */
static uint32_t find_crtc(struct screen *screen, drmModeResPtr resources) {
	for (int i = 0; i < screen->connector->count_encoders; i++) {
		drmModeEncoderPtr encoder =
			drmModeGetEncoder(screen->card, screen->connector->encoders[i]);
		uint32_t possible = encoder != NULL ? encoder->possible_crtcs : 0;
		drmModeFreeEncoder(encoder);
		for (int k = 0; k < resources->count_crtcs; k++) {
			if ((possible >> k & 1) != 0) {
				screen->crtc = resources->crtcs[k];
				return UINT32_C(1) << k;
			}
		}
	}
	return 0;
}

static bool find_plane(struct screen *screen, uint32_t crtc_bit) {
	drmSetClientCap(screen->card, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1);
	drmModePlaneResPtr planes = drmModeGetPlaneResources(screen->card);
	for (uint32_t i = 0; planes != NULL && screen->plane == 0 && i < planes->count_planes;
		i++) {
		uint64_t type = 0;
		drmModePlanePtr plane = drmModeGetPlane(screen->card, planes->planes[i]);
		property(screen->card, planes->planes[i], DRM_MODE_OBJECT_PLANE, "type", &type);
		if (plane != NULL && (plane->possible_crtcs & crtc_bit) != 0 &&
			type == DRM_PLANE_TYPE_PRIMARY) {
			screen->plane = plane->plane_id;
		}
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(planes);
	return screen->plane != 0;
}

static bool make_frame(struct screen *screen, int index, const drmModeModeInfo *mode) {
	uint32_t stride = (mode->hdisplay * 4u + 255) / 256 * 256;
	int fd = gp_probe_create_udmabuf((uint64_t)stride * mode->vdisplay, index == 1);
	if (fd < 0 && index == 1) { // more entries than the limit: neighbouring pages, then
		fd = gp_probe_create_udmabuf((uint64_t)stride * mode->vdisplay, false);
	}
	if (!hw_result(fd < 0 ? errno : 0, "  udmabuf for %ux%u", mode->hdisplay, mode->vdisplay)) {
		return false;
	}
	gp_probe_paint(fd, mode->hdisplay, mode->vdisplay, stride);
	int result = drmPrimeFDToHandle(screen->card, fd, &screen->handle[index]);
	int error = errno;
	close(fd);
	uint32_t handles[4] = {screen->handle[index]}, strides[4] = {stride}, offsets[4] = {0};
	if (result == 0) {
		result = drmModeAddFB2(screen->card, mode->hdisplay, mode->vdisplay,
			DRM_FORMAT_XRGB8888, handles, strides, offsets, &screen->fb[index], 0);
		error = errno;
	}
	return hw_result(result < 0 ? error : 0, "  import and framebuffer, pitch %u", stride);
}

static void add(const struct screen *screen, drmModeAtomicReqPtr request, uint32_t object,
	uint32_t type, const char *name, uint64_t value) {
	uint32_t id = property(screen->card, object, type, name, NULL);
	if (id != 0) {
		drmModeAtomicAddProperty(request, object, id, value);
	}
}

static drmModeAtomicReqPtr make_request(const struct screen *screen, int index, bool modeset) {
	const drmModeModeInfo *mode = &screen->connector->modes[0];
	const uint32_t plane_type = DRM_MODE_OBJECT_PLANE;
	drmModeAtomicReqPtr request = drmModeAtomicAlloc();
	if (modeset) {
		add(screen, request, screen->connector->connector_id, DRM_MODE_OBJECT_CONNECTOR,
			"CRTC_ID", screen->crtc);
		add(screen, request, screen->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID",
			screen->mode_blob);
		add(screen, request, screen->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", 1);
	}
	const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{"FB_ID", screen->fb[index]},
		{"CRTC_ID", screen->crtc},
		{"SRC_X", 0},
		{"SRC_Y", 0},
		{"SRC_W", (uint64_t)mode->hdisplay << 16},
		{"SRC_H", (uint64_t)mode->vdisplay << 16},
		{"CRTC_X", 0},
		{"CRTC_Y", 0},
		{"CRTC_W", mode->hdisplay},
		{"CRTC_H", mode->vdisplay},
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		add(screen, request, screen->plane, plane_type, values[i].name, values[i].value);
	}
	return request;
}

static bool commit(
	const struct screen *screen, int index, bool modeset, uint32_t flags, const char *what) {
	drmModeAtomicReqPtr request = make_request(screen, index, modeset);
	int result = drmModeAtomicCommit(screen->card, request, flags, NULL);
	int error = errno;
	drmModeAtomicFree(request);
	return hw_result(result < 0 ? error : 0, "  %s", what);
}

static void wait_for_flip(const struct screen *screen) {
	struct pollfd poll_fd = {.fd = screen->card, .events = POLLIN};
	drmEventContext context = {.version = 2};
	int result = poll(&poll_fd, 1, 1000);
	if (result == 1) {
		drmHandleEvent(screen->card, &context);
	}
	hw_result(result == 1 ? 0 : ETIMEDOUT, "  page flip done");
}

static void show(struct screen *screen) {
	const drmModeModeInfo *mode = &screen->connector->modes[0];
	for (int i = 0; i < FRAMES; i++) {
		if (!make_frame(screen, i, mode)) {
			return;
		}
	}
	if (drmModeCreatePropertyBlob(screen->card, mode, sizeof(*mode), &screen->mode_blob) < 0) {
		hw_result(errno, "  mode blob");
		return;
	}
	commit(screen, 0, true, DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET,
		"atomic test");
	if (commit(screen, 0, true, DRM_MODE_ATOMIC_ALLOW_MODESET, "real commit")) {
		sleep(1);
		if (commit(screen, 1, false, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT,
			    "page flip to the second")) {
			wait_for_flip(screen);
			sleep(1);
		}
	}
}

static void restore(struct screen *screen) {
	const drmModeCrtc *before = screen->before;
	if (before != NULL && before->buffer_id != 0) {
		drmModeSetCrtc(screen->card, before->crtc_id, before->buffer_id, before->x,
			before->y, &screen->connector->connector_id, 1,
			before->mode_valid ? &screen->before->mode : NULL);
	}
	for (int i = 0; i < FRAMES; i++) {
		if (screen->fb[i] != 0) {
			drmModeRmFB(screen->card, screen->fb[i]);
		}
		if (screen->handle[i] != 0) {
			drmCloseBufferHandle(screen->card, screen->handle[i]);
		}
	}
	if (screen->mode_blob != 0) {
		drmModeDestroyPropertyBlob(screen->card, screen->mode_blob);
	}
	drmModeFreeCrtc(screen->before);
	drmModeFreeConnector(screen->connector);
}

void hw_try_commit(int card) {
	struct screen screen = {.card = card};
	drmModeResPtr resources = drmModeGetResources(card);
	if (resources == NULL || !find_connector(&screen, resources)) {
		printf("  nothing is connected: no commit tried\n");
	} else if (drmSetMaster(card) < 0) {
		hw_result(errno, "commit: becoming DRM master (stop the desktop first)");
	} else {
		uint32_t crtc_bit = find_crtc(&screen, resources);
		screen.before = drmModeGetCrtc(card, screen.crtc);
		printf("  commit on %s-%u\n",
			drmModeGetConnectorTypeName(screen.connector->connector_type),
			screen.connector->connector_type_id);
		if (find_plane(&screen, crtc_bit)) {
			show(&screen);
		}
		restore(&screen);
		screen.connector = NULL;
		drmDropMaster(card);
	}
	drmModeFreeConnector(screen.connector);
	drmModeFreeResources(resources);
}

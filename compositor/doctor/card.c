#include "compositor/doctor/card.h"

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

#include "common/doctor_report.h"
#include "compositor/doctor/guest_picture.h"

struct card {
	int fd;
	char name[96]; // of the node and its driver
};

/* What the planes of a card can do. */
struct planes {
	unsigned primary, cursor;
	char formats[64]; // of 8 bits per channel that a primary plane takes
};

static uint64_t get_cap(const struct card *card, uint64_t name) {
	uint64_t value = 0;
	return drmGetCap(card->fd, name, &value) == 0 ? value : 0;
}

/* The value of an object's property by name; missing if it has none. */
static uint64_t get_property(
	const struct card *card, uint32_t id, uint32_t type, const char *name, uint64_t missing) {
	drmModeObjectProperties *all = drmModeObjectGetProperties(card->fd, id, type);
	uint64_t value = missing;
	for (uint32_t i = 0; all != NULL && i < all->count_props; i++) {
		drmModePropertyRes *property = drmModeGetProperty(card->fd, all->props[i]);
		if (property != NULL && strcmp(property->name, name) == 0) {
			value = all->prop_values[i];
		}
		drmModeFreeProperty(property);
	}
	drmModeFreeObjectProperties(all);
	return value;
}

static void add_formats(struct planes *planes, const drmModePlane *plane) {
	static const uint32_t wanted[] = {
		DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888, DRM_FORMAT_XBGR8888, DRM_FORMAT_ABGR8888};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		for (uint32_t j = 0; j < plane->count_formats; j++) {
			size_t length = strlen(planes->formats);
			if (plane->formats[j] == wanted[i]) {
				snprintf(planes->formats + length, sizeof(planes->formats) - length,
					" %.4s", (const char *)&wanted[i]);
			}
		}
	}
}

static void look_at_planes(const struct card *card, struct planes *planes) {
	drmModePlaneRes *all = drmModeGetPlaneResources(card->fd);
	*planes = (struct planes){0};
	for (uint32_t i = 0; all != NULL && i < all->count_planes; i++) {
		uint64_t type = get_property(card, all->planes[i], DRM_MODE_OBJECT_PLANE, "type",
			DRM_PLANE_TYPE_OVERLAY);
		drmModePlane *plane = drmModeGetPlane(card->fd, all->planes[i]);
		planes->cursor += type == DRM_PLANE_TYPE_CURSOR;
		if (type == DRM_PLANE_TYPE_PRIMARY && plane != NULL && planes->primary++ == 0) {
			add_formats(planes, plane);
		}
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(all);
}

/* The monitors, and which of them have a variable rate. */
static void check_monitors(struct gp_doctor_report *report, const struct card *card) {
	drmModeRes *resources = drmModeGetResources(card->fd);
	unsigned n = 0;
	for (int i = 0; resources != NULL && i < resources->count_connectors; i++) {
		uint32_t id = resources->connectors[i];
		drmModeConnector *connector = drmModeGetConnectorCurrent(card->fd, id);
		if (connector != NULL && connector->connection == DRM_MODE_CONNECTED) {
			uint64_t vrr =
				get_property(card, id, DRM_MODE_OBJECT_CONNECTOR, "vrr_capable", 0);
			const char *type = drmModeGetConnectorTypeName(connector->connector_type);
			gp_doctor_ok(report, "%s: a monitor at %s-%u, %s", card->name,
				type != NULL ? type : "Unknown", connector->connector_type_id,
				vrr != 0 ? "with adaptive sync" : "without adaptive sync");
			n++;
		}
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(resources);
	if (n == 0) {
		gp_doctor_warn(report, "%s: no monitor is connected", card->name);
	}
}

static void check_planes(struct gp_doctor_report *report, const struct card *card) {
	struct planes planes;
	if (drmSetClientCap(card->fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) != 0 ||
		drmSetClientCap(card->fd, DRM_CLIENT_CAP_ATOMIC, 1) != 0) {
		gp_doctor_warn(
			report, "%s: no atomic modesetting: all frames are composed", card->name);
		return;
	}
	/* Without it, drivers of VMs hide their cursor planes. */
	drmSetClientCap(card->fd, DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1);
	look_at_planes(card, &planes);
	gp_doctor_ok(report, "%s: primary planes %u, formats%s; explicit sync %s, tearing %s",
		card->name, planes.primary, planes.formats,
		get_cap(card, DRM_CAP_SYNCOBJ_TIMELINE) != 0 ? "yes" : "no",
		get_cap(card, DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP) != 0 ? "yes" : "no");
	if (planes.cursor == 0) {
		gp_doctor_warn(report,
			"%s: no cursor plane: frames are composed while a guest shows its cursor",
			card->name);
	} else {
		gp_doctor_ok(report, "%s: cursor planes %u", card->name, planes.cursor);
	}
}

/* Whether the card takes the picture for a framebuffer, which does not prove that it shows it. */
static bool check_scanout(struct gp_doctor_report *report, const struct card *card,
	const struct gp_guest_picture *picture) {
	uint32_t handle = 0, fb = 0;
	if (drmPrimeFDToHandle(card->fd, picture->fd, &handle) != 0) {
		gp_doctor_warn(report,
			"%s: does not import guest memory (%s): frames on it are composed",
			card->name, strerror(errno));
		return false;
	}
	uint32_t handles[4] = {handle}, strides[4] = {picture->stride}, offsets[4] = {0};
	bool ok = drmModeAddFB2(card->fd, picture->width, picture->height, DRM_FORMAT_XRGB8888,
			  handles, strides, offsets, &fb, 0) == 0;
	if (ok) {
		gp_doctor_ok(report, "%s: takes guest memory for a framebuffer", card->name);
		drmModeRmFB(card->fd, fb);
	} else {
		gp_doctor_warn(report,
			"%s: takes no framebuffer in guest memory (%s): frames on it are composed",
			card->name, strerror(errno));
	}
	drmCloseBufferHandle(card->fd, handle);
	return ok;
}

/* Whether guests' frames may be scanned out. */
static bool check_card(
	struct gp_doctor_report *report, const char *path, const struct gp_guest_picture *picture) {
	struct card card = {.fd = open(path, O_RDWR | O_CLOEXEC)};
	if (card.fd < 0) {
		gp_doctor_warn(report, "%s: %s", path, strerror(errno));
		return false;
	}
	drmDropMaster(card.fd); // of a card that nobody has
	drmVersion *version = drmGetVersion(card.fd);
	snprintf(card.name, sizeof(card.name), "%.60s (%.30s)", path,
		version != NULL ? version->name : "unknown");
	drmFreeVersion(version);
	bool ok = false;
	if (drmIsKMS(card.fd) == 0) {
		gp_doctor_ok(report, "%s: drives no monitors", card.name);
	} else {
		check_monitors(report, &card);
		check_planes(report, &card);
		ok = picture->fd >= 0 && check_scanout(report, &card, picture);
	}
	close(card.fd);
	return ok;
}

static int is_card(const struct dirent *entry) {
	return strncmp(entry->d_name, "card", 4) == 0;
}

unsigned gp_doctor_check_cards(
	struct gp_doctor_report *report, const struct gp_guest_picture *picture) {
	struct dirent **entries;
	unsigned good = 0;
	int count = scandir("/dev/dri", &entries, is_card, versionsort);
	if (count <= 0) {
		gp_doctor_fail(report,
			"no card in /dev/dri: there is nothing to show guests on, but a window of "
			"another compositor");
	}
	for (int i = 0; i < count; i++) {
		char path[300];
		snprintf(path, sizeof(path), "/dev/dri/%s", entries[i]->d_name);
		good += check_card(report, path, picture);
		free(entries[i]);
	}
	if (count >= 0) {
		free(entries);
	}
	return good;
}

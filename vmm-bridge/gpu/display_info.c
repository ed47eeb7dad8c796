#include "vmm-bridge/gpu/display_info.h"

#include <endian.h>
#include <string.h>

void gp_displays_init(struct gp_displays *displays, uint32_t count, const struct gp_mode *mode) {
	*displays = (struct gp_displays){.count = count};
	for (uint32_t i = 0; i < count; i++) {
		displays->items[i].mode = *mode;
	}
}

static bool display_equal(const struct gp_display_info *a, const struct gp_display_info *b) {
	return a->connected == b->connected && a->mode.width == b->mode.width &&
		a->mode.height == b->mode.height && a->edid_size == b->edid_size &&
		memcmp(a->edid, b->edid, a->edid_size) == 0;
}

bool gp_displays_set(
	struct gp_displays *displays, uint32_t index, const struct gp_monitor *monitor) {
	struct gp_display_info *display = &displays->items[index];
	struct gp_display_info next = {.mode = display->mode};
	if (monitor != NULL) {
		next.connected = true;
		next.mode = monitor->modes[0];
		next.edid_size = gp_edid_write(monitor, next.edid);
	}
	bool changed = !display_equal(display, &next);
	*display = next;
	if (changed) {
		displays->events |= VIRTIO_GPU_EVENT_DISPLAY;
	}
	return changed;
}

void gp_displays_write_info(
	const struct gp_displays *displays, struct virtio_gpu_resp_display_info *info) {
	memset(info->pmodes, 0, sizeof(info->pmodes));
	uint32_t x = 0;
	for (uint32_t i = 0; i < displays->count; i++) {
		const struct gp_display_info *display = &displays->items[i];
		if (!display->connected) {
			continue;
		}
		info->pmodes[i].r.x = htole32(x);
		info->pmodes[i].r.width = htole32(display->mode.width);
		info->pmodes[i].r.height = htole32(display->mode.height);
		info->pmodes[i].enabled = htole32(1);
		x += display->mode.width;
	}
}

void gp_displays_write_edid(
	const struct gp_displays *displays, uint32_t index, struct virtio_gpu_resp_edid *edid) {
	const struct gp_display_info *display = &displays->items[index];
	memset(edid->edid, 0, sizeof(edid->edid));
	memcpy(edid->edid, display->edid, display->edid_size);
	edid->size = htole32((uint32_t)display->edid_size);
	edid->padding = 0;
}

void gp_displays_read_config(
	const struct gp_displays *displays, uint32_t offset, uint32_t size, uint8_t *out) {
	struct virtio_gpu_config config = {
		.events_read = htole32(displays->events),
		.num_scanouts = htole32(displays->count),
	};
	memset(out, 0, size);
	if (offset < sizeof(config)) {
		uint32_t left = (uint32_t)sizeof(config) - offset;
		memcpy(out, (const uint8_t *)&config + offset, size < left ? size : left);
	}
}

void gp_displays_write_config(
	struct gp_displays *displays, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	uint8_t clear[sizeof(uint32_t)] = {0};
	for (uint32_t i = 0; i < size && i < sizeof(struct virtio_gpu_config); i++) {
		uint64_t at = (uint64_t)offset + i;
		if (at >= offsetof(struct virtio_gpu_config, events_clear) &&
			at < offsetof(struct virtio_gpu_config, num_scanouts)) {
			clear[at - offsetof(struct virtio_gpu_config, events_clear)] = bytes[i];
		}
	}
	uint32_t mask;
	memcpy(&mask, clear, sizeof(mask));
	displays->events &= ~le32toh(mask);
}

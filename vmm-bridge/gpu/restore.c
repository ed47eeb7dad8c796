#include "vmm-bridge/gpu/restore.h"

#include <stdlib.h>

#include "vmm-bridge/gpu/commands_display.h"
#include "vmm-bridge/gpu/commands_resource.h"

/*
 * A device takes over what another process has saved. Saved commands are run like those of the
 * guest, by their handlers, so they are checked like those.
 */

bool gp_gpu_set_saved_state(struct gp_gpu *gpu, void *area, size_t size) {
	return gp_saved_state_open(&gpu->saved_state, area, size);
}

static bool replay(struct gp_gpu *gpu, gp_gpu_handler handler, const struct gp_gpu_command *command,
	struct gp_gpu_entry *entries) {
	struct gp_gpu_call call = {.gpu = gpu, .command = *command};
	call.command.fenced = false;
	call.command.entries = entries;
	return handler(&call) == VIRTIO_GPU_RESP_OK_NODATA;
}

static struct gp_resource *create(
	struct gp_gpu *gpu, uint32_t id, const struct gp_gpu_command *saved) {
	struct gp_gpu_command command = *saved;
	bool created = false;
	if (command.type == VIRTIO_GPU_CMD_RESOURCE_CREATE_2D) {
		command.create_2d.resource = id;
		created = replay(gpu, gp_gpu_create_2d, &command, NULL);
	} else if (command.type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB) {
		command.create_blob.resource = id;
		command.create_blob.n_entries = 0; // they come by attach
		created = replay(gpu, gp_gpu_create_blob, &command, NULL);
	}
	return created ? gp_resources_find(&gpu->resources, id) : NULL;
}

static bool attach(
	struct gp_gpu *gpu, uint32_t id, struct gp_gpu_entry *entries, uint32_t n_entries) {
	struct gp_gpu_command command = {
		.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		.attach = {.resource = id, .n_entries = n_entries},
	};
	return replay(gpu, gp_gpu_attach_backing, &command, entries);
}

/* The memory may return later (B13). */
static void lose(struct gp_gpu *gpu, struct gp_resource *resource,
	const struct gp_gpu_entry *entries, uint32_t n_entries) {
	resource->lost = true;
	uint64_t length = 0;
	for (uint32_t i = 0; i < n_entries; i++) {
		length += entries[i].length;
	}
	/* What was saved is checked like what a guest says. */
	if (length < (resource->blob ? resource->size : 1) ||
		gp_resources_extents(&gpu->resources) + n_entries > GP_BACKING_EXTENTS_MAX) {
		return;
	}
	resource->ranges = calloc(n_entries, sizeof(resource->ranges[0]));
	for (uint32_t i = 0; resource->ranges != NULL && i < n_entries; i++) {
		resource->ranges[i].gpa = entries[i].gpa;
		resource->ranges[i].length = entries[i].length;
		resource->n_ranges++;
	}
}

/**
 * The host copy ended with its process; the guest's own memory is at least as new. It is not read
 * before somebody needs it: the VM may be paused.
 */
static bool fill(struct gp_resource *resource) {
	uint64_t rows = resource->backing.length / resource->stride;
	struct gp_rect rect = {
		.width = resource->width,
		.height = rows < resource->height ? (uint32_t)rows : resource->height,
	};
	uint64_t copied;
	return gp_resource_transfer(resource, &rect, 0, &copied);
}

/* Returns whether all of it is back. */
static bool restore_resource(struct gp_gpu *gpu, struct gp_saved_state_area *area, uint32_t index) {
	uint32_t id = area->ids[index];
	const struct gp_saved_state_resource *saved = &area->resources[index];
	struct gp_resource *resource = create(gpu, id, &saved->create);
	if (resource == NULL) {
		gp_debug("resource %u cannot be restored", id);
		area->ids[index] = 0;
		return false;
	}
	resource->slot = index + 1;
	resource->hint_width = saved->hint_width;
	resource->hint_height = saved->hint_height;
	if (saved->backing == GP_SAVED_DETACHED) {
		return true;
	}
	if (saved->backing != GP_SAVED_ATTACHED) {
		resource->lost = true;
	} else if (!attach(gpu, id, &area->entries[saved->first], saved->n_entries)) {
		lose(gpu, resource, &area->entries[saved->first], saved->n_entries);
	}
	if (resource->lost || (!resource->blob && !fill(resource))) {
		gp_debug("resource %u: its memory is not found, or cannot be read", id);
		return false;
	}
	return true;
}

static bool restore_scanout(
	struct gp_gpu *gpu, struct gp_saved_state_scanout *saved, uint32_t index) {
	struct gp_gpu_command command = saved->set;
	bool set = false;
	if (saved->resource_id == 0) {
		return true;
	}
	if (command.type == VIRTIO_GPU_CMD_SET_SCANOUT) {
		command.set_scanout.scanout = index;
		command.set_scanout.resource = saved->resource_id;
		set = replay(gpu, gp_gpu_set_scanout, &command, NULL);
	} else if (command.type == VIRTIO_GPU_CMD_SET_SCANOUT_BLOB) {
		command.set_scanout_blob.scanout = index;
		command.set_scanout_blob.resource = saved->resource_id;
		set = replay(gpu, gp_gpu_set_scanout_blob, &command, NULL);
	}
	if (!set) {
		gp_debug("scanout %u: resource %u cannot be shown", index, saved->resource_id);
		saved->resource_id = 0;
	}
	return set;
}

static void restore_cursor(
	struct gp_gpu *gpu, const struct gp_saved_state_area *area, uint32_t index) {
	const struct gp_saved_state_scanout *saved = &area->scanouts[index];
	if (saved->cursor != 0 && saved->hot_x < GP_CURSOR_SIZE && saved->hot_y < GP_CURSOR_SIZE) {
		gpu->ops->cursor_move(gpu->data, index, saved->x, saved->y);
		gpu->ops->cursor_set(
			gpu->data, index, area->cursors[index], saved->hot_x, saved->hot_y);
	}
}

static void restore_monitor(
	struct gp_gpu *gpu, const struct gp_saved_state_scanout *saved, uint32_t index) {
	if (saved->plugged == GP_SAVED_UNPLUGGED) {
		gp_displays_set(&gpu->displays, index, NULL);
		return;
	}
	struct gp_monitor monitor = saved->monitor;
	if (saved->plugged != GP_SAVED_PLUGGED || monitor.n_modes == 0 ||
		monitor.n_modes > GP_MONITOR_MODES_MAX) {
		return;
	}
	monitor.make[sizeof(monitor.make) - 1] = '\0';
	monitor.model[sizeof(monitor.model) - 1] = '\0';
	monitor.serial[sizeof(monitor.serial) - 1] = '\0';
	gp_displays_set(&gpu->displays, index, &monitor);
	gp_pacer_set_refresh(&gpu->scanouts[index].pacer, monitor.modes[0].refresh_mhz);
}

/* The guest must not see other monitors until the compositor has sent its own again. */
static void restore_displays(struct gp_gpu *gpu, const struct gp_saved_state_area *area) {
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		restore_monitor(gpu, &area->scanouts[i], i);
	}
	gpu->displays.events = area->events & VIRTIO_GPU_EVENT_DISPLAY;
	if (gpu->displays.events != 0) {
		gpu->ops->config_changed(gpu->data); // the interrupt may not have been sent
	}
}

static unsigned restore_all(struct gp_gpu *gpu, struct gp_saved_state_area *area) {
	unsigned missing = 0;
	restore_displays(gpu, area);
	for (uint32_t i = 0; i < GP_RESOURCES_MAX; i++) {
		missing += area->ids[i] != 0 && !restore_resource(gpu, area, i);
	}
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		missing += !restore_scanout(gpu, &area->scanouts[i], i);
		restore_cursor(gpu, area, i);
	}
	return missing;
}

bool gp_gpu_restore(struct gp_gpu *gpu, uint64_t now_ns) {
	struct gp_saved_state saved_state = gpu->saved_state;
	if (saved_state.area == NULL) {
		return false;
	}
	gpu->saved_state = (struct gp_saved_state){0}; // handlers must not write to it meanwhile
	gpu->restoring = true;
	unsigned missing = restore_all(gpu, saved_state.area);
	gpu->restoring = false;
	gpu->saved_state = saved_state;
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		struct gp_scanout *scanout = &gpu->scanouts[i];
		if (scanout->shown) {
			gp_scanout_flush(scanout, &scanout->fb.rect, NULL, now_ns);
		}
	}
	if (saved_state.torn) {
		gp_warn("what the guest has set up was being moved when the process before this "
			"one crashed: nothing is shown until the guest sets it up again");
	} else if (missing > 0) {
		gp_warn("%u of the guest's resources and scanouts cannot be restored", missing);
	}
	return !saved_state.torn && missing == 0;
}

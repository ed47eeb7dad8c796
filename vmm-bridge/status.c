#include "vmm-bridge/bridge_internal.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/vfio.h"

/* json-c returns NULL without memory and takes NULL as null: nothing here needs a check. */

static void add(struct json_object *object, const char *key, struct json_object *value) {
	json_object_object_add(object, key, value);
}

static void add_string(struct json_object *object, const char *key, const char *value) {
	add(object, key, json_object_new_string(value));
}

static void add_number(struct json_object *object, const char *key, uint64_t value) {
	add(object, key, json_object_new_uint64(value));
}

static void add_picture(struct json_object *object, struct gp_bridge *bridge,
	const struct gp_gpu_scanout_info *info) {
	const struct gp_resource *resource = info->resource_id != 0
		? gp_gpu_find_resource(bridge->gpu, info->resource_id)
		: NULL;
	const struct gp_import *picture = resource != NULL ? resource->outside : NULL;
	add_number(object, "resource", info->resource_id);
	if (picture == NULL || picture->ending) {
		add(object, "exporter", NULL);
		add_string(object, "reason", "");
		return;
	}
	add_string(object, "exporter", gp_import_kind_name(picture));
	add_string(object, "reason",
		picture->host_copy ? "the guest's resource has no memory of its own to share"
				   : picture->export.reason);
}

static struct json_object *scanout_status(struct gp_bridge *bridge, uint32_t index) {
	const struct gp_scanout_report *scanout = &bridge->scanouts[index];
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(bridge->gpu, index, &info);
	char mode[64];
	snprintf(mode, sizeof(mode), "%" PRIu32 "x%" PRIu32 "@%.2f", info.mode.width,
		info.mode.height, info.mode.refresh_mhz / 1000.0);

	struct json_object *object = json_object_new_object();
	add_number(object, "index", index);
	add(object, "connected", json_object_new_boolean(info.connected));
	add(object, "visible", json_object_new_boolean(bridge->presenter.scanouts[index].visible));
	add_string(object, "mode", mode);
	add_number(object, "width", info.enabled ? info.width : 0);
	add_number(object, "height", info.enabled ? info.height : 0);
	add(object, "format",
		info.enabled && info.format != NULL ? json_object_new_string(info.format->name)
						    : NULL);
	add_picture(object, bridge, &info);
	add_string(object, "path", scanout->path);
	add_string(object, "path_reason", scanout->path_reason);
	add_number(object, "flushes", info.flushes);
	return object;
}

/* Summed up over all scanouts. */
static struct json_object *replies_status(struct gp_bridge *bridge, uint32_t n_scanouts) {
	uint64_t replies[GP_REPLY_CAUSES] = {0};
	for (uint32_t i = 0; i < n_scanouts; i++) {
		struct gp_gpu_scanout_info info;
		gp_gpu_get_scanout_info(bridge->gpu, i, &info);
		for (unsigned cause = 0; cause < GP_REPLY_CAUSES; cause++) {
			replies[cause] += info.replies[cause];
		}
	}
	struct json_object *object = json_object_new_object();
	for (unsigned cause = 0; cause < GP_REPLY_CAUSES; cause++) {
		add_number(object, gp_reply_cause_name(cause), replies[cause]);
	}
	return object;
}

static struct json_object *counters_status(
	struct gp_bridge *bridge, const struct gp_gpu_info *info) {
	const struct gp_client_counters *client = gp_client_counters(bridge->client);
	struct json_object *object = json_object_new_object();
	add_number(object, "commits", client->commits);
	add_number(object, "releases", client->releases);
	add_number(object, "imports", client->imports);
	add_number(object, "imports_failed", client->imports_failed);
	add_number(object, "display_connections", client->connects);
	add_number(object, "bytes_copied", bridge->exporter.bytes_copied);
	add_number(object, "bytes_transferred", info->transferred);
	add(object, "replies", replies_status(bridge, info->n_scanouts));
	add_number(object, "guest_errors", info->guest_errors);
	add_number(object, "commands", info->commands);
	add_number(object, "memory_faults", gp_guest_memory_faults());
	add_number(object, "restarts", gp_keeper_restarts(bridge->keeper));
	return object;
}

/* The VM's assigned devices that are known: none before the guest has shown memory of one. */
static struct json_object *devices_status(struct gp_bridge *bridge) {
	struct json_object *devices = json_object_new_array();
	const struct gp_vfio *vfio = bridge->devices.vfio;
	for (size_t i = 0; vfio != NULL && i < gp_vfio_count(vfio); i++) {
		const struct gp_vfio_device *device = gp_vfio_at(vfio, i);
		char ids[16];
		snprintf(ids, sizeof(ids), "%04x:%04x", device->vendor, device->product);
		struct json_object *object = json_object_new_object();
		add_string(object, "pci", device->pci);
		add_string(object, "ids", ids);
		add(object, "exports", json_object_new_boolean(device->export_error == 0));
		add_string(object, "reason",
			device->export_error == 0 ? "" : strerror(device->export_error));
		json_object_array_add(devices, object);
	}
	return devices;
}

struct json_object *gp_bridge_status(void *data, const char *request) {
	struct gp_bridge *bridge = data;
	if (strcmp(request, "status") != 0) {
		return NULL;
	}
	struct gp_gpu_info info;
	gp_gpu_get_info(bridge->gpu, &info);
	struct json_object *object = json_object_new_object();
	add_string(object, "program", "guestpane-bridge");
	add_string(object, "version", GP_VERSION);
	add_number(object, "pid", (int64_t)getpid());
	add_string(object, "name", bridge->options->name);
	add_string(object, "vmm", gp_vhost_state_name(gp_vhost_device_state(bridge->vhost)));
	const char *refusal = gp_client_refusal(bridge->client);
	add_string(object, "display",
		gp_client_connected(bridge->client) ? "connected"
			: refusal != NULL           ? "refused"
						    : "waiting");
	add_string(object, "display_reason", refusal != NULL ? refusal : "");
	struct json_object *scanouts = json_object_new_array();
	for (uint32_t i = 0; i < info.n_scanouts; i++) {
		json_object_array_add(scanouts, scanout_status(bridge, i));
	}
	add(object, "scanouts", scanouts);
	add(object, "focused", json_object_new_boolean(gp_client_focused(bridge->client)));
	add(object, "inputs", gp_inputs_status(bridge->inputs));
	add(object, "devices", devices_status(bridge));
	add_number(object, "resources", info.n_resources);
	add(object, "counters", counters_status(bridge, &info));
	return object;
}

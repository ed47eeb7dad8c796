#include "vmm-bridge/status.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/guest_scanout.h"
#include "common/control.h"
#include "common/sigbus.h"
#include "vmm-bridge/confine/confine.h"
#include "vmm-bridge/display.h"
#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/keeper/worker.h"
#include "vmm-bridge/options.h"
#include "vmm-bridge/seat/inputs.h"
#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/vfio.h"
#include "vmm-bridge/vhost/device.h"

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

static struct json_object *scanout_status(
	const struct gp_display *display, uint32_t index, const struct gp_status_scanout *scanout) {
	const struct gp_scanout_report *report = &display->reports[index];
	struct gp_presenter_info presented;
	gp_presenter_get_info(&display->presenter, index, &presented);
	char mode[64];
	snprintf(mode, sizeof(mode), "%" PRIu32 "x%" PRIu32 "@%.2f", scanout->mode.width,
		scanout->mode.height, scanout->mode.refresh_mhz / 1000.0);

	struct json_object *object = json_object_new_object();
	add_number(object, "index", index);
	add(object, "connected", json_object_new_boolean(scanout->connected));
	add(object, "visible", json_object_new_boolean(presented.visible));
	add_string(object, "mode", mode);
	add_number(object, "width", scanout->enabled ? scanout->width : 0);
	add_number(object, "height", scanout->enabled ? scanout->height : 0);
	add(object, "format",
		scanout->enabled && scanout->format != NULL
			? json_object_new_string(scanout->format)
			: NULL);
	add_number(object, "resource", scanout->resource);
	add(object, "exporter",
		presented.how != NULL ? json_object_new_string(presented.how) : NULL);
	add_string(object, "reason", presented.reason);
	add_string(object, "path", report->path);
	add_string(object, "path_reason", report->path_reason);
	add_number(object, "flushes", scanout->flushes);
	return object;
}

/* Summed up over all scanouts. */
static struct json_object *replies_status(
	const struct gp_status_parts *parts, uint32_t n_scanouts) {
	uint64_t replies[GP_REPLY_CAUSES] = {0};
	for (uint32_t i = 0; i < n_scanouts; i++) {
		struct gp_gpu_scanout_info info;
		gp_gpu_get_scanout_info(parts->gpu, i, &info);
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

struct json_object *gp_status_counters(
	const struct gp_display *display, const struct gp_worker *worker) {
	const struct gp_client_counters *client = gp_client_counters(display->client);
	struct json_object *object = json_object_new_object();
	add_number(object, "commits", client->commits);
	add_number(object, "releases", client->releases);
	add_number(object, "imports", client->imports);
	add_number(object, "imports_failed", client->imports_failed);
	add_number(object, "display_connections", client->connects);
	add_number(object, "bytes_copied", display->presenter.bytes_copied);
	add_number(object, "late_revokes", display->presenter.revokes.late);
	add_number(object, "memory_faults", gp_sigbus_count());
	add_number(object, "restarts", gp_worker_get_restarts(worker));
	return object;
}

static struct json_object *counters_status(
	const struct gp_status_parts *parts, const struct gp_gpu_info *info) {
	struct json_object *object = gp_status_counters(parts->display, parts->worker);
	add_number(object, "bytes_copied", parts->display->presenter.bytes_copied + info->copied);
	add_number(object, "bytes_transferred", info->transferred);
	add(object, "replies", replies_status(parts, info->n_scanouts));
	add_number(object, "guest_errors", info->guest_errors);
	add_number(object, "commands", info->commands);
	return object;
}

/* The VM's assigned devices that are known: none before the guest has shown memory of one. */
static struct json_object *devices_status(const struct gp_vfio *vfio) {
	struct json_object *devices = json_object_new_array();
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

static struct json_object *confinement_status(void) {
	const struct gp_confinement *confinement = gp_confinement_get();
	char capabilities[24], missing[400];
	snprintf(capabilities, sizeof(capabilities), "0x%" PRIx64, confinement->capabilities);
	snprintf(missing, sizeof(missing), "%s%s%s%s%s",
		confinement->seccomp ? "" : "no seccomp: ", confinement->seccomp_reason,
		!confinement->seccomp && !confinement->landlock ? "; " : "",
		confinement->landlock ? "" : "no Landlock: ", confinement->landlock_reason);

	struct json_object *object = json_object_new_object();
	add(object, "seccomp", json_object_new_boolean(confinement->seccomp));
	add_number(object, "system_calls", confinement->n_calls);
	add(object, "landlock", json_object_new_boolean(confinement->landlock));
	add_number(object, "landlock_abi", (uint64_t)confinement->landlock_abi);
	add_string(object, "landlock_lacks", confinement->landlock_lacks);
	add(object, "no_new_privileges", json_object_new_boolean(confinement->no_new_privileges));
	add_string(object, "capabilities", capabilities);
	add(object, "dumpable", json_object_new_boolean(confinement->dumpable));
	add_string(object, "missing", missing);
	return object;
}

struct json_object *gp_status_begin(const struct gp_bridge_options *options,
	const struct gp_display *display, const struct gp_worker *worker, const char *vmm,
	const struct gp_status_scanout *scanouts) {
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "schema", json_object_new_int(GP_STATUS_SCHEMA));
	add_string(object, "program", "guestpane-bridge");
	add_string(object, "version", GP_VERSION);
	add_number(object, "pid", (uint64_t)gp_worker_get_keeper_pid(worker));
	add_number(object, "worker_pid", (uint64_t)getpid());
	add_string(object, "name", options->name);
	add_string(object, "vmm", vmm);
	const char *refusal = gp_client_refusal(display->client);
	const char *waiting = refusal != NULL ? "refused" : "waiting";
	add_string(object, "display", gp_client_connected(display->client) ? "connected" : waiting);
	add_string(object, "display_reason", refusal != NULL ? refusal : "");
	struct json_object *array = json_object_new_array();
	for (uint32_t i = 0; i < display->n_scanouts; i++) {
		json_object_array_add(array, scanout_status(display, i, &scanouts[i]));
	}
	add(object, "scanouts", array);
	add(object, "confinement", confinement_status());
	add(object, "focused", json_object_new_boolean(gp_client_focused(display->client)));
	return object;
}

struct json_object *gp_status_create(const struct gp_status_parts *parts) {
	struct gp_gpu_info info;
	gp_gpu_get_info(parts->gpu, &info);
	struct gp_status_scanout scanouts[GP_SCANOUTS_MAX];
	for (uint32_t i = 0; i < info.n_scanouts; i++) {
		struct gp_gpu_scanout_info scanout;
		gp_gpu_get_scanout_info(parts->gpu, i, &scanout);
		scanouts[i] = (struct gp_status_scanout){
			.connected = scanout.connected,
			.mode = scanout.mode,
			.enabled = scanout.enabled,
			.width = scanout.width,
			.height = scanout.height,
			.format = scanout.format != NULL ? scanout.format->name : NULL,
			.resource = scanout.resource_id,
			.flushes = scanout.flushes,
		};
	}
	struct json_object *object = gp_status_begin(parts->options, parts->display, parts->worker,
		gp_vhost_state_name(gp_vhost_device_state(parts->vhost)), scanouts);
	add(object, "inputs", gp_inputs_status(parts->inputs));
	add(object, "devices", devices_status(parts->vfio));
	add_number(object, "resources", info.n_resources);
	add(object, "counters", counters_status(parts, &info));
	return object;
}

#ifndef GP_VMM_BRIDGE_STATUS_H
#define GP_VMM_BRIDGE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/monitor.h"

/* What guestpanectl shows of a bridge. */

struct gp_display;
struct gp_gpu;
struct gp_inputs;
struct gp_bridge_options;
struct gp_vfio;
struct gp_vhost_device;
struct gp_worker;
struct json_object;

/* What a source knows of a scanout. */
struct gp_status_scanout {
	bool connected; // to a monitor
	struct gp_mode mode; // of it
	bool enabled; // has a picture; of that:
	uint32_t width, height;
	const char *format; // NULL: unknown
	uint64_t resource;
	uint64_t flushes;
};

/* The part that is the same for each source; the document is the caller's. */
struct json_object *gp_status_begin(const struct gp_bridge_options *options,
	const struct gp_display *display, const struct gp_worker *worker, const char *vmm,
	const struct gp_status_scanout *scanouts);
/* And its counters. */
struct json_object *gp_status_counters(
	const struct gp_display *display, const struct gp_worker *worker);

/* The parts of the bridge that the document is about; vfio may be NULL. */
struct gp_status_parts {
	const struct gp_bridge_options *options;
	const struct gp_worker *worker;
	const struct gp_vfio *vfio;
	const struct gp_display *display;
	const struct gp_vhost_device *vhost;
	const struct gp_gpu *gpu;
	const struct gp_inputs *inputs;
};

/* The document, which is the caller's. NULL: no memory. */
struct json_object *gp_status_create(const struct gp_status_parts *parts);

#endif

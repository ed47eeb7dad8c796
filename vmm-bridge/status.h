#ifndef GP_VMM_BRIDGE_STATUS_H
#define GP_VMM_BRIDGE_STATUS_H

/* What guestpanectl shows of a bridge. */

struct gp_display;
struct gp_gpu;
struct gp_inputs;
struct gp_bridge_options;
struct gp_vfio;
struct gp_vhost_device;
struct gp_worker;
struct json_object;

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

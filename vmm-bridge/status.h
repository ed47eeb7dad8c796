#ifndef GP_VMM_BRIDGE_STATUS_H
#define GP_VMM_BRIDGE_STATUS_H

/* What guestpanectl shows of a bridge. */

struct gp_client;
struct gp_gpu;
struct gp_inputs;
struct gp_bridge_options;
struct gp_presenter;
struct gp_vfio;
struct gp_vhost_device;
struct gp_worker;
struct json_object;

/* The presentation path of a scanout's frames, as the compositor reported it last. */
struct gp_scanout_report {
	char path[16], path_reason[160];
};

/* The parts of the bridge that the document is about; vfio may be NULL. */
struct gp_status_parts {
	const struct gp_bridge_options *options;
	const struct gp_worker *worker;
	const struct gp_vfio *vfio;
	const struct gp_client *client;
	const struct gp_presenter *presenter;
	const struct gp_vhost_device *vhost;
	const struct gp_gpu *gpu;
	const struct gp_inputs *inputs;
	const struct gp_scanout_report *reports; // of each scanout
};

/* The document, which is the caller's. NULL: no memory. */
struct json_object *gp_status_create(const struct gp_status_parts *parts);

#endif

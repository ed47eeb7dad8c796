#ifndef GP_COMPOSITOR_SUMMARY_H
#define GP_COMPOSITOR_SUMMARY_H

#include <wayland-server-core.h>

struct gp_outputs;
struct gp_service;
struct gp_settings;

/**
 * What `systemctl status` says: what each output shows, and whether the configuration is wrong.
 */
struct gp_summary {
	struct gp_service *service;
	const struct gp_outputs *outputs;
	const struct gp_settings *settings;

	struct wl_listener shown;
	struct wl_listener removed;
};

/* All must stay valid until it is finished. */
void gp_summary_init(struct gp_summary *summary, struct gp_service *service,
	struct gp_outputs *outputs, const struct gp_settings *settings);
/* Before the outputs are. One that is all zeros is fine. */
void gp_summary_finish(struct gp_summary *summary);

/* The settings have changed. */
void gp_summary_update(struct gp_summary *summary);

#endif

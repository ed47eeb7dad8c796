#ifndef GP_CLIENT_MONITOR_H
#define GP_CLIENT_MONITOR_H

#include "client/guest_scanout.h"

/**
 * The monitor of a scanout as the compositor describes it: in batches, which have what has changed,
 * while the rest stays. All zero before the first batch.
 */
struct gp_client_monitor_batch {
	struct gp_client_monitor monitor;
	bool connected;
	bool new_modes; // the current batch had a mode
};

/* The first mode of a batch replaces all. Too many are dropped, and so is one without pixels. */
void gp_client_monitor_add_mode(struct gp_client_monitor_batch *batch, bool preferred,
	int32_t width, int32_t height, uint32_t refresh_mhz);
void gp_client_monitor_set_identity(struct gp_client_monitor_batch *batch, const char *make,
	const char *model, const char *serial);
/* The batch is complete. Returns the monitor, or NULL if there is none. */
const struct gp_client_monitor *gp_client_monitor_end(struct gp_client_monitor_batch *batch);

#endif

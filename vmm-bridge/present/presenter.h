#ifndef GP_VMM_BRIDGE_PRESENT_PRESENTER_H
#define GP_VMM_BRIDGE_PRESENT_PRESENTER_H

#include <wayland-util.h>

#include "common/limits.h"
#include "common/log.h"
#include "vmm-bridge/present/import.h"

/**
 * Shows resources on scanouts: which picture a scanout shows, which buffers are awaited back, and
 * what the compositor has refused. Its functions on resources are those of gp_gpu_ops.
 *
 * It never calls the device. What the device is to be told is kept until gp_presenter_take_ready
 * and gp_presenter_take_revoked ask for it: the compositor's answers can come in the middle of a
 * call of the device (gp_client_wait_revoked).
 */

#define GP_PRESENTER_WAITS_MAX 32
#define GP_PRESENTER_REFUSALS_MAX 32

struct gp_shown {
	struct gp_resource *resource; // NULL: nothing, or its memory has gone
	struct gp_framebuffer fb;
	bool flushed; // the resource was shown since it is there
	bool visible; // says the compositor
	bool committed; // the surface has content
	bool missed; // the last frame could not be shown, for want of room perhaps
	/* Frames that come too fast are put together. */
	bool late; // one waits for its time; gp_presenter_end_turn shows it
	struct gp_rect late_damage; // what has changed meanwhile
	uint64_t budget_ns; // time up to which frames are used up
	struct gp_client_buffer *shown; // committed last; NULL: none, or it is gone
	const struct gp_import *copied; // whose copy has the previous frame; NULL: none has

	/**
	 * Buffers that frames have replaced, oldest first, each answered by one
	 * gp_presenter_take_ready. NULL: free by now.
	 */
	struct gp_client_buffer *waits[GP_PRESENTER_WAITS_MAX];
	size_t n_waits;
};

/* Imports that need not be tried again on this compositor (B6). */
struct gp_refusal {
	enum gp_export_kind kind;
	const struct gp_format *format;
	char text[128];
};

/* An answer that the device waits for: no picture of that resource reads its memory any more. */
struct gp_pending_revoke {
	uint32_t resource_id;
	uint64_t token;
};

struct gp_presenter {
	struct gp_exporter *exporter;
	struct gp_client *client;
	struct gp_shown scanouts[GP_SCANOUTS_MAX];
	uint32_t n_scanouts;
	struct wl_list pictures; // gp_import.link, most recently shown first
	struct gp_refusal refusals[GP_PRESENTER_REFUSALS_MAX];
	size_t n_refusals;
	struct gp_pending_revoke *revokes;
	size_t n_revokes, revokes_capacity;
	bool any_refused; // a picture has a refusal that has not been dealt with
	bool any_freed; // a picture has gone: there may be room for a missed frame
	struct gp_log_limit log;
};

/* exporter and client must outlive it. */
void gp_presenter_init(struct gp_presenter *presenter, struct gp_exporter *exporter,
	struct gp_client *client, uint32_t n_scanouts);
/* After the client, and after all resources were revoked. */
void gp_presenter_finish(struct gp_presenter *presenter);

/* gp_gpu_ops */
void gp_presenter_set(struct gp_presenter *presenter, uint32_t scanout,
	struct gp_resource *resource, const struct gp_framebuffer *fb);
void gp_presenter_disable(struct gp_presenter *presenter, uint32_t scanout);
bool gp_presenter_flush(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage);
bool gp_presenter_revoke(
	struct gp_presenter *presenter, struct gp_resource *resource, uint64_t token, bool wait);
/**
 * Ends the pictures of resources that use the memory object, or all if it is NULL. They will be
 * revoked by the device next; all at once needs one wait, not one for each.
 */
void gp_presenter_end_users(struct gp_presenter *presenter, const struct gp_memory_object *object);
/* Waits until the compositor reads no memory that the guest has taken away; short, bounded. */
void gp_presenter_wait_revoked(struct gp_presenter *presenter);

/* gp_client_events */
void gp_presenter_connected(struct gp_presenter *presenter);
void gp_presenter_disconnected(struct gp_presenter *presenter);
void gp_presenter_visibility(struct gp_presenter *presenter, uint32_t scanout, bool visible);
void gp_presenter_released(struct gp_presenter *presenter, const struct gp_client_buffer *buffer);
void gp_presenter_failed(struct gp_presenter *presenter, struct gp_import *picture,
	const struct gp_client_buffer *buffer, bool lasting, const char *message);
void gp_presenter_revoked(struct gp_presenter *presenter, struct gp_import *picture);

/**
 * From the loop: replaces pictures that were refused, and shows frames again that were lost. False
 * if a frame waits for its time: to be called again in a millisecond.
 */
bool gp_presenter_end_turn(struct gp_presenter *presenter);
/* Whether the device is to be told that a scanout is ready; one for each flush that said true. */
bool gp_presenter_take_ready(struct gp_presenter *presenter, uint32_t *scanout);
bool gp_presenter_take_revoked(
	struct gp_presenter *presenter, uint32_t *resource_id, uint64_t *token);

#endif

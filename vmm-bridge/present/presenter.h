#ifndef GP_VMM_BRIDGE_PRESENT_PRESENTER_H
#define GP_VMM_BRIDGE_PRESENT_PRESENTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "vmm-bridge/present/import_cache.h"
#include "vmm-bridge/present/revokes.h"
#include "vmm-bridge/present/shown.h"
#include "vmm-bridge/present/still.h"

/**
 * Shows buffers of the guest on its scanouts, whatever source they come from: a source brings
 * memory (present/memory.h), puts a buffer in it on a scanout, reports what each frame has changed,
 * and takes the memory back.
 *
 * The source is called from gp_presenter_end_turn only, but for the ops of memory: the compositor's
 * events can come in the middle of a call from the source (gp_client_wait_revoked).
 */

struct gp_presenter_events {
	/**
	 * The buffer that a frame replaced is no longer read: one reply for each gp_presenter_flush
	 * that returned true, in their order.
	 */
	void (*buffer_released)(void *data, uint32_t scanout);
	/**
	 * The reply to a gp_presenter_revoke that returned false: the memory is no longer read, or
	 * the compositor is late.
	 */
	void (*memory_revoked)(void *data, uint64_t memory_id, uint64_t token);
};

struct gp_presenter {
	const struct gp_presenter_events *events;
	void *data;
	struct gp_client *client;
	struct gp_shown scanouts[GP_SCANOUTS_MAX];
	uint32_t n_scanouts;
	/* While the VM is paused: what a scanout shows, or NULL and why it is blank (else NULL). */
	bool paused;
	struct gp_still *stills[GP_SCANOUTS_MAX];
	const char *blank_reasons[GP_SCANOUTS_MAX];
	struct gp_import_cache cache;
	struct gp_revokes revokes;
	uint64_t bytes_copied;
	bool any_refused; // an import has a refusal that has not been dealt with
	bool any_freed; // an import was freed: there may be room for a lost frame
};

/* client must outlive it, but for gp_presenter_finish. */
void gp_presenter_init(struct gp_presenter *presenter, struct gp_client *client,
	uint32_t n_scanouts, const struct gp_presenter_events *events, void *data);
/* After the client, and after all memory was revoked. */
void gp_presenter_finish(struct gp_presenter *presenter);

/* For the source. */

/**
 * Puts a buffer on the scanout, of which source is seen. Nothing is shown before the next flush.
 * The layout was checked: it lies in the memory.
 */
void gp_presenter_set(struct gp_presenter *presenter, uint32_t scanout, struct gp_memory *memory,
	const struct gp_client_layout *layout, const struct gp_rect *source);
/* The scanout shows nothing. No buffer_released is owed for earlier frames. */
void gp_presenter_disable(struct gp_presenter *presenter, uint32_t scanout);
/**
 * A frame: damage, in pixels of the buffer, has changed since the one before. True: buffer_released
 * will come for it. False: there is no reply to wait for.
 */
bool gp_presenter_flush(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage);
/**
 * The same of a guest that waits for no reply, so that nothing paces it. buffer_released will not
 * come. Of memory with halves of its own one frame is shown in each period of the mode: the first
 * one at once, of those that follow in the same period the newest when the next one begins.
 */
void gp_presenter_flush_without_reply(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage);
/* The refresh of the scanout's mode; 0: not known, as at first. */
void gp_presenter_set_refresh(
	struct gp_presenter *presenter, uint32_t scanout, uint32_t refresh_mhz);
/**
 * The guest takes the memory back, which is not used here afterwards. True: nobody reads it any
 * more. False: memory_revoked will be called, with the token. True in every case if wait is true;
 * that blocks for up to 50 ms, which all such waits in a turn of the loop share.
 *
 * A compositor that does not acknowledge it in that time is late: the VM goes on (B9).
 *
 * A copy stays on screen until the source shows something else, or disables the scanout.
 */
bool gp_presenter_revoke(
	struct gp_presenter *presenter, struct gp_memory *memory, uint64_t token, bool wait);
/**
 * Ends the use of the memory, or of all that was ever shown. The source will revoke it next: to do
 * that for much memory needs one wait, and not one for each.
 */
void gp_presenter_end(struct gp_presenter *presenter, struct gp_memory *memory);
void gp_presenter_end_all(struct gp_presenter *presenter);
/* Waits until the compositor reads no memory that the guest has taken back, or is late. */
void gp_presenter_wait_revoked(struct gp_presenter *presenter);

/**
 * The VM has stopped: what the scanouts show becomes a copy, and the guest's memory is not read or
 * shown until resume, whatever happens meanwhile (C9). A scanout that cannot be copied is blank.
 * Blocks for as long as copies take, and then like gp_presenter_revoke.
 */
void gp_presenter_pause(struct gp_presenter *presenter);
/* Shows the guest's memory again, at once. Does nothing if the VM was not paused. */
void gp_presenter_resume(struct gp_presenter *presenter);

/* gp_client_events */
void gp_presenter_connected(struct gp_presenter *presenter);
void gp_presenter_disconnected(struct gp_presenter *presenter);
void gp_presenter_visibility(struct gp_presenter *presenter, uint32_t scanout, bool visible);
void gp_presenter_released(struct gp_presenter *presenter, const struct gp_client_buffer *buffer);
void gp_presenter_failed(struct gp_presenter *presenter, struct gp_import *import,
	const struct gp_client_buffer *buffer, const struct gp_client_failure *failure);
/* What was refused is tried again: shown anew, from the guest's memory. */
void gp_presenter_renderer_changed(struct gp_presenter *presenter);
void gp_presenter_revoked(struct gp_presenter *presenter, struct gp_import *import);

/**
 * From the loop: replaces imports that were refused, shows frames that were lost or deferred, and
 * sends the replies. False if a frame is still deferred: to be called again in a millisecond.
 */
bool gp_presenter_end_turn(struct gp_presenter *presenter);
/**
 * When it is to be called without an event, for replies that do not wait any longer, or a frame of
 * the next period; 0: never.
 */
uint64_t gp_presenter_deadline(const struct gp_presenter *presenter);

/* How the compositor has what a scanout shows, for people. */
struct gp_presenter_info {
	bool visible;
	const char *how; // NULL: it has nothing
	const char *reason; // why not in a better way; may be empty
};
void gp_presenter_get_info(
	const struct gp_presenter *presenter, uint32_t scanout, struct gp_presenter_info *info);

#endif

#ifndef GP_COMPOSITOR_MEMORY_READ_FENCE_H
#define GP_COMPOSITOR_MEMORY_READ_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wlr/render/drm_syncobj.h>

struct wl_event_loop;
struct wl_event_source;

/**
 * When the GPUs have read a dma-buf: a guest, whose processor waits for no fence of the host, must
 * not have its memory back before.
 */

#define GP_READ_POINTS_MAX 8

/**
 * Points at which renderers that attach no fence to a dma-buf have read it: the last one of each
 * timeline, of which an output has one. All zeros is none.
 */
struct gp_read_points {
	struct gp_read_point {
		struct wlr_drm_syncobj_timeline *timeline; // a reference
		uint64_t point;
	} items[GP_READ_POINTS_MAX];
	size_t count;
};

/* Replaces an earlier point of the timeline; with too many timelines, the oldest. */
void gp_read_points_add(
	struct gp_read_points *points, struct wlr_drm_syncobj_timeline *timeline, uint64_t point);
void gp_read_points_finish(struct gp_read_points *points);

/**
 * A wait in the event loop. It is for what reads at its start: who begins to read later, or a
 * client that attaches fences without end, is not waited for.
 */
struct gp_read_fence {
	struct wl_event_loop *loop;
	/* Called from the loop. May start another wait, or free the fence after finish. */
	void (*done)(struct gp_read_fence *fence);

	struct gp_read_points points; // that are left to wait for, the last one first
	bool waits_for_point;
	struct wlr_drm_syncobj_timeline_waiter waiter; // of that one
	int fd; // that is not readable yet, or not writable: a sync file, or the dma-buf; or -1
	struct wl_event_source *source; // of the fd
};

/* Does not wait yet. */
void gp_read_fence_init(struct gp_read_fence *fence, void (*done)(struct gp_read_fence *fence));
/* Ends a wait, without done. */
void gp_read_fence_finish(struct gp_read_fence *fence);

/**
 * Waits for all that reads the dma-buf now: its fences, and the points, which are copied. Returns
 * false if nothing does, or if it cannot be known, and then done is not called; one call of poll,
 * where there are no points. Replaces an earlier wait. The dma-buf may be closed meanwhile.
 */
bool gp_read_fence_wait(struct gp_read_fence *fence, struct wl_event_loop *loop, int dmabuf,
	const struct gp_read_points *points);
bool gp_read_fence_is_waiting(const struct gp_read_fence *fence);

#endif

#include "compositor/memory/read_fence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wayland-server-core.h>
#include <xf86drm.h>

#include "common/fd.h"
#include "common/log.h"

static void remove_point(struct gp_read_points *points, size_t i) {
	wlr_drm_syncobj_timeline_unref(points->items[i].timeline);
	points->count--;
	memmove(&points->items[i], &points->items[i + 1],
		(points->count - i) * sizeof(points->items[0]));
}

void gp_read_points_add(
	struct gp_read_points *points, struct wlr_drm_syncobj_timeline *timeline, uint64_t point) {
	wlr_drm_syncobj_timeline_ref(timeline);
	for (size_t i = 0; i < points->count; i++) {
		if (points->items[i].timeline == timeline) {
			remove_point(points, i);
			break;
		}
	}
	if (points->count == GP_READ_POINTS_MAX) {
		remove_point(points, 0);
	}
	points->items[points->count++] = (struct gp_read_point){timeline, point};
}

void gp_read_points_finish(struct gp_read_points *points) {
	while (points->count > 0) {
		remove_point(points, points->count - 1);
	}
}

void gp_read_fence_init(struct gp_read_fence *fence, void (*done)(struct gp_read_fence *fence)) {
	*fence = (struct gp_read_fence){.done = done, .fd = -1};
}

static void end_wait_for_point(struct gp_read_fence *fence) {
	if (fence->waits_for_point) {
		wlr_drm_syncobj_timeline_waiter_finish(&fence->waiter);
		fence->waits_for_point = false;
	}
}

void gp_read_fence_finish(struct gp_read_fence *fence) {
	end_wait_for_point(fence);
	gp_read_points_finish(&fence->points);
	if (fence->source != NULL) {
		wl_event_source_remove(fence->source);
		fence->source = NULL;
	}
	gp_fd_close(&fence->fd);
}

bool gp_read_fence_is_waiting(const struct gp_read_fence *fence) {
	return fence->waits_for_point || fence->source != NULL;
}

static bool is_ready(int fd, short events) {
	struct pollfd poll_fd = {.fd = fd, .events = events};
	int ret;
	do {
		ret = poll(&poll_fd, 1, 0);
	} while (ret < 0 && errno == EINTR);
	return ret != 0; // also if it cannot be known
}

static void advance(struct gp_read_fence *fence) {
	if (!gp_read_fence_is_waiting(fence)) {
		fence->done(fence);
	}
}

static int handle_fd(int fd, uint32_t mask, void *data) {
	struct gp_read_fence *fence = data;
	wl_event_source_remove(fence->source);
	fence->source = NULL;
	gp_fd_close(&fence->fd);
	advance(fence);
	return 0;
}

/*
 * The sync file is of the fences that are there now. Of a kernel that has none (before 5.20) the
 * dma-buf itself is waited for, and with it for those that come meanwhile.
 */
static void wait_for_fences(struct gp_read_fence *fence, int dmabuf) {
	struct dma_buf_export_sync_file export = {.flags = DMA_BUF_SYNC_WRITE, .fd = -1};
	uint32_t mask = WL_EVENT_READABLE;
	fence->fd = ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export) == 0 ? export.fd : -1;
	if (fence->fd < 0) {
		fence->fd = fcntl(dmabuf, F_DUPFD_CLOEXEC, 0);
		mask = WL_EVENT_WRITABLE;
	}
	if (fence->fd >= 0) {
		fence->source =
			wl_event_loop_add_fd(fence->loop, fence->fd, mask, handle_fd, fence);
	}
	if (fence->source == NULL) {
		static struct gp_log_limit limit = {.burst = 3, .interval_ns = 10000000000};
		uint64_t suppressed;
		if (gp_log_limit_pass(&limit, &suppressed)) {
			gp_error_errno("cannot wait until a GPU has read a guest's memory");
		}
		gp_fd_close(&fence->fd);
	}
}

static void handle_point(struct wlr_drm_syncobj_timeline_waiter *waiter);

/* Waits for the last of the points; those behind it are signalled and removed. */
static void wait_for_points(struct gp_read_fence *fence) {
	const uint32_t flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
	while (fence->points.count > 0) {
		const struct gp_read_point *point = &fence->points.items[fence->points.count - 1];
		bool signalled = true;
		if (wlr_drm_syncobj_timeline_check(
			    point->timeline, point->point, flags, &signalled) &&
			!signalled &&
			wlr_drm_syncobj_timeline_waiter_init(&fence->waiter, point->timeline,
				point->point, flags, fence->loop, handle_point)) {
			fence->waits_for_point = true;
			return;
		}
		remove_point(&fence->points, fence->points.count - 1);
	}
}

static void handle_point(struct wlr_drm_syncobj_timeline_waiter *waiter) {
	struct gp_read_fence *fence = wl_container_of(waiter, fence, waiter);
	end_wait_for_point(fence);
	remove_point(&fence->points, fence->points.count - 1);
	wait_for_points(fence);
	advance(fence);
}

bool gp_read_fence_wait(struct gp_read_fence *fence, struct wl_event_loop *loop, int dmabuf,
	const struct gp_read_points *points) {
	gp_read_fence_finish(fence);
	fence->loop = loop;
	for (size_t i = 0; i < points->count; i++) {
		gp_read_points_add(
			&fence->points, points->items[i].timeline, points->items[i].point);
	}
	wait_for_points(fence);
	if (!is_ready(dmabuf, POLLOUT)) {
		wait_for_fences(fence, dmabuf);
	}
	return gp_read_fence_is_waiting(fence);
}

#include "vmm-bridge/vhost/vring.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"

/**
 * So many chains may be returned without an interrupt; then the driver may need their descriptors.
 */
#define LATE_INTERRUPTS_MAX 8

void gp_vring_init(struct gp_vring *vring, unsigned index,
	void (*kicked)(void *, struct gp_vring *), void *data) {
	*vring = (struct gp_vring){
		.index = index,
		.kick_fd = -1,
		.call_fd = -1,
		.err_fd = -1,
		.kicked = kicked,
		.data = data,
	};
}

static void drop_kick(struct gp_vring *vring) {
	if (vring->kick_source != NULL) {
		wl_event_source_remove(vring->kick_source);
		vring->kick_source = NULL;
	}
	gp_fd_close(&vring->kick_fd);
}

void gp_vring_finish(struct gp_vring *vring) {
	drop_kick(vring);
	gp_fd_close(&vring->call_fd);
	gp_fd_close(&vring->err_fd);
	struct gp_ring_checkpoint *checkpoint = vring->checkpoint;
	uint8_t *checkpoint_worked = vring->checkpoint_worked;
	gp_vring_init(vring, vring->index, vring->kicked, vring->data);
	if (checkpoint != NULL) {
		gp_vring_set_checkpoint(vring, checkpoint, checkpoint_worked);
		gp_vring_set_worked(vring, false);
	}
}

void gp_vring_set_checkpoint(
	struct gp_vring *vring, struct gp_ring_checkpoint *checkpoint, uint8_t *checkpoint_worked) {
	vring->checkpoint = checkpoint;
	vring->checkpoint_worked = checkpoint_worked;
}

void gp_vring_resume(struct gp_vring *vring) {
	vring->resuming = true;
	vring->base = vring->stopped_at = vring->checkpoint->last_avail;
	vring->worked = *vring->checkpoint_worked != 0;
}

void gp_vring_set_worked(struct gp_vring *vring, bool worked) {
	vring->worked = worked;
	if (vring->checkpoint_worked != NULL) {
		*vring->checkpoint_worked = worked;
	}
}

/**
 * An event descriptor must be an eventfd. What could hurt is refused: a write to a pipe or socket
 * without a reader is a SIGPIPE. Not waiting costs the front end nothing, an eventfd never fills.
 */
static bool event_fd_usable(int fd) {
	struct stat st;
	return fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
		gp_fd_set_nonblock(fd);
}

static int handle_kick(int fd, uint32_t mask, void *data) {
	struct gp_vring *vring = data;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		(mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR)) != 0) {
		// It would be readable for ever.
		gp_warn_limited("vhost: queue %u: the kick descriptor has failed, kicks are lost",
			vring->index);
		drop_kick(vring);
	}
	vring->kicked(vring->data, vring);
	return 0;
}

bool gp_vring_set_kick(struct gp_vring *vring, struct wl_event_loop *loop, int fd) {
	drop_kick(vring);
	if (!event_fd_usable(fd)) {
		gp_fd_close(&fd);
		return false;
	}
	vring->kick_source = wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_kick, vring);
	if (vring->kick_source == NULL) {
		gp_fd_close(&fd);
		return false;
	}
	vring->kick_fd = fd;
	return true;
}

static bool replace_event_fd(int *to, int fd) {
	gp_fd_close(to);
	if (fd != -1 && !event_fd_usable(fd)) {
		gp_fd_close(&fd);
		return false;
	}
	*to = fd;
	return true;
}

bool gp_vring_set_call(struct gp_vring *vring, int fd) {
	return replace_event_fd(&vring->call_fd, fd);
}

bool gp_vring_set_error(struct gp_vring *vring, int fd) {
	return replace_event_fd(&vring->err_fd, fd);
}

const char *gp_vring_attach(
	struct gp_vring *vring, const struct gp_guest_memory *memory, uint64_t features) {
	uint16_t num = vring->num;
	if (num == 0 || num > GP_VIRTQUEUE_SIZE_MAX || (num & (num - 1)) != 0) {
		return "its size is not a power of two up to 1024";
	}
	void *desc =
		gp_guest_memory_from_uva(memory, vring->desc_uva, gp_virtqueue_desc_bytes(num));
	void *avail =
		gp_guest_memory_from_uva(memory, vring->avail_uva, gp_virtqueue_avail_bytes(num));
	void *used =
		gp_guest_memory_from_uva(memory, vring->used_uva, gp_virtqueue_used_bytes(num));
	if (desc == NULL || avail == NULL || used == NULL) {
		return "its rings are not in the shared memory";
	}
	if (!gp_virtqueue_start(&vring->queue, num, desc, avail, used, vring->queue.last_avail,
		    features & (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX),
		    features & (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC))) {
		return "its rings are misaligned";
	}
	if (vring->resuming) {
		gp_virtqueue_resume(&vring->queue, vring->checkpoint);
	} else if (vring->checkpoint != NULL) {
		gp_virtqueue_set_checkpoint(&vring->queue, vring->checkpoint);
	}
	return NULL;
}

bool gp_vring_uses(const struct gp_vring *vring, const struct gp_memory_object *object) {
	const struct gp_virtqueue *queue = &vring->queue;
	const void *rings[] = {queue->desc, queue->avail, queue->used};
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		uintptr_t at = (uintptr_t)rings[i], start = (uintptr_t)object->map;
		if (at >= start && at - start < object->size) {
			return true;
		}
	}
	return false;
}

const char *gp_vring_start(
	struct gp_vring *vring, const struct gp_guest_memory *memory, uint64_t features) {
	gp_virtqueue_stop(&vring->queue);
	if (vring->resuming) {
		vring->base = vring->checkpoint->last_avail;
	} else if (vring->checkpoint != NULL) {
		*vring->checkpoint = (struct gp_ring_checkpoint){.last_avail = vring->base};
	}
	vring->queue.last_avail = vring->base;
	vring->started = true;
	vring->due = true;
	vring->popped = 0;
	vring->last_in_flight = false;
	return gp_vring_attach(vring, memory, features);
}

void gp_vring_stop(struct gp_vring *vring) {
	vring->base = vring->queue.last_avail;
	vring->stopped_at = vring->base;
	vring->started = false;
	vring->due = false;
	drop_kick(vring);
	gp_virtqueue_stop(&vring->queue);
}

bool gp_vring_active(const struct gp_vring *vring) {
	return vring->started && vring->enabled && vring->queue.size != 0;
}

static bool used_ring_blank(const struct gp_virtqueue *queue) {
	const struct vring_used *used = queue->used;
	for (uint16_t i = 0; i < queue->size; i++) {
		if (used->ring[i].id != 0 || used->ring[i].len != 0) {
			return false;
		}
	}
	return true;
}

enum gp_vring_restart gp_vring_restart_kind(const struct gp_vring *vring) {
	if (!vring->worked) {
		return GP_VRING_UNKNOWN;
	}
	if (vring->base != 0) {
		return GP_VRING_RESUMED;
	}
	if (vring->stopped_at != 0 || vring->queue.size == 0) {
		return GP_VRING_RESET;
	}
	return used_ring_blank(&vring->queue) ? GP_VRING_RESET : GP_VRING_RESUMED;
}

static void signal_event(int fd) {
	uint64_t one = 1;
	// EAGAIN: so many events are pending that one more makes no difference.
	if (fd != -1 && write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
		gp_debug("vhost: write to an event descriptor: %m");
	}
}

int gp_vring_pop(
	struct gp_vring *vring, const struct gp_guest_memory *memory, struct gp_chain *chain) {
	int r = gp_virtqueue_pop(&vring->queue, memory, chain);
	if (r > 0) {
		gp_vring_set_worked(vring, true);
		vring->last_head = chain->head;
		vring->last_in_flight = true;
	}
	return r;
}

void gp_vring_push(struct gp_vring *vring, uint16_t head, uint32_t written, bool interrupt) {
	vring->interrupt |= interrupt;
	vring->last_in_flight &= head != vring->last_head;
	gp_virtqueue_push(&vring->queue, head, written);
}

void gp_vring_interrupt_if_due(struct gp_vring *vring, bool may_wait) {
	if (may_wait && vring->last_in_flight && !vring->interrupt &&
		gp_virtqueue_unsignalled(&vring->queue) <= LATE_INTERRUPTS_MAX) {
		return;
	}
	vring->interrupt = false;
	if (gp_virtqueue_should_interrupt(&vring->queue)) {
		signal_event(vring->call_fd);
	}
}

void gp_vring_interrupt(struct gp_vring *vring) {
	signal_event(vring->call_fd);
}

void gp_vring_kick_self(struct gp_vring *vring) {
	signal_event(vring->kick_fd);
}

void gp_vring_signal_error(struct gp_vring *vring) {
	signal_event(vring->err_fd);
}

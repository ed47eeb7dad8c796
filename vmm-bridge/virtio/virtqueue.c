#include "vmm-bridge/virtio/virtqueue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

#include "common/checked.h"

/* A chain while it is collected: where the next descriptor is read, and what was found so far. */
struct chain_walk {
	const struct gp_guest_memory *memory;
	struct gp_chain *chain;
	uint64_t table_gpa; // of an indirect table; 0 while in the ring's own table
	uint32_t table_count; // descriptors in the table
	uint32_t seen; // descriptors read from this table: more than it has is a loop
	bool indirect; // inside an indirect table
};

struct descriptor {
	uint64_t gpa;
	uint32_t length;
	uint16_t flags, next;
};

static struct vring_avail *avail_ring(const struct gp_virtqueue *queue) {
	return queue->avail;
}

static struct vring_used *used_ring(const struct gp_virtqueue *queue) {
	return queue->used;
}

/* The driver's wish for its next interrupt is behind its ring, the device's behind the other. */
static uint16_t *used_event(const struct gp_virtqueue *queue) {
	return &avail_ring(queue)->ring[queue->size];
}

static uint16_t *avail_event(const struct gp_virtqueue *queue) {
	return (uint16_t *)(void *)&used_ring(queue)->ring[queue->size];
}

static uint16_t load_le16(const uint16_t *value) {
	return le16toh(__atomic_load_n(value, __ATOMIC_RELAXED));
}

size_t gp_virtqueue_desc_bytes(uint16_t size) {
	return sizeof(struct vring_desc) * size;
}

size_t gp_virtqueue_avail_bytes(uint16_t size) {
	return sizeof(struct vring_avail) + sizeof(uint16_t) * size + sizeof(uint16_t);
}

size_t gp_virtqueue_used_bytes(uint16_t size) {
	return sizeof(struct vring_used) + sizeof(struct vring_used_elem) * size + sizeof(uint16_t);
}

static bool aligned(const void *pointer, uintptr_t alignment) {
	return ((uintptr_t)pointer & (alignment - 1)) == 0;
}

bool gp_virtqueue_start(struct gp_virtqueue *queue, uint16_t size, void *desc, void *avail,
	void *used, uint16_t base, bool event_idx, bool indirect) {
	if (size == 0 || size > GP_VIRTQUEUE_SIZE_MAX || (size & (size - 1)) != 0 ||
		!aligned(desc, 16) || !aligned(avail, 2) || !aligned(used, 4)) {
		return false;
	}
	*queue = (struct gp_virtqueue){
		.size = size,
		.event_idx = event_idx,
		.indirect = indirect,
		.desc = desc,
		.avail = avail,
		.used = used,
		.last_avail = base,
	};
	queue->used_idx = load_le16(&used_ring(queue)->idx);
	queue->signalled = queue->used_idx;
	return true;
}

void gp_virtqueue_stop(struct gp_virtqueue *queue) {
	*queue = (struct gp_virtqueue){.last_avail = queue->last_avail};
}

/* Stores that the next process sees in their order: what a crash leaves is what was done. */
#define NOTE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)
#define MARK_SET (UINT64_C(1) << 32)

static uint64_t make_mark(uint16_t index, uint16_t head) {
	return MARK_SET | (uint64_t)index << 16 | head;
}

static void note_taken(struct gp_virtqueue *queue, uint16_t head) {
	struct gp_ring_checkpoint *checkpoint = queue->checkpoint;
	if (checkpoint != NULL) {
		NOTE(checkpoint->taking, make_mark(queue->last_avail, head));
		NOTE(checkpoint->last_avail, (uint16_t)(queue->last_avail + 1));
		NOTE(checkpoint->in_flight[head], 1);
	}
}

static void note_none_running(struct gp_virtqueue *queue) {
	if (queue->checkpoint != NULL) {
		NOTE(queue->checkpoint->taking, 0);
	}
}

static void note_returning(struct gp_virtqueue *queue, uint16_t head) {
	if (queue->checkpoint != NULL) {
		NOTE(queue->checkpoint->returning, make_mark(queue->used_idx, head));
	}
}

static void note_returned(struct gp_virtqueue *queue, uint16_t head) {
	struct gp_ring_checkpoint *checkpoint = queue->checkpoint;
	if (checkpoint != NULL) {
		if ((checkpoint->taking & UINT16_MAX) == head) {
			NOTE(checkpoint->taking, 0);
		}
		NOTE(checkpoint->in_flight[head % GP_RING_CHECKPOINT_HEADS], 0);
		NOTE(checkpoint->returning, 0);
	}
}

void gp_virtqueue_set_checkpoint(
	struct gp_virtqueue *queue, struct gp_ring_checkpoint *checkpoint) {
	*checkpoint = (struct gp_ring_checkpoint){.last_avail = queue->last_avail};
	queue->checkpoint = checkpoint;
}

void gp_virtqueue_resume(struct gp_virtqueue *queue, struct gp_ring_checkpoint *checkpoint) {
	uint64_t returning = checkpoint->returning;
	queue->checkpoint = checkpoint;
	if ((returning & MARK_SET) != 0 && (uint16_t)(returning >> 16) != queue->used_idx) {
		note_returned(queue, (uint16_t)returning); // the guest has got it
	}
	uint64_t taking = checkpoint->taking;
	if ((taking & MARK_SET) != 0 && (uint16_t)(taking >> 16) == queue->last_avail) {
		note_none_running(queue); // not taken yet
	} else if ((taking & MARK_SET) != 0 && (uint16_t)taking < queue->size) {
		checkpoint->in_flight[(uint16_t)taking] = 1; // not noted yet
	}
	for (uint16_t head = 0; head < queue->size; head++) {
		queue->in_flight += checkpoint->in_flight[head] != 0;
	}
}

static int fail(struct gp_virtqueue *queue, const char *why) {
	queue->broken = why;
	return -EPROTO;
}

/**
 * Counts new entries. If they are fewer than wanted, asks for a notification of the next one and
 * looks again, as the driver may have added one in between. Each turn but the last sees more
 * entries, unless the driver plays tricks. Returns the number, or -EPROTO.
 */
static int count_available(struct gp_virtqueue *queue, uint16_t wanted) {
	uint16_t n = 0, asked = 0;
	for (unsigned look = 0; look <= queue->size; look++) {
		uint16_t idx = le16toh(__atomic_load_n(&avail_ring(queue)->idx, __ATOMIC_ACQUIRE));
		n = (uint16_t)(idx - queue->last_avail);
		if (n > queue->size) {
			return fail(
				queue, "the available index jumps by more than the queue's size");
		}
		if (n >= wanted || (look > 0 && idx == asked)) {
			return n;
		}
		if (!queue->event_idx) {
			return n; // notifications are never turned off then
		}
		__atomic_store_n(avail_event(queue), htole16(idx), __ATOMIC_RELAXED);
		atomic_thread_fence(memory_order_seq_cst);
		asked = idx;
	}
	return n;
}

uint16_t gp_virtqueue_offered(struct gp_virtqueue *queue, uint16_t wanted) {
	if (queue->broken != NULL || queue->size == 0) {
		return 0;
	}
	int n = count_available(queue, wanted);
	return n > 0 ? (uint16_t)n : 0;
}

/* Copies from guest memory that may cross regions. */
static bool read_guest(
	const struct gp_guest_memory *memory, uint64_t gpa, void *out, size_t length) {
	struct iovec iov[sizeof(struct vring_desc)]; // a region has at least one byte
	int n = gp_guest_memory_map(memory, gpa, length, iov, sizeof(iov) / sizeof(iov[0]));
	uint8_t *bytes = out;
	for (int i = 0; i < n; i++) {
		memcpy(bytes, iov[i].iov_base, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
	return n > 0;
}

static bool read_descriptor(const struct gp_virtqueue *queue, const struct chain_walk *walk,
	uint16_t index, struct descriptor *out) {
	struct vring_desc raw;
	if (walk->indirect) {
		uint64_t gpa;
		if (!gp_add_u64(walk->table_gpa, (uint64_t)index * sizeof(raw), &gpa) ||
			!read_guest(walk->memory, gpa, &raw, sizeof(raw))) {
			return false;
		}
	} else {
		memcpy(&raw, (const struct vring_desc *)queue->desc + index, sizeof(raw));
	}
	// The copy is what is checked and used: the compiler must not read the original again.
	atomic_signal_fence(memory_order_seq_cst);
	*out = (struct descriptor){
		.gpa = le64toh(raw.addr),
		.length = le32toh(raw.len),
		.flags = le16toh(raw.flags),
		.next = le16toh(raw.next),
	};
	return true;
}

/* Returns NULL, or what is wrong. */
static const char *enter_indirect(
	const struct gp_virtqueue *queue, struct chain_walk *walk, const struct descriptor *desc) {
	if (!queue->indirect) {
		return "an indirect descriptor without the feature";
	}
	if (walk->indirect) {
		return "an indirect descriptor inside an indirect table";
	}
	if (desc->flags & VRING_DESC_F_NEXT) {
		return "an indirect descriptor with a next one";
	}
	if (desc->length == 0 || desc->length % sizeof(struct vring_desc) != 0) {
		return "an indirect table of a wrong length";
	}
	walk->indirect = true;
	walk->table_gpa = desc->gpa;
	walk->table_count = desc->length / sizeof(struct vring_desc);
	walk->seen = 0;
	return NULL;
}

static const char *add_buffer(struct chain_walk *walk, const struct descriptor *desc) {
	struct gp_chain *chain = walk->chain;
	bool writable = desc->flags & VRING_DESC_F_WRITE;
	if (desc->length == 0) {
		return "a buffer of zero bytes";
	}
	if (!writable && chain->n_in > 0) {
		return "a readable buffer after a writable one";
	}
	struct iovec *iov = writable ? chain->in : chain->out;
	size_t *count = writable ? &chain->n_in : &chain->n_out;
	// The limit is on the chain, so a chain never needs more room than that in either array.
	size_t iovecs_left = GP_CHAIN_SEGMENTS_MAX - chain->n_in - chain->n_out;
	int n = gp_guest_memory_map(
		walk->memory, desc->gpa, desc->length, iov + *count, iovecs_left);
	if (n == -E2BIG) {
		return "a chain of too many buffers";
	}
	if (n < 0) {
		return "a buffer outside the guest's memory";
	}
	*count += (size_t)n;
	*(writable ? &chain->in_size : &chain->out_size) += desc->length;
	return NULL;
}

static const char *collect(struct gp_virtqueue *queue, struct chain_walk *walk, uint16_t index) {
	for (;;) {
		struct descriptor desc;
		if (index >= walk->table_count) {
			return "a descriptor index out of range";
		}
		if (++walk->seen > walk->table_count) {
			return "a chain with a loop";
		}
		if (!read_descriptor(queue, walk, index, &desc)) {
			return "an indirect table outside the guest's memory";
		}
		const char *error;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			error = enter_indirect(queue, walk, &desc);
			index = 0;
		} else {
			error = add_buffer(walk, &desc);
			index = desc.next;
		}
		if (error != NULL) {
			return error;
		}
		if ((desc.flags & (VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT)) == 0) {
			return NULL;
		}
	}
}

static void clear(struct gp_chain *chain) {
	chain->n_out = chain->n_in = 0;
	chain->out_size = chain->in_size = 0;
}

int gp_virtqueue_pop(
	struct gp_virtqueue *queue, const struct gp_guest_memory *memory, struct gp_chain *chain) {
	clear(chain);
	note_none_running(queue);
	if (queue->broken != NULL) {
		return -EPROTO;
	}
	if (queue->size == 0) {
		return 0;
	}
	int r = count_available(queue, 1);
	if (r <= 0) {
		return r;
	}
	// Each chain has a descriptor of its own, so the driver cannot have more out than that.
	if (queue->in_flight >= queue->size) {
		return fail(queue, "more chains are offered than there are descriptors");
	}
	uint16_t head = load_le16(&avail_ring(queue)->ring[queue->last_avail & (queue->size - 1)]);
	struct chain_walk walk = {.memory = memory, .chain = chain, .table_count = queue->size};
	const char *error = collect(queue, &walk, head);
	if (error != NULL) {
		clear(chain);
		return fail(queue, error);
	}
	note_taken(queue, head);
	chain->head = head;
	queue->last_avail++;
	queue->in_flight++;
	return 1;
}

bool gp_virtqueue_recover(struct gp_virtqueue *queue, const struct gp_guest_memory *memory,
	uint16_t *at, struct gp_chain *chain, bool *was_running) {
	while (*at < queue->size && queue->checkpoint->in_flight[*at] == 0) {
		++*at;
	}
	if (*at >= queue->size) {
		return false;
	}
	struct chain_walk walk = {.memory = memory, .chain = chain, .table_count = queue->size};
	clear(chain);
	if (collect(queue, &walk, *at) != NULL) {
		clear(chain);
	}
	chain->head = *at;
	*was_running = queue->checkpoint->taking != 0 && (uint16_t)queue->checkpoint->taking == *at;
	++*at;
	return true;
}

void gp_virtqueue_push(struct gp_virtqueue *queue, uint16_t head, uint32_t written) {
	if (queue->size == 0 || queue->in_flight == 0) {
		return;
	}
	struct vring_used *used = used_ring(queue);
	struct vring_used_elem *elem = &used->ring[queue->used_idx & (queue->size - 1)];
	__atomic_store_n(&elem->id, htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, htole32(written), __ATOMIC_RELAXED);
	note_returning(queue, head);
	queue->used_idx++;
	queue->in_flight--;
	__atomic_store_n(&used->idx, htole16(queue->used_idx), __ATOMIC_RELEASE);
	note_returned(queue, head);
}

uint16_t gp_virtqueue_unsignalled(const struct gp_virtqueue *queue) {
	return (uint16_t)(queue->used_idx - queue->signalled);
}

bool gp_virtqueue_should_interrupt(struct gp_virtqueue *queue) {
	if (queue->size == 0 || queue->used_idx == queue->signalled) {
		return false;
	}
	// The used index must be visible before the driver's wish is read, or both may wait.
	atomic_thread_fence(memory_order_seq_cst);
	uint16_t old = queue->signalled;
	bool first = !queue->signalled_valid;
	queue->signalled = queue->used_idx;
	queue->signalled_valid = true;
	if (!queue->event_idx) {
		return (load_le16(&avail_ring(queue)->flags) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
	}
	return first || vring_need_event(load_le16(used_event(queue)), queue->used_idx, old);
}

size_t gp_chain_read(const struct gp_chain *chain, uint64_t offset, void *out, size_t length) {
	uint8_t *bytes = out;
	size_t done = 0;
	for (size_t i = 0; i < chain->n_out && done < length; i++) {
		const struct iovec *iov = &chain->out[i];
		if (offset >= iov->iov_len) {
			offset -= iov->iov_len;
			continue;
		}
		size_t n = iov->iov_len - offset;
		if (n > length - done) {
			n = length - done;
		}
		memcpy(bytes + done, (const uint8_t *)iov->iov_base + offset, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t gp_chain_write(
	const struct gp_chain *chain, uint64_t offset, const void *in, size_t length) {
	const uint8_t *bytes = in;
	size_t done = 0;
	for (size_t i = 0; i < chain->n_in && done < length; i++) {
		const struct iovec *iov = &chain->in[i];
		if (offset >= iov->iov_len) {
			offset -= iov->iov_len;
			continue;
		}
		size_t n = iov->iov_len - offset;
		if (n > length - done) {
			n = length - done;
		}
		memcpy((uint8_t *)iov->iov_base + offset, bytes + done, n);
		done += n;
		offset = 0;
	}
	return done;
}

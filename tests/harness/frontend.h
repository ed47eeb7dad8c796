#ifndef GP_TESTS_HARNESS_FRONTEND_H
#define GP_TESTS_HARNESS_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A vhost-user front end with guest RAM in a sealed memfd and split rings in it: what QEMU's
 * vhost-user-test-device-pci does, in one process with the test, with every step of its own.
 * Functions that cannot go wrong unless the back end is broken return bool or -errno; nothing
 * asserts.
 */

#define FE_RAM_SIZE (64u << 20)
#define FE_QUEUES 2
#define FE_QUEUE_SIZE 256
#define FE_SLOTS (FE_QUEUE_SIZE / 2)
#define FE_UVA UINT64_C(0x7e0000000000) // "user address" of gpa 0: the VMM's, not this process's

/* Buffers of a chain made by fe_submit: head is 2 × slot. Kept and used again. */
struct fe_slot {
	bool busy;
	uint64_t out_gpa, in_gpa, table_gpa;
	size_t out_room, in_room, table_room, in_size;
};

struct fe_queue {
	uint16_t size, avail_idx, last_used;
	uint16_t kicked_idx; // avail_idx when the last kick was considered
	uint16_t base; // from the back end at the last stop; where fe_start begins
	uint64_t desc_gpa, avail_gpa, used_gpa;
	int kick_fd, call_fd;
	bool event_idx;
	struct fe_slot slots[FE_SLOTS];
};

struct fe {
	int socket; // to the back end
	int backend_fd; // our end of the back channel, or -1
	int ram_fd; // memfd
	uint8_t *ram; // gpa 0 is ram[0]
	uint64_t ram_size; // FE_RAM_SIZE if it was not asked for more
	uint64_t features, protocol_features; // what the back end offers
	uint64_t accepted; // virtio features, by fe_negotiate
	struct fe_queue queues[FE_QUEUES];
	uint64_t alloc_next; // simple bump allocator in RAM
	bool sloppy_ack; // ack every protocol feature bit as QEMU's generic device does
	bool table; // announce RAM by SET_MEM_TABLE, as front ends without memory slots do
	bool hold_kicks; // fe_submit does not kick: fe_kick does, for all that was put in before
};

/**
 * Initialises, makes the RAM, and connects to the back end's socket, or takes a connected fd when
 * path is NULL. fe_finish is right after failure too.
 */
bool fe_connect(struct fe *fe, const char *path, int fd);
/* The same with so many bytes of RAM. */
bool fe_connect_ram(struct fe *fe, const char *path, int fd, uint64_t ram_size);
/**
 * Features (what is asked for and offered of virtio_features, and VERSION_1, INDIRECT_DESC and
 * EVENT_IDX if offered), owner, memory table, back channel.
 */
bool fe_negotiate(struct fe *fe, uint64_t virtio_features);
/* Sets up, starts at base and enables all queues. The rings are made at the first start. */
bool fe_start(struct fe *fe);
/* VRING_ENABLE 0 and GET_VRING_BASE for each queue, as QEMU does on stop; keeps the bases. */
bool fe_stop(struct fe *fe);
/* Starts again: at the kept bases (resume) or at 0 with empty rings (reset). */
bool fe_restart(struct fe *fe, bool reset);
void fe_finish(struct fe *fe);

/* Raw frames, for malformed ones: any header, payload and fds. */
bool fe_send(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
	const int *fds, size_t n_fds);
/* Waits for a reply, up to timeout_ms; its payload size, or -errno (-ECONNRESET: dropped). */
int fe_reply(struct fe *fe, uint32_t request, void *payload, size_t size, int timeout_ms);
/* A request with a u64 reply. */
bool fe_get_u64(struct fe *fe, uint32_t request, uint64_t *value);
bool fe_get_config(struct fe *fe, uint32_t offset, uint32_t size, void *out);
/* Sends with NEED_REPLY and waits: the acknowledgement (0 is good), or -errno. */
int64_t fe_send_ack(struct fe *fe, uint32_t request, const void *payload, uint32_t size,
	const int *fds, size_t n_fds);
/* Waits for a message on the back channel; its request number, or -ETIMEDOUT. */
int fe_backend_message(struct fe *fe, int timeout_ms);
/**
 * Adds a region with a fd (kept by the caller), or removes one, waiting for the acknowledgement.
 * True if that says success.
 */
bool fe_add_region(
	struct fe *fe, int fd, uint64_t gpa, uint64_t size, uint64_t uva, uint64_t file_offset);
bool fe_remove_region(struct fe *fe, uint64_t gpa, uint64_t size, uint64_t uva);

/* Guest RAM: page-aligned bytes, never freed. 0 if none are left. */
uint64_t fe_alloc(struct fe *fe, uint64_t size);
void *fe_ptr(struct fe *fe, uint64_t gpa);

/* Raw descriptor, for hostile rings. */
void fe_write_desc(struct fe *fe, unsigned queue, uint16_t index, uint64_t gpa, uint32_t length,
	uint16_t flags, uint16_t next);
/* Puts a head into the available ring, and kicks in any case if wanted. */
void fe_offer(struct fe *fe, unsigned queue, uint16_t head, bool kick);

/**
 * Puts a chain of one readable (copied into RAM) and one writable buffer (zero bytes: none) into
 * the queue and kicks, unless the device's event index says that it needs none. Returns the head,
 * or -1 if the queue is full: 128 chains.
 */
int fe_submit(struct fe *fe, unsigned queue, const void *out, size_t out_size, size_t in_size);
/* The same as an indirect table of out_parts readable pieces. */
int fe_submit_indirect(struct fe *fe, unsigned queue, const void *out, size_t out_size,
	unsigned out_parts, size_t in_size);
/* Kicks for what was put in since the last kick, unless the event index says it needs none. */
void fe_kick(struct fe *fe, unsigned queue);
/**
 * Waits for a used entry (any order), up to timeout_ms: its head, or -ETIMEDOUT. Waits for an
 * interrupt, as a driver does. Copies what the device wrote, at most size bytes; *written is what
 * the ring says (may be NULL).
 */
int fe_wait_used(
	struct fe *fe, unsigned queue, void *in, size_t size, uint32_t *written, int timeout_ms);

#endif

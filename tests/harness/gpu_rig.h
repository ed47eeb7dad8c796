#ifndef GP_TESTS_HARNESS_GPU_RIG_H
#define GP_TESTS_HARNESS_GPU_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_gpu.h>

#include "common/limits.h"
#include "vmm-bridge/gpu/device.h"

/**
 * A virtio-gpu device without transport, clock and compositor: chains are made in place, time is a
 * number, and a recorder stands for the outside. The recorder keeps the contract of gpu/ops.h and
 * aborts where the device breaks it: a framebuffer that does not fit its resource, a flush of
 * memory that was revoked or freed, a reply to a chain that is not in flight, a revoke that is
 * missing.
 */

#define RIG_GPA 0x40000000ull // of the guest's RAM
#define RIG_RAM_SIZE (16u << 20) // bytes
#define RIG_HEADS 1024
#define RIG_EVENTS_MAX 256
#define RIG_OUTSIDES_MAX 64

enum rig_event_kind {
	RIG_SET,
	RIG_DISABLE,
	RIG_FLUSH,
	RIG_REVOKE,
	RIG_CURSOR_SET,
	RIG_CURSOR_MOVE,
	RIG_CONFIG,
	RIG_WAKE,
};

struct rig_event {
	enum rig_event_kind kind;
	uint32_t scanout;
	uint32_t resource; // SET, REVOKE
	uint32_t generation; // SET: of the resource
	struct gp_framebuffer fb;
	struct gp_rect damage;
	uint64_t token;
	bool wait;
	bool visible; // CURSOR_SET: not NULL
	uint32_t hot_x, hot_y;
	int32_t x, y;
	uint64_t time_ns; // WAKE
};

struct rig_reply {
	bool in_flight;
	bool replied, interrupt;
	uint32_t size; // of the buffer
	uint32_t written;
	uint8_t *buffer; // own, or somewhere in the guest's RAM
	uint8_t own[sizeof(struct virtio_gpu_resp_edid) + 64];
};

struct rig {
	struct gp_gpu *gpu;
	uint32_t n_scanouts;
	void *area; // for gp_gpu_set_saved_state, or NULL
	size_t area_size;
	struct gp_guest_memory memory;
	uint8_t *ram; // the guest's; RIG_GPA is ram[0]
	uint64_t now_ns;

	/* How the outside behaves. */
	bool owe_release; // scanout_flush returns true
	bool revoke_later; // resource_revoke without wait returns false
	void (*around)(bool before); // called before and after each command, or NULL

	/* What happened. */
	struct rig_event events[RIG_EVENTS_MAX]; // of the first RIG_EVENTS_MAX
	size_t n_events;
	unsigned n_pushes;
	uint64_t wake_ns;
	unsigned live; // resources that the outside uses
	uint32_t cursor[GP_CURSOR_SIZE * GP_CURSOR_SIZE];

	struct rig_reply replies[RIG_HEADS]; // by head
	uint16_t next_head;
	struct {
		struct gp_resource *resource; // NULL: disabled
		struct gp_framebuffer fb;
		bool revoked;
	} shown[GP_SCANOUTS_MAX];
};

/* A mode of 1280×800 at 60 Hz. Aborts if something cannot be made. */
struct rig *rig_create(uint32_t n_scanouts);
/* Destroys the device too, and checks that nothing of it is left outside. */
void rig_destroy(struct rig *rig);

/* The device saves its state in a new area of that size. */
void rig_save(struct rig *rig, size_t size);
/**
 * The device's process crashes, and another one has taken its place: with the guest's memory and
 * the area, but without what was outside, and chains in flight stay unanswered. gp_gpu_restore is
 * left to the test.
 */
void rig_crash(struct rig *rig);

/**
 * Sends a chain with a readable part and an own buffer of in_size writable bytes (0: none), at
 * most that of GET_EDID. Returns the head; the reply may be there already.
 */
uint16_t rig_send(
	struct rig *rig, unsigned queue, const void *out, size_t out_size, uint32_t in_size);
/* The same with the response at an address in the guest's RAM. */
uint16_t rig_send_to_ram(
	struct rig *rig, const void *out, size_t out_size, uint64_t gpa, uint32_t in_size);
/* A chain as it is, for hostile ones; the head and the response buffer are set here. */
uint16_t rig_send_chain(
	struct rig *rig, unsigned queue, struct gp_chain *chain, uint8_t *in, uint32_t in_size);
/* The header of the reply; all zero if there is none yet. */
struct virtio_gpu_ctrl_hdr rig_reply(const struct rig *rig, uint16_t head);
/* The type of the reply; 0 if there is none yet. */
uint32_t rig_type(const struct rig *rig, uint16_t head);
/* Sends to the control queue. Returns the type of the reply, 0 if it is held. */
uint32_t rig_command(struct rig *rig, const void *out, size_t out_size);
#define RIG_COMMAND(rig, wire) rig_command(rig, &(wire), sizeof(wire))

/* Commands with one entry of memory, or none if gpa is 0. */
uint32_t rig_create_2d(struct rig *rig, uint32_t id, uint32_t width, uint32_t height);
uint32_t rig_create_blob(struct rig *rig, uint32_t id, uint64_t size, uint64_t gpa);
uint32_t rig_attach(struct rig *rig, uint32_t id, uint64_t gpa, uint32_t size);
uint32_t rig_detach(struct rig *rig, uint32_t id);
uint32_t rig_unref(struct rig *rig, uint32_t id);
uint32_t rig_set_scanout(
	struct rig *rig, uint32_t scanout, uint32_t id, uint32_t width, uint32_t height);
uint32_t rig_set_scanout_blob(
	struct rig *rig, uint32_t scanout, uint32_t id, uint32_t width, uint32_t height);
/* Returns the head. fence_id 0: not fenced. */
uint16_t rig_flush(
	struct rig *rig, uint32_t id, uint32_t width, uint32_t height, uint64_t fence_id);
/* Lets time pass, calling the device at each wake-up on the way. */
void rig_advance(struct rig *rig, uint64_t now_ns);

/* The n-th event of a kind, from 0; NULL if there were fewer. */
const struct rig_event *rig_event(const struct rig *rig, enum rig_event_kind kind, size_t n);
size_t rig_count(const struct rig *rig, enum rig_event_kind kind);
void rig_forget_events(struct rig *rig);

#endif

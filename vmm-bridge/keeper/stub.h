#ifndef GP_VMM_BRIDGE_KEEPER_STUB_H
#define GP_VMM_BRIDGE_KEEPER_STUB_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/vhost/checkpoint.h"
#include "vmm-bridge/vhost/message.h"

/**
 * A back end that does nothing but reply to its front end, as QEMU aborts when it loses one that
 * its guest does not drive just now. It serves no queue and looks at no memory. What it is told is
 * stored, and a guest that is reset meanwhile is noted, so that a worker may go on with it.
 */

struct gp_store;

/* What there is to say of a device. */
struct gp_stub_info {
	uint64_t features; // of the device; those of the transport are added
	unsigned n_queues;
	/* Reads the configuration space, of which the guest has written those bytes. */
	void (*get_config)(void *data, const uint8_t written[GP_VHOST_CONFIG_MAX], uint32_t offset,
		uint32_t size, uint8_t *out);
	void *data;
};

struct gp_stub {
	const struct gp_stub_info *info;
	struct gp_store *store; // with the front end's socket
	struct gp_vhost_checkpoint *checkpoint;
	bool reset; // the guest was: what it had set up is void
	struct gp_vhost_reader reader;
};

/* Replies to the request that got no reply any more, if any. All must outlive it. */
void gp_stub_init(struct gp_stub *stub, const struct gp_stub_info *info, struct gp_store *store,
	struct gp_vhost_checkpoint *checkpoint);
/* A frame that has not come to its end is dropped. */
void gp_stub_finish(struct gp_stub *stub);
/**
 * Replies to what the front end asks next, if it has asked; else more is set to false. False, after
 * logging: it has disconnected, or must be.
 */
bool gp_stub_dispatch(struct gp_stub *stub, bool *more);

#endif

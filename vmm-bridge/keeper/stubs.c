#include "vmm-bridge/keeper/stubs.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <wayland-server-core.h>

#include "common/log.h"
#include "vmm-bridge/keeper/store.h"

#define CHECKPOINTS_BYTES (sizeof(struct gp_vhost_checkpoint) * GP_KEEPER_DEVICES_MAX)
#define FRAMES_PER_TURN 64

/* What the guest has set up is void, if it is the display's. */
static void clear_state(const struct gp_stub_source *source) {
	if (source == &source->stubs->sources[0] &&
		fallocate(source->stubs->shared, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			offsetof(struct gp_shared, area), GP_KEEPER_AREA_BYTES) != 0) {
		gp_error_errno("keeper: clearing what the guest has set up");
	}
}

static void disconnect(struct gp_stub_source *source) {
	struct gp_stubs *stubs = source->stubs;
	wl_event_source_remove(source->source);
	source->source = NULL;
	memset(source->stub.checkpoint, 0, sizeof(*source->stub.checkpoint));
	clear_state(source);
	gp_stub_finish(&source->stub);
	gp_store_clear(source->stub.store);
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		if (stubs->sources[i].source != NULL) {
			return;
		}
	}
	stubs->ended(stubs->data);
}

static int handle_socket(int fd, uint32_t mask, void *data) {
	struct gp_stub_source *source = data;
	bool more = true;
	for (unsigned i = 0; i < FRAMES_PER_TURN && more; i++) {
		if (!gp_stub_dispatch(&source->stub, &more)) {
			disconnect(source);
			return 0;
		}
		if (source->stub.reset) {
			source->stub.reset = false;
			clear_state(source);
		}
	}
	return 0;
}

bool gp_stubs_start(struct gp_stubs *stubs, struct wl_event_loop *loop,
	const struct gp_stub_info *infos, struct gp_store *stores, int shared,
	void (*ended)(void *data), void *data) {
	*stubs =
		(struct gp_stubs){.stores = stores, .shared = shared, .ended = ended, .data = data};
	void *checkpoints =
		mmap(NULL, CHECKPOINTS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	if (checkpoints == MAP_FAILED) {
		gp_error_errno("keeper: cannot map the shared memory");
		return false;
	}
	stubs->checkpoints = checkpoints;
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		struct gp_stub_source *source = &stubs->sources[i];
		source->stubs = stubs;
		if (stores[i].socket == -1) {
			continue;
		}
		gp_stub_init(&source->stub, &infos[i], &stores[i], &stubs->checkpoints[i]);
		source->source = wl_event_loop_add_fd(
			loop, stores[i].socket, WL_EVENT_READABLE, handle_socket, source);
		if (source->source == NULL) {
			gp_error_errno("keeper: cannot watch a front end");
			return false;
		}
	}
	return true;
}

void gp_stubs_finish(struct gp_stubs *stubs) {
	if (stubs->checkpoints == NULL) {
		return;
	}
	for (unsigned i = 0; i < GP_KEEPER_DEVICES_MAX; i++) {
		struct gp_stub_source *source = &stubs->sources[i];
		if (source->source != NULL) {
			wl_event_source_remove(source->source);
			source->source = NULL;
			gp_stub_finish(&source->stub);
		}
	}
	munmap(stubs->checkpoints, CHECKPOINTS_BYTES);
	stubs->checkpoints = NULL;
}

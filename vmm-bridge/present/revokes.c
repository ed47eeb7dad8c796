#include "vmm-bridge/present/revokes.h"

#include <stdlib.h>

#include "common/clock.h"

/**
 * What the VMM's requests in a turn of the loop, which stands still meanwhile, and the guest's
 * DETACH wait for the compositor at most (B9).
 */
#define WAIT_NS 50000000ull

void gp_revokes_init(struct gp_revokes *revokes, struct gp_import_cache *cache) {
	*revokes = (struct gp_revokes){.cache = cache, .late_log = GP_LOG_LIMIT_INIT};
}

void gp_revokes_finish(struct gp_revokes *revokes) {
	free(revokes->items);
	revokes->items = NULL;
}

/* Whether one has to wait until the compositor reads it no longer. */
static bool is_awaited(const struct gp_import *import) {
	return import->ending && import->file.revocable && !import->late;
}

bool gp_revokes_is_read(const struct gp_revokes *revokes, uint64_t memory_id) {
	const struct gp_import *import;
	wl_list_for_each (import, &revokes->cache->imports, link) {
		if (import->memory_id == memory_id && is_awaited(import)) {
			return true;
		}
	}
	return false;
}

/**
 * Nobody waits any longer for a compositor that stands still: it loses the connection soon
 * (client/blob.c), or catches up. memory_id NULL: for anything.
 */
static void give_up(struct gp_revokes *revokes, const uint64_t *memory_id) {
	uint64_t before = revokes->late;
	struct gp_import *import;
	wl_list_for_each (import, &revokes->cache->imports, link) {
		if (is_awaited(import) && (memory_id == NULL || import->memory_id == *memory_id)) {
			import->late = true;
			revokes->late++;
		}
	}
	if (revokes->late > before) {
		gp_log_limited(&revokes->late_log, GP_LOG_WARN,
			"the compositor did not give memory back within %llu ms; the VM does not "
			"wait for it",
			WAIT_NS / 1000000);
	}
}

bool gp_revokes_add(struct gp_revokes *revokes, uint64_t memory_id, uint64_t token) {
	if (revokes->n == revokes->capacity) {
		size_t capacity = 2 * revokes->capacity + 8;
		void *items = reallocarray(revokes->items, capacity, sizeof(revokes->items[0]));
		if (items == NULL) {
			return false;
		}
		revokes->items = items;
		revokes->capacity = capacity;
	}
	revokes->items[revokes->n++] = (struct gp_pending_revoke){
		.memory_id = memory_id,
		.token = token,
		.deadline_ns = gp_now_ns() + WAIT_NS,
	};
	return true;
}

void gp_revokes_send(struct gp_revokes *revokes,
	void (*send)(void *data, uint64_t memory_id, uint64_t token), void *data) {
	for (size_t i = 0; i < revokes->n;) {
		const struct gp_pending_revoke revoke = revokes->items[i];
		if (gp_revokes_is_read(revokes, revoke.memory_id)) {
			if (gp_now_ns() < revoke.deadline_ns) {
				i++;
				continue;
			}
			give_up(revokes, &revoke.memory_id);
		}
		revokes->items[i] = revokes->items[--revokes->n];
		send(data, revoke.memory_id, revoke.token);
	}
}

uint64_t gp_revokes_deadline(const struct gp_revokes *revokes) {
	uint64_t deadline_ns = 0;
	for (size_t i = 0; i < revokes->n; i++) {
		uint64_t ns = revokes->items[i].deadline_ns;
		deadline_ns = deadline_ns == 0 || ns < deadline_ns ? ns : deadline_ns;
	}
	return deadline_ns;
}

static bool is_any_awaited(const struct gp_revokes *revokes) {
	const struct gp_import *import;
	wl_list_for_each (import, &revokes->cache->imports, link) {
		if (is_awaited(import)) {
			return true;
		}
	}
	return false;
}

void gp_revokes_wait(struct gp_revokes *revokes) {
	if (!is_any_awaited(revokes)) {
		return;
	}
	uint64_t now_ns = gp_now_ns();
	if (revokes->wait_until_ns == 0) {
		revokes->wait_until_ns = now_ns + WAIT_NS;
	}
	uint64_t left_ns = revokes->wait_until_ns > now_ns ? revokes->wait_until_ns - now_ns : 0;
	if (!gp_client_wait_revoked(revokes->cache->client, (int)(left_ns / 1000000))) {
		give_up(revokes, NULL);
	}
}

void gp_revokes_end_turn(struct gp_revokes *revokes) {
	revokes->wait_until_ns = 0;
}

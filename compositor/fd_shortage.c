#include "compositor/fd_shortage.h"

#include <stddef.h>
#include <sys/resource.h>
#include <wayland-server-core.h>

#include "common/limits.h"
#include "common/log.h"
#include "compositor/memory/quota.h"
#include "compositor/system/bridge_client.h"

static bool same_process(const struct gp_bridge_client *a, const struct gp_bridge_client *b) {
	return a->pid == b->pid && a->uid == b->uid;
}

static size_t count_blobs(const struct gp_bridge_clients *clients) {
	size_t n = 0;
	const struct gp_bridge_client *bridge;
	wl_list_for_each (bridge, &clients->list, link) {
		n += gp_quota_count_blobs(bridge->client);
	}
	return n;
}

/* Of a process; with what each of its clients may have in transit, or without. */
static size_t count_fds(const struct gp_bridge_clients *clients, const struct gp_bridge_client *of,
	size_t in_transit) {
	size_t n = 0;
	const struct gp_bridge_client *bridge;
	wl_list_for_each (bridge, &clients->list, link) {
		if (same_process(bridge, of)) {
			n += in_transit + gp_quota_count_blobs(bridge->client);
		}
	}
	return n;
}

/* Of the process that has the most, the client that has the most blobs. */
static const struct gp_bridge_client *find_hoarder(const struct gp_bridge_clients *clients) {
	const struct gp_bridge_client *bridge, *hoarder = NULL;
	struct rlimit limit = {0};
	size_t most = 0, most_blobs = 0;
	/* Blobs can be counted; if they do not explain it, descriptors are in transit. */
	getrlimit(RLIMIT_NOFILE, &limit);
	bool explained = count_blobs(clients) >= limit.rlim_cur / 2;
	size_t in_transit = explained ? 0 : GP_FDS_IN_TRANSIT_MAX;
	wl_list_for_each (bridge, &clients->list, link) {
		size_t n = count_fds(clients, bridge, in_transit);
		size_t n_blobs = gp_quota_count_blobs(bridge->client);
		if (n > most || (n == most && n_blobs >= most_blobs)) {
			hoarder = bridge;
			most = n;
			most_blobs = n_blobs;
		}
	}
	return hoarder;
}

bool gp_fd_shortage_make_room(const struct gp_bridge_clients *clients,
	const struct wl_client *client, pid_t pid, uid_t uid) {
	static struct gp_log_limit limit = {.burst = 4, .interval_ns = 1000000000};
	const struct gp_bridge_client *hoarder = find_hoarder(clients);
	if (hoarder == NULL || hoarder->client == client ||
		(pid != 0 && hoarder->pid == pid && hoarder->uid == uid)) {
		return false;
	}
	gp_log_limited(&limit, GP_LOG_WARN,
		"descriptors run short: a client of process %d, which has the most, is "
		"disconnected",
		(int)hoarder->pid);
	struct wl_client *hoarder_client = hoarder->client;
	wl_client_post_implementation_error(hoarder_client,
		"the compositor's descriptors run short, and this process has the most");
	wl_client_flush(hoarder_client);
	wl_client_destroy(hoarder_client);
	return true;
}

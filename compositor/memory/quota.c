#include "compositor/memory/quota.h"

#include <stdlib.h>

/* The reference that the client itself holds. */
struct client_quota {
	struct gp_quota *quota;
	struct wl_listener client_destroy;
};

static void handle_client_destroy(struct wl_listener *listener, void *data) {
	struct client_quota *entry = wl_container_of(listener, entry, client_destroy);
	wl_list_remove(&entry->client_destroy.link);
	gp_quota_unref(entry->quota);
	free(entry);
}

void gp_quota_init(struct gp_quota *quota) {
	*quota = (struct gp_quota){.n_refs = 1};
	wl_list_init(&quota->mappings);
}

static struct client_quota *find_entry(struct wl_client *client) {
	struct wl_listener *listener =
		wl_client_get_destroy_late_listener(client, handle_client_destroy);
	struct client_quota *entry = NULL;
	return listener != NULL ? wl_container_of(listener, entry, client_destroy) : NULL;
}

size_t gp_quota_count_blobs(struct wl_client *client) {
	const struct client_quota *entry = find_entry(client);
	return entry != NULL ? entry->quota->n_blobs : 0;
}

struct gp_quota *gp_quota_of_client(struct wl_client *client) {
	struct client_quota *entry = find_entry(client);
	if (entry != NULL) {
		return gp_quota_ref(entry->quota);
	}

	entry = calloc(1, sizeof(*entry));
	struct gp_quota *quota = calloc(1, sizeof(*quota));
	if (entry == NULL || quota == NULL) {
		free(entry);
		free(quota);
		return NULL;
	}
	gp_quota_init(quota);
	entry->quota = quota;
	entry->client_destroy.notify = handle_client_destroy;
	wl_client_add_destroy_late_listener(client, &entry->client_destroy);
	return gp_quota_ref(quota);
}

struct gp_quota *gp_quota_ref(struct gp_quota *quota) {
	quota->n_refs++;
	return quota;
}

void gp_quota_unref(struct gp_quota *quota) {
	if (quota == NULL || --quota->n_refs > 0) {
		return;
	}
	free(quota);
}

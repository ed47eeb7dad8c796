#include "compositor/memory/quota.h"

#include <stdlib.h>
#include <wayland-server-core.h>

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

struct gp_quota *gp_quota_of_client(struct wl_client *client) {
	struct wl_listener *listener =
		wl_client_get_destroy_late_listener(client, handle_client_destroy);
	if (listener != NULL) {
		struct client_quota *entry = wl_container_of(listener, entry, client_destroy);
		return gp_quota_ref(entry->quota);
	}

	struct client_quota *entry = calloc(1, sizeof(*entry));
	struct gp_quota *quota = calloc(1, sizeof(*quota));
	if (entry == NULL || quota == NULL) {
		free(entry);
		free(quota);
		return NULL;
	}
	quota->n_refs = 1;
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

bool gp_quota_add_mapped(struct gp_quota *quota, uint64_t size) {
	if (size > GP_MAPPED_PER_CLIENT_MAX - quota->n_mapped) {
		return false;
	}
	quota->n_mapped += size;
	return true;
}

void gp_quota_remove_mapped(struct gp_quota *quota, uint64_t size) {
	quota->n_mapped -= size;
}

#ifndef GP_TESTS_PROTOCOL_CLIENT_H
#define GP_TESTS_PROTOCOL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <drm_fourcc.h>
#include <wayland-client.h>

#include "guest-scanout-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "viewporter-client-protocol.h"

/**
 * A raw client of guest-scanout-v1: it keeps what the compositor says and decides nothing. Objects
 * are those of one connection and are freed with it, unless destroyed before.
 */

struct client {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct wp_viewporter *viewporter;
	struct wp_presentation *presentation;
	struct guest_scanout_manager_v1 *manager;
	uint32_t manager_name; // of its global // NULL: not advertised
	uint32_t capabilities;
	unsigned n_capabilities, n_formats, n_done, n_devices;
	bool format_before_done;
	bool xrgb_linear; // in the list of formats
};

/* Connects to a socket by path, binds all globals and waits for their first events. */
bool client_connect(struct client *client, const char *path);
/* Disconnects; the objects of the client are forgotten. */
void client_finish(struct client *client);
/* Two round trips: events that are sent from an idle source of the compositor are here, too. */
bool client_sync(struct client *client);
/* Handles events until the number is at least value; false after timeout_ms, or on an error. */
bool client_wait(struct client *client, const unsigned *number, unsigned value, int timeout_ms);
/* Whether the connection was ended by that error of that interface; others are told. */
bool client_expect_error(
	struct client *client, const struct wl_interface *interface, uint32_t code);

struct guest_v1 *client_guest(struct client *client, const char *name);

/* Memory with a guest_blob_v1 made of it. */
struct blob {
	struct guest_blob_v1 *proxy;
	int fd;
	size_t size;
	uint32_t *pixels; // mapping
	unsigned answers; // imported and failed
	unsigned n_imported, n_failed, n_revoked;
	uint32_t last_serial, how, reason;
	char message[160];
};
/* A sealed memory file of that size; proxy made with kind shm. */
bool blob_create(struct blob *blob, struct guest_v1 *guest, size_t size);
/* The same with a given fd (taken), size and kind; not mapped. */
bool blob_create_fd(struct blob *blob, struct guest_v1 *guest, int fd, uint64_t size, uint32_t kind,
	const char *device);
/* Closes and unmaps; the proxy is destroyed if there still is one. */
void blob_finish(struct blob *blob);

struct buffer {
	struct wl_buffer *proxy;
	unsigned releases;
};
/* XRGB8888, linear, packed rows at offset 0. */
void buffer_create(
	struct buffer *buffer, struct blob *blob, uint32_t serial, int32_t width, int32_t height);
void buffer_create_layout(struct buffer *buffer, struct blob *blob, uint32_t serial, int32_t width,
	int32_t height, uint32_t format, uint64_t modifier, uint32_t offset, uint32_t stride);
void buffer_destroy(struct buffer *buffer);

struct monitor_mode {
	uint32_t flags, refresh;
	int32_t width, height;
};

struct scanout {
	struct wl_surface *surface;
	struct guest_scanout_v1 *proxy;
	struct monitor_mode modes[32];
	unsigned n_modes; // of the last batch
	bool modes_complete;
	unsigned n_physical, n_scale, n_transform, n_identity, n_connected, n_done, n_visibility,
		n_way;
	unsigned events; // all of the batch
	uint32_t scale, connected, visible, path;
	char model[64], path_reason[160];
};
/* A surface of its own and its role. */
void scanout_create(
	struct scanout *scanout, struct client *client, struct guest_v1 *guest, uint32_t index);
/* The same without telling the surface to be new. */
void scanout_create_for(struct scanout *scanout, struct wl_surface *surface, struct guest_v1 *guest,
	uint32_t index);
void scanout_destroy(struct scanout *scanout);
/* Attaches (NULL: nothing), damages all and commits. */
void scanout_commit(struct scanout *scanout, struct buffer *buffer);

/* A presentation feedback for the next commit. */
struct feedback {
	struct wp_presentation_feedback *proxy;
	unsigned answers;
	bool presented;
	uint32_t refresh_ns, flags;
};
void feedback_create(struct feedback *feedback, struct client *client, struct scanout *scanout);

#endif

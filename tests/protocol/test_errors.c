/*
 * Each error of guest-scanout-v1 is provoked, in every way that the text of the protocol names.
 * check-errors.py compares the table below with the XML: an entry without a line fails.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "tests/harness/cases.h"
#include "tests/protocol/client.h"

#define SIZE (CASE_WIDTH * CASE_HEIGHT * 4)
#define GIB (1ull << 30)
#define QUOTA_SEARCH 100000 // objects after which a compositor is taken to have no limit

static struct host host; // one compositor for all: it must survive every error
static char own_socket[96]; // for the guest "own" alone

/* What most ways start from. */
struct scene {
	struct client client;
	struct guest_v1 *guest;
	struct blob blob;
	struct buffer buffer;
};

static void scene_init(struct scene *scene) {
	*scene = (struct scene){.blob.fd = -1};
	assert_true(client_connect(&scene->client, host.bridge_socket));
	assert_non_null(scene->client.manager);
	scene->guest = client_guest(&scene->client, "errors");
}

static void scene_blob(struct scene *scene) {
	assert_true(blob_create(&scene->blob, scene->guest, SIZE));
}

static void scene_buffer(struct scene *scene) {
	scene_blob(scene);
	buffer_create(&scene->buffer, &scene->blob, 1, CASE_WIDTH, CASE_HEIGHT);
}

static void scene_finish(struct scene *scene) {
	blob_finish(&scene->blob);
	client_finish(&scene->client);
}

static struct wl_surface *new_surface(struct scene *scene) {
	return wl_compositor_create_surface(scene->client.compositor);
}

static struct guest_scanout_v1 *new_scanout(struct scene *scene) {
	return guest_v1_get_scanout(scene->guest, new_surface(scene), 0);
}

static void create_guest_uuid(struct scene *scene, const char *name, size_t uuid_size) {
	uint8_t uuid[32] = {0};
	struct wl_array array = {.size = uuid_size, .alloc = sizeof(uuid), .data = uuid};
	guest_scanout_manager_v1_create_guest(scene->client.manager, name, &array);
}

/* A blob on a file of one page. */
static struct guest_blob_v1 *raw_blob(
	struct scene *scene, uint64_t size, uint32_t kind, const char *device) {
	int fd = gp_memfd_create_sealed("test-raw", 4096);
	assert_true(fd >= 0);
	struct guest_blob_v1 *blob = guest_v1_create_blob(
		scene->guest, fd, (uint32_t)(size >> 32), (uint32_t)size, kind, device);
	close(fd);
	return blob;
}

static void raw_buffer(struct scene *scene, int32_t width, int32_t height, uint32_t format,
	uint32_t offset, uint32_t stride) {
	guest_blob_v1_create_buffer(
		scene->blob.proxy, 7, width, height, format, 0, 0, offset, stride);
}

/*
 * Each provokes its error in the way of that number, and returns false if there is no such way.
 */

static bool provoke_guest_scanout_manager_v1_invalid_name(struct scene *scene, unsigned path) {
	char long_name[66];
	memset(long_name, 'n', 65);
	long_name[65] = '\0';
	const char *const names[] = {"", long_name, "a\nb", "a\x7f", "\xff\xfe", "\x1b[2J"};
	if (path < sizeof(names) / sizeof(names[0])) {
		create_guest_uuid(scene, names[path], 16);
		return true;
	}
	return false;
}

static bool provoke_guest_scanout_manager_v1_invalid_uuid(struct scene *scene, unsigned path) {
	const size_t sizes[] = {0, 15, 17};
	if (path < sizeof(sizes) / sizeof(sizes[0])) {
		create_guest_uuid(scene, "name", sizes[path]);
		return true;
	}
	return false;
}

static bool provoke_guest_scanout_manager_v1_too_many_guests(struct scene *scene, unsigned path) {
	for (unsigned i = 0; path == 0 && i < QUOTA_SEARCH && client_sync(&scene->client); i++) {
		char name[16];
		snprintf(name, sizeof(name), "one more %u", i);
		create_guest_uuid(scene, name, 16);
	}
	return path == 0;
}

/* Whose the other guest is does not matter. */
static bool provoke_guest_scanout_manager_v1_name_in_use(struct scene *scene, unsigned path) {
	if (path == 0) {
		create_guest_uuid(scene, "errors", 16);
	} else if (path == 1) {
		struct client other;
		assert_true(client_connect(&other, host.bridge_socket));
		client_guest(&other, "other");
		assert_true(client_sync(&other));
		create_guest_uuid(scene, "other", 16);
		assert_false(client_sync(&scene->client));
		assert_true(client_sync(&other));
		client_finish(&other);
	}
	return path < 2;
}

static bool provoke_guest_scanout_manager_v1_name_refused(struct scene *scene, unsigned path) {
	if (path == 0) {
		create_guest_uuid(scene, "own", 16);
	} else if (path == 1) {
		client_finish(&scene->client);
		assert_true(client_connect(&scene->client, own_socket));
		create_guest_uuid(scene, "another", 16);
	}
	return path < 2;
}

static bool provoke_guest_v1_role(struct scene *scene, unsigned path) {
	if (path == 0) {
		struct wl_surface *cursor = new_surface(scene);
		guest_scanout_v1_set_cursor(new_scanout(scene), cursor, 0, 0);
		guest_v1_get_scanout(scene->guest, cursor, 1);
	}
	return path == 0;
}

static bool provoke_guest_v1_already_constructed(struct scene *scene, unsigned path) {
	if (path > 1) {
		return false;
	}
	struct wl_surface *surface = new_surface(scene);
	scene_buffer(scene);
	wl_surface_attach(surface, scene->buffer.proxy, 0, 0);
	if (path == 1) {
		wl_surface_commit(surface);
	}
	guest_v1_get_scanout(scene->guest, surface, 0);
	return true;
}

static bool provoke_guest_v1_invalid_index(struct scene *scene, unsigned path) {
	const uint32_t indices[] = {16, UINT32_MAX};
	if (path < sizeof(indices) / sizeof(indices[0])) {
		guest_v1_get_scanout(scene->guest, new_surface(scene), indices[path]);
		return true;
	}
	return false;
}

static bool provoke_guest_v1_scanout_exists(struct scene *scene, unsigned path) {
	for (unsigned i = 0; path == 0 && i < 2; i++) {
		guest_v1_get_scanout(scene->guest, new_surface(scene), 3);
	}
	return path == 0;
}

static bool provoke_guest_v1_invalid_size(struct scene *scene, unsigned path) {
	const uint64_t sizes[] = {0, 1ull << 62, UINT64_MAX};
	if (path < sizeof(sizes) / sizeof(sizes[0])) {
		raw_blob(scene, sizes[path], GUEST_BLOB_V1_KIND_SHM, NULL);
		return true;
	}
	return false;
}

static bool provoke_guest_v1_invalid_kind(struct scene *scene, unsigned path) {
	const uint32_t kinds[] = {3, UINT32_MAX};
	if (path < sizeof(kinds) / sizeof(kinds[0])) {
		raw_blob(scene, 4096, kinds[path], NULL);
		return true;
	}
	return false;
}

static bool provoke_guest_v1_too_many_blobs(struct scene *scene, unsigned path) {
	for (unsigned i = 0; path == 0 && i < QUOTA_SEARCH; i++) {
		raw_blob(scene, 4096, GUEST_BLOB_V1_KIND_SHM, NULL);
		if (i % 16 == 0 && !client_sync(&scene->client)) {
			assert_true(i >= 256);
			break;
		}
	}
	return path == 0;
}

static bool provoke_guest_v1_invalid_title(struct scene *scene, unsigned path) {
	char title[258];
	memset(title, 't', 257);
	title[257] = '\0';
	if (path == 0) {
		guest_v1_set_title(scene->guest, title);
	} else if (path == 1) {
		guest_v1_set_title(scene->guest, "\xc3\x28");
	}
	return path < 2;
}

static bool provoke_guest_v1_invalid_state(struct scene *scene, unsigned path) {
	const uint32_t states[] = {4, UINT32_MAX};
	if (path < sizeof(states) / sizeof(states[0])) {
		guest_v1_set_state(scene->guest, states[path]);
		return true;
	}
	return false;
}

static bool provoke_guest_v1_defunct_scanouts(struct scene *scene, unsigned path) {
	if (path == 0) {
		new_scanout(scene);
		/* The request without the end of the proxy, which the error names. */
		wl_proxy_marshal((struct wl_proxy *)scene->guest, GUEST_V1_DESTROY);
	}
	return path == 0;
}

static bool provoke_guest_v1_invalid_device(struct scene *scene, unsigned path) {
	static const struct {
		uint32_t kind;
		const char *device;
	} paths[] = {
		{GUEST_BLOB_V1_KIND_SHM, "0000:03:00.1"},
		{GUEST_BLOB_V1_KIND_SYSTEM_DMABUF, "0000:03:00.1"},
		{GUEST_BLOB_V1_KIND_DEVICE_DMABUF, NULL},
		{GUEST_BLOB_V1_KIND_DEVICE_DMABUF, ""},
		{GUEST_BLOB_V1_KIND_DEVICE_DMABUF, "a device"},
		{GUEST_BLOB_V1_KIND_DEVICE_DMABUF, "0000:03:00.8"},
		{GUEST_BLOB_V1_KIND_DEVICE_DMABUF, "0000:03:00.1\n"},
	};
	if (path < sizeof(paths) / sizeof(paths[0])) {
		raw_blob(scene, 4096, paths[path].kind, paths[path].device);
		return true;
	}
	return false;
}

static bool provoke_guest_blob_v1_invalid_format(struct scene *scene, unsigned path) {
	const uint32_t formats[] = {0, DRM_FORMAT_NV12, DRM_FORMAT_YUV420, 0x20202020};
	if (path < sizeof(formats) / sizeof(formats[0])) {
		scene_blob(scene);
		raw_buffer(scene, 64, 64, formats[path], 0, 64 * 4);
		return true;
	}
	return false;
}

static bool provoke_guest_blob_v1_invalid_dimensions(struct scene *scene, unsigned path) {
	static const int32_t sizes[][2] = {{0, 64}, {64, 0}, {-1, 64}, {64, -1}, {16385, 1},
		{1, 16385}, {INT32_MAX, INT32_MAX}, {INT32_MIN, INT32_MIN}};
	if (path < sizeof(sizes) / sizeof(sizes[0])) {
		scene_blob(scene);
		raw_buffer(scene, sizes[path][0], sizes[path][1], DRM_FORMAT_XRGB8888, 0, 64 * 4);
		return true;
	}
	return false;
}

static bool provoke_guest_blob_v1_out_of_bounds(struct scene *scene, unsigned path) {
	static const struct {
		int32_t width, height;
		uint32_t offset, stride;
	} paths[] = {
		{64, 64, 0, 63 * 4}, // stride too small
		{64, 64, 0, 0}, // none
		{64, 64, SIZE, 64 * 4}, // offset at the end
		{64, 64, UINT32_MAX, 64 * 4}, // wraps in 32 bits
		{64, 64, 0, UINT32_MAX}, // stride × height wraps in 32 bits
		{CASE_WIDTH, CASE_HEIGHT, 4, CASE_WIDTH * 4}, // one pixel too far
		{CASE_WIDTH, CASE_HEIGHT + 1, 0, CASE_WIDTH * 4}, // one row too many
	};
	if (path < sizeof(paths) / sizeof(paths[0])) {
		scene_blob(scene);
		raw_buffer(scene, paths[path].width, paths[path].height, DRM_FORMAT_XRGB8888,
			paths[path].offset, paths[path].stride);
		return true;
	}
	return false;
}

static bool provoke_guest_blob_v1_revoked(struct scene *scene, unsigned path) {
	if (path > 1) {
		return false;
	}
	scene_blob(scene);
	guest_blob_v1_revoke(scene->blob.proxy);
	if (path == 0) {
		raw_buffer(scene, 64, 64, DRM_FORMAT_XRGB8888, 0, 64 * 4);
	} else {
		guest_blob_v1_revoke(scene->blob.proxy);
	}
	return true;
}

static bool provoke_guest_blob_v1_too_many_buffers(struct scene *scene, unsigned path) {
	if (path != 0) {
		return false;
	}
	scene_blob(scene);
	for (unsigned i = 0; i < QUOTA_SEARCH; i++) {
		guest_blob_v1_create_buffer(
			scene->blob.proxy, i, 64, 64, DRM_FORMAT_XRGB8888, 0, 0, 0, 64 * 4);
		if (!client_sync(&scene->client)) {
			assert_true(i >= 16);
			assert_int_equal(scene->blob.answers, i);
			break;
		}
	}
	return true;
}

static bool provoke_guest_scanout_v1_defunct_surface(struct scene *scene, unsigned path) {
	if (path == 0) {
		struct wl_surface *surface = new_surface(scene);
		guest_v1_get_scanout(scene->guest, surface, 0);
		wl_surface_destroy(surface);
	}
	return path == 0;
}

static bool provoke_guest_scanout_v1_role(struct scene *scene, unsigned path) {
	if (path > 1) {
		return false;
	}
	struct wl_surface *surface = new_surface(scene);
	struct guest_scanout_v1 *scanout = guest_v1_get_scanout(scene->guest, surface, 0);
	struct wl_surface *other = new_surface(scene);
	guest_v1_get_scanout(scene->guest, other, 1);
	guest_scanout_v1_set_cursor(scanout, path == 0 ? surface : other, 0, 0);
	return true;
}

static bool provoke_guest_scanout_v1_already_constructed(struct scene *scene, unsigned path) {
	if (path > 1) {
		return false;
	}
	struct wl_surface *surface = new_surface(scene);
	scene_buffer(scene);
	wl_surface_attach(surface, scene->buffer.proxy, 0, 0);
	if (path == 1) {
		wl_surface_commit(surface);
	}
	guest_scanout_v1_set_cursor(new_scanout(scene), surface, 0, 0);
	return true;
}

static bool provoke_guest_scanout_v1_invalid_scale(struct scene *scene, unsigned path) {
	if (path > 1) {
		return false;
	}
	struct wl_surface *surface = new_surface(scene);
	guest_v1_get_scanout(scene->guest, surface, 0);
	if (path == 0) {
		wl_surface_set_buffer_scale(surface, 2);
	} else {
		wl_surface_set_buffer_transform(surface, WL_OUTPUT_TRANSFORM_90);
	}
	scene_buffer(scene);
	wl_surface_attach(surface, scene->buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	return true;
}

struct row {
	const char *name;
	bool (*provoke)(struct scene *scene, unsigned path);
	const struct wl_interface *interface;
	uint32_t code;
};

#define ERROR(iface, entry, code)                                                                  \
	{#iface "." #entry, provoke_##iface##_##entry, &iface##_interface, code}

static const struct row rows[] = {
	ERROR(guest_scanout_manager_v1, invalid_name, GUEST_SCANOUT_MANAGER_V1_ERROR_INVALID_NAME),
	ERROR(guest_scanout_manager_v1, invalid_uuid, GUEST_SCANOUT_MANAGER_V1_ERROR_INVALID_UUID),
	ERROR(guest_scanout_manager_v1, too_many_guests,
		GUEST_SCANOUT_MANAGER_V1_ERROR_TOO_MANY_GUESTS),
	ERROR(guest_scanout_manager_v1, name_in_use, GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_IN_USE),
	ERROR(guest_scanout_manager_v1, name_refused, GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_REFUSED),
	ERROR(guest_v1, role, GUEST_V1_ERROR_ROLE),
	ERROR(guest_v1, already_constructed, GUEST_V1_ERROR_ALREADY_CONSTRUCTED),
	ERROR(guest_v1, invalid_index, GUEST_V1_ERROR_INVALID_INDEX),
	ERROR(guest_v1, scanout_exists, GUEST_V1_ERROR_SCANOUT_EXISTS),
	ERROR(guest_v1, invalid_size, GUEST_V1_ERROR_INVALID_SIZE),
	ERROR(guest_v1, invalid_kind, GUEST_V1_ERROR_INVALID_KIND),
	ERROR(guest_v1, too_many_blobs, GUEST_V1_ERROR_TOO_MANY_BLOBS),
	ERROR(guest_v1, invalid_title, GUEST_V1_ERROR_INVALID_TITLE),
	ERROR(guest_v1, invalid_state, GUEST_V1_ERROR_INVALID_STATE),
	ERROR(guest_v1, defunct_scanouts, GUEST_V1_ERROR_DEFUNCT_SCANOUTS),
	ERROR(guest_v1, invalid_device, GUEST_V1_ERROR_INVALID_DEVICE),
	ERROR(guest_blob_v1, invalid_format, GUEST_BLOB_V1_ERROR_INVALID_FORMAT),
	ERROR(guest_blob_v1, invalid_dimensions, GUEST_BLOB_V1_ERROR_INVALID_DIMENSIONS),
	ERROR(guest_blob_v1, out_of_bounds, GUEST_BLOB_V1_ERROR_OUT_OF_BOUNDS),
	ERROR(guest_blob_v1, revoked, GUEST_BLOB_V1_ERROR_REVOKED),
	ERROR(guest_blob_v1, too_many_buffers, GUEST_BLOB_V1_ERROR_TOO_MANY_BUFFERS),
	ERROR(guest_scanout_v1, defunct_surface, GUEST_SCANOUT_V1_ERROR_DEFUNCT_SURFACE),
	ERROR(guest_scanout_v1, role, GUEST_SCANOUT_V1_ERROR_ROLE),
	ERROR(guest_scanout_v1, already_constructed, GUEST_SCANOUT_V1_ERROR_ALREADY_CONSTRUCTED),
	ERROR(guest_scanout_v1, invalid_scale, GUEST_SCANOUT_V1_ERROR_INVALID_SCALE),
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void test_row(void **state) {
	const struct row *row = *state;
	bool there = true;
	for (unsigned path = 0; there; path++) {
		struct scene scene;
		scene_init(&scene);
		assert_true(client_sync(&scene.client));
		there = row->provoke(&scene, path);
		if (there && !client_expect_error(&scene.client, row->interface, row->code)) {
			fail_msg("%s: way %u", row->name, path);
		}
		assert_true(there || path > 0);
		scene_finish(&scene);
	}
	assert_true(host_alive(&host.compositor));
}

/* What is just inside the limits raises nothing. */
static void test_limits(void **state) {
	struct scene scene;
	char text[257];
	scene_init(&scene);

	memset(text, 't', 256);
	text[256] = '\0';
	guest_v1_set_title(scene.guest, text);
	guest_v1_set_title(scene.guest, "");
	guest_v1_set_state(scene.guest, GUEST_V1_STATE_DISCONNECTED);
	guest_v1_get_scanout(scene.guest, new_surface(&scene), 15);
	raw_blob(&scene, GIB, GUEST_BLOB_V1_KIND_SHM, NULL);
	raw_blob(&scene, 4096, GUEST_BLOB_V1_KIND_DEVICE_DMABUF, "0000:03:00.1");
	assert_true(client_sync(&scene.client));

	scene_blob(&scene);
	raw_buffer(&scene, CASE_WIDTH, CASE_HEIGHT, DRM_FORMAT_XRGB8888, 0, CASE_WIDTH * 4);
	raw_buffer(&scene, 16384, 1, DRM_FORMAT_XRGB8888, 0, 16384 * 4);
	raw_buffer(&scene, 1, 16384, DRM_FORMAT_XRGB8888, 0, 4);
	/* Only the last row may end at its last pixel. */
	raw_buffer(
		&scene, 64, 2, DRM_FORMAT_XRGB8888, SIZE - (CASE_WIDTH + 64) * 4, CASE_WIDTH * 4);
	assert_true(client_sync(&scene.client));
	scene_finish(&scene);

	text[64] = '\0';
	assert_true(client_connect(&scene.client, host.bridge_socket));
	create_guest_uuid(&scene, text, 16);
	assert_true(client_sync(&scene.client));
	client_finish(&scene.client);

	/* The name is free as soon as its guest is destroyed. */
	assert_true(client_connect(&scene.client, own_socket));
	guest_v1_destroy(client_guest(&scene.client, "own"));
	client_guest(&scene.client, "own");
	assert_true(client_sync(&scene.client));
	client_finish(&scene.client);
}

static int start_host(void **state) {
	char option[128];
	const char *args[] = {"--bridge-socket", option, NULL};
	if (host_init(&host)) {
		snprintf(own_socket, sizeof(own_socket), "%s/own.sock", host.dir);
		snprintf(option, sizeof(option), "own=%s", own_socket);
		if (host_start_compositor(&host, 1, CASE_WIDTH, CASE_HEIGHT, args)) {
			return 0;
		}
	}
	host_print_logs(&host);
	host_finish(&host);
	return -1;
}

static int stop_host(void **state) {
	return host_finish(&host) ? 0 : -1;
}

int main(int argc, char **argv) {
	struct CMUnitTest tests[ROWS + 1] = {[ROWS] = cmocka_unit_test(test_limits)};
	for (size_t i = 0; i < ROWS; i++) {
		tests[i] = (struct CMUnitTest){.name = rows[i].name,
			.test_func = test_row,
			.initial_state = (void *)&rows[i]};
	}
	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests_name("errors", tests, start_host, stop_host);
}

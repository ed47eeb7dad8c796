#include "vmm-bridge/qemu/listener.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/qemu/opener.h"
#include "vmm-bridge/qemu/surface.h"
#include "vmm-bridge/qemu/watch.h"

#define PATH "/org/qemu/Display1/Listener"
#define LISTENER "org.qemu.Display1.Listener"
#define MAP LISTENER ".Unix.Map"
#define DMABUF2 LISTENER ".Unix.ScanoutDMABUF2"

#define PLANES_MAX 4

/* Replies to a call; refusal NULL: it was done. */
static int reply(struct gp_qemu_listener *listener, sd_bus_message *call, sd_bus_error *error,
	const char *refusal) {
	if (refusal == NULL) {
		return sd_bus_reply_method_return(call, NULL);
	}
	listener->n_refused++;
	snprintf(listener->refusal, sizeof(listener->refusal), "%s: %s",
		sd_bus_message_get_member(call), refusal);
	gp_warn_limited("QEMU's %s was refused", listener->refusal);
	return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, refusal);
}

/* A part that is all of it. */
static struct gp_rect whole(const struct gp_qemu_image *image) {
	return (struct gp_rect){0, 0, image->width, image->height};
}

static int handle_scanout(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	struct gp_qemu_image image = {.modifier = DRM_FORMAT_MOD_LINEAR};
	uint32_t format;
	const void *bytes;
	size_t size;
	int result = sd_bus_message_read(
		call, "uuuu", &image.width, &image.height, &image.stride, &format);
	if (result >= 0) {
		result = sd_bus_message_read_array(call, 'y', &bytes, &size);
	}
	if (result < 0) {
		return result;
	}
	listener->called = true;
	image.format = gp_qemu_format_from_pixman(format);
	image.seen = whole(&image);
	const char *refusal = image.format == NULL
		? "unknown format"
		: gp_qemu_surface_show_bytes(listener->surface, &image, bytes, size);
	return reply(listener, call, error, refusal);
}

static int handle_update(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	struct gp_qemu_image image = {.modifier = DRM_FORMAT_MOD_LINEAR};
	int32_t x, y, width, height;
	uint32_t format;
	const void *bytes;
	size_t size;
	int result = sd_bus_message_read(
		call, "iiiiuu", &x, &y, &width, &height, &image.stride, &format);
	if (result >= 0) {
		result = sd_bus_message_read_array(call, 'y', &bytes, &size);
	}
	if (result < 0) {
		return result;
	}
	listener->called = true;
	image.width = (uint32_t)width;
	image.height = (uint32_t)height;
	image.format = gp_qemu_format_from_pixman(format);
	image.seen = whole(&image);
	const char *refusal = image.format == NULL
		? "unknown format"
		: gp_qemu_surface_write(listener->surface, &image, bytes, size, x, y);
	return reply(listener, call, error, refusal);
}

static int handle_scanout_map(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	struct gp_qemu_image image = {.modifier = DRM_FORMAT_MOD_LINEAR};
	uint32_t format;
	int fd;
	int result = sd_bus_message_read(call, "huuuuu", &fd, &image.offset, &image.width,
		&image.height, &image.stride, &format);
	if (result < 0) {
		return result;
	}
	listener->called = true;
	image.format = gp_qemu_format_from_pixman(format);
	image.seen = whole(&image);
	const char *refusal = image.format == NULL
		? "unknown format"
		: gp_qemu_surface_show_fd(listener->surface, &image, fd);
	return reply(listener, call, error, refusal);
}

static int handle_update_map(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	int32_t x, y, width, height;
	int result = sd_bus_message_read(call, "iiii", &x, &y, &width, &height);
	if (result < 0) {
		return result;
	}
	listener->called = true;
	gp_qemu_surface_update(listener->surface, x, y, width, height);
	return reply(listener, call, error, NULL);
}

/* QEMU knows no other layout of what has none: guest memory is linear. */
static uint64_t explicit_modifier(uint64_t modifier) {
	return modifier == DRM_FORMAT_MOD_INVALID ? DRM_FORMAT_MOD_LINEAR : modifier;
}

static const char *show_dmabuf(struct gp_qemu_listener *listener, struct gp_qemu_image *image,
	int fd, uint32_t fourcc, uint64_t modifier) {
	listener->called = true;
	image->modifier = explicit_modifier(modifier);
	image->format = gp_qemu_format_from_drm(fourcc);
	if (image->format == NULL) {
		return "unknown format";
	}
	return gp_qemu_surface_show_fd(listener->surface, image, fd);
}

static int handle_scanout_dmabuf(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	struct gp_qemu_image image = {0};
	uint32_t fourcc;
	uint64_t modifier;
	int fd, flipped;
	int result = sd_bus_message_read(call, "huuuutb", &fd, &image.width, &image.height,
		&image.stride, &fourcc, &modifier, &flipped);
	if (result < 0) {
		return result;
	}
	image.flipped = flipped;
	image.seen = whole(&image);
	return reply(listener, call, error, show_dmabuf(listener, &image, fd, fourcc, modifier));
}

/* What is at most PLANES_MAX long; -EMSGSIZE otherwise. */
static int read_numbers(sd_bus_message *call, uint32_t numbers[PLANES_MAX], size_t *n) {
	const void *array;
	size_t size;
	int result = sd_bus_message_read_array(call, 'u', &array, &size);
	if (result < 0) {
		return result;
	}
	*n = size / sizeof(numbers[0]);
	if (*n > PLANES_MAX) {
		return -EMSGSIZE;
	}
	memcpy(numbers, array, size);
	return 0;
}

static int read_fds(sd_bus_message *call, int fds[PLANES_MAX], size_t *n) {
	int result = sd_bus_message_enter_container(call, 'a', "h");
	*n = 0;
	while (result >= 0) {
		int fd;
		result = sd_bus_message_read(call, "h", &fd);
		if (result == 0) {
			return sd_bus_message_exit_container(call);
		}
		if (result > 0 && *n == PLANES_MAX) {
			return -EMSGSIZE;
		}
		if (result > 0) {
			fds[(*n)++] = fd;
		}
	}
	return result;
}

static int handle_scanout_dmabuf2(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	struct gp_qemu_image image = {0};
	int fds[PLANES_MAX];
	uint32_t offsets[PLANES_MAX], strides[PLANES_MAX], n_planes, fourcc;
	size_t n_fds, n_offsets, n_strides;
	uint64_t modifier;
	int flipped;
	int result = read_fds(call, fds, &n_fds);
	if (result >= 0) {
		result = sd_bus_message_read(call, "uuuu", &image.seen.x, &image.seen.y,
			&image.seen.width, &image.seen.height);
	}
	if (result >= 0) {
		result = read_numbers(call, offsets, &n_offsets);
	}
	if (result >= 0) {
		result = read_numbers(call, strides, &n_strides);
	}
	if (result >= 0) {
		result = sd_bus_message_read(call, "uuuutb", &n_planes, &fourcc, &image.width,
			&image.height, &modifier, &flipped);
	}
	if (result < 0) {
		return result;
	}
	image.flipped = flipped;
	if (n_planes != 1 || n_fds < 1 || n_offsets < 1 || n_strides < 1) {
		return reply(listener, call, error, "only one plane can be shown");
	}
	image.offset = offsets[0];
	image.stride = strides[0];
	return reply(
		listener, call, error, show_dmabuf(listener, &image, fds[0], fourcc, modifier));
}

static int handle_update_dmabuf(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	int32_t x, y, width, height;
	int result = sd_bus_message_read(call, "iiii", &x, &y, &width, &height);
	if (result < 0) {
		return result;
	}
	listener->called = true;
	gp_qemu_surface_update_and_reply(listener->surface, x, y, width, height, call);
	return 1;
}

static int handle_disable(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	listener->called = true;
	gp_qemu_surface_disable(listener->surface);
	return reply(listener, call, error, NULL);
}

static int handle_mouse_set(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	int32_t x, y, on;
	int result = sd_bus_message_read(call, "iii", &x, &y, &on);
	if (result < 0) {
		return result;
	}
	gp_qemu_surface_move_cursor(listener->surface, x, y, on != 0);
	return reply(listener, call, error, NULL);
}

static int handle_cursor_define(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	int32_t width, height, hot_x, hot_y;
	const void *pixels;
	size_t size;
	int result = sd_bus_message_read(call, "iiii", &width, &height, &hot_x, &hot_y);
	if (result >= 0) {
		result = sd_bus_message_read_array(call, 'y', &pixels, &size);
	}
	if (result < 0) {
		return result;
	}
	const char *refusal = gp_qemu_surface_define_cursor(
		listener->surface, width, height, hot_x, hot_y, pixels, size);
	return reply(listener, call, error, refusal);
}

static int get_interfaces(sd_bus *bus, const char *path, const char *interface,
	const char *property, sd_bus_message *message, void *data, sd_bus_error *error) {
	return sd_bus_message_append(message, "as", 2, MAP, DMABUF2);
}

#define METHOD(name, signature, handler)                                                           \
	SD_BUS_METHOD(name, signature, "", handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable listener_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("Scanout", "uuuuay", handle_scanout),
	METHOD("Update", "iiiiuuay", handle_update),
	METHOD("ScanoutDMABUF", "huuuutb", handle_scanout_dmabuf),
	METHOD("UpdateDMABUF", "iiii", handle_update_dmabuf),
	METHOD("Disable", "", handle_disable),
	METHOD("MouseSet", "iii", handle_mouse_set),
	METHOD("CursorDefine", "iiiiay", handle_cursor_define),
	SD_BUS_PROPERTY("Interfaces", "as", get_interfaces, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable map_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("ScanoutMap", "huuuuu", handle_scanout_map),
	METHOD("UpdateMap", "iiii", handle_update_map),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable dmabuf2_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("ScanoutDMABUF2", "ahuuuuauauuuuutb", handle_scanout_dmabuf2),
	SD_BUS_VTABLE_END,
};

/* sd-bus replies to it. */
static int note_question(sd_bus_message *call, void *data, sd_bus_error *error) {
	struct gp_qemu_listener *listener = data;
	gp_qemu_watch_turn(listener->watch); // a turn with large messages may take its time
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "GetAll")) {
		listener->n_asked++;
	}
	return 0;
}

static bool add_objects(sd_bus *bus, struct gp_qemu_listener *listener) {
	int result = sd_bus_add_filter(bus, NULL, note_question, listener);
	if (result >= 0) {
		result = sd_bus_add_object_vtable(
			bus, NULL, PATH, LISTENER, listener_vtable, listener);
	}
	if (result >= 0) {
		result = sd_bus_add_object_vtable(bus, NULL, PATH, MAP, map_vtable, listener);
	}
	if (result >= 0) {
		result = sd_bus_add_object_vtable(
			bus, NULL, PATH, DMABUF2, dmabuf2_vtable, listener);
	}
	if (result < 0) {
		gp_error("cannot make a listener for QEMU: %s", strerror(-result));
	}
	return result >= 0;
}

int gp_qemu_listener_start(struct gp_qemu_listener *listener, struct wl_event_loop *loop,
	const struct gp_qemu_opener *opener, struct gp_qemu_surface *surface,
	struct gp_qemu_watch *watch) {
	*listener = (struct gp_qemu_listener){.surface = surface, .watch = watch};
	int fds[2];
	if (!opener->pair(opener->data, fds)) {
		gp_warn_limited("no sockets for a listener: %m");
		return -1;
	}
	sd_bus *bus = gp_bus_new(fds[0], false);
	if (bus == NULL || !add_objects(bus, listener)) {
		sd_bus_unref(bus);
		gp_fd_close(&fds[1]);
		return -1;
	}
	if (!gp_bus_start(&listener->bus, loop, bus)) {
		gp_fd_close(&fds[1]);
		return -1;
	}
	gp_qemu_watch_set(watch, surface->scanout, sd_bus_get_fd(listener->bus.bus));
	return fds[1];
}

void gp_qemu_listener_stop(struct gp_qemu_listener *listener) {
	if (listener->bus.bus != NULL) {
		shutdown(sd_bus_get_fd(listener->bus.bus), SHUT_RDWR); // the watcher has it, too
		gp_qemu_watch_set(listener->watch, listener->surface->scanout, -1);
		gp_bus_close(&listener->bus);
	}
}

bool gp_qemu_listener_registered(const struct gp_qemu_listener *listener) {
	return listener->called || listener->n_asked >= 3;
}

#include "tests/harness/gpu_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/harness/gpu_wire.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/gpu/restore.h"

static void require(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "rig: %s\n", what);
		abort();
	}
}

static struct rig_event *record(struct rig *rig, enum rig_event_kind kind) {
	static struct rig_event overflow;
	struct rig_event *event =
		rig->n_events < RIG_EVENTS_MAX ? &rig->events[rig->n_events++] : &overflow;
	*event = (struct rig_event){.kind = kind};
	return event;
}

/* Reads the first and last byte of a framebuffer, as a compositor may do. */
static void touch(const struct gp_resource *resource, const struct gp_framebuffer *fb) {
	uint64_t last = fb->offset + (uint64_t)fb->stride * (fb->height - 1) +
		(uint64_t)fb->width * fb->format->bytes_per_pixel - 1;
	uint8_t byte = 0;
	if (resource->blob) {
		require(resource->backed, "shown without memory");
		require(gp_extents_read(&resource->backing, fb->offset, &byte, 1), "start outside");
		require(gp_extents_read(&resource->backing, last, &byte, 1), "end outside");
	} else {
		const uint8_t *pixels = gp_host_copy_pixels(&resource->host_copy);
		byte = *(const volatile uint8_t *)&pixels[fb->offset];
		byte ^= *(const volatile uint8_t *)&pixels[last];
	}
}

static void handle_set(void *data, uint32_t scanout, struct gp_resource *resource,
	const struct gp_framebuffer *fb) {
	struct rig *rig = data;
	require(gp_rect_inside(&fb->rect, fb->width, fb->height), "rectangle outside");
	require(gp_format_fits(
			fb->format, fb->width, fb->height, fb->offset, fb->stride, resource->size),
		"framebuffer does not fit");
	touch(resource, fb);
	if (resource->outside == NULL) {
		resource->outside = rig;
		rig->live++;
	}
	rig->shown[scanout].resource = resource;
	rig->shown[scanout].fb = *fb;
	rig->shown[scanout].revoked = false;
	struct rig_event *event = record(rig, RIG_SET);
	event->scanout = scanout;
	event->resource = resource->id;
	event->generation = resource->generation;
	event->fb = *fb;
}

static void handle_disable(void *data, uint32_t scanout) {
	struct rig *rig = data;
	require(rig->shown[scanout].resource != NULL, "disabled twice");
	rig->shown[scanout].resource = NULL;
	record(rig, RIG_DISABLE)->scanout = scanout;
}

static bool handle_flush(void *data, uint32_t scanout, const struct gp_rect *damage, bool held) {
	struct rig *rig = data;
	struct gp_resource *resource = rig->shown[scanout].resource;
	const struct gp_framebuffer *fb = &rig->shown[scanout].fb;
	require(resource != NULL, "flush of nothing");
	require(!rig->shown[scanout].revoked, "flush of revoked memory");
	struct gp_rect inside;
	require(gp_rect_intersect(damage, &fb->rect, &inside) &&
			memcmp(damage, &inside, sizeof(inside)) == 0,
		"damage outside of the rectangle");
	gp_resource_complete_transfers(resource);
	touch(resource, fb);
	struct rig_event *event = record(rig, RIG_FLUSH);
	event->scanout = scanout;
	event->damage = *damage;
	return rig->owe_release;
}

static bool handle_revoke(void *data, struct gp_resource *resource, uint64_t token, bool wait) {
	struct rig *rig = data;
	struct rig_event *event = record(rig, RIG_REVOKE);
	event->resource = resource->id;
	event->token = token;
	event->wait = wait;
	if (resource->outside != NULL) {
		resource->outside = NULL;
		rig->live--;
	}
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		if (rig->shown[i].resource == resource) {
			rig->shown[i].revoked = true;
		}
	}
	return wait || !rig->revoke_later;
}

static void handle_cursor_set(
	void *data, uint32_t scanout, const void *pixels, uint32_t hot_x, uint32_t hot_y) {
	struct rig *rig = data;
	struct rig_event *event = record(rig, RIG_CURSOR_SET);
	event->scanout = scanout;
	event->visible = pixels != NULL;
	event->hot_x = hot_x;
	event->hot_y = hot_y;
	require(hot_x < GP_CURSOR_SIZE && hot_y < GP_CURSOR_SIZE, "hotspot outside");
	if (pixels != NULL) {
		memcpy(rig->cursor, pixels, sizeof(rig->cursor));
	}
}

static void handle_cursor_move(void *data, uint32_t scanout, int32_t x, int32_t y) {
	struct rig_event *event = record(data, RIG_CURSOR_MOVE);
	event->scanout = scanout;
	event->x = x;
	event->y = y;
}

static void handle_config_changed(void *data) {
	record(data, RIG_CONFIG);
}

static void handle_wake_at(void *data, uint64_t time_ns) {
	struct rig *rig = data;
	require(rig->wake_ns != time_ns, "wake_at without a change");
	rig->wake_ns = time_ns;
	record(rig, RIG_WAKE)->time_ns = time_ns;
}

static void handle_push(
	void *data, unsigned queue, uint16_t head, uint32_t written, bool interrupt) {
	struct rig *rig = data;
	require(head < RIG_HEADS && rig->replies[head].in_flight, "reply to nothing");
	require(written <= rig->replies[head].size, "reply too long");
	rig->replies[head].in_flight = false;
	rig->replies[head].replied = true;
	rig->replies[head].interrupt = interrupt;
	rig->replies[head].written = written;
	rig->n_pushes++;
}

static const struct gp_gpu_ops rig_ops = {
	.scanout_set = handle_set,
	.scanout_disable = handle_disable,
	.scanout_flush = handle_flush,
	.resource_revoke = handle_revoke,
	.cursor_set = handle_cursor_set,
	.cursor_move = handle_cursor_move,
	.config_changed = handle_config_changed,
	.wake_at = handle_wake_at,
	.push = handle_push,
};

static const struct gp_mode rig_mode = {.width = 1280, .height = 800, .refresh_mhz = 60000};

static void create_gpu(struct rig *rig) {
	rig->gpu = gp_gpu_create(&rig_ops, rig, &rig->memory, rig->n_scanouts, &rig_mode);
	require(rig->gpu != NULL, "no device");
}

struct rig *rig_create(uint32_t n_scanouts) {
	struct rig *rig = calloc(1, sizeof(*rig));
	require(rig != NULL, "no memory");
	rig->now_ns = 1000000000;
	gp_guest_memory_init(&rig->memory);
	int fd = memfd_create("rig", MFD_CLOEXEC);
	require(fd != -1 && ftruncate(fd, RIG_RAM_SIZE) == 0, "memfd");
	require(gp_guest_memory_add(&rig->memory, fd, RIG_GPA, RIG_GPA, RIG_RAM_SIZE, 0) == 0,
		"RAM");
	rig->ram = rig->memory.regions[0]->map;
	rig->n_scanouts = n_scanouts;
	create_gpu(rig);
	return rig;
}

void rig_save(struct rig *rig, size_t size) {
	rig->area = calloc(1, size);
	rig->area_size = size;
	require(rig->area != NULL, "no memory");
	require(gp_gpu_set_saved_state(rig->gpu, rig->area, size), "no saved_state");
}

static void destroy_gpu(struct rig *rig) {
	gp_gpu_destroy(rig->gpu);
	require(rig->live == 0, "memory was not revoked");
	require(rig->wake_ns == 0, "a wake-up was left");
	for (size_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		require(rig->shown[i].resource == NULL, "a scanout was left");
	}
}

void rig_crash(struct rig *rig) {
	destroy_gpu(rig);
	for (size_t i = 0; i < RIG_HEADS; i++) {
		rig->replies[i].in_flight = false;
	}
	rig_forget_events(rig);
	create_gpu(rig);
	if (rig->area != NULL) {
		require(gp_gpu_set_saved_state(rig->gpu, rig->area, rig->area_size),
			"no saved_state");
	}
}

void rig_destroy(struct rig *rig) {
	destroy_gpu(rig);
	free(rig->area);
	gp_guest_memory_finish(&rig->memory);
	free(rig);
}

uint16_t rig_send_chain(
	struct rig *rig, unsigned queue, struct gp_chain *chain, uint8_t *in, uint32_t in_size) {
	uint16_t head = rig->next_head;
	while (rig->replies[head].in_flight) {
		head = (uint16_t)((head + 1) % RIG_HEADS);
		require(head != rig->next_head, "no free head");
	}
	rig->next_head = (uint16_t)((head + 1) % RIG_HEADS);
	struct rig_reply *reply = &rig->replies[head];
	*reply = (struct rig_reply){
		.in_flight = true,
		.size = in_size,
		.buffer = in != NULL ? in : reply->own,
	};
	require(in != NULL || in_size <= sizeof(reply->own), "response too large");
	chain->head = head;
	chain->n_in = in_size == 0 ? 0 : 1;
	chain->in_size = in_size;
	chain->in[0] = (struct iovec){reply->buffer, in_size};
	if (rig->around != NULL) {
		rig->around(true);
	}
	gp_gpu_handle(rig->gpu, queue, chain, rig->now_ns);
	if (rig->around != NULL) {
		rig->around(false);
	}
	return head;
}

static uint16_t send_flat(struct rig *rig, unsigned queue, const void *out, size_t out_size,
	uint8_t *in, uint32_t in_size) {
	struct gp_chain *chain = calloc(1, sizeof(*chain));
	uint8_t *copy = malloc(out_size + 1);
	require(chain != NULL && copy != NULL, "no memory");
	memcpy(copy, out, out_size);
	chain->n_out = out_size == 0 ? 0 : 1;
	chain->out_size = out_size;
	chain->out[0] = (struct iovec){copy, out_size};
	uint16_t head = rig_send_chain(rig, queue, chain, in, in_size);
	free(copy);
	free(chain);
	return head;
}

uint16_t rig_send(
	struct rig *rig, unsigned queue, const void *out, size_t out_size, uint32_t in_size) {
	return send_flat(rig, queue, out, out_size, NULL, in_size);
}

uint16_t rig_send_to_ram(
	struct rig *rig, const void *out, size_t out_size, uint64_t gpa, uint32_t in_size) {
	struct iovec iov;
	require(gp_guest_memory_map(&rig->memory, gpa, in_size, &iov, 1) == 1, "response address");
	return send_flat(rig, GP_GPU_QUEUE_CONTROL, out, out_size, iov.iov_base, in_size);
}

struct virtio_gpu_ctrl_hdr rig_reply(const struct rig *rig, uint16_t head) {
	const struct rig_reply *reply = &rig->replies[head];
	struct virtio_gpu_ctrl_hdr hdr = {0};
	if (reply->replied) {
		memcpy(&hdr, reply->buffer,
			reply->written < sizeof(hdr) ? reply->written : sizeof(hdr));
	}
	return hdr;
}

uint32_t rig_type(const struct rig *rig, uint16_t head) {
	return le32toh(rig_reply(rig, head).type);
}

uint32_t rig_command(struct rig *rig, const void *out, size_t out_size) {
	uint16_t head = rig_send(
		rig, GP_GPU_QUEUE_CONTROL, out, out_size, sizeof(struct virtio_gpu_ctrl_hdr));
	return rig_type(rig, head);
}

uint32_t rig_create_2d(struct rig *rig, uint32_t id, uint32_t width, uint32_t height) {
	struct virtio_gpu_resource_create_2d wire =
		wire_create_2d(id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, width, height);
	return RIG_COMMAND(rig, wire);
}

uint32_t rig_create_blob(struct rig *rig, uint32_t id, uint64_t size, uint64_t gpa) {
	struct {
		struct virtio_gpu_resource_create_blob fixed;
		struct virtio_gpu_mem_entry entry;
	} wire = {wire_create_blob(id, size, gpa != 0), wire_entry(gpa, (uint32_t)size)};
	return rig_command(rig, &wire, gpa != 0 ? sizeof(wire) : sizeof(wire.fixed));
}

uint32_t rig_attach(struct rig *rig, uint32_t id, uint64_t gpa, uint32_t size) {
	struct {
		struct virtio_gpu_resource_attach_backing fixed;
		struct virtio_gpu_mem_entry entry;
	} wire = {wire_attach(id, gpa != 0), wire_entry(gpa, size)};
	return rig_command(rig, &wire, gpa != 0 ? sizeof(wire) : sizeof(wire.fixed));
}

uint32_t rig_detach(struct rig *rig, uint32_t id) {
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, id, 0);
	return RIG_COMMAND(rig, wire);
}

uint32_t rig_unref(struct rig *rig, uint32_t id) {
	struct virtio_gpu_resource_unref wire = wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, id, 0);
	return RIG_COMMAND(rig, wire);
}

uint32_t rig_set_scanout(
	struct rig *rig, uint32_t scanout, uint32_t id, uint32_t width, uint32_t height) {
	const struct gp_rect rect = {.width = width, .height = height};
	struct virtio_gpu_set_scanout wire = wire_set_scanout(scanout, id, &rect);
	return RIG_COMMAND(rig, wire);
}

uint32_t rig_set_scanout_blob(
	struct rig *rig, uint32_t scanout, uint32_t id, uint32_t width, uint32_t height) {
	struct virtio_gpu_set_scanout_blob wire = wire_set_scanout_blob(scanout, id, width, height);
	return RIG_COMMAND(rig, wire);
}

uint16_t rig_flush(
	struct rig *rig, uint32_t id, uint32_t width, uint32_t height, uint64_t fence_id) {
	const struct gp_rect rect = {.width = width, .height = height};
	struct virtio_gpu_resource_flush wire = wire_flush(id, &rect, fence_id);
	return rig_send(
		rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), sizeof(struct virtio_gpu_ctrl_hdr));
}

void rig_advance(struct rig *rig, uint64_t now_ns) {
	while (rig->wake_ns != 0 && rig->wake_ns <= now_ns) {
		uint64_t wake_ns = rig->wake_ns;
		rig->now_ns = wake_ns;
		gp_gpu_dispatch(rig->gpu, wake_ns);
		require(rig->wake_ns != wake_ns, "woken for nothing");
	}
	rig->now_ns = now_ns;
}

const struct rig_event *rig_event(const struct rig *rig, enum rig_event_kind kind, size_t n) {
	for (size_t i = 0; i < rig->n_events; i++) {
		if (rig->events[i].kind == kind && n-- == 0) {
			return &rig->events[i];
		}
	}
	return NULL;
}

size_t rig_count(const struct rig *rig, enum rig_event_kind kind) {
	size_t count = 0;
	for (size_t i = 0; i < rig->n_events; i++) {
		count += rig->events[i].kind == kind;
	}
	return count;
}

void rig_forget_events(struct rig *rig) {
	rig->n_events = 0;
}

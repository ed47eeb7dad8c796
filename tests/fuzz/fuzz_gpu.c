/*
 * The virtio-gpu device with a hostile driver: the input is a program of commands, sane in varying
 * degrees, mixed with what the outside does. The rig aborts where the device breaks a contract.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/harness/gpu_rig.h"
#include "tests/harness/gpu_wire.h"
#include "vmm-bridge/gpu/restore.h"
#include "vmm-bridge/gpu/saved_state.h"

#define SCANOUTS 3
#define IDS 6
#define TOKENS 8
#define REGION_GPA (RIG_GPA + RIG_RAM_SIZE)
#define REGION_SIZE (64u << 10)
/* Less than all backings may need. */
#define AREA_SIZE (sizeof(struct gp_saved_state_area) + 100 * sizeof(struct gp_gpu_entry))
#define HEADER sizeof(struct virtio_gpu_ctrl_hdr)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static void take(struct input *input, void *out, size_t size) {
	size_t part = size < input->left ? size : input->left;
	memset(out, 0, size);
	if (part > 0) {
		memcpy(out, input->at, part);
	}
	input->at += part;
	input->left -= part;
}

static uint8_t take_u8(struct input *input) {
	uint8_t value;
	take(input, &value, sizeof(value));
	return value;
}

static uint32_t take_u32(struct input *input) {
	uint32_t value;
	take(input, &value, sizeof(value));
	return value;
}

/* A value that is mostly one of the limits of what makes sense. */
static uint32_t take_size(struct input *input) {
	static const uint32_t sizes[] = {
		0, 1, 15, 16, 17, 32, 63, 64, 65, 128, 640, 4096, 16384, 16385, UINT32_MAX};
	uint8_t choice = take_u8(input);
	size_t n = sizeof(sizes) / sizeof(sizes[0]);
	return choice < 240 ? sizes[choice % n] : take_u32(input);
}

static uint32_t take_id(struct input *input) {
	return take_u8(input) % (IDS + 1);
}

static struct gp_rect take_rect(struct input *input) {
	uint8_t choice = take_u8(input);
	if (choice < 128) {
		return (struct gp_rect){0, 0, choice % 65u, choice % 65u};
	}
	return (struct gp_rect){
		take_size(input), take_size(input), take_size(input), take_size(input)};
}

static uint32_t take_format(struct input *input) {
	static const uint32_t formats[] = {1, 2, 3, 4, 67, 68, 121, 134, 0, 5};
	return formats[take_u8(input) % (sizeof(formats) / sizeof(formats[0]))];
}

/* What lives across the steps of one input. */
struct run {
	struct rig *rig;
	struct input input;
	bool region; // the second region is there
	struct {
		uint32_t id;
		uint64_t token;
	} tokens[TOKENS]; // of revocations, the last ones
	size_t n_tokens;
};

static void note_tokens(struct run *run) {
	for (size_t i = 0; i < run->rig->n_events; i++) {
		const struct rig_event *event = &run->rig->events[i];
		if (event->kind == RIG_REVOKE && event->token != 0) {
			run->tokens[run->n_tokens % TOKENS].id = event->resource;
			run->tokens[run->n_tokens % TOKENS].token = event->token;
			run->n_tokens++;
		}
	}
	rig_forget_events(run->rig);
}

static void send(struct run *run, unsigned queue, const void *bytes, size_t size) {
	uint8_t choice = take_u8(&run->input);
	if (choice > 250) {
		rig_send(run->rig, queue, bytes, size, choice - 250u);
	} else if (choice > 240 && run->region && queue == GP_GPU_QUEUE_CONTROL) {
		rig_send_to_ram(run->rig, bytes, size, REGION_GPA + choice, HEADER);
	} else {
		rig_send(run->rig, queue, bytes, size, choice % 2 == 1 ? 0 : 1056);
	}
}

static void set_fence(struct run *run, struct virtio_gpu_ctrl_hdr *hdr) {
	if (take_u8(&run->input) % 2 == 1) {
		hdr->flags = htole32(VIRTIO_GPU_FLAG_FENCE);
		hdr->fence_id = htole64(run->rig->n_pushes);
	}
}

#define SEND(run, wire)                                                                            \
	do {                                                                                       \
		set_fence(run, &(wire).hdr);                                                       \
		send(run, GP_GPU_QUEUE_CONTROL, &(wire), sizeof(wire));                            \
	} while (0)

/* A command and a table of entries, nearly all of them inside of RAM. */
static void send_entries(struct run *run, const void *fixed, size_t size, uint32_t n_entries) {
	struct virtio_gpu_mem_entry entries[40] = {0};
	uint8_t bytes[sizeof(struct virtio_gpu_resource_create_blob) + sizeof(entries)];
	for (uint32_t i = 0; i < n_entries && i < 40; i++) {
		uint8_t choice = take_u8(&run->input);
		uint64_t gpa = RIG_GPA + (choice % 64) * 4096u;
		if (choice >= 224) {
			gpa = REGION_GPA + choice % 16 * 4096u;
		} else if (choice == 223) {
			gpa = (uint64_t)take_u32(&run->input) << 32 | take_u32(&run->input);
		}
		entries[i] = wire_entry(gpa, choice == 222 ? take_u32(&run->input) : 4096);
	}
	uint32_t there = n_entries < 40 ? n_entries : 40;
	memcpy(bytes, fixed, size);
	memcpy(bytes + size, entries, there * sizeof(entries[0]));
	send(run, GP_GPU_QUEUE_CONTROL, bytes, size + there * sizeof(entries[0]));
}

static uint32_t take_count(struct input *input) {
	uint8_t choice = take_u8(input);
	return choice < 250 ? choice % 41u : take_u32(input);
}

static void step_raw(struct run *run) {
	uint8_t bytes[256];
	size_t size = take_u8(&run->input);
	take(&run->input, bytes, size);
	send(run, take_u8(&run->input) % 2u, bytes, size);
}

static void step_query(struct run *run) {
	struct virtio_gpu_ctrl_hdr info = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	struct virtio_gpu_cmd_get_edid edid = wire_get_edid(take_u8(&run->input) % 5);
	send(run, GP_GPU_QUEUE_CONTROL, &info, sizeof(info));
	SEND(run, edid);
}

static void step_create_2d(struct run *run) {
	struct input *in = &run->input;
	uint32_t id = take_id(in), format = take_format(in), width = take_size(in);
	struct virtio_gpu_resource_create_2d wire =
		wire_create_2d(id, format, width, take_size(in));
	SEND(run, wire);
}

static void step_create_blob(struct run *run) {
	struct input *in = &run->input;
	uint32_t id = take_id(in), n = take_count(in);
	uint64_t size = n * 4096ull - take_u8(in) % 3u;
	struct virtio_gpu_resource_create_blob wire = wire_create_blob(id, size, n);
	set_fence(run, &wire.hdr);
	send_entries(run, &wire, sizeof(wire), n);
}

static void step_attach(struct run *run) {
	uint32_t id = take_id(&run->input), n = take_count(&run->input);
	struct virtio_gpu_resource_attach_backing wire = wire_attach(id, n);
	set_fence(run, &wire.hdr);
	send_entries(run, &wire, sizeof(wire), n);
}

static void step_detach(struct run *run) {
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, take_id(&run->input), 0);
	SEND(run, wire);
}

static void step_unref(struct run *run) {
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, take_id(&run->input), 0);
	SEND(run, wire);
}

static void step_transfer(struct run *run) {
	uint32_t id = take_id(&run->input);
	struct gp_rect rect = take_rect(&run->input);
	uint8_t choice = take_u8(&run->input);
	uint64_t offset = choice < 200 ? choice * 4u : UINT64_MAX - take_u32(&run->input);
	struct virtio_gpu_transfer_to_host_2d wire = wire_transfer(id, &rect, offset);
	SEND(run, wire);
}

static void step_set_scanout(struct run *run) {
	uint32_t scanout = take_u8(&run->input) % (SCANOUTS + 1), id = take_id(&run->input);
	struct gp_rect rect = take_rect(&run->input);
	struct virtio_gpu_set_scanout wire = wire_set_scanout(scanout, id, &rect);
	SEND(run, wire);
}

static void step_set_scanout_blob(struct run *run) {
	struct input *in = &run->input;
	uint32_t scanout = take_u8(in) % (SCANOUTS + 1), id = take_id(in);
	uint8_t edge = take_u8(in) % 64;
	struct virtio_gpu_set_scanout_blob wire = wire_set_scanout_blob(scanout, id, edge, edge);
	if (take_u8(in) >= 128) {
		struct gp_rect rect = take_rect(in);
		wire.r = wire_rect(&rect);
		wire.width = htole32(take_size(in));
		wire.height = htole32(take_size(in));
		wire.strides[0] = htole32(take_size(in));
		wire.offsets[0] = htole32(take_size(in));
		wire.format = htole32(take_format(in));
	}
	SEND(run, wire);
}

static void step_flush(struct run *run) {
	uint32_t id = take_id(&run->input);
	struct gp_rect rect = take_rect(&run->input);
	struct virtio_gpu_resource_flush wire = wire_flush(id, &rect, 0);
	SEND(run, wire);
}

static void step_cursor(struct run *run) {
	struct input *in = &run->input;
	uint32_t type =
		take_u8(in) % 2 == 1 ? VIRTIO_GPU_CMD_UPDATE_CURSOR : VIRTIO_GPU_CMD_MOVE_CURSOR;
	uint32_t scanout = take_u8(in) % (SCANOUTS + 1), id = take_id(in);
	int32_t x = (int32_t)take_u32(in);
	struct virtio_gpu_update_cursor wire =
		wire_cursor(type, scanout, id, x, x / -2, take_size(in), 1);
	send(run, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire));
}

static void step_ready(struct run *run) {
	struct rig *rig = run->rig;
	gp_gpu_buffer_released(rig->gpu, take_u8(&run->input) % SCANOUTS, rig->now_ns);
}

static void step_revoked(struct run *run) {
	struct rig *rig = run->rig;
	size_t i = take_u8(&run->input) % TOKENS;
	gp_gpu_resource_revoked(rig->gpu, run->tokens[i].id, run->tokens[i].token, rig->now_ns);
}

static void step_advance(struct run *run) {
	rig_advance(run->rig, run->rig->now_ns + take_u8(&run->input) * 250000ull);
}

static void step_drain(struct run *run) {
	gp_gpu_drain(run->rig->gpu, take_u8(&run->input) % 2u);
}

static void step_reset(struct run *run) {
	gp_gpu_drain(run->rig->gpu, GP_GPU_QUEUE_CONTROL);
	gp_gpu_drain(run->rig->gpu, GP_GPU_QUEUE_CURSOR);
	gp_gpu_reset(run->rig->gpu);
}

static void add_region(struct run *run) {
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd != -1 && ftruncate(fd, REGION_SIZE) == 0) {
		run->region = gp_guest_memory_add(&run->rig->memory, fd, REGION_GPA, REGION_GPA,
				      REGION_SIZE, 0) == 0;
		gp_gpu_memory_added(run->rig->gpu, run->rig->now_ns);
	}
}

static void remove_region(struct run *run) {
	struct gp_memory_object *object =
		gp_guest_memory_take(&run->rig->memory, REGION_GPA, REGION_GPA, REGION_SIZE);
	gp_gpu_memory_removed(run->rig->gpu, object);
	if (object->refs != 1) {
		abort();
	}
	gp_memory_object_unref(object);
	run->region = false;
}

static void step_region(struct run *run) {
	if (run->region) {
		remove_region(run);
	} else {
		add_region(run);
	}
}

static void step_monitor(struct run *run) {
	struct input *in = &run->input;
	uint32_t scanout = take_u8(in) % SCANOUTS;
	struct gp_monitor monitor = {.n_modes = 1};
	monitor.modes[0].width = take_size(in);
	monitor.modes[0].height = take_size(in);
	monitor.modes[0].refresh_mhz = take_size(in);
	gp_gpu_set_monitor(run->rig->gpu, scanout, take_u8(in) < 64 ? NULL : &monitor);
}

static void step_config(struct run *run) {
	struct input *in = &run->input;
	uint8_t bytes[256];
	uint32_t offset = take_size(in), size = take_u8(in);
	take(in, bytes, size);
	gp_gpu_set_config(run->rig->gpu, offset, size, bytes);
	gp_gpu_get_config(run->rig->gpu, offset, size, bytes);
}

static void step_outside(struct run *run) {
	uint8_t choice = take_u8(&run->input);
	run->rig->owe_release = choice % 2 == 1;
	run->rig->revoke_later = choice / 2 % 2 == 1;
}

/* What has to be the same before and after a crash. */
struct snapshot {
	struct {
		bool there, blob, attached;
		uint64_t size;
		uint32_t width, height, hint_width, hint_height;
	} resources[IDS];
	struct gp_gpu_scanout_info scanouts[SCANOUTS];
	size_t n_resources;
	uint64_t host_bytes;
};

static void take_snapshot(const struct run *run, struct snapshot *snapshot) {
	struct gp_gpu_info info;
	memset(snapshot, 0, sizeof(*snapshot));
	gp_gpu_get_info(run->rig->gpu, &info);
	snapshot->n_resources = info.n_resources;
	snapshot->host_bytes = info.host_bytes;
	for (uint32_t i = 0; i < SCANOUTS; i++) {
		struct gp_gpu_scanout_info *scanout = &snapshot->scanouts[i];
		gp_gpu_get_scanout_info(run->rig->gpu, i, scanout);
		if (!scanout->connected) {
			memset(&scanout->mode, 0, sizeof(scanout->mode));
		}
		/* Of a scanout that is off; a worker that takes over does not know it (gpu/restore.c). */
		if (!scanout->enabled) {
			scanout->last_width = scanout->last_height = 0;
		}
		scanout->flushes = 0;
		memset(scanout->replies, 0, sizeof(scanout->replies));
	}
	for (uint32_t i = 0; i < IDS; i++) {
		const struct gp_resource *resource = gp_gpu_find_resource(run->rig->gpu, i + 1);
		if (resource != NULL) {
			snapshot->resources[i].there = true;
			snapshot->resources[i].blob = resource->blob;
			snapshot->resources[i].attached = resource->backed || resource->lost;
			snapshot->resources[i].size = resource->size;
			snapshot->resources[i].width = resource->width;
			snapshot->resources[i].height = resource->height;
			snapshot->resources[i].hint_width = resource->hint_width;
			snapshot->resources[i].hint_height = resource->hint_height;
		}
	}
}

/* Writes into the saved_state, mostly where there is something. */
static void scribble(struct run *run) {
	static const size_t places[] = {
		0,
		offsetof(struct gp_saved_state_area, scanouts[1]),
		offsetof(struct gp_saved_state_area, ids),
		offsetof(struct gp_saved_state_area, resources),
		offsetof(struct gp_saved_state_area, entries),
	};
	uint8_t choice = take_u8(&run->input);
	size_t offset = places[choice % 5u] + take_u8(&run->input) * sizeof(uint32_t);
	uint32_t value = choice < 128 ? take_id(&run->input) : take_size(&run->input);
	memcpy((uint8_t *)run->rig->area + offset, &value, sizeof(value));
}

/* The process crashes, maybe after it has written where it should not. */
static void step_crash(struct run *run) {
	struct snapshot before, after;
	uint8_t choice = take_u8(&run->input);
	bool scribbled = choice >= 192;
	for (uint8_t i = 192; i < choice; i++) {
		scribble(run);
	}
	take_snapshot(run, &before);
	rig_crash(run->rig);
	gp_gpu_restore(run->rig->gpu, run->rig->now_ns);
	take_snapshot(run, &after);
	if (!scribbled && memcmp(&before, &after, sizeof(before)) != 0) {
		abort();
	}
}

static void (*const steps[])(struct run *run) = {
	step_raw,
	step_query,
	step_create_2d,
	step_create_blob,
	step_attach,
	step_detach,
	step_unref,
	step_transfer,
	step_set_scanout,
	step_set_scanout_blob,
	step_flush,
	step_cursor,
	step_ready,
	step_revoked,
	step_advance,
	step_drain,
	step_reset,
	step_region,
	step_monitor,
	step_config,
	step_outside,
	step_crash,
};

/* All held replies are sent when the queues stop. */
static void finish(struct run *run) {
	struct rig *rig = run->rig;
	gp_gpu_drain(rig->gpu, GP_GPU_QUEUE_CONTROL);
	for (size_t i = 0; i < RIG_HEADS; i++) {
		if (rig->replies[i].in_flight) {
			abort();
		}
	}
	if (run->region) {
		remove_region(run);
	}
	rig_destroy(rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	gp_log_init("fuzz", GP_LOG_SILENT);
	struct run run = {.rig = rig_create(SCANOUTS), .input = {data, size}};
	rig_save(run.rig, AREA_SIZE);
	for (unsigned i = 0; run.input.left > 0 && i < 500; i++) {
		steps[take_u8(&run.input) % (sizeof(steps) / sizeof(steps[0]))](&run);
		note_tokens(&run);
	}
	finish(&run);
	return 0;
}

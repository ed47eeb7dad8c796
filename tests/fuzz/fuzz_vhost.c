/*
 * A hostile VMM and a hostile guest. The first byte of the input says which of three:
 * the decoder of frames, a device at the end of a socket, or rings in guest memory.
 *
 * Contracts that are checked here abort: no chain is held when memory is removed or the VMM has ended,
 * every segment of a chain lies in guest memory, and no descriptor is left behind.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/sigbus.h"
#include "tests/fuzz/fuzz.h"
#include "vmm-bridge/vhost/device.h"
#include "vmm-bridge/vhost/message.h"

#define RAM_SIZE 0x10000u
#define RAM_UVA UINT64_C(0x7000000000)
#define QUEUE_BYTES 0x4000u // of RAM for each queue's rings: descriptors, available, used
#define AVAIL 0x1000u
#define USED 0x2000u
#define STEPS_MAX 400

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

static uint16_t take_u16(struct input *input) {
	uint16_t value;
	take(input, &value, sizeof(value));
	return value;
}

static void check(bool good) {
	if (!good) {
		abort();
	}
}

/* The decoder. */

static void fuzz_decode(struct input *input) {
	static struct gp_vhost_frame frame;
	struct gp_vhost_message message;
	frame.request = take_u8(input);
	frame.flags = take_u8(input);
	frame.n_fds = take_u8(input) % (GP_VHOST_FDS_MAX + 1);
	frame.size = take_u16(input) % (GP_VHOST_PAYLOAD_MAX + 1);
	take(input, frame.payload, frame.size);
	const char *error = gp_vhost_decode(&frame, &message);
	check(error != NULL || message.request == frame.request);
	check(gp_vhost_request_name(frame.request) != NULL);
}

/* Rings. */

static void check_segments(const struct gp_guest_memory *memory, const struct iovec *iov, size_t n,
	uint64_t size, bool write) {
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		bool inside = false;
		for (size_t r = 0; r < memory->count; r++) {
			const struct gp_memory_object *region = memory->regions[r];
			uintptr_t at = (uintptr_t)iov[i].iov_base, start = (uintptr_t)region->map;
			inside |= at >= start && at - start < region->size &&
				iov[i].iov_len <= region->size - (at - start);
		}
		check(inside && iov[i].iov_len > 0);
		sum += iov[i].iov_len;
		if (write) {
			memset(iov[i].iov_base, 0x55, 1);
		}
	}
	check(sum == size);
}

static void check_chain(const struct gp_guest_memory *memory, const struct gp_chain *chain) {
	uint8_t bytes[300];
	check(chain->n_out + chain->n_in <= GP_CHAIN_SEGMENTS_MAX);
	check_segments(memory, chain->out, chain->n_out, chain->out_size, false);
	check_segments(memory, chain->in, chain->n_in, chain->in_size, true);
	size_t n = gp_chain_read(chain, 3, bytes, sizeof(bytes));
	check(n <= sizeof(bytes) && (chain->out_size <= 3 ? n == 0 : n <= chain->out_size - 3));
	check(gp_chain_write(chain, 0, bytes, n) <= chain->in_size);
}

static bool add_region(struct gp_guest_memory *memory, uint64_t gpa, uint64_t size) {
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd != -1 && ftruncate(fd, (off_t)size) == 0);
	return gp_guest_memory_add(memory, fd, gpa, gpa, size, 0) == 0;
}

/* RAM is the input; a neighbour and a region far away make borders. */
static void fuzz_rings(struct input *input) {
	static struct gp_guest_memory memory;
	static struct gp_chain chain;
	struct gp_virtqueue queue = {0};
	uint16_t heads[256];
	unsigned n_heads = 0;
	gp_guest_memory_init(&memory);
	check(add_region(&memory, 0, RAM_SIZE) && add_region(&memory, RAM_SIZE, 0x1000) &&
		add_region(&memory, UINT64_C(0x100000000), 0x1000));
	uint8_t *ram = memory.regions[0]->map;
	uint8_t flags = take_u8(input);
	uint16_t size = (uint16_t)(1u << flags % 8), base = take_u16(input);
	check(gp_virtqueue_start(
		&queue, size, ram, ram + AVAIL, ram + USED, base, flags & 0x10, flags & 0x20));
	while (input->left > 0) {
		uint8_t step = take_u8(input);
		if (step < 64) { // write anywhere
			uint16_t at = take_u16(input);
			take(input, ram + at % (RAM_SIZE - 64), step);
		} else if (step < 128) { // write a descriptor with sane fields, mostly
			struct vring_desc desc;
			desc.addr = take_u16(input);
			desc.len = take_u8(input) * (step % 4u == 0 ? 1u : 16u);
			desc.flags = take_u8(input) % 8;
			desc.next = take_u8(input) % (size + 1u);
			memcpy(ram + take_u8(input) % size * sizeof(desc), &desc, sizeof(desc));
		} else if (step < 192) { // offer
			struct vring_avail *avail = (struct vring_avail *)(void *)(ram + AVAIL);
			avail->ring[avail->idx % size] = take_u8(input) % (size + 1u);
			avail->idx++;
		} else if (step < 240) {
			int r = gp_virtqueue_pop(&queue, &memory, &chain);
			check((r < 0) == (queue.broken != NULL));
			if (r == 1) {
				check_chain(&memory, &chain);
				check(queue.in_flight <= size && n_heads < 256);
				heads[n_heads++] = chain.head;
			}
		} else if (n_heads > 0) {
			gp_virtqueue_push(&queue, heads[--n_heads], step);
			gp_virtqueue_should_interrupt(&queue);
		}
	}
	gp_virtqueue_stop(&queue);
	gp_guest_memory_finish(&memory);
}

/* A device. */

static struct {
	struct wl_event_loop *loop;
	struct gp_vhost_device *device;
	int socket, back; // the VMM's ends, or -1
	int ram_fd, kick_fd;
	uint8_t *ram;
	struct gp_chain chain;
	struct {
		unsigned queue;
		uint16_t head;
	} held[64];
	unsigned n_held;
	uint8_t taste; // of the device: how many chains it keeps for later
} rig;

static void push(unsigned i) {
	unsigned queue = rig.held[i].queue;
	uint16_t head = rig.held[i].head;
	if (head % 2 == 0) {
		gp_vhost_device_push(rig.device, queue, head, 1);
	} else {
		gp_vhost_device_push_without_interrupt(rig.device, queue, head, 1);
	}
	rig.held[i] = rig.held[--rig.n_held];
}

static void handle_kick(void *data, unsigned queue) {
	while (gp_vhost_device_pop(rig.device, queue, &rig.chain) == 1) {
		check_chain(gp_vhost_device_memory(rig.device), &rig.chain);
		rig.held[rig.n_held].queue = queue;
		rig.held[rig.n_held++].head = rig.chain.head;
		if (rig.n_held == 64 || rig.n_held > rig.taste % 16u) {
			push(0);
		}
	}
}

static void handle_drain(void *data, unsigned queue) {
	for (unsigned i = rig.n_held; i > 0; i--) {
		if (rig.held[i - 1].queue == queue) {
			push(i - 1);
		}
	}
}

static void handle_reset(void *data) {
	check(rig.n_held == 0 || gp_vhost_device_state(rig.device) == GP_VHOST_RUNNING);
}

static void handle_state(void *data, enum gp_vhost_state state) {
	check(state != GP_VHOST_PAUSED || rig.n_held == 0);
	check(state != GP_VHOST_WAITING || rig.n_held == 0);
}

static void handle_memory_removed(void *data, struct gp_memory_object *object) {
	check(rig.n_held == 0 && object->removed);
}

static void handle_get_config(void *data, uint32_t offset, uint32_t size, uint8_t *out) {
	check(offset + size <= GP_VHOST_CONFIG_MAX);
	memset(out, 0x33, size);
}

static void handle_set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	uint8_t config[GP_VHOST_CONFIG_MAX];
	check(offset + size <= GP_VHOST_CONFIG_MAX);
	memcpy(config + offset, bytes, size);
}

static const struct gp_vhost_ops ops = {
	.queue_kick = handle_kick,
	.queue_drain = handle_drain,
	.reset = handle_reset,
	.state = handle_state,
	.memory_removed = handle_memory_removed,
	.get_config = handle_get_config,
	.set_config = handle_set_config,
};

/* A new descriptor of some kind; the sender closes it. */
static int make_fd(uint8_t kind) {
	int pair[2];
	switch (kind % 8) {
	case 0:
	case 1:
		return eventfd(kind & 1, EFD_CLOEXEC | EFD_NONBLOCK);
	case 2:
	case 3:
		return fcntl(rig.ram_fd, F_DUPFD_CLOEXEC, 0);
	case 4:
		check(pipe2(pair, O_CLOEXEC) == 0);
		close(pair[1 - kind / 8 % 2]);
		return pair[kind / 8 % 2];
	case 5:
		check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
		close(pair[0]);
		return pair[1];
	case 6:
		return memfd_create("other", MFD_CLOEXEC);
	default:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
}

static void send_bytes(const void *bytes, size_t size, const int *fds, size_t n_fds) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (n_fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	if (rig.socket != -1 && size > 0) {
		ssize_t n = sendmsg(rig.socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)n;
	}
}

static void dispatch(void) {
	wl_event_loop_dispatch(rig.loop, 0);
	wl_event_loop_dispatch(rig.loop, 0);
}

static void send_frame(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
	const int *fds, size_t n_fds) {
	uint8_t frame[12 + 512];
	const uint32_t header[] = {request, flags, size};
	memcpy(frame, header, sizeof(header));
	if (size > 0) {
		memcpy(frame + sizeof(header), payload, size);
	}
	send_bytes(frame, sizeof(header) + size, fds, n_fds);
}

static void step_raw(struct input *input) {
	uint8_t bytes[64];
	size_t size = take_u8(input) % sizeof(bytes), n_fds = take_u8(input) % 16;
	int fds[16] = {0};
	take(input, bytes, size);
	n_fds = n_fds > 9 ? 0 : n_fds;
	for (size_t i = 0; i < n_fds; i++) {
		fds[i] = make_fd(take_u8(input));
	}
	send_bytes(bytes, size, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++) {
		close(fds[i]);
	}
}

/* A frame of right shape with values of the input, mostly. */
static void step_frame(struct input *input) {
	uint64_t payload[64] = {0};
	uint32_t request = take_u8(input) % 44;
	uint32_t flags = take_u8(input) % 32 == 0 ? take_u8(input) : 1u | (take_u8(input) & 8u);
	uint8_t shape = take_u8(input);
	uint32_t size = (uint32_t[]){0, 8, 8, 8, 40, 40, 12 + 24, 12}[shape % 8];
	int fds[2] = {0};
	size_t n_fds = shape / 8 % 4 == 1 ? 1 : shape / 8 % 16 == 2 ? 2 : 0;
	for (size_t i = 0; i < size / 8 + 1; i++) {
		uint8_t choice = take_u8(input);
		payload[i] = choice < 64 ? choice
			: choice < 96    ? RAM_UVA + choice % 16 * 0x1000u
			: choice < 112   ? choice % 16 * 0x1000u
			: choice < 120   ? (uint64_t)(choice % 4) << 32 | choice % 3
					 : (uint64_t)take_u16(input) << (choice % 6 * 10);
	}
	for (size_t i = 0; i < n_fds; i++) {
		fds[i] = make_fd(take_u8(input));
	}
	send_frame(request, flags, payload, size, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++) {
		close(fds[i]);
	}
}

static void send_u64(uint32_t request, uint64_t value) {
	send_frame(request, 9, &value, sizeof(value), NULL, 0);
}

static void send_state(uint32_t request, uint32_t index, uint32_t num) {
	const uint32_t state[] = {index, num};
	send_frame(request, 1, state, sizeof(state), NULL, 0);
}

static void step_memory(struct input *input) {
	uint8_t choice = take_u8(input);
	uint64_t size = choice % 16 == 1 ? RAM_SIZE / 2 : RAM_SIZE;
	uint64_t gpa = choice % 16 == 2 ? RAM_SIZE : 0;
	const uint64_t region[] = {0, gpa, size, RAM_UVA + gpa, 0};
	const uint64_t table[] = {1, gpa, size, RAM_UVA + gpa, 0};
	if (choice < 128) {
		send_frame(GP_VHOST_ADD_MEM_REG, 9, region, sizeof(region), &rig.ram_fd, 1);
	} else if (choice < 192) {
		send_frame(GP_VHOST_REM_MEM_REG, 9, region, sizeof(region), NULL, 0);
	} else {
		send_frame(GP_VHOST_SET_MEM_TABLE, 9, table, sizeof(table), &rig.ram_fd, 1);
	}
}

static void step_setup(struct input *input) {
	uint8_t choice = take_u8(input);
	uint64_t index = choice % 2;
	uint64_t rings = RAM_UVA + index * QUEUE_BYTES;
	uint64_t addr[5] = {index, rings, rings + USED, rings + AVAIL, 0};
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	send_u64(GP_VHOST_SET_FEATURES, UINT64_C(1) << 30 | (uint64_t)(choice / 2 % 4) << 28);
	send_state(GP_VHOST_SET_VRING_NUM, (uint32_t)index, 1u << choice / 8 % 7);
	send_state(GP_VHOST_SET_VRING_BASE, (uint32_t)index, take_u8(input) % 4);
	send_frame(GP_VHOST_SET_VRING_ADDR, 1, addr, sizeof(addr), NULL, 0);
	send_frame(GP_VHOST_SET_VRING_KICK, 1, &index, sizeof(index), &rig.kick_fd, 1);
	send_frame(GP_VHOST_SET_VRING_CALL, 1, &index, sizeof(index), &call, 1);
	send_state(GP_VHOST_SET_VRING_ENABLE, (uint32_t)index, 1);
	close(call);
}

static void step_stop(struct input *input) {
	uint32_t index = take_u8(input) % 2;
	send_state(GP_VHOST_SET_VRING_ENABLE, index, 0);
	send_state(GP_VHOST_GET_VRING_BASE, index, 0);
}

static void step_write_ram(struct input *input) {
	uint16_t at = take_u16(input);
	take(input, rig.ram + at % (RAM_SIZE - 256), take_u8(input) % 64u);
}

static void step_offer(struct input *input) {
	uint8_t choice = take_u8(input);
	uint8_t *rings = rig.ram + choice % 2 * QUEUE_BYTES;
	struct vring_desc desc;
	desc.addr = 0xc000u + take_u8(input) * 16u;
	desc.len = 1u + take_u8(input);
	desc.flags = choice / 4 % 8;
	desc.next = take_u8(input) % 64;
	uint16_t head = take_u8(input) % 64;
	struct vring_avail *avail = (struct vring_avail *)(void *)(rings + AVAIL);
	memcpy(rings + head * sizeof(desc), &desc, sizeof(desc));
	avail->ring[avail->idx % 64] = head;
	avail->idx++;
}

static void step_kick(struct input *input) {
	uint64_t one = 1;
	ssize_t n = write(rig.kick_fd, &one, sizeof(one));
	(void)n;
}

static void step_replies(struct input *input) {
	char bytes[4096];
	while (rig.socket != -1 && recv(rig.socket, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
	}
}

static void step_back_channel(struct input *input) {
	int pair[2];
	if (take_u8(input) % 4 == 0) {
		gp_fd_close(&rig.back);
		return;
	}
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	send_frame(GP_VHOST_SET_BACKEND_REQ_FD, 9, NULL, 0, &pair[1], 1);
	gp_fd_close(&pair[1]);
	gp_fd_close(&rig.back);
	rig.back = pair[0];
}

static void step_config(struct input *input) {
	uint8_t payload[12 + GP_VHOST_CONFIG_MAX] = {0};
	uint8_t choice = take_u8(input);
	const uint32_t header[] = {take_u8(input), choice, 0};
	memcpy(payload, header, sizeof(header));
	send_frame(choice % 2 == 1 ? GP_VHOST_GET_CONFIG : GP_VHOST_SET_CONFIG, 1, payload,
		12u + choice, NULL, 0);
}

static void step_outside(struct input *input) {
	switch (take_u8(input) % 8) {
	case 0:
		gp_vhost_device_config_changed(rig.device);
		break;
	case 1:
		if (rig.n_held > 0) {
			push(rig.n_held - 1);
		}
		break;
	case 2:
		gp_vhost_device_flush(rig.device);
		break;
	case 3:
		rig.taste = take_u8(input);
		break;
	case 4:
		if (take_u8(input) % 8 == 0) {
			gp_vhost_device_disconnect(rig.device);
		}
		break;
	case 5:
		if (take_u8(input) % 8 == 0) {
			gp_fd_close(&rig.socket);
		}
		break;
	case 6: // SIGBUS wherever RAM is looked at
		if (take_u8(input) % 8 == 0) {
			check(ftruncate(rig.ram_fd, 0) == 0);
			step_kick(input);
			dispatch();
		}
		break;
	default:
		dispatch();
		break;
	}
}

static void (*const steps[])(struct input *input) = {
	step_raw,
	step_frame,
	step_frame,
	step_memory,
	step_setup,
	step_stop,
	step_write_ram,
	step_offer,
	step_offer,
	step_kick,
	step_replies,
	step_outside,
	step_back_channel,
	step_config,
};

static void fuzz_device(struct input *input) {
	static const struct gp_vhost_info info = {.features = 8, .n_queues = 2};
	int pair[2];
	memset(&rig, 0, sizeof(rig));
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	rig.socket = pair[1];
	rig.back = -1;
	rig.ram_fd = memfd_create("ram", MFD_CLOEXEC);
	check(ftruncate(rig.ram_fd, RAM_SIZE) == 0);
	// The guest writes to a view of its own, as its file may be cut.
	rig.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, rig.ram_fd, 0);
	rig.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rig.loop = wl_event_loop_create();
	rig.device = gp_vhost_device_create(rig.loop, -1, pair[0], &info, &ops, NULL);
	check(rig.device != NULL && rig.ram != MAP_FAILED);
	for (unsigned i = 0; input->left > 0 && i < STEPS_MAX; i++) {
		uint8_t choice = take_u8(input);
		struct stat st;
		check(fstat(rig.ram_fd, &st) == 0);
		if (st.st_size == 0) {
			check(ftruncate(rig.ram_fd, RAM_SIZE) == 0);
		}
		steps[choice % (sizeof(steps) / sizeof(steps[0]))](input);
		if (choice >= 64) {
			dispatch();
		}
	}
	gp_vhost_device_destroy(rig.device);
	check(rig.n_held == 0);
	wl_event_loop_destroy(rig.loop);
	munmap(rig.ram, RAM_SIZE);
	gp_fd_close(&rig.socket);
	gp_fd_close(&rig.back);
	gp_fd_close(&rig.ram_fd);
	gp_fd_close(&rig.kick_fd);
}

static int count_fds(void) {
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	while (dir != NULL && readdir(dir) != NULL) {
		count++;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct input input = {data, size};
	gp_log_init("fuzz", GP_LOG_SILENT);
	gp_sigbus_catch();
	int before = count_fds();
	switch (take_u8(&input) % 4) {
	case 0:
		fuzz_decode(&input);
		break;
	case 1:
		fuzz_rings(&input);
		break;
	default:
		fuzz_device(&input);
		break;
	}
	check(count_fds() == before);
	return 0;
}

/* Steps by their number in steps[]; NOW is a dispatch after the step. */
#define NOW 70 // 5 × 14
#define MEMORY(choice) NOW + 3, choice
#define SETUP(choice, base) NOW + 4, choice, base
#define START(queue) SETUP(0x36 + queue, 0)
#define STOP(queue) NOW + 5, queue
#define OFFER(choice, head) 7, choice, head, 15, head + 1, head
#define READABLE 0
#define WRITABLE 8
#define CHAINED 4
#define KICK NOW + 9
#define REPLIES 10
#define OUTSIDE NOW + 11

size_t gp_fuzz_seed(unsigned number, uint8_t *out, size_t max) {
	static const uint8_t running[] = {2, MEMORY(0), START(0), START(1), OFFER(READABLE, 0),
		OFFER(WRITABLE, 1), OFFER(CHAINED, 2), OFFER(WRITABLE, 3), KICK, REPLIES};
	static const uint8_t restart[] = {2, MEMORY(0), START(0), OFFER(WRITABLE, 0), KICK, STOP(0),
		SETUP(0x36, 1), OFFER(WRITABLE, 0), KICK, STOP(0), START(0), KICK};
	static const uint8_t memory[] = {2, MEMORY(0), START(0), OFFER(WRITABLE, 0), KICK,
		MEMORY(129), MEMORY(128), MEMORY(0), OFFER(WRITABLE, 0), KICK, MEMORY(200),
		MEMORY(2), MEMORY(130)};
	static const uint8_t held[] = {2, OUTSIDE, 3, 8, MEMORY(0), START(0), OFFER(WRITABLE, 0),
		OFFER(WRITABLE, 1), KICK, OUTSIDE, 1, OUTSIDE, 2, OUTSIDE, 0, MEMORY(128)};
	static const uint8_t config[] = {2, MEMORY(0), NOW + 12, 1, OUTSIDE, 0, START(0), OUTSIDE,
		0, NOW + 13, 24, 0, NOW + 13, 25, 3, STOP(0), OUTSIDE, 0, NOW + 12, 0};
	static const uint8_t cut[] = {
		2, MEMORY(0), START(0), OFFER(WRITABLE, 0), 11, 6, 0, KICK, OUTSIDE, 5, 0};
	static const uint8_t indirect[] = {2, MEMORY(0), START(0), OFFER(16, 0), 6, 0, 0xc0, 32, 0,
		0xc1, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, KICK};
	static const uint8_t rings[] = {
		1, 0x36, 0, 0, 64, 0, 0x90, 4, 1, 1, 0, 65, 0, 0xa0, 4, 2, 0, 1, 128, 0, 200, 250};
	static const uint8_t frame[] = {0, 5, 1, 1, 40, 0, 1, 0, 0, 0, 0, 0, 0, 0};
	static const struct {
		const uint8_t *bytes;
		size_t size;
	} seeds[] = {
		{running, sizeof(running)},
		{restart, sizeof(restart)},
		{memory, sizeof(memory)},
		{held, sizeof(held)},
		{config, sizeof(config)},
		{cut, sizeof(cut)},
		{indirect, sizeof(indirect)},
		{rings, sizeof(rings)},
		{frame, sizeof(frame)},
	};
	if (number >= sizeof(seeds) / sizeof(seeds[0]) || seeds[number].size > max) {
		return 0;
	}
	memcpy(out, seeds[number].bytes, seeds[number].size);
	return seeds[number].size;
}

#include "tests/harness/frontend.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/socket.h"
#include "vmm-bridge/vhost/message.h"

#define PATIENCE_MS 20000 // for replies that a sound back end sends at once
#define PAGE 4096
#define BIT(n) (UINT64_C(1) << (n))
#define F_PROTOCOL_FEATURES 30
#define PROTOCOL_F_CONFIGURE_MEM_SLOTS 15
#define HEADER_SIZE 12

bool fe_connect(struct fe *fe, const char *path, int fd) {
	return fe_connect_ram(fe, path, fd, FE_RAM_SIZE);
}

bool fe_connect_ram(struct fe *fe, const char *path, int fd, uint64_t ram_size) {
	*fe = (struct fe){
		.socket = fd,
		.backend_fd = -1,
		.ram_fd = -1,
		.ram_size = ram_size,
		.alloc_next = PAGE,
	};
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		fe->queues[i].kick_fd = fe->queues[i].call_fd = -1;
		fe->queues[i].size = FE_QUEUE_SIZE;
	}
	fe->ram_fd = gp_memfd_create_sealed("fe-ram", fe->ram_size);
	if (fe->ram_fd == -1) {
		return false;
	}
	fe->ram = mmap(NULL, fe->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, fe->ram_fd, 0);
	if (fe->ram == MAP_FAILED) {
		fe->ram = NULL;
		return false;
	}
	if (path != NULL) {
		fe->socket = gp_socket_connect(path);
	}
	return fe->socket != -1;
}

void fe_finish(struct fe *fe) {
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		gp_fd_close(&fe->queues[i].kick_fd);
		gp_fd_close(&fe->queues[i].call_fd);
	}
	if (fe->ram != NULL) {
		munmap(fe->ram, fe->ram_size);
		fe->ram = NULL;
	}
	gp_fd_close(&fe->ram_fd);
	gp_fd_close(&fe->backend_fd);
	gp_fd_close(&fe->socket);
}

/* Frames. */

static bool wait_for(int fd, short events, int timeout_ms) {
	struct pollfd pfd = {.fd = fd, .events = events};
	int r;
	do {
		r = poll(&pfd, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	return r > 0;
}

bool fe_send(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
	const int *fds, size_t n_fds) {
	uint32_t header[] = {request, flags, size};
	struct iovec iov[] = {{header, sizeof(header)}, {(void *)(uintptr_t)payload, size}};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = size > 0 ? 2 : 1};
	if (n_fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	if (!wait_for(fe->socket, POLLOUT, PATIENCE_MS)) {
		return false;
	}
	return sendmsg(fe->socket, &msg, MSG_NOSIGNAL) == (ssize_t)(sizeof(header) + size);
}

/* Reads exactly size bytes. 0, -ETIMEDOUT, -ECONNRESET or another -errno. */
static int read_all(int fd, void *to, size_t size, int timeout_ms) {
	uint8_t *bytes = to;
	while (size > 0) {
		if (!wait_for(fd, POLLIN, timeout_ms)) {
			return -ETIMEDOUT;
		}
		ssize_t n = recv(fd, bytes, size, MSG_DONTWAIT);
		if (n == 0) {
			return -ECONNRESET;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return -errno;
		}
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* Takes what does not fit into size off the socket too. */
static int read_payload(int fd, void *payload, size_t size, uint32_t length, int timeout_ms) {
	uint8_t rest[GP_VHOST_PAYLOAD_MAX];
	if (length > sizeof(rest)) {
		return -EPROTO;
	}
	int err = read_all(fd, rest, length, timeout_ms);
	if (err != 0) {
		return err;
	}
	if (payload != NULL) {
		memcpy(payload, rest, length < size ? length : size);
	}
	return (int)length;
}

int fe_reply(struct fe *fe, uint32_t request, void *payload, size_t size, int timeout_ms) {
	uint32_t header[3];
	int err = read_all(fe->socket, header, sizeof(header), timeout_ms);
	if (err != 0) {
		return err;
	}
	if (header[0] != request || header[1] != (GP_VHOST_VERSION | GP_VHOST_REPLY)) {
		return -EPROTO;
	}
	return read_payload(fe->socket, payload, size, header[2], timeout_ms);
}

bool fe_get_u64(struct fe *fe, uint32_t request, uint64_t *value) {
	return fe_send(fe, request, GP_VHOST_VERSION, NULL, 0, NULL, 0) &&
		fe_reply(fe, request, value, sizeof(*value), PATIENCE_MS) == sizeof(*value);
}

int64_t fe_send_ack(struct fe *fe, uint32_t request, const void *payload, uint32_t size,
	const int *fds, size_t n_fds) {
	uint64_t ack = 0;
	if (!fe_send(fe, request, GP_VHOST_VERSION | GP_VHOST_NEED_REPLY, payload, size, fds,
		    n_fds)) {
		return -EPIPE;
	}
	int n = fe_reply(fe, request, &ack, sizeof(ack), PATIENCE_MS);
	if (n < 0) {
		return n;
	}
	return n == sizeof(ack) ? (int64_t)ack : -EPROTO;
}

static bool send_u64(struct fe *fe, uint32_t request, uint64_t value) {
	return fe_send(fe, request, GP_VHOST_VERSION, &value, sizeof(value), NULL, 0);
}

static bool send_vring_state(struct fe *fe, uint32_t request, uint32_t index, uint32_t num) {
	const uint32_t state[] = {index, num};
	return fe_send(fe, request, GP_VHOST_VERSION, state, sizeof(state), NULL, 0);
}

static bool send_vring_fd(struct fe *fe, uint32_t request, uint64_t index, int fd) {
	return fe_send(fe, request, GP_VHOST_VERSION, &index, sizeof(index), &fd, 1);
}

bool fe_get_config(struct fe *fe, uint32_t offset, uint32_t size, void *out) {
	uint8_t payload[12 + GP_VHOST_CONFIG_MAX] = {0};
	const uint32_t header[] = {offset, size, 0};
	memcpy(payload, header, sizeof(header));
	uint32_t total = (uint32_t)sizeof(header) + size;
	if (!fe_send(fe, GP_VHOST_GET_CONFIG, GP_VHOST_VERSION, payload, total, NULL, 0) ||
		fe_reply(fe, GP_VHOST_GET_CONFIG, payload, sizeof(payload), PATIENCE_MS) !=
			(int)total) {
		return false;
	}
	memcpy(out, payload + sizeof(header), size);
	return true;
}

int fe_backend_message(struct fe *fe, int timeout_ms) {
	uint32_t header[3];
	int err = read_all(fe->backend_fd, header, sizeof(header), timeout_ms);
	if (err == 0) {
		err = read_payload(fe->backend_fd, NULL, 0, header[2], timeout_ms);
	}
	return err < 0 ? err : (int)header[0];
}

/* Memory. */

bool fe_add_region(
	struct fe *fe, int fd, uint64_t gpa, uint64_t size, uint64_t uva, uint64_t file_offset) {
	const uint64_t payload[] = {0, gpa, size, uva, file_offset};
	return fe_send_ack(fe, GP_VHOST_ADD_MEM_REG, payload, sizeof(payload), &fd, 1) == 0;
}

bool fe_remove_region(struct fe *fe, uint64_t gpa, uint64_t size, uint64_t uva) {
	const uint64_t payload[] = {0, gpa, size, uva, 0};
	return fe_send_ack(fe, GP_VHOST_REM_MEM_REG, payload, sizeof(payload), NULL, 0) == 0;
}

static bool send_ram(struct fe *fe) {
	if (!fe->table && (fe->protocol_features & BIT(PROTOCOL_F_CONFIGURE_MEM_SLOTS))) {
		return fe_add_region(fe, fe->ram_fd, 0, fe->ram_size, FE_UVA, 0);
	}
	const uint64_t payload[] = {1, 0, fe->ram_size, FE_UVA, 0};
	return fe_send_ack(fe, GP_VHOST_SET_MEM_TABLE, payload, sizeof(payload), &fe->ram_fd, 1) ==
		0;
}

uint64_t fe_alloc(struct fe *fe, uint64_t size) {
	if (size > fe->ram_size) {
		return 0;
	}
	uint64_t rounded = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	if (rounded > fe->ram_size - fe->alloc_next) {
		return 0;
	}
	uint64_t gpa = fe->alloc_next;
	fe->alloc_next += rounded;
	return gpa;
}

void *fe_ptr(struct fe *fe, uint64_t gpa) {
	return fe->ram + gpa;
}

/* Life. */

static bool open_back_channel(struct fe *fe) {
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		return false;
	}
	bool ok = fe_send_ack(fe, GP_VHOST_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1) == 0;
	gp_fd_close(&pair[1]);
	fe->backend_fd = pair[0];
	return ok;
}

bool fe_negotiate(struct fe *fe, uint64_t virtio_features) {
	uint64_t transport = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(F_PROTOCOL_FEATURES);
	if (!fe_get_u64(fe, GP_VHOST_GET_FEATURES, &fe->features) ||
		!fe_get_u64(fe, GP_VHOST_GET_PROTOCOL_FEATURES, &fe->protocol_features)) {
		return false;
	}
	uint64_t acked = fe->sloppy_ack ? UINT64_MAX : fe->protocol_features;
	fe->accepted = fe->features & (virtio_features | transport);
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		fe->queues[i].event_idx = fe->accepted & BIT(VIRTIO_RING_F_EVENT_IDX);
	}
	return send_u64(fe, GP_VHOST_SET_PROTOCOL_FEATURES, acked) &&
		fe_send(fe, GP_VHOST_SET_OWNER, GP_VHOST_VERSION, NULL, 0, NULL, 0) &&
		open_back_channel(fe) && send_u64(fe, GP_VHOST_SET_FEATURES, fe->accepted) &&
		send_ram(fe);
}

static struct vring_desc *desc_table(struct fe *fe, const struct fe_queue *queue) {
	return fe_ptr(fe, queue->desc_gpa);
}

static struct vring_avail *avail_ring(struct fe *fe, const struct fe_queue *queue) {
	return fe_ptr(fe, queue->avail_gpa);
}

static struct vring_used *used_ring(struct fe *fe, const struct fe_queue *queue) {
	return fe_ptr(fe, queue->used_gpa);
}

static uint16_t *used_event(struct fe *fe, const struct fe_queue *queue) {
	return &avail_ring(fe, queue)->ring[queue->size];
}

static uint16_t *avail_event(struct fe *fe, const struct fe_queue *queue) {
	return (uint16_t *)(void *)&used_ring(fe, queue)->ring[queue->size];
}

static bool make_rings(struct fe *fe, struct fe_queue *queue) {
	if (queue->desc_gpa != 0) {
		return true;
	}
	queue->desc_gpa = fe_alloc(fe, sizeof(struct vring_desc) * queue->size);
	queue->avail_gpa = fe_alloc(fe, sizeof(uint16_t) * (3u + queue->size));
	queue->used_gpa = fe_alloc(fe, 6 + sizeof(struct vring_used_elem) * queue->size);
	return queue->desc_gpa != 0 && queue->avail_gpa != 0 && queue->used_gpa != 0;
}

static bool make_events(struct fe_queue *queue) {
	gp_fd_close(&queue->kick_fd);
	gp_fd_close(&queue->call_fd);
	queue->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	queue->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return queue->kick_fd != -1 && queue->call_fd != -1;
}

static bool start_queue(struct fe *fe, unsigned index) {
	struct fe_queue *queue = &fe->queues[index];
	if (!make_rings(fe, queue) || !make_events(queue)) {
		return false;
	}
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr = {
		.index = index,
		.desc = FE_UVA + queue->desc_gpa,
		.used = FE_UVA + queue->used_gpa,
		.avail = FE_UVA + queue->avail_gpa,
	};
	return send_vring_state(fe, GP_VHOST_SET_VRING_NUM, index, queue->size) &&
		send_vring_state(fe, GP_VHOST_SET_VRING_BASE, index, queue->base) &&
		fe_send(fe, GP_VHOST_SET_VRING_ADDR, GP_VHOST_VERSION, &addr, sizeof(addr), NULL,
			0) &&
		send_vring_fd(fe, GP_VHOST_SET_VRING_KICK, index, queue->kick_fd) &&
		send_vring_fd(fe, GP_VHOST_SET_VRING_CALL, index, queue->call_fd);
}

static bool enable_queue(struct fe *fe, uint32_t index, uint32_t enable) {
	const uint32_t state[] = {index, enable};
	return fe_send_ack(fe, GP_VHOST_SET_VRING_ENABLE, state, sizeof(state), NULL, 0) == 0;
}

static bool enable_queues(struct fe *fe, uint32_t enable) {
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		if (!enable_queue(fe, i, enable)) {
			return false;
		}
	}
	return true;
}

bool fe_start(struct fe *fe) {
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		if (!start_queue(fe, i)) {
			return false;
		}
	}
	return enable_queues(fe, 1);
}

bool fe_stop(struct fe *fe) {
	if (!enable_queues(fe, 0)) {
		return false;
	}
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		uint32_t state[2];
		if (!send_vring_state(fe, GP_VHOST_GET_VRING_BASE, i, 0) ||
			fe_reply(fe, GP_VHOST_GET_VRING_BASE, state, sizeof(state), PATIENCE_MS) !=
				sizeof(state) ||
			state[0] != i) {
			return false;
		}
		fe->queues[i].base = (uint16_t)state[1];
	}
	return true;
}

static void clear_rings(struct fe *fe, struct fe_queue *queue) {
	queue->base = queue->avail_idx = queue->kicked_idx = queue->last_used = 0;
	for (unsigned i = 0; i < FE_SLOTS; i++) {
		queue->slots[i].busy = false;
	}
	if (queue->desc_gpa != 0) {
		memset(desc_table(fe, queue), 0, sizeof(struct vring_desc) * queue->size);
		memset(avail_ring(fe, queue), 0, sizeof(uint16_t) * (3u + queue->size));
		memset(used_ring(fe, queue), 0, 6 + sizeof(struct vring_used_elem) * queue->size);
	}
}

bool fe_restart(struct fe *fe, bool reset) {
	for (unsigned i = 0; i < FE_QUEUES && reset; i++) {
		clear_rings(fe, &fe->queues[i]);
	}
	return fe_start(fe);
}

/* Rings. */

void fe_write_desc(struct fe *fe, unsigned queue, uint16_t index, uint64_t gpa, uint32_t length,
	uint16_t flags, uint16_t next) {
	desc_table(fe, &fe->queues[queue])[index] =
		(struct vring_desc){.addr = gpa, .len = length, .flags = flags, .next = next};
}

static void kick(struct fe_queue *queue) {
	uint64_t one = 1;
	ssize_t n = write(queue->kick_fd, &one, sizeof(one));
	(void)n; // EAGAIN: it is readable already
}

static void offer(struct fe *fe, struct fe_queue *queue, uint16_t head) {
	struct vring_avail *avail = avail_ring(fe, queue);
	avail->ring[queue->avail_idx++ % queue->size] = head;
	__atomic_store_n(&avail->idx, queue->avail_idx, __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
}

void fe_offer(struct fe *fe, unsigned queue, uint16_t head, bool wanted) {
	struct fe_queue *q = &fe->queues[queue];
	offer(fe, q, head);
	q->kicked_idx = q->avail_idx;
	if (wanted) {
		kick(q);
	}
}

void fe_kick(struct fe *fe, unsigned index) {
	struct fe_queue *queue = &fe->queues[index];
	uint16_t old = queue->kicked_idx;
	queue->kicked_idx = queue->avail_idx;
	uint16_t event = __atomic_load_n(avail_event(fe, queue), __ATOMIC_RELAXED);
	if (!queue->event_idx || vring_need_event(event, queue->avail_idx, old)) {
		kick(queue);
	}
}

static void offer_as_driver(struct fe *fe, unsigned index, uint16_t head) {
	offer(fe, &fe->queues[index], head);
	if (!fe->hold_kicks) {
		fe_kick(fe, index);
	}
}

/* Makes sure that *gpa has room for size bytes. */
static bool make_room(struct fe *fe, uint64_t *gpa, size_t *room, size_t size) {
	if (size > *room) {
		*gpa = fe_alloc(fe, size);
		*room = *gpa != 0 ? size : 0;
	}
	return *room >= size;
}

static int take_slot(
	struct fe *fe, struct fe_queue *queue, const void *out, size_t out_size, size_t in_size) {
	unsigned slots = queue->size / 2;
	for (unsigned i = 0; i < slots; i++) {
		struct fe_slot *slot = &queue->slots[i];
		if (slot->busy) {
			continue;
		}
		if (!make_room(fe, &slot->out_gpa, &slot->out_room, out_size) ||
			!make_room(fe, &slot->in_gpa, &slot->in_room, in_size)) {
			return -1;
		}
		if (out_size > 0) {
			memcpy(fe_ptr(fe, slot->out_gpa), out, out_size);
		}
		slot->in_size = in_size;
		slot->busy = true;
		return (int)i;
	}
	return -1;
}

int fe_submit(struct fe *fe, unsigned queue, const void *out, size_t out_size, size_t in_size) {
	struct fe_queue *q = &fe->queues[queue];
	int slot = take_slot(fe, q, out, out_size, in_size);
	if (slot < 0) {
		return -1;
	}
	uint16_t head = (uint16_t)(2 * slot);
	const struct fe_slot *buffers = &q->slots[slot];
	uint16_t next = in_size > 0 ? VRING_DESC_F_NEXT : 0;
	if (out_size > 0) {
		fe_write_desc(
			fe, queue, head, buffers->out_gpa, (uint32_t)out_size, next, head + 1);
	}
	if (in_size > 0) {
		fe_write_desc(fe, queue, out_size > 0 ? head + 1 : head, buffers->in_gpa,
			(uint32_t)in_size, VRING_DESC_F_WRITE, 0);
	}
	offer_as_driver(fe, queue, head);
	return head;
}

static void fill_table(struct fe *fe, const struct fe_slot *slot, size_t out_size,
	unsigned out_parts, size_t in_size) {
	struct vring_desc *table = fe_ptr(fe, slot->table_gpa);
	size_t done = 0;
	for (unsigned i = 0; i < out_parts; i++) {
		size_t end = out_size * (i + 1) / out_parts;
		bool last = i + 1 == out_parts && in_size == 0;
		table[i] = (struct vring_desc){
			.addr = slot->out_gpa + done,
			.len = (uint32_t)(end - done),
			.flags = last ? 0 : VRING_DESC_F_NEXT,
			.next = (uint16_t)(i + 1),
		};
		done = end;
	}
	if (in_size > 0) {
		table[out_parts] = (struct vring_desc){
			.addr = slot->in_gpa,
			.len = (uint32_t)in_size,
			.flags = VRING_DESC_F_WRITE,
		};
	}
}

int fe_submit_indirect(struct fe *fe, unsigned queue, const void *out, size_t out_size,
	unsigned out_parts, size_t in_size) {
	struct fe_queue *q = &fe->queues[queue];
	int index = take_slot(fe, q, out, out_size, in_size);
	if (index < 0) {
		return -1;
	}
	struct fe_slot *slot = &q->slots[index];
	uint32_t entries = out_parts + (in_size > 0 ? 1 : 0);
	uint32_t table_size = entries * (uint32_t)sizeof(struct vring_desc);
	if (!make_room(fe, &slot->table_gpa, &slot->table_room, table_size)) {
		slot->busy = false;
		return -1;
	}
	fill_table(fe, slot, out_size, out_parts, in_size);
	uint16_t head = (uint16_t)(2 * index);
	fe_write_desc(fe, queue, head, slot->table_gpa, table_size, VRING_DESC_F_INDIRECT, 0);
	offer_as_driver(fe, queue, head);
	return head;
}

static bool used_available(struct fe *fe, const struct fe_queue *queue) {
	return __atomic_load_n(&used_ring(fe, queue)->idx, __ATOMIC_ACQUIRE) != queue->last_used;
}

static bool wait_used(struct fe *fe, struct fe_queue *queue, int timeout_ms) {
	uint64_t deadline = gp_now_ns() + (uint64_t)timeout_ms * 1000000;
	while (!used_available(fe, queue)) {
		// Ask for an interrupt at the next entry, then look once more before waiting.
		*used_event(fe, queue) = queue->last_used;
		atomic_thread_fence(memory_order_seq_cst);
		if (used_available(fe, queue)) {
			break;
		}
		uint64_t now = gp_now_ns();
		int left = now < deadline ? (int)((deadline - now + 999999) / 1000000) : 0;
		if (!wait_for(queue->call_fd, POLLIN, left)) {
			return false;
		}
		uint64_t count;
		ssize_t n = read(queue->call_fd, &count, sizeof(count));
		(void)n;
	}
	return true;
}

int fe_wait_used(
	struct fe *fe, unsigned queue, void *in, size_t size, uint32_t *written, int timeout_ms) {
	struct fe_queue *q = &fe->queues[queue];
	if (!wait_used(fe, q, timeout_ms)) {
		return -ETIMEDOUT;
	}
	const struct vring_used_elem *elem = &used_ring(fe, q)->ring[q->last_used % q->size];
	uint32_t id = elem->id, length = elem->len;
	q->last_used++;
	if (written != NULL) {
		*written = length;
	}
	if (id / 2 >= FE_SLOTS) {
		return (int)id;
	}
	struct fe_slot *slot = &q->slots[id / 2];
	if (slot->busy && id % 2 == 0) {
		size_t n = length < slot->in_size ? length : slot->in_size;
		if (in != NULL) {
			memcpy(in, fe_ptr(fe, slot->in_gpa), n < size ? n : size);
		}
		slot->busy = false;
	}
	return (int)id;
}

#include "vmm-bridge/vhost/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/checked.h"
#include "common/fd.h"

/* Payloads as they are on the wire. */
struct wire_vring_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};
struct wire_region {
	uint64_t gpa, size, uva, file_offset;
};
struct wire_table {
	uint32_t count, padding;
	struct wire_region regions[GP_VHOST_FDS_MAX];
};
struct wire_single_region {
	uint64_t padding;
	struct wire_region region;
};
struct wire_config {
	uint32_t offset, size, flags;
	uint8_t bytes[GP_VHOST_CONFIG_MAX];
};

#define TABLE_HEADER offsetof(struct wire_table, regions)
#define CONFIG_HEADER offsetof(struct wire_config, bytes)

/* A vring's fd message: the index in the low byte, and whether there is no fd. */
#define VRING_INDEX_MASK 0xffu
#define VRING_NO_FD 0x100u

/* The reader takes the header into the frame's first members. */
#define HEADER_SIZE 12
_Static_assert(offsetof(struct gp_vhost_frame, flags) == 4, "header layout");
_Static_assert(offsetof(struct gp_vhost_frame, size) == 8, "header layout");
_Static_assert(sizeof(struct wire_vring_addr) == 40, "wire layout");
_Static_assert(sizeof(struct wire_single_region) == 40, "wire layout");

enum payload {
	PAYLOAD_NONE,
	PAYLOAD_U64,
	PAYLOAD_VRING_STATE,
	PAYLOAD_VRING_ADDR,
	PAYLOAD_VRING_FD,
	PAYLOAD_TABLE,
	PAYLOAD_REGION,
	PAYLOAD_CONFIG,
};

struct request {
	uint32_t number;
	enum payload payload;
	size_t fds_min, fds_max; // PAYLOAD_VRING_FD and PAYLOAD_TABLE have a rule of their own
	const char *name;
};

static const struct request requests[] = {
	{GP_VHOST_GET_FEATURES, PAYLOAD_NONE, 0, 0, "GET_FEATURES"},
	{GP_VHOST_SET_FEATURES, PAYLOAD_U64, 0, 0, "SET_FEATURES"},
	{GP_VHOST_SET_OWNER, PAYLOAD_NONE, 0, 0, "SET_OWNER"},
	{GP_VHOST_RESET_OWNER, PAYLOAD_NONE, 0, 0, "RESET_OWNER"},
	{GP_VHOST_SET_MEM_TABLE, PAYLOAD_TABLE, 0, GP_VHOST_FDS_MAX, "SET_MEM_TABLE"},
	{GP_VHOST_SET_VRING_NUM, PAYLOAD_VRING_STATE, 0, 0, "SET_VRING_NUM"},
	{GP_VHOST_SET_VRING_ADDR, PAYLOAD_VRING_ADDR, 0, 0, "SET_VRING_ADDR"},
	{GP_VHOST_SET_VRING_BASE, PAYLOAD_VRING_STATE, 0, 0, "SET_VRING_BASE"},
	{GP_VHOST_GET_VRING_BASE, PAYLOAD_VRING_STATE, 0, 0, "GET_VRING_BASE"},
	{GP_VHOST_SET_VRING_KICK, PAYLOAD_VRING_FD, 0, 1, "SET_VRING_KICK"},
	{GP_VHOST_SET_VRING_CALL, PAYLOAD_VRING_FD, 0, 1, "SET_VRING_CALL"},
	{GP_VHOST_SET_VRING_ERR, PAYLOAD_VRING_FD, 0, 1, "SET_VRING_ERR"},
	{GP_VHOST_GET_PROTOCOL_FEATURES, PAYLOAD_NONE, 0, 0, "GET_PROTOCOL_FEATURES"},
	{GP_VHOST_SET_PROTOCOL_FEATURES, PAYLOAD_U64, 0, 0, "SET_PROTOCOL_FEATURES"},
	{GP_VHOST_GET_QUEUE_NUM, PAYLOAD_NONE, 0, 0, "GET_QUEUE_NUM"},
	{GP_VHOST_SET_VRING_ENABLE, PAYLOAD_VRING_STATE, 0, 0, "SET_VRING_ENABLE"},
	{GP_VHOST_SET_BACKEND_REQ_FD, PAYLOAD_NONE, 1, 1, "SET_BACKEND_REQ_FD"},
	{GP_VHOST_GET_CONFIG, PAYLOAD_CONFIG, 0, 0, "GET_CONFIG"},
	{GP_VHOST_SET_CONFIG, PAYLOAD_CONFIG, 0, 0, "SET_CONFIG"},
	{GP_VHOST_RESET_DEVICE, PAYLOAD_NONE, 0, 0, "RESET_DEVICE"},
	{GP_VHOST_GET_MAX_MEM_SLOTS, PAYLOAD_NONE, 0, 0, "GET_MAX_MEM_SLOTS"},
	{GP_VHOST_ADD_MEM_REG, PAYLOAD_REGION, 1, 1, "ADD_MEM_REG"},
	// Some front ends repeat the fd on removal.
	{GP_VHOST_REM_MEM_REG, PAYLOAD_REGION, 0, 1, "REM_MEM_REG"},
	{GP_VHOST_SET_STATUS, PAYLOAD_U64, 0, 0, "SET_STATUS"},
	{GP_VHOST_GET_STATUS, PAYLOAD_NONE, 0, 0, "GET_STATUS"},
};

static const struct request *find_request(uint32_t number) {
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].number == number) {
			return &requests[i];
		}
	}
	return NULL;
}

const char *gp_vhost_request_name(uint32_t number) {
	const struct request *request = find_request(number);
	return request != NULL ? request->name : "unknown request";
}

static const char *decode_u64(
	const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	if (frame->size != sizeof(message->u64)) {
		return "payload is not of 8 bytes";
	}
	memcpy(&message->u64, frame->payload, sizeof(message->u64));
	return NULL;
}

static const char *decode_vring_state(
	const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	if (frame->size != sizeof(message->vring_state)) {
		return "payload is not of 8 bytes";
	}
	memcpy(&message->vring_state, frame->payload, sizeof(message->vring_state));
	return NULL;
}

static const char *decode_vring_addr(
	const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	struct wire_vring_addr wire;
	if (frame->size != sizeof(wire)) {
		return "payload is not of 40 bytes";
	}
	memcpy(&wire, frame->payload, sizeof(wire));
	message->vring_addr.index = wire.index;
	message->vring_addr.flags = wire.flags;
	message->vring_addr.desc = wire.desc;
	message->vring_addr.used = wire.used;
	message->vring_addr.avail = wire.avail;
	message->vring_addr.log = wire.log;
	return NULL;
}

static const char *decode_vring_fd(
	const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	const char *error = decode_u64(frame, message);
	if (error != NULL) {
		return error;
	}
	uint64_t value = message->u64;
	message->vring_fd.index = value & VRING_INDEX_MASK;
	message->vring_fd.no_fd = value & VRING_NO_FD;
	if (frame->n_fds != (message->vring_fd.no_fd ? 0 : 1)) {
		return "number of descriptors is not what the payload says";
	}
	return NULL;
}

static void decode_region_values(const struct wire_region *wire, struct gp_vhost_region *region) {
	*region = (struct gp_vhost_region){
		.gpa = wire->gpa,
		.size = wire->size,
		.uva = wire->uva,
		.file_offset = wire->file_offset,
	};
}

static const char *decode_table(
	const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	struct wire_table wire;
	if (frame->size < TABLE_HEADER) {
		return "payload is too short";
	}
	memcpy(&wire, frame->payload, TABLE_HEADER);
	if (wire.count > GP_VHOST_FDS_MAX) {
		return "more regions than one message may have";
	}
	if (frame->size != TABLE_HEADER + wire.count * sizeof(wire.regions[0])) {
		return "payload does not match the number of regions";
	}
	if (frame->n_fds != wire.count) {
		return "not one descriptor for each region";
	}
	memcpy(wire.regions, frame->payload + TABLE_HEADER, wire.count * sizeof(wire.regions[0]));
	message->table.count = wire.count;
	for (uint32_t i = 0; i < wire.count; i++) {
		decode_region_values(&wire.regions[i], &message->table.regions[i]);
	}
	return NULL;
}

static const char *decode_region(
	const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	struct wire_single_region wire;
	if (frame->size != sizeof(wire)) {
		return "payload is not of 40 bytes";
	}
	memcpy(&wire, frame->payload, sizeof(wire));
	decode_region_values(&wire.region, &message->region);
	return NULL;
}

static const char *decode_config(
	const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	struct wire_config wire;
	if (frame->size < CONFIG_HEADER) {
		return "payload is too short";
	}
	memcpy(&wire, frame->payload, CONFIG_HEADER);
	if (!gp_range_inside(wire.offset, wire.size, GP_VHOST_CONFIG_MAX)) {
		return "range outside the configuration space";
	}
	if (frame->size != CONFIG_HEADER + wire.size) {
		return "payload does not match the size in it";
	}
	message->config.offset = wire.offset;
	message->config.size = wire.size;
	message->config.flags = wire.flags;
	memcpy(message->config.bytes, frame->payload + CONFIG_HEADER, wire.size);
	return NULL;
}

static const char *decode_payload(enum payload payload, const struct gp_vhost_frame *frame,
	struct gp_vhost_message *message) {
	switch (payload) {
	case PAYLOAD_NONE:
		return frame->size == 0 ? NULL : "payload where none belongs";
	case PAYLOAD_U64:
		return decode_u64(frame, message);
	case PAYLOAD_VRING_STATE:
		return decode_vring_state(frame, message);
	case PAYLOAD_VRING_ADDR:
		return decode_vring_addr(frame, message);
	case PAYLOAD_VRING_FD:
		return decode_vring_fd(frame, message);
	case PAYLOAD_TABLE:
		return decode_table(frame, message);
	case PAYLOAD_REGION:
		return decode_region(frame, message);
	case PAYLOAD_CONFIG:
		return decode_config(frame, message);
	}
	return "no decoder";
}

const char *gp_vhost_decode(const struct gp_vhost_frame *frame, struct gp_vhost_message *message) {
	message->request = frame->request;
	message->need_reply = frame->flags & GP_VHOST_NEED_REPLY;
	if ((frame->flags & GP_VHOST_VERSION_MASK) != GP_VHOST_VERSION) {
		return "protocol version is not 1";
	}
	if (frame->flags & GP_VHOST_REPLY) {
		return "a reply where a request belongs";
	}
	const struct request *request = find_request(frame->request);
	if (request == NULL) {
		return NULL;
	}
	if (frame->n_fds < request->fds_min) {
		return "descriptor is missing";
	}
	if (frame->n_fds > request->fds_max) {
		return "too many descriptors";
	}
	return decode_payload(request->payload, frame, message);
}

_Static_assert(offsetof(struct gp_vhost_reply, payload) == HEADER_SIZE, "wire layout");

void gp_vhost_reply_u64(struct gp_vhost_reply *reply, uint64_t value) {
	memcpy(reply->payload, &value, sizeof(value));
	reply->size = sizeof(value);
}

bool gp_vhost_reply_send(struct gp_vhost_reply *reply, uint32_t request, int socket) {
	reply->request = request;
	reply->flags = GP_VHOST_VERSION | GP_VHOST_REPLY;
	size_t size = HEADER_SIZE + reply->size;
	ssize_t n = send(socket, reply, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0 && (size_t)n != size) {
		errno = EAGAIN; // it does not read
	}
	return n == (ssize_t)size;
}

void gp_vhost_frame_close_fds(struct gp_vhost_frame *frame) {
	for (size_t i = 0; i < frame->n_fds; i++) {
		gp_fd_close(&frame->fds[i]);
	}
	frame->n_fds = 0;
}

bool gp_vhost_frame_take_fds(struct gp_vhost_frame *frame, struct msghdr *msg) {
	bool fit = (msg->msg_flags & MSG_CTRUNC) == 0;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
		cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (frame->n_fds < GP_VHOST_FDS_MAX) {
				frame->fds[frame->n_fds++] = fd;
			} else {
				gp_fd_close(&fd);
				fit = false;
			}
		}
	}
	return fit;
}

void gp_vhost_reader_init(struct gp_vhost_reader *reader) {
	reader->got = 0;
	reader->frame.request = reader->frame.flags = reader->frame.size = 0;
	reader->frame.n_fds = 0;
}

void gp_vhost_reader_next(struct gp_vhost_reader *reader) {
	gp_vhost_frame_close_fds(&reader->frame);
	gp_vhost_reader_init(reader);
}

/* Reads at most length bytes, with the descriptors that came with them. Bytes, 0 or -errno. */
static int receive(struct gp_vhost_frame *frame, int socket, void *to, size_t length) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(GP_VHOST_FDS_MAX * sizeof(int))];
	struct iovec iov = {.iov_base = to, .iov_len = length};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;
	do {
		n = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	}
	if (!gp_vhost_frame_take_fds(frame, &msg)) {
		return -EPROTO;
	}
	return n == 0 ? -ECONNRESET : (int)n;
}

int gp_vhost_reader_read(struct gp_vhost_reader *reader, int socket) {
	struct gp_vhost_frame *frame = &reader->frame;
	for (;;) {
		// Never read past this frame: descriptors of the next one would come along.
		uint8_t *to;
		size_t length;
		if (reader->got < HEADER_SIZE) {
			to = (uint8_t *)frame + reader->got;
			length = HEADER_SIZE - reader->got;
		} else if (frame->size > GP_VHOST_PAYLOAD_MAX) {
			gp_vhost_reader_next(reader);
			return -EPROTO;
		} else {
			to = frame->payload + (reader->got - HEADER_SIZE);
			length = HEADER_SIZE + frame->size - reader->got;
		}
		if (length == 0) {
			return 1;
		}
		int n = receive(frame, socket, to, length);
		if (n < 0) {
			gp_vhost_reader_next(reader);
		}
		if (n <= 0) {
			return n;
		}
		reader->got += (size_t)n;
	}
}

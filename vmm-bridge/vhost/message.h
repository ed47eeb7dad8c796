#ifndef GP_VMM_BRIDGE_VHOST_MESSAGE_H
#define GP_VMM_BRIDGE_VHOST_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Frames of the vhost-user protocol (QEMU docs/interop/vhost-user.rst). Numbers are in the byte
 * order of the host, as the specification demands. This file knows layouts and limits, nothing of
 * devices: it is what the fuzzer feeds.
 */

#define GP_VHOST_FDS_MAX 8
#define GP_VHOST_PAYLOAD_MAX 4096
#define GP_VHOST_CONFIG_MAX 256

enum gp_vhost_request {
	GP_VHOST_GET_FEATURES = 1,
	GP_VHOST_SET_FEATURES = 2,
	GP_VHOST_SET_OWNER = 3,
	GP_VHOST_RESET_OWNER = 4,
	GP_VHOST_SET_MEM_TABLE = 5,
	GP_VHOST_SET_LOG_BASE = 6,
	GP_VHOST_SET_LOG_FD = 7,
	GP_VHOST_SET_VRING_NUM = 8,
	GP_VHOST_SET_VRING_ADDR = 9,
	GP_VHOST_SET_VRING_BASE = 10,
	GP_VHOST_GET_VRING_BASE = 11,
	GP_VHOST_SET_VRING_KICK = 12,
	GP_VHOST_SET_VRING_CALL = 13,
	GP_VHOST_SET_VRING_ERR = 14,
	GP_VHOST_GET_PROTOCOL_FEATURES = 15,
	GP_VHOST_SET_PROTOCOL_FEATURES = 16,
	GP_VHOST_GET_QUEUE_NUM = 17,
	GP_VHOST_SET_VRING_ENABLE = 18,
	GP_VHOST_SET_BACKEND_REQ_FD = 21,
	GP_VHOST_GET_CONFIG = 24,
	GP_VHOST_SET_CONFIG = 25,
	GP_VHOST_RESET_DEVICE = 34,
	GP_VHOST_GET_MAX_MEM_SLOTS = 36,
	GP_VHOST_ADD_MEM_REG = 37,
	GP_VHOST_REM_MEM_REG = 38,
	GP_VHOST_SET_STATUS = 39,
	GP_VHOST_GET_STATUS = 40,
};

/* Header flags. */
#define GP_VHOST_VERSION 0x1u
#define GP_VHOST_VERSION_MASK 0x3u
#define GP_VHOST_REPLY 0x4u
#define GP_VHOST_NEED_REPLY 0x8u

/* A frame, complete: header, payload and the descriptors that came with it. */
struct gp_vhost_frame {
	uint32_t request, flags, size;
	_Alignas(8) uint8_t payload[GP_VHOST_PAYLOAD_MAX];
	int fds[GP_VHOST_FDS_MAX]; // owned; -1 once taken
	size_t n_fds;
};

struct msghdr;

/* Closes the descriptors that nobody took. */
void gp_vhost_frame_close_fds(struct gp_vhost_frame *frame);
/**
 * Puts the descriptors of a recvmsg into the frame. False if some did not fit, which are closed, or
 * were cut off.
 */
bool gp_vhost_frame_take_fds(struct gp_vhost_frame *frame, struct msghdr *msg);

struct gp_vhost_region {
	uint64_t gpa, size, uva, file_offset;
};

/* Typed payloads. Which member is valid follows from the request. */
struct gp_vhost_message {
	uint32_t request;
	bool need_reply;
	union {
		uint64_t u64; // features, protocol features, status
		struct {
			uint32_t index, num;
		} vring_state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log; // uva
		} vring_addr;
		struct {
			uint32_t index;
			bool no_fd; // the front end sent none: polling
		} vring_fd;
		struct {
			uint32_t count;
			struct gp_vhost_region regions[GP_VHOST_FDS_MAX];
		} table;
		struct gp_vhost_region region;
		struct {
			uint32_t offset, size, flags;
			uint8_t bytes[GP_VHOST_CONFIG_MAX];
		} config;
	};
};

/**
 * Checks a frame and turns it into typed values: version, size for the request, number of fds for
 * the request, counts. Returns NULL on success, else a static string that says what is wrong: the
 * connection must be dropped then. Descriptors stay with the frame. An unknown request is no error
 * here (request is copied); the device decides.
 */
const char *gp_vhost_decode(const struct gp_vhost_frame *frame, struct gp_vhost_message *message);

/* The reply to a request. Zeroed, it is none: some requests have none of their own. */
struct gp_vhost_reply {
	uint32_t request, flags, size;
	uint8_t payload[12 + GP_VHOST_CONFIG_MAX]; // first size
};
void gp_vhost_reply_u64(struct gp_vhost_reply *reply, uint64_t value);
/* Does not wait: a front end that waits for a reply has room for it. False with errno. */
bool gp_vhost_reply_send(struct gp_vhost_reply *reply, uint32_t request, int socket);

/* The name of a request for log lines, "SET_OWNER"; never NULL. */
const char *gp_vhost_request_name(uint32_t number);

/**
 * Reads from a stream socket until a frame is whole, never waiting. Returns 1 when one is (call
 * gp_vhost_reader_next before the next read), 0 if more must come, -errno on error: -ECONNRESET at
 * the end of the stream, -EPROTO for a header with a payload over the limit or more descriptors
 * than allowed. On error all descriptors are closed. State is kept in reader between calls.
 */
struct gp_vhost_reader {
	struct gp_vhost_frame frame;
	size_t got; // bytes of header and payload so far
};
void gp_vhost_reader_init(struct gp_vhost_reader *reader);
int gp_vhost_reader_read(struct gp_vhost_reader *reader, int socket);
/* Closes the descriptors that nobody took and is ready for the next frame. */
void gp_vhost_reader_next(struct gp_vhost_reader *reader);

#endif

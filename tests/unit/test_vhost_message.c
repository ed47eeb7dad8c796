#include "vmm-bridge/vhost/message.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"

static int count_fds(void) {
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

/* Decoding. */

static struct gp_vhost_frame *frame;
static struct gp_vhost_message message;

static const char *decode(uint32_t request, const void *payload, uint32_t size, size_t n_fds) {
	*frame = (struct gp_vhost_frame){
		.request = request, .flags = GP_VHOST_VERSION, .size = size, .n_fds = n_fds};
	memcpy(frame->payload, payload, size);
	memset(&message, 0xa5, sizeof(message));
	return gp_vhost_decode(frame, &message);
}

static int setup_frame(void **state) {
	frame = malloc(sizeof(*frame));
	return 0;
}

static int teardown_frame(void **state) {
	free(frame);
	return 0;
}

static void test_decode_flags(void **state) {
	static const struct {
		uint32_t flags;
		bool good, need_reply;
	} rows[] = {
		{1, true, false},
		{1 | GP_VHOST_NEED_REPLY, true, true},
		{0, false, false},
		{2, false, false},
		{3, false, false},
		{1 | GP_VHOST_REPLY, false, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*frame = (struct gp_vhost_frame){
			.request = GP_VHOST_GET_FEATURES, .flags = rows[i].flags};
		assert_int_equal(gp_vhost_decode(frame, &message) == NULL, rows[i].good);
		if (rows[i].good) {
			assert_int_equal(message.request, GP_VHOST_GET_FEATURES);
			assert_int_equal(message.need_reply, rows[i].need_reply);
		}
	}
}

/* Each known request: the one size that is right, and how many descriptors. */
static const struct {
	uint32_t request, size;
	size_t fds_min, fds_max;
} shapes[] = {
	{GP_VHOST_GET_FEATURES, 0, 0, 0},
	{GP_VHOST_SET_FEATURES, 8, 0, 0},
	{GP_VHOST_SET_OWNER, 0, 0, 0},
	{GP_VHOST_RESET_OWNER, 0, 0, 0},
	{GP_VHOST_SET_VRING_NUM, 8, 0, 0},
	{GP_VHOST_SET_VRING_ADDR, 40, 0, 0},
	{GP_VHOST_SET_VRING_BASE, 8, 0, 0},
	{GP_VHOST_GET_VRING_BASE, 8, 0, 0},
	{GP_VHOST_SET_VRING_KICK, 8, 1, 1},
	{GP_VHOST_SET_VRING_CALL, 8, 1, 1},
	{GP_VHOST_SET_VRING_ERR, 8, 1, 1},
	{GP_VHOST_GET_PROTOCOL_FEATURES, 0, 0, 0},
	{GP_VHOST_SET_PROTOCOL_FEATURES, 8, 0, 0},
	{GP_VHOST_GET_QUEUE_NUM, 0, 0, 0},
	{GP_VHOST_SET_VRING_ENABLE, 8, 0, 0},
	{GP_VHOST_SET_BACKEND_REQ_FD, 0, 1, 1},
	{GP_VHOST_RESET_DEVICE, 0, 0, 0},
	{GP_VHOST_GET_MAX_MEM_SLOTS, 0, 0, 0},
	{GP_VHOST_ADD_MEM_REG, 40, 1, 1},
	{GP_VHOST_REM_MEM_REG, 40, 0, 1},
	{GP_VHOST_SET_STATUS, 8, 0, 0},
	{GP_VHOST_GET_STATUS, 0, 0, 0},
};

static void test_decode_shapes(void **state) {
	static const uint8_t zeros[64];
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (uint32_t size = 0; size <= 64; size++) {
			for (size_t n = 0; n <= GP_VHOST_FDS_MAX; n++) {
				bool good = size == shapes[i].size && n >= shapes[i].fds_min &&
					n <= shapes[i].fds_max;
				const char *error = decode(shapes[i].request, zeros, size, n);
				if ((error == NULL) != good) {
					fail_msg("%s, %u bytes, %zu fds: %s",
						gp_vhost_request_name(shapes[i].request), size, n,
						error != NULL ? error : "accepted");
				}
			}
		}
		assert_string_not_equal(
			gp_vhost_request_name(shapes[i].request), "unknown request");
	}
}

static void test_decode_unknown(void **state) {
	static const uint32_t requests[] = {0, 6, 7, 33, 35, 41, 1000, UINT32_MAX};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		assert_null(decode(requests[i], "abcd", 4, 3));
		assert_int_equal(message.request, requests[i]);
		assert_string_equal(gp_vhost_request_name(requests[i]), "unknown request");
	}
}

static void test_decode_values(void **state) {
	const uint64_t u64 = 0x123456789abcdef0;
	assert_null(decode(GP_VHOST_SET_FEATURES, &u64, 8, 0));
	assert_true(message.u64 == u64);

	const uint32_t vring[] = {3, 512};
	assert_null(decode(GP_VHOST_SET_VRING_NUM, vring, 8, 0));
	assert_int_equal(message.vring_state.index, 3);
	assert_int_equal(message.vring_state.num, 512);

	const struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr = {1, 2, 0x1000, 0x2000, 0x3000, 0x4000};
	assert_null(decode(GP_VHOST_SET_VRING_ADDR, &addr, 40, 0));
	assert_int_equal(message.vring_addr.index, 1);
	assert_int_equal(message.vring_addr.flags, 2);
	assert_int_equal(message.vring_addr.desc, 0x1000);
	assert_int_equal(message.vring_addr.used, 0x2000);
	assert_int_equal(message.vring_addr.avail, 0x3000);
	assert_int_equal(message.vring_addr.log, 0x4000);

	const uint64_t region[] = {~UINT64_C(0), 1, 2, 3, 4};
	assert_null(decode(GP_VHOST_ADD_MEM_REG, region, 40, 1));
	assert_int_equal(message.region.gpa, 1);
	assert_int_equal(message.region.size, 2);
	assert_int_equal(message.region.uva, 3);
	assert_int_equal(message.region.file_offset, 4);
}

static void test_decode_vring_fd(void **state) {
	static const struct {
		uint64_t value;
		size_t n_fds;
		bool good, no_fd;
		uint32_t index;
	} rows[] = {
		{0, 1, true, false, 0},
		{255, 1, true, false, 255},
		{0x101, 0, true, true, 1},
		{0x101, 1, false, false, 0},
		{1, 0, false, false, 0},
		{0xffffffffffffff02, 0, true, true, 2}, // further bits are reserved
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *error =
			decode(GP_VHOST_SET_VRING_CALL, &rows[i].value, 8, rows[i].n_fds);
		assert_int_equal(error == NULL, rows[i].good);
		if (rows[i].good) {
			assert_int_equal(message.vring_fd.no_fd, rows[i].no_fd);
			assert_int_equal(message.vring_fd.index, rows[i].index);
		}
	}
}

static void test_decode_table(void **state) {
	uint64_t payload[1 + 4 * 9] = {0};
	for (uint32_t count = 0; count <= 9; count++) {
		const uint32_t header[] = {count, 0xdeadbeef}; // and padding
		memcpy(payload, header, sizeof(header));
		for (uint32_t i = 0; i < count * 4; i++) {
			payload[1 + i] = 100 + i;
		}
		uint32_t size = 8 + count * 32;
		const char *error = decode(GP_VHOST_SET_MEM_TABLE, payload, size, count);
		assert_int_equal(error == NULL, count <= 8);
		if (count > 8) {
			break;
		}
		assert_int_equal(message.table.count, count);
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(message.table.regions[i].gpa, 100 + i * 4);
			assert_int_equal(message.table.regions[i].size, 101 + i * 4);
			assert_int_equal(message.table.regions[i].uva, 102 + i * 4);
			assert_int_equal(message.table.regions[i].file_offset, 103 + i * 4);
		}
		assert_non_null(decode(GP_VHOST_SET_MEM_TABLE, payload, size, count + 1));
		assert_non_null(decode(GP_VHOST_SET_MEM_TABLE, payload, size + 1, count));
		assert_non_null(decode(GP_VHOST_SET_MEM_TABLE, payload, size - 1, count));
		if (count > 0) {
			assert_non_null(decode(GP_VHOST_SET_MEM_TABLE, payload, size, count - 1));
		}
	}
	const uint32_t huge[] = {UINT32_MAX, 0};
	memcpy(payload, huge, sizeof(huge));
	assert_non_null(decode(GP_VHOST_SET_MEM_TABLE, payload, 8, 0));
	assert_non_null(decode(GP_VHOST_SET_MEM_TABLE, payload, 4, 0));
	assert_non_null(decode(GP_VHOST_SET_MEM_TABLE, payload, 0, 0));
}

static void test_decode_config(void **state) {
	static const struct {
		uint32_t offset, size, frame_size;
		bool good;
	} rows[] = {
		{0, 24, 36, true},
		{0, 0, 12, true},
		{256, 0, 12, true},
		{0, 256, 268, true},
		{255, 1, 13, true},
		{256, 1, 13, false},
		{0, 257, 269, false},
		{UINT32_MAX, 1, 13, false},
		{1, UINT32_MAX, 12, false},
		{0, 24, 35, false},
		{0, 24, 37, false},
		{0, 24, 12, false},
		{0, 0, 11, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t payload[512];
		memset(payload, 0x77, sizeof(payload));
		const uint32_t header[] = {rows[i].offset, rows[i].size, 9};
		memcpy(payload, header, sizeof(header));
		const char *error = decode(GP_VHOST_SET_CONFIG, payload, rows[i].frame_size, 0);
		assert_int_equal(error == NULL, rows[i].good);
		if (rows[i].good) {
			assert_int_equal(message.config.offset, rows[i].offset);
			assert_int_equal(message.config.size, rows[i].size);
			assert_int_equal(message.config.flags, 9);
			assert_memory_equal(message.config.bytes, payload + 12, rows[i].size);
		}
		assert_non_null(decode(GP_VHOST_GET_CONFIG, payload, rows[i].frame_size, 1));
	}
}

/* Reading. */

static struct gp_vhost_reader *reader;
static int ours, theirs;
static int fds_before;

static int setup_reader(void **state) {
	int pair[2];
	fds_before = count_fds();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		return -1;
	}
	ours = pair[0];
	theirs = pair[1];
	reader = malloc(sizeof(*reader));
	memset(reader, 0xa5, sizeof(*reader));
	gp_vhost_reader_init(reader);
	return 0;
}

static int teardown_reader(void **state) {
	gp_vhost_reader_next(reader);
	free(reader);
	gp_fd_close(&ours);
	gp_fd_close(&theirs);
	return count_fds() == fds_before ? 0 : -1; // no descriptor is left behind
}

/* Sends bytes with n_fds new descriptors, of which none stays here. */
static void put(const void *bytes, size_t size, size_t n_fds) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[64];
	for (size_t i = 0; i < n_fds; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		assert_int_not_equal(fds[i], -1);
	}
	if (n_fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(theirs, &msg, MSG_NOSIGNAL), size);
	for (size_t i = 0; i < n_fds; i++) {
		close(fds[i]);
	}
}

static void put_header(uint32_t request, uint32_t size, size_t n_fds) {
	const uint32_t header[] = {request, GP_VHOST_VERSION, size};
	put(header, sizeof(header), n_fds);
}

static int read_frame(void) {
	return gp_vhost_reader_read(reader, ours);
}

static void test_read_frame(void **state) {
	const uint32_t bytes[] = {GP_VHOST_SET_FEATURES, 9, 8, 0x11111111, 0x22222222};
	assert_int_equal(read_frame(), 0);
	put(bytes, sizeof(bytes), 0);
	assert_int_equal(read_frame(), 1);
	assert_int_equal(reader->frame.request, GP_VHOST_SET_FEATURES);
	assert_int_equal(reader->frame.flags, 9);
	assert_int_equal(reader->frame.size, 8);
	assert_memory_equal(reader->frame.payload, bytes + 3, 8);
	assert_int_equal(reader->frame.n_fds, 0);
	gp_vhost_reader_next(reader);
	assert_int_equal(read_frame(), 0);
}

static void test_read_byte_by_byte(void **state) {
	const uint32_t words[] = {GP_VHOST_ADD_MEM_REG, 1, 40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	const uint8_t *bytes = (const uint8_t *)words;
	for (size_t i = 0; i < sizeof(words); i++) {
		assert_int_equal(read_frame(), 0);
		put(bytes + i, 1, i == 0 ? 1 : 0);
	}
	assert_int_equal(read_frame(), 1);
	assert_int_equal(reader->frame.n_fds, 1);
	assert_memory_equal(reader->frame.payload, words + 3, 40);
}

/* Descriptors belong to the frame in whose bytes they come, wherever. */
static void test_read_fds_in_the_middle(void **state) {
	put_header(GP_VHOST_SET_MEM_TABLE, 8, 0);
	put("1234", 4, 3);
	assert_int_equal(read_frame(), 0);
	put("5678", 4, 5);
	assert_int_equal(read_frame(), 1);
	assert_int_equal(reader->frame.n_fds, 8);
	assert_memory_equal(reader->frame.payload, "12345678", 8);
	for (size_t i = 0; i < 8; i++) {
		assert_int_not_equal(reader->frame.fds[i], -1);
	}
}

static void test_read_many_frames(void **state) {
	for (uint32_t i = 0; i < 20; i++) {
		put_header(100 + i, 4, i % 3);
		put(&i, 4, 0);
	}
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(read_frame(), 1);
		assert_int_equal(reader->frame.request, 100 + i);
		assert_int_equal(reader->frame.n_fds, i % 3);
		assert_memory_equal(reader->frame.payload, &i, 4);
		if (i % 2 == 1 && reader->frame.n_fds > 0) {
			int taken = gp_fd_take(&reader->frame.fds[0]);
			gp_vhost_reader_next(reader);
			assert_int_equal(close(taken), 0); // next left it alone
		}
		gp_vhost_reader_next(reader);
	}
	assert_int_equal(read_frame(), 0);
}

static void test_read_too_many_fds(void **state) {
	put_header(GP_VHOST_SET_MEM_TABLE, 0, GP_VHOST_FDS_MAX + 1);
	assert_int_equal(read_frame(), -EPROTO);
	assert_int_equal(reader->frame.n_fds, 0);
}

static void test_read_far_too_many_fds(void **state) {
	put_header(GP_VHOST_SET_MEM_TABLE, 0, 64);
	assert_int_equal(read_frame(), -EPROTO);
}

static void test_read_too_many_fds_in_pieces(void **state) {
	put_header(GP_VHOST_SET_MEM_TABLE, 8, 6);
	put("12345678", 8, 3);
	assert_int_equal(read_frame(), -EPROTO);
}

static void test_read_payload_limit(void **state) {
	uint8_t *bytes = calloc(1, GP_VHOST_PAYLOAD_MAX);
	put_header(1, GP_VHOST_PAYLOAD_MAX, 0);
	put(bytes, GP_VHOST_PAYLOAD_MAX, 0);
	free(bytes);
	assert_int_equal(read_frame(), 1);
	gp_vhost_reader_next(reader);
	put_header(1, GP_VHOST_PAYLOAD_MAX + 1, 2);
	assert_int_equal(read_frame(), -EPROTO);
}

static void test_read_payload_of_4_gib(void **state) {
	put_header(1, UINT32_MAX, 0);
	assert_int_equal(read_frame(), -EPROTO);
}

static void test_read_end(void **state) {
	gp_fd_close(&theirs);
	assert_int_equal(read_frame(), -ECONNRESET);
}

static void test_read_end_in_frame(void **state) {
	put_header(GP_VHOST_ADD_MEM_REG, 40, 1);
	put("1234", 4, 1);
	assert_int_equal(read_frame(), 0);
	gp_fd_close(&theirs);
	assert_int_equal(read_frame(), -ECONNRESET);
	assert_int_equal(reader->frame.n_fds, 0);
}

#define DECODE(name) cmocka_unit_test_setup_teardown(name, setup_frame, teardown_frame)
#define READ(name) cmocka_unit_test_setup_teardown(name, setup_reader, teardown_reader)

int main(void) {
	const struct CMUnitTest tests[] = {
		DECODE(test_decode_flags),
		DECODE(test_decode_shapes),
		DECODE(test_decode_unknown),
		DECODE(test_decode_values),
		DECODE(test_decode_vring_fd),
		DECODE(test_decode_table),
		DECODE(test_decode_config),
		READ(test_read_frame),
		READ(test_read_byte_by_byte),
		READ(test_read_fds_in_the_middle),
		READ(test_read_many_frames),
		READ(test_read_too_many_fds),
		READ(test_read_far_too_many_fds),
		READ(test_read_too_many_fds_in_pieces),
		READ(test_read_payload_limit),
		READ(test_read_payload_of_4_gib),
		READ(test_read_end),
		READ(test_read_end_in_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Wrong input over the real sockets: each command's error codes, rings that break the rules, and
 * frames that are no vhost-user frames. The bridge lives through all of it and serves the next.
 */

#include <errno.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "tests/e2e/vm.h"
#include "vmm-bridge/vhost/message.h"

#define E_UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define E_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define E_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define E_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

static const struct gp_rect whole = {0, 0, W, H};

/* The answer to a command that has only to be sent. */
static uint32_t answer(struct vm *vm, const void *command, size_t size) {
	struct {
		struct virtio_gpu_ctrl_hdr hdr;
		uint8_t more[2048];
	} response;
	return gg_command(&vm->fe, command, size, &response, sizeof(response));
}

static uint32_t create_2d(struct vm *vm, uint32_t id, uint32_t format, uint32_t w, uint32_t h) {
	return gg_create_2d(&vm->fe, id, format, w, h);
}

static uint32_t create_blob(struct vm *vm, uint32_t id, uint32_t mem, uint64_t size,
	uint32_t n_entries, const struct virtio_gpu_mem_entry *entries) {
	struct {
		struct virtio_gpu_resource_create_blob command;
		struct virtio_gpu_mem_entry entries[4];
	} message = {.command = {
			     .hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
			     .resource_id = id,
			     .blob_mem = mem,
			     .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
			     .size = size,
			     .nr_entries = n_entries,
		     }};
	size_t sent = n_entries < 4 ? n_entries : 4;
	for (size_t i = 0; entries && i < sent; i++) {
		message.entries[i] = entries[i];
	}
	return answer(vm, &message, sizeof(message.command) + sent * sizeof(entries[0]));
}

static uint32_t create_blob_at(
	struct vm *vm, uint32_t id, uint64_t size, uint64_t gpa, uint32_t length) {
	struct virtio_gpu_mem_entry entry = {.addr = gpa, .length = length};
	return create_blob(vm, id, VIRTIO_GPU_BLOB_MEM_GUEST, size, 1, &entry);
}

/* C1 and B11, C2: every code over the wire. */
static void test_codes(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &blob, 1, RED);
	uint64_t gpa = fe_alloc(&vm.fe, SIZE);

	/* CREATE_2D. */
	const uint32_t xrgb = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM;
	assert_int_equal(create_2d(&vm, 0, xrgb, 64, 64), E_RESOURCE);
	assert_int_equal(create_2d(&vm, 1, xrgb, 64, 64), E_RESOURCE);
	assert_int_equal(create_2d(&vm, 2, 0, 64, 64), E_PARAMETER);
	assert_int_equal(create_2d(&vm, 2, xrgb, 0, 64), E_PARAMETER);
	assert_int_not_equal(create_2d(&vm, 2, xrgb, UINT32_MAX, UINT32_MAX), OK);
	assert_int_equal(create_2d(&vm, 2, xrgb, 64, 64), OK);

	/* CREATE_BLOB. */
	assert_int_equal(create_blob_at(&vm, 0, 4096, gpa, 4096), E_RESOURCE);
	assert_int_equal(create_blob_at(&vm, 1, 4096, gpa, 4096), E_RESOURCE);
	assert_int_equal(create_blob_at(&vm, 3, 8192, gpa, 4096), E_PARAMETER);
	assert_int_equal(
		create_blob(&vm, 3, VIRTIO_GPU_BLOB_MEM_HOST3D, 4096, 0, NULL), E_PARAMETER);
	assert_int_equal(create_blob_at(&vm, 3, 4096, 1ull << 40, 4096), E_UNSPEC);
	assert_int_equal(create_blob_at(&vm, 3, 4096, UINT64_MAX - 100, 4096), E_UNSPEC);
	assert_int_equal(
		create_blob(&vm, 3, VIRTIO_GPU_BLOB_MEM_GUEST, 4096, 16385, NULL), E_UNSPEC);
	/* No half-made resource is left; no entries are legal. */
	assert_int_equal(gg_unref(&vm.fe, 3), E_RESOURCE);
	assert_int_equal(create_blob(&vm, 3, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, 0, NULL), OK);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 3, W, H), E_RESOURCE);

	/* ATTACH, DETACH, UNREF. */
	assert_int_equal(gg_attach(&vm.fe, 99, gpa, SIZE), E_RESOURCE);
	assert_int_equal(gg_attach(&vm.fe, 1, gpa, SIZE), E_UNSPEC);
	assert_int_equal(gg_attach(&vm.fe, 3, 1ull << 40, SIZE), E_UNSPEC);
	assert_int_equal(gg_attach(&vm.fe, 3, gpa, SIZE), OK);
	assert_int_equal(gg_detach(&vm.fe, 99), E_RESOURCE);
	assert_int_equal(gg_unref(&vm.fe, 99), E_RESOURCE);

	/* TRANSFER. */
	assert_int_equal(gg_transfer(&vm.fe, 99, &(struct gp_rect){0, 0, 1, 1}, 0), E_RESOURCE);
	assert_int_equal(gg_attach(&vm.fe, 2, gpa, 64 * 64 * 4), OK);
	assert_int_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
	assert_int_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){1, 0, 64, 64}, 0), E_PARAMETER);
	assert_int_equal(
		gg_transfer(&vm.fe, 2, &(struct gp_rect){UINT32_MAX, 0, 2, 1}, 0), E_PARAMETER);
	assert_int_not_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, 4), OK);
	assert_int_not_equal(
		gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, UINT64_MAX - 3), OK);

	/* SET_SCANOUT. */
	assert_int_equal(gg_set_scanout(&vm.fe, 1, 2, &(struct gp_rect){0, 0, 64, 64}), E_SCANOUT);
	assert_int_equal(gg_set_scanout(&vm.fe, 16, 0, &(struct gp_rect){0}), E_SCANOUT);
	assert_int_equal(
		gg_set_scanout(&vm.fe, 0, 99, &(struct gp_rect){0, 0, 64, 64}), E_RESOURCE);
	assert_int_equal(
		gg_set_scanout(&vm.fe, 0, 2, &(struct gp_rect){0, 0, 65, 64}), E_PARAMETER);
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 2, &(struct gp_rect){0, 0, 8, 8}), E_PARAMETER);

	/* SET_SCANOUT_BLOB. */
	const struct virtio_gpu_set_scanout_blob good = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = {.width = W, .height = H},
		.resource_id = 1,
		.width = W,
		.height = H,
		.format = xrgb,
		.strides = {W * 4},
	};
	struct virtio_gpu_set_scanout_blob bad = good;
#define BAD(change, code)                                                                          \
	bad = good;                                                                                \
	bad.change;                                                                                \
	assert_int_equal(answer(&vm, &bad, sizeof(bad)), code)
	BAD(scanout_id = 1, E_SCANOUT);
	BAD(scanout_id = UINT32_MAX, E_SCANOUT);
	BAD(resource_id = 99, E_RESOURCE);
	BAD(resource_id = 2, E_RESOURCE); // 2D
	BAD(format = 0, E_PARAMETER);
	BAD(format = UINT32_MAX, E_PARAMETER);
	BAD(strides[0] = W * 4 - 4, E_PARAMETER);
	BAD(strides[0] = 0, E_PARAMETER);
	BAD(strides[0] = UINT32_MAX, E_PARAMETER);
	BAD(offsets[0] = 4, E_PARAMETER);
	BAD(offsets[0] = UINT32_MAX, E_PARAMETER);
	BAD(height = H + 1, E_PARAMETER);
	BAD(height = UINT32_MAX, E_PARAMETER);
	BAD(width = 0, E_PARAMETER);
	BAD(r.width = 15, E_PARAMETER);
	BAD(r.height = 15, E_PARAMETER);
	BAD(r.width = W + 1, E_PARAMETER);
	BAD(r.x = 1, E_PARAMETER);
	BAD(r.y = UINT32_MAX, E_PARAMETER);

	/* FLUSH. */
	assert_int_equal(gg_flush(&vm.fe, 99, &whole, true), E_RESOURCE);
	assert_int_equal(gg_flush(&vm.fe, 2, &(struct gp_rect){0, 0, 65, 64}, true), E_PARAMETER);

	/* GET_EDID, and what is not offered. */
	struct virtio_gpu_cmd_get_edid edid = {.hdr.type = VIRTIO_GPU_CMD_GET_EDID, .scanout = 16};
	assert_int_not_equal(answer(&vm, &edid, sizeof(edid)), VIRTIO_GPU_RESP_OK_EDID);
	const uint32_t others[] = {0, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
		VIRTIO_GPU_CMD_CTX_CREATE, VIRTIO_GPU_CMD_SUBMIT_3D, 0xffffffff};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct virtio_gpu_ctrl_hdr command = {.type = others[i]};
		assert_int_equal(answer(&vm, &command, sizeof(command)), E_UNSPEC);
	}
	/* Too short: the bare header of a command that has more. */
	struct virtio_gpu_ctrl_hdr header = {.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB};
	assert_int_equal(answer(&vm, &header, sizeof(header)), E_UNSPEC);

	/* Nothing of all this changed what is shown. */
	vm_assert_color(&vm, OUTPUT, RED);
	vm_flush(&vm, 1, 0, 0, W, H);
	assert_true(vm_counter(&vm, "guest_errors") > 30);
	vm_finish(&vm);
}

/* What is refused on the cursor queue is told nobody; it must only do no harm. */
static void test_cursor_queue(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	gg_cursor(&vm.fe, 0, 99, 0, 0, 0, 0); // no such resource
	gg_cursor(&vm.fe, 16, 1, 0, 0, 0, 0); // no such scanout
	gg_cursor(&vm.fe, 0, 1, 0, 0, 1000000, 5000); // hotspot far outside
	gg_move_cursor(&vm.fe, UINT32_MAX, 0, 0);
	gg_move_cursor(&vm.fe, 0, INT32_MIN, INT32_MAX);
	assert_int_equal(create_blob(&vm, 2, VIRTIO_GPU_BLOB_MEM_GUEST, 64 * 64 * 4, 0, NULL), OK);
	gg_cursor(&vm.fe, 0, 2, 10, 10, 0, 0); // no memory behind it
	gg_cursor(&vm.fe, 0, 0, 0, 0, 0, 0);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, RED);
	vm_finish(&vm);
}

/* Rings that break the rules break the queue, not the bridge; a reset mends them. */
static void test_rings(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	for (unsigned path = 0; path < 7; path++) {
		vm_show_new(&vm, &red, 1, RED);
		uint64_t gpa = fe_alloc(&vm.fe, 4096);
		switch (path) {
		case 0: // a loop
			fe_write_desc(&vm.fe, 0, 100, gpa, 32, VRING_DESC_F_NEXT, 101);
			fe_write_desc(&vm.fe, 0, 101, gpa, 32, VRING_DESC_F_NEXT, 100);
			fe_offer(&vm.fe, 0, 100, true);
			break;
		case 1: // outside memory
			fe_write_desc(&vm.fe, 0, 100, 1ull << 50, 32, 0, 0);
			fe_offer(&vm.fe, 0, 100, true);
			break;
		case 2: // no such descriptor
			fe_offer(&vm.fe, 0, 60000, true);
			break;
		case 3: // next out of range
			fe_write_desc(&vm.fe, 0, 100, gpa, 32, VRING_DESC_F_NEXT, 60000);
			fe_offer(&vm.fe, 0, 100, true);
			break;
		case 4: // writable before readable
			fe_write_desc(&vm.fe, 0, 100, gpa, 32,
				VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 101);
			fe_write_desc(&vm.fe, 0, 101, gpa, 32, 0, 0);
			fe_offer(&vm.fe, 0, 100, true);
			break;
		case 5: // wraps
			fe_write_desc(&vm.fe, 0, 100, UINT64_MAX - 8, 4096, 0, 0);
			fe_offer(&vm.fe, 0, 100, true);
			break;
		case 6: // an indirect table that is none
			fe_write_desc(&vm.fe, 0, 100, gpa, 17, VRING_DESC_F_INDIRECT, 0);
			fe_offer(&vm.fe, 0, 100, true);
			break;
		}
		host_sleep_ms(50);
		assert_true(host_alive(vm.bridge));
		vm_disconnect(&vm);
		vm_connect(&vm);
	}
	vm_show_new(&vm, &red, 1, BLUE);
	vm_finish(&vm);
}

/* A response buffer that is too small, or absent, gets what fits. */
static void test_small_response(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	uint32_t written;
	uint8_t in[64];
	vm_start(&vm, host, 0, NULL);
	struct virtio_gpu_ctrl_hdr command = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	const size_t sizes[] = {0, 1, 23, 24, 25};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int head = fe_submit(&vm.fe, 0, &command, sizeof(command), sizes[i]);
		assert_true(head >= 0);
		assert_int_equal(fe_wait_used(&vm.fe, 0, in, sizeof(in), &written, WAIT_MS), head);
		assert_true(written <= sizes[i]);
	}
	/* The command in pieces, by an indirect table. */
	int head = fe_submit_indirect(&vm.fe, 0, &command, sizeof(command), 5, 512);
	if (head >= 0) {
		assert_int_equal(fe_wait_used(&vm.fe, 0, in, sizeof(in), &written, WAIT_MS), head);
		assert_int_equal(((struct virtio_gpu_ctrl_hdr *)(void *)in)->type,
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
	vm_show_new(&vm, &red, 1, RED);
	vm_finish(&vm);
}

/* Frames. */

static void send_request(struct fe *fe, uint32_t request, uint32_t flags, uint32_t size) {
	const uint32_t header[3] = {request, flags, size};
	assert_int_equal(send(fe->socket, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
}

static void send_u64(struct fe *fe, uint32_t request, uint64_t value) {
	assert_true(fe_send(fe, request, GP_VHOST_VERSION, &value, sizeof(value), NULL, 0));
}

/* Sends a bad frame of that number; false if there is none. */
static bool send_bad(struct fe *fe, unsigned number) {
	uint8_t zeros[64] = {0};
	const uint32_t v = GP_VHOST_VERSION;
	switch (number) {
	case 0: // a payload that is too large
		send_request(fe, GP_VHOST_GET_FEATURES, v, UINT32_MAX);
		return true;
	case 1: // version 2
		send_request(fe, GP_VHOST_GET_FEATURES, 2, 0);
		return true;
	case 2: // a payload of the wrong size
		return fe_send(fe, GP_VHOST_SET_FEATURES, v, zeros, 4, NULL, 0);
	case 3: // more regions than there is room for
		memset(zeros, 0xff, 8);
		return fe_send(fe, GP_VHOST_SET_MEM_TABLE, v, zeros, 8, NULL, 0);
	case 4: // a region without a descriptor
		zeros[8] = 1;
		return fe_send(fe, GP_VHOST_ADD_MEM_REG, v, zeros, 40, NULL, 0);
	case 5: // a queue that does not exist
		memset(zeros, 0x7f, 4);
		return fe_send(fe, GP_VHOST_SET_VRING_NUM, v, zeros, 8, NULL, 0);
	case 6: // features that were not offered
		send_u64(fe, GP_VHOST_SET_FEATURES, UINT64_MAX);
		return true;
	case 7: // rings outside all memory
		memset(zeros + 8, 0x41, 32);
		return fe_send(fe, GP_VHOST_SET_VRING_ADDR, v, zeros, 40, NULL, 0);
	case 8: // a kick descriptor that is not one
		return fe_send(fe, GP_VHOST_SET_VRING_KICK, v, zeros, 8, NULL, 0);
	case 9: { // more descriptors than anything has
		int fds[16];
		for (size_t i = 0; i < 16; i++) {
			fds[i] = fe->ram_fd;
		}
		return fe_send(fe, GP_VHOST_GET_FEATURES, v, NULL, 0, fds, 16);
	}
	default:
		return false;
	}
}

/* Whether the other side closes within that time; replies on the way are skipped. */
static bool dropped(struct fe *fe, int timeout_ms) {
	uint8_t buf[256];
	struct pollfd fd = {.fd = fe->socket, .events = POLLIN};
	while (poll(&fd, 1, timeout_ms) == 1) {
		ssize_t n = recv(fe->socket, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			return true;
		}
	}
	return false;
}

/* The next VMM is served, whatever this one did. */
static void test_frames(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_disconnect(&vm);
	assert_true(host_wait_string(vm.bridge, "vmm", "waiting", WAIT_MS));
	unsigned fds = host_count_fds(vm_worker(&vm));
	bool more = true;
	for (unsigned number = 0; more; number++) {
		struct fe fe;
		assert_true(fe_connect(&fe, host->vhost_sockets[0], -1));
		more = send_bad(&fe, number);
		/* Frames that no sense can be made of end the connection. */
		if (more && number < 6 && !dropped(&fe, WAIT_MS)) {
			fail_msg("frame %u: the connection lives on", number);
		}
		fe_finish(&fe);
		assert_true(host_alive(vm.bridge));
	}
	/* Half a header, and silence; and nothing at all. */
	for (unsigned i = 0; i < 2; i++) {
		struct fe fe;
		assert_true(fe_connect(&fe, host->vhost_sockets[0], -1));
		if (i == 0) {
			assert_int_equal(send(fe.socket, "\1\0\0\0\1", 5, MSG_NOSIGNAL), 5);
		}
		fe_finish(&fe);
	}
	assert_true(host_wait_string(vm.bridge, "vmm", "waiting", WAIT_MS));
	host_sleep_ms(100);
	assert_true(host_wait_fds(vm_worker(&vm), fds, WAIT_MS));
	vm_connect(&vm);
	vm_show_new(&vm, &red, 1, RED);

	/* In the middle of work. */
	send_request(&vm.fe, GP_VHOST_GET_FEATURES, GP_VHOST_VERSION, UINT32_MAX);
	assert_true(dropped(&vm.fe, WAIT_MS));
	vm_assert_status_screen(&vm, OUTPUT, RED);
	vm_disconnect(&vm);
	vm_connect(&vm);
	vm_show_new(&vm, &red, 1, BLUE);
	vm_finish(&vm);
}

/* A front end that is there blocks no control socket, and a second one waits or is refused. */
static void test_second_front_end(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	struct fe second;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	bool connected = fe_connect(&second, host->vhost_sockets[0], -1);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, RED);
	assert_true(host_wait_string(vm.bridge, "vmm", "running", WAIT_MS));
	if (connected) {
		fe_finish(&second);
	}
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_finish(&vm);
}

/* Front ends without memory slots tell their memory by one table. */
static void test_memory_table(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_disconnect(&vm);
	assert_true(fe_connect(&vm.fe, host->vhost_sockets[0], -1));
	vm.fe.table = true;
	assert_true(fe_negotiate(
		&vm.fe, 1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB));
	assert_true(fe_start(&vm.fe));
	vm_show_new(&vm, &red, 1, RED);
	vm_finish(&vm);
}

/* QEMU's generic device acks every bit (C8). */
static void test_sloppy_acks(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_disconnect(&vm);
	assert_true(fe_connect(&vm.fe, host->vhost_sockets[0], -1));
	vm.fe.sloppy_ack = true;
	assert_true(fe_negotiate(
		&vm.fe, 1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB));
	assert_true(fe_start(&vm.fe));
	vm_show_new(&vm, &red, 1, RED);
	/* Offered is what is done, and nothing else. */
	const uint64_t never = 1ull << 33 /* ACCESS_PLATFORM */ | 1ull << VIRTIO_GPU_F_VIRGL |
		1ull << VIRTIO_GPU_F_RESOURCE_UUID | 1ull << VIRTIO_GPU_F_CONTEXT_INIT;
	assert_int_equal(vm.fe.features & never, 0);
	assert_int_not_equal(vm.fe.features & 1ull << 32, 0); // VERSION_1
	assert_int_not_equal(vm.fe.features & 1ull << 28, 0); // RING_INDIRECT_DESC
	vm_finish(&vm);
}

static const struct host_case cases[] = {
	{"error codes", test_codes, 1},
	{"cursor queue", test_cursor_queue, 1},
	{"rings", test_rings, 1},
	{"small responses", test_small_response, 1},
	{"frames", test_frames, 1},
	{"second front end", test_second_front_end, 1},
	{"memory table", test_memory_table, 1},
	{"sloppy acks", test_sloppy_acks, 1},
};

int main(int argc, char **argv) {
	return vm_main("wire", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

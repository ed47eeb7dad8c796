#include "vmm-bridge/gpu/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/harness/gpu_wire.h"
#include "vmm-bridge/gpu/resource.h"

#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC

/* A chain over one buffer, cut into n pieces of nearly the same size. */
static struct gp_chain *chain_of(const void *bytes, size_t size, size_t n) {
	struct gp_chain *chain = calloc(1, sizeof(*chain));
	assert_non_null(chain);
	uint8_t *at = (uint8_t *)bytes;
	for (size_t i = 0; i < n; i++) {
		size_t part = size * (i + 1) / n - size * i / n;
		chain->out[chain->n_out++] = (struct iovec){at, part};
		at += part;
	}
	chain->out_size = size;
	return chain;
}

static uint32_t decode(
	const void *bytes, size_t size, size_t n, bool cursor, struct gp_gpu_command *command) {
	struct gp_chain *chain = chain_of(bytes, size, n);
	uint32_t error = gp_gpu_decode(chain, cursor, command);
	free(chain);
	return error;
}

static const struct {
	uint32_t type;
	size_t size; // of the fixed part
	bool cursor, supported;
	const char *name;
} types[] = {
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, sizeof(struct virtio_gpu_ctrl_hdr), false, true,
		"GET_DISPLAY_INFO"},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, sizeof(struct virtio_gpu_resource_create_2d), false,
		true, "RESOURCE_CREATE_2D"},
	{VIRTIO_GPU_CMD_RESOURCE_UNREF, sizeof(struct virtio_gpu_resource_unref), false, true,
		"RESOURCE_UNREF"},
	{VIRTIO_GPU_CMD_SET_SCANOUT, sizeof(struct virtio_gpu_set_scanout), false, true,
		"SET_SCANOUT"},
	{VIRTIO_GPU_CMD_RESOURCE_FLUSH, sizeof(struct virtio_gpu_resource_flush), false, true,
		"RESOURCE_FLUSH"},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, sizeof(struct virtio_gpu_transfer_to_host_2d), false,
		true, "TRANSFER_TO_HOST_2D"},
	{VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, sizeof(struct virtio_gpu_resource_attach_backing),
		false, true, "RESOURCE_ATTACH_BACKING"},
	{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, sizeof(struct virtio_gpu_resource_detach_backing),
		false, true, "RESOURCE_DETACH_BACKING"},
	{VIRTIO_GPU_CMD_GET_EDID, sizeof(struct virtio_gpu_cmd_get_edid), false, true, "GET_EDID"},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, sizeof(struct virtio_gpu_resource_create_blob), false,
		true, "RESOURCE_CREATE_BLOB"},
	{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, sizeof(struct virtio_gpu_set_scanout_blob), false, true,
		"SET_SCANOUT_BLOB"},
	{VIRTIO_GPU_CMD_UPDATE_CURSOR, sizeof(struct virtio_gpu_update_cursor), true, true,
		"UPDATE_CURSOR"},
	{VIRTIO_GPU_CMD_MOVE_CURSOR, sizeof(struct virtio_gpu_update_cursor), true, true,
		"MOVE_CURSOR"},
	{VIRTIO_GPU_CMD_GET_CAPSET_INFO, 200, false, false, "GET_CAPSET_INFO"},
	{VIRTIO_GPU_CMD_GET_CAPSET, 200, false, false, "GET_CAPSET"},
	{VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 200, false, false, "RESOURCE_ASSIGN_UUID"},
	{VIRTIO_GPU_CMD_CTX_CREATE, 200, false, false, "CTX_CREATE"},
	{VIRTIO_GPU_CMD_SUBMIT_3D, 200, false, false, "SUBMIT_3D"},
	{VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 200, false, false, "RESOURCE_MAP_BLOB"},
	{0, 200, false, false, "unknown"},
	{0x1100, 200, false, false, "unknown"},
	{UINT32_MAX, 200, false, false, "unknown"},
};

/* The right size and queue is accepted, a byte less or the other queue is not (C). */
static void test_types(void **state) {
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint8_t bytes[256] = {0};
		struct virtio_gpu_ctrl_hdr hdr = wire_hdr(types[i].type, 77);
		hdr.ctx_id = htole32(5);
		memcpy(bytes, &hdr, sizeof(hdr));
		bool cursor = types[i].cursor;
		struct gp_gpu_command command;
		uint32_t wanted = types[i].supported ? 0 : UNSPEC;
		assert_int_equal(decode(bytes, types[i].size, 1, cursor, &command), wanted);
		assert_int_equal(decode(bytes, types[i].size - 1, 1, cursor, &command), UNSPEC);
		assert_int_equal(decode(bytes, types[i].size, 1, !cursor, &command), UNSPEC);
		assert_string_equal(gp_gpu_command_name(types[i].type), types[i].name);
		if (types[i].size > sizeof(hdr)) {
			assert_int_equal(command.type, types[i].type);
			assert_true(command.fenced);
			assert_int_equal(command.fence_id, 77);
			assert_int_equal(command.ctx_id, 5);
		}
	}
}

static void test_no_header(void **state) {
	struct virtio_gpu_ctrl_hdr hdr = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 1);
	for (size_t size = 0; size < sizeof(hdr); size++) {
		struct gp_gpu_command command;
		assert_int_equal(decode(&hdr, size, 1, false, &command), UNSPEC);
		assert_false(command.fenced);
		assert_null(command.entries);
	}
}

/* The ring index flag belongs to CONTEXT_INIT, which is not offered (C4). */
static void test_flags(void **state) {
	struct virtio_gpu_ctrl_hdr hdr = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	hdr.flags = htole32(VIRTIO_GPU_FLAG_INFO_RING_IDX);
	struct gp_gpu_command command;
	assert_int_equal(decode(&hdr, sizeof(hdr), 1, false, &command), 0);
	assert_false(command.fenced);
}

static void test_values(void **state) {
	const struct gp_rect rect = {1, 2, 3, UINT32_MAX};
	struct gp_gpu_command c;

	struct virtio_gpu_set_scanout_blob blob = wire_set_scanout_blob(3, 9, 640, 480);
	blob.r = wire_rect(&rect);
	blob.offsets[0] = htole32(4096);
	/* In 96 pieces: every value is cut. */
	assert_int_equal(decode(&blob, sizeof(blob), sizeof(blob), false, &c), 0);
	assert_int_equal(c.set_scanout_blob.scanout, 3);
	assert_int_equal(c.set_scanout_blob.resource, 9);
	assert_int_equal(c.set_scanout_blob.width, 640);
	assert_int_equal(c.set_scanout_blob.height, 480);
	assert_int_equal(c.set_scanout_blob.format, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	assert_int_equal(c.set_scanout_blob.stride, 2560);
	assert_int_equal(c.set_scanout_blob.offset, 4096);
	assert_memory_equal(&c.set_scanout_blob.rect, &rect, sizeof(rect));

	struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(4, &rect, UINT64_MAX - 1);
	assert_int_equal(decode(&transfer, sizeof(transfer), 1, false, &c), 0);
	assert_int_equal(c.transfer.resource, 4);
	assert_true(c.transfer.offset == UINT64_MAX - 1);
	assert_memory_equal(&c.transfer.rect, &rect, sizeof(rect));

	struct virtio_gpu_resource_create_2d create = wire_create_2d(7, 67, 10, 20);
	assert_int_equal(decode(&create, sizeof(create), 1, false, &c), 0);
	assert_int_equal(c.create_2d.resource, 7);
	assert_int_equal(c.create_2d.format, 67);
	assert_int_equal(c.create_2d.width, 10);
	assert_int_equal(c.create_2d.height, 20);

	struct virtio_gpu_set_scanout set = wire_set_scanout(1, 2, &rect);
	assert_int_equal(decode(&set, sizeof(set), 1, false, &c), 0);
	assert_int_equal(c.set_scanout.scanout, 1);
	assert_int_equal(c.set_scanout.resource, 2);

	struct virtio_gpu_resource_flush flush = wire_flush(6, &rect, 0);
	assert_int_equal(decode(&flush, sizeof(flush), 1, false, &c), 0);
	assert_int_equal(c.flush.resource, 6);
	assert_memory_equal(&c.flush.rect, &rect, sizeof(rect));
}

/* Positions are signed (C5). */
static void test_cursor(void **state) {
	struct gp_gpu_command c;
	struct virtio_gpu_update_cursor wire =
		wire_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 2, -5, INT32_MIN, 3, UINT32_MAX);
	assert_int_equal(decode(&wire, sizeof(wire), 1, true, &c), 0);
	assert_int_equal(c.cursor.scanout, 1);
	assert_int_equal(c.cursor.resource, 2);
	assert_int_equal(c.cursor.x, -5);
	assert_int_equal(c.cursor.y, INT32_MIN);
	assert_int_equal(c.cursor.hot_x, 3);
	assert_int_equal(c.cursor.hot_y, UINT32_MAX);
	assert_false(c.cursor.move_only);
	wire.hdr.type = htole32(VIRTIO_GPU_CMD_MOVE_CURSOR);
	assert_int_equal(decode(&wire, sizeof(wire), 1, true, &c), 0);
	assert_true(c.cursor.move_only);
}

/* A command with a table of `there` entries that claims to have `claimed`. */
static uint32_t decode_table(bool blob, uint32_t claimed, uint32_t there, size_t pieces,
	struct gp_gpu_command *command) {
	size_t fixed = blob ? sizeof(struct virtio_gpu_resource_create_blob)
			    : sizeof(struct virtio_gpu_resource_attach_backing);
	size_t size = fixed + there * sizeof(struct virtio_gpu_mem_entry);
	uint8_t *bytes = calloc(1, size);
	assert_non_null(bytes);
	struct virtio_gpu_resource_create_blob create = wire_create_blob(8, 1ull << 40, claimed);
	struct virtio_gpu_resource_attach_backing attach = wire_attach(8, claimed);
	memcpy(bytes, blob ? (void *)&create : (void *)&attach, fixed);
	for (uint32_t i = 0; i < there; i++) {
		struct virtio_gpu_mem_entry entry = wire_entry(0x123456789000ull + i, 4096 + i);
		memcpy(bytes + fixed + i * sizeof(entry), &entry, sizeof(entry));
	}
	uint32_t error = decode(bytes, size, pieces, false, command);
	free(bytes);
	return error;
}

static const struct {
	uint32_t claimed, there;
	size_t pieces;
	uint32_t error;
} tables[] = {
	{0, 0, 1, 0},
	{1, 1, 1, 0},
	{1, 2, 1, 0},
	{129, 129, 100, 0},
	{8100, 8100, 33, 0}, // 4K, one page each
	{32400, 32400, 128, 0}, // 8K
	{32768, 32768, 1024, 0},
	{32769, 32769, 1, UNSPEC}, // A5
	{1, 0, 1, UNSPEC},
	{32768, 32767, 1, UNSPEC},
	{UINT32_MAX, 1, 1, UNSPEC},
	{0x10000000, 1, 1, UNSPEC}, // times 16 is 2^32
};

static void test_entries(void **state) {
	for (size_t i = 0; i < 2 * sizeof(tables) / sizeof(tables[0]); i++) {
		size_t row = i / 2;
		bool blob = i % 2 == 1;
		struct gp_gpu_command c;
		uint32_t error = decode_table(
			blob, tables[row].claimed, tables[row].there, tables[row].pieces, &c);
		assert_int_equal(error, tables[row].error);
		assert_int_equal(c.entries != NULL, error == 0 && tables[row].claimed > 0);
		for (uint32_t j = 0; c.entries != NULL && j < tables[row].claimed; j++) {
			assert_true(c.entries[j].gpa == 0x123456789000ull + j);
			assert_int_equal(c.entries[j].length, 4096 + j);
		}
		gp_gpu_command_finish(&c);
		assert_null(c.entries);
	}
}

static void test_create_blob(void **state) {
	struct gp_gpu_command c;
	assert_int_equal(decode_table(true, 2, 2, 3, &c), 0);
	assert_int_equal(c.create_blob.resource, 8);
	assert_int_equal(c.create_blob.blob_mem, VIRTIO_GPU_BLOB_MEM_GUEST);
	assert_int_equal(c.create_blob.blob_flags, VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE);
	assert_int_equal(c.create_blob.n_entries, 2);
	assert_true(c.create_blob.size == 1ull << 40);
	gp_gpu_command_finish(&c);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_no_header),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_create_blob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

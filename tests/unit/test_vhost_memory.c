#include "tests/harness/vhost_rig.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"

#define MIB (UINT64_C(1) << 20)

/* Memory (A1). */

static int make_file(uint64_t size) {
	int fd = memfd_create("region", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

#define MORE UINT64_C(0x40000000) // gpa of a second region, 1 GiB

static void test_region_comes_and_goes(void **state) {
	int fd = make_file(MIB);
	vr_connect_and_start();
	assert_true(fe_add_region(&fe, fd, MORE, MIB, FE_UVA + MORE, 0));
	assert_false(fe_add_region(&fe, fd, MORE + 4096, MIB, FE_UVA + 2 * MORE, 0)); // overlap
	uint8_t *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(map, "abc", 3);
	fe_write_desc(&fe, 0, 200, MORE, 3, VRING_DESC_F_NEXT, 201);
	fe_write_desc(&fe, 0, 201, MORE + 100, 3, VRING_DESC_F_WRITE, 0);
	fe_offer(&fe, 0, 200, true);
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS), 200);
	assert_memory_equal(map + 100, "bcd", 3);
	munmap(map, MIB);

	assert_false(fe_remove_region(&fe, MORE, MIB, FE_UVA));
	vr_assert_events("");
	assert_true(fe_remove_region(&fe, MORE, MIB, FE_UVA + MORE));
	vr_assert_events("drain0 drain1 removed@1024");
	assert_false(fe_remove_region(&fe, MORE, MIB, FE_UVA + MORE));
	vr_assert_echo(0);

	const uint64_t payload[] = {0, MORE, MIB, FE_UVA + MORE, 0};
	assert_true(fe_add_region(&fe, fd, MORE, MIB, FE_UVA + MORE, 0));
	assert_int_equal(
		fe_send_ack(&fe, GP_VHOST_REM_MEM_REG, payload, sizeof(payload), &fd, 1), 0);
	gp_fd_close(&fd);
}

/* RAM is taken away under the rings, and comes back: front ends re-split RAM like that. */
static void test_rings_go_and_come_back(void **state) {
	vr_connect_and_start();
	vr_assert_echo(0);
	vr.hold = true;
	int held = fe_submit(&fe, 1, "abc", 3, 4);
	while (vr.chains < 2) {
		usleep(1000);
	}
	assert_true(fe_remove_region(&fe, 0, FE_RAM_SIZE, FE_UVA));
	vr_assert_events("drain0 drain1 removed@0");
	assert_int_equal(fe_wait_used(&fe, 1, NULL, 0, NULL, VR_PATIENCE_MS), held);
	vr.hold = false;
	int head = fe_submit(&fe, 0, "abc", 3, 4);
	vr_assert_silent(0);
	assert_true(fe_add_region(&fe, fe.ram_fd, 0, FE_RAM_SIZE, FE_UVA, 0));
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS), head);
	vr_assert_echo(0);
	vr_assert_echo(1);
	vr_assert_events("");
}

static void test_stop_without_rings(void **state) {
	vr_connect_and_start();
	vr_assert_echo(0);
	assert_true(fe_remove_region(&fe, 0, FE_RAM_SIZE, FE_UVA));
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 1);
	assert_true(fe_add_region(&fe, fe.ram_fd, 0, FE_RAM_SIZE, FE_UVA, 0));
	assert_true(fe_restart(&fe, false));
	vr_assert_events("drain0 drain1 removed@0 drain0 drain1 PAUSED RUNNING");
	vr_assert_echo(0);
}

static void set_table(const uint64_t *regions, const int *fds, uint32_t count, bool good) {
	uint64_t payload[1 + 8 * 4] = {count};
	memcpy(payload + 1, regions, count * 4 * sizeof(uint64_t));
	int64_t ack = fe_send_ack(&fe, GP_VHOST_SET_MEM_TABLE, payload, 8 + count * 32, fds, count);
	assert_true(good ? ack == 0 : ack > 0);
}

/* A new table on a running device: what is the same stays, the rest is removed. */
static void test_table_replaced(void **state) {
	int files[] = {make_file(MIB), make_file(MIB)};
	const uint64_t regions[] = {
		MORE,
		MIB,
		FE_UVA + MORE,
		0, // a file
		0,
		FE_RAM_SIZE,
		FE_UVA,
		0, // RAM
		2 * MORE,
		MIB,
		FE_UVA + 2 * MORE,
		0, // another file
	};
	vr_connect_and_start();
	vr_assert_echo(0);
	set_table(regions, (const int[]){files[0], fe.ram_fd, files[1]}, 3, true);
	vr_assert_events("");
	vr_assert_echo(0);
	// The first gets another file, the third is removed.
	set_table(regions, (const int[]){files[1], fe.ram_fd}, 2, true);
	vr_assert_events("drain0 drain1 removed@1024 drain0 drain1 removed@2048");
	vr_assert_echo(0);
	// Twice the same is an overlap. What came before it is there.
	const uint64_t twice[] = {0, FE_RAM_SIZE, FE_UVA, 0, 0, FE_RAM_SIZE, FE_UVA, 0};
	set_table(twice, (const int[]){fe.ram_fd, fe.ram_fd}, 2, false);
	vr_assert_echo(0);
	gp_fd_close(&files[0]);
	gp_fd_close(&files[1]);
}

/* The same RAM under other borders in one message: the rings are in a new mapping. */
static void test_table_moves_rings(void **state) {
	const uint64_t split[] = {0, FE_RAM_SIZE / 2, FE_UVA, 0, //
		FE_RAM_SIZE / 2, FE_RAM_SIZE / 2, FE_UVA + FE_RAM_SIZE / 2, FE_RAM_SIZE / 2};
	vr_connect_and_start();
	vr_assert_echo(0);
	set_table(split, (const int[]){fe.ram_fd, fe.ram_fd}, 2, true);
	vr_assert_events("drain0 drain1 removed@0");
	vr_assert_echo(0);
	set_table(split, NULL, 0, true);
	vr_assert_events("drain0 drain1 removed@0 drain0 drain1 removed@32");
	fe_submit(&fe, 0, "abc", 3, 4);
	vr_assert_silent(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vr_setup, vr_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_region_comes_and_goes),
		TEST(test_rings_go_and_come_back),
		TEST(test_stop_without_rings),
		TEST(test_table_replaced),
		TEST(test_table_moves_rings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

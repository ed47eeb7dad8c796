#include "tests/harness/vhost_rig.h"

#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"

/* Guests that break rules lose the queue, not the connection. */

static void test_broken_queue(void **state) {
	const uint64_t index = 0;
	int err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vr_connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ERR, &index, 8, &err_fd, 1), 0);
	fe_write_desc(&fe, 0, 0, 0, 16, VRING_DESC_F_NEXT, 0); // a loop
	fe_offer(&fe, 0, 0, true);
	struct pollfd pfd = {.fd = err_fd, .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, VR_PATIENCE_MS), 1);
	vr_assert_echo(1);
	fe_submit(&fe, 0, "abc", 3, 4);
	vr_assert_silent(0);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, true));
	vr_assert_echo(0);
	gp_fd_close(&err_fd);
}

static void test_bad_rings(void **state) {
	static const struct {
		uint32_t num;
		uint64_t desc_offset;
	} rows[] = {{3, 0}, {0, 0}, {2048, 0}, {65535, 0}, {8, 8}, {8, FE_RAM_SIZE}};
	vr_connect();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t num[] = {0, rows[i].num}, on[] = {0, 1};
		const struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr = {0, 0, FE_UVA + rows[i].desc_offset, FE_UVA + 8192, FE_UVA + 4096, 0};
		const uint64_t index = 0;
		int kick = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_NUM, num, 8, NULL, 0), 0);
		assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ADDR, &addr, 40, NULL, 0), 0);
		assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_KICK, &index, 8, &kick, 1), 0);
		assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, on, 8, NULL, 0), 0);
		assert_true(fe_send(&fe, GP_VHOST_GET_VRING_BASE, 1, num, 8, NULL, 0));
		assert_int_equal(
			fe_reply(&fe, GP_VHOST_GET_VRING_BASE, NULL, 0, VR_PATIENCE_MS), 8);
		gp_fd_close(&kick);
	}
	assert_int_equal(vr.kicks, 0);
	assert_true(fe_start(&fe));
	vr_assert_echo(0);
}

static void test_queue_over_limit(void **state) {
	const uint32_t num[] = {0, 65536}, base[] = {0, 65536}, enable[] = {0, 2};
	vr_connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_NUM, num, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_BASE, base, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, enable, 8, NULL, 0), 1);
	vr_assert_echo(0);
}

/* Front ends that break rules. */

static void test_no_such_queue(void **state) {
	const uint32_t vring[10] = {2, 1};
	const uint64_t index = 2;
	int fd = eventfd(0, EFD_CLOEXEC);
	vr_connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_NUM, vring, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_BASE, vring, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ADDR, vring, 40, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, vring, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_KICK, &index, 8, &fd, 1), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_CALL, &index, 8, &fd, 1), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ERR, &index, 8, &fd, 1), 1);
	gp_fd_close(&fd);
	vr_assert_echo(0);
	assert_true(fe_send(&fe, GP_VHOST_GET_VRING_BASE, GP_VHOST_VERSION, vring, 8, NULL, 0));
	vr_assert_dropped();
}

static void test_refused_descriptors(void **state) {
	static const uint32_t requests[] = {
		GP_VHOST_SET_VRING_KICK, GP_VHOST_SET_VRING_CALL, GP_VHOST_SET_VRING_ERR};
	const uint64_t index = 1, none = 0x101;
	int pair[2], ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	vr_connect_and_start();
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fe_send_ack(&fe, requests[i], &index, 8, &pair[0], 1), 1);
		assert_int_equal(fe_send_ack(&fe, requests[i], &index, 8, &ends[1], 1), 1);
	}
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_BACKEND_REQ_FD, NULL, 0, &ends[0], 1), 1);
	assert_int_equal(
		fe_send_ack(&fe, GP_VHOST_SET_VRING_KICK, &none, 8, NULL, 0), 1); // polling
	for (size_t i = 0; i < 2; i++) {
		gp_fd_close(&pair[i]);
		gp_fd_close(&ends[i]);
	}
	vr_assert_echo(0);
}

/* A descriptor that is readable for ever, and never read. */
static void test_kick_does_not_spin(void **state) {
	const uint64_t index = 0;
	vr_connect_and_start();
	pid_t pid = fork();
	if (pid == 0) {
		_exit(0);
	}
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (fd == -1) {
		print_message("no pidfd here\n");
		skip();
	}
	unsigned before = vr.kicks;
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_KICK, &index, 8, &fd, 1), 0);
	gp_fd_close(&fd);
	usleep(VR_SHORT_MS * 1000);
	vr_sync();
	assert_true(vr.kicks - before <= 3);
	vr_assert_echo(1);
}

static void test_unacknowledged_error_drops(void **state) {
	const uint32_t vring[] = {7, 1};
	vr_connect_and_start();
	assert_true(fe_send(&fe, GP_VHOST_SET_VRING_NUM, GP_VHOST_VERSION, vring, 8, NULL, 0));
	vr_assert_dropped();
	vr_assert_events("drain0 drain1 removed@0 reset WAITING");
}

static void test_unknown_request(void **state) {
	vr_connect_and_start();
	int fd = eventfd(0, EFD_CLOEXEC);
	assert_true(fe_send(&fe, 33, GP_VHOST_VERSION, NULL, 0, &fd, 1)); // GPU_SET_SOCKET
	assert_int_equal(fe_send_ack(&fe, 1234, "abcd", 4, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_STATUS, "abcdefgh", 8, NULL, 0), 1);
	gp_fd_close(&fd);
	vr_assert_echo(0);
}

static void test_malformed_frames(void **state) {
	static const uint8_t zeros[GP_VHOST_PAYLOAD_MAX + 8];
	static const struct {
		uint32_t request, flags, size;
		size_t n_fds;
	} rows[] = {
		{GP_VHOST_GET_FEATURES, 0, 0, 0},
		{GP_VHOST_GET_FEATURES, 2, 0, 0},
		{GP_VHOST_GET_FEATURES, 1 | GP_VHOST_REPLY, 0, 0},
		{GP_VHOST_SET_FEATURES, 1, 4, 0},
		{GP_VHOST_SET_FEATURES, 1, 12, 0},
		{GP_VHOST_SET_FEATURES, 1, GP_VHOST_PAYLOAD_MAX + 1, 0},
		{GP_VHOST_SET_OWNER, 1, 0, 1},
		{GP_VHOST_ADD_MEM_REG, 1, 40, 0},
		{GP_VHOST_ADD_MEM_REG, 1, 40, 2},
		{GP_VHOST_ADD_MEM_REG, 9, 39, 1}, // asking for a reply does not help
		{GP_VHOST_SET_VRING_KICK, 1, 8, 0},
		{GP_VHOST_SET_MEM_TABLE, 1, 8, 8},
		{GP_VHOST_SET_MEM_TABLE, 1, 8, 9},
		{GP_VHOST_SET_MEM_TABLE, 1, 8, 60},
		{GP_VHOST_GET_CONFIG, 1, 11, 0},
	};
	int fds[64];
	for (size_t i = 0; i < 64; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(fe_connect(&fe, vr.path, -1));
		assert_true(fe_send(&fe, rows[i].request, rows[i].flags, zeros, rows[i].size, fds,
			rows[i].n_fds));
		vr_assert_dropped();
		fe_finish(&fe);
		vr_assert_events("CONNECTED WAITING");
	}
	for (size_t i = 0; i < 64; i++) {
		close(fds[i]);
	}
	vr_connect_and_start();
	vr_assert_echo(0);
}

static void test_frame_in_pieces(void **state) {
	const uint32_t frame[] = {GP_VHOST_GET_FEATURES, GP_VHOST_VERSION, 0};
	uint64_t features;
	assert_true(fe_connect(&fe, vr.path, -1));
	for (size_t i = 0; i < sizeof(frame); i++) {
		assert_int_equal(send(fe.socket, (const uint8_t *)frame + i, 1, 0), 1);
		usleep(500);
	}
	assert_int_equal(fe_reply(&fe, GP_VHOST_GET_FEATURES, &features, 8, VR_PATIENCE_MS), 8);
	// Half a frame, then vr_nothing more.
	assert_int_equal(send(fe.socket, frame, 7, 0), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vr_setup, vr_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_broken_queue),
		TEST(test_bad_rings),
		TEST(test_queue_over_limit),
		TEST(test_no_such_queue),
		TEST(test_refused_descriptors),
		TEST(test_kick_does_not_spin),
		TEST(test_unacknowledged_error_drops),
		TEST(test_unknown_request),
		TEST(test_malformed_frames),
		TEST(test_frame_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

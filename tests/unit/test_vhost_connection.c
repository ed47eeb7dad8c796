#include "tests/harness/vhost_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <cmocka.h>

#include "common/fd.h"

/* Coming and going. */

static void test_front_ends_come_and_go(void **state) {
	vr_connect_and_start();
	vr_assert_echo(0);
	vr.hold = true;
	fe_submit(&fe, 0, "abc", 3, 4);
	while (vr.chains < 2) {
		usleep(1000);
	}
	fe_finish(&fe);
	vr_wait_for_state(GP_VHOST_WAITING);
	vr_assert_events("drain0 drain1 removed@0 reset WAITING");
	assert_int_equal(vr.n_held, 0);
	vr.hold = false;
	vr_connect_and_start();
	vr_assert_echo(0);
	vr_assert_echo(1);
	assert_true(fe_stop(&fe));
	fe_finish(&fe);
	vr_wait_for_state(GP_VHOST_WAITING);
	vr_assert_events("drain0 drain1 PAUSED removed@0 reset WAITING");
}

static void test_second_front_end(void **state) {
	struct fe second;
	vr_connect_and_start();
	assert_true(fe_connect(&second, vr.path, -1));
	assert_int_equal(fe_reply(&second, 0, NULL, 0, VR_PATIENCE_MS), -ECONNRESET);
	fe_finish(&second);
	vr_assert_echo(0);
	vr_assert_events("");
}

static void disconnect(void) {
	gp_vhost_device_disconnect(vr.device);
	gp_vhost_device_disconnect(vr.device);
}

static void test_disconnect(void **state) {
	vr_connect_and_start();
	vr_call(disconnect);
	vr_assert_events("drain0 drain1 removed@0 reset WAITING");
	vr_assert_dropped();
}

static void test_socket_given(void **state) {
	int pair[2];
	vr_stop();
	vr.ended = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	vr_start(NULL, pair[0]);
	assert_int_equal(gp_vhost_device_state(vr.device), GP_VHOST_CONNECTED);
	assert_int_equal(gp_vhost_device_socket(vr.device), pair[0]);
	assert_true(fe_connect(&fe, NULL, pair[1]));
	assert_true(fe_negotiate(&fe, VR_FEATURES));
	assert_true(fe_start(&fe));
	vr_assert_echo(0);
	assert_false(gp_vhost_device_finished(vr.device));
	fe_finish(&fe);
	vr_wait_for_state(GP_VHOST_WAITING);
	assert_true(gp_vhost_device_finished(vr.device));
	assert_int_equal(gp_vhost_device_socket(vr.device), -1);
	vr_assert_events("RUNNING drain0 drain1 removed@0 reset WAITING");
}

static void test_create_fails(void **state) {
	static const struct gp_vhost_info many = {.n_queues = 9};
	struct wl_event_loop *loop = wl_event_loop_create();
	int fd = eventfd(0, EFD_CLOEXEC);
	assert_null(gp_vhost_device_create(loop, -1, fd, &many, &vr_ops, NULL));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fd = eventfd(0, EFD_CLOEXEC);
	assert_null(gp_vhost_device_create(loop, fd, -1, &many, &vr_ops, NULL));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	gp_vhost_device_destroy(NULL);
	wl_event_loop_destroy(loop);
}

/* When no descriptor is left for a connection it waits, and is served when there is. */
static void test_accept_without_descriptors(void **state) {
	struct rlimit old, few;
	uint64_t value;
	int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fe_connect(&fe, NULL, socket_fd));
	int highest = eventfd(0, EFD_CLOEXEC); // the lowest free number
	gp_fd_close(&highest);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", vr.path);
	int r = connect(socket_fd, (struct sockaddr *)&addr, sizeof(addr));
	usleep(VR_SHORT_MS * 1000);
	enum gp_vhost_state seen = gp_vhost_device_state(vr.device);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(r, 0);
	assert_int_equal(seen, GP_VHOST_WAITING);
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_FEATURES, &value));
}

/* Front ends that go at any point leave no descriptor and no mapping. */
static void test_no_leak(void **state) {
	int before = vr_count_fds();
	for (unsigned i = 0; i < 200; i++) {
		assert_true(fe_connect(&fe, vr.path, -1));
		if (i % 5 > 0) {
			assert_true(fe_negotiate(&fe, VR_FEATURES));
		}
		if (i % 5 > 1) {
			assert_true(fe_start(&fe));
		}
		if (i % 5 > 2) {
			vr_assert_echo(i % 2);
		}
		if (i % 5 > 3) { // in the middle of a frame that has brought a descriptor
			int fd = eventfd(0, EFD_CLOEXEC);
			const uint64_t half = 0;
			fe_send(&fe, GP_VHOST_SET_VRING_KICK, GP_VHOST_VERSION, &half, 4, &fd, 1);
			gp_fd_close(&fd);
		}
		fe_finish(&fe); // the next one may be there before this end was noticed
	}
	assert_true(fe_connect(&fe, vr.path, -1));
	vr_sync();
	fe_finish(&fe);
	vr_wait_for_state(GP_VHOST_WAITING);
	vr_forget_events();
	assert_int_equal(vr_count_fds(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vr_setup, vr_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_front_ends_come_and_go),
		TEST(test_second_front_end),
		TEST(test_disconnect),
		TEST(test_socket_given),
		TEST(test_create_fails),
		TEST(test_accept_without_descriptors),
		TEST(test_no_leak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

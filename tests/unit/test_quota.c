/* What one client uses is counted in one place, for as long as any of it is left. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <cmocka.h>

#include "compositor/memory/quota.h"

static struct wl_client *make_client(struct wl_display *display, int *peer) {
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*peer = fds[1];
	struct wl_client *client = wl_client_create(display, fds[0]);
	assert_non_null(client);
	return client;
}

static void test_clients(void **state) {
	int peers[2];
	struct wl_display *display = wl_display_create();
	struct wl_client *one = make_client(display, &peers[0]);
	struct wl_client *two = make_client(display, &peers[1]);
	struct gp_quota *quota = gp_quota_of_client(one);
	struct gp_quota *same = gp_quota_of_client(one);
	struct gp_quota *other = gp_quota_of_client(two);
	assert_ptr_equal(quota, same);
	assert_ptr_not_equal(quota, other);
	gp_quota_unref(same);
	gp_quota_unref(other);

	/* It outlives its client, and is not that of the next one. */
	quota->n_blobs = 1;
	wl_client_destroy(one);
	assert_int_equal(quota->n_refs, 1);
	assert_int_equal(quota->n_blobs, 1);
	gp_quota_unref(quota);
	gp_quota_unref(NULL);
	wl_display_destroy_clients(display);
	wl_display_destroy(display);
	close(peers[0]);
	close(peers[1]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients),
	};
	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}

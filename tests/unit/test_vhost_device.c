#include "tests/harness/vhost_rig.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"

#define BIT(n) (UINT64_C(1) << (n))

/* Negotiation. */

static void test_offers(void **state) {
	uint64_t value;
	assert_true(fe_connect(&fe, vr.path, -1));
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_FEATURES, &value));
	assert_true(value == (VR_FEATURES | BIT(28) | BIT(29) | BIT(30) | BIT(32)));
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_PROTOCOL_FEATURES, &value));
	assert_true(value == (BIT(0) | BIT(3) | BIT(5) | BIT(9) | BIT(13) | BIT(15)));
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_QUEUE_NUM, &value));
	assert_int_equal(value, 2);
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_MAX_MEM_SLOTS, &value));
	assert_int_equal(value, GP_MEMORY_REGIONS_MAX);
}

static uint64_t accepted;

static void get_accepted(void) {
	accepted = gp_vhost_device_features(vr.device);
}

/* C8: the front end takes what was not offered. */
static void test_accepts_only_what_was_offered(void **state) {
	const uint64_t all = ~UINT64_C(0);
	assert_true(fe_connect(&fe, vr.path, -1));
	fe.sloppy_ack = true;
	assert_true(fe_negotiate(&fe, all));
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_FEATURES, &all, 8, NULL, 0), 0);
	vr_call(get_accepted);
	assert_true(accepted == fe.features);
	assert_true(fe_start(&fe));
	vr_assert_echo(0);
}

/* C7 */
static void test_config(void **state) {
	uint8_t out[32];
	vr_connect();
	for (unsigned i = 0; i < sizeof(vr.config); i++) {
		vr.config[i] = (uint8_t)i;
	}
	static const uint32_t sizes[] = {16, 20, 24};
	for (size_t i = 0; i < 3; i++) {
		assert_true(fe_get_config(&fe, 0, sizes[i], out));
		assert_memory_equal(out, vr.config, sizes[i]);
	}
	assert_true(fe_get_config(&fe, 4, 8, out));
	assert_memory_equal(out, vr.config + 4, 8);

	const struct {
		uint32_t offset, size, flags;
		uint8_t bytes[4];
	} set = {4, 4, 0, {9, 8, 7, 6}};
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_CONFIG, &set, sizeof(set), NULL, 0), 0);
	assert_memory_equal(vr.config + 4, set.bytes, 4);
}

/* Queues. */

static void test_echo(void **state) {
	uint8_t in[100];
	vr_connect_and_start();
	for (unsigned i = 0; i < 300; i++) {
		vr_assert_echo(i % 2);
	}
	const char out[] = "from an indirect table";
	int head = fe_submit_indirect(&fe, 0, out, sizeof(out), 7, sizeof(in));
	assert_int_equal(fe_wait_used(&fe, 0, in, sizeof(in), NULL, VR_PATIENCE_MS), head);
	assert_int_equal(in[0], 'g');
	assert_int_equal(in[sizeof(out) - 1], 1);
}

static void test_echo_without_event_index(void **state) {
	assert_true(fe_connect(&fe, vr.path, -1));
	assert_true(fe_negotiate(&fe, VR_FEATURES));
	const uint64_t features = fe.accepted & ~BIT(VIRTIO_RING_F_EVENT_IDX);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_FEATURES, &features, 8, NULL, 0), 0);
	fe.queues[0].event_idx = fe.queues[1].event_idx = false;
	assert_true(fe_start(&fe));
	for (unsigned i = 0; i < 100; i++) {
		vr_assert_echo(i % 2);
	}
}

static void test_memory_by_table(void **state) {
	assert_true(fe_connect(&fe, vr.path, -1));
	fe.table = true;
	assert_true(fe_negotiate(&fe, VR_FEATURES));
	assert_true(fe_start(&fe));
	vr_assert_echo(0);
}

/* The kick came before the queue was enabled, or was lost. */
static void test_missed_kick(void **state) {
	vr_connect_and_start();
	assert_true(fe_stop(&fe));
	fe_write_desc(&fe, 0, 0, fe_alloc(&fe, 16), 16, VRING_DESC_F_WRITE, 0);
	fe_offer(&fe, 0, 0, false);
	assert_true(fe_restart(&fe, false));
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS), 0);
}

static void test_disabled_queue_rests(void **state) {
	const uint32_t disable[] = {0, 0}, enable[] = {0, 1};
	vr_connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, disable, 8, NULL, 0), 0);
	fe_submit(&fe, 0, "abc", 3, 4);
	vr_assert_silent(0);
	vr_assert_echo(1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, enable, 8, NULL, 0), 0);
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS), 0);
	vr_assert_events("");
}

static void reply_and_flush(void) {
	vr.hold = false;
	vr_reply_held(0);
	gp_vhost_device_flush(vr.device);
}

/* Chains that are returned later, outside a kick. */
static void test_late_reply(void **state) {
	vr_connect_and_start();
	vr.hold = true;
	int heads[3];
	for (unsigned i = 0; i < 3; i++) {
		heads[i] = fe_submit(&fe, 0, "abc", 3, 4);
	}
	vr_assert_silent(0);
	vr_call(reply_and_flush);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS), heads[i]);
	}
}

/* Offers a chain for each letter, with one kick, and waits until they were seen. */
static void submit(const char *letters) {
	unsigned chains = vr.chains + (unsigned)strlen(letters);
	fe.hold_kicks = true;
	for (; *letters != '\0'; letters++) {
		assert_true(fe_submit(&fe, 0, letters, 1, 4) >= 0);
	}
	fe.hold_kicks = false;
	fe_kick(&fe, 0);
	while (vr.chains < chains) {
		usleep(1000);
	}
	vr_sync();
}

/* Since the last look. */
static uint64_t count_interrupts(void) {
	uint64_t count = 0;
	ssize_t n = read(fe.queues[0].call_fd, &count, sizeof(count));
	return n == sizeof(count) ? count : 0;
}

static void take_used(unsigned count) {
	for (unsigned i = 0; i < count; i++) {
		assert_true(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS) >= 0);
	}
	vr_assert_silent(0); // asks for the next interrupt
}

/* A chain that the guest does not wait for shares the interrupt of the one behind it. */
static void test_unawaited(void **state) {
	vr_connect_and_start();
	vr.obey = true;
	submit("a");
	take_used(1);
	assert_int_equal(count_interrupts(), 0);
	submit("qqk");
	assert_int_equal(count_interrupts(), 0);
	vr_call(reply_and_flush);
	assert_int_equal(count_interrupts(), 1);
	take_used(3);
	/* Nothing behind it, something before it that the guest waits for, or too many of them. */
	const struct {
		const char *letters;
		unsigned returned;
	} cases[] = {{"q", 1}, {"kq", 1}, {"qak", 2}, {"aqk", 2}, {"qqqqqqqqqk", 9}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		submit(cases[i].letters);
		assert_int_equal(count_interrupts(), 1);
		take_used(cases[i].returned);
		vr_call(reply_and_flush);
		take_used((unsigned)strlen(cases[i].letters) - cases[i].returned);
	}
	/* One that comes after it is not kept for it. */
	submit("qk");
	submit("q");
	assert_int_equal(count_interrupts(), 1);
	take_used(2);
	vr_call(reply_and_flush);
	take_used(1);
	submit("qk");
	assert_int_equal(count_interrupts(), 0);
	assert_true(fe_stop(&fe));
	assert_int_equal(count_interrupts(), 1);
}

/* A guest that offers as fast as it is served does not keep others from being served. */
static void test_endless_queue(void **state) {
	vr_connect_and_start();
	vr.refill = 5000;
	fe_submit(&fe, 0, "abc", 3, 4);
	vr_assert_echo(1);
	while (vr.chains < 5002) {
		usleep(1000);
	}
	assert_true(vr.kicks >= 5);
}

/* Nor does one whose chains take long: the front end waits for replies with its lock held. */
static void test_slow_chains(void **state) {
	vr_connect_and_start();
	vr.work_us = 2000;
	vr.refill = 1000;
	fe_submit(&fe, 0, "abc", 3, 4);
	while (vr.chains < 1) {
		usleep(1000);
	}
	vr_sync();
	vr.work_us = 0;
	assert_true(vr.chains < 500); // of 2 s of work
	while (vr.chains < 1001) {
		usleep(1000);
	}
}

/* Vectors of interrupts change while the queue runs: what the old one got may be lost. */
static void test_new_call_descriptor(void **state) {
	const uint64_t index = 0, none = 0x100;
	vr_connect_and_start();
	vr_sync();
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_CALL, &none, 8, NULL, 0), 0);
	assert_true(fe_submit(&fe, 0, "abc", 3, 4) >= 0); // no event for its return
	while (vr.chains < 1) {
		usleep(1000);
	}
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_CALL, &index, 8, &call, 1), 0);
	gp_fd_close(&fe.queues[0].call_fd);
	fe.queues[0].call_fd = call;
	struct pollfd pfd = {.fd = call, .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, VR_PATIENCE_MS), 1);
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS), 0);
	vr_assert_echo(0);
}

/* Stop, resume, reset (C9). */

static void test_resume(void **state) {
	vr_connect_and_start();
	for (unsigned i = 0; i < 3; i++) {
		vr_assert_echo(0);
	}
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 3);
	assert_int_equal(fe.queues[1].base, 0);
	vr_assert_events("drain0 drain1 PAUSED");
	assert_true(fe_restart(&fe, false)); // queue 1 was never used: its 0 says vr_nothing
	vr_assert_events("RUNNING");
	vr_assert_echo(0);
	vr_assert_echo(1);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, false));
	vr_assert_events("drain0 drain1 PAUSED RUNNING");
	vr_assert_echo(0);
	vr_assert_echo(1);
}

static void test_reset(void **state) {
	vr_connect_and_start();
	vr_assert_echo(0);
	assert_true(fe_stop(&fe));
	vr_assert_events("drain0 drain1 PAUSED");
	assert_true(fe_restart(&fe, true));
	vr_assert_events("reset RUNNING");
	vr_assert_echo(0);
	vr_assert_echo(1);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, true)); // and again
	vr_assert_events("drain0 drain1 PAUSED reset RUNNING");
	vr_assert_echo(0);
}

static void test_reset_of_second_queue_only(void **state) {
	vr_connect_and_start();
	vr_assert_echo(1);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, true));
	vr_assert_events("drain0 drain1 PAUSED reset RUNNING");
	vr_assert_echo(1);
}

static void test_restart_without_work(void **state) {
	vr_connect_and_start();
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, false)); // vr_nothing to keep: as good as a reset
	vr_assert_events("drain0 drain1 PAUSED reset RUNNING");
	vr_assert_echo(0);
}

static void echo_many(unsigned count) {
	while (count > 0) {
		unsigned batch = count < FE_SLOTS ? count : FE_SLOTS;
		for (unsigned i = 0; i < batch; i++) {
			assert_true(fe_submit(&fe, 0, "abc", 3, 4) >= 0);
		}
		for (unsigned i = 0; i < batch; i++) {
			assert_true(fe_wait_used(&fe, 0, NULL, 0, NULL, VR_PATIENCE_MS) >= 0);
		}
		count -= batch;
	}
}

/* After 65536 chains the index of a pause is 0 as well. */
static void test_resume_at_index_0(void **state) {
	vr_connect_and_start();
	echo_many(65536);
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 0);
	assert_true(fe_restart(&fe, false));
	vr_assert_events("drain0 drain1 PAUSED RUNNING");
	vr_assert_echo(0);
	echo_many(65535);
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 0);
	assert_true(fe_restart(&fe, true));
	vr_assert_events("drain0 drain1 PAUSED reset RUNNING");
	vr_assert_echo(0);
}

/* Before the reply to GET_VRING_BASE all is returned, and the guest is interrupted. */
static void test_stop_drains(void **state) {
	vr_connect_and_start();
	vr.hold = true;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fe_submit(&fe, 0, "abc", 3, 4) >= 0);
	}
	while (vr.chains < 3) {
		usleep(1000);
	}
	uint64_t count;
	assert_int_equal(read(fe.queues[0].call_fd, &count, sizeof(count)), sizeof(count));
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 3);
	assert_int_equal(read(fe.queues[0].call_fd, &count, sizeof(count)), sizeof(count));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, 0), 2 * i);
	}
	vr_assert_events("drain0 drain1 PAUSED");
}

static void test_reset_device(void **state) {
	vr_connect_and_start();
	vr_assert_echo(0);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	vr_assert_events("drain0 drain1 reset CONNECTED");
	assert_true(fe_stop(&fe)); // stopped already, and at the start
	assert_int_equal(fe.queues[0].base, 0);
	vr_assert_events("");
	assert_true(fe_restart(&fe, true));
	vr_assert_events("RUNNING");
	vr_assert_echo(0);
}

/* The configuration changes (C10). */

static void change_config(void) {
	gp_vhost_device_config_changed(vr.device);
}

static void test_config_change(void **state) {
	vr_connect();
	vr_call(change_config);
	vr_call(change_config);
	assert_int_equal(fe_backend_message(&fe, VR_SHORT_MS), -ETIMEDOUT);
	assert_true(fe_start(&fe));
	assert_int_equal(fe_backend_message(&fe, VR_PATIENCE_MS), 2);
	assert_int_equal(fe_backend_message(&fe, VR_SHORT_MS), -ETIMEDOUT); // once
	vr_call(change_config);
	assert_int_equal(fe_backend_message(&fe, VR_PATIENCE_MS), 2); // at once

	const uint32_t disable[] = {1, 0};
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, disable, 8, NULL, 0), 0);
	vr_call(change_config);
	assert_int_equal(fe_backend_message(&fe, VR_SHORT_MS), -ETIMEDOUT); // QEMU stops: not now
	assert_true(fe_stop(&fe));
	vr_call(change_config);
	assert_int_equal(fe_backend_message(&fe, VR_SHORT_MS), -ETIMEDOUT);
	assert_true(fe_restart(&fe, false));
	assert_int_equal(fe_backend_message(&fe, VR_PATIENCE_MS), 2);
	assert_int_equal(fe_backend_message(&fe, VR_SHORT_MS), -ETIMEDOUT);
}

static void change_config_often(void) {
	for (unsigned i = 0; i < 20000; i++) {
		gp_vhost_device_config_changed(vr.device);
	}
}

/* A front end that does not read the back channel stops nobody, and vr_nothing is lost. */
static void test_config_change_unread(void **state) {
	vr_connect_and_start();
	vr_call(change_config_often);
	vr_assert_echo(0);
	unsigned count = 0;
	while (fe_backend_message(&fe, VR_SHORT_MS) == 2) {
		count++;
	}
	assert_true(count >= 2 && count < 20000);
	vr_call(change_config);
	assert_int_equal(fe_backend_message(&fe, VR_PATIENCE_MS), 2);
}

static void test_back_channel_closes(void **state) {
	vr_connect_and_start();
	gp_fd_close(&fe.backend_fd);
	vr_sync();
	vr_call(change_config);
	vr_assert_echo(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vr_setup, vr_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_offers),
		TEST(test_accepts_only_what_was_offered),
		TEST(test_config),
		TEST(test_echo),
		TEST(test_echo_without_event_index),
		TEST(test_memory_by_table),
		TEST(test_missed_kick),
		TEST(test_disabled_queue_rests),
		TEST(test_late_reply),
		TEST(test_unawaited),
		TEST(test_endless_queue),
		TEST(test_slow_chains),
		TEST(test_new_call_descriptor),
		TEST(test_resume),
		TEST(test_reset),
		TEST(test_reset_of_second_queue_only),
		TEST(test_restart_without_work),
		TEST(test_resume_at_index_0),
		TEST(test_stop_drains),
		TEST(test_reset_device),
		TEST(test_config_change),
		TEST(test_config_change_unread),
		TEST(test_back_channel_closes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

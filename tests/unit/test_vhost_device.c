#include "vmm-bridge/vhost/device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/log.h"
#include "tests/harness/frontend.h"
#include "vmm-bridge/vhost/message.h"

/**
 * A device that answers each chain with its readable bytes, each plus one. It runs in a thread of
 * its own, so the front end can wait for it. What its ops are told is kept as words in order.
 */

#define PATIENCE_MS 20000
#define SHORT_MS 50 // to see that something does not come
#define FEATURES (UINT64_C(1) << 3)
#define BIT(n) (UINT64_C(1) << (n))
#define MIB (UINT64_C(1) << 20)

static struct {
	struct wl_event_loop *loop;
	struct gp_vhost_device *device;
	char path[64];
	pthread_t thread;
	bool ended; // the thread's own
	int call_fd;
	struct wl_event_source *call_source;
	void (*call)(void);
	sem_t called;

	pthread_mutex_t lock; // of events
	char events[2048];
	atomic_uint kicks, chains;
	atomic_bool hold; // keep chains until they are drained
	atomic_int refill; // chains that the "guest" offers again as soon as one was taken
	struct gp_chain chain;
	struct gp_chain held[8];
	unsigned held_queue[8], n_held;
	uint8_t config[GP_VHOST_CONFIG_MAX];
} rig;
static struct fe fe;

static void note(const char *fmt, ...) {
	char word[64];
	va_list args;
	va_start(args, fmt);
	vsnprintf(word, sizeof(word), fmt, args);
	va_end(args);
	pthread_mutex_lock(&rig.lock);
	size_t length = strlen(rig.events);
	snprintf(rig.events + length, sizeof(rig.events) - length, "%s%s", length > 0 ? " " : "",
		word);
	pthread_mutex_unlock(&rig.lock);
}

static void answer(unsigned queue, const struct gp_chain *chain) {
	uint8_t bytes[256];
	size_t n = gp_chain_read(chain, 0, bytes, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		bytes[i]++;
	}
	n = gp_chain_write(chain, 0, bytes, n);
	gp_vhost_device_push(rig.device, queue, chain->head, (uint32_t)n);
}

static void handle_kick(void *data, unsigned queue) {
	rig.kicks++;
	while (gp_vhost_device_pop(rig.device, queue, &rig.chain) == 1) {
		rig.chains++;
		if (rig.hold && rig.n_held < 8) {
			rig.held_queue[rig.n_held] = queue;
			rig.held[rig.n_held++] = rig.chain;
			continue;
		}
		answer(queue, &rig.chain);
		if (queue == 0 && rig.refill > 0) {
			rig.refill--;
			fe_offer(&fe, 0, rig.chain.head, false);
		}
	}
}

static void answer_held(unsigned queue) {
	unsigned kept = 0;
	for (unsigned i = 0; i < rig.n_held; i++) {
		if (rig.held_queue[i] == queue) {
			answer(queue, &rig.held[i]);
		} else {
			rig.held_queue[kept] = rig.held_queue[i];
			rig.held[kept++] = rig.held[i];
		}
	}
	rig.n_held = kept;
}

static void handle_drain(void *data, unsigned queue) {
	note("drain%u", queue);
	answer_held(queue);
}

static void handle_reset(void *data) {
	note("reset");
}

static void handle_state(void *data, enum gp_vhost_state state) {
	static const char *const names[] = {
		[GP_VHOST_WAITING] = "WAITING",
		[GP_VHOST_CONNECTED] = "CONNECTED",
		[GP_VHOST_RUNNING] = "RUNNING",
		[GP_VHOST_PAUSED] = "PAUSED",
	};
	note("%s", names[state]);
}

static void handle_memory_removed(void *data, struct gp_memory_object *object) {
	note(object->removed ? "removed@%llu" : "still there@%llu",
		(unsigned long long)(object->gpa / MIB));
}

static void handle_get_config(void *data, uint32_t offset, uint32_t size, uint8_t *out) {
	memcpy(out, rig.config + offset, size);
}

static void handle_set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	memcpy(rig.config + offset, bytes, size);
}

static const struct gp_vhost_ops ops = {
	.queue_kick = handle_kick,
	.queue_drain = handle_drain,
	.reset = handle_reset,
	.state = handle_state,
	.memory_removed = handle_memory_removed,
	.get_config = handle_get_config,
	.set_config = handle_set_config,
};

static int handle_call(int fd, uint32_t mask, void *data) {
	uint64_t count;
	if (read(fd, &count, sizeof(count)) == sizeof(count)) {
		rig.call();
		sem_post(&rig.called);
	}
	return 0;
}

static void *run(void *data) {
	while (!rig.ended) {
		wl_event_loop_dispatch(rig.loop, -1);
	}
	return NULL;
}

/* Runs the function in the device's thread and waits for it. */
static void in_device(void (*function)(void)) {
	uint64_t one = 1;
	rig.call = function;
	assert_int_equal(write(rig.call_fd, &one, sizeof(one)), sizeof(one));
	sem_wait(&rig.called);
}

static void start_rig(const char *path, int fd) {
	static const struct gp_vhost_info info = {.features = FEATURES, .n_queues = 2};
	rig.loop = wl_event_loop_create();
	rig.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rig.call_source =
		wl_event_loop_add_fd(rig.loop, rig.call_fd, WL_EVENT_READABLE, handle_call, NULL);
	rig.device = gp_vhost_device_create(rig.loop, path, fd, &info, &ops, NULL);
	assert_non_null(rig.device);
	assert_int_equal(pthread_create(&rig.thread, NULL, run, NULL), 0);
}

static void end_thread(void) {
	rig.ended = true;
}

static void stop_rig(void) {
	in_device(end_thread);
	pthread_join(rig.thread, NULL);
	gp_vhost_device_destroy(rig.device);
	wl_event_source_remove(rig.call_source);
	wl_event_loop_destroy(rig.loop);
	gp_fd_close(&rig.call_fd);
}

static int count_fds(void) {
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

static int fds_before;

static int setup(void **state) {
	memset(&rig, 0, sizeof(rig));
	pthread_mutex_init(&rig.lock, NULL);
	sem_init(&rig.called, 0, 0);
	fds_before = count_fds();
	snprintf(rig.path, sizeof(rig.path), "/tmp/gp-test-vhost-%d", (int)getpid());
	start_rig(rig.path, -1);
	fe = (struct fe){.socket = -1, .backend_fd = -1, .ram_fd = -1};
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		fe.queues[i].kick_fd = fe.queues[i].call_fd = -1;
	}
	return 0;
}

static int teardown(void **state) {
	fe_finish(&fe);
	stop_rig();
	if (access(rig.path, F_OK) == 0) {
		print_error("the socket was not removed\n");
		return -1;
	}
	if (count_fds() != fds_before) {
		print_error("%d descriptors before, %d after\n", fds_before, count_fds());
		return -1;
	}
	return 0;
}

/* Waits until the device has seen all that was sent. */
static void sync_device(void) {
	uint64_t value;
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_FEATURES, &value));
}

static void nothing(void) {
}

static enum gp_vhost_state state_seen;

static void see_state(void) {
	state_seen = gp_vhost_device_state(rig.device);
}

static void wait_for_state(enum gp_vhost_state state) {
	for (in_device(see_state); state_seen != state; in_device(see_state)) {
		usleep(1000);
	}
}

/* What the ops were told since the last look. */
static void assert_events(const char *expected) {
	in_device(nothing);
	pthread_mutex_lock(&rig.lock);
	char events[sizeof(rig.events)];
	memcpy(events, rig.events, sizeof(events));
	rig.events[0] = '\0';
	pthread_mutex_unlock(&rig.lock);
	assert_string_equal(events, expected);
}

static void connect_and_negotiate(void) {
	assert_true(fe_connect(&fe, rig.path, -1));
	assert_true(fe_negotiate(&fe, ~UINT64_C(0)));
	assert_events("CONNECTED");
}

static void connect_and_start(void) {
	connect_and_negotiate();
	assert_true(fe_start(&fe));
	assert_events("RUNNING");
}

static void assert_echo(unsigned queue) {
	uint8_t in[4];
	uint32_t written;
	int head = fe_submit(&fe, queue, "abc", 3, 4);
	assert_true(head >= 0);
	assert_int_equal(fe_wait_used(&fe, queue, in, sizeof(in), &written, PATIENCE_MS), head);
	assert_int_equal(written, 3);
	assert_memory_equal(in, "bcd", 3);
}

static void assert_silent(unsigned queue) {
	assert_int_equal(fe_wait_used(&fe, queue, NULL, 0, NULL, SHORT_MS), -ETIMEDOUT);
}

static void assert_dropped(void) {
	assert_int_equal(fe_reply(&fe, 0, NULL, 0, PATIENCE_MS), -ECONNRESET);
}

/* Negotiation. */

static void test_offers(void **state) {
	uint64_t value;
	assert_true(fe_connect(&fe, rig.path, -1));
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_FEATURES, &value));
	assert_true(value == (FEATURES | BIT(28) | BIT(29) | BIT(30) | BIT(32)));
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_PROTOCOL_FEATURES, &value));
	assert_true(value == (BIT(0) | BIT(3) | BIT(5) | BIT(9) | BIT(13) | BIT(15)));
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_QUEUE_NUM, &value));
	assert_int_equal(value, 2);
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_MAX_MEM_SLOTS, &value));
	assert_int_equal(value, GP_MEMORY_REGIONS_MAX);
}

static uint64_t accepted;

static void get_accepted(void) {
	accepted = gp_vhost_device_features(rig.device);
}

/* C8: the front end takes what was not offered. */
static void test_accepts_only_what_was_offered(void **state) {
	const uint64_t all = ~UINT64_C(0);
	assert_true(fe_connect(&fe, rig.path, -1));
	fe.sloppy_ack = true;
	assert_true(fe_negotiate(&fe, all));
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_FEATURES, &all, 8, NULL, 0), 0);
	in_device(get_accepted);
	assert_true(accepted == fe.features);
	assert_true(fe_start(&fe));
	assert_echo(0);
}

/* C7 */
static void test_config(void **state) {
	uint8_t out[32];
	connect_and_negotiate();
	for (unsigned i = 0; i < sizeof(rig.config); i++) {
		rig.config[i] = (uint8_t)i;
	}
	static const uint32_t sizes[] = {16, 20, 24};
	for (size_t i = 0; i < 3; i++) {
		assert_true(fe_get_config(&fe, 0, sizes[i], out));
		assert_memory_equal(out, rig.config, sizes[i]);
	}
	assert_true(fe_get_config(&fe, 4, 8, out));
	assert_memory_equal(out, rig.config + 4, 8);

	const struct {
		uint32_t offset, size, flags;
		uint8_t bytes[4];
	} set = {4, 4, 0, {9, 8, 7, 6}};
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_CONFIG, &set, sizeof(set), NULL, 0), 0);
	assert_memory_equal(rig.config + 4, set.bytes, 4);
}

/* Queues. */

static void test_echo(void **state) {
	uint8_t in[100];
	connect_and_start();
	for (unsigned i = 0; i < 300; i++) {
		assert_echo(i % 2);
	}
	const char out[] = "from an indirect table";
	int head = fe_submit_indirect(&fe, 0, out, sizeof(out), 7, sizeof(in));
	assert_int_equal(fe_wait_used(&fe, 0, in, sizeof(in), NULL, PATIENCE_MS), head);
	assert_int_equal(in[0], 'g');
	assert_int_equal(in[sizeof(out) - 1], 1);
}

static void test_echo_without_event_index(void **state) {
	assert_true(fe_connect(&fe, rig.path, -1));
	assert_true(fe_negotiate(&fe, FEATURES));
	const uint64_t features = fe.accepted & ~BIT(VIRTIO_RING_F_EVENT_IDX);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_FEATURES, &features, 8, NULL, 0), 0);
	fe.queues[0].event_idx = fe.queues[1].event_idx = false;
	assert_true(fe_start(&fe));
	for (unsigned i = 0; i < 100; i++) {
		assert_echo(i % 2);
	}
}

static void test_memory_by_table(void **state) {
	assert_true(fe_connect(&fe, rig.path, -1));
	fe.table = true;
	assert_true(fe_negotiate(&fe, FEATURES));
	assert_true(fe_start(&fe));
	assert_echo(0);
}

/* The kick came before the queue was enabled, or was lost. */
static void test_missed_kick(void **state) {
	connect_and_start();
	assert_true(fe_stop(&fe));
	fe_write_desc(&fe, 0, 0, fe_alloc(&fe, 16), 16, VRING_DESC_F_WRITE, 0);
	fe_offer(&fe, 0, 0, false);
	assert_true(fe_restart(&fe, false));
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, PATIENCE_MS), 0);
}

static void test_disabled_queue_rests(void **state) {
	const uint32_t disable[] = {0, 0}, enable[] = {0, 1};
	connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, disable, 8, NULL, 0), 0);
	fe_submit(&fe, 0, "abc", 3, 4);
	assert_silent(0);
	assert_echo(1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, enable, 8, NULL, 0), 0);
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, PATIENCE_MS), 0);
	assert_events("");
}

static void answer_and_flush(void) {
	rig.hold = false;
	answer_held(0);
	gp_vhost_device_flush(rig.device);
}

/* Chains that are returned later, outside a kick. */
static void test_late_answer(void **state) {
	connect_and_start();
	rig.hold = true;
	int heads[3];
	for (unsigned i = 0; i < 3; i++) {
		heads[i] = fe_submit(&fe, 0, "abc", 3, 4);
	}
	assert_silent(0);
	in_device(answer_and_flush);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, PATIENCE_MS), heads[i]);
	}
}

/* A guest that offers as fast as it is served does not keep others from being served. */
static void test_endless_queue(void **state) {
	connect_and_start();
	rig.refill = 5000;
	fe_submit(&fe, 0, "abc", 3, 4);
	assert_echo(1);
	while (rig.chains < 5002) {
		usleep(1000);
	}
	assert_true(rig.kicks >= 5);
}

/* Vectors of interrupts change while the queue runs: what the old one got may be lost. */
static void test_new_call_descriptor(void **state) {
	const uint64_t index = 0, none = 0x100;
	connect_and_start();
	sync_device();
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_CALL, &none, 8, NULL, 0), 0);
	assert_true(fe_submit(&fe, 0, "abc", 3, 4) >= 0); // nowhere to tell of its return
	while (rig.chains < 1) {
		usleep(1000);
	}
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_CALL, &index, 8, &call, 1), 0);
	gp_fd_close(&fe.queues[0].call_fd);
	fe.queues[0].call_fd = call;
	struct pollfd pfd = {.fd = call, .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, PATIENCE_MS), 0);
	assert_echo(0);
}

/* Stop, resume, reset (C9). */

static void test_resume(void **state) {
	connect_and_start();
	for (unsigned i = 0; i < 3; i++) {
		assert_echo(0);
	}
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 3);
	assert_int_equal(fe.queues[1].base, 0);
	assert_events("drain0 drain1 PAUSED");
	assert_true(fe_restart(&fe, false)); // queue 1 was never used: its 0 says nothing
	assert_events("RUNNING");
	assert_echo(0);
	assert_echo(1);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, false));
	assert_events("drain0 drain1 PAUSED RUNNING");
	assert_echo(0);
	assert_echo(1);
}

static void test_reset(void **state) {
	connect_and_start();
	assert_echo(0);
	assert_true(fe_stop(&fe));
	assert_events("drain0 drain1 PAUSED");
	assert_true(fe_restart(&fe, true));
	assert_events("reset RUNNING");
	assert_echo(0);
	assert_echo(1);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, true)); // and again
	assert_events("drain0 drain1 PAUSED reset RUNNING");
	assert_echo(0);
}

static void test_reset_of_second_queue_only(void **state) {
	connect_and_start();
	assert_echo(1);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, true));
	assert_events("drain0 drain1 PAUSED reset RUNNING");
	assert_echo(1);
}

static void test_restart_without_work(void **state) {
	connect_and_start();
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, false)); // nothing to keep: as good as a reset
	assert_events("drain0 drain1 PAUSED reset RUNNING");
	assert_echo(0);
}

static void echo_many(unsigned count) {
	while (count > 0) {
		unsigned batch = count < FE_SLOTS ? count : FE_SLOTS;
		for (unsigned i = 0; i < batch; i++) {
			assert_true(fe_submit(&fe, 0, "abc", 3, 4) >= 0);
		}
		for (unsigned i = 0; i < batch; i++) {
			assert_true(fe_wait_used(&fe, 0, NULL, 0, NULL, PATIENCE_MS) >= 0);
		}
		count -= batch;
	}
}

/* After 65536 chains the index of a pause is 0 as well. */
static void test_resume_at_index_0(void **state) {
	connect_and_start();
	echo_many(65536);
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 0);
	assert_true(fe_restart(&fe, false));
	assert_events("drain0 drain1 PAUSED RUNNING");
	assert_echo(0);
	echo_many(65535);
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 0);
	assert_true(fe_restart(&fe, true));
	assert_events("drain0 drain1 PAUSED reset RUNNING");
	assert_echo(0);
}

/* Before GET_VRING_BASE is answered all is returned, and the guest is interrupted. */
static void test_stop_drains(void **state) {
	connect_and_start();
	rig.hold = true;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fe_submit(&fe, 0, "abc", 3, 4) >= 0);
	}
	while (rig.chains < 3) {
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
	assert_events("drain0 drain1 PAUSED");
}

static void test_reset_device(void **state) {
	connect_and_start();
	assert_echo(0);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	assert_events("drain0 drain1 reset CONNECTED");
	assert_true(fe_restart(&fe, true));
	assert_events("RUNNING");
	assert_echo(0);
}

/* The configuration changes (C10). */

static void change_config(void) {
	gp_vhost_device_config_changed(rig.device);
}

static void test_config_change(void **state) {
	connect_and_negotiate();
	in_device(change_config);
	in_device(change_config);
	assert_int_equal(fe_backend_message(&fe, SHORT_MS), -ETIMEDOUT);
	assert_true(fe_start(&fe));
	assert_int_equal(fe_backend_message(&fe, PATIENCE_MS), 2);
	assert_int_equal(fe_backend_message(&fe, SHORT_MS), -ETIMEDOUT); // once
	in_device(change_config);
	assert_int_equal(fe_backend_message(&fe, PATIENCE_MS), 2); // at once

	const uint32_t disable[] = {1, 0};
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, disable, 8, NULL, 0), 0);
	in_device(change_config);
	assert_int_equal(fe_backend_message(&fe, SHORT_MS), -ETIMEDOUT); // QEMU stops: not now
	assert_true(fe_stop(&fe));
	in_device(change_config);
	assert_int_equal(fe_backend_message(&fe, SHORT_MS), -ETIMEDOUT);
	assert_true(fe_restart(&fe, false));
	assert_int_equal(fe_backend_message(&fe, PATIENCE_MS), 2);
	assert_int_equal(fe_backend_message(&fe, SHORT_MS), -ETIMEDOUT);
}

static void change_config_often(void) {
	for (unsigned i = 0; i < 20000; i++) {
		gp_vhost_device_config_changed(rig.device);
	}
}

/* A front end that does not read the back channel stops nobody, and nothing is lost. */
static void test_config_change_unread(void **state) {
	connect_and_start();
	in_device(change_config_often);
	assert_echo(0);
	unsigned count = 0;
	while (fe_backend_message(&fe, SHORT_MS) == 2) {
		count++;
	}
	assert_true(count >= 2 && count < 20000);
	in_device(change_config);
	assert_int_equal(fe_backend_message(&fe, PATIENCE_MS), 2);
}

static void test_back_channel_closes(void **state) {
	connect_and_start();
	gp_fd_close(&fe.backend_fd);
	sync_device();
	in_device(change_config);
	assert_echo(0);
}

/* Memory (A1). */

static int make_file(uint64_t size) {
	int fd = memfd_create("region", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

#define MORE UINT64_C(0x40000000) // gpa of a second region, 1 GiB

static void test_region_comes_and_goes(void **state) {
	int fd = make_file(MIB);
	connect_and_start();
	assert_true(fe_add_region(&fe, fd, MORE, MIB, FE_UVA + MORE, 0));
	assert_false(fe_add_region(&fe, fd, MORE + 4096, MIB, FE_UVA + 2 * MORE, 0)); // overlap
	uint8_t *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(map, "abc", 3);
	fe_write_desc(&fe, 0, 200, MORE, 3, VRING_DESC_F_NEXT, 201);
	fe_write_desc(&fe, 0, 201, MORE + 100, 3, VRING_DESC_F_WRITE, 0);
	fe_offer(&fe, 0, 200, true);
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, PATIENCE_MS), 200);
	assert_memory_equal(map + 100, "bcd", 3);
	munmap(map, MIB);

	assert_false(fe_remove_region(&fe, MORE, MIB, FE_UVA));
	assert_events("");
	assert_true(fe_remove_region(&fe, MORE, MIB, FE_UVA + MORE));
	assert_events("drain0 drain1 removed@1024");
	assert_false(fe_remove_region(&fe, MORE, MIB, FE_UVA + MORE));
	assert_echo(0);

	const uint64_t payload[] = {0, MORE, MIB, FE_UVA + MORE, 0};
	assert_true(fe_add_region(&fe, fd, MORE, MIB, FE_UVA + MORE, 0));
	assert_int_equal(
		fe_send_ack(&fe, GP_VHOST_REM_MEM_REG, payload, sizeof(payload), &fd, 1), 0);
	gp_fd_close(&fd);
}

/* RAM is taken away under the rings, and comes back: front ends re-split RAM like that. */
static void test_rings_go_and_come_back(void **state) {
	connect_and_start();
	assert_echo(0);
	rig.hold = true;
	int held = fe_submit(&fe, 1, "abc", 3, 4);
	while (rig.chains < 2) {
		usleep(1000);
	}
	assert_true(fe_remove_region(&fe, 0, FE_RAM_SIZE, FE_UVA));
	assert_events("drain0 drain1 removed@0");
	assert_int_equal(fe_wait_used(&fe, 1, NULL, 0, NULL, PATIENCE_MS), held);
	rig.hold = false;
	int head = fe_submit(&fe, 0, "abc", 3, 4);
	assert_silent(0);
	assert_true(fe_add_region(&fe, fe.ram_fd, 0, FE_RAM_SIZE, FE_UVA, 0));
	assert_int_equal(fe_wait_used(&fe, 0, NULL, 0, NULL, PATIENCE_MS), head);
	assert_echo(0);
	assert_echo(1);
	assert_events("");
}

static void test_stop_without_rings(void **state) {
	connect_and_start();
	assert_echo(0);
	assert_true(fe_remove_region(&fe, 0, FE_RAM_SIZE, FE_UVA));
	assert_true(fe_stop(&fe));
	assert_int_equal(fe.queues[0].base, 1);
	assert_true(fe_add_region(&fe, fe.ram_fd, 0, FE_RAM_SIZE, FE_UVA, 0));
	assert_true(fe_restart(&fe, false));
	assert_events("drain0 drain1 removed@0 drain0 drain1 PAUSED RUNNING");
	assert_echo(0);
}

static void set_table(const uint64_t *regions, const int *fds, uint32_t count, bool good) {
	uint64_t payload[1 + 8 * 4] = {count};
	memcpy(payload + 1, regions, count * 4 * sizeof(uint64_t));
	int64_t ack = fe_send_ack(&fe, GP_VHOST_SET_MEM_TABLE, payload, 8 + count * 32, fds, count);
	assert_true(good ? ack == 0 : ack > 0);
}

/* A new table on a running device: what is the same stays, the rest goes. */
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
	connect_and_start();
	assert_echo(0);
	set_table(regions, (const int[]){files[0], fe.ram_fd, files[1]}, 3, true);
	assert_events("");
	assert_echo(0);
	// The first gets another file, the third goes.
	set_table(regions, (const int[]){files[1], fe.ram_fd}, 2, true);
	assert_events("drain0 drain1 removed@1024 drain0 drain1 removed@2048");
	assert_echo(0);
	// Twice the same is an overlap. What came before it is there.
	const uint64_t twice[] = {0, FE_RAM_SIZE, FE_UVA, 0, 0, FE_RAM_SIZE, FE_UVA, 0};
	set_table(twice, (const int[]){fe.ram_fd, fe.ram_fd}, 2, false);
	assert_echo(0);
	gp_fd_close(&files[0]);
	gp_fd_close(&files[1]);
}

/* The same RAM under other borders in one message: the rings are in a new mapping. */
static void test_table_moves_rings(void **state) {
	const uint64_t split[] = {0, FE_RAM_SIZE / 2, FE_UVA, 0, //
		FE_RAM_SIZE / 2, FE_RAM_SIZE / 2, FE_UVA + FE_RAM_SIZE / 2, FE_RAM_SIZE / 2};
	connect_and_start();
	assert_echo(0);
	set_table(split, (const int[]){fe.ram_fd, fe.ram_fd}, 2, true);
	assert_events("drain0 drain1 removed@0");
	assert_echo(0);
	set_table(split, NULL, 0, true);
	assert_events("drain0 drain1 removed@0 drain0 drain1 removed@32");
	fe_submit(&fe, 0, "abc", 3, 4);
	assert_silent(0);
}

/* Guests that break rules lose the queue, not the connection. */

static void test_broken_queue(void **state) {
	const uint64_t index = 0;
	int err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ERR, &index, 8, &err_fd, 1), 0);
	fe_write_desc(&fe, 0, 0, 0, 16, VRING_DESC_F_NEXT, 0); // a loop
	fe_offer(&fe, 0, 0, true);
	struct pollfd pfd = {.fd = err_fd, .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	assert_echo(1);
	fe_submit(&fe, 0, "abc", 3, 4);
	assert_silent(0);
	assert_true(fe_stop(&fe));
	assert_true(fe_restart(&fe, true));
	assert_echo(0);
	gp_fd_close(&err_fd);
}

static void test_bad_rings(void **state) {
	static const struct {
		uint32_t num;
		uint64_t desc_offset;
	} rows[] = {{3, 0}, {0, 0}, {2048, 0}, {65535, 0}, {8, 8}, {8, FE_RAM_SIZE}};
	connect_and_negotiate();
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
		assert_int_equal(fe_reply(&fe, GP_VHOST_GET_VRING_BASE, NULL, 0, PATIENCE_MS), 8);
		gp_fd_close(&kick);
	}
	assert_int_equal(rig.kicks, 0);
	assert_true(fe_start(&fe));
	assert_echo(0);
}

static void test_queue_over_limit(void **state) {
	const uint32_t num[] = {0, 65536}, base[] = {0, 65536}, enable[] = {0, 2};
	connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_NUM, num, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_BASE, base, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, enable, 8, NULL, 0), 1);
	assert_echo(0);
}

/* Front ends that break rules. */

static void test_no_such_queue(void **state) {
	const uint32_t vring[10] = {2, 1};
	const uint64_t index = 2;
	int fd = eventfd(0, EFD_CLOEXEC);
	connect_and_start();
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_NUM, vring, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_BASE, vring, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ADDR, vring, 40, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ENABLE, vring, 8, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_KICK, &index, 8, &fd, 1), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_CALL, &index, 8, &fd, 1), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_ERR, &index, 8, &fd, 1), 1);
	gp_fd_close(&fd);
	assert_echo(0);
	assert_true(fe_send(&fe, GP_VHOST_GET_VRING_BASE, GP_VHOST_VERSION, vring, 8, NULL, 0));
	assert_dropped();
}

static void test_refused_descriptors(void **state) {
	static const uint32_t requests[] = {
		GP_VHOST_SET_VRING_KICK, GP_VHOST_SET_VRING_CALL, GP_VHOST_SET_VRING_ERR};
	const uint64_t index = 1, none = 0x101;
	int pair[2], ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	connect_and_start();
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
	assert_echo(0);
}

/* A descriptor that is readable for ever, and never read. */
static void test_kick_does_not_spin(void **state) {
	const uint64_t index = 0;
	connect_and_start();
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
	unsigned before = rig.kicks;
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_VRING_KICK, &index, 8, &fd, 1), 0);
	gp_fd_close(&fd);
	usleep(SHORT_MS * 1000);
	sync_device();
	assert_true(rig.kicks - before <= 3);
	assert_echo(1);
}

static void test_unacknowledged_error_drops(void **state) {
	const uint32_t vring[] = {7, 1};
	connect_and_start();
	assert_true(fe_send(&fe, GP_VHOST_SET_VRING_NUM, GP_VHOST_VERSION, vring, 8, NULL, 0));
	assert_dropped();
	assert_events("drain0 drain1 removed@0 reset WAITING");
}

static void test_unknown_request(void **state) {
	connect_and_start();
	int fd = eventfd(0, EFD_CLOEXEC);
	assert_true(fe_send(&fe, 33, GP_VHOST_VERSION, NULL, 0, &fd, 1)); // GPU_SET_SOCKET
	assert_int_equal(fe_send_ack(&fe, 1234, "abcd", 4, NULL, 0), 1);
	assert_int_equal(fe_send_ack(&fe, GP_VHOST_SET_STATUS, "abcdefgh", 8, NULL, 0), 1);
	gp_fd_close(&fd);
	assert_echo(0);
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
		assert_true(fe_connect(&fe, rig.path, -1));
		assert_true(fe_send(&fe, rows[i].request, rows[i].flags, zeros, rows[i].size, fds,
			rows[i].n_fds));
		assert_dropped();
		fe_finish(&fe);
		assert_events("CONNECTED WAITING");
	}
	for (size_t i = 0; i < 64; i++) {
		close(fds[i]);
	}
	connect_and_start();
	assert_echo(0);
}

static void test_frame_in_pieces(void **state) {
	const uint32_t frame[] = {GP_VHOST_GET_FEATURES, GP_VHOST_VERSION, 0};
	uint64_t features;
	assert_true(fe_connect(&fe, rig.path, -1));
	for (size_t i = 0; i < sizeof(frame); i++) {
		assert_int_equal(send(fe.socket, (const uint8_t *)frame + i, 1, 0), 1);
		usleep(500);
	}
	assert_int_equal(fe_reply(&fe, GP_VHOST_GET_FEATURES, &features, 8, PATIENCE_MS), 8);
	// Half a frame, then nothing more.
	assert_int_equal(send(fe.socket, frame, 7, 0), 7);
}

/* Coming and going. */

static void test_front_ends_come_and_go(void **state) {
	connect_and_start();
	assert_echo(0);
	rig.hold = true;
	fe_submit(&fe, 0, "abc", 3, 4);
	while (rig.chains < 2) {
		usleep(1000);
	}
	fe_finish(&fe);
	wait_for_state(GP_VHOST_WAITING);
	assert_events("drain0 drain1 removed@0 reset WAITING");
	assert_int_equal(rig.n_held, 0);
	rig.hold = false;
	connect_and_start();
	assert_echo(0);
	assert_echo(1);
	assert_true(fe_stop(&fe));
	fe_finish(&fe);
	wait_for_state(GP_VHOST_WAITING);
	assert_events("drain0 drain1 PAUSED removed@0 reset WAITING");
}

static void test_second_front_end(void **state) {
	struct fe second;
	connect_and_start();
	assert_true(fe_connect(&second, rig.path, -1));
	assert_int_equal(fe_reply(&second, 0, NULL, 0, PATIENCE_MS), -ECONNRESET);
	fe_finish(&second);
	assert_echo(0);
	assert_events("");
}

static void disconnect(void) {
	gp_vhost_device_disconnect(rig.device);
	gp_vhost_device_disconnect(rig.device);
}

static void test_disconnect(void **state) {
	connect_and_start();
	in_device(disconnect);
	assert_events("drain0 drain1 removed@0 reset WAITING");
	assert_dropped();
}

static void test_socket_given(void **state) {
	int pair[2];
	stop_rig();
	rig.ended = false;
	rig.events[0] = '\0';
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	start_rig(NULL, pair[0]);
	assert_int_equal(gp_vhost_device_state(rig.device), GP_VHOST_CONNECTED);
	assert_int_equal(gp_vhost_device_socket(rig.device), pair[0]);
	assert_true(fe_connect(&fe, NULL, pair[1]));
	assert_true(fe_negotiate(&fe, FEATURES));
	assert_true(fe_start(&fe));
	assert_echo(0);
	assert_false(gp_vhost_device_finished(rig.device));
	fe_finish(&fe);
	wait_for_state(GP_VHOST_WAITING);
	assert_true(gp_vhost_device_finished(rig.device));
	assert_int_equal(gp_vhost_device_socket(rig.device), -1);
	assert_events("RUNNING drain0 drain1 removed@0 reset WAITING");
}

static void test_create_fails(void **state) {
	static const struct gp_vhost_info info = {.n_queues = 2}, many = {.n_queues = 9};
	struct wl_event_loop *loop = wl_event_loop_create();
	assert_null(gp_vhost_device_create(loop, "/nonexistent/x", -1, &info, &ops, NULL));
	assert_null(gp_vhost_device_create(loop, rig.path, -1, &info, &ops, NULL)); // in use
	assert_int_equal(access(rig.path, F_OK), 0); // and untouched
	int fd = eventfd(0, EFD_CLOEXEC);
	assert_null(gp_vhost_device_create(loop, NULL, fd, &many, &ops, NULL));
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
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", rig.path);
	int r = connect(socket_fd, (struct sockaddr *)&addr, sizeof(addr));
	usleep(SHORT_MS * 1000);
	enum gp_vhost_state seen = gp_vhost_device_state(rig.device);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(r, 0);
	assert_int_equal(seen, GP_VHOST_WAITING);
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_FEATURES, &value));
}

/* Front ends that go at any point leave no descriptor and no mapping. */
static void test_no_leak(void **state) {
	int before = count_fds();
	for (unsigned i = 0; i < 200; i++) {
		assert_true(fe_connect(&fe, rig.path, -1));
		if (i % 5 > 0) {
			assert_true(fe_negotiate(&fe, FEATURES));
		}
		if (i % 5 > 1) {
			assert_true(fe_start(&fe));
		}
		if (i % 5 > 2) {
			assert_echo(i % 2);
		}
		if (i % 5 > 3) { // in the middle of a frame that has brought a descriptor
			int fd = eventfd(0, EFD_CLOEXEC);
			const uint64_t half = 0;
			fe_send(&fe, GP_VHOST_SET_VRING_KICK, GP_VHOST_VERSION, &half, 4, &fd, 1);
			gp_fd_close(&fd);
		}
		fe_finish(&fe); // the next one may be there before this end was noticed
	}
	assert_true(fe_connect(&fe, rig.path, -1));
	sync_device();
	fe_finish(&fe);
	wait_for_state(GP_VHOST_WAITING);
	in_device(nothing);
	rig.events[0] = '\0';
	assert_int_equal(count_fds(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	gp_log_init("test", GP_LOG_SILENT);
	const struct CMUnitTest tests[] = {
		TEST(test_offers),
		TEST(test_accepts_only_what_was_offered),
		TEST(test_config),
		TEST(test_echo),
		TEST(test_echo_without_event_index),
		TEST(test_memory_by_table),
		TEST(test_missed_kick),
		TEST(test_disabled_queue_rests),
		TEST(test_late_answer),
		TEST(test_endless_queue),
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
		TEST(test_region_comes_and_goes),
		TEST(test_rings_go_and_come_back),
		TEST(test_stop_without_rings),
		TEST(test_table_replaced),
		TEST(test_table_moves_rings),
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

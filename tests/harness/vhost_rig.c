#include "tests/harness/vhost_rig.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"

#define MIB (UINT64_C(1) << 20)

struct vhost_rig vr;
struct fe fe;

static void note(const char *fmt, ...) {
	char word[64];
	va_list args;
	va_start(args, fmt);
	vsnprintf(word, sizeof(word), fmt, args);
	va_end(args);
	pthread_mutex_lock(&vr.lock);
	size_t length = strlen(vr.events);
	snprintf(vr.events + length, sizeof(vr.events) - length, "%s%s", length > 0 ? " " : "",
		word);
	pthread_mutex_unlock(&vr.lock);
}

static void reply(unsigned queue, const struct gp_chain *chain) {
	uint8_t bytes[256];
	size_t n = gp_chain_read(chain, 0, bytes, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		bytes[i]++;
	}
	bool interrupt = !vr.obey || n == 0 || bytes[0] != 'q' + 1;
	n = gp_chain_write(chain, 0, bytes, n);
	if (interrupt) {
		gp_vhost_device_push(vr.device, queue, chain->head, (uint32_t)n);
	} else {
		gp_vhost_device_push_without_interrupt(vr.device, queue, chain->head, (uint32_t)n);
	}
}

static bool is_to_hold(const struct gp_chain *chain) {
	uint8_t first = 0;
	gp_chain_read(chain, 0, &first, 1);
	return vr.hold || (vr.obey && first == 'k');
}

static void handle_kick(void *data, unsigned queue) {
	vr.kicks++;
	while (gp_vhost_device_pop(vr.device, queue, &vr.chain) == 1) {
		vr.chains++;
		if (is_to_hold(&vr.chain) && vr.n_held < 8) {
			vr.held_queue[vr.n_held] = queue;
			vr.held[vr.n_held++] = vr.chain;
			continue;
		}
		if (vr.work_us > 0) {
			usleep(vr.work_us);
		}
		reply(queue, &vr.chain);
		if (queue == 0 && vr.refill > 0) {
			vr.refill--;
			fe_offer(&fe, 0, vr.chain.head, false);
		}
	}
}

void vr_reply_held(unsigned queue) {
	unsigned kept = 0;
	for (unsigned i = 0; i < vr.n_held; i++) {
		if (vr.held_queue[i] == queue) {
			reply(queue, &vr.held[i]);
		} else {
			vr.held_queue[kept] = vr.held_queue[i];
			vr.held[kept++] = vr.held[i];
		}
	}
	vr.n_held = kept;
}

static void handle_drain(void *data, unsigned queue) {
	note("drain%u", queue);
	vr_reply_held(queue);
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
	memcpy(out, vr.config + offset, size);
}

static void handle_set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	memcpy(vr.config + offset, bytes, size);
}

const struct gp_vhost_ops vr_ops = {
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
		vr.call();
		sem_post(&vr.called);
	}
	return 0;
}

static void *run(void *data) {
	while (!vr.ended) {
		wl_event_loop_dispatch(vr.loop, -1);
	}
	return NULL;
}

void vr_call(void (*function)(void)) {
	uint64_t one = 1;
	vr.call = function;
	assert_int_equal(write(vr.call_fd, &one, sizeof(one)), sizeof(one));
	sem_wait(&vr.called);
}

void vr_start(const char *path, int fd) {
	static const struct gp_vhost_info info = {.features = VR_FEATURES, .n_queues = 2};
	vr.loop = wl_event_loop_create();
	vr.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vr.call_source =
		wl_event_loop_add_fd(vr.loop, vr.call_fd, WL_EVENT_READABLE, handle_call, NULL);
	int listener = path != NULL ? gp_socket_listen(path) : -1;
	vr.device = gp_vhost_device_create(vr.loop, listener, fd, &info, &vr_ops, NULL);
	assert_non_null(vr.device);
	assert_int_equal(pthread_create(&vr.thread, NULL, run, NULL), 0);
}

static void end_thread(void) {
	vr.ended = true;
}

void vr_stop(void) {
	vr_call(end_thread);
	pthread_join(vr.thread, NULL);
	gp_vhost_device_destroy(vr.device);
	wl_event_source_remove(vr.call_source);
	wl_event_loop_destroy(vr.loop);
	gp_fd_close(&vr.call_fd);
}

int vr_count_fds(void) {
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

static int fds_before;

int vr_setup(void **state) {
	memset(&vr, 0, sizeof(vr));
	pthread_mutex_init(&vr.lock, NULL);
	sem_init(&vr.called, 0, 0);
	gp_log_init("test", GP_LOG_SILENT);
	fds_before = vr_count_fds();
	snprintf(vr.path, sizeof(vr.path), "/tmp/gp-test-vhost-%d", (int)getpid());
	vr_start(vr.path, -1);
	fe = (struct fe){.socket = -1, .backend_fd = -1, .ram_fd = -1};
	for (unsigned i = 0; i < FE_QUEUES; i++) {
		fe.queues[i].kick_fd = fe.queues[i].call_fd = -1;
	}
	return 0;
}

int vr_teardown(void **state) {
	fe_finish(&fe);
	vr_stop();
	unlink(vr.path);
	if (vr_count_fds() != fds_before) {
		print_error("%d descriptors before, %d after\n", fds_before, vr_count_fds());
		return -1;
	}
	return 0;
}

void vr_sync(void) {
	uint64_t value;
	assert_true(fe_get_u64(&fe, GP_VHOST_GET_FEATURES, &value));
}

static void nothing(void) {
}

static enum gp_vhost_state state_seen;

static void see_state(void) {
	state_seen = gp_vhost_device_state(vr.device);
}

void vr_wait_for_state(enum gp_vhost_state state) {
	for (vr_call(see_state); state_seen != state; vr_call(see_state)) {
		usleep(1000);
	}
}

/* Calls of vr_ops since the last look. */
void vr_assert_events(const char *expected) {
	vr_call(nothing);
	pthread_mutex_lock(&vr.lock);
	char events[sizeof(vr.events)];
	memcpy(events, vr.events, sizeof(events));
	vr.events[0] = '\0';
	pthread_mutex_unlock(&vr.lock);
	assert_string_equal(events, expected);
}

void vr_connect(void) {
	assert_true(fe_connect(&fe, vr.path, -1));
	assert_true(fe_negotiate(&fe, ~UINT64_C(0)));
	vr_assert_events("CONNECTED");
}

void vr_connect_and_start(void) {
	vr_connect();
	assert_true(fe_start(&fe));
	vr_assert_events("RUNNING");
}

void vr_assert_echo(unsigned queue) {
	uint8_t in[4];
	uint32_t written;
	int head = fe_submit(&fe, queue, "abc", 3, 4);
	assert_true(head >= 0);
	assert_int_equal(fe_wait_used(&fe, queue, in, sizeof(in), &written, VR_PATIENCE_MS), head);
	assert_int_equal(written, 3);
	assert_memory_equal(in, "bcd", 3);
}

void vr_assert_silent(unsigned queue) {
	assert_int_equal(fe_wait_used(&fe, queue, NULL, 0, NULL, VR_SHORT_MS), -ETIMEDOUT);
}

void vr_assert_dropped(void) {
	assert_int_equal(fe_reply(&fe, 0, NULL, 0, VR_PATIENCE_MS), -ECONNRESET);
}

void vr_forget_events(void) {
	vr_call(nothing);
	pthread_mutex_lock(&vr.lock);
	vr.events[0] = '\0';
	pthread_mutex_unlock(&vr.lock);
}

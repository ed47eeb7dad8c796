/* What the keeper holds, and what a worker sends to it. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "tests/harness/vhost_rig.h"
#include "vmm-bridge/keeper/broker.h"
#include "vmm-bridge/keeper/channel.h"
#include "vmm-bridge/keeper/grant.h"
#include "vmm-bridge/keeper/handover.h"
#include "vmm-bridge/keeper/pauses.h"
#include "vmm-bridge/keeper/store.h"

static struct gp_store store;
static int fds_before;

static int setup(void **state) {
	gp_log_init("test", GP_LOG_SILENT);
	fds_before = vr_count_fds();
	gp_store_init(&store);
	gp_store_connect(&store, eventfd(0, EFD_CLOEXEC));
	return 0;
}

static int teardown(void **state) {
	gp_store_clear(&store);
	return vr_count_fds() == fds_before ? 0 : -1;
}

static struct gp_vhost_frame make(
	uint32_t request, const void *payload, uint32_t size, unsigned n_fds) {
	struct gp_vhost_frame frame = {
		.request = request, .flags = GP_VHOST_VERSION, .size = size, .n_fds = n_fds};
	memcpy(frame.payload, payload, size);
	for (unsigned i = 0; i < n_fds; i++) {
		frame.fds[i] = eventfd(0, EFD_CLOEXEC);
	}
	return frame;
}

static void handle(uint32_t request, const void *payload, uint32_t size, unsigned n_fds) {
	struct gp_vhost_frame frame = make(request, payload, size, n_fds);
	assert_true(gp_store_begin(&store, &frame));
	assert_int_equal(frame.n_fds, 0);
	gp_store_end(&store, true);
}

static void handle_u64(uint32_t request, uint64_t value, unsigned n_fds) {
	handle(request, &value, sizeof(value), n_fds);
}

static void handle_vring(uint32_t request, uint32_t index, uint32_t number) {
	const uint32_t payload[] = {index, number};
	handle(request, payload, sizeof(payload), 0);
}

static void handle_region(uint32_t request, uint64_t gpa) {
	const uint64_t payload[] = {0, gpa, 0x1000, gpa + 0x10000000, 0};
	handle(request, payload, sizeof(payload), request == GP_VHOST_ADD_MEM_REG ? 1 : 0);
}

static void handle_table(unsigned n) {
	uint64_t payload[1 + 4 * GP_VHOST_FDS_MAX] = {n};
	for (unsigned i = 0; i < n; i++) {
		payload[1 + 4 * i] = i * 0x100000;
		payload[2 + 4 * i] = 0x1000;
		payload[3 + 4 * i] = i * 0x100000;
	}
	handle(GP_VHOST_SET_MEM_TABLE, payload, (1 + 4 * n) * 8, n);
}

/* The numbers of the requests that are kept, in a string. */
static const char *kept(void) {
	static char text[256];
	size_t n = 0;
	size_t count = 0;
	struct gp_store_request *request;
	text[0] = '\0';
	TAILQ_FOREACH(request, &store.requests, link) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", n > 0 ? " " : "",
			request->frame.request);
		count++;
	}
	assert_int_equal(count, store.count);
	return text;
}

static void test_last_counts(void **state) {
	handle_u64(GP_VHOST_GET_FEATURES, 0, 0);
	handle_u64(GP_VHOST_SET_FEATURES, 1, 0);
	handle_vring(GP_VHOST_SET_VRING_NUM, 0, 64);
	handle_vring(GP_VHOST_SET_VRING_NUM, 1, 16);
	handle_u64(GP_VHOST_SET_FEATURES, 2, 0);
	handle_vring(GP_VHOST_SET_VRING_NUM, 0, 128);
	assert_string_equal(kept(), "8 2 8");
	assert_int_equal(TAILQ_FIRST(&store.requests)->frame.payload[0], 1); // queue 1
	handle_u64(GP_VHOST_SET_VRING_CALL, 0, 1);
	handle_u64(GP_VHOST_SET_VRING_CALL, 1, 1);
	handle_u64(GP_VHOST_SET_VRING_CALL, 0, 1);
	handle_u64(GP_VHOST_SET_VRING_CALL, 1 | 0x100, 0); // none
	assert_string_equal(kept(), "8 2 8 13 13");
}

static void test_queue_stops(void **state) {
	handle_vring(GP_VHOST_SET_VRING_BASE, 0, 0);
	handle_u64(GP_VHOST_SET_VRING_KICK, 0, 1);
	handle_u64(GP_VHOST_SET_VRING_KICK, 1, 1);
	handle_vring(GP_VHOST_SET_VRING_ENABLE, 0, 1);
	handle_vring(GP_VHOST_GET_VRING_BASE, 0, 0);
	assert_string_equal(kept(), "12 18");
	handle_vring(GP_VHOST_SET_VRING_BASE, 0, 7);
	handle(GP_VHOST_RESET_DEVICE, "", 0, 0);
	assert_string_equal(kept(), "");
}

static void test_memory(void **state) {
	handle_table(2);
	handle_region(GP_VHOST_ADD_MEM_REG, 0x1000000);
	handle_region(GP_VHOST_ADD_MEM_REG, 0x2000000);
	assert_string_equal(kept(), "5 37 37");
	for (int i = 0; i < 100; i++) {
		handle_region(GP_VHOST_REM_MEM_REG, 0x1000000);
		handle_region(GP_VHOST_ADD_MEM_REG, 0x1000000);
	}
	assert_string_equal(kept(), "5 37 37");
	handle_region(GP_VHOST_REM_MEM_REG, 0x100000); // of the table
	assert_string_equal(kept(), "5 37 37 38");
	handle_table(1);
	assert_string_equal(kept(), "5");
}

static void test_refused_and_pending(void **state) {
	struct gp_vhost_frame frame = make(GP_VHOST_ADD_MEM_REG, (uint64_t[5]){0}, 40, 1);
	assert_true(gp_store_begin(&store, &frame));
	gp_store_end(&store, false);
	assert_string_equal(kept(), "");
	handle_u64(GP_VHOST_SET_FEATURES, 1, 0);
	frame = make(GP_VHOST_SET_FEATURES, (uint64_t[1]){2}, 8, 0);
	assert_true(gp_store_begin(&store, &frame));
	assert_non_null(store.pending);
	assert_string_equal(kept(), "2"); // the old one, until then
	assert_int_equal(TAILQ_FIRST(&store.requests)->frame.payload[0], 1);
	/* The next worker begins with it once more. */
	frame = make(GP_VHOST_SET_FEATURES, (uint64_t[1]){2}, 8, 0);
	assert_true(gp_store_begin(&store, &frame));
	gp_store_end(&store, true);
	assert_null(store.pending);
	assert_int_equal(TAILQ_FIRST(&store.requests)->frame.payload[0], 2);
	/* One that no front end can send. */
	frame = make(GP_VHOST_SET_VRING_NUM, "x", 1, 3);
	assert_true(gp_store_begin(&store, &frame));
	gp_store_end(&store, true);
	gp_store_end(&store, true);
	assert_string_equal(kept(), "2");
}

static void test_new_front_end(void **state) {
	handle_u64(GP_VHOST_SET_VRING_KICK, 0, 1);
	gp_store_connect(&store, eventfd(0, EFD_CLOEXEC));
	assert_string_equal(kept(), "");
	assert_int_equal(vr_count_fds(), fds_before + 1);
	gp_store_clear(&store);
	assert_int_equal(store.socket, -1);
}

static void test_limit(void **state) {
	for (unsigned i = 0; i < GP_STORE_REQUESTS_MAX; i++) {
		const uint64_t payload[] = {0, i * 0x1000ull, 0x1000, i * 0x1000ull, 0};
		struct gp_vhost_frame frame = make(GP_VHOST_ADD_MEM_REG, payload, 40, 0);
		frame.n_fds = 1;
		frame.fds[0] = -1;
		assert_true(gp_store_begin(&store, &frame));
		gp_store_end(&store, true);
	}
	struct gp_vhost_frame frame = make(GP_VHOST_ADD_MEM_REG, (uint64_t[5]){0}, 40, 1);
	assert_false(gp_store_begin(&store, &frame));
	assert_int_equal(frame.n_fds, 0);
}

static void test_pauses(void **state) {
	static const unsigned pauses_ms[] = {0, 0, 10, 100, 1000, 10000, 10000};
	const uint64_t second = 1000000000;
	struct gp_pauses pauses = {0};
	uint64_t now = 5 * second;
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 7; i++) {
			gp_pauses_worker_started(&pauses, now);
			now += second;
			assert_int_equal(gp_pauses_worker_crashed(&pauses, now), pauses_ms[i]);
			assert_int_equal(gp_pauses_exhausted(&pauses), i >= 4);
		}
		gp_pauses_worker_started(&pauses, now);
		now += 60 * second; // it has lived long
		assert_int_equal(gp_pauses_worker_crashed(&pauses, now), 0);
		pauses.next = 0;
	}
	for (unsigned i = pauses.crashes; i < GP_PAUSES_CRASHES_MAX; i++) {
		gp_pauses_worker_started(&pauses, now);
		now += 60 * second;
		assert_int_equal(gp_pauses_worker_crashed(&pauses, now), 0);
		assert_false(gp_pauses_exhausted(&pauses));
	}
	gp_pauses_worker_started(&pauses, now);
	now += 60 * second; // in all, there were too many
	assert_int_equal(gp_pauses_worker_crashed(&pauses, now), 10000);
	assert_true(gp_pauses_exhausted(&pauses));
}

/* The channel. */

static int ends[2];

static int channel_setup(void **state) {
	fds_before = vr_count_fds();
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int channel_teardown(void **state) {
	gp_fd_close(&ends[0]);
	gp_fd_close(&ends[1]);
	return vr_count_fds() == fds_before ? 0 : -1;
}

static void close_fds(struct gp_vhost_frame *frame) {
	for (size_t i = 0; i < frame->n_fds; i++) {
		gp_fd_close(&frame->fds[i]);
	}
}

static void test_channel(void **state) {
	static uint8_t payload[GP_VHOST_PAYLOAD_MAX];
	struct gp_channel_message in = {.kind = GP_CHANNEL_REQUEST, .device = 3, .number = -7};
	struct gp_channel_message out;
	assert_int_equal(gp_channel_receive(ends[0], &out), 0);
	for (uint32_t size = 0; size <= sizeof(payload); size += 1024) {
		for (unsigned n_fds = 0; n_fds <= GP_VHOST_FDS_MAX; n_fds += 4) {
			memset(payload, (int)size / 1024 + 1, sizeof(payload));
			in.frame = make(5, payload, size, n_fds);
			assert_true(gp_channel_send(ends[1], &in));
			close_fds(&in.frame);
			assert_int_equal(gp_channel_receive(ends[0], &out), 1);
			assert_int_equal(out.kind, GP_CHANNEL_REQUEST);
			assert_int_equal(out.device, 3);
			assert_int_equal(out.number, -7);
			assert_int_equal(out.frame.request, 5);
			assert_int_equal(out.frame.size, size);
			assert_int_equal(out.frame.n_fds, n_fds);
			assert_memory_equal(out.frame.payload, payload, size);
			close_fds(&out.frame);
		}
	}
	gp_fd_close(&ends[1]);
	assert_int_equal(gp_channel_receive(ends[0], &out), -ECONNRESET);
}

/* What was sent before the end arrives, also from one that has not read everything. */
static void test_channel_end(void **state) {
	struct gp_channel_message out, in = {.kind = GP_CHANNEL_HANDLED};
	assert_true(gp_channel_send(ends[0], &in));
	assert_true(gp_channel_send(ends[1], &in));
	assert_true(gp_channel_send(ends[1], &in));
	gp_fd_close(&ends[1]);
	assert_int_equal(gp_channel_receive(ends[0], &out), 1);
	assert_int_equal(gp_channel_receive(ends[0], &out), 1);
	assert_int_equal(gp_channel_receive(ends[0], &out), -ECONNRESET);
}

/* A worker that was taken over says anything. */
static void test_channel_nonsense(void **state) {
	struct gp_channel_message out;
	uint32_t words[1100] = {GP_CHANNEL_REQUEST, 0, 0, 5, 1, 8};
	assert_true(send(ends[1], words, 20, 0) > 0);
	assert_int_equal(gp_channel_receive(ends[0], &out), -EPROTO);
	assert_true(send(ends[1], words, 24, 0) > 0); // shorter than it says
	assert_int_equal(gp_channel_receive(ends[0], &out), -EPROTO);
	words[5] = 4097;
	assert_true(send(ends[1], words, 24 + 4097, 0) > 0);
	assert_int_equal(gp_channel_receive(ends[0], &out), -EPROTO);
	words[5] = UINT32_MAX - 23;
	assert_true(send(ends[1], words, 1, 0) > 0);
	assert_int_equal(gp_channel_receive(ends[0], &out), -EPROTO);
}

/* What one process has stored, the next one gets. */
static void test_store_moves(void **state) {
	struct gp_store copy;
	struct gp_channel_message message;
	gp_store_init(&copy);
	gp_store_init(&store);
	assert_true(gp_store_send(&store, ends[1], 0)); // nothing
	assert_int_equal(gp_channel_receive(ends[0], &message), 0);
	gp_store_connect(&store, eventfd(0, EFD_CLOEXEC));
	handle_table(2);
	handle_region(GP_VHOST_ADD_MEM_REG, 0x1000000);
	handle_region(GP_VHOST_REM_MEM_REG, 0x100000);
	handle_vring(GP_VHOST_SET_VRING_NUM, 1, 16);
	handle_u64(GP_VHOST_SET_VRING_KICK, 1, 1);
	struct gp_vhost_frame frame = make(GP_VHOST_SET_FEATURES, (uint64_t[1]){2}, 8, 0);
	assert_true(gp_store_begin(&store, &frame));
	assert_string_equal(kept(), "5 37 38 8 12");
	assert_true(gp_store_send(&store, ends[1], 5));
	while (gp_channel_receive(ends[0], &message) == 1) {
		assert_int_equal(message.device, 5);
		assert_true(gp_store_take(&copy, &message));
		assert_int_equal(message.frame.n_fds, 0);
	}
	gp_store_clear(&store);
	store = copy;
	TAILQ_INIT(&store.requests);
	TAILQ_CONCAT(&store.requests, &copy.requests, link);
	assert_string_equal(kept(), "5 37 38 8 12");
	assert_int_not_equal(store.socket, -1);
	assert_non_null(store.pending);
	gp_store_clear(&store);
}

/* Whoever asks to take over and then does not read does not hold the keeper up for ever. */
static void test_greeting(void **state) {
	struct gp_handover_hello hello = {.shape = 7}, got;
	struct gp_channel_message message = {.kind = GP_CHANNEL_HELLO,
		.number = GP_HANDOVER_VERSION,
		.frame.size = sizeof(hello)};
	struct timeval timeout = {0};
	socklen_t size = sizeof(timeout);
	memset(hello.version, 'x', sizeof(hello.version)); // without an end
	memcpy(message.frame.payload, &hello, sizeof(hello));
	assert_true(gp_channel_send(ends[1], &message));
	assert_null(gp_handover_greet(ends[0], 7, &got));
	assert_int_equal(strlen(got.version), sizeof(got.version) - 1);
	assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, &size), 0);
	assert_true(timeout.tv_sec > 0);
	assert_true(gp_channel_send(ends[1], &message));
	assert_non_null(gp_handover_greet(ends[0], 8, &got)); // another VM
	message.number++;
	assert_true(gp_channel_send(ends[1], &message));
	assert_non_null(gp_handover_greet(ends[0], 7, &got));
	message.kind = GP_CHANNEL_READY;
	assert_true(gp_channel_send(ends[1], &message));
	assert_non_null(gp_handover_greet(ends[0], 7, &got));
	gp_fd_close(&ends[1]);
	assert_non_null(gp_handover_greet(ends[0], 7, &got));
}

/* The broker. */

static int call(struct gp_broker *broker, int32_t number, const void *args, uint32_t size,
	struct gp_channel_message *reply) {
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_CALL, .device = 77, .number = number, .frame.size = size};
	memcpy(message.frame.payload, args, size);
	assert_true(gp_broker_handle(broker, &message, ends[1]));
	assert_int_equal(gp_channel_receive(ends[0], reply), 1);
	assert_int_equal(reply->kind, GP_CHANNEL_REPLY);
	assert_int_equal(reply->device, 77);
	return reply->number;
}

static void test_broker(void **state) {
	char path[64];
	struct gp_broker broker;
	struct gp_channel_message reply;
	uint32_t index = 0;
	snprintf(path, sizeof(path), "/tmp/gp-test-keeper-%d", (int)getpid());
	gp_broker_init(&broker, NULL);
	assert_int_equal(call(&broker, GP_BROKER_DISPLAY, "", 0, &reply), -ENOENT);
	broker.display = path;
	assert_int_equal(call(&broker, GP_BROKER_DISPLAY, "", 0, &reply), -ENOENT);
	int listener = gp_socket_listen(path);
	/* A path in the call changes nothing. */
	assert_int_equal(call(&broker, GP_BROKER_DISPLAY, "/etc/passwd", 12, &reply), 0);
	assert_int_equal(reply.frame.n_fds, 1);
	close_fds(&reply.frame);
	/* QEMU's display: another path, and pairs where they are of use. */
	assert_int_equal(call(&broker, GP_BROKER_QEMU, "", 0, &reply), -ENOENT);
	assert_int_equal(call(&broker, GP_BROKER_PAIR, "", 0, &reply), -EPERM);
	broker.qemu = path;
	broker.pairs = true;
	assert_int_equal(call(&broker, GP_BROKER_QEMU, "/etc/passwd", 12, &reply), 0);
	assert_int_equal(reply.frame.n_fds, 1);
	close_fds(&reply.frame);
	assert_int_equal(call(&broker, GP_BROKER_PAIR, "", 0, &reply), 0);
	assert_int_equal(reply.frame.n_fds, 2);
	close_fds(&reply.frame);
	unlink(path);
	gp_fd_close(&listener);

	broker.vmm_socket = ends[0];
	assert_int_equal(call(&broker, GP_BROKER_VMM, "", 0, &reply), -ESRCH); // switched off
	broker.looks = true;
	assert_int_equal(call(&broker, GP_BROKER_VMM_DEVICE, &index, 4, &reply), -ESRCH);
	assert_int_equal(call(&broker, GP_BROKER_VMM, "", 0, &reply), 0); // this process
	assert_int_equal(reply.frame.n_fds, 1);
	struct pollfd end = {.fd = reply.frame.fds[0], .events = POLLIN};
	assert_int_equal(poll(&end, 1, 0), 0);
	assert_int_equal(call(&broker, GP_BROKER_VMM_DEVICE, &index, 4, &reply), 0); // has none
	index = UINT32_MAX;
	assert_int_equal(call(&broker, GP_BROKER_VMM_DEVICE, &index, 4, &reply), 0);
	assert_int_equal(call(&broker, GP_BROKER_VMM_DEVICE, &index, 3, &reply), -EINVAL);
	assert_int_equal(call(&broker, GP_BROKER_CALLS, "", 0, &reply), -ENOSYS);
	assert_int_equal(call(&broker, -1, "", 0, &reply), -ENOSYS);
	gp_broker_drop_vmm(&broker);
	assert_int_equal(poll(&end, 1, 0), 1);
	close(end.fd);
}

/* Waits for its end. It may be given a pid, by those who may give one. */
static pid_t start_process(const char *connect_to, pid_t pid) {
	FILE *last = pid != 0 ? fopen("/proc/sys/kernel/ns_last_pid", "w") : NULL;
	if (last != NULL) {
		fprintf(last, "%d", (int)pid - 1);
		fclose(last);
	}
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (connect_to != NULL) {
			gp_socket_connect(connect_to);
		}
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void end_process(pid_t pid) {
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void check_only_once(struct gp_broker *broker, pid_t vmm) {
	struct gp_channel_message reply;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(call(broker, GP_BROKER_VMM, "", 0, &reply), 0);
		close_fds(&reply.frame);
	}
	end_process(vmm);
	assert_int_equal(call(broker, GP_BROKER_VMM, "", 0, &reply), -ESRCH);
	pid_t other = start_process(NULL, vmm);
	assert_int_equal(call(broker, GP_BROKER_VMM, "", 0, &reply), -ESRCH);
	end_process(other);
}

/* Who gets the VMM's pid after its end is not the VMM. */
static void test_pid_again(void **state) {
	char path[64];
	struct gp_broker broker;
	struct gp_channel_message reply;
	snprintf(path, sizeof(path), "/tmp/gp-test-keeper-%d", (int)getpid());
	int listener = gp_socket_listen(path);
	fcntl(listener, F_SETFL, 0);
	gp_broker_init(&broker, NULL);
	broker.looks = true;
	pid_t vmm = start_process(path, 0);
	broker.vmm_socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	check_only_once(&broker, vmm);
	gp_broker_drop_vmm(&broker);
	/* Not found before its end. */
	pid_t other = start_process(NULL, vmm);
	assert_int_equal(call(&broker, GP_BROKER_VMM, "", 0, &reply), -ESRCH);
	end_process(other);
	gp_broker_drop_vmm(&broker);

	vmm = start_process(NULL, 0);
	gp_broker_fix_vmm(&broker, vmm);
	check_only_once(&broker, vmm);
	gp_broker_drop_vmm(&broker); // another front end does not make it another VMM
	assert_int_equal(call(&broker, GP_BROKER_VMM, "", 0, &reply), -ESRCH);
	gp_broker_finish(&broker);
	gp_fd_close(&broker.vmm_socket);
	gp_fd_close(&listener);
	unlink(path);
}

/* A front end is who was accepted where its device listens; a worker has other sockets, too. */
static void test_accepted(void **state) {
	char path[64];
	snprintf(path, sizeof(path), "/tmp/gp-test-keeper-%d", (int)getpid());
	struct gp_grants grants = {0};
	struct gp_grant listener = {.kind = GP_GRANT_LISTENER, .index = 2, .path = path};
	listener.fd = gp_socket_listen(path);
	assert_true(listener.fd >= 0);
	gp_grants_add(&grants, &listener);
	int front = gp_socket_connect(path);
	int accepted = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(gp_grants_accepted(&grants, 2, accepted));
	assert_false(gp_grants_accepted(&grants, 1, accepted)); // no such device
	assert_false(gp_grants_accepted(&grants, 2, front));
	assert_false(gp_grants_accepted(&grants, 2, ends[0]));
	assert_false(gp_grants_accepted(&grants, 2, STDERR_FILENO));
	assert_false(gp_grants_accepted(&grants, 2, listener.fd));
	gp_fd_close(&front);
	gp_fd_close(&accepted);
	unlink(path);
	int packets = gp_socket_listen_packets(path); // the name is the same
	front = gp_socket_connect_packets(path);
	accepted = accept4(packets, NULL, NULL, SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	assert_false(gp_grants_accepted(&grants, 2, accepted));
	gp_fd_close(&packets);
	gp_fd_close(&front);
	gp_fd_close(&accepted);
	gp_grant_close(&grants.items[0]);
	assert_int_equal(access(path, F_OK), -1);
	gp_grant_close(&grants.items[0]);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define CHANNEL(function) cmocka_unit_test_setup_teardown(function, channel_setup, channel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_last_counts),
		TEST(test_queue_stops),
		TEST(test_memory),
		TEST(test_refused_and_pending),
		TEST(test_new_front_end),
		TEST(test_limit),
		CHANNEL(test_channel),
		CHANNEL(test_channel_end),
		CHANNEL(test_channel_nonsense),
		CHANNEL(test_store_moves),
		CHANNEL(test_greeting),
		CHANNEL(test_broker),
		CHANNEL(test_pid_again),
		CHANNEL(test_accepted),
		cmocka_unit_test(test_pauses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

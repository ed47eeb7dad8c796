/* Connections to QEMU: how they begin, end, and begin again (behaviour F3, F6). */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/socket.h"
#include "tests/unit/qemu_cases.h"

static void test_start(void **state) {
	assert_int_equal(t.state, GP_CLIENT_VM_RUNNING);
	assert_string_equal(t.fake.interfaces,
		"org.qemu.Display1.Listener.Unix.Map "
		"org.qemu.Display1.Listener.Unix.ScanoutDMABUF2 ");
	assert_int_equal(t.fake.n_registrations, 1);
	assert_string_equal(t.qemu.name, "the VM");
	assert_string_equal(t.qemu.consoles[0].path, "/org/qemu/Display1/Console_1");
	const char *reason;
	assert_string_equal(gp_qemu_connection(&t.qemu, &reason), "connected");
	assert_string_equal(reason, "");
}

static void test_heads(void **state) {
	t.fake.n_consoles = 3;
	start(&(struct gp_qemu_address){GP_QEMU_FD, NULL, fake_qemu_start(&t.fake)}, 2);
	WAIT(t.qemu.consoles[1].registration == GP_QEMU_REGISTERED);
	assert_string_equal(t.qemu.consoles[1].path, "/org/qemu/Display1/Console_2");
	assert_int_equal(t.fake.n_registrations, 2);
	/* Side by side, and the second one unplugged. */
	struct gp_monitor monitor = {.modes = {{800, 600, 60000}}, .n_modes = 1};
	gp_qemu_set_monitor(&t.qemu, 0, &monitor);
	gp_qemu_set_monitor(&t.qemu, 1, &monitor);
	WAIT(strstr(t.fake.log, "1 SetUIInfo 0 0 0 0 800 600\n") != NULL);
	WAIT(strstr(t.fake.log, "2 SetUIInfo 0 0 800 0 800 600\n") != NULL);
	gp_qemu_set_monitor(&t.qemu, 1, NULL);
	WAIT(strstr(t.fake.log, "2 SetUIInfo 0 0 0 0 0 0\n") != NULL);
}

/* A window that is resized says so many times. */
static void test_size(void **state) {
	struct gp_monitor monitor = {
		.modes = {{800, 600, 60000}}, .n_modes = 1, .width_mm = 300, .height_mm = 70000};
	for (unsigned i = 0; i < 20; i++) {
		monitor.modes[0].width++;
		gp_qemu_set_monitor(&t.qemu, 0, &monitor);
		turn();
	}
	WAIT(strstr(t.fake.log, "1 SetUIInfo 300 0 0 0 820 600\n") != NULL);
	assert_null(strstr(strstr(t.fake.log, "SetUIInfo") + 1, "SetUIInfo"));
	assert_int_equal(t.qemu.consoles[0].surface.period_ns, 16666666);
}

/* QEMU's main loop waits: the socket is closed, and it is tried again with pauses that grow. */
static void test_registration_hangs(void **state) {
	t.fake.hangs = true;
	start(&(struct gp_qemu_address){GP_QEMU_FD, NULL, fake_qemu_start(&t.fake)}, 1);
	WAIT(t.fake.n_registrations == 1);
	uint64_t start_ns = gp_now_ns();
	WAIT(t.qemu.consoles[0].listener.bus.bus == NULL);
	assert_uint_in_range(gp_now_ns() - start_ns, 150000000, 400000000);
	assert_string_equal(
		t.qemu.consoles[0].failure, "QEMU did not register the listener within 200 ms");
	WAIT(t.fake.n_registrations == 2);
	t.fake.hangs = false;
	fake_qemu_close_listener(&t.fake, 0);
	WAIT(t.qemu.consoles[0].registration == GP_QEMU_REGISTERED);
	assert_int_equal(t.fake.n_registrations, 3);
}

/* Each end of the listener's connection is followed by a new one, as long as QEMU is there. */
static void test_listener_ends(void **state) {
	int fd = make_file(SIZE, 1);
	scanout_map(fd);
	turns();
	fake_qemu_close_listener(&t.fake, 0);
	WAIT(t.fake.n_registrations == 2);
	assert_int_equal(t.state, GP_CLIENT_VM_RUNNING);
	assert_shown(1); // meanwhile
	WAIT(t.qemu.consoles[0].registration == GP_QEMU_REGISTERED);
	scanout_map(fd);
	close(fd);
}

/* A process that stands still while QEMU waits for a reply: the socket is shut down for it. */
static void test_stands_still(void **state) {
	int fd = make_file(SIZE, 1);
	fake_qemu_call(&t.fake, 0, "Unix.Map", "ScanoutMap", "huuuuu", fd, 0, W, H, W * 4,
		PIXMAN_X8R8G8B8);
	uint64_t start_ns = gp_now_ns();
	while (t.fake.listeners[0] != NULL && gp_now_ns() - start_ns < 2000000000) {
		fake_qemu_process(&t.fake);
		usleep(1000);
	}
	assert_null(t.fake.listeners[0]);
	assert_uint_in_range(gp_now_ns() - start_ns, 50000000, 3 * GP_QEMU_WATCH_MS * 1000000ull);
	/* It goes on, and registers again. */
	WAIT(t.fake.n_registrations == 2);
	WAIT(t.qemu.consoles[0].registration == GP_QEMU_REGISTERED);
	scanout_map(fd);
	turns();
	assert_shown(1);
	/* While nothing comes it may stand still for as long as it likes. */
	usleep(3 * GP_QEMU_WATCH_MS * 1000);
	fake_qemu_process(&t.fake);
	assert_non_null(t.fake.listeners[0]);
	close(fd);
}

/* Another client took the main connection: frames go on, and nobody fights. */
static void test_taken(void **state) {
	const char *reason;
	int fd = make_file(SIZE, 1);
	fake_qemu_close_main(&t.fake);
	WAIT(t.qemu.taken);
	assert_string_equal(gp_qemu_connection(&t.qemu, &reason), "taken");
	assert_int_equal(t.state, GP_CLIENT_VM_RUNNING);
	scanout_map(fd);
	turns();
	assert_shown(1);
	assert_false(gp_qemu_finished(&t.qemu));
	/* Input has nowhere to go, and does no harm. */
	gp_qemu_seat_events.key(&t.qemu.seat, 0, 30, true);
	gp_qemu_seat_events.keyboard_leave(&t.qemu.seat);
	fake_qemu_close_listener(&t.fake, 0);
	WAIT(t.state == GP_CLIENT_VM_DISCONNECTED);
	assert_true(gp_qemu_finished(&t.qemu));
	close(fd);
}

static void test_ends(void **state) {
	int fd = make_file(SIZE, 1);
	scanout_map(fd);
	turns();
	fake_qemu_close_main(&t.fake);
	fake_qemu_close_listener(&t.fake, 0);
	WAIT(t.state == GP_CLIENT_VM_DISCONNECTED);
	assert_null(t.client.buffer);
	assert_int_equal(t.qemu.memories.n, 0);
	assert_true(gp_qemu_finished(&t.qemu));
	close(fd);
}

/* QEMU takes us for its bus */

static char path[64];

static void connect_as_client(sd_bus **bus) {
	int fd = gp_socket_connect(path);
	assert_true(fd >= 0);
	assert_true(sd_bus_new(bus) >= 0);
	sd_bus_set_fd(*bus, fd, fd);
	sd_bus_set_bus_client(*bus, true);
	sd_bus_negotiate_fds(*bus, true);
	assert_true(sd_bus_start(*bus) >= 0);
}

static int count(sd_bus_message *reply, void *data, sd_bus_error *error) {
	uint32_t result = 0;
	sd_bus_message_read(reply, "u", &result);
	*(unsigned *)data = result;
	return 0;
}

static void test_listen(void **state) {
	snprintf(path, sizeof(path), "/tmp/gp-qemu-%d.sock", getpid());
	start(&(struct gp_qemu_address){GP_QEMU_LISTEN, path, gp_socket_listen(path)}, 1);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	sd_bus *bus;
	connect_as_client(&bus);
	unsigned owner = 0;
	sd_bus_call_method_async(bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "RequestName", count, &owner, "su", "org.qemu", 0);
	t.fake.main = bus;
	WAIT(owner == 1);
	assert_int_equal(t.state, GP_CLIENT_VM_RUNNING);
	const char *name;
	assert_true(sd_bus_get_unique_name(bus, &name) >= 0);
	assert_string_equal(name, ":1.0");
	/* A second one is turned away. */
	int second = gp_socket_connect(path);
	char byte;
	WAIT(read(second, &byte, 1) == 0);
	gp_fd_close(&second);
	fake_qemu_close_main(&t.fake);
	WAIT(t.state == GP_CLIENT_VM_DISCONNECTED);
	assert_false(gp_qemu_finished(&t.qemu));
	/* The next QEMU. */
	connect_as_client(&t.fake.main);
	sd_bus_call_method_async(t.fake.main, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "RequestName", count, &owner, "su", "org.qemu", 0);
	WAIT(t.state == GP_CLIENT_VM_RUNNING);
}

/* QMP */

static struct {
	int listen_fd, fd;
	char in[4096];
	int passed; // by getfd
	bool deaf; // says nothing
} qmp;

static void qmp_send(const char *text) {
	assert_int_equal(write(qmp.fd, text, strlen(text)), strlen(text));
}

static void qmp_receive(void) {
	char control[CMSG_SPACE(sizeof(int))];
	char bytes[1024];
	struct iovec iov = {bytes, sizeof(bytes) - 1};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(qmp.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0) {
		return;
	}
	bytes[n] = '\0';
	strcat(qmp.in, bytes);
	for (char *c = bytes; (c = strchr(c, '\n')) != NULL; c++) {
		if (strstr(qmp.in, "query-status") == NULL) {
			qmp_send("{\"return\": {}}\r\n");
		}
	}
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header != NULL) {
		memcpy(&qmp.passed, CMSG_DATA(header), sizeof(qmp.passed));
	}
}

static int setup_qmp(void **state) {
	setup_unconnected(state);
	memset(&qmp, 0, sizeof(qmp));
	qmp.fd = qmp.passed = -1;
	snprintf(path, sizeof(path), "/tmp/gp-qmp-%d.sock", getpid());
	return 0;
}

static int teardown_qmp(void **state) {
	gp_fd_close(&qmp.fd);
	gp_fd_close(&qmp.listen_fd);
	unlink(path);
	return teardown(state);
}

static void qmp_accept(void) {
	WAIT((qmp.fd = accept(qmp.listen_fd, NULL, NULL)) >= 0);
	qmp_send("{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
	qmp.in[0] = '\0';
}

static void qmp_serve(void) {
	WAIT((qmp_receive(), strstr(qmp.in, "query-status") != NULL));
	qmp_send("{\"return\": {\"status\": \"paused\", \"running\": false}}\r\n");
	qmp.in[0] = '\0';
	WAIT((qmp_receive(), strstr(qmp.in, "@dbus-display") != NULL));
	assert_true(qmp.passed >= 0);
	fake_qemu_start_on(&t.fake, qmp.passed);
}

static void test_qmp(void **state) {
	const char *reason;
	start(&(struct gp_qemu_address){GP_QEMU_QMP, path, -1}, 1);
	turns();
	assert_string_equal(gp_qemu_connection(&t.qemu, &reason), "waiting");
	assert_non_null(strstr(reason, "nobody listens at"));
	qmp.listen_fd = gp_socket_listen(path);
	qmp_accept();
	qmp_serve();
	WAIT(t.qemu.consoles[0].registration == GP_QEMU_REGISTERED);
	assert_int_equal(t.state, GP_CLIENT_VM_PAUSED);
	qmp_send("{\"event\": \"RESUME\"}\r\n{\"event\": \"RES");
	turns();
	qmp_send("ET\"}\r\n{\"event\": \"SOMETHING\"}\r\n");
	turns();
	assert_int_equal(t.state, GP_CLIENT_VM_RUNNING);
	assert_int_equal(t.n_resets, 1);
	/* The monitor alone ends: it is connected to again, and takes no second client. */
	gp_fd_close(&qmp.fd);
	qmp.passed = -1;
	qmp_accept();
	WAIT((qmp_receive(), strstr(qmp.in, "query-status") != NULL));
	qmp_send("{\"return\": {\"running\": true}}\r\n");
	for (unsigned i = 0; i < 200; i++) {
		turn();
		qmp_receive();
	}
	assert_int_equal(qmp.passed, -1);
	assert_int_equal(t.fake.n_registrations, 1);
	/* QEMU ends, and another one comes. */
	gp_fd_close(&qmp.fd);
	fake_qemu_stop(&t.fake);
	WAIT(t.state == GP_CLIENT_VM_DISCONNECTED);
	qmp_accept();
	qmp_serve();
	WAIT(t.fake.n_registrations == 2);
	assert_int_equal(t.state, GP_CLIENT_VM_PAUSED);
}

/* Another client has the monitor: QEMU says nothing. */
static void test_qmp_deaf(void **state) {
	const char *reason;
	qmp.listen_fd = gp_socket_listen(path);
	start(&(struct gp_qemu_address){GP_QEMU_QMP, path, -1}, 1);
	uint64_t end_ns = gp_now_ns() + 3000000000;
	do {
		turn();
		gp_qemu_connection(&t.qemu, &reason);
	} while (strstr(reason, "does not reply") == NULL && gp_now_ns() < end_ns);
	assert_non_null(strstr(reason, "has it another client?"));
}

static void test_qmp_hostile(void **state) {
	static const char *const lines[] = {"nonsense\r\n", "[]\r\n", "{\"return\": {}}\r\n",
		"{\"error\": 5}\r\n", "{\"event\": []}\r\n", "{\"QMP\": 1}\n{\"QMP\": 2}\n"};
	qmp.listen_fd = gp_socket_listen(path);
	start(&(struct gp_qemu_address){GP_QEMU_QMP, path, -1}, 1);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		qmp_accept();
		qmp_send(lines[i]);
		turns();
		gp_fd_close(&qmp.fd);
	}
	/* A line without an end. */
	qmp_accept();
	char byte = 'x';
	for (unsigned i = 0; i < 2 * GP_QMP_LINE_MAX; i++) {
		if (send(qmp.fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			break;
		}
		if (i % 1024 == 0) {
			turn();
		}
	}
	turns();
	gp_fd_close(&qmp.fd);
	/* A QEMU without the display. */
	qmp_accept();
	WAIT((qmp_receive(), strstr(qmp.in, "query-status") != NULL));
	qmp_send("{\"return\": {\"running\": true}}\r\n{\"error\": {\"desc\": \"protocol\"}}\r\n"
		 "{\"error\": {\"desc\": \"protocol\"}}\r\n");
	const char *reason;
	WAIT((gp_qemu_connection(&t.qemu, &reason), strstr(reason, "-display dbus") != NULL));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CASE_ALONE(name) cmocka_unit_test_setup_teardown(name, setup_unconnected, teardown)
#define CASE_QMP(name) cmocka_unit_test_setup_teardown(name, setup_qmp, teardown_qmp)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(test_start),
		CASE_ALONE(test_heads),
		CASE(test_size),
		CASE_ALONE(test_registration_hangs),
		CASE(test_listener_ends),
		CASE(test_stands_still),
		CASE(test_taken),
		CASE(test_ends),
		CASE_ALONE(test_listen),
		CASE_QMP(test_qmp),
		CASE_QMP(test_qmp_deaf),
		CASE_QMP(test_qmp_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

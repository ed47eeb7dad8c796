/* Taking device fds out of a VMM's process, on a real kernel. A child plays the VMM. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"
#include "tests/hostvm/vfio_host.h"
#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/finder.h"
#include "vmm-bridge/vfio/vfio.h"
#include "vmm-bridge/vfio/vmm_devices.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define PAGE 4096u
#define NOBODY 65534
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

struct fixture {
	struct wl_event_loop *loop;
	struct gp_vfio *vfio;
	struct vfio_host hosts[VFIO_HOST_DEVICES];
	struct gp_vmm_devices devices; // what the keeper has
	pid_t target; // whose devices, or 0: the one at the other end of
	int socket;
	pid_t vmm;
	int control; // to the VMM: '0'/'1' opens a device, 'c' closes all; it echoes when done
	int removed, ended;
};

static void handle_removed(void *data, struct gp_memory_object *object) {
	struct fixture *f = data;
	f->removed++;
}

static void handle_ended(void *data) {
	struct fixture *f = data;
	f->ended++;
	gp_vmm_devices_finish(&f->devices);
}

static const struct gp_vfio_events events = {
	.object_removed = handle_removed,
	.vmm_ended = handle_ended,
};

/* The keeper's part, in this process. */

static int find_vmm(void *data) {
	struct fixture *f = data;
	gp_vmm_devices_finish(&f->devices);
	pid_t pid = f->target;
	int pidfd = pid != 0 ? gp_vmm_find(pid) : gp_vmm_find_peer(f->socket, &pid);
	int result = pidfd < 0 ? pidfd : gp_vmm_devices_open(&f->devices, pid, pidfd);
	gp_fd_close(&pidfd);
	return result < 0 ? result : dup(f->devices.vmm.pidfd);
}

static int find_device(void *data, uint32_t index, struct gp_vfio_found *found) {
	struct fixture *f = data;
	int result = index == 0 ? gp_vmm_devices_look(&f->devices) : 0;
	if (result < 0 || index >= f->devices.count) {
		return result;
	}
	const struct gp_vmm_device *device = &f->devices.items[index];
	*found = (struct gp_vfio_found){.id = device->id, .fd = dup(device->fd)};
	memcpy(found->pci, device->pci, sizeof(found->pci));
	return 1;
}

static const struct gp_vfio_finder finder = {.find_vmm = find_vmm, .find_device = find_device};

static int attach_pid(struct fixture *f, pid_t pid) {
	f->target = pid;
	return gp_vfio_attach(f->vfio, &finder, f);
}

static int attach_socket(struct fixture *f, int socket) {
	f->target = 0;
	f->socket = socket;
	return gp_vfio_attach(f->vfio, &finder, f);
}

static void run_vmm(struct fixture *f, int control) {
	char command;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(control, &command, 1) == 1) {
		if (command == 'c') {
			vfio_host_close(&f->hosts[0]);
			vfio_host_close(&f->hosts[1]);
		} else if (!vfio_host_open(&f->hosts[command - '0'])) {
			command = '!';
		}
		if (write(control, &command, 1) != 1) {
			break;
		}
	}
	_exit(0);
}

static void command(struct fixture *f, char what) {
	char answer = 0;
	assert_int_equal(write(f->control, &what, 1), 1);
	assert_int_equal(read(f->control, &answer, 1), 1);
	assert_int_equal(answer, what);
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	int pair[2];
	*state = f;
	gp_vmm_devices_init(&f->devices);
	for (int i = 0; i < VFIO_HOST_DEVICES; i++) {
		vfio_host_find(&f->hosts[i], i);
	}
	f->loop = wl_event_loop_create();
	f->vfio = gp_vfio_create(f->loop, NULL, NULL, &events, f);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		return -1;
	}
	f->vmm = fork();
	if (f->vmm == 0) {
		close(pair[0]);
		run_vmm(f, pair[1]);
	}
	close(pair[1]);
	f->control = pair[0];
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	close(f->control);
	kill(f->vmm, SIGKILL);
	waitpid(f->vmm, NULL, 0);
	gp_vfio_destroy(f->vfio);
	gp_vmm_devices_finish(&f->devices);
	wl_event_loop_destroy(f->loop);
	free(f);
	return 0;
}

/* Waits out the rate limit on looking through the VMM's descriptors. */
static void wait_for_next_scan(void) {
	usleep(150000);
}

static int resolve(struct fixture *f, int device, struct gp_memory_object **object) {
	uint64_t offset;
	return gp_vfio_resolve(f->vfio, f->hosts[device].bar_gpa, PAGE, object, &offset);
}

static void test_attach(void **state) {
	struct fixture *f = *state;
	struct gp_memory_object *object;
	command(f, '0');
	command(f, '1');
	assert_int_equal(attach_pid(f, f->vmm), 2);
	assert_int_equal(gp_vfio_count(f->vfio), 2);
	for (int i = 0; i < 2; i++) {
		const char *pci = gp_vfio_at(f->vfio, i)->pci;
		assert_true(strcmp(pci, f->hosts[0].pci) == 0 || strcmp(pci, f->hosts[1].pci) == 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(resolve(f, i, &object), 0);
		assert_string_equal(object->pci, f->hosts[i].pci);
		assert_int_equal(gp_memory_object_map(object), 0);
		gp_memory_object_unref(object);
	}
	// A second look finds the same and keeps the objects.
	gp_vfio_refresh(f->vfio);
	assert_int_equal(gp_vfio_count(f->vfio), 2);
	assert_int_equal(f->removed, 0);
}

/* When the VMM ends, nothing of ours keeps its device open. */
static void test_vmm_ends(void **state) {
	struct fixture *f = *state;
	struct gp_memory_object *object;
	command(f, '0');
	assert_int_equal(attach_pid(f, f->vmm), 1);
	assert_int_equal(resolve(f, 0, &object), 0);
	assert_int_equal(gp_memory_object_map(object), 0);
	kill(f->vmm, SIGKILL);
	for (int i = 0; i < 50 && f->ended == 0; i++) {
		wl_event_loop_dispatch(f->loop, 100);
	}
	assert_int_equal(f->ended, 1);
	assert_int_equal(f->removed, 1);
	assert_int_equal(gp_vfio_count(f->vfio), 0);
	assert_true(object->removed);
	assert_int_equal(object->map[0], 0);

	struct vfio_host again;
	assert_true(vfio_host_find(&again, 0));
	assert_true(vfio_host_open(&again)); // EBUSY if anybody had the group
	vfio_host_close(&again);
	gp_memory_object_unref(object);
	assert_int_equal(resolve(f, 0, &object), -EFAULT);
}

static void test_hotplug(void **state) {
	struct fixture *f = *state;
	struct gp_memory_object *object = NULL;
	assert_int_equal(attach_pid(f, f->vmm), 0);
	assert_int_equal(resolve(f, 0, &object), -EFAULT);
	command(f, '0');
	wait_for_next_scan();
	assert_int_equal(resolve(f, 0, &object), 0);
	assert_int_equal(resolve(f, 1, &(struct gp_memory_object *){NULL}), -EFAULT);
	command(f, '1');
	wait_for_next_scan();
	struct gp_memory_object *second;
	assert_int_equal(resolve(f, 1, &second), 0);
	assert_string_equal(second->pci, f->hosts[1].pci);
	gp_memory_object_unref(second);

	// Unplugged: the VMM has closed it, so must we.
	command(f, 'c');
	gp_vfio_refresh(f->vfio);
	assert_int_equal(gp_vfio_count(f->vfio), 0);
	assert_int_equal(f->removed, 2);
	assert_true(object->removed);
	gp_memory_object_unref(object);
	struct vfio_host again;
	assert_true(vfio_host_find(&again, 0));
	assert_true(vfio_host_open(&again));
	vfio_host_close(&again);
	assert_int_equal(f->ended, 0);
}

/* Unplugged and plugged again: another device, though it has the same number in the VMM. */
static void test_replug(void **state) {
	struct fixture *f = *state;
	struct gp_memory_object *object;
	command(f, '0');
	assert_int_equal(attach_pid(f, f->vmm), 1);
	assert_int_equal(resolve(f, 0, &object), 0);
	uint64_t id = f->devices.items[0].id;
	int number = f->devices.items[0].vmm_fd;
	command(f, 'c');
	gp_vfio_refresh(f->vfio); // else the group is busy
	command(f, '0');
	gp_vfio_refresh(f->vfio);
	assert_int_equal(gp_vfio_count(f->vfio), 1);
	assert_int_equal(f->devices.items[0].vmm_fd, number);
	assert_true(f->devices.items[0].id > id);
	assert_true(object->removed);
	gp_memory_object_unref(object);
	assert_int_equal(resolve(f, 0, &object), 0);
	assert_false(object->removed);
	gp_memory_object_unref(object);
}

/* The process at the other end of a socket, as vhost-user has it. */
static void test_attach_socket(void **state) {
	struct fixture *f = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	command(f, '1');
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%chostvm-%d", 0, (int)getpid());
	assert_int_equal(bind(listener, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid_t vmm = fork();
	if (vmm == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (void *)&address, sizeof(address)) == 0) {
			pause();
		}
		_exit(0);
	}
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(attach_socket(f, fd), 0);
	kill(vmm, SIGKILL);
	waitpid(vmm, NULL, 0);
	for (int i = 0; i < 50 && f->ended == 0; i++) {
		wl_event_loop_dispatch(f->loop, 100);
	}
	assert_int_equal(f->ended, 1);
	// The process is gone, and its pid may be anybody's.
	assert_int_equal(attach_socket(f, fd), -ESRCH);
	close(fd);
	close(listener);

	// The other child has a device.
	assert_int_equal(attach_pid(f, f->vmm), 1);
}

static bool write_yama(char scope) {
	int fd = open(YAMA, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, &scope, 1) == 1;
	if (fd >= 0) {
		close(fd);
	}
	return done;
}

static void become_nobody(void) {
	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
		_exit(99);
	}
	prctl(PR_SET_DUMPABLE, 1); // dropping root made the process undumpable
}

/* What a process of nobody gets when it attaches to target; its log goes to *log. */
static int attach_as_nobody(pid_t target, char *log, size_t log_size) {
	int out[2], status;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(out[1], STDERR_FILENO);
		become_nobody();
		gp_log_init("test", GP_LOG_ERROR);
		struct fixture f = {.vfio = gp_vfio_create(NULL, NULL, NULL, &events, NULL)};
		gp_vmm_devices_init(&f.devices);
		_exit(-attach_pid(&f, target));
	}
	close(out[1]);
	ssize_t n = 0;
	for (ssize_t more; (more = read(out[0], log + n, log_size - 1 - n)) > 0; n += more) {
	}
	log[n] = '\0';
	close(out[0]);
	waitpid(child, &status, 0);
	print_message("# %s", log);
	return WEXITSTATUS(status);
}

static void assert_says(const char *log, const char *words) {
	if (strstr(log, words) == NULL) {
		fail_msg("'%s' does not say '%s'", log, words);
	}
}

static void test_refusals(void **state) {
	struct fixture *f = *state;
	char log[1024];

	assert_int_equal(attach_pid(f, 4000000), -ESRCH);
	assert_int_equal(attach_pid(f, -1), -EINVAL);

	// Another user.
	command(f, '0');
	int error = attach_as_nobody(f->vmm, log, sizeof(log));
	assert_true(error == EACCES || error == EPERM);
	assert_says(log, "uid 0");
	assert_says(log, "uid 65534");

	// The same user, by Yama. The VMM got its device before it dropped root.
	pid_t vmm = fork();
	if (vmm == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bool opened = vfio_host_open(&f->hosts[1]);
		become_nobody();
		if (opened) {
			pause();
		}
		_exit(1);
	}
	sleep(1);
	assert_true(write_yama('0'));
	assert_int_equal(attach_as_nobody(vmm, log, sizeof(log)), 0xff & -1);
	assert_true(write_yama('1'));
	assert_int_equal(attach_as_nobody(vmm, log, sizeof(log)), EPERM);
	assert_says(log, "ptrace_scope is 1");
	assert_true(write_yama('2'));
	assert_int_equal(attach_as_nobody(vmm, log, sizeof(log)), EPERM);
	assert_says(log, "ptrace_scope is 2");
	assert_true(write_yama('0'));
	kill(vmm, SIGKILL);
	waitpid(vmm, NULL, 0);
}

static void test_balance(void **state) {
	struct fixture *f = *state;
	int before = 0;
	command(f, '0');
	gp_log_init("test", GP_LOG_WARN);
	for (int i = 0; i <= 1000; i++) {
		struct gp_memory_object *object;
		assert_int_equal(attach_pid(f, f->vmm), 1);
		assert_int_equal(resolve(f, 0, &object), 0);
		if (i % 100 == 0) {
			assert_int_equal(gp_memory_object_map(object), 0);
		}
		gp_vfio_refresh(f->vfio);
		gp_memory_object_unref(object);
		if (i == 0) {
			before = count_fds();
		}
	}
	assert_int_equal(count_fds(), before);
}

int main(void) {
	struct vfio_host host;
	if (!vfio_host_find(&host, VFIO_HOST_DEVICES - 1)) {
		printf("1..0 # SKIP no two ivshmem devices at vfio-pci\n");
		return 0;
	}
	gp_log_init("test", GP_LOG_INFO);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vmm_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hotplug, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replug, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_balance, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

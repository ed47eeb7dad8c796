#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/socket.h"
#include "vmm-bridge/confine.h"

static char directory[] = "/tmp/gp-test-confine-XXXXXX";
static char inside[64], outside[64];

static int make_files(void **state) {
	assert_non_null(mkdtemp(directory));
	snprintf(inside, sizeof(inside), "%s/socket", directory);
	snprintf(outside, sizeof(outside), "%s.sock", directory);
	int a = gp_socket_listen(inside), b = gp_socket_listen(outside);
	assert_true(a >= 0 && b >= 0);
	close(a);
	close(b);
	return 0;
}

static int remove_files(void **state) {
	unlink(inside);
	unlink(outside);
	rmdir(directory);
	return 0;
}

/* Whether the check holds in a process that was confined so. */
static bool holds(bool copies_fds, bool (*check)(void)) {
	const char *sockets[] = {NULL, inside};
	const struct gp_confine_rules rules = {
		.copies_fds = copies_fds, .sockets = sockets, .n_sockets = 2};
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		gp_confine(&rules);
		_exit(check() ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline bool refused(long result, int error) {
	return result == -1 && errno == error;
}

static bool has_no_new_privileges(void) {
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void test_no_new_privileges(void **state) {
	assert_true(holds(true, has_no_new_privileges));
}

#if defined(HAVE_SECCOMP) && !defined(__SANITIZE_ADDRESS__)
static bool starts_nothing(void) {
	char *const argv[] = {"true", NULL};
	return refused(execv("/bin/true", argv), EPERM) && refused(fork(), EPERM) &&
		refused(syscall(SYS_clone3, NULL, 0), ENOSYS);
}

static void *do_nothing(void *data) {
	return data;
}

static bool has_no_threads(void) {
	pthread_t thread;
	return pthread_create(&thread, NULL, do_nothing, NULL) == EPERM;
}

static bool has_no_network(void) {
	return refused(socket(AF_INET, SOCK_STREAM, 0), EPERM) &&
		refused(socket(AF_NETLINK, SOCK_RAW, 0), EPERM) &&
		socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool leaves_others_alone(void) {
	return refused(kill(getppid(), 0), EPERM) &&
		refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), EPERM);
}

static bool copies_nothing(void) {
	return refused(syscall(SYS_pidfd_getfd, -1, 0, 0), EPERM);
}

static bool may_copy(void) {
	return refused(syscall(SYS_pidfd_getfd, -1, 0, 0), EBADF);
}

static void test_calls(void **state) {
	for (int copies = 0; copies < 2; copies++) {
		assert_true(holds(copies, starts_nothing));
		assert_true(holds(copies, has_no_threads));
		assert_true(holds(copies, has_no_network));
		assert_true(holds(copies, leaves_others_alone));
	}
	assert_true(holds(false, copies_nothing));
	assert_true(holds(true, may_copy));
}
#else
static void test_calls(void **state) {
	print_message("built without libseccomp, or with AddressSanitizer\n");
	skip();
}
#endif

static bool opens_files(void) {
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0;
}

#ifndef __SANITIZE_ADDRESS__
static bool opens_no_files(void) {
	return refused(open("/proc/self/status", O_RDONLY | O_CLOEXEC), EACCES) &&
		refused(open("/dev/null", O_RDWR | O_CLOEXEC), EACCES) &&
		refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), EACCES) &&
		refused(open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), EACCES);
}

static bool removes_its_socket(void) {
	return refused(unlink(outside), EACCES) && unlink(inside) == 0;
}
#endif

static void test_files(void **state) {
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) {
		print_message("no Landlock in this kernel: %s\n", strerror(errno));
		skip();
	}
	assert_true(holds(true, opens_files));
#ifdef __SANITIZE_ADDRESS__
	assert_true(holds(false, opens_files)); // for the search for leaks
#else
	assert_true(holds(false, opens_no_files));
	assert_true(holds(false, removes_its_socket));
#endif
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_new_privileges),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_files),
	};
	return cmocka_run_group_tests_name("confine", tests, make_files, remove_files);
}

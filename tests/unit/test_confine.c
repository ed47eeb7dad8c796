/*
 * What a guest that has taken over the bridge's worker can still do: each attempt is made in a
 * process that is confined as the worker is, as root and as an ordinary user, and beforehand in one
 * that is not, where it works.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/udmabuf.h>
#include <linux/vfio.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "tests/unit/confine_attempts.h"
#include "vmm-bridge/confine/confine.h"
#include "vmm-bridge/confine/landlock.h"
#include "vmm-bridge/confine/rights.h"

#define NOBODY 65534
#define RESULTS_MAX 256

/* What a process does to be confined. */
struct mode {
	const char *name;
	void (*confine)(void);
};

/* Of a process that tries. */
struct results {
	struct gp_confinement confinement;
	bool succeeded[RESULTS_MAX];
	int complete;
};

static bool was_root;

static void confine_not(void) {
}

static struct gp_confinement landlock_alone;

static void confine_by_landlock(void) {
	gp_rights_forbid_new();
	gp_landlock_restrict(&landlock_alone);
}

static void be_nobody(void) {
	if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
		_exit(1);
	}
}

static void try_all(const struct mode *mode, struct results *results) {
	mode->confine();
	results->confinement =
		mode->confine == confine_by_landlock ? landlock_alone : *gp_confinement_get();
	for (size_t i = 0; i < n_attempts; i++) {
		results->succeeded[i] = attempts[i].succeeds();
	}
	results->complete = 1;
	exit(0);
}

/* The one whose child it is: of the same user, and with nothing to protect it. */
static void be_victim(const struct mode *mode, bool nobody, struct results *results) {
	if (nobody) {
		be_nobody();
	}
	attempts_be_victim();
	pid_t child = fork();
	if (child == 0) {
		try_all(mode, results);
	}
	int status = -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
	}
	_exit(status == 0 ? 0 : 1);
}

static void run(const struct mode *mode, bool nobody, struct results *results) {
	assert_true(n_attempts <= RESULTS_MAX);
	struct results *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		be_victim(mode, nobody, shared);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	*results = *shared;
	munmap(shared, sizeof(*shared));
	if (status != 0 || !results->complete) {
		fail_msg("%s: the process that tries has ended with %#x", mode->name, status);
	}
}

/* Calls check as root, if this is root, and as an ordinary user. */
static void run_as_both(const struct mode *mode,
	void (*check)(const struct mode *mode, const struct results *results, const char *user)) {
	struct results results;
	run(mode, false, &results);
	check(mode, &results, was_root ? "root" : "a user");
	if (was_root) {
		run(mode, true, &results);
		check(mode, &results, "a user");
	}
}

static void check_works(const struct mode *mode, const struct results *results, const char *user) {
	for (size_t i = 0; i < n_attempts; i++) {
		if (attempts[i].works && !results->succeeded[i]) {
			fail_msg("%s does not work for %s", attempts[i].name, user);
		}
	}
}

static void check_refused(
	const struct mode *mode, const struct results *results, const char *user) {
	const struct gp_confinement *confinement = &results->confinement;
	bool failed = false;
	assert_true(confinement->seccomp);
	assert_true(confinement->n_calls <= (mode->confine == gp_confine_qemu ? 42u : 40u));
	for (size_t i = 0; i < n_attempts; i++) {
		if (results->succeeded[i]) {
			print_message(
				"%s, as %s: %s succeeds\n", mode->name, user, attempts[i].name);
			failed = true;
		}
	}
	assert_false(failed);
}

static void check_landlock(
	const struct mode *mode, const struct results *results, const char *user) {
	bool failed = false;
	print_message("# Landlock ABI %d, as %s\n", results->confinement.landlock_abi, user);
	for (size_t i = 0; i < n_attempts; i++) {
		int abi = attempts[i].landlock_abi;
		if (results->succeeded[i] && abi != 0 && abi <= results->confinement.landlock_abi) {
			print_message(
				"%s, as %s: %s succeeds\n", mode->name, user, attempts[i].name);
			failed = true;
		}
	}
	assert_false(failed);
}

static void test_works_unconfined(void **state) {
	run_as_both(&(const struct mode){"unconfined", confine_not}, check_works);
}

static void test_worker(void **state) {
	run_as_both(&(const struct mode){"a worker", gp_confine}, check_refused);
	run_as_both(
		&(const struct mode){"a worker of QEMU's display", gp_confine_qemu}, check_refused);
}

/* The second wall, as far as this kernel has built it. */
static void test_landlock_alone(void **state) {
	run_as_both(&(const struct mode){"Landlock alone", confine_by_landlock}, check_landlock);
}

/* Runs a check in a process that is confined as a worker. The status as of waitpid. */
static int status_of(bool nobody, bool (*check)(void)) {
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (nobody) {
			be_nobody();
		}
		signal(SIGSEGV, SIG_DFL); // cmocka's own
		gp_confine();
		_exit(check() ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* What the bridge works with. A failure of the call itself is not one of the filter. */
static bool works_on(void) {
	struct rlimit limit;
	int memory = gp_memfd_create_sealed("test", 4096);
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	struct stat st;
	int copy = fcntl(memory, F_DUPFD_CLOEXEC, 0);
	char *grown = realloc(malloc(1 << 20), 64 << 20); // mmap, mremap
	bool memory_works = memory >= 0 && map != MAP_FAILED && copy >= 0 && grown != NULL &&
		madvise(map, 4096, MADV_DONTDUMP) == 0 && fstat(memory, &st) == 0 &&
		fcntl(memory, F_GET_SEALS) > 0 && gp_fd_set_nonblock(memory) &&
		pread(memory, grown, 1, 0) == 1 && munmap(map, 4096) == 0;
	static const unsigned long requests[] = {UDMABUF_CREATE_LIST, VFIO_DEVICE_GET_INFO,
		VFIO_DEVICE_GET_REGION_INFO, VFIO_DEVICE_FEATURE};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (ioctl(memory, requests[i], NULL) != -1 || errno != ENOTTY) {
			return false;
		}
	}
	free(grown);
	return memory_works && getrlimit(RLIMIT_CORE, &limit) == -1 && errno == EPERM;
}

static void test_works_on(void **state) {
	assert_int_equal(status_of(false, works_on), 0);
	assert_int_equal(was_root ? status_of(true, works_on) : 0, 0);
}

static bool aborts(void) {
	abort();
}

static bool faults(void) {
	raise(SIGSEGV);
	return true;
}

/* A crash is one: the keeper starts another worker for it. */
static void test_crashes(void **state) {
	int status = status_of(false, aborts);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_false(WCOREDUMP(status));
	status = status_of(false, faults);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static void test_32_bits(void **state) {
#ifdef __x86_64__
	assert_true(WIFSIGNALED(status_of(false, attempt_32_bits)));
#else
	skip(); // no other ABI
#endif
}

static bool is_bare(void) {
	const struct gp_confinement *confinement = gp_confinement_get();
	return confinement->no_new_privileges && confinement->capabilities == 0 &&
		!confinement->dumpable && confinement->seccomp_reason[0] == '\0';
}

static void test_rights(void **state) {
	assert_int_equal(status_of(false, is_bare), 0);
	assert_int_equal(was_root ? status_of(true, is_bare) : 0, 0);
}

/* Where no_new_privs fails, and with it all that needs it, the rest is given up all the same. */
static void test_rights_alone(void **state) {
	struct sock_filter lines[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_NO_NEW_PRIVS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {.len = sizeof(lines) / sizeof(lines[0]), .filter = lines};
	int status;
	pid_t child = fork();
	if (child == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) {
			_exit(99); // only root may without no_new_privs
		}
		gp_confine();
		const struct gp_confinement *confinement = gp_confinement_get();
		_exit(!confinement->no_new_privileges && confinement->seccomp_reason[0] != '\0' &&
					confinement->capabilities == 0 && !confinement->dumpable
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 99 && !was_root) {
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A terminal that the bridge was started from: its keys are not for the worker. */
static int start_worker(void) {
	int status;
	pid_t child = fork();
	if (child == 0) {
		/* The program is on disk, and its loader reads files. */
		execl("/bin/sh", "sh", "-c", "test -r /etc/passwd && ! echo >/tmp/gp-by-worker",
			NULL);
		_exit(99);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Changes no file, in no way that is a call; reads, removes its sockets, and executes workers. */
static void test_keeper(void **state) {
	static const char socket_path[] = "/tmp/gp-test-keeper-socket";
	int status, file = open(socket_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	gp_fd_close(&file);
	pid_t child = fork();
	if (child == 0) {
		gp_confine_keeper();
		int failed = open("/tmp/gp-a", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) != -1 ? 1
			: errno != EACCES                                                  ? 2
			: open(socket_path, O_RDWR | O_CLOEXEC) != -1                      ? 3
			: open(socket_path, O_RDONLY | O_TRUNC | O_CLOEXEC) != -1          ? 4
			: open(socket_path, O_RDONLY | O_CLOEXEC) == -1                    ? 5
			: rename(socket_path, "/tmp/gp-b") != -1                           ? 6
			: chmod(socket_path, 0777) != -1                                   ? 7
			: truncate(socket_path, 0) != -1                                   ? 8
			: prctl(PR_GET_DUMPABLE) != 0                                      ? 9
			: prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1                      ? 10
			: start_worker() != 0                                              ? 11
			: unlink(socket_path) != 0                                         ? 12
											   : 0;
		_exit(failed);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_terminal(void **state) {
	pid_t child = fork();
	if (child == 0) {
		int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		dup2(terminal, STDIN_FILENO);
		gp_confine();
		char key;
		_exit(terminal < 0 ? 2 : read(STDIN_FILENO, &key, 1) == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int prepare(void **state) {
	was_root = geteuid() == 0;
	signal(SIGPIPE, SIG_IGN);
	attempts_prepare();
	return 0;
}

static int finish(void **state) {
	attempts_finish();
	return 0;
}

int main(void) {
	gp_log_init("test", GP_LOG_SILENT);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_works_unconfined),
		cmocka_unit_test(test_worker),
		cmocka_unit_test(test_landlock_alone),
		cmocka_unit_test(test_works_on),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_32_bits),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_rights_alone),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_keeper),
	};
	return cmocka_run_group_tests_name("confine", tests, prepare, finish);
}

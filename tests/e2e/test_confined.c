/*
 * A bridge that was taken over, in each mode: what its worker tries is refused, and the VM has its
 * picture all the same.
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
#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/e2e/vm.h"
#include "tests/harness/inject.h"

#define VICTIM (-0x71c) // the process that has started the worker

static const struct {
	const char *name;
	long number;
	const char *text;
	long args[6];
} attempts[] = {
	{"open a file", SYS_openat, "/etc/passwd", {AT_FDCWD, INJECT_TEXT, O_RDONLY}},
	{"make a file", SYS_openat, "/tmp/taken-over",
		{AT_FDCWD, INJECT_TEXT, O_WRONLY | O_CREAT, 0600}},
	{"write the memory of the parent", SYS_openat, "/proc/1/mem",
		{AT_FDCWD, INJECT_TEXT, O_RDWR}},
	{"open a device", SYS_openat, "/dev/null", {AT_FDCWD, INJECT_TEXT, O_RDWR}},
	{"remove a file", SYS_unlinkat, "/tmp/nothing", {AT_FDCWD, INJECT_TEXT}},
	{"rename a file", SYS_renameat2, "/tmp/nothing",
		{AT_FDCWD, INJECT_TEXT, AT_FDCWD, INJECT_TEXT}},
	{"make a socket", SYS_socket, NULL, {AF_UNIX, SOCK_STREAM}},
	{"connect", SYS_connect, "", {0, INJECT_TEXT, 2}},
	{"make a network socket", SYS_socket, NULL, {AF_INET, SOCK_STREAM}},
	{"signal", SYS_kill, NULL, {VICTIM, 0}},
	{"signal a thread", SYS_tgkill, NULL, {VICTIM, VICTIM, 0}},
	{"ptrace", SYS_ptrace, NULL, {0x4206 /* SEIZE */, VICTIM}},
	{"process_vm_readv", SYS_process_vm_readv, NULL, {VICTIM}},
	{"process_vm_writev", SYS_process_vm_writev, NULL, {VICTIM}},
	{"pidfd_open", SYS_pidfd_open, NULL, {VICTIM}},
	{"pidfd_getfd", SYS_pidfd_getfd, NULL, {0, 0, 0}},
	{"prlimit", SYS_prlimit64, NULL, {VICTIM}},
	{"executable memory", SYS_mmap, NULL,
		{0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
	{"mprotect", SYS_mprotect, NULL, {0, 4096, PROT_READ | PROT_EXEC}},
	{"execve", SYS_execve, "/bin/true", {INJECT_TEXT}},
	{"fork", SYS_clone, NULL, {SIGCHLD}},
	{"thread", SYS_clone, NULL, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}},
	{"ioctl of a terminal", SYS_ioctl, NULL, {2, TCGETS}},
	{"prctl", SYS_prctl, NULL, {4 /* PR_SET_DUMPABLE */, 1}},
};

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* What /proc/PID/status says after the key; the longest is that of a set of capabilities. */
static void read_fact(pid_t pid, const char *key, char value[32]) {
	char path[64], line[128];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	value[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0) {
			sscanf(line + strlen(key), " %31s", value);
		}
	}
	fclose(file);
}

static void assert_fact(pid_t pid, const char *key, const char *expected) {
	char value[32];
	read_fact(pid, key, value);
	assert_string_equal(value, expected);
}

static void try_all(pid_t worker) {
	bool failed = false;
	char parent[32];
	read_fact(worker, "PPid:", parent);
	if (!inject_start(worker)) {
		assert_true(errno == ENOSYS || errno == EPERM); // not as root, or not on x86-64
		print_message("# nothing can be tried in the worker: %s\n", strerror(errno));
		return;
	}
	const long none[6] = {0};
	assert_int_equal(inject_call(worker, SYS_gettid, NULL, none), worker); // it works
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		long args[6];
		for (int k = 0; k < 6; k++) {
			args[k] =
				attempts[i].args[k] == VICTIM ? atol(parent) : attempts[i].args[k];
		}
		long result = inject_call(worker, attempts[i].number, attempts[i].text, args);
		if (result != -EPERM) {
			print_message("# %s: %ld\n", attempts[i].name, result);
			failed = true;
		}
	}
	inject_end(worker);
	assert_false(failed);
}

static void check_worker(struct vm *vm, pid_t worker) {
	if (host_status_number(vm->bridge, "confinement.seccomp") == 0) {
		assert_string_equal(host_status_string(vm->bridge, "confinement.missing"),
			"no seccomp: built without libseccomp");
		case_skip(vm->host, "built without libseccomp");
	}
	assert_int_equal(host_status_number(vm->bridge, "confinement.dumpable"), 0);
	assert_fact(worker, "Seccomp:", "2");
	assert_fact(worker, "NoNewPrivs:", "1");
	assert_fact(worker, "CapPrm:", "0000000000000000");
	assert_fact(worker, "CapEff:", "0000000000000000");
	assert_string_equal(host_status_string(vm->bridge, "confinement.capabilities"), "0x0");
	try_all(worker);
}

static void check(struct host *host, const char *const *args) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, args);
	vm_show_new(&vm, &red, 1, RED);
	pid_t worker = (pid_t)host_status_number(vm.bridge, "worker_pid");
	assert_true(worker > 0);
	if (SANITIZED) {
		assert_string_equal(host_status_string(vm.bridge, "confinement.missing"),
			"no seccomp: built with AddressSanitizer; no Landlock: built with "
			"AddressSanitizer");
	} else {
		check_worker(&vm, worker);
	}
	/* All goes on. */
	vm_show_new(&vm, &red, 2, BLUE);
	assert_int_equal(host_status_number(vm.bridge, "worker_pid"), worker);
	vm_finish(&vm);
}

static void test_default(struct host *host) {
	check(host, NULL);
}

static void test_vfio_none(struct host *host) {
	check(host, (const char *[]){"--vfio", "none", NULL});
}

static void test_address(struct host *host) {
	check(host, (const char *[]){"--vfio", "0000:03:00.0", NULL});
}

static void test_vmm_pid(struct host *host) {
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	check(host, (const char *[]){"--vmm-pid", pid, NULL});
}

static const struct host_case cases[] = {
	{"default", test_default, 1},
	{"--vfio none", test_vfio_none, 1},
	{"--vfio ADDRESS", test_address, 1},
	{"--vmm-pid", test_vmm_pid, 1},
};

int main(int argc, char **argv) {
	return vm_main("confined", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

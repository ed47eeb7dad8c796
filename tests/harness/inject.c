#include "tests/harness/inject.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __x86_64__
#define SYSCALL_INSTRUCTION 0x050f
#define RED_ZONE 128
#define TEXT_MAX 256

static struct user_regs_struct saved;

static bool wait_stop(pid_t pid) {
	int status;
	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

bool inject_start(pid_t pid) {
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) {
		return false;
	}
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0 || !wait_stop(pid) ||
		ptrace(PTRACE_GETREGS, pid, NULL, &saved) != 0) {
		return false;
	}
	errno = 0;
	long code = ptrace(PTRACE_PEEKTEXT, pid, (void *)(saved.rip - 2), NULL);
	if (errno == 0 && (code & 0xffff) == SYSCALL_INSTRUCTION) {
		return true;
	}
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	errno = EBUSY;
	return false;
}

/* Below what the stopped code uses. */
static uint64_t put_text(pid_t pid, const char *text) {
	char bytes[TEXT_MAX] = "";
	uint64_t at = (saved.rsp - RED_ZONE - TEXT_MAX) & ~UINT64_C(15);
	strncpy(bytes, text, sizeof(bytes) - 1);
	for (size_t i = 0; i < sizeof(bytes); i += sizeof(long)) {
		long word;
		memcpy(&word, bytes + i, sizeof(word));
		ptrace(PTRACE_POKEDATA, pid, (void *)(at + i), (void *)word);
	}
	return at;
}

long inject_call(pid_t pid, long number, const char *text, const long args[6]) {
	uint64_t at = text != NULL ? put_text(pid, text) : 0;
	uint64_t values[6];
	for (int i = 0; i < 6; i++) {
		values[i] = args[i] == INJECT_TEXT ? at : (uint64_t)args[i];
	}
	struct user_regs_struct regs = saved;
	regs.rip -= 2;
	regs.rax = (uint64_t)number;
	regs.orig_rax = UINT64_MAX; // no restart of the call that was interrupted
	regs.rdi = values[0];
	regs.rsi = values[1];
	regs.rdx = values[2];
	regs.r10 = values[3];
	regs.r8 = values[4];
	regs.r9 = values[5];
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) != 0 ||
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || !wait_stop(pid) ||
		ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0) {
		return -ESRCH;
	}
	return (long)regs.rax;
}

void inject_end(pid_t pid) {
	ptrace(PTRACE_SETREGS, pid, NULL, &saved);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}
#else
bool inject_start(pid_t pid) {
	errno = ENOSYS;
	return false;
}

long inject_call(pid_t pid, long number, const char *text, const long args[6]) {
	return -ENOSYS;
}

void inject_end(pid_t pid) {
}
#endif

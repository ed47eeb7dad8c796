#include "vmm-bridge/keeper/child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"

#define WORKER_CHANNEL_FD 3 // in the worker
#define WORKER_ARGS_MAX 256
/* A worker that does not read for so long does not work. */
#define SEND_TIMEOUT_S 5

/* In the child. It must not outlive the keeper, and gets its channel and nothing else. */
static void become_worker(
	int program, char *const args[], const sigset_t *signal_mask, pid_t parent, int channel) {
	char number[16];
	const char *argv[WORKER_ARGS_MAX];
	size_t argc = 0;
	for (; args[argc] != NULL && argc < WORKER_ARGS_MAX - 3; argc++) {
		argv[argc] = args[argc];
	}
	snprintf(number, sizeof(number), "%d", WORKER_CHANNEL_FD);
	argv[argc++] = "--worker";
	argv[argc++] = number;
	argv[argc] = NULL;
	sigprocmask(SIG_SETMASK, signal_mask, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
		_exit(EXIT_FAILURE);
	}
	int executable = fcntl(program, F_DUPFD_CLOEXEC, WORKER_CHANNEL_FD + 1);
	if (executable >= 0 &&
		(channel == WORKER_CHANNEL_FD ? fcntl(channel, F_SETFD, 0)
					      : dup2(channel, WORKER_CHANNEL_FD)) >= 0 &&
		close_range(WORKER_CHANNEL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0) {
		fexecve(executable, (char *const *)argv, environ);
	}
	gp_error_errno("keeper: cannot execute a worker");
	_exit(EXIT_FAILURE);
}

bool gp_child_execute(
	struct gp_child *child, int executable, char *const argv[], const sigset_t *signal_mask) {
	int ends[2];
	pid_t parent = getpid();
	const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
	*child = (struct gp_child){.channel = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		gp_error_errno("keeper: socketpair");
		return false;
	}
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	pid_t pid = fork();
	if (pid == 0) {
		become_worker(executable, argv, signal_mask, parent, ends[1]);
	}
	gp_fd_close(&ends[1]);
	if (pid < 0) {
		gp_error_errno("keeper: fork");
		gp_fd_close(&ends[0]);
		return false;
	}
	*child = (struct gp_child){.pid = pid, .channel = ends[0]};
	return true;
}

#include "tests/harness/program.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_TIMEOUT_MS 10000
#define SETTLE_MS 200

uint64_t host_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void host_sleep_ms(unsigned ms) {
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&time, &time) != 0 && errno == EINTR) {
	}
}

void program_complain(const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
}

int program_reap(struct program *program) {
	int status = 0;
	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR) {
	}
	program->pid = 0;
	close(program->pidfd);
	program->pidfd = -1;
	if (WIFSIGNALED(status)) {
		program_complain("%s: died of signal %d", program->name, WTERMSIG(status));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool program_ended_within(const struct program *program, int timeout_ms) {
	struct pollfd fd = {.fd = program->pidfd, .events = POLLIN};
	return poll(&fd, 1, timeout_ms) == 1;
}

int host_stop(struct program *program) {
	if (program->pid == 0) {
		return -1;
	}
	pidfd_send_signal(program->pidfd, SIGTERM, NULL, 0);
	if (!program_ended_within(program, STOP_TIMEOUT_MS)) {
		program_complain("%s: does not end, killed", program->name);
		pidfd_send_signal(program->pidfd, SIGKILL, NULL, 0);
		program_reap(program);
		return -1;
	}
	return program_reap(program);
}

/* A bridge's worker ends a moment after its keeper. */
static void await_silence(const struct program *program) {
	uint64_t end = host_now_ms() + STOP_TIMEOUT_MS;
	int fd;
	while (host_now_ms() < end && (fd = program_connect(program->control)) >= 0) {
		close(fd);
		host_sleep_ms(1);
	}
}

void host_kill(struct program *program) {
	if (program->pid != 0) {
		pidfd_send_signal(program->pidfd, SIGKILL, NULL, 0);
		int status;
		while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR) {
		}
		program->pid = 0;
		close(program->pidfd);
		program->pidfd = -1;
		await_silence(program);
	}
}

bool host_alive(const struct program *program) {
	return program->pid != 0 && !program_ended_within(program, 0);
}

uint64_t host_count_wakeups(const struct program *program) {
	char path[32], line[256];
	unsigned long switches = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)program->pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "voluntary_ctxt_switches: %lu", &switches);
	}
	if (file) {
		fclose(file);
	}
	return switches;
}

static unsigned count_fds(const struct program *program) {
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)program->pid);
	DIR *dir = opendir(path);
	unsigned count = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		count += entry->d_name[0] != '.';
	}
	if (dir) {
		closedir(dir);
	}
	return count;
}

unsigned host_count_fds(const struct program *program) {
	uint64_t end = host_now_ms() + SETTLE_MS;
	unsigned least = count_fds(program);
	while (host_now_ms() < end) {
		host_sleep_ms(10);
		unsigned count = count_fds(program);
		least = count < least ? count : least;
	}
	return least;
}

bool host_wait_fds(const struct program *program, unsigned count, int timeout_ms) {
	uint64_t end = host_now_ms() + (uint64_t)timeout_ms;
	unsigned now;
	while ((now = count_fds(program)) > count) {
		if (host_now_ms() >= end) {
			program_complain("%s: %u descriptors, not %u", program->name, now, count);
			return false;
		}
		host_sleep_ms(10);
	}
	return true;
}

int program_connect(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

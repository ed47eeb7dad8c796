#include "compositor/system/command.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define END_STEP_NS 10000000
#define END_STEPS 300 // 3 s

static void give_terminal(pid_t group) {
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	sigaction(SIGTTOU, &ignore, &old);
	tcsetpgrp(STDIN_FILENO, group);
	sigaction(SIGTTOU, &old, NULL);
}

static bool is_foreground(void) {
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static int spawn(pid_t *pid, char *const argv[], const sigset_t *mask) {
	sigset_t defaults;
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);

	posix_spawnattr_t attr;
	int err = posix_spawnattr_init(&attr);
	if (err != 0) {
		return err;
	}
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, mask);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	err = posix_spawnp(pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return err;
}

struct gp_command *gp_command_start(char *const argv[], const sigset_t *mask) {
	struct gp_command *command = calloc(1, sizeof(*command));
	if (command == NULL) {
		gp_error("command: no memory");
		return NULL;
	}
	int err = spawn(&command->pid, argv, mask);
	if (err != 0) {
		gp_error("%s: %s", argv[0], strerror(err));
		free(command);
		return NULL;
	}
	command->has_terminal = is_foreground();
	if (command->has_terminal) {
		give_terminal(command->pid);
	}
	return command;
}

bool gp_command_reap(struct gp_command *command) {
	int status;
	if (command->ended) {
		return true;
	}
	if (waitpid(command->pid, &status, WNOHANG) != command->pid) {
		return false;
	}
	command->ended = true;
	command->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

/* Whether the group has a process that is not a zombie of ours. */
static bool group_is_alive(struct gp_command *command) {
	gp_command_reap(command);
	return kill(-command->pid, 0) == 0 || errno == EPERM;
}

static void end_group(struct gp_command *command) {
	if (!group_is_alive(command)) {
		return;
	}
	kill(-command->pid, SIGTERM);
	kill(-command->pid, SIGCONT);
	for (int i = 0; i < END_STEPS; i++) {
		if (!group_is_alive(command)) {
			return;
		}
		nanosleep(&(struct timespec){.tv_nsec = END_STEP_NS}, NULL);
	}
	gp_warn("the command does not end, killed");
	kill(-command->pid, SIGKILL);
	if (!command->ended) {
		waitpid(command->pid, NULL, 0);
	}
}

void gp_command_destroy(struct gp_command *command) {
	if (command == NULL) {
		return;
	}
	end_group(command);
	if (command->has_terminal) {
		give_terminal(getpgrp());
	}
	free(command);
}

#ifndef GP_COMPOSITOR_SYSTEM_COMMAND_H
#define GP_COMPOSITOR_SYSTEM_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * The command that the compositor started, in a process group of its own. If we have the terminal
 * in the foreground, the group gets it, as from a shell.
 */
struct gp_command {
	pid_t pid; // also of the process group
	bool ended;
	int status; // once ended: exit status, or 128 + signal
	bool has_terminal;
};

/**
 * Starts it with our environment and the signal mask. Returns NULL after logging.
 */
struct gp_command *gp_command_start(char *const argv[], const sigset_t *mask);
/* To be called on SIGCHLD. Returns whether the command has ended. */
bool gp_command_reap(struct gp_command *command);
/* Terminates what is left of the process group, and kills what does not end. NULL is fine. */
void gp_command_destroy(struct gp_command *command);

#endif

#ifndef GP_COMPOSITOR_SYSTEM_COMMAND_H
#define GP_COMPOSITOR_SYSTEM_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * The program that was started with the compositor, in a process group of its own. If our terminal
 * is in the foreground the group gets it, as from a shell.
 */
struct gp_command {
	pid_t pid; // and process group
	bool ended;
	int status; // exit status once it has ended, 128 + number for a signal
	bool has_terminal;
};

/**
 * Starts it with our environment. The mask is the signal mask that it gets. Returns NULL after
 * logging if it cannot be started.
 */
struct gp_command *gp_command_start(char *const argv[], const sigset_t *mask);
/* To be called on SIGCHLD. Returns whether the command has ended. */
bool gp_command_reap(struct gp_command *command);
/* Ends what is left of its process group, at last by force. NULL is fine. */
void gp_command_destroy(struct gp_command *command);

#endif

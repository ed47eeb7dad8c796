#ifndef GP_TESTS_HARNESS_INJECT_H
#define GP_TESTS_HARNESS_INJECT_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * System calls in another process, as somebody makes them who has taken it over. It waits in a
 * system call meanwhile, and goes on as if nothing had been. x86-64 only, and it takes
 * CAP_SYS_PTRACE.
 */

/* Stops the process. False, with errno: it cannot be, or runs code of its own. */
bool inject_start(pid_t pid);
/* An argument, or -errno of the call. A text is copied to the process's stack; at most one. */
long inject_call(pid_t pid, long number, const char *text, const long args[6]);
/* An argument that is to be the address of the text. */
#define INJECT_TEXT (-0x7e57)
/* It goes on. */
void inject_end(pid_t pid);

#endif

#include "compositor/memory/fault_guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "common/log.h"

/* The handler walks it. No fault comes while it is changed: that reads no guarded memory. */
static struct gp_fault_guard *_Atomic first;
static struct sigaction old_action;

static bool repair(uintptr_t address) {
	for (struct gp_fault_guard *guard = first; guard != NULL; guard = guard->next) {
		if (address < guard->start || address >= guard->end) {
			continue;
		}
		guard->hit = true;
		/* Not on the list of async-signal-safe functions, but a plain system call. */
		return mmap((void *)guard->start, guard->end - guard->start, PROT_READ,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
			       0) != MAP_FAILED;
	}
	return false;
}

static void handle_sigbus(int number, siginfo_t *info, void *context) {
	int saved = errno;
	/* Only the kernel's own signals (code > 0) have an address. */
	if (info->si_code <= 0 || !repair((uintptr_t)info->si_addr)) {
		/* The instruction runs again, and its fault is somebody else's. */
		sigaction(SIGBUS, &old_action, NULL);
		if (info->si_code <= 0) {
			raise(SIGBUS);
		}
	}
	errno = saved;
}

bool gp_fault_guard_init(void) {
	struct sigaction action = {.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO};
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &old_action) != 0) {
		gp_error_errno("sigaction(SIGBUS)");
		return false;
	}
	return true;
}

void gp_fault_guard_add(struct gp_fault_guard *guard, const void *start, size_t size) {
	guard->start = (uintptr_t)start;
	guard->end = guard->start + size;
	guard->hit = false;
	guard->next = first;
	first = guard;
}

void gp_fault_guard_remove(struct gp_fault_guard *guard) {
	struct gp_fault_guard *_Atomic *at = &first;
	while (*at != guard) {
		at = &(*at)->next;
	}
	*at = guard->next;
}

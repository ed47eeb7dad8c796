#include "common/sigbus.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#include "common/log.h"

/* Twice the memory regions of a VM, as those that were removed may be in use, and QEMU's surfaces. */
#define GUARDED_MAX 1152

struct guarded {
	_Atomic uintptr_t start; // 0: free. Written last on entry, first on removal
	_Atomic uintptr_t end;
	_Atomic uintptr_t page_size;
};

static struct guarded guarded[GUARDED_MAX];
static atomic_uint faults;

bool gp_sigbus_guard(const void *mapping, size_t size, size_t page_size) {
	for (size_t i = 0; i < GUARDED_MAX; i++) {
		if (atomic_load(&guarded[i].start) == 0) {
			atomic_store(&guarded[i].end, (uintptr_t)mapping + size);
			atomic_store(&guarded[i].page_size, page_size);
			atomic_store(&guarded[i].start, (uintptr_t)mapping);
			return true;
		}
	}
	return false;
}

void gp_sigbus_unguard(const void *mapping) {
	for (size_t i = 0; i < GUARDED_MAX; i++) {
		if (atomic_load(&guarded[i].start) == (uintptr_t)mapping) {
			atomic_store(&guarded[i].start, 0);
			return;
		}
	}
}

static bool put_zeros(uintptr_t start, size_t size) {
	return mmap((void *)start, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		       0) != MAP_FAILED;
}

/* The page first; all of the mapping if that fails (the limit on the number of mappings). */
static bool repair(uintptr_t addr) {
	for (size_t i = 0; i < GUARDED_MAX; i++) {
		uintptr_t start = atomic_load(&guarded[i].start);
		uintptr_t end = atomic_load(&guarded[i].end);
		if (start == 0 || addr < start || addr >= end) {
			continue;
		}
		uintptr_t page_size = atomic_load(&guarded[i].page_size);
		return put_zeros(addr & ~(page_size - 1), page_size) ||
			put_zeros(start, end - start);
	}
	return false;
}

static void handle_sigbus(int signum, siginfo_t *info, void *context) {
	int saved_errno = errno;
	// Only the kernel's own signals (code > 0) have an address.
	if (info->si_code > 0 && repair((uintptr_t)info->si_addr)) {
		atomic_fetch_add(&faults, 1);
	} else {
		signal(SIGBUS, SIG_DFL);
		raise(SIGBUS); // comes when this handler returns
	}
	errno = saved_errno;
}

bool gp_sigbus_catch(void) {
	struct sigaction action = {.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO};
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, NULL) != 0) {
		gp_error_errno("sigaction(SIGBUS)");
		return false;
	}
	return true;
}

unsigned gp_sigbus_count(void) {
	return atomic_load(&faults);
}

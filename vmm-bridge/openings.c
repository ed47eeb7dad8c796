#include "vmm-bridge/openings.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/trace.h"
#include "vmm-bridge/export/export_udmabuf.h"
#include "vmm-bridge/keeper/shared.h"
#include "vmm-bridge/vfio/device.h"

#define KILLED_WORKER_MS 1000
#define KILLED_STEP_MS 10

_Static_assert(GP_KEEPER_DEVICES_MAX >= 1 + GP_INPUTS_MAX, "the display, and each input device");
_Static_assert(GP_GRANTS_MAX >= GP_KEEPER_DEVICES_MAX + GP_VFIO_FDS_MAX + 3, "one of each");

static void add(struct gp_openings *openings, enum gp_grant_kind kind, uint32_t index, int fd,
	const char *path) {
	gp_grants_add(&openings->grants,
		&(struct gp_grant){
			.kind = kind,
			.index = index,
			.fd = fd >= 0 ? fd : -errno,
			.path = path,
		});
}

/**
 * A keeper that was killed takes its worker along, which may still hold the socket for a moment.
 * Returns the process that listens there, or 0.
 */
static pid_t await_listener_end(const char *path) {
	pid_t pid = 0;
	for (unsigned i = 0; i < KILLED_WORKER_MS / KILLED_STEP_MS; i++) {
		pid = gp_socket_get_listener(path);
		if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH) {
			break;
		}
		const struct timespec step = {.tv_nsec = KILLED_STEP_MS * 1000000};
		nanosleep(&step, NULL);
	}
	return pid;
}

static bool listen_at(struct gp_openings *openings, struct gp_passed *passed,
	enum gp_grant_kind kind, uint32_t index, const char *path) {
	int fd = gp_passed_take(passed, path);
	if (fd != -1) {
		add(openings, kind, index, fd, NULL);
		return true;
	}
	await_listener_end(path);
	fd = gp_socket_listen(path);
	if (fd == -1) {
		gp_error_errno("cannot listen at %s for the VMM", path);
		return false;
	}
	add(openings, kind, index, fd, path);
	return true;
}

/*
 * A picture is worth more than its state: a default path that cannot be used is only logged. But a
 * bridge that listens there is of the same name, and the compositor takes only one of it.
 */
static bool listen_for_control(
	struct gp_openings *openings, const struct gp_bridge_options *options) {
	const char *path = options->control_path;
	if (path == NULL) {
		return true;
	}
	pid_t pid = await_listener_end(path);
	if (pid != 0 && !options->control_set) {
		gp_error("a bridge named %s runs already (process %d)", options->name, (int)pid);
		return false;
	}
	int fd = gp_socket_listen(path);
	if (fd == -1) {
		gp_error_errno("control: cannot listen at %s", path);
		return !options->control_set;
	}
	add(openings, GP_GRANT_CONTROL, 0, fd, path);
	return true;
}

/* Takes over a descriptor that was passed by its number. -1 after logging. */
static int take_passed(const char *option, int number) {
	int fd = fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd == -1) {
		gp_error("--%s %d: no descriptor of that number was passed", option, number);
		return -1;
	}
	if (number > STDERR_FILENO) {
		close(number);
		return fd;
	}
	/* Standard input and output stay open, but as something else. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1) {
		dup2(null, number);
		gp_fd_close(&null);
	}
	return fd;
}

/* QEMU's display comes to a path, or is there already. */
static bool open_qemu(struct gp_openings *openings, struct gp_passed *passed,
	const struct gp_bridge_options *options) {
	if (options->listen_path != NULL) {
		return listen_at(openings, passed, GP_GRANT_QEMU, 0, options->listen_path);
	}
	if (options->display_fd >= 0) {
		int fd = take_passed("display-fd", options->display_fd);
		if (fd == -1) {
			return false;
		}
		add(openings, GP_GRANT_QEMU, 0, fd, NULL);
	}
	return true;
}

static bool open_rest(struct gp_openings *openings, const struct gp_bridge_options *options) {
	if (options->trace_path != NULL) {
		int fd = gp_trace_open_file(options->trace_path);
		if (fd == -1) {
			gp_error_errno("trace: %s", options->trace_path);
			return false;
		}
		add(openings, GP_GRANT_TRACE, 0, fd, NULL);
	}
	for (uint32_t i = 0; i < options->n_vfio_fds; i++) {
		int fd = take_passed("vfio-fd", options->vfio_fds[i]);
		if (fd == -1) {
			return false;
		}
		struct gp_grant grant = {.kind = GP_GRANT_VFIO, .index = i, .fd = fd};
		gp_vfio_device_find_address(fd, grant.pci);
		gp_grants_add(&openings->grants, &grant);
	}
	if (!options->force_copy) {
		int fd = gp_udmabuf_open_device("");
		errno = fd < 0 ? -fd : 0;
		add(openings, GP_GRANT_UDMABUF, 0, fd, NULL);
	}
	return true;
}

bool gp_openings_open(struct gp_openings *openings, const struct gp_bridge_options *options,
	struct gp_passed *passed) {
	*openings = (struct gp_openings){.socket = -1};
	if (options->fd >= 0) {
		openings->socket = take_passed("fd", options->fd);
		if (openings->socket == -1) {
			return false;
		}
	}
	/* The control socket first: another bridge of this name is not to be disturbed. */
	if (!listen_for_control(openings, options)) {
		return false;
	}
	if (options->socket_path != NULL &&
		!listen_at(openings, passed, GP_GRANT_LISTENER, 0, options->socket_path)) {
		return false;
	}
	for (uint32_t i = 0; i < options->n_inputs; i++) {
		if (!listen_at(
			    openings, passed, GP_GRANT_LISTENER, 1 + i, options->inputs[i].path)) {
			return false;
		}
	}
	return open_qemu(openings, passed, options) && open_rest(openings, options);
}

void gp_openings_close(struct gp_openings *openings) {
	for (size_t i = 0; i < openings->grants.n; i++) {
		gp_grant_close(&openings->grants.items[i]);
	}
	openings->grants.n = 0;
	gp_fd_close(&openings->socket);
}

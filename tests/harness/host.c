#include "tests/harness/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define START_TIMEOUT_MS 20000 // sanitizers, and machines with more to do
#define GL_START_TIMEOUT_MS 300000 // GL in software, on an emulated processor
#define ARGS_MAX 48
#define LOG_LINES_SHOWN 150
#define CLIENT_SOCKET "wayland-test"
#define CLIENT_PERMISSIONS "capture,input,outputs,power,idle,toplevels"

static void program_init(struct program *program, const struct host *host, const char *name) {
	program->pid = 0;
	program->pidfd = -1;
	snprintf(program->name, sizeof(program->name), "%s", name);
	snprintf(program->control, sizeof(program->control), "%s/%s.ctl", host->dir, name);
	snprintf(program->log, sizeof(program->log), "%s/%s.log", host->dir, name);
}

/* The child: what is told here is told in the log. */
static void become(const struct host *host, const char *const *argv, int output, pid_t parent) {
	int input = host->vmm_fd != 0 ? host->vmm_fd : open("/dev/null", O_RDONLY);
	if (input < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
		dup2(output, STDERR_FILENO) < 0) {
		_exit(126);
	}
	close_range(3, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(126);
	}
	setenv("XDG_RUNTIME_DIR", host->dir, 1);
	unsetenv("DISPLAY");
	if (host->wayland_display[0]) {
		setenv("WAYLAND_DISPLAY", host->wayland_display, 1);
	} else if (host->parent_display) {
		setenv("WAYLAND_DISPLAY", host->parent_display, 1);
	} else {
		unsetenv("WAYLAND_DISPLAY");
	}
	execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "exec of %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static bool spawn(struct host *host, struct program *program, const char *const *argv) {
	int log = open(program->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0) {
		program_complain("open of %s: %s", program->log, strerror(errno));
		return false;
	}
	fflush(NULL);
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		become(host, argv, log, parent);
	}
	close(log);
	if (pid < 0) {
		program_complain("fork: %s", strerror(errno));
		return false;
	}
	program->pid = pid;
	program->pidfd = pidfd_open(pid, 0);
	return program->pidfd >= 0;
}

bool host_init(struct host *host) {
	*host = (struct host){.dir = "/tmp/guestpane-test-XXXXXX"};
	program_init(&host->compositor, host, "none");
	for (unsigned i = 0; i < HOST_BRIDGES; i++) {
		program_init(&host->bridges[i], host, "none");
	}
	if (!mkdtemp(host->dir)) {
		program_complain("mkdtemp of %s: %s", host->dir, strerror(errno));
		host->dir[0] = '\0';
		return false;
	}
	program_init(&host->compositor, host, "guestpane");
	snprintf(host->bridge_socket, sizeof(host->bridge_socket), "%s/bridge.sock", host->dir);
	for (unsigned i = 0; i < HOST_BRIDGES; i++) {
		char name[24];
		snprintf(name, sizeof(name), "bridge-vm%u", i);
		program_init(&host->bridges[i], host, name);
		snprintf(host->vhost_sockets[i], sizeof(host->vhost_sockets[i]), "%s/vhost%u.sock",
			host->dir, i);
	}
	return true;
}

static void remove_dir(const char *path, int depth) {
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char child[512];
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR && depth > 0) {
			remove_dir(child, depth - 1);
		} else {
			unlink(child);
		}
	}
	if (dir) {
		closedir(dir);
	}
	rmdir(path);
}

static bool finish_program(struct program *program) {
	if (program->pid == 0) {
		return true;
	}
	bool alive = host_alive(program);
	int status = host_stop(program);
	if (!alive) {
		program_complain("%s: had ended by itself, status %d", program->name, status);
	} else if (status != 0) {
		program_complain("%s: exit status %d", program->name, status);
	}
	return alive && status == 0;
}

bool host_finish(struct host *host) {
	if (!host->dir[0]) {
		return true;
	}
	bool ok = true;
	for (unsigned i = 0; i < HOST_BRIDGES; i++) {
		ok &= finish_program(&host->bridges[i]);
	}
	ok &= finish_program(&host->compositor);
	if (!ok) {
		host_print_logs(host);
	}
	remove_dir(host->dir, 1);
	host->dir[0] = '\0';
	return ok;
}

static void print_log(const struct program *program) {
	char line[512];
	unsigned lines = 0, shown = 0;
	FILE *file = fopen(program->log, "re");
	if (!file) {
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		lines++;
	}
	rewind(file);
	program_complain("---- %s, %u lines", program->name, lines);
	while (fgets(line, sizeof(line), file)) {
		if (++shown + LOG_LINES_SHOWN > lines) {
			line[strcspn(line, "\n")] = '\0';
			program_complain("%s", line);
		}
	}
	fclose(file);
}

void host_print_logs(struct host *host) {
	if (host->dir[0]) {
		print_log(&host->compositor);
		for (unsigned i = 0; i < HOST_BRIDGES; i++) {
			print_log(&host->bridges[i]);
		}
	}
}

static const char *binary(const char *variable, const char *fallback) {
	const char *path = getenv(variable);
	return path && path[0] ? path : fallback;
}

/* Appends args to argv, which has room for ARGS_MAX. */
static bool append_args(const char **argv, size_t *argc, const char *const *args) {
	for (size_t i = 0; args && args[i]; i++) {
		if (*argc + 1 >= ARGS_MAX) {
			return false;
		}
		argv[(*argc)++] = args[i];
	}
	argv[*argc] = NULL;
	return true;
}

static bool wait_started(struct program *program, unsigned timeout_ms) {
	uint64_t end = host_now_ms() + timeout_ms;
	while (host_now_ms() < end) {
		if (program_ended_within(program, 0)) {
			program_complain("%s: ended at start, status %d", program->name,
				program_reap(program));
			return false;
		}
		int fd = program_connect(program->control);
		if (fd >= 0) {
			close(fd);
			struct json_object *status = host_status(program);
			json_object_put(status);
			return status;
		}
		host_sleep_ms(10);
	}
	program_complain("%s: no answer on %s", program->name, program->control);
	return false;
}

bool host_start_compositor(struct host *host, unsigned outputs, unsigned width, unsigned height,
	const char *const *args) {
	char size[32], count[16];
	const char *argv[ARGS_MAX] = {binary("GUESTPANE", "guestpane"), "--bridge-socket",
		host->bridge_socket, "--control-socket", host->compositor.control, "--size", size,
		"--client-socket", "test=" CLIENT_SOCKET ":" CLIENT_PERMISSIONS};
	size_t argc = 9;
	snprintf(size, sizeof(size), "%ux%u", width, height);
	snprintf(count, sizeof(count), "%u", outputs);
	setenv("WLR_BACKENDS", host->backend ? host->backend : "headless", 1);
	setenv("WLR_RENDERER", host->renderer ? host->renderer : "pixman", 1);
	setenv("WLR_LIBINPUT_NO_DEVICES", "1", 1);
	setenv("WLR_HEADLESS_OUTPUTS", count, 1);
	host->wayland_display[0] = '\0';
	if (host->preload) {
		setenv("LD_PRELOAD", host->preload, 1);
	}
	bool ok = append_args(argv, &argc, args) && spawn(host, &host->compositor, argv);
	if (host->preload) {
		unsetenv("LD_PRELOAD");
	}
	if (!ok ||
		!wait_started(&host->compositor,
			host->renderer ? GL_START_TIMEOUT_MS : START_TIMEOUT_MS)) {
		return false;
	}
	strcpy(host->wayland_display, CLIENT_SOCKET);
	return true;
}

bool host_start_bridge(struct host *host, unsigned index, const char *const *args) {
	char name[16];
	struct program *bridge = &host->bridges[index];
	const char *argv[ARGS_MAX] = {binary("GUESTPANE_BRIDGE", "guestpane-bridge"),
		host->vmm_fd != 0 ? "--fd" : "--socket-path",
		host->vmm_fd != 0 ? "0" : host->vhost_sockets[index], "--display",
		host->bridge_socket, "--name", name, "--control-socket", bridge->control,
		"--linger", "0"};
	size_t argc = 11;
	snprintf(name, sizeof(name), "vm%u", index);
	return append_args(argv, &argc, args) && spawn(host, bridge, argv) &&
		wait_started(bridge, START_TIMEOUT_MS);
}

int host_run(struct host *host, const char *const *argv, char **output) {
	struct program program;
	program_init(&program, host, "run");
	unlink(program.log);
	*output = NULL;
	if (!spawn(host, &program, argv)) {
		return -1;
	}
	int timeout_ms = host->renderer ? GL_START_TIMEOUT_MS : START_TIMEOUT_MS;
	int status = program_ended_within(&program, timeout_ms) ? program_reap(&program) : -1;
	host_kill(&program);
	size_t size = 0;
	FILE *file = fopen(program.log, "re");
	if (file && getdelim(output, &size, '\0', file) < 0) {
		free(*output);
		*output = NULL;
	}
	if (file) {
		fclose(file);
	}
	return status;
}

#include "tests/harness/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_MS 20000 // sanitizers, and machines with more to do
#define STOP_TIMEOUT_MS 10000
#define SETTLE_MS 200
#define ARGS_MAX 48
#define LOG_LINES_SHOWN 150

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

static void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
}

/* Programs. */

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
		complain("open of %s: %s", program->log, strerror(errno));
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
		complain("fork: %s", strerror(errno));
		return false;
	}
	program->pid = pid;
	program->pidfd = pidfd_open(pid, 0);
	return program->pidfd >= 0;
}

/* The exit status; -1 for a signal. */
static int reap(struct program *program) {
	int status = 0;
	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR) {
	}
	program->pid = 0;
	close(program->pidfd);
	program->pidfd = -1;
	if (WIFSIGNALED(status)) {
		complain("%s: died of signal %d", program->name, WTERMSIG(status));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool ended_within(const struct program *program, int timeout_ms) {
	struct pollfd fd = {.fd = program->pidfd, .events = POLLIN};
	return poll(&fd, 1, timeout_ms) == 1;
}

int host_stop(struct program *program) {
	if (program->pid == 0) {
		return -1;
	}
	pidfd_send_signal(program->pidfd, SIGTERM, NULL, 0);
	if (!ended_within(program, STOP_TIMEOUT_MS)) {
		complain("%s: does not end, killed", program->name);
		pidfd_send_signal(program->pidfd, SIGKILL, NULL, 0);
		reap(program);
		return -1;
	}
	return reap(program);
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
	}
}

bool host_alive(const struct program *program) {
	return program->pid != 0 && !ended_within(program, 0);
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
			complain("%s: %u descriptors, not %u", program->name, now, count);
			return false;
		}
		host_sleep_ms(10);
	}
	return true;
}

/* The host. */

bool host_init(struct host *host) {
	*host = (struct host){.dir = "/tmp/guestpane-test-XXXXXX"};
	program_init(&host->compositor, host, "none");
	for (unsigned i = 0; i < HOST_BRIDGES; i++) {
		program_init(&host->bridges[i], host, "none");
	}
	if (!mkdtemp(host->dir)) {
		complain("mkdtemp of %s: %s", host->dir, strerror(errno));
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
		complain("%s: had ended by itself, status %d", program->name, status);
	} else if (status != 0) {
		complain("%s: exit status %d", program->name, status);
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
	complain("---- %s, %u lines", program->name, lines);
	while (fgets(line, sizeof(line), file)) {
		if (++shown + LOG_LINES_SHOWN > lines) {
			line[strcspn(line, "\n")] = '\0';
			complain("%s", line);
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

static int connect_to(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* wl_display_add_socket_auto has chosen a name: the one in the directory that answers. */
static bool find_display(struct host *host) {
	DIR *dir = opendir(host->dir);
	host->wayland_display[0] = '\0';
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char path[352];
		if (strncmp(entry->d_name, "wayland-", 8) != 0 || strstr(entry->d_name, ".lock")) {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", host->dir, entry->d_name);
		int fd = connect_to(path);
		if (fd >= 0) {
			close(fd);
			snprintf(host->wayland_display, sizeof(host->wayland_display), "%.31s",
				entry->d_name);
			break;
		}
	}
	if (dir) {
		closedir(dir);
	}
	return host->wayland_display[0];
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

static bool wait_started(struct program *program) {
	uint64_t end = host_now_ms() + START_TIMEOUT_MS;
	while (host_now_ms() < end) {
		if (ended_within(program, 0)) {
			complain("%s: ended at start, status %d", program->name, reap(program));
			return false;
		}
		int fd = connect_to(program->control);
		if (fd >= 0) {
			close(fd);
			struct json_object *status = host_status(program);
			json_object_put(status);
			return status;
		}
		host_sleep_ms(10);
	}
	complain("%s: no answer on %s", program->name, program->control);
	return false;
}

bool host_start_compositor(struct host *host, unsigned outputs, unsigned width, unsigned height,
	const char *const *args) {
	char size[32], count[16];
	const char *argv[ARGS_MAX] = {binary("GUESTPANE", "guestpane"), "--bridge-socket",
		host->bridge_socket, "--control-socket", host->compositor.control, "--size", size};
	size_t argc = 7;
	snprintf(size, sizeof(size), "%ux%u", width, height);
	snprintf(count, sizeof(count), "%u", outputs);
	setenv("WLR_BACKENDS", host->backend ? host->backend : "headless", 1);
	setenv("WLR_RENDERER", "pixman", 1);
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
	if (!ok || !wait_started(&host->compositor)) {
		return false;
	}
	if (!find_display(host)) {
		complain("no Wayland socket in %s", host->dir);
		return false;
	}
	return true;
}

bool host_start_bridge(struct host *host, unsigned index, const char *const *args) {
	char name[16];
	struct program *bridge = &host->bridges[index];
	const char *argv[ARGS_MAX] = {binary("GUESTPANE_BRIDGE", "guestpane-bridge"),
		host->vmm_fd != 0 ? "--fd" : "--socket-path",
		host->vmm_fd != 0 ? "0" : host->vhost_sockets[index], "--display",
		host->bridge_socket, "--name", name, "--control-socket", bridge->control};
	size_t argc = 9;
	snprintf(name, sizeof(name), "vm%u", index);
	return append_args(argv, &argc, args) && spawn(host, bridge, argv) && wait_started(bridge);
}

int host_run(struct host *host, const char *const *argv, char **output) {
	struct program program;
	program_init(&program, host, "run");
	unlink(program.log);
	*output = NULL;
	if (!spawn(host, &program, argv)) {
		return -1;
	}
	int status = ended_within(&program, START_TIMEOUT_MS) ? reap(&program) : -1;
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

/* Status. */

struct json_object *host_status(const struct program *program) {
	int fd = connect_to(program->control);
	if (fd < 0) {
		complain("%s: connect to %s: %s", program->name, program->control, strerror(errno));
		return NULL;
	}
	struct timeval timeout = {.tv_sec = 30}; // emulated machines are slow to start
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	ssize_t n = send(fd, "status\n", 7, MSG_NOSIGNAL);
	char buf[4096];
	while (n > 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		fwrite(buf, 1, (size_t)n, out);
	}
	close(fd);
	fclose(out);
	struct json_object *doc = n == 0 ? json_tokener_parse(text) : NULL;
	if (!doc) {
		complain("%s: no status, got \"%s\"", program->name, text);
	}
	free(text);
	return doc;
}

static struct json_object *find(struct json_object *doc, const char *path) {
	char part[64];
	while (doc && *path) {
		size_t length = strcspn(path, ".");
		snprintf(part, sizeof(part), "%.*s", (int)length, path);
		path += length + (path[length] == '.');
		if (json_object_is_type(doc, json_type_array)) {
			doc = json_object_array_get_idx(doc, strtoul(part, NULL, 10));
		} else if (!json_object_object_get_ex(doc, part, &doc)) {
			return NULL;
		}
	}
	return doc;
}

int64_t host_number(struct json_object *doc, const char *path) {
	struct json_object *value = find(doc, path);
	return value ? json_object_get_int64(value) : -1;
}

const char *host_string(struct json_object *doc, const char *path) {
	struct json_object *value = find(doc, path);
	return value ? json_object_get_string(value) : "";
}

int64_t host_status_number(const struct program *program, const char *path) {
	struct json_object *doc = host_status(program);
	int64_t number = host_number(doc, path);
	json_object_put(doc);
	return number;
}

const char *host_status_string(const struct program *program, const char *path) {
	static char text[256];
	struct json_object *doc = host_status(program);
	snprintf(text, sizeof(text), "%s", host_string(doc, path));
	json_object_put(doc);
	return text;
}

bool host_wait_number(
	const struct program *program, const char *path, int64_t value, int timeout_ms) {
	uint64_t end = host_now_ms() + (uint64_t)timeout_ms;
	int64_t number;
	while ((number = host_status_number(program, path)) != value) {
		if (host_now_ms() >= end) {
			complain("%s: %s is %jd, not %jd", program->name, path, (intmax_t)number,
				(intmax_t)value);
			return false;
		}
		host_sleep_ms(10);
	}
	return true;
}

bool host_wait_string(
	const struct program *program, const char *path, const char *value, int timeout_ms) {
	uint64_t end = host_now_ms() + (uint64_t)timeout_ms;
	while (strcmp(host_status_string(program, path), value) != 0) {
		if (host_now_ms() >= end) {
			complain("%s: %s is \"%s\", not \"%s\"", program->name, path,
				host_status_string(program, path), value);
			return false;
		}
		host_sleep_ms(10);
	}
	return true;
}

/* Pictures. */

static bool read_ppm(FILE *file, struct picture *picture) {
	unsigned max;
	if (fscanf(file, "P6 %" SCNu32 " %" SCNu32 " %u", &picture->width, &picture->height,
		    &max) != 3 ||
		max != 255 || fgetc(file) == EOF || picture->width > 16384 ||
		picture->height > 16384) {
		return false;
	}
	size_t count = (size_t)picture->width * picture->height;
	uint8_t *bytes = malloc(count * 3);
	picture->pixels = malloc(count * sizeof(uint32_t));
	bool ok = bytes && picture->pixels && fread(bytes, 3, count, file) == count;
	for (size_t i = 0; ok && i < count; i++) {
		picture->pixels[i] = (uint32_t)bytes[3 * i] << 16 |
			(uint32_t)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];
	}
	free(bytes);
	return ok;
}

bool picture_read(struct picture *picture, const char *path) {
	picture_finish(picture);
	FILE *file = fopen(path, "re");
	bool ok = file && read_ppm(file, picture);
	if (file) {
		fclose(file);
	}
	if (!ok) {
		complain("%s: not a picture", path);
		picture_finish(picture);
	}
	return ok;
}

bool host_grab(struct host *host, const char *output, struct picture *picture) {
	char path[96];
	char *text;
	snprintf(path, sizeof(path), "%s/grab.ppm", host->dir);
	const char *argv[] = {"grim", "-t", "ppm", "-o", output, path, NULL};
	const char *argv_cursor[] = {"grim", "-c", "-t", "ppm", "-o", output, path, NULL};
	picture_finish(picture);
	if (host_run(host, host->cursor_in_grabs ? argv_cursor : argv, &text) != 0) {
		complain("grim failed: %s", text ? text : "");
		free(text);
		return false;
	}
	free(text);
	return picture_read(picture, path);
}

static bool wait_pixel(struct host *host, const char *output, uint32_t x, uint32_t y,
	uint32_t color, bool wanted, int timeout_ms, struct picture *picture) {
	uint64_t end = host_now_ms() + (uint64_t)timeout_ms;
	for (;;) {
		if (!host_grab(host, output, picture)) {
			return false;
		}
		if ((picture_at(picture, x, y) == color) == wanted) {
			return true;
		}
		if (host_now_ms() >= end) {
			complain("%s: pixel %u, %u is %06x; wanted %s%06x", output, x, y,
				picture_at(picture, x, y), wanted ? "" : "another than ", color);
			return false;
		}
		host_sleep_ms(20);
	}
}

bool host_wait_pixel(struct host *host, const char *output, uint32_t x, uint32_t y, uint32_t color,
	int timeout_ms, struct picture *picture) {
	return wait_pixel(host, output, x, y, color, true, timeout_ms, picture);
}

bool host_wait_not_pixel(struct host *host, const char *output, uint32_t x, uint32_t y,
	uint32_t color, int timeout_ms, struct picture *picture) {
	return wait_pixel(host, output, x, y, color, false, timeout_ms, picture);
}

void picture_finish(struct picture *picture) {
	free(picture->pixels);
	*picture = (struct picture){0};
}

uint32_t picture_at(const struct picture *picture, uint32_t x, uint32_t y) {
	if (x >= picture->width || y >= picture->height) {
		return UINT32_MAX;
	}
	return picture->pixels[(size_t)y * picture->width + x];
}

bool picture_is(const struct picture *picture, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
	uint32_t color) {
	for (uint32_t row = y; row < y + h; row++) {
		for (uint32_t column = x; column < x + w; column++) {
			if (picture_at(picture, column, row) != color) {
				complain("pixel %u, %u is %06x, not %06x", column, row,
					picture_at(picture, column, row), color);
				return false;
			}
		}
	}
	return true;
}

bool picture_is_flat(const struct picture *picture) {
	size_t count = (size_t)picture->width * picture->height;
	for (size_t i = 1; i < count; i++) {
		if (picture->pixels[i] != picture->pixels[0]) {
			return false;
		}
	}
	return true;
}

bool picture_has(const struct picture *picture, uint32_t color) {
	size_t count = (size_t)picture->width * picture->height;
	for (size_t i = 0; i < count; i++) {
		if (picture->pixels[i] == color) {
			return true;
		}
	}
	return false;
}

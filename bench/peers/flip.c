/*
 * Full-frame flips at 1080p by one synthetic guest, shown by guestpane or taken by another back end
 * of virtio-gpu, and what that cost each process.
 *
 *   peer-flip blob|blob-copy|2d FRAMES        guestpane-bridge and guestpane
 *   peer-flip vhost-user-gpu FRAMES PROGRAM   QEMU's contrib/vhost-user-gpu
 *
 * Prints one JSON object. The guest flips 60 times a second, or as fast as it is answered if that
 * is slower, FRAMES times or for FRAMES / 60 seconds. The compositor is headless, with the
 * library PEER_PRELOAD (../plane.c) if that is set.
 */

#include <linux/virtio_gpu.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/harness/guest_gpu.h"
#include "tests/harness/host.h"
#include "vmm-bridge/vhost/message.h"

#define W 1920
#define H 1080
#define SIZE ((uint64_t)W * H * 4)
#define FLIP_NS 16666667
#define WARM_UP 10
#define OK VIRTIO_GPU_RESP_OK_NODATA

/* A message to the back end, and those of its display socket (docs/interop/vhost-user-gpu.rst). */
#define VHOST_USER_GPU_SET_SOCKET 33
enum gpu_message {
	GPU_GET_PROTOCOL_FEATURES = 1,
	GPU_GET_DISPLAY_INFO = 3,
	GPU_SCANOUT = 7,
	GPU_UPDATE = 8,
	GPU_DMABUF_SCANOUT = 9,
	GPU_DMABUF_UPDATE = 10,
	GPU_DMABUF_SCANOUT2 = 12,
};
#define GPU_REPLY 4u

struct process {
	const char *name;
	clockid_t clock; // its CPU time
	uint64_t start_ns, used_ns;
};

/* Who gets the pictures of contrib/vhost-user-gpu, in the place of QEMU. */
struct reader {
	int fd;
	pthread_t thread;
	uint64_t updates, dmabuf_updates, bytes;
};

static void fail(const char *what) {
	fprintf(stderr, "peer-flip: %s\n", what);
	exit(1);
}

static void must(bool ok, const char *what) {
	if (!ok) {
		fail(what);
	}
}

static uint64_t clock_ns(clockid_t clock) {
	struct timespec time;
	must(clock_gettime(clock, &time) == 0, "a process has gone");
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static struct process watch(const char *name, pid_t pid) {
	struct process process = {.name = name};
	must(clock_getcpuclockid(pid, &process.clock) == 0, "no clock of a process");
	return process;
}

/* The guest. */

static void make_2d(struct fe *fe, uint32_t id) {
	uint64_t gpa = fe_alloc(fe, SIZE);
	must(gpa != 0, "no guest memory");
	gg_fill(fe_ptr(fe, gpa), W, &(struct gp_rect){0, 0, W, H}, 0x204060 * id);
	must(gg_create_2d(fe, id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H) == OK &&
			gg_attach(fe, id, gpa, SIZE) == OK,
		"no 2D resource");
}

static void make_blob(struct fe *fe, uint32_t id) {
	struct gg_blob blob;
	must(gg_create_blob(fe, id, SIZE, &blob) == OK, "no blob");
	gg_fill(blob.pixels, W, &(struct gp_rect){0, 0, W, H}, 0x204060 * id);
}

/* What Linux sends for a page flip. */
static void flip(struct fe *fe, bool blob, uint32_t id) {
	const struct gp_rect whole = {0, 0, W, H};
	must(gg_transfer(fe, id, &whole, 0) == OK, "TRANSFER_TO_HOST_2D");
	must((blob ? gg_set_scanout_blob(fe, 0, id, W, H) : gg_set_scanout(fe, 0, id, &whole)) ==
			OK,
		"SET_SCANOUT");
	must(gg_flush(fe, id, &whole, true) == OK, "RESOURCE_FLUSH");
}

/* Prints what n_frames flips took, without the closing brace. */
static void measure(
	struct fe *fe, bool blob, unsigned n_frames, struct process *processes, size_t n) {
	for (uint32_t id = 1; id <= 3; id++) {
		if (blob) {
			make_blob(fe, id);
		} else {
			make_2d(fe, id);
		}
	}
	uint64_t start_ns = 0, next_ns = clock_ns(CLOCK_MONOTONIC), end_ns = UINT64_MAX;
	unsigned done = 0;
	for (; done < WARM_UP + n_frames && next_ns < end_ns; done++) {
		if (done == WARM_UP) {
			start_ns = clock_ns(CLOCK_MONOTONIC);
			end_ns = start_ns + n_frames * (uint64_t)FLIP_NS;
			for (size_t k = 0; k < n; k++) {
				processes[k].start_ns = clock_ns(processes[k].clock);
			}
		}
		flip(fe, blob, 1 + done % 3);
		next_ns += FLIP_NS;
		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		if (next_ns < now_ns) {
			next_ns = now_ns;
		}
		struct timespec next = {
			(time_t)(next_ns / 1000000000), (long)(next_ns % 1000000000)};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	n_frames = done - WARM_UP;
	double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e9;
	printf("{\"frames\": %u, \"rate\": %.2f, \"cpu_us\": {", n_frames, n_frames / seconds);
	for (size_t k = 0; k < n; k++) {
		uint64_t used_ns = clock_ns(processes[k].clock) - processes[k].start_ns;
		printf("%s\"%s\": %.2f", k > 0 ? ", " : "", processes[k].name,
			(double)used_ns / 1e3 / n_frames);
	}
	printf("}");
}

/* Ours. */

static void start_host(struct host *host, bool blob_copy) {
	must(host_init(host), "no directory");
	host->preload = getenv("PEER_PRELOAD");
	const char *args[] = {"--export", blob_copy ? "copy" : "auto", NULL};
	if (!host_start_compositor(host, 1, W, H, NULL) || !host_start_bridge(host, 0, args) ||
		!host_wait_string(&host->bridges[0], "display", "connected", 20000)) {
		host_print_logs(host);
		host_finish(host);
		fail("the programs do not start");
	}
}

static void flip_ours(const char *mode, unsigned n_frames) {
	struct host host;
	struct fe fe;
	bool blob = strcmp(mode, "2d") != 0;
	start_host(&host, strcmp(mode, "blob-copy") == 0);
	must(fe_connect(&fe, host.vhost_sockets[0], -1) &&
			fe_negotiate(&fe,
				1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB) &&
			fe_start(&fe),
		"no connection to the bridge");
	struct process processes[] = {
		watch("bridge", (pid_t)host_status_number(&host.bridges[0], "worker_pid")),
		watch("compositor", host.compositor.pid),
	};
	measure(&fe, blob, n_frames, processes, 2);
	printf(", \"path\": \"%s\", \"bytes_copied\": %lld, \"frames_shown\": {",
		host_status_string(&host.compositor, "outputs.0.path"),
		(long long)host_status_number(&host.bridges[0], "counters.bytes_copied"));
	static const char *const paths[] = {"direct", "parent", "gpu", "mapped", "copied"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char path[40];
		snprintf(path, sizeof(path), "outputs.0.frames.%s", paths[i]);
		printf("%s\"%s\": %lld", i > 0 ? ", " : "", paths[i],
			(long long)host_status_number(&host.compositor, path));
	}
	printf("}}\n");
	fe_finish(&fe);
	must(host_finish(&host), "the programs did not end well");
}

/* Theirs. */

static bool read_all(struct reader *reader, void *to, size_t size) {
	size_t done = 0;
	while (done < size) {
		char control[CMSG_SPACE(4 * sizeof(int))];
		struct iovec part = {(uint8_t *)to + done, size - done};
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(reader->fd, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
		if (n <= 0) {
			return false;
		}
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
		if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS) {
			int fd;
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
			close(fd);
		}
		done += (size_t)n;
	}
	return true;
}

static void reply(struct reader *reader, uint32_t request, const void *payload, uint32_t size) {
	uint32_t header[3] = {request, GPU_REPLY, size};
	must(send(reader->fd, header, sizeof(header), MSG_NOSIGNAL) == sizeof(header) &&
			(size == 0 ||
				send(reader->fd, payload, size, MSG_NOSIGNAL) == (ssize_t)size),
		"the back end does not take answers");
}

static void *read_display(void *data) {
	struct reader *reader = data;
	static uint8_t picture[SIZE + 64];
	uint32_t header[3];
	while (read_all(reader, header, sizeof(header))) {
		if (header[2] > sizeof(picture) || !read_all(reader, picture, header[2])) {
			break;
		}
		reader->bytes += header[2];
		const uint64_t no_features = 0;
		struct virtio_gpu_resp_display_info info = {
			.hdr.type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
			.pmodes[0] = {.r = {0, 0, W, H}, .enabled = 1},
		};
		switch (header[0]) {
		case GPU_GET_PROTOCOL_FEATURES:
			reply(reader, header[0], &no_features, sizeof(no_features));
			break;
		case GPU_GET_DISPLAY_INFO:
			reply(reader, header[0], &info, sizeof(info));
			break;
		case GPU_UPDATE:
			reader->updates++;
			break;
		case GPU_DMABUF_UPDATE:
			reader->dmabuf_updates++;
			reply(reader, header[0], NULL, 0);
			break;
		}
	}
	return NULL;
}

static pid_t start_program(const char *path, int fd) {
	char option[24];
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(dup2(fd, 3) == 3, "dup2");
		snprintf(option, sizeof(option), "--fd=3");
		execl(path, path, option, (char *)NULL);
		fail("the back end cannot be started");
	}
	must(pid > 0, "fork");
	return pid;
}

static void flip_theirs(const char *path, unsigned n_frames) {
	int vhost[2], display[2];
	struct fe fe;
	struct reader reader = {0};
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, vhost) == 0 &&
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, display) == 0,
		"no sockets");
	pid_t pid = start_program(path, vhost[1]);
	close(vhost[1]);
	reader.fd = display[0];
	must(pthread_create(&reader.thread, NULL, read_display, &reader) == 0, "no thread");
	must(fe_connect(&fe, NULL, vhost[0]) && fe_negotiate(&fe, 0), "no connection to it");
	must(fe_send(&fe, VHOST_USER_GPU_SET_SOCKET, GP_VHOST_VERSION, NULL, 0, &display[1], 1),
		"it does not take a socket");
	close(display[1]);
	must(fe_start(&fe), "its queues do not start");
	struct process processes[] = {watch("backend", pid), {.name = "reader"}};
	must(pthread_getcpuclockid(reader.thread, &processes[1].clock) == 0, "no thread's clock");
	measure(&fe, false, n_frames, processes, 2);
	printf(", \"updates\": %llu, \"dmabuf_updates\": %llu, \"bytes_sent\": %llu}\n",
		(unsigned long long)reader.updates, (unsigned long long)reader.dmabuf_updates,
		(unsigned long long)reader.bytes);
	fe_finish(&fe);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

int main(int argc, char *argv[]) {
	if (argc < 3) {
		fprintf(stderr,
			"usage: peer-flip blob|blob-copy|2d FRAMES\n"
			"       peer-flip vhost-user-gpu FRAMES PROGRAM\n");
		return 2;
	}
	unsigned n_frames = (unsigned)atoi(argv[2]);
	if (strcmp(argv[1], "vhost-user-gpu") != 0) {
		flip_ours(argv[1], n_frames);
	} else if (argc == 4) {
		flip_theirs(argv[3], n_frames);
	}
	return 0;
}

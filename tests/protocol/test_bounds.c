/*
 * What one bridge can cost others: each bound, reached by a client that means harm, while a second
 * bridge goes on. Work is counted, not time.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/limits.h"
#include "tests/harness/cases.h"
#include "tests/protocol/client.h"

#define W CASE_WIDTH
#define H CASE_HEIGHT
#define SIZE ((size_t)W * H * 4)
#define WAIT_MS 20000
#define RED 0xd01020u
#define GREEN 0x10c040u

/* A bridge with a guest, whose scanout has an output of its own. */
struct scene {
	struct client client;
	struct guest_v1 *guest;
	struct scanout scanout;
	struct blob blob;
	struct buffer buffer;
	struct picture picture;
	const char *output;
};

static void fill(struct blob *blob, uint32_t color) {
	for (size_t i = 0; i < blob->size / 4; i++) {
		blob->pixels[i] = color;
	}
}

static void show(struct scene *scene, struct host *host, uint32_t color) {
	fill(&scene->blob, color);
	scanout_commit(&scene->scanout, &scene->buffer);
	assert_true(client_sync(&scene->client));
	assert_true(host_wait_pixel(
		host, scene->output, W / 2, H / 2, color, WAIT_MS, &scene->picture));
}

static void scene_init(
	struct scene *scene, struct host *host, const char *name, uint32_t index, uint32_t color) {
	*scene = (struct scene){.blob.fd = -1, .output = index == 0 ? "HEADLESS-1" : "HEADLESS-2"};
	assert_true(client_connect(&scene->client, host->bridge_socket));
	scene->guest = client_guest(&scene->client, name);
	guest_v1_set_state(scene->guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&scene->scanout, &scene->client, scene->guest, index);
	assert_true(blob_create(&scene->blob, scene->guest, SIZE));
	buffer_create(&scene->buffer, &scene->blob, 1, W, H);
	show(scene, host, color);
}

static void scene_finish(struct scene *scene) {
	picture_finish(&scene->picture);
	blob_finish(&scene->blob);
	client_finish(&scene->client);
}

/* Its requests have replies and its pictures are seen. */
static void assert_goes_on(struct scene *scene, struct host *host) {
	assert_true(host_alive(&host->compositor));
	show(scene, host, GREEN);
	show(scene, host, RED);
}

/* Log lines. */

static unsigned count_lines(const struct host *host, const char *with) {
	char line[4096];
	unsigned n = 0;
	FILE *log = fopen(host->compositor.log, "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log) != NULL) {
		n += strstr(line, with) != NULL;
	}
	fclose(log);
	return n;
}

/* 20,000 changes of the state were as many lines. */
static void test_log_lines(struct host *host) {
	struct scene good, evil;
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	for (unsigned i = 0; i < 20000; i++) {
		guest_v1_set_state(
			evil.guest, i & 1 ? GUEST_V1_STATE_RUNNING : GUEST_V1_STATE_PAUSED);
		if (i % 100 == 0) {
			assert_true(client_sync(&evil.client));
		}
	}
	assert_true(client_sync(&evil.client));
	guest_v1_set_state(good.guest, GUEST_V1_STATE_PAUSED);
	guest_v1_set_state(good.guest, GUEST_V1_STATE_RUNNING);
	assert_goes_on(&good, host);
	unsigned lines = count_lines(host, "guest evil: ");
	printf("# %u lines\n", lines);
	assert_true(lines < 200);
	/* Not those of others. */
	assert_int_equal(count_lines(host, "guest good: paused"), 1);
	/* How many there were is not lost. */
	host_sleep_ms(1100);
	guest_v1_set_state(evil.guest, GUEST_V1_STATE_WAITING);
	assert_true(client_sync(&evil.client));
	assert_int_equal(count_lines(host, "guest evil: waiting ("), 1);
	scene_finish(&evil);
	scene_finish(&good);
}

/* Guests that come and leave. */
static void test_log_of_connections(struct host *host) {
	struct scene good;
	scene_init(&good, host, "good", 0, RED);
	for (unsigned i = 0; i < 500; i++) {
		struct client client;
		assert_true(client_connect(&client, host->bridge_socket));
		client_guest(&client, "evil");
		assert_true(client_sync(&client));
		client_finish(&client);
	}
	assert_goes_on(&good, host);
	unsigned lines = count_lines(host, "guest evil: ");
	printf("# %u lines\n", lines);
	assert_true(lines < 300);
	scene_finish(&good);
}

/* Memory. */

static int64_t count_blocks(int fd) {
	struct stat info;
	assert_int_equal(fstat(fd, &info), 0);
	return info.st_blocks;
}

/* KiB of the compositor, by the name of the line in /proc/PID/status. */
static long read_memory(const struct host *host, const char *name) {
	char path[64], line[256];
	long value = -1;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)host->compositor.pid);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t length = strlen(name);
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			value = strtol(line + length + 1, NULL, 10);
		}
	}
	fclose(file);
	return value;
}

#define BIG 8192

static void assert_failed(struct scene *scene, struct blob *blob, const char *words);

/* Reading three files of 1 GiB that have nothing in them made 3.1 GB of them. */
static void test_sparse_files(struct host *host) {
	struct scene good, evil;
	struct blob blobs[3];
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	struct wp_viewport *viewport =
		wp_viewporter_get_viewport(evil.client.viewporter, evil.scanout.surface);
	wp_viewport_set_destination(viewport, W, H);
	long before = read_memory(host, "VmRSS");
	int sparse = gp_memfd_create_sealed("test-sparse", GP_MAPPED_PER_CLIENT_MAX);
	assert_true(blob_create_fd(&blobs[0], evil.guest, sparse, GP_MAPPED_PER_CLIENT_MAX,
		GUEST_BLOB_V1_KIND_SHM, NULL));
	assert_failed(&evil, &blobs[0], "are holes");
	blob_finish(&blobs[0]);
	for (size_t i = 0; i < 3; i++) {
		struct buffer buffer;
		size_t size = (size_t)BIG * BIG * 4;
		int fd = gp_memfd_create_sealed("test-sparse", size);
		assert_true(blob_create_fd(
			&blobs[i], evil.guest, fd, size, GUEST_BLOB_V1_KIND_SHM, NULL));
		buffer_create(&buffer, &blobs[i], i, BIG, BIG);
		/* Each step reads a row of each page. */
		for (int y = 0; y < BIG; y += H) {
			struct feedback feedback;
			int rows = BIG - y < H ? BIG - y : H;
			wp_viewport_set_source(viewport, 0, wl_fixed_from_int(y),
				wl_fixed_from_int(BIG), wl_fixed_from_int(rows));
			scanout_commit(&evil.scanout, &buffer);
			feedback_create(&feedback, &evil.client, &evil.scanout);
			scanout_commit(&evil.scanout, &buffer);
			assert_true(client_wait(&evil.client, &feedback.answers, 1, WAIT_MS));
		}
		assert_int_equal(blobs[i].n_imported, 1);
		assert_int_equal(count_blocks(fd), 0);
	}
	assert_true(host_wait_pixel(host, evil.output, W / 2, H / 2, 0, WAIT_MS, &evil.picture));
	printf("# %ld KiB more\n", read_memory(host, "VmRSS") - before);
	assert_true(read_memory(host, "VmRSS") - before <
		(long)(GP_HOLE_BYTES_PER_CLIENT_MAX / 1024) + 32 * 1024);
	assert_goes_on(&good, host);
	for (size_t i = 0; i < 3; i++) {
		blob_finish(&blobs[i]);
	}
	scene_finish(&evil);
	scene_finish(&good);
}

static void assert_failed(struct scene *scene, struct blob *blob, const char *words) {
	struct buffer buffer;
	unsigned n_failed = blob->n_failed;
	buffer_create(&buffer, blob, 77, W, H);
	assert_true(client_wait(&scene->client, &blob->n_failed, n_failed + 1, WAIT_MS));
	assert_int_equal(blob->reason, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
	if (strstr(blob->message, words) == NULL) {
		fail_msg("%s instead of %s", blob->message, words);
	}
	buffer_destroy(&buffer);
}

/* After a hole was punched into such a file, no huge page to read was the end of the compositor. */
static void test_huge_pages(struct host *host) {
	struct scene good, evil;
	struct blob blob;
	size_t size = 4 << 20;
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	int fd = memfd_create("test-huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
		case_skip(host, "no hugetlbfs");
	}
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_true(blob_create_fd(&blob, evil.guest, fd, size, GUEST_BLOB_V1_KIND_SHM, NULL));
	assert_failed(&evil, &blob, "huge pages");
	assert_goes_on(&evil, host);
	assert_goes_on(&good, host);
	blob_finish(&blob);
	scene_finish(&evil);
	scene_finish(&good);
}

/* Memory that fails while it is shown: a reason on the screen, for the client, and in the log. */
static void test_memory_fails(struct host *host) {
	struct scene good, evil;
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	assert_int_equal(
		fallocate(evil.blob.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE / 2),
		0);
	for (unsigned i = 0; i < 20; i++) {
		scanout_commit(&evil.scanout, &evil.buffer);
		assert_true(client_sync(&evil.client));
	}
	assert_true(
		host_wait_string(&host->compositor, "outputs.1.showing", "import-failed", WAIT_MS));
	assert_true(client_sync(&evil.client));
	assert_int_equal(evil.scanout.path, GUEST_SCANOUT_V1_PATH_NONE);
	assert_non_null(strstr(evil.scanout.path_reason, "holes were punched"));
	assert_int_equal(count_lines(host, "guest evil: scanout 1: holes were punched"), 1);
	assert_failed(&evil, &evil.blob, "punched");
	assert_goes_on(&good, host);
	/* It can go on with other memory. */
	struct blob old = evil.blob;
	assert_true(blob_create(&evil.blob, evil.guest, SIZE));
	buffer_destroy(&evil.buffer);
	buffer_create(&evil.buffer, &evil.blob, 2, W, H);
	assert_goes_on(&evil, host);
	blob_finish(&old);
	scene_finish(&evil);
	scene_finish(&good);
}

/* Objects and rectangles. */

static void assert_error(struct scene *scene, uint32_t code) {
	assert_true(client_expect_error(&scene->client, &wl_display_interface, code));
}

/* 300,000 surfaces were 349 MB. */
static void test_surfaces(struct host *host) {
	struct scene good, evil;
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	long before = read_memory(host, "VmRSS");
	unsigned n = 0;
	do {
		for (unsigned i = 0; i < 100; i++) {
			wl_compositor_create_surface(evil.client.compositor);
		}
		n += 100;
	} while (n < 300000 && client_sync(&evil.client));
	printf("# %u surfaces, %ld KiB more\n", n, read_memory(host, "VmRSS") - before);
	assert_true(n > 8192 && n < 20000);
	assert_true(read_memory(host, "VmRSS") - before < 64 * 1024);
	assert_error(&evil, WL_DISPLAY_ERROR_IMPLEMENTATION);
	assert_goes_on(&good, host);
	scene_finish(&evil);
	scene_finish(&good);
}

/* Objects that are destroyed do not count, however many there were. */
static void test_surfaces_of_good(struct host *host) {
	struct scene good;
	scene_init(&good, host, "good", 0, RED);
	for (unsigned i = 0; i < 40000; i++) {
		wl_surface_destroy(wl_compositor_create_surface(good.client.compositor));
		if (i % 100 == 0) {
			assert_true(client_sync(&good.client));
		}
	}
	assert_goes_on(&good, host);
	scene_finish(&good);
}

/*
 * 40,000 small rectangles of damage kept all others waiting for a second, as each had to be sorted
 * in among those before. Now they are few: what is around them is drawn.
 */
static void test_damage(struct host *host) {
	struct scene good, evil;
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	fill(&evil.blob, GREEN);
	wl_surface_attach(evil.scanout.surface, evil.buffer.proxy, 0, 0);
	for (int i = 0; i < 40000; i++) {
		/* None touches another one; in the order that was worst. */
		int x = 2 * (i % (W / 2)), y = H - 2 - 2 * (i / (W / 2));
		if (i & 1) {
			wl_surface_damage(evil.scanout.surface, x, y, 1, 1);
		} else {
			wl_surface_damage_buffer(evil.scanout.surface, x, y, 1, 1);
		}
		if (i % 1000 == 0) {
			assert_true(client_sync(&evil.client));
		}
	}
	wl_surface_commit(evil.scanout.surface);
	assert_true(client_sync(&evil.client));
	/* Between two of the rectangles. */
	assert_true(
		host_wait_pixel(host, evil.output, 101, H - 101, GREEN, WAIT_MS, &evil.picture));
	assert_goes_on(&good, host);
	assert_goes_on(&evil, host);
	scene_finish(&evil);
	scene_finish(&good);
}

static void test_regions(struct host *host) {
	struct scene good, evil;
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	struct wl_region *region = wl_compositor_create_region(evil.client.compositor);
	for (int i = 0; i < GP_REGION_RECTS_MAX; i++) {
		wl_region_add(region, 2 * i, 0, 1, 1);
	}
	wl_surface_set_input_region(evil.scanout.surface, region);
	assert_goes_on(&evil, host);
	wl_region_add(region, 1000, 0, 1, 1);
	assert_error(&evil, WL_DISPLAY_ERROR_IMPLEMENTATION);
	assert_goes_on(&good, host);
	scene_finish(&evil);
	scene_finish(&good);
}

/* Descriptors. */

/* A bridge in a process of its own, which makes blobs until it has n, says so, and waits. */
static pid_t start_hoarder(struct host *host, unsigned n, int *said) {
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		close(fds[1]);
		*said = fds[0];
		return pid;
	}
	struct client client;
	bool ok = client_connect(&client, host->bridge_socket);
	struct guest_v1 *guest = client_guest(&client, "hoarder");
	for (unsigned i = 0; ok && i < n; i++) {
		struct blob blob;
		int fd = gp_memfd_create_sealed("test-blob", 4096);
		ok = blob_create_fd(&blob, guest, fd, 4096, GUEST_BLOB_V1_KIND_SHM, NULL) &&
			(i % 16 != 0 || client_sync(&client));
		close(fd);
	}
	ok = ok && client_sync(&client);
	ok = write(fds[1], ok ? "y" : "n", 1) == 1 && ok;
	/* Until its connection ends. */
	unsigned never = 0;
	ok = ok && !client_wait(&client, &never, 1, WAIT_MS);
	_exit(ok ? wl_display_get_error(client.display) : 1);
}

static bool ask_hoarder(int said) {
	char byte;
	assert_int_equal(read(said, &byte, 1), 1);
	close(said);
	return byte == 'y';
}

static void limit_fds(const struct host *host, rlim_t n) {
	struct rlimit limit = {.rlim_cur = n, .rlim_max = n};
	assert_int_equal(prlimit(host->compositor.pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static int reap(pid_t pid) {
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One who takes all that there are. */
static void test_descriptors_of_one(struct host *host) {
	struct scene good;
	int said;
	scene_init(&good, host, "good", 0, RED);
	limit_fds(host, 600);
	pid_t hoarder = start_hoarder(host, 1000, &said);
	assert_false(ask_hoarder(said));
	reap(hoarder);
	assert_goes_on(&good, host);
	scene_finish(&good);
}

/* One who takes as many as it may: those who want some more need not pay for it. */
static void test_descriptors_of_others(struct host *host) {
	struct scene good, other;
	struct blob blobs[64];
	int said;
	scene_init(&good, host, "good", 0, RED);
	limit_fds(host, 600);
	unsigned others = GP_FDS_RESERVED + host_count_fds(&host->compositor) + 8;
	pid_t hoarder = start_hoarder(host, 600 - others, &said);
	assert_true(ask_hoarder(said));
	for (unsigned i = 0; i < 64; i++) {
		assert_true(blob_create(&blobs[i], good.guest, 4096));
		assert_true(client_sync(&good.client));
	}
	assert_int_equal(reap(hoarder), EPROTO);
	assert_int_equal(count_lines(host, "descriptors run short"), 1);
	assert_goes_on(&good, host);
	for (unsigned i = 0; i < 64; i++) {
		blob_finish(&blobs[i]);
	}
	assert_true(client_sync(&good.client));

	/* Nor does one who connects. */
	hoarder = start_hoarder(host, 600 - others, &said);
	assert_true(ask_hoarder(said));
	struct client clients[8];
	for (unsigned i = 0; i < 7; i++) {
		assert_true(client_connect(&clients[i], host->bridge_socket));
	}
	scene_init(&other, host, "other", 1, RED);
	for (unsigned i = 0; i < 7; i++) {
		client_finish(&clients[i]);
	}
	assert_int_equal(reap(hoarder), EPROTO);
	assert_goes_on(&good, host);
	scene_finish(&other);
	scene_finish(&good);
}

static const struct host_case cases[] = {
	{"log lines", test_log_lines, 2},
	{"log lines of connections", test_log_of_connections, 2},
	{"sparse files", test_sparse_files, 2},
	{"huge pages", test_huge_pages, 2},
	{"memory that fails", test_memory_fails, 2},
	{"surfaces", test_surfaces, 2},
	{"surfaces of a good client", test_surfaces_of_good, 1},
	{"damage", test_damage, 2},
	{"regions", test_regions, 2},
	{"descriptors of one", test_descriptors_of_one, 1},
	{"descriptors of others", test_descriptors_of_others, 2},
};

int main(int argc, char **argv) {
	return cases_run(
		"bounds", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}

/*
 * What a bridge has left while another one does its worst: two raw clients of the compositor, each
 * in a process of its own. The first flips two buffers as fast as it may; the second attacks.
 *
 *     bench-fairness BRIDGE-SOCKET ATTACK SECONDS WIDTH HEIGHT
 *
 * Prints a JSON object: frames per second of the first client, and from its commits to their
 * presentation and of its round trips the times in µs; how many requests the second one made. An
 * unknown attack prints the names of all.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/run.h"
#include "common/fd.h"
#include "tests/protocol/client.h"

#define TIMEOUT_MS 60000
#define SAMPLES_MAX 100000

/* The attacks. */

struct attacker {
	struct client client;
	struct guest_v1 *guest;
	struct scanout scanout;
	struct blob blob;
	struct buffer buffer;
	struct wl_surface *cursor;
	struct wp_viewport *viewport;
	const char *socket;
	int32_t width, height;
	unsigned step;
};

static unsigned attack_nothing(struct attacker *attacker) {
	usleep(20000);
	return 0;
}

static unsigned attack_requests(struct attacker *attacker) {
	for (unsigned i = 0; i < 1000; i++) {
		wl_callback_destroy(wl_display_sync(attacker->client.display));
	}
	return 1000;
}

static unsigned attack_commits(struct attacker *attacker) {
	for (unsigned i = 0; i < 500; i++) {
		scanout_commit(&attacker->scanout, &attacker->buffer);
	}
	return 1500;
}

static unsigned attack_damage(struct attacker *attacker) {
	for (int i = 0; i < 1000; i++) {
		wl_surface_damage_buffer(
			attacker->scanout.surface, 2 * (i % 500), 2000 - 2 * (i / 500), 1, 1);
	}
	wl_surface_commit(attacker->scanout.surface);
	return 1001;
}

static unsigned attack_viewports(struct attacker *attacker) {
	for (int i = 0; i < 300; i++) {
		wp_viewport_set_source(attacker->viewport, wl_fixed_from_int(i % 64),
			wl_fixed_from_int(i % 32), wl_fixed_from_int(64), wl_fixed_from_int(64));
		wp_viewport_set_destination(attacker->viewport, 64 + i % 7, 64);
		wl_surface_commit(attacker->scanout.surface);
	}
	return 900;
}

static unsigned attack_buffers(struct attacker *attacker) {
	struct buffer buffer;
	for (uint32_t i = 0; i < 300; i++) {
		buffer_create(&buffer, &attacker->blob, i, attacker->width, attacker->height);
		scanout_commit(&attacker->scanout, &buffer);
		buffer_destroy(&buffer);
	}
	return 1500;
}

/* Blobs with holes, which get pages while they are shown. */
static unsigned attack_memory(struct attacker *attacker) {
	struct blob blob;
	struct buffer buffer;
	if (blob_create(&blob, attacker->guest, attacker->blob.size)) {
		buffer_create(&buffer, &blob, 1, attacker->width, attacker->height);
		for (size_t i = 0; i < 32; i++) {
			blob.pixels[blob.size / 4 / 32 * i] = 1;
			scanout_commit(&attacker->scanout, &buffer);
			client_sync(&attacker->client);
		}
		buffer_destroy(&buffer);
	}
	blob_finish(&blob);
	return 98;
}

static unsigned attack_scanouts(struct attacker *attacker) {
	struct scanout scanout;
	for (uint32_t i = 0; i < 100; i++) {
		scanout_create(&scanout, &attacker->client, attacker->guest, 2 + i % 14);
		scanout_destroy(&scanout);
	}
	return 400;
}

static unsigned attack_states(struct attacker *attacker) {
	for (uint32_t i = 0; i < 1000; i++) {
		guest_v1_set_state(attacker->guest, i % 4);
	}
	guest_v1_next_generation(attacker->guest);
	return 1001;
}

static unsigned attack_titles(struct attacker *attacker) {
	char title[200];
	for (uint32_t i = 0; i < 300; i++) {
		snprintf(title, sizeof(title), "%0180u", attacker->step * 1000 + i);
		guest_v1_set_title(attacker->guest, title);
	}
	return 300;
}

/* Other words for each frame. */
static unsigned attack_texts(struct attacker *attacker) {
	guest_v1_set_state(attacker->guest,
		attacker->step % 2 ? GUEST_V1_STATE_WAITING : GUEST_V1_STATE_DISCONNECTED);
	client_sync(&attacker->client);
	return 1;
}

static unsigned attack_cursors(struct attacker *attacker) {
	for (int i = 0; i < 500; i++) {
		wl_surface_attach(attacker->cursor, attacker->buffer.proxy, 0, 0);
		wl_surface_damage_buffer(attacker->cursor, 0, 0, INT32_MAX, INT32_MAX);
		wl_surface_commit(attacker->cursor);
		guest_scanout_v1_move_cursor(attacker->scanout.proxy, i, i);
	}
	return 2000;
}

static unsigned attack_globals(struct attacker *attacker) {
	for (unsigned i = 0; i < 200; i++) {
		struct guest_scanout_manager_v1 *manager =
			wl_registry_bind(attacker->client.registry, attacker->client.manager_name,
				&guest_scanout_manager_v1_interface, 1);
		guest_scanout_manager_v1_destroy(manager);
	}
	return 400;
}

static unsigned attack_connections(struct attacker *attacker) {
	struct client client;
	if (client_connect(&client, attacker->socket)) {
		client_guest(&client, "another");
		client_sync(&client);
	}
	client_finish(&client);
	return 1;
}

/* Nothing that is against a rule: all of a picture, new with each frame, and scaled. */
static unsigned attack_pictures(struct attacker *attacker) {
	struct feedback feedback;
	wp_viewport_set_source(attacker->viewport, 0, 0,
		wl_fixed_from_int(attacker->width - (int)(attacker->step % 2) - 1),
		wl_fixed_from_int(attacker->height - 1));
	wp_viewport_set_destination(attacker->viewport, attacker->width, attacker->height);
	feedback_create(&feedback, &attacker->client, &attacker->scanout);
	scanout_commit(&attacker->scanout, &attacker->buffer);
	client_wait(&attacker->client, &feedback.answers, 1, TIMEOUT_MS);
	return 5;
}

static const struct attack {
	const char *name;
	unsigned (*step)(struct attacker *attacker); // returns the number of requests
} attacks[] = {
	{"nothing", attack_nothing},
	{"requests", attack_requests},
	{"commits", attack_commits},
	{"damage", attack_damage},
	{"viewports", attack_viewports},
	{"buffers", attack_buffers},
	{"memory", attack_memory},
	{"scanouts", attack_scanouts},
	{"states", attack_states},
	{"titles", attack_titles},
	{"texts", attack_texts},
	{"cursors", attack_cursors},
	{"globals", attack_globals},
	{"connections", attack_connections},
	{"pictures", attack_pictures},
};

static const struct attack *find_attack(const char *name) {
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		if (strcmp(attacks[i].name, name) == 0) {
			return &attacks[i];
		}
	}
	return NULL;
}

static bool start_attacker(struct attacker *attacker) {
	size_t size = ((size_t)attacker->width * attacker->height * 4 + 4095) & ~(size_t)4095;
	if (!client_connect(&attacker->client, attacker->socket)) {
		return false;
	}
	attacker->guest = client_guest(&attacker->client, "attacker");
	guest_v1_set_state(attacker->guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&attacker->scanout, &attacker->client, attacker->guest, 1);
	attacker->viewport =
		wp_viewporter_get_viewport(attacker->client.viewporter, attacker->scanout.surface);
	attacker->cursor = wl_compositor_create_surface(attacker->client.compositor);
	guest_scanout_v1_set_cursor(attacker->scanout.proxy, attacker->cursor, 0, 0);
	if (!blob_create(&attacker->blob, attacker->guest, size)) {
		return false;
	}
	memset(attacker->blob.pixels, 0x44, size);
	buffer_create(&attacker->buffer, &attacker->blob, 1, attacker->width, attacker->height);
	scanout_commit(&attacker->scanout, &attacker->buffer);
	return client_sync(&attacker->client);
}

/* Until it is killed. Counts requests in memory that both processes have. */
static int run_attacker(struct attacker *attacker, const struct attack *attack, uint64_t *n) {
	if (!start_attacker(attacker)) {
		return 1;
	}
	for (;;) {
		*n += attack->step(attacker);
		attacker->step++;
		if (!client_sync(&attacker->client)) {
			fprintf(stderr, "bench-fairness: the attacker was disconnected\n");
			return 1;
		}
	}
}

/* The first client. */

struct victim {
	struct client client;
	struct scanout scanout;
	struct blob blobs[2];
	struct buffer buffers[2];
	uint64_t frame_ns[SAMPLES_MAX], trip_ns[SAMPLES_MAX];
	size_t n_frames, n_trips;
};

static bool start_victim(struct victim *victim, const char *socket, int32_t width, int32_t height) {
	size_t size = ((size_t)width * height * 4 + 4095) & ~(size_t)4095;
	if (!client_connect(&victim->client, socket)) {
		return false;
	}
	struct guest_v1 *guest = client_guest(&victim->client, "victim");
	guest_v1_set_state(guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&victim->scanout, &victim->client, guest, 0);
	for (uint32_t i = 0; i < 2; i++) {
		if (!blob_create(&victim->blobs[i], guest, size)) {
			return false;
		}
		memset(victim->blobs[i].pixels, 0x30 + 0x40 * (int)i, size);
		buffer_create(&victim->buffers[i], &victim->blobs[i], i, width, height);
	}
	scanout_commit(&victim->scanout, &victim->buffers[1]);
	return client_sync(&victim->client);
}

static void handle_done(void *data, struct wl_callback *callback, uint32_t serial) {
	unsigned *done = data;
	*done = 1;
}

static const struct wl_callback_listener done_listener = {.done = handle_done};

static bool make_round_trip(struct victim *victim) {
	unsigned done = 0;
	uint64_t start_ns = run_now_ns();
	struct wl_callback *callback = wl_display_sync(victim->client.display);
	wl_callback_add_listener(callback, &done_listener, &done);
	bool ok = client_wait(&victim->client, &done, 1, TIMEOUT_MS);
	wl_callback_destroy(callback);
	victim->trip_ns[victim->n_trips++] = run_now_ns() - start_ns;
	return ok;
}

/* A small damage: how long a large one takes is no question of fairness. */
static bool show_frame(struct victim *victim) {
	struct feedback feedback;
	struct buffer *buffer = &victim->buffers[victim->n_frames % 2];
	uint64_t start_ns = run_now_ns();
	feedback_create(&feedback, &victim->client, &victim->scanout);
	wl_surface_attach(victim->scanout.surface, buffer->proxy, 0, 0);
	wl_surface_damage_buffer(victim->scanout.surface, 0, 0, 64, 16);
	wl_surface_commit(victim->scanout.surface);
	if (!make_round_trip(victim) ||
		!client_wait(&victim->client, &feedback.answers, 1, TIMEOUT_MS)) {
		return false;
	}
	victim->frame_ns[victim->n_frames++] = run_now_ns() - start_ns;
	return true;
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static double get_part(uint64_t *times, size_t n, double part) {
	qsort(times, n, sizeof(times[0]), compare);
	return n > 0 ? (double)times[(size_t)((double)(n - 1) * part)] / 1000 : 0;
}

static bool run_victim(struct victim *victim, double seconds) {
	/* What is slow once is over. */
	for (unsigned i = 0; i < 30; i++) {
		if (!show_frame(victim)) {
			return false;
		}
	}
	victim->n_frames = victim->n_trips = 0;
	uint64_t start_ns = run_now_ns(), end_ns = start_ns + (uint64_t)(seconds * 1e9);
	while (run_now_ns() < end_ns && victim->n_frames < SAMPLES_MAX) {
		if (!show_frame(victim)) {
			return false;
		}
	}
	double took = (double)(run_now_ns() - start_ns) / 1e9;
	printf("{\"frames\": %.2f, ", (double)victim->n_frames / took);
	static const struct {
		const char *name;
		double part;
	} parts[] = {{"p50", 0.5}, {"p99", 0.99}, {"max", 1}};
	for (size_t i = 0; i < 3; i++) {
		printf("\"frame %s\": %.1f, \"trip %s\": %.1f, ", parts[i].name,
			get_part(victim->frame_ns, victim->n_frames, parts[i].part), parts[i].name,
			get_part(victim->trip_ns, victim->n_trips, parts[i].part));
	}
	return true;
}

static int print_attacks(void) {
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		puts(attacks[i].name);
	}
	return 2;
}

int main(int argc, char **argv) {
	static struct victim victim;
	struct attacker attacker = {0};
	const struct attack *attack = argc == 6 ? find_attack(argv[2]) : NULL;
	if (attack == NULL) {
		return print_attacks();
	}
	int32_t width = atoi(argv[4]), height = atoi(argv[5]);
	uint64_t *n_requests = mmap(NULL, sizeof(*n_requests), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (n_requests == MAP_FAILED || !start_victim(&victim, argv[1], width, height)) {
		fprintf(stderr, "bench-fairness: no compositor at %s\n", argv[1]);
		return 1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		attacker.socket = argv[1];
		attacker.width = width;
		attacker.height = height;
		_exit(run_attacker(&attacker, attack, n_requests));
	}
	bool ok = pid > 0 && run_victim(&victim, atof(argv[3]));
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (ok) {
		printf("\"requests\": %llu}\n", (unsigned long long)*n_requests);
	}
	return !ok;
}

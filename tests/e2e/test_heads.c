/*
 * D6–D8: which guest is on which output, and how large.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/config.h"

static void test_pins(struct host *host) {
	struct vm red, blue;
	config_start(host, 2,
		"guest vm0 {\n scanout 0 HEADLESS-2\n}\nguest vm1 {\n scanout 0 HEADLESS-1\n}\n",
		NULL, NULL);
	vm_start_color(&red, host, 0, RED);
	vm_assert_color(&red, OTHER_OUTPUT, RED);
	vm_assert_status_screen(&red, OUTPUT, RED);
	vm_start_color(&blue, host, 1, BLUE);
	vm_assert_color(&blue, OUTPUT, BLUE);
	vm_assert_color(&red, OTHER_OUTPUT, RED);

	/* One of them goes without a word: the other does not notice, and nothing of it stays. */
	int64_t imports = vm_counter(&blue, "imports");
	host_kill(red.bridge);
	vm_assert_status_screen(&red, OTHER_OUTPUT, RED);
	assert_false(picture_has(&red.picture, BLUE));
	vm_assert_color(&blue, OUTPUT, BLUE);
	vm_show(&blue, 0, 1);
	/* A copy's other half may be new. */
	assert_int_in_range(vm_counter(&blue, "imports"), imports, imports + vm_copies());
	vm_finish(&red);
	vm_finish(&blue);
}

/* A head whose output is not there is disconnected. */
static void test_pin_to_nothing(struct host *host) {
	struct vm vm;
	uint32_t width, height;
	config_start(host, 1, "guest vm0 {\n scanout 0 \"Some Monitor 1\"\n}\n", NULL, NULL);
	vm_start(&vm, host, 0, NULL);
	/* Before the compositor has said so, there is the default mode. */
	uint64_t end = host_now_ms() + WAIT_MS;
	while (vm_display_info(&vm, 0, &width, &height) && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_false(vm_display_info(&vm, 0, &width, &height));
	vm_finish(&vm);
}

static void test_reload(struct host *host) {
	struct vm vm;
	config_start(host, 2, "guest vm0 {\n scanout 0 HEADLESS-1\n}\n", NULL, NULL);
	vm_start_color(&vm, host, 0, RED);
	vm_assert_color(&vm, OUTPUT, RED);

	/* A mistake changes nothing, and is shown. */
	config_reload(host, "guest vm0 {\n scanout 0 HEADLESS-2\n heed 1 HEADLESS-1\n}\n");
	char error[128];
	snprintf(error, sizeof(error), "%s:3: a guest has no setting heed", config_path);
	assert_true(host_wait_string(&host->compositor, "config_error", error, WAIT_MS));
	vm_assert_color(&vm, OUTPUT, RED);

	config_reload(host,
		"guest vm0 {\n scanout 0 HEADLESS-2\n}\noutput HEADLESS-2 {\n mode 800x600\n}\n");
	assert_true(host_wait_number(&host->compositor, "outputs.1.width", 800, WAIT_MS));
	assert_string_equal(host_status_string(&host->compositor, "config_error"), "");
	vm_assert_status_screen(&vm, OUTPUT, RED);
	uint64_t end = host_now_ms() + WAIT_MS;
	uint32_t width = 0, height = 0;
	while (width != 800 && host_now_ms() < end) {
		vm_edid_size(&vm, 0, &width, &height);
	}
	assert_int_equal(width, 800);
	assert_int_equal(height, 600);
	vm_finish(&vm);
}

/* What the small picture of one color covers. */
static void assert_covers(struct vm *vm, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
	struct picture *picture = &vm->picture;
	assert_true(host_wait_pixel(vm->host, OUTPUT, x, y, RED, WAIT_MS, picture));
	assert_true(picture_is(picture, x, y, w, h, RED));
	size_t count = 0;
	for (size_t i = 0; i < (size_t)W * H; i++) {
		count += picture->pixels[i] == RED;
	}
	assert_int_equal(count, (size_t)w * h);
}

static void test_scaling(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	config_start(host, 2, "output HEADLESS-1 {\n scaling integer\n}\n", NULL, NULL);
	vm_start(&vm, host, 0, NULL);
	assert_int_equal(gg_create_blob(&vm.fe, 1, SMALL_W * SMALL_H * 4, &blob), OK);
	gg_fill(blob.pixels, SMALL_W, &(struct gp_rect){0, 0, SMALL_W, SMALL_H}, RED);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, SMALL_W, SMALL_H), OK);
	vm_flush(&vm, 1, 0, 0, SMALL_W, SMALL_H);
	assert_covers(&vm, 20, 40, 600, 400);

	/* A guest's own policy comes before its output's. */
	config_reload(host, "output * {\n scaling fill\n}\nguest vm0 {\n scaling none\n}\n");
	assert_covers(&vm, 170, 140, SMALL_W, SMALL_H);
	config_reload(host, "output * {\n scaling fill\n}\n");
	assert_covers(&vm, 0, 0, W, H);
	/* What is cut off is not seen on the neighbouring output. */
	assert_true(host_grab(host, OTHER_OUTPUT, &vm.picture));
	assert_false(picture_has(&vm.picture, RED));
	config_reload(host, "");
	assert_true(host_wait_not_pixel(host, OUTPUT, W / 2, 26, RED, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 0, 28, W, 424, RED));
	vm_finish(&vm);
}

/* Cut off is what overlaps, and not something else. */
static void test_fill_pattern(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	const uint32_t wide = W + 200;
	config_start(host, 1, "", "--scaling", "fill");
	vm_start(&vm, host, 0, NULL);
	assert_int_equal(gg_create_blob(&vm.fe, 1, wide * H * 4, &blob), OK);
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < wide; x++) {
			blob.pixels[y * wide + x] = vm_pattern(x, y);
		}
	}
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, wide, H), OK);
	vm_flush(&vm, 1, 0, 0, wide, H);
	vm_assert_pattern(&vm, OUTPUT, 100, 0);
	vm_finish(&vm);
}

/* The exit status of wlr-randr; what it says is freed by the next call. */
static int randr(struct host *host, const char *const *args, const char **text) {
	static char *said;
	const char *argv[16] = {"wlr-randr"};
	for (size_t i = 0; args[i] != NULL && i < 14; i++) {
		argv[i + 1] = args[i];
	}
	free(said);
	int status = host_run(host, argv, &said);
	if (text != NULL) {
		*text = said;
	} else if (said != NULL && said[0] != '\0') {
		printf("# %s\n", said);
	}
	return status;
}

/* A line of wlr-randr about an output, such as "Position: 0,0". */
static void assert_head(struct host *host, const char *output, const char *line) {
	const char *text;
	assert_int_equal(randr(host, (const char *[]){NULL}, &text), 0);
	const char *head = strstr(text, output);
	const char *found = head != NULL ? strstr(head, line) : NULL;
	const char *next = head != NULL ? strstr(head + 1, "HEADLESS-") : NULL;
	if (found == NULL || (next != NULL && found > next)) {
		fail_msg("%s: no \"%s\" in: %s", output, line, text);
	}
}

static void assert_sizes(struct host *host, int64_t first, int64_t second) {
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), first);
	assert_int_equal(host_status_number(&host->compositor, "outputs.1.width"), second);
}

/* All heads of a request change, or none. */
static void test_whole(struct host *host) {
	struct vm vm;
	const char *both[] = {"--output", OUTPUT, "--custom-mode", "800x600", "--pos", "0,240",
		"--output", OTHER_OUTPUT, "--custom-mode", "320x240", "--pos", "0,0", NULL};
	const char *scaled[] = {"--output", OUTPUT, "--custom-mode", "800x600", "--output",
		OTHER_OUTPUT, "--scale", "1.5", NULL};
	static const char *const faults[] = {"no-mode-HEADLESS-1", "no-mode-HEADLESS-2"};
	vm_load_faults(host);
	assert_true(host_start_compositor(host, 2, W, H, NULL));
	vm_start_color(&vm, host, 0, RED);
	vm_assert_color(&vm, OUTPUT, RED);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		vm_set_fault(host, faults[i], true);
		assert_int_not_equal(randr(host, both, NULL), 0);
		vm_set_fault(host, faults[i], false);
		assert_sizes(host, W, W);
		assert_head(host, OUTPUT, "Position: 0,0");
		assert_head(host, OTHER_OUTPUT, "Position: 640,0");
	}
	assert_int_not_equal(randr(host, scaled, NULL), 0);
	assert_sizes(host, W, W);
	vm_assert_color(&vm, OUTPUT, RED);

	assert_int_equal(randr(host, both, NULL), 0);
	assert_sizes(host, 800, 320);
	assert_head(host, OUTPUT, "Position: 0,240");
	assert_true(host_wait_pixel(host, OUTPUT, 799, 300, RED, WAIT_MS, &vm.picture));
	vm_finish(&vm);
}

/* Clients place heads by sizes that they compute, and find no gap, and none over another. */
static void test_layout(struct host *host) {
	config_start(host, 2, "output * {\n scale 1.5\n}\n", NULL, NULL);
	assert_head(host, OUTPUT, "Scale: 1.000000");
	assert_head(host, OTHER_OUTPUT, "Position: 640,0");
	assert_int_equal(
		randr(host, (const char *[]){"--output", OTHER_OUTPUT, "--below", OUTPUT, NULL},
			NULL),
		0);
	assert_head(host, OTHER_OUTPUT, "Position: 0,480");
	assert_int_equal(
		randr(host, (const char *[]){"--output", OTHER_OUTPUT, "--right-of", OUTPUT, NULL},
			NULL),
		0);
	assert_head(host, OTHER_OUTPUT, "Position: 640,0");
}

/* It is all that the configuration changes, while frames are on their way. */
static void test_adaptive_sync(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_load_faults(host);
	vm_set_fault(host, "adaptive-sync", true);
	config_start(host, 1, "output * {\n adaptive-sync on\n}\n", NULL, NULL);
	assert_head(host, OUTPUT, "Adaptive Sync: enabled");
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	static const char *const settings[] = {"off", "on"};
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "output * {\n adaptive-sync %s\n}\n", settings[i]);
		config_reload(host, text);
		for (unsigned flips = 0; flips < 20; flips++) {
			vm_show(&vm, 0, 1 + flips % 2);
		}
		assert_head(host, OUTPUT,
			i == 0 ? "Adaptive Sync: disabled" : "Adaptive Sync: enabled");
	}
	vm_assert_color(&vm, OUTPUT, BLUE);
	vm_finish(&vm);
}

/* wlr-randr changes the mode: the guest sees it, and its old picture is scaled meanwhile. */
static void test_randr(struct host *host) {
	struct vm vm;
	char *text;
	vm_start_color(&vm, host, 0, RED);
	vm_assert_color(&vm, OUTPUT, RED);
	assert_int_equal(
		randr(host,
			(const char *[]){"--output", OUTPUT, "--custom-mode", "1024x768@50", NULL},
			NULL),
		0);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), 1024);
	uint64_t end = host_now_ms() + WAIT_MS;
	uint32_t width = 0, height = 0;
	while (width != 1024 && host_now_ms() < end) {
		vm_edid_size(&vm, 0, &width, &height);
	}
	assert_int_equal(width, 1024);
	assert_int_equal(height, 768);
	assert_true(host_wait_pixel(host, OUTPUT, 1023, 767, RED, WAIT_MS, &vm.picture));
	assert_int_equal(vm.picture.width, 1024);

	/* Off and on again: the guest sees its monitor go and come. */
	const char *off[] = {"wlr-randr", "--output", OUTPUT, "--off", NULL};
	const char *on[] = {"wlr-randr", "--output", OUTPUT, "--on", NULL};
	assert_int_equal(host_run(host, off, &text), 0);
	free(text);
	end = host_now_ms() + WAIT_MS;
	while (vm_display_info(&vm, 0, &width, &height) && host_now_ms() < end) {
	}
	assert_false(vm_display_info(&vm, 0, &width, &height));
	assert_true(host_alive(&host->compositor));
	assert_int_equal(host_run(host, on, &text), 0);
	free(text);
	end = host_now_ms() + WAIT_MS;
	while (!vm_display_info(&vm, 0, &width, &height) && host_now_ms() < end) {
	}
	assert_true(vm_display_info(&vm, 0, &width, &height));
	assert_true(host_wait_pixel(host, OUTPUT, 512, 384, RED, WAIT_MS, &vm.picture));
	vm_finish(&vm);
}

/* kanshi does so by itself. It stays, so its end is ours. */
static void test_kanshi(struct host *host) {
	struct vm vm;
	char *text, done[96], profile[96];
	uint32_t width = 0, height = 0;
	vm_start_color(&vm, host, 0, RED);
	snprintf(done, sizeof(done), "%s/done", host->dir);
	snprintf(profile, sizeof(profile), "%s/kanshi", host->dir);
	FILE *file = fopen(profile, "we");
	assert_non_null(file);
	fprintf(file, "profile {\n\toutput %s mode --custom 1024x768@50Hz\n\texec touch %s\n}\n",
		OUTPUT, done);
	assert_int_equal(fclose(file), 0);
	const char *argv[] = {"sh", "-c",
		"kanshi -c \"$1\" & for i in $(seq 100); do [ -e \"$2\" ] && break; sleep 0.1; "
		"done; "
		"kill $!; wait; [ -e \"$2\" ]",
		"sh", profile, done, NULL};
	int status = host_run(host, argv, &text);
	printf("# %s\n", text != NULL ? text : "");
	free(text);
	assert_int_equal(status, 0);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), 1024);
	uint64_t end = host_now_ms() + WAIT_MS;
	while (width != 1024 && host_now_ms() < end) {
		vm_edid_size(&vm, 0, &width, &height);
	}
	assert_int_equal(width, 1024);
	assert_int_equal(height, 768);
	vm_finish(&vm);
}

static void check(struct host *host, const char *text, int wanted, const char *words) {
	char *said;
	config_write(host, text);
	const char *argv[] = {getenv("GUESTPANE"), "--check-config", "--config", config_path, NULL};
	int status = host_run(host, argv, &said);
	if (status != wanted || said == NULL || strstr(said, words) == NULL) {
		fail_msg("%s: status %d, \"%s\"", text, status, said);
	}
	free(said);
}

static void test_check(struct host *host) {
	char *said;
	const char *argv[] = {
		getenv("GUESTPANE"), "--check-config", "--config", getenv("GUESTPANE_CONF"), NULL};
	int status = host_run(host, argv, &said);
	if (status != 0) {
		fail_msg("the example: %s", said);
	}
	free(said);
	check(host, "first vm0\n", 0, "good");
	check(host, "\n\nfrist vm0\n", 2, "test.conf:3: unknown setting frist");
	check(host, "output {", 2, "test.conf: not in scfg's syntax");
}

static const struct host_case cases[] = {
	{"pinned heads", test_pins, 0},
	{"pinned to an output that is not there", test_pin_to_nothing, 0},
	{"reload", test_reload, 0},
	{"scaling", test_scaling, 0},
	{"fill", test_fill_pattern, 0},
	{"request of two heads", test_whole, 0},
	{"layout", test_layout, 0},
	{"adaptive sync", test_adaptive_sync, 0},
	{"wlr-randr", test_randr, 1},
	{"kanshi", test_kanshi, 1},
	{"check-config", test_check, 0},
};

int main(int argc, char **argv) {
	return vm_main("heads", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

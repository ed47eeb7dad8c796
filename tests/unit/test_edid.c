#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/edid.h"

/* A reader of its own, after the standards, that knows nothing of the writer. */

struct timing {
	uint64_t clock_hz;
	uint32_t hactive, hblank, hfront, hsync;
	uint32_t vactive, vblank, vfront, vsync;
	bool preferred;
};

#define EXTRA_MAX 8

struct edid {
	uint8_t bytes[GP_EDID_SIZE_MAX];
	size_t size;
	struct timing base;
	struct timing extra[EXTRA_MAX];
	size_t n_extra;
};

static uint32_t le16(const uint8_t *bytes) {
	return bytes[0] | bytes[1] << 8;
}

static void assert_sum_zero(const uint8_t *bytes, size_t size) {
	uint8_t sum = 0;
	for (size_t i = 0; i < size; i++) {
		sum += bytes[i];
	}
	assert_int_equal(sum, 0);
}

static struct timing read_detailed(const uint8_t *d) {
	assert_true(le16(d) >= 1000); // 10 MHz
	assert_int_equal(d[15] | d[16], 0); // no borders
	assert_int_equal(d[17], 0x1a);
	return (struct timing){
		.clock_hz = UINT64_C(10000) * le16(d),
		.hactive = d[2] | (d[4] >> 4) << 8,
		.hblank = d[3] | (d[4] & 15) << 8,
		.vactive = d[5] | (d[7] >> 4) << 8,
		.vblank = d[6] | (d[7] & 15) << 8,
		.hfront = d[8] | (d[11] >> 6) << 8,
		.hsync = d[9] | (d[11] >> 4 & 3) << 8,
		.vfront = d[10] >> 4 | (d[11] >> 2 & 3) << 4,
		.vsync = (d[10] & 15) | (d[11] & 3) << 4,
	};
}

static struct timing read_type1(const uint8_t *d) {
	assert_true(le16(d + 8) & 0x8000); // +h
	assert_false(le16(d + 16) & 0x8000); // -v
	return (struct timing){
		.clock_hz = UINT64_C(10000) * (1 + (le16(d) | d[2] << 16)),
		.preferred = d[3] & 0x80,
		.hactive = 1 + le16(d + 4),
		.hblank = 1 + le16(d + 6),
		.hfront = 1 + (le16(d + 8) & 0x7fff),
		.hsync = 1 + le16(d + 10),
		.vactive = 1 + le16(d + 12),
		.vblank = 1 + le16(d + 14),
		.vfront = 1 + (le16(d + 16) & 0x7fff),
		.vsync = 1 + le16(d + 18),
	};
}

static void assert_timing_sane(const struct timing *timing) {
	assert_true(timing->hfront + timing->hsync < timing->hblank);
	assert_true(timing->vfront + timing->vsync + 6 <= timing->vblank);
}

static void read_cta(struct edid *edid, const uint8_t *block) {
	assert_int_equal(block[1], 3);
	for (const uint8_t *d = block + block[2]; d + 18 <= block + 127 && le16(d) != 0; d += 18) {
		assert_true(edid->n_extra < EXTRA_MAX);
		edid->extra[edid->n_extra++] = read_detailed(d);
	}
}

static void read_displayid(struct edid *edid, const uint8_t *block) {
	const uint8_t *data = block + 5, *end = data + block[2];
	bool seen[16] = {0};

	assert_int_equal(block[1] >> 4, 1);
	assert_int_equal(block[2], 121);
	assert_sum_zero(block + 1, 5 + 121);
	while (data + 3 <= end && (data[0] != 0 || data[2] != 0)) {
		assert_true(data[0] < 16 && data + 3 + data[2] <= end);
		seen[data[0]] = true;
		for (int i = 0; data[0] == 3 && i < data[2] / 20; i++) {
			assert_true(edid->n_extra < EXTRA_MAX);
			edid->extra[edid->n_extra++] = read_type1(data + 3 + 20 * i);
		}
		data += 3 + data[2];
	}
	assert_true(seen[0] && seen[1] && seen[3] && seen[15]);
}

static void assert_strings_end(const uint8_t *descriptor) {
	bool ended = false;
	for (int i = 5; i < 18; i++) {
		assert_true(ended ? descriptor[i] == ' '
				  : descriptor[i] == '\n' || descriptor[i] >= ' ');
		ended |= descriptor[i] == '\n';
	}
}

static void write_and_read(struct edid *edid, const struct gp_monitor *monitor) {
	static const uint8_t header[] = {0, 255, 255, 255, 255, 255, 255, 0};

	*edid = (struct edid){0};
	memset(edid->bytes, 0xaa, sizeof(edid->bytes)); // what was there does not matter
	edid->size = gp_edid_write(monitor, edid->bytes);
	assert_memory_equal(edid->bytes, header, sizeof(header));
	assert_int_equal(le16(edid->bytes + 18), 0x0401); // version 1.4
	assert_int_equal(edid->size, 128 * (1 + edid->bytes[126]));
	for (size_t i = 0; i < edid->size; i += 128) {
		assert_sum_zero(edid->bytes + i, 128);
	}
	edid->base = read_detailed(edid->bytes + 54);
	assert_timing_sane(&edid->base);
	if (edid->size == 256) {
		const uint8_t *block = edid->bytes + 128;
		assert_true(block[0] == 0x02 || block[0] == 0x70);
		(block[0] == 0x02 ? read_cta : read_displayid)(edid, block);
	}
	for (size_t i = 0; i < edid->n_extra; i++) {
		assert_timing_sane(&edid->extra[i]);
	}
}

/* A monitor with modes up to the first that is all zero. */
static struct gp_monitor monitor_with(const struct gp_mode *modes) {
	struct gp_monitor monitor = {.make = "GPN", .model = "Test"};
	while (modes[monitor.n_modes].width != 0) {
		monitor.modes[monitor.n_modes] = modes[monitor.n_modes];
		monitor.n_modes++;
	}
	return monitor;
}

static struct edid edid_with(const struct gp_mode *modes) {
	struct gp_monitor monitor = monitor_with(modes);
	struct edid edid;
	write_and_read(&edid, &monitor);
	return edid;
}

#define MODES(...) ((const struct gp_mode[]){__VA_ARGS__, {0}})

static bool refresh_within(
	const struct timing *timing, uint32_t refresh_mhz, uint64_t per_million) {
	uint64_t total =
		(uint64_t)(timing->hactive + timing->hblank) * (timing->vactive + timing->vblank);
	int64_t error = (int64_t)(timing->clock_hz * 1000) - (int64_t)(total * refresh_mhz);
	return (uint64_t)(error < 0 ? -error : error) <=
		total * refresh_mhz / 1000000 * per_million;
}

static const struct timing *preferred(const struct edid *edid) {
	bool displayid = edid->size == 256 && edid->bytes[128] == 0x70;
	for (size_t i = 0; i < edid->n_extra; i++) {
		assert_int_equal(edid->extra[i].preferred, displayid && i == 0);
	}
	return displayid ? &edid->extra[0] : &edid->base;
}

static void assert_mode(const struct timing *timing, const struct gp_mode *mode) {
	if (timing->hactive != mode->width || timing->vactive != mode->height ||
		!refresh_within(timing, mode->refresh_mhz, 500)) {
		fail_msg("%ux%u at %lu Hz is not %ux%u at %u mHz", timing->hactive, timing->vactive,
			(unsigned long)timing->clock_hz, mode->width, mode->height,
			mode->refresh_mhz);
	}
}

static void test_preferred(void **state) {
	static const struct {
		struct gp_mode mode;
		size_t size;
	} rows[] = {
		{{640, 480, 60000}, 128},
		{{800, 600, 24000}, 128},
		{{1024, 768, 75000}, 128},
		{{1280, 800, 60000}, 128},
		{{1280, 800, 59810}, 128},
		{{1366, 768, 60000}, 128},
		{{1237, 777, 60000}, 128},
		{{1920, 1080, 23976}, 128},
		{{1920, 1080, 59940}, 128},
		{{1920, 1080, 60000}, 128},
		{{1920, 1080, 144000}, 128},
		{{1920, 1080, 240000}, 128},
		{{1920, 1080, 500000}, 256},
		{{1080, 1920, 60000}, 128},
		{{2560, 1440, 59950}, 128},
		{{3440, 1440, 99982}, 128},
		{{3840, 2160, 60000}, 128},
		{{3840, 2160, 120000}, 256},
		{{4095, 2160, 60000}, 128},
		{{4096, 2160, 60000}, 256},
		{{5120, 1440, 59977}, 256},
		{{7680, 4320, 60000}, 256},
		{{2160, 4096, 30000}, 256},
		{{8192, 8192, 60000}, 256},
		{{320, 200, 60000}, 128}, // needs 10 MHz
		{{64, 64, 60000}, 128},
		{{64, 64, 15000}, 128},
		{{16384, 16384, 60000}, 256},
		{{16384, 64, 1000000}, 256},
		{{64, 16384, 1000000}, 256},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct edid edid = edid_with(MODES(rows[i].mode));
		assert_mode(preferred(&edid), &rows[i].mode);
		assert_int_equal(edid.size, rows[i].size);
	}
}

/* Linux runs its virtual vblank timer at this rate, so every size a window can have counts. */
static void test_refresh_of_every_width(void **state) {
	for (uint32_t width = 64; width < 5000; width += 7) {
		struct gp_mode mode = {width, 64 + width * 10 / 17, 59000 + width};
		struct edid edid = edid_with(MODES(mode));
		assert_mode(preferred(&edid), &mode);
		assert_true(refresh_within(preferred(&edid), mode.refresh_mhz, 100));
	}
}

static void test_reduced_blanking(void **state) {
	static const struct timing rows[] = {
		{138650000, 1920, 160, 48, 32, 1080, 31, 3, 5, false},
		{UINT64_C(1097760000), 3840, 160, 48, 32, 2160, 127, 3, 5, true},
	};
	struct edid edid = edid_with(MODES({1920, 1080, 60000}));
	assert_memory_equal(&edid.base, &rows[0], offsetof(struct timing, preferred));
	edid = edid_with(MODES({3840, 2160, 120000}));
	assert_memory_equal(&edid.extra[0], &rows[1], offsetof(struct timing, preferred));
}

static void test_clamped(void **state) {
	static const struct {
		struct gp_mode in, out;
	} rows[] = {
		{{1280, 800, 0}, {1280, 800, 60000}},
		{{1, 1, 1}, {64, 64, 15000}},
		{{UINT32_MAX, UINT32_MAX, 60000}, {16384, 16384, 60000}},
		{{640, 480, UINT32_MAX}, {640, 480, 1000000}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct edid edid = edid_with(MODES(rows[i].in));
		assert_mode(preferred(&edid), &rows[i].out);
	}
}

/* The base block must have a timing; it must not look better to the guest than the wanted one. */
static void test_base_of_large_mode(void **state) {
	struct edid edid = edid_with(MODES({7680, 4320, 60000}));
	assert_mode(&edid.base, &(struct gp_mode){3840, 2160, 60000});
	assert_int_equal(edid.bytes[24] & 0x02, 0); // not the native one
	edid = edid_with(MODES({1920, 1080, 60000}));
	assert_int_equal(edid.bytes[24] & 0x02, 0x02);
}

static bool has_standard(const struct edid *edid, uint32_t width, uint32_t height, uint32_t hz) {
	static const uint32_t aspects[][2] = {{16, 10}, {4, 3}, {5, 4}, {16, 9}};
	for (const uint8_t *s = edid->bytes + 38; s < edid->bytes + 54; s += 2) {
		const uint32_t *aspect = aspects[s[1] >> 6];
		uint32_t w = (s[0] + 31) * 8;
		if (le16(s) != 0x0101 && w == width && w * aspect[1] / aspect[0] == height &&
			(s[1] & 63) + 60u == hz) {
			return true;
		}
	}
	return false;
}

static int count_standard(const struct edid *edid) {
	int n = 0;
	for (const uint8_t *s = edid->bytes + 38; s < edid->bytes + 54; s += 2) {
		n += le16(s) != 0x0101;
	}
	return n;
}

static void test_single_mode_gets_smaller_ones(void **state) {
	struct edid edid = edid_with(MODES({1280, 800, 60000}));
	assert_int_equal(edid.bytes[35], 0x21); // 640x480, 800x600
	assert_int_equal(edid.bytes[36], 0x08); // 1024x768
	assert_true(has_standard(&edid, 1280, 720, 60));
	assert_int_equal(count_standard(&edid), 1); // not the mode itself, nothing larger

	edid = edid_with(MODES({1920, 1080, 144000}));
	assert_true(has_standard(&edid, 1280, 800, 60));
	assert_true(has_standard(&edid, 1680, 1050, 60));
	assert_false(has_standard(&edid, 1920, 1200, 60));
	assert_int_equal(count_standard(&edid), 8);
}

static void test_further_modes_in_base_block(void **state) {
	struct edid edid = edid_with(MODES({1920, 1080, 60000}, {1024, 768, 75000},
		{1280, 720, 60000}, {1280, 1024, 60020}, {1280, 1024, 75000}));
	assert_int_equal(edid.size, 128);
	assert_int_equal(edid.bytes[35], 0x20);
	assert_int_equal(edid.bytes[36], 0x03);
	assert_true(has_standard(&edid, 1280, 720, 60));
	assert_true(has_standard(&edid, 1280, 1024, 60));
	assert_int_equal(count_standard(&edid), 2);
}

static void test_further_modes_in_cta(void **state) {
	static const struct gp_mode modes[] = {{2560, 1440, 59951}, {1920, 1080, 59940},
		{2560, 1440, 143912}, {1237, 777, 60000}, {0}};
	struct edid edid = edid_with(modes);
	assert_int_equal(edid.bytes[128], 0x02);
	assert_mode(preferred(&edid), &modes[0]);
	assert_int_equal(edid.n_extra, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_mode(&edid.extra[i], &modes[1 + i]);
	}
}

static void test_further_modes_in_displayid(void **state) {
	static const struct gp_mode modes[] = {
		{1920, 1080, 60000}, {7680, 4320, 60000}, {1237, 777, 60000}, {0}};
	struct edid edid = edid_with(modes);
	assert_int_equal(edid.bytes[128], 0x70);
	assert_mode(&edid.base, &modes[0]);
	assert_int_equal(edid.n_extra, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_mode(&edid.extra[i], &modes[i]);
	}
}

/* Sixteen modes that need a detailed timing: as many as fit, and nothing overflows. */
static void test_too_many_modes(void **state) {
	struct gp_monitor monitor = {.n_modes = GP_MONITOR_MODES_MAX};
	struct edid edid;

	for (uint32_t i = 0; i < GP_MONITOR_MODES_MAX; i++) {
		monitor.modes[i] = (struct gp_mode){1000 + i, 700, 60000};
	}
	write_and_read(&edid, &monitor);
	assert_int_equal(edid.n_extra, 6);
	monitor.modes[0].width = 5000;
	write_and_read(&edid, &monitor);
	assert_int_equal(edid.n_extra, 3);
	assert_mode(&edid.extra[2], &monitor.modes[2]);
}

/* When the eight standard timings are used up the next one is a detailed timing. */
static void test_too_many_standard_modes(void **state) {
	struct edid edid = edid_with(MODES({3840, 2160, 60000}, {1280, 720, 60000},
		{1280, 800, 60000}, {1600, 900, 60000}, {1280, 1024, 60000}, {1440, 900, 60000},
		{1680, 1050, 60000}, {1920, 1080, 60000}, {1920, 1200, 60000},
		{1600, 1200, 60000}));
	assert_int_equal(count_standard(&edid), 8);
	assert_int_equal(edid.n_extra, 1);
	assert_mode(&edid.extra[0], &(struct gp_mode){1600, 1200, 60000});
}

static void test_physical_size(void **state) {
	static const struct {
		uint32_t width_mm, height_mm, detailed_width, detailed_height, width_cm, height_cm;
	} rows[] = {
		{597, 336, 597, 336, 60, 34},
		{0, 0, 508, 285, 51, 29}, // 96 dpi
		{597, 0, 508, 285, 51, 29},
		{2550, 1440, 2550, 1440, 255, 144},
		{2551, 1440, 0, 0, 0, 0}, // cannot be written
		{UINT32_MAX, UINT32_MAX, 0, 0, 0, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_monitor monitor = monitor_with(MODES({1920, 1080, 60000}));
		struct edid edid;
		monitor.width_mm = rows[i].width_mm;
		monitor.height_mm = rows[i].height_mm;
		write_and_read(&edid, &monitor);
		const uint8_t *d = edid.bytes + 54;
		assert_int_equal(d[12] | (d[14] >> 4) << 8, rows[i].detailed_width);
		assert_int_equal(d[13] | (d[14] & 15) << 8, rows[i].detailed_height);
		assert_int_equal(edid.bytes[21], rows[i].width_cm);
		assert_int_equal(edid.bytes[22], rows[i].height_cm);
	}
}

static void test_identity(void **state) {
	static const struct {
		const char *make, *model, *serial;
		const char *id, *name, *shown_serial; // NULL: no descriptor
	} rows[] = {
		{"DEL", "U2720Q", "ABC123", "DEL", "U2720Q\n      ", "ABC123\n      "},
		{"Dell Inc.", "U2720Q", "", "GPN", "U2720Q\n      ", NULL},
		{"Dell Inc.", "", "", "GPN", "Dell Inc.\n   ", NULL},
		{"", "", "", "GPN", "Guestpane\n   ", NULL},
		{"del", "exactly 13 ch", "1", "GPN", "exactly 13 ch", "1\n           "},
		{"DE1", "fourteen chars", "", "GPN", "fourteen char", NULL},
		{"DELL", "a\nb\xff", "", "GPN", "a?b?\n        ", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_monitor monitor = monitor_with(MODES({1920, 1080, 60000}));
		struct edid edid;
		snprintf(monitor.make, sizeof(monitor.make), "%s", rows[i].make);
		snprintf(monitor.model, sizeof(monitor.model), "%s", rows[i].model);
		snprintf(monitor.serial, sizeof(monitor.serial), "%s", rows[i].serial);
		write_and_read(&edid, &monitor);
		uint32_t bits = edid.bytes[8] << 8 | edid.bytes[9];
		char id[] = {'@' + (bits >> 10 & 31), '@' + (bits >> 5 & 31), '@' + (bits & 31), 0};
		assert_string_equal(id, rows[i].id);
		assert_int_equal(edid.bytes[93], 0xfc);
		assert_memory_equal(edid.bytes + 95, rows[i].name, 13);
		assert_strings_end(edid.bytes + 90);
		assert_int_equal(edid.bytes[111], rows[i].shown_serial != NULL ? 0xff : 0x10);
		if (rows[i].shown_serial != NULL) {
			assert_memory_equal(edid.bytes + 113, rows[i].shown_serial, 13);
		}
	}
}

static void test_range_limits(void **state) {
	static const struct {
		struct gp_mode mode;
		uint8_t tag, offsets, min_v, max_v, min_h, max_h, max_clock;
	} rows[] = {
		{{1280, 800, 60000}, 0xfd, 0, 56, 76, 30, 84, 20},
		{{800, 600, 24000}, 0xfd, 0, 23, 76, 14, 84, 20},
		{{1920, 1080, 144000}, 0xfd, 0, 56, 144, 30, 167, 35},
		{{640, 480, 300000}, 0xfd, 0x02, 56, 300 - 255, 30, 168, 20},
		{{7680, 4320, 60000}, 0xfd, 0x08, 56, 76, 30, 267 - 255, 209},
		{{7680, 4320, 120000}, 0x10, 0, 0, 0, 0, 0, 0}, // cannot be written
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct edid edid = edid_with(MODES(rows[i].mode));
		assert_memory_equal(&edid.bytes[75], &rows[i].tag, 2);
		if (rows[i].tag == 0xfd) {
			assert_memory_equal(&edid.bytes[77], &rows[i].min_v, 5);
			assert_memory_equal(&edid.bytes[82], "\x01\n      ", 8);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preferred),
		cmocka_unit_test(test_refresh_of_every_width),
		cmocka_unit_test(test_reduced_blanking),
		cmocka_unit_test(test_clamped),
		cmocka_unit_test(test_base_of_large_mode),
		cmocka_unit_test(test_single_mode_gets_smaller_ones),
		cmocka_unit_test(test_further_modes_in_base_block),
		cmocka_unit_test(test_further_modes_in_cta),
		cmocka_unit_test(test_further_modes_in_displayid),
		cmocka_unit_test(test_too_many_modes),
		cmocka_unit_test(test_too_many_standard_modes),
		cmocka_unit_test(test_physical_size),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_range_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

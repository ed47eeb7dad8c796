#include "common/edid.h"

#include <stdbool.h>
#include <string.h>

#include "common/limits.h"
#include "common/timing.h"

/*
 * Offsets and codes are those of VESA E-EDID 1.4 (base block) and VESA DisplayID 1.3 (extension
 * block). Both count pixel clocks in 10 kHz.
 */

#define PRODUCT_CODE 1
#define YEAR 2026
#define GAMMA (220 - 100) // 2.2

#define BLOCK_SIZE 128
#define DESCRIPTOR_SIZE 18
#define DESCRIPTOR_TEXT_MAX 13
#define STANDARD_MAX 8

#define CTA_TIMINGS_MAX 6
#define SECTION_DATA_SIZE 121
#define SECTION_TIMING_SIZE 20
#define SECTION_TIMINGS_MAX 3 // one of them is the preferred timing

#define SIZE_MIN 64
#define TIMING_MIN_MHZ 15000

/**
 * Modes that the base block can name in a bit or two bytes, in order of preference. All of them
 * are in VESA DMT, since guests ignore standard timings that are not.
 */
static const struct known_mode {
	uint32_t width, height, refresh_hz;
	uint8_t offset, bit; // of the established timing; offset 0: none, a standard timing
} known_modes[] = {
	{640, 480, 60, 0x23, 5},
	{800, 600, 60, 0x23, 0},
	{1024, 768, 60, 0x24, 3},
	{640, 480, 75, 0x23, 2},
	{800, 600, 75, 0x24, 6},
	{1024, 768, 75, 0x24, 1},
	{1280, 1024, 75, 0x24, 0},
	{1920, 1080, 60, 0, 0},
	{1280, 720, 60, 0, 0},
	{1280, 800, 60, 0, 0},
	{1600, 900, 60, 0, 0},
	{1280, 1024, 60, 0, 0},
	{1440, 900, 60, 0, 0},
	{1680, 1050, 60, 0, 0},
	{1920, 1200, 60, 0, 0},
	{1600, 1200, 60, 0, 0},
	{1280, 960, 60, 0, 0},
	{1400, 1050, 60, 0, 0},
	{2048, 1152, 60, 0, 0},
};

#define N_KNOWN_MODES (sizeof(known_modes) / sizeof(known_modes[0]))

/* Range limits of the known modes: Hz, kHz and 10 MHz; timings widen them. */
struct range_limits {
	uint32_t min_v, max_v, min_h, max_h, max_clock;
};

static const struct range_limits known_range = {56, 76, 30, 84, 20};

struct writer {
	uint8_t *out;
	const char *pnp_id;
	uint32_t width_mm, height_mm;
	size_t n_standard;
	struct gp_timing preferred;
	struct gp_timing
		base; // in the base block: the preferred timing or, if it is too large, another
	struct gp_timing extra[CTA_TIMINGS_MAX]; // in the extension block
	size_t n_extra;
};

static uint32_t clamp(uint32_t value, uint32_t min, uint32_t max) {
	return value < min ? min : value > max ? max : value;
}

static uint32_t min_u32(uint32_t a, uint32_t b) {
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b) {
	return a > b ? a : b;
}

static void put_le16(uint8_t *out, uint32_t value) {
	out[0] = value;
	out[1] = value >> 8;
}

/* Two 12-bit values: low bytes, then both upper nibbles in one byte. */
static void put_12bit_pair(uint8_t *out, uint32_t a, uint32_t b) {
	out[0] = a;
	out[1] = b;
	out[2] = (a >> 8) << 4 | b >> 8;
}

/* The byte that makes the sum of all bytes zero. */
static uint8_t checksum(const uint8_t *bytes, size_t size) {
	uint8_t sum = 0;
	for (size_t i = 0; i < size; i++) {
		sum += bytes[i];
	}
	return -sum;
}

static struct gp_mode sane_mode(const struct gp_mode *mode) {
	uint32_t refresh_mhz = mode->refresh_mhz != 0 ? mode->refresh_mhz : GP_REFRESH_DEFAULT_MHZ;
	return (struct gp_mode){
		.width = clamp(mode->width, SIZE_MIN, GP_DIMENSION_MAX),
		.height = clamp(mode->height, SIZE_MIN, GP_DIMENSION_MAX),
		.refresh_mhz = clamp(refresh_mhz, TIMING_MIN_MHZ, GP_REFRESH_MAX_MHZ),
	};
}

static bool fits_descriptor(const struct gp_timing *timing) {
	return timing->clock <= UINT16_MAX && timing->hactive <= 4095 && timing->vactive <= 4095 &&
		timing->vblank <= 4095;
}

/* The mode, at half its size as often as it takes to fit into a detailed timing descriptor. */
static struct gp_timing base_timing(struct gp_mode mode) {
	struct gp_timing timing = gp_timing_from_mode(&mode);
	while (!fits_descriptor(&timing)) {
		mode.width /= 2;
		mode.height /= 2;
		timing = gp_timing_from_mode(&mode);
	}
	return timing;
}

static void put_detailed_timing(
	uint8_t *out, const struct writer *writer, const struct gp_timing *timing) {
	put_le16(out, timing->clock);
	put_12bit_pair(out + 2, timing->hactive, timing->hblank);
	put_12bit_pair(out + 5, timing->vactive, timing->vblank);
	out[8] = GP_TIMING_HFRONT;
	out[9] = GP_TIMING_HSYNC;
	out[10] = GP_TIMING_VFRONT << 4 | timing->vsync;
	put_12bit_pair(out + 12, writer->width_mm, writer->height_mm);
	out[17] = 0x1a; // separate digital sync, +h -v
}

static void put_text_descriptor(uint8_t *out, uint8_t tag, const char *text) {
	size_t n = 0;
	out[3] = tag;
	memset(out + 5, ' ', DESCRIPTOR_TEXT_MAX);
	for (; text[n] != '\0' && n < DESCRIPTOR_TEXT_MAX; n++) {
		out[5 + n] = text[n] >= 0x20 && text[n] <= 0x7e ? text[n] : '?';
	}
	if (n < DESCRIPTOR_TEXT_MAX) {
		out[5 + n] = '\n';
	}
}

static void put_dummy_descriptor(uint8_t *out) {
	out[3] = 0x10;
}

static void range_add(struct range_limits *range, const struct gp_timing *timing) {
	uint64_t hz = (uint64_t)timing->clock * 10000;
	uint32_t htotal = timing->hactive + timing->hblank;
	uint64_t total = (uint64_t)htotal * (timing->vactive + timing->vblank);

	range->min_v = max_u32(1, min_u32(range->min_v, hz / total));
	range->max_v = max_u32(range->max_v, (hz + total - 1) / total);
	range->min_h = max_u32(1, min_u32(range->min_h, hz / htotal / 1000));
	range->max_h = max_u32(range->max_h, hz / htotal / 1000 + 1);
	range->max_clock = max_u32(range->max_clock, (timing->clock + 999) / 1000);
}

/* Maxima over 255 are written as an excess; without room for that there is no descriptor. */
static void put_range_descriptor(uint8_t *out, const struct range_limits *range) {
	if (range->max_v > 510 || range->max_h > 510 || range->max_clock > 255) {
		put_dummy_descriptor(out);
		return;
	}
	bool excess_v = range->max_v > 255, excess_h = range->max_h > 255;
	out[3] = 0xfd;
	out[4] = (excess_v ? 0x02 : 0) | (excess_h ? 0x08 : 0);
	out[5] = range->min_v;
	out[6] = range->max_v - (excess_v ? 255 : 0);
	out[7] = range->min_h;
	out[8] = range->max_h - (excess_h ? 255 : 0);
	out[9] = range->max_clock;
	out[10] = 0x01; // limits only, no formula
	out[11] = '\n';
	memset(out + 12, ' ', 6);
}

static void put_descriptors(struct writer *writer, const struct gp_monitor *monitor) {
	uint8_t *out = writer->out + 0x36;
	struct range_limits range = known_range;
	const char *name = monitor->model[0] != '\0' ? monitor->model : monitor->make;

	range_add(&range, &writer->base);
	range_add(&range, &writer->preferred);
	for (size_t i = 0; i < writer->n_extra; i++) {
		range_add(&range, &writer->extra[i]);
	}
	put_detailed_timing(out, writer, &writer->base);
	put_range_descriptor(out + DESCRIPTOR_SIZE, &range);
	put_text_descriptor(
		out + (size_t)2 * DESCRIPTOR_SIZE, 0xfc, name[0] != '\0' ? name : "Guestpane");
	if (monitor->serial[0] != '\0') {
		put_text_descriptor(out + (size_t)3 * DESCRIPTOR_SIZE, 0xff, monitor->serial);
	} else {
		put_dummy_descriptor(out + (size_t)3 * DESCRIPTOR_SIZE);
	}
}

/* Width in units of 8 pixels from 256 on, aspect ratio, refresh from 60 Hz on. */
static void put_standard_timing(uint8_t *out, const struct known_mode *mode) {
	static const struct {
		uint32_t x, y;
	} aspects[] = {{16, 10}, {4, 3}, {5, 4}, {16, 9}};
	uint8_t aspect = 0;

	while (mode->width * aspects[aspect].y != mode->height * aspects[aspect].x) {
		aspect++;
	}
	out[0] = mode->width / 8 - 31;
	out[1] = aspect << 6 | (mode->refresh_hz - 60);
}

static bool add_known_mode(struct writer *writer, const struct known_mode *mode) {
	if (mode->offset != 0) {
		writer->out[mode->offset] |= 1 << mode->bit;
		return true;
	}
	if (writer->n_standard == STANDARD_MAX) {
		return false;
	}
	put_standard_timing(writer->out + 0x26 + 2 * writer->n_standard, mode);
	writer->n_standard++;
	return true;
}

static const struct known_mode *find_known_mode(const struct gp_mode *mode) {
	for (size_t i = 0; i < N_KNOWN_MODES; i++) {
		const struct known_mode *known = &known_modes[i];
		uint32_t known_mhz = known->refresh_hz * 1000;
		uint32_t tolerance = known_mhz / 2000;
		if (known->width == mode->width && known->height == mode->height &&
			mode->refresh_mhz >= known_mhz - tolerance &&
			mode->refresh_mhz <= known_mhz + tolerance) {
			return known;
		}
	}
	return NULL;
}

static void add_further_mode(struct writer *writer, const struct gp_mode *mode) {
	const struct known_mode *known = find_known_mode(mode);
	if (known != NULL && add_known_mode(writer, known)) {
		return;
	}
	if (writer->n_extra < CTA_TIMINGS_MAX) {
		writer->extra[writer->n_extra++] = gp_timing_from_mode(mode);
	}
}

static void add_smaller_modes(struct writer *writer, const struct gp_mode *mode) {
	for (size_t i = 0; i < N_KNOWN_MODES; i++) {
		const struct known_mode *known = &known_modes[i];
		bool same = known->width == mode->width && known->height == mode->height;
		if (known->refresh_hz == 60 && known->width <= mode->width &&
			known->height <= mode->height && !same) {
			add_known_mode(writer, known);
		}
	}
}

static void add_modes(struct writer *writer, const struct gp_monitor *monitor) {
	struct gp_mode preferred = sane_mode(&monitor->modes[0]);

	writer->preferred = gp_timing_from_mode(&preferred);
	writer->base = base_timing(preferred);
	add_known_mode(writer, &known_modes[0]); // every monitor has to have 640x480
	for (size_t i = 1; i < monitor->n_modes; i++) {
		struct gp_mode mode = sane_mode(&monitor->modes[i]);
		add_further_mode(writer, &mode);
	}
	if (monitor->n_modes == 1) {
		add_smaller_modes(writer, &preferred);
	}
}

/* An unknown size follows from 96 dpi; one that is too large for the block stays 0, "unknown". */
static void set_physical_size(struct writer *writer, const struct gp_monitor *monitor) {
	uint32_t width_mm = monitor->width_mm, height_mm = monitor->height_mm;

	if (width_mm == 0 || height_mm == 0) {
		width_mm = writer->preferred.hactive * 254 / 960;
		height_mm = writer->preferred.vactive * 254 / 960;
	}
	if (width_mm <= 2550 && height_mm <= 2550) {
		writer->width_mm = width_mm;
		writer->height_mm = height_mm;
	}
}

static const char *pnp_id(const char *make) {
	bool valid = strlen(make) == 3 && strspn(make, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
	return valid ? make : "GPN";
}

/* Three letters of five bits each. */
static void put_vendor(uint8_t *out, const char *id) {
	uint32_t bits = (id[0] - '@') << 10 | (id[1] - '@') << 5 | (id[2] - '@');
	out[0] = bits >> 8;
	out[1] = bits;
}

static bool has_extension(const struct writer *writer) {
	return writer->n_extra > 0 || !fits_descriptor(&writer->preferred);
}

static void put_base_block(struct writer *writer, const struct gp_monitor *monitor) {
	static const uint8_t header[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
	static const uint8_t srgb[10] = {
		0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
	uint8_t *out = writer->out;

	memcpy(out, header, sizeof(header));
	put_vendor(out + 0x08, writer->pnp_id);
	out[0x0a] = PRODUCT_CODE;
	out[0x11] = YEAR - 1990;
	out[0x12] = 1; // EDID 1.4
	out[0x13] = 4;
	out[0x14] = 0xa0; // digital, 8 bits per colour, no certain interface
	out[0x15] = (writer->width_mm + 5) / 10;
	out[0x16] = (writer->height_mm + 5) / 10;
	out[0x17] = GAMMA;
	out[0x18] = 0x04; // sRGB
	if (fits_descriptor(&writer->preferred)) {
		out[0x18] |= 0x02; // the first timing is the native one
	}
	memcpy(out + 0x19, srgb, sizeof(srgb));
	memset(out + 0x26 + 2 * writer->n_standard, 1, 2 * (STANDARD_MAX - writer->n_standard));
	put_descriptors(writer, monitor);
	out[0x7e] = has_extension(writer);
	out[0x7f] = checksum(out, 0x7f);
}

/* Values are stored less one. */
static void put_type1_timing(uint8_t *out, const struct gp_timing *timing, bool preferred) {
	uint32_t clock = timing->clock - 1;
	put_le16(out, clock);
	out[2] = clock >> 16;
	out[3] = 0x08 | (preferred ? 0x80 : 0); // no aspect ratio
	put_le16(out + 4, timing->hactive - 1);
	put_le16(out + 6, timing->hblank - 1);
	put_le16(out + 8, (GP_TIMING_HFRONT - 1) | 0x8000); // positive sync
	put_le16(out + 10, GP_TIMING_HSYNC - 1);
	put_le16(out + 12, timing->vactive - 1);
	put_le16(out + 14, timing->vblank - 1);
	put_le16(out + 16, GP_TIMING_VFRONT - 1);
	put_le16(out + 18, timing->vsync - 1);
}

/* The three data blocks that a section must have besides its timings. Returns their end. */
static uint8_t *put_section_identity(uint8_t *out, const struct writer *writer) {
	static const uint8_t product[15] = {0x00, 0, 12, [6] = PRODUCT_CODE, [13] = YEAR - 2000};
	static const uint8_t parameters[15] = {
		0x01, 0, 12, [12] = GAMMA, [14] = 0x77}; // 8 bits per colour
	static const uint8_t interface[13] = {
		0x0f, 0, 10, 0xb1, [5] = 0x02}; // one proprietary link, RGB of 8 bits
	const struct gp_timing *timing = &writer->preferred;

	memcpy(out, product, sizeof(product));
	memcpy(out + 3, writer->pnp_id, 3);
	out += sizeof(product);
	memcpy(out, parameters, sizeof(parameters));
	put_le16(out + 3, writer->width_mm * 10);
	put_le16(out + 5, writer->height_mm * 10);
	put_le16(out + 7, timing->hactive);
	put_le16(out + 9, timing->vactive);
	out[13] = clamp(100 * timing->hactive / timing->vactive, 100, 355) - 100; // aspect ratio
	out += sizeof(parameters);
	memcpy(out, interface, sizeof(interface));
	return out + sizeof(interface);
}

/* A DisplayID section in the wrapping of an EDID extension. */
static void put_displayid_block(uint8_t *out, const struct writer *writer) {
	size_t n_extra = min_u32(writer->n_extra, SECTION_TIMINGS_MAX - 1);

	out[0] = 0x70;
	out[1] = 0x13; // DisplayID 1.3
	out[2] = SECTION_DATA_SIZE;
	out[3] = 3; // a monitor of its own
	uint8_t *block = put_section_identity(out + 5, writer);
	block[0] = 0x03; // type I timings
	block[2] = SECTION_TIMING_SIZE * (1 + n_extra);
	block += 3;
	put_type1_timing(block, &writer->preferred, true);
	for (size_t i = 0; i < n_extra; i++) {
		block += SECTION_TIMING_SIZE;
		put_type1_timing(block, &writer->extra[i], false);
	}
	out[0x7e] = checksum(out + 1, 0x7d);
}

/* CTA-861 revision 3, not overscanned; its one data block says that RGB is of full range. */
static void put_cta_block(uint8_t *out, const struct writer *writer) {
	static const uint8_t head[] = {0x02, 3, 7, 0x80, 0xe2, 0x00, 0x4a};

	memcpy(out, head, sizeof(head));
	for (size_t i = 0; i < writer->n_extra; i++) {
		put_detailed_timing(
			out + sizeof(head) + DESCRIPTOR_SIZE * i, writer, &writer->extra[i]);
	}
}

/* CTA-861 is understood by more guests, DisplayID holds every timing. */
static void put_extension_block(struct writer *writer) {
	uint8_t *out = writer->out + BLOCK_SIZE;
	bool fits = fits_descriptor(&writer->preferred);
	for (size_t i = 0; i < writer->n_extra; i++) {
		fits = fits && fits_descriptor(&writer->extra[i]);
	}
	if (fits) {
		put_cta_block(out, writer);
	} else {
		put_displayid_block(out, writer);
	}
	out[0x7f] = checksum(out, 0x7f);
}

size_t gp_edid_write(const struct gp_monitor *monitor, uint8_t out[GP_EDID_SIZE_MAX]) {
	struct writer writer = {
		.out = out,
		.pnp_id = pnp_id(monitor->make),
	};

	memset(out, 0, GP_EDID_SIZE_MAX);
	add_modes(&writer, monitor);
	set_physical_size(&writer, monitor);
	put_base_block(&writer, monitor);
	if (!has_extension(&writer)) {
		return BLOCK_SIZE;
	}
	put_extension_block(&writer);
	return 2 * BLOCK_SIZE;
}

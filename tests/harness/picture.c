#include "tests/harness/picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/harness/host.h"

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
		program_complain("%s: not a picture", path);
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
		program_complain("grim failed: %s", text ? text : "");
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
			program_complain("%s: pixel %u, %u is %06x; wanted %s%06x", output, x, y,
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
				program_complain("pixel %u, %u is %06x, not %06x", column, row,
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

#ifndef GP_TESTS_HARNESS_PICTURE_H
#define GP_TESTS_HARNESS_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

struct host;

struct picture {
	uint32_t width, height;
	uint32_t *pixels; // 0x00RRGGBB, packed; picture_finish frees it
};

/* Grabs an output ("HEADLESS-1") by grim. */
bool host_grab(struct host *host, const char *output, struct picture *picture);
/* Grabs until the pixel at x, y has the color, or timeout_ms pass; the last picture stays. */
bool host_wait_pixel(struct host *host, const char *output, uint32_t x, uint32_t y, uint32_t color,
	int timeout_ms, struct picture *picture);
/* The same until it has another color. */
bool host_wait_not_pixel(struct host *host, const char *output, uint32_t x, uint32_t y,
	uint32_t color, int timeout_ms, struct picture *picture);
/* Reads a PPM of 8 bits. */
bool picture_read(struct picture *picture, const char *path);
void picture_finish(struct picture *picture);
uint32_t picture_at(const struct picture *picture, uint32_t x, uint32_t y);
/* Whether all pixels of a rectangle have the color; the first that has not is told. */
bool picture_is(const struct picture *picture, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
	uint32_t color);
/* Whether all pixels have one color. */
bool picture_is_flat(const struct picture *picture);
/* Whether any pixel has the color. */
bool picture_has(const struct picture *picture, uint32_t color);

#endif

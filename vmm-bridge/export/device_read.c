#include "vmm-bridge/export/device_read.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

#include <smmintrin.h>

#define LINE 64 // bytes of a streaming load buffer

/* in is aligned to 16 bytes, lines counts pieces of 64 bytes. */
__attribute__((target("sse4.1"))) static void read_lines(
	uint8_t *out, const uint8_t *in, size_t lines) {
	for (; lines > 0; lines--, in += LINE, out += LINE) {
		/* The intrinsic takes a pointer to non-const, but only reads. */
		__m128i *from = (__m128i *)(uintptr_t)in;
		__m128i a = _mm_stream_load_si128(from), b = _mm_stream_load_si128(from + 1);
		__m128i c = _mm_stream_load_si128(from + 2), d = _mm_stream_load_si128(from + 3);
		_mm_storeu_si128((__m128i *)out, a);
		_mm_storeu_si128((__m128i *)out + 1, b);
		_mm_storeu_si128((__m128i *)out + 2, c);
		_mm_storeu_si128((__m128i *)out + 3, d);
	}
}

bool gp_device_read_streams(void) {
	return __builtin_cpu_supports("sse4.1");
}

void gp_device_read(void *out, const void *in, size_t size) {
	uint8_t *to = out;
	const uint8_t *from = in;
	size_t head = -(uintptr_t)from % LINE;
	if (!gp_device_read_streams() || size < head + LINE) {
		memcpy(to, from, size);
		return;
	}
	memcpy(to, from, head);
	size_t lines = (size - head) / LINE;
	read_lines(to + head, from + head, lines);
	size_t done = head + lines * LINE;
	memcpy(to + done, from + done, size - done);
}

#else

bool gp_device_read_streams(void) {
	return false;
}

void gp_device_read(void *out, const void *in, size_t size) {
	memcpy(out, in, size);
}

#endif

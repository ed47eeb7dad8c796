#include "compositor/guest/text.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>

/* Reads one code point and moves *text behind it. Returns UINT32_MAX if it is not valid. */
static uint32_t next_code_point(const unsigned char **text) {
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *byte = *text;
	size_t n_more = 0;
	uint32_t point = *byte;

	if (point >= 0xf0 && point <= 0xf4) {
		n_more = 3;
		point &= 0x07;
	} else if (point >= 0xe0 && point < 0xf0) {
		n_more = 2;
		point &= 0x0f;
	} else if (point >= 0xc2 && point < 0xe0) {
		n_more = 1;
		point &= 0x1f;
	} else if (point >= 0x80) {
		return UINT32_MAX;
	}

	for (size_t i = 1; i <= n_more; i++) {
		if ((byte[i] & 0xc0) != 0x80) {
			return UINT32_MAX;
		}
		point = point << 6 | (byte[i] & 0x3f);
	}
	if (point < least[n_more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
		return UINT32_MAX;
	}
	*text = byte + 1 + n_more;
	return point;
}

static bool is_control(uint32_t point) {
	return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

static bool check_text(const char *text, bool allow_control) {
	const unsigned char *at = (const unsigned char *)text;
	while (*at != '\0') {
		uint32_t point = next_code_point(&at);
		if (point == UINT32_MAX || (!allow_control && is_control(point))) {
			return false;
		}
	}
	return true;
}

bool gp_text_is_utf8(const char *text) {
	return check_text(text, true);
}

bool gp_text_is_printable(const char *text) {
	return check_text(text, false);
}

static size_t count_hex(const char *text) {
	size_t n = 0;
	while (isxdigit((unsigned char)text[n])) {
		n++;
	}
	return n;
}

bool gp_text_is_pci_address(const char *text) {
	/* Intel's VMD has domains above ffff. */
	size_t n = count_hex(text);
	if (n < 4 || n > 8 || text[n] != ':') {
		return false;
	}
	text += n + 1;
	if (count_hex(text) != 2 || text[2] != ':') {
		return false;
	}
	text += 3;
	if (count_hex(text) != 2 || text[0] > '1' || text[2] != '.') {
		return false;
	}
	text += 3;
	return text[0] >= '0' && text[0] <= '7' && text[1] == '\0';
}

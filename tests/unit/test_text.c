/* Strings that clients send. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/guest/text.h"

static void test_utf8(void **state) {
	static const struct {
		const char *text;
		bool utf8, printable;
	} rows[] = {
		{"", true, true},
		{"plain", true, true},
		{"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x96\xa5", true, true}, // ä, €, a screen
		{"\xf4\x8f\xbf\xbf", true, true}, // U+10FFFF
		{"\xef\xbf\xbf", true, true}, // U+FFFF
		{"tab\t", true, false},
		{"\x1b[2J", true, false},
		{"\x7f", true, false},
		{"\xc2\x80", true, false}, // C1
		{"\xc2\x9f", true, false},
		{"\xc2\xa0", true, true},
		{"\x80", false, false}, // continuation alone
		{"\xc3", false, false}, // cut off
		{"\xe2\x82", false, false},
		{"\xf0\x9f\x96", false, false},
		{"\xc3(", false, false},
		{"\xe2\x82(", false, false},
		{"\xc0\xaf", false, false}, // overlong
		{"\xc1\xbf", false, false},
		{"\xe0\x9f\xbf", false, false},
		{"\xf0\x8f\xbf\xbf", false, false},
		{"\xed\xa0\x80", false, false}, // surrogates
		{"\xed\xbf\xbf", false, false},
		{"\xf4\x90\x80\x80", false, false}, // beyond U+10FFFF
		{"\xf5\x80\x80\x80", false, false},
		{"\xff", false, false},
		{"good \xc3", false, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (gp_text_is_utf8(rows[i].text) != rows[i].utf8 ||
			gp_text_is_printable(rows[i].text) != rows[i].printable) {
			fail_msg("case %zu", i);
		}
	}
}

static void test_pci_address(void **state) {
	static const char *const good[] = {"0000:03:00.1", "0000:00:00.0", "ffff:FF:1f.7",
		"10000:e1:00.0", "ffffffff:00:00.0"};
	static const char *const bad[] = {"", "03:00.1", "000:03:00.1", "123456789:03:00.1",
		"0000:03:00", "0000:03:00.", "0000:03:00.8", "0000:03:20.0", "0000:03:00.1 ",
		"0000:03:00.11", "0000:3:00.1", "0000:003:00.1", "0000:03:0.1", "0000.03:00.1",
		"0000:03.00.1", "0000:03:00:1", "000g:03:00.1", " 0000:03:00.1", "0000:03:0g.1"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!gp_text_is_pci_address(good[i])) {
			fail_msg("%s is one", good[i]);
		}
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (gp_text_is_pci_address(bad[i])) {
			fail_msg("%s is none", bad[i]);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_pci_address),
	};
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

/* A fake seat that obeys lines on its input, and answers each with "ok":
 *
 *     key CODE 0|1      button CODE 0|1      point X Y WIDTH HEIGHT      move DX DY
 *     scroll 0|1 WAY STEPS      (1: horizontal)
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/harness/fake_seat.h"

static bool obey(struct fake_seat *seat, const char *line) {
	uint32_t a, b, c, d;
	int32_t steps;
	double x, y;
	if (sscanf(line, "key %" SCNu32 " %" SCNu32, &a, &b) == 2) {
		return fake_seat_key(seat, a, b != 0);
	}
	if (sscanf(line, "button %" SCNu32 " %" SCNu32, &a, &b) == 2) {
		return fake_seat_button(seat, a, b != 0);
	}
	if (sscanf(line, "point %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &a, &b, &c, &d) ==
		4) {
		return fake_seat_point(seat, a, b, c, d);
	}
	if (sscanf(line, "move %lf %lf", &x, &y) == 2) {
		return fake_seat_move(seat, x, y);
	}
	if (sscanf(line, "scroll %" SCNu32 " %lf %" SCNd32, &a, &x, &steps) == 3) {
		return fake_seat_scroll(seat, a != 0, x, steps);
	}
	return false;
}

int main(int argc, char *argv[]) {
	struct fake_seat seat;
	char line[128];
	bool ok = argc == 2 && fake_seat_connect(&seat, argv[1]) && seat.keyboard != NULL &&
		seat.pointer != NULL;
	while (ok && fgets(line, sizeof(line), stdin) != NULL) {
		ok = obey(&seat, line);
		puts(ok ? "ok" : "failed");
		fflush(stdout);
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

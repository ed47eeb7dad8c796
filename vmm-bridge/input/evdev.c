#include "vmm-bridge/input/evdev.h"

#include <linux/input.h>

#include "vmm-bridge/input/config.h"

#define FIXED_ONE 256 // a wl_fixed_t of 1
#define STEP 120
/* No wheel turns faster than this in one event; more would only overflow. */
#define AMOUNT_MAX (1 << 24)

/*
 * libinput takes value v of an axis from 0 to 32767 as pixel floor(v * length / 32768). So the
 * smallest value that is not before the point is the right one.
 */
int32_t gp_evdev_absolute(int32_t position, uint32_t offset, uint32_t length) {
	const int64_t steps = GP_INPUT_ABS_MAX + 1;
	int64_t at = (int64_t)offset * FIXED_ONE + position;
	int64_t whole = (int64_t)length * FIXED_ONE;
	if (at <= 0) {
		return 0;
	}
	if (at >= whole) {
		return GP_INPUT_ABS_MAX;
	}
	int64_t value = (at * steps + whole - 1) / whole;
	return (int32_t)(value > GP_INPUT_ABS_MAX ? GP_INPUT_ABS_MAX : value);
}

static int32_t clamp_amount(int32_t amount) {
	return amount > AMOUNT_MAX ? AMOUNT_MAX : amount < -AMOUNT_MAX ? -AMOUNT_MAX : amount;
}

size_t gp_evdev_turn(
	struct gp_wheel *wheel, bool horizontal, int32_t amount, struct gp_input_event events[2]) {
	amount = clamp_amount(amount);
	wheel->fine += horizontal ? amount : -amount;
	int32_t fine = (int32_t)(wheel->fine / FIXED_ONE);
	if (fine == 0) {
		return 0;
	}
	wheel->fine %= FIXED_ONE;
	wheel->coarse += fine;
	int32_t steps = wheel->coarse / STEP;
	wheel->coarse %= STEP;

	events[0] = (struct gp_input_event){
		.type = EV_REL,
		.code = horizontal ? REL_HWHEEL_HI_RES : REL_WHEEL_HI_RES,
		.value = fine,
	};
	events[1] = (struct gp_input_event){
		.type = EV_REL,
		.code = horizontal ? REL_HWHEEL : REL_WHEEL,
		.value = steps,
	};
	return steps != 0 ? 2 : 1;
}

int32_t gp_evdev_relative(int32_t *rest, int32_t amount) {
	int32_t sum = *rest + clamp_amount(amount);
	*rest = sum % FIXED_ONE;
	return sum / FIXED_ONE;
}

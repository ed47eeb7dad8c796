/*
 * Where a point on a scanout lies on the axes of a device, and which fingers the device of a touch
 * screen gets to see.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <linux/input.h>

#include "vmm-bridge/input/device.h"
#include "vmm-bridge/seat/contacts.h"
#include "vmm-bridge/seat/scanouts.h"

/* Scanouts */

static bool get_size(void *data, uint32_t scanout, uint32_t *width, uint32_t *height) {
	static const uint32_t sizes[][2] = {{1000, 500}, {0, 0}, {200, 800}, {400, 100}, {50, 900}};
	*width = sizes[scanout][0];
	*height = sizes[scanout][1];
	return scanout != 1 && scanout != 4;
}

/* The second never had a size, and the last is off. */
static const struct gp_scanouts scanouts = {.count = 5, .get_size = get_size};

static struct gp_scanout_point locate(uint32_t scanout, int32_t x, int32_t y) {
	struct gp_scanout_point point;
	assert_true(gp_scanouts_locate(&scanouts, scanout, x, y, &point));
	return point;
}

static void test_locate(void **state) {
	struct gp_scanout_point point = locate(2, 100 * 256, 400 * 256);
	assert_int_equal(point.offset, 1000);
	assert_int_equal(point.width, 200);
	assert_int_equal(point.height, 800);
	assert_int_equal(point.desktop_width, 1600);
	assert_int_equal(point.desktop_height, 800);
	assert_int_equal(locate(3, 0, 0).offset, 1200);
	assert_false(gp_scanouts_locate(&scanouts, 1, 0, 0, &point));
	assert_false(gp_scanouts_locate(&scanouts, 5, 0, 0, &point));
	/* D14: on one that is off, it counts. */
	point = locate(4, 10, 10);
	assert_int_equal(point.offset, 1600);
	assert_int_equal(point.width, 50);
	assert_int_equal(point.desktop_width, 1650);
	assert_int_equal(point.desktop_height, 900);
}

static void assert_axes(const struct gp_scanout_point *point, bool desktop, int32_t x, int32_t y) {
	int32_t at_x, at_y;
	gp_scanout_point_to_axes(point, desktop, &at_x, &at_y);
	assert_int_in_range(at_x, x - 20, x + 20);
	assert_int_in_range(at_y, y - 20, y + 20);
}

static void test_axes(void **state) {
	struct gp_scanout_point point = locate(2, 100 * 256, 400 * 256);
	assert_axes(&point, false, GP_INPUT_ABS_MAX / 2, GP_INPUT_ABS_MAX / 2);
	assert_axes(&point, true, GP_INPUT_ABS_MAX / 16 * 11, GP_INPUT_ABS_MAX / 2);
}

/* A button is held on scanout 0 while the pointer is on 2: it is beyond the right edge. */
static void test_relate(void **state) {
	struct gp_scanout_point held = locate(0, 10, 10), now = locate(2, 50 * 256, 7 * 256);
	struct gp_scanout_point related = gp_scanout_point_relate(&now, &held);
	assert_int_equal(related.scanout, 0);
	assert_int_equal(related.x, 1050 * 256);
	assert_int_equal(related.y, 7 * 256);
	assert_int_equal(related.width, 1000);
	related = gp_scanout_point_relate(&held, &now);
	assert_int_equal(related.x, 10 - 1000 * 256);
	now.offset = UINT32_MAX;
	assert_int_equal(gp_scanout_point_relate(&now, &held).x, INT32_MAX);
	assert_int_equal(gp_scanout_point_relate(&held, &now).x, INT32_MIN);
}

/* Contacts */

static struct {
	struct gp_input_device device;
	struct gp_contacts contacts;
	bool touched[GP_TOUCH_SLOTS]; // as the guest knows it
	uint32_t slot;
	int32_t last_tracking;
	unsigned n_frames, n_down;
} t;

static size_t handle_available_buffers(void *data, size_t wanted) {
	return 1024;
}

static size_t handle_queue_size(void *data) {
	return 1024;
}

static bool handle_put_event(void *data, const struct virtio_input_event *event) {
	if (event->type == EV_SYN) {
		t.n_frames++;
	} else if (event->type == EV_ABS && event->code == ABS_MT_SLOT) {
		t.slot = event->value;
	} else if (event->type == EV_ABS && event->code == ABS_MT_TRACKING_ID) {
		t.touched[t.slot] = (int32_t)event->value >= 0;
		t.n_down += t.touched[t.slot];
		t.last_tracking = t.touched[t.slot] ? (int32_t)event->value : t.last_tracking;
	}
	return true;
}

static const struct gp_input_ops device_ops = {
	.available_buffers = handle_available_buffers,
	.queue_size = handle_queue_size,
	.put_event = handle_put_event,
};

static int setup(void **state) {
	memset(&t, 0, sizeof(t));
	gp_input_device_init(&t.device, GP_INPUT_TOUCH, GP_INPUT_ALL_SCANOUTS, &device_ops, NULL);
	return 0;
}

static void down(int32_t id) {
	gp_contacts_down(&t.contacts, &t.device, id, 100, 100, 0);
}

static void up(int32_t id) {
	int slot = gp_contacts_find(&t.contacts, id);
	assert_true(slot >= 0);
	gp_contacts_up(&t.contacts, &t.device, slot, 0);
}

static void frame(void) {
	gp_contacts_frame(&t.contacts, &t.device);
}

static unsigned count_touched(void) {
	unsigned n = 0;
	for (size_t i = 0; i < GP_TOUCH_SLOTS; i++) {
		n += t.touched[i];
	}
	return n;
}

static void test_frame(void **state) {
	down(7);
	down(-3);
	assert_int_equal(count_touched(), 0); // before the end of the frame
	frame();
	assert_int_equal(count_touched(), 2);
	assert_int_equal(t.n_frames, 1);
	frame();
	assert_int_equal(t.n_frames, 1); // nothing has changed
	up(7);
	frame();
	assert_int_equal(count_touched(), 1);
	assert_int_equal(gp_contacts_find(&t.contacts, 7), -1);
	assert_true(gp_contacts_find(&t.contacts, -3) >= 0);
}

static void test_tap_in_a_frame(void **state) {
	down(1);
	up(1);
	frame();
	assert_int_equal(t.n_down, 1);
	assert_int_equal(count_touched(), 0);
}

/* A slot is free again once the guest has seen that its finger was lifted. */
static void test_slot_is_lifted_first(void **state) {
	down(1);
	frame();
	int slot = gp_contacts_find(&t.contacts, 1);
	up(1);
	down(2);
	assert_int_not_equal(gp_contacts_find(&t.contacts, 2), slot);
	frame();
	up(2);
	frame();
	down(3);
	assert_int_equal(gp_contacts_find(&t.contacts, 3), slot);
}

static void test_too_many(void **state) {
	for (int32_t id = 0; id < GP_TOUCH_SLOTS + 5; id++) {
		down(id);
	}
	frame();
	assert_int_equal(count_touched(), GP_TOUCH_SLOTS);
	assert_int_equal(gp_contacts_find(&t.contacts, GP_TOUCH_SLOTS), -1);
}

/* No contact is taken for an earlier one, not even after a reset. */
static void test_forget(void **state) {
	down(1);
	frame();
	int32_t tracking = t.last_tracking;
	gp_contacts_forget(&t.contacts);
	gp_input_device_release_all(&t.device);
	assert_int_equal(count_touched(), 0);
	down(1);
	frame();
	assert_int_equal(count_touched(), 1);
	assert_int_not_equal(t.last_tracking, tracking);
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_axes),
		cmocka_unit_test(test_relate),
		TEST(test_frame),
		TEST(test_tap_in_a_frame),
		TEST(test_slot_is_lifted_first),
		TEST(test_too_many),
		TEST(test_forget),
	};
	return cmocka_run_group_tests_name("seat", tests, NULL, NULL);
}

#ifndef GP_COMPOSITOR_SEAT_IDLE_H
#define GP_COMPOSITOR_SEAT_IDLE_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_outputs;
struct wlr_cursor;
struct wlr_idle_notifier_v1;
struct wlr_input_device;
struct wlr_seat;

/**
 * Whether somebody is at the seat. Each input event wakes outputs and is activity for
 * ext-idle-notify (swayidle); outputs sleep when there was none for the configured time. If the
 * configuration says so, frames that guests show keep the seat from being idle.
 *
 * A timer is not moved with each event or frame: when it is due, it is set for what is left since
 * the last one.
 */
struct gp_idle {
	struct gp_outputs *outputs;
	struct wlr_seat *wlr_seat;
	const struct wlr_cursor *cursor;
	struct wlr_idle_notifier_v1 *notifier; // NULL before init and after finish
	struct wl_list devices; // struct idle_device.link

	uint64_t begin_ns; // of the time without input
	struct wl_event_source *sleep_timer;
	bool waiting; // for the outputs to sleep
	uint64_t frame_ns; // the last that was shown while inhibit_timer ran
	struct wl_event_source *inhibit_timer;
	bool inhibited; // by frames

	struct wl_listener output_added;
	struct wl_listener output_changed;
	struct wl_listener output_frame;
};

/* The cursor says which output the user works with. Returns false if memory is short. */
bool gp_idle_init(struct gp_idle *idle, struct wl_display *display, struct gp_outputs *outputs,
	struct wlr_seat *wlr_seat, const struct wlr_cursor *cursor);
/* One that is all zeros is fine. */
void gp_idle_finish(struct gp_idle *idle);

/**
 * Input of the device counts from now on, until it is destroyed. To be called after what sends its
 * events to guests listens: they are not to wait for a monitor.
 */
void gp_idle_add(struct gp_idle *idle, struct wlr_input_device *device);
/* Follows the settings, which have changed; the time without input starts again. */
void gp_idle_update(struct gp_idle *idle);

#endif

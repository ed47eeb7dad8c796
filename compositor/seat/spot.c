#include "compositor/seat/spot.h"

#include <string.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/util/box.h>

#include "compositor/config/settings.h"
#include "compositor/guest/scanout.h"
#include "compositor/nested/window.h"
#include "compositor/output/monitor.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/seat/transform.h"
#include "compositor/view/identity.h"
#include "compositor/view/view.h"

struct gp_output *gp_spot_find_output(
	const struct gp_outputs *outputs, double layout_x, double layout_y) {
	struct wlr_output *wlr_output =
		wlr_output_layout_output_at(outputs->layout, layout_x, layout_y);
	return wlr_output != NULL ? wlr_output->data : NULL;
}

bool gp_spot_shows_guest(const struct gp_output *output) {
	const struct gp_view *view = output != NULL ? output->view : NULL;
	return view != NULL && view->scanout->surface != NULL && view->scanout->guest != NULL &&
		view->box.width > 0 && view->box.height > 0;
}

struct gp_output *gp_spot_find_surface(
	const struct gp_outputs *outputs, const struct wlr_surface *surface) {
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		if (gp_spot_shows_guest(output) && output->view->scanout->surface == surface) {
			return output;
		}
	}
	return NULL;
}

bool gp_spot_project_on(const struct wlr_box *picture, int width, int height, double layout_x,
	double layout_y, double *x, double *y) {
	*x = gp_scale_clamp(layout_x - picture->x, picture->width, width);
	*y = gp_scale_clamp(layout_y - picture->y, picture->height, height);
	return wlr_box_contains_point(picture, layout_x, layout_y);
}

bool gp_spot_project(const struct gp_outputs *outputs, const struct gp_output *output,
	double layout_x, double layout_y, double *x, double *y) {
	const struct gp_view *view = output->view;
	struct wlr_box picture = view->box, box;
	wlr_output_layout_get_box(outputs->layout, output->wlr_output, &box);
	picture.x += box.x;
	picture.y += box.y;
	int width, height;
	gp_view_get_size(view, &width, &height);
	return gp_spot_project_on(&picture, width, height, layout_x, layout_y, x, y);
}

static const struct gp_output *find_device_output(
	const struct gp_outputs *outputs, const char *device, const char *claimed) {
	const char *pin = gp_settings_get_input_pin(outputs->settings, device);
	const struct gp_output *output, *found = NULL;
	wl_list_for_each (output, &outputs->list, link) {
		struct gp_config_identity identity = gp_output_identity(output->wlr_output);
		if (pin != NULL && gp_config_matches(pin, &identity)) {
			return output;
		}
		if (found == NULL && gp_monitor_is_connected(output)) {
			found = output;
		}
	}
	wl_list_for_each (output, &outputs->list, link) {
		if (claimed != NULL && strcmp(output->wlr_output->name, claimed) == 0) {
			return output;
		}
	}
	return found;
}

void gp_spot_locate(struct gp_spot *spot, const struct gp_outputs *outputs, const char *device,
	const char *claimed, double x, double y) {
	const struct gp_output *output = find_device_output(outputs, device, claimed);
	struct wlr_box box;
	*spot = (struct gp_spot){0};
	if (output == NULL) {
		return;
	}
	if (output->window != NULL) {
		gp_window_correct_position(output->window, &x, &y);
	}
	spot->transform = output->wlr_output->transform;
	gp_transform_point(spot->transform, &x, &y);
	wlr_output_layout_get_box(outputs->layout, output->wlr_output, &box);
	spot->layout_x = box.x + x * box.width;
	spot->layout_y = box.y + y * box.height;
	if (gp_spot_shows_guest(output)) {
		spot->surface = output->view->scanout->surface;
		spot->inside = gp_spot_project(
			outputs, output, spot->layout_x, spot->layout_y, &spot->x, &spot->y);
	}
}

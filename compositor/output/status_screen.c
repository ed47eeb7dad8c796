#include "compositor/output/status_screen.h"

#include <pango/pangocairo.h>
#include <stdio.h>
#include <string.h>
#include <wlr/types/wlr_scene.h>

#include "common/clock.h"
#include "common/log.h"
#include "compositor/view/cairo_buffer.h"

#define FONT "sans"
#define TEXT_PIXELS_MIN 10
/* So many are drawn at once, after a pause as long as they would take; then one in an interval. */
#define DRAWS_AT_ONCE 8
#define DRAW_INTERVAL_NS UINT64_C(250000000)

struct color {
	double red, green, blue;
};

static const struct color background_color = {0.082, 0.094, 0.114};
static const struct color heading_color = {0.902, 0.918, 0.937};
static const struct color message_color = {0.604, 0.643, 0.690};
static const struct color foot_color = {0.361, 0.396, 0.443};
static const struct color accent_color = {0.353, 0.561, 0.784};

static void set_color(cairo_t *cairo, const struct color *color) {
	cairo_set_source_rgb(cairo, color->red, color->green, color->blue);
}

static PangoLayout *create_layout(
	cairo_t *cairo, const char *text, double pixels, PangoWeight weight) {
	PangoFontDescription *font = pango_font_description_from_string(FONT);
	pango_font_description_set_absolute_size(
		font, (pixels > TEXT_PIXELS_MIN ? pixels : TEXT_PIXELS_MIN) * PANGO_SCALE);
	pango_font_description_set_weight(font, weight);

	PangoLayout *layout = pango_cairo_create_layout(cairo);
	pango_layout_set_font_description(layout, font);
	pango_layout_set_text(layout, text, -1);
	pango_font_description_free(font);
	return layout;
}

/* Draws centred lines with their top at y, and returns their height. An empty text has none. */
static int draw_text(cairo_t *cairo, int width, double y, const char *text, double pixels,
	PangoWeight weight, const struct color *color) {
	if (text[0] == '\0') {
		return 0;
	}
	PangoLayout *layout = create_layout(cairo, text, pixels, weight);
	int margin = width / 12;
	int text_height;
	pango_layout_set_width(layout, (width - 2 * margin) * PANGO_SCALE);
	pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
	pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER);
	pango_layout_get_pixel_size(layout, NULL, &text_height);

	set_color(cairo, color);
	cairo_move_to(cairo, margin, (int)y);
	pango_cairo_show_layout(cairo, layout);
	g_object_unref(layout);
	return text_height;
}

/* A short line between heading and message. */
static void draw_accent(cairo_t *cairo, int width, double y, double unit) {
	double length = unit * 3, thickness = unit / 12 < 1 ? 1 : (int)(unit / 12);
	set_color(cairo, &accent_color);
	cairo_rectangle(cairo, (int)((width - length) / 2), (int)y, (int)length, thickness);
	cairo_fill(cairo);
}

/* The size of letters follows the smaller side, so that a portrait monitor is fine too. */
static double get_unit(const struct gp_status_screen *status_screen) {
	int width = status_screen->width, height = status_screen->height;
	return (width < height ? width : height) / 18.0;
}

/* Returns the height. */
static int draw_texts(const struct gp_status_screen *status_screen, cairo_t *cairo) {
	int width = status_screen->width;
	double unit = get_unit(status_screen), y = 0;
	set_color(cairo, &background_color);
	cairo_paint(cairo);
	int drawn = draw_text(cairo, width, y, status_screen->heading, unit, PANGO_WEIGHT_SEMIBOLD,
		&heading_color);
	if (drawn > 0) {
		y += drawn + unit * 0.4;
		draw_accent(cairo, width, y, unit);
		y += unit * 0.6;
	}
	y += draw_text(cairo, width, y, status_screen->message, unit * 0.5, PANGO_WEIGHT_NORMAL,
		&message_color);
	return (int)y + 1;
}

static int draw_foot(const struct gp_status_screen *status_screen, cairo_t *cairo) {
	set_color(cairo, &background_color);
	cairo_paint(cairo);
	return draw_text(cairo, status_screen->width, 0, status_screen->foot,
		get_unit(status_screen) * 0.36, PANGO_WEIGHT_NORMAL, &foot_color);
}

static void set_image(struct wlr_scene_buffer *node, struct gp_cairo_buffer *image) {
	cairo_surface_flush(image->surface);
	wlr_scene_buffer_set_buffer(node, &image->base);
	wlr_buffer_drop(&image->base);
}

enum edge { TOP, BOTTOM };

/* An image that is as wide as the output, and as high as what is drawn, with an edge at y. */
static void redraw_part(struct gp_status_screen *status_screen, struct wlr_scene_buffer *node,
	enum edge edge, double y,
	int (*draw)(const struct gp_status_screen *status_screen, cairo_t *cairo)) {
	cairo_surface_t *nothing = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);
	cairo_t *cairo = cairo_create(nothing);
	int height = draw(status_screen, cairo);
	cairo_destroy(cairo);
	cairo_surface_destroy(nothing);

	struct gp_cairo_buffer *image = gp_cairo_buffer_create(status_screen->width, height, false);
	if (image == NULL) {
		gp_error("status screen: no memory for %dx%d", status_screen->width, height);
		return;
	}
	cairo = cairo_create(image->surface);
	draw(status_screen, cairo);
	cairo_destroy(cairo);
	wlr_scene_node_set_position(&node->node, 0, (int)y - (edge == BOTTOM ? height : 0));
	set_image(node, image);
}

static void redraw_screen(struct gp_status_screen *status_screen) {
	bool empty = status_screen->message[0] == '\0' && status_screen->heading[0] == '\0';
	int width = status_screen->width, height = status_screen->height;
	bool shown = !empty && width > 0 && height > 0;
	wlr_scene_node_set_enabled(&status_screen->screen->node, shown);
	if (!shown) {
		return;
	}
	redraw_part(status_screen, status_screen->texts, TOP, height * 0.38, draw_texts);
	if (status_screen->background->width != width ||
		status_screen->background->height != height) {
		wlr_scene_rect_set_size(status_screen->background, width, height);
		status_screen->foot_dirty = true;
	}
	if (status_screen->foot_dirty) {
		redraw_part(status_screen, status_screen->foot_node, BOTTOM,
			height - get_unit(status_screen) * 0.7, draw_foot);
		status_screen->foot_dirty = false;
	}
}

static void draw_label_box(cairo_t *cairo, double width, double height, double radius) {
	const double pi = 3.14159265358979;
	cairo_new_sub_path(cairo);
	cairo_arc(cairo, width - radius, radius, radius, -pi / 2, 0);
	cairo_arc(cairo, width - radius, height - radius, radius, 0, pi / 2);
	cairo_arc(cairo, radius, height - radius, radius, pi / 2, pi);
	cairo_arc(cairo, radius, radius, radius, pi, pi * 3 / 2);
	cairo_close_path(cairo);
	cairo_set_source_rgba(
		cairo, background_color.red, background_color.green, background_color.blue, 0.85);
	cairo_fill(cairo);
}

/* The size of a text is known only with a cairo_t, so it is laid out once before. */
static void measure_text(const char *text, double pixels, int *width, int *height) {
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, 1, 1);
	cairo_t *cairo = cairo_create(surface);
	PangoLayout *layout = create_layout(cairo, text, pixels, PANGO_WEIGHT_SEMIBOLD);
	pango_layout_get_pixel_size(layout, width, height);
	g_object_unref(layout);
	cairo_destroy(cairo);
	cairo_surface_destroy(surface);
}

static void draw_label(
	struct gp_cairo_buffer *image, const char *text, double pixels, int pad_x, int pad_y) {
	cairo_t *cairo = cairo_create(image->surface);
	draw_label_box(cairo, image->base.width, image->base.height, pixels / 2);
	PangoLayout *layout = create_layout(cairo, text, pixels, PANGO_WEIGHT_SEMIBOLD);
	set_color(cairo, &heading_color);
	cairo_move_to(cairo, pad_x, pad_y);
	pango_cairo_show_layout(cairo, layout);
	g_object_unref(layout);
	cairo_destroy(cairo);
}

static void redraw_label(struct gp_status_screen *status_screen) {
	if (status_screen->label_text[0] == '\0' || status_screen->width <= 0 ||
		status_screen->height <= 0) {
		wlr_scene_buffer_set_buffer(status_screen->label, NULL);
		return;
	}
	int side = status_screen->width < status_screen->height ? status_screen->width
								: status_screen->height;
	double pixels = side / 36.0;
	int width, height;
	measure_text(status_screen->label_text, pixels, &width, &height);
	int pad_x = (int)pixels, pad_y = (int)(pixels / 2); // of one line or several

	struct gp_cairo_buffer *image =
		gp_cairo_buffer_create(width + 2 * pad_x, height + 2 * pad_y, true);
	if (image == NULL) {
		gp_error("label: no memory");
		return;
	}
	draw_label(image, status_screen->label_text, pixels, pad_x, pad_y);
	wlr_scene_node_set_position(&status_screen->label->node,
		status_screen->width - image->base.width - side / 36, side / 36);
	set_image(status_screen->label, image);
}

static bool has_text(const struct gp_status_screen *status_screen) {
	return status_screen->heading[0] != '\0' || status_screen->message[0] != '\0' ||
		status_screen->label_text[0] != '\0';
}

uint64_t gp_status_screen_due_ns(const struct gp_status_screen *status_screen) {
	if (!status_screen->dirty) {
		return 0;
	}
	bool wait = has_text(status_screen) && status_screen->n_drawn >= DRAWS_AT_ONCE;
	return status_screen->drawn_ns + (wait ? DRAW_INTERVAL_NS : 0);
}

void gp_status_screen_draw(struct gp_status_screen *status_screen) {
	uint64_t now_ns = gp_now_ns();
	if (!status_screen->dirty || now_ns < gp_status_screen_due_ns(status_screen)) {
		return;
	}
	status_screen->dirty = false;
	if (now_ns - status_screen->drawn_ns > DRAWS_AT_ONCE * DRAW_INTERVAL_NS) {
		status_screen->n_drawn = 0;
	}
	if (has_text(status_screen)) {
		status_screen->drawn_ns = now_ns;
		status_screen->n_drawn++;
	}
	redraw_screen(status_screen);
	redraw_label(status_screen);
	wlr_scene_node_raise_to_top(&status_screen->label->node);
}

bool gp_status_screen_init(struct gp_status_screen *status_screen, struct wlr_scene_tree *tree) {
	const float color[] = {(float)background_color.red, (float)background_color.green,
		(float)background_color.blue, 1};
	*status_screen = (struct gp_status_screen){0};
	struct wlr_scene_tree *screen = wlr_scene_tree_create(tree);
	status_screen->label = wlr_scene_buffer_create(tree, NULL);
	if (screen == NULL || status_screen->label == NULL) {
		return false;
	}
	wlr_scene_node_set_enabled(&screen->node, false);
	status_screen->screen = screen;
	status_screen->background = wlr_scene_rect_create(screen, 0, 0, color);
	status_screen->texts = wlr_scene_buffer_create(screen, NULL);
	status_screen->foot_node = wlr_scene_buffer_create(screen, NULL);
	return status_screen->background != NULL && status_screen->texts != NULL &&
		status_screen->foot_node != NULL;
}

void gp_status_screen_set_size(struct gp_status_screen *status_screen, int width, int height) {
	if (status_screen->width == width && status_screen->height == height) {
		return;
	}
	status_screen->width = width;
	status_screen->height = height;
	status_screen->dirty = true;
}

void gp_status_screen_show_screen(
	struct gp_status_screen *status_screen, const char *heading, const char *message) {
	if (strcmp(status_screen->heading, heading) == 0 &&
		strcmp(status_screen->message, message) == 0) {
		return;
	}
	snprintf(status_screen->heading, sizeof(status_screen->heading), "%s", heading);
	snprintf(status_screen->message, sizeof(status_screen->message), "%s", message);
	status_screen->dirty = true;
}

void gp_status_screen_set_foot(struct gp_status_screen *status_screen, const char *text) {
	if (strcmp(status_screen->foot, text) == 0) {
		return;
	}
	snprintf(status_screen->foot, sizeof(status_screen->foot), "%s", text);
	status_screen->foot_dirty = true;
	status_screen->dirty |= status_screen->message[0] != '\0';
}

void gp_status_screen_hide_screen(struct gp_status_screen *status_screen) {
	gp_status_screen_show_screen(status_screen, "", "");
}

void gp_status_screen_set_label(struct gp_status_screen *status_screen, const char *text) {
	if (text == NULL) {
		text = "";
	}
	if (strcmp(status_screen->label_text, text) == 0) {
		return;
	}
	snprintf(status_screen->label_text, sizeof(status_screen->label_text), "%s", text);
	status_screen->dirty = true;
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
/* fontconfig keeps its patterns until the end, and points to them in a way that LSan cannot see. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) {
	return "leak:libfontconfig\n";
}
#endif

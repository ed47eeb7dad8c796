#include "compositor/output/status_screen.h"

#include <pango/pangocairo.h>
#include <stdio.h>
#include <string.h>
#include <wlr/types/wlr_scene.h>

#include "common/log.h"
#include "compositor/view/cairo_buffer.h"

#define PRODUCT "Guestpane"
#define FONT "sans"
#define TEXT_PIXELS_MIN 10

struct color {
	double red, green, blue;
};

static const struct color background_color = {0.082, 0.094, 0.114};
static const struct color heading_color = {0.902, 0.918, 0.937};
static const struct color message_color = {0.604, 0.643, 0.690};
static const struct color product_color = {0.361, 0.396, 0.443};
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

static void draw_background(cairo_t *cairo, int width, int height) {
	set_color(cairo, &background_color);
	cairo_rectangle(cairo, 0, 0, width, height);
	cairo_fill(cairo);
}

/* A short line between heading and message. */
static void draw_accent(cairo_t *cairo, int width, double y, double unit) {
	double length = unit * 3, thickness = unit / 12 < 1 ? 1 : (int)(unit / 12);
	set_color(cairo, &accent_color);
	cairo_rectangle(cairo, (int)((width - length) / 2), (int)y, (int)length, thickness);
	cairo_fill(cairo);
}

static void draw_screen(const struct gp_splash *splash, cairo_t *cairo) {
	int width = splash->width, height = splash->height;
	/* The size of letters follows the smaller side, so that a portrait monitor is fine too. */
	double unit = (width < height ? width : height) / 18.0;

	draw_background(cairo, width, height);
	double y = height * 0.38;
	int drawn = draw_text(
		cairo, width, y, splash->heading, unit, PANGO_WEIGHT_SEMIBOLD, &heading_color);
	if (drawn > 0) {
		y += drawn + unit * 0.4;
		draw_accent(cairo, width, y, unit);
		y += unit * 0.6;
	}
	draw_text(
		cairo, width, y, splash->message, unit * 0.5, PANGO_WEIGHT_NORMAL, &message_color);
	draw_text(cairo, width, height - unit * 1.4, PRODUCT, unit * 0.36, PANGO_WEIGHT_NORMAL,
		&product_color);
}

static void set_image(struct wlr_scene_buffer *node, struct gp_image *image) {
	cairo_surface_flush(image->surface);
	wlr_scene_buffer_set_buffer(node, &image->base);
	wlr_buffer_drop(&image->base);
}

static void redraw_screen(struct gp_splash *splash) {
	bool empty = splash->message[0] == '\0' && splash->heading[0] == '\0';
	if (empty || splash->width <= 0 || splash->height <= 0) {
		wlr_scene_buffer_set_buffer(splash->screen, NULL);
		return;
	}
	struct gp_image *image = gp_image_create(splash->width, splash->height, false);
	if (image == NULL) {
		gp_error("status screen: no memory for %dx%d", splash->width, splash->height);
		return;
	}
	cairo_t *cairo = cairo_create(image->surface);
	draw_screen(splash, cairo);
	cairo_destroy(cairo);
	set_image(splash->screen, image);
}

static void draw_label_box(cairo_t *cairo, double width, double height) {
	double radius = height / 4, pi = 3.14159265358979;
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
	struct gp_image *image, const char *text, double pixels, int pad_x, int pad_y) {
	cairo_t *cairo = cairo_create(image->surface);
	draw_label_box(cairo, image->base.width, image->base.height);
	PangoLayout *layout = create_layout(cairo, text, pixels, PANGO_WEIGHT_SEMIBOLD);
	set_color(cairo, &heading_color);
	cairo_move_to(cairo, pad_x, pad_y);
	pango_cairo_show_layout(cairo, layout);
	g_object_unref(layout);
	cairo_destroy(cairo);
}

static void redraw_label(struct gp_splash *splash) {
	if (splash->label_text[0] == '\0' || splash->width <= 0 || splash->height <= 0) {
		wlr_scene_buffer_set_buffer(splash->label, NULL);
		return;
	}
	int side = splash->width < splash->height ? splash->width : splash->height;
	double pixels = side / 36.0;
	int width, height;
	measure_text(splash->label_text, pixels, &width, &height);
	int pad_x = height * 3 / 4, pad_y = height / 3;

	struct gp_image *image = gp_image_create(width + 2 * pad_x, height + 2 * pad_y, true);
	if (image == NULL) {
		gp_error("label: no memory");
		return;
	}
	draw_label(image, splash->label_text, pixels, pad_x, pad_y);
	wlr_scene_node_set_position(
		&splash->label->node, splash->width - image->base.width - side / 36, side / 36);
	set_image(splash->label, image);
}

void gp_splash_draw(struct gp_splash *splash) {
	if (!splash->is_dirty) {
		return;
	}
	splash->is_dirty = false;
	redraw_screen(splash);
	redraw_label(splash);
	wlr_scene_node_raise_to_top(&splash->label->node);
}

bool gp_splash_init(struct gp_splash *splash, struct wlr_scene_tree *tree) {
	*splash = (struct gp_splash){0};
	splash->screen = wlr_scene_buffer_create(tree, NULL);
	splash->label = wlr_scene_buffer_create(tree, NULL);
	return splash->screen != NULL && splash->label != NULL;
}

void gp_splash_set_size(struct gp_splash *splash, int width, int height) {
	if (splash->width == width && splash->height == height) {
		return;
	}
	splash->width = width;
	splash->height = height;
	splash->is_dirty = true;
}

void gp_splash_show_screen(struct gp_splash *splash, const char *heading, const char *message) {
	if (strcmp(splash->heading, heading) == 0 && strcmp(splash->message, message) == 0) {
		return;
	}
	snprintf(splash->heading, sizeof(splash->heading), "%s", heading);
	snprintf(splash->message, sizeof(splash->message), "%s", message);
	splash->is_dirty = true;
}

void gp_splash_hide_screen(struct gp_splash *splash) {
	gp_splash_show_screen(splash, "", "");
}

void gp_splash_set_label(struct gp_splash *splash, const char *text) {
	if (text == NULL) {
		text = "";
	}
	if (strcmp(splash->label_text, text) == 0) {
		return;
	}
	snprintf(splash->label_text, sizeof(splash->label_text), "%s", text);
	splash->is_dirty = true;
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

#ifndef GP_COMPOSITOR_OUTPUT_STATUS_SCREEN_H
#define GP_COMPOSITOR_OUTPUT_STATUS_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

struct wlr_scene_buffer;
struct wlr_scene_rect;
struct wlr_scene_tree;

#define GP_STATUS_SCREEN_TEXT_MAX 256
#define GP_STATUS_SCREEN_LABEL_MAX 400

/**
 * The status screen of one output, and the label that lies over the last picture of a guest. Both
 * are drawn in the output's pixels when their text or size has changed, and not before a frame is
 * made: that takes some milliseconds, for which nobody else shall wait.
 */
struct gp_status_screen {
	struct wlr_scene_tree *screen;
	struct wlr_scene_rect *background; // in it, as the two that follow
	struct wlr_scene_buffer *texts, *foot_node;
	struct wlr_scene_buffer *label;
	int width, height; // of the output

	bool dirty; // the scene does not have what follows
	uint64_t drawn_ns; // when text was drawn last
	unsigned n_drawn; // times, one soon after the other
	/* Empty: nothing. */
	char heading[GP_STATUS_SCREEN_TEXT_MAX], message[GP_STATUS_SCREEN_TEXT_MAX];
	char foot[GP_STATUS_SCREEN_TEXT_MAX];
	bool foot_dirty;
	char label_text[GP_STATUS_SCREEN_LABEL_MAX]; // may have several lines
};

/* The tree destroys the nodes, its children. Returns false if memory is short. */
bool gp_status_screen_init(struct gp_status_screen *status_screen, struct wlr_scene_tree *tree);

/**
 * Draws what has changed, but text not all the time: a guest could keep all others waiting with
 * ever new ones. What is left is due at gp_status_screen_due_ns.
 */
void gp_status_screen_draw(struct gp_status_screen *status_screen);
/* CLOCK_MONOTONIC: when gp_status_screen_draw will draw what has changed; 0: nothing has. */
uint64_t gp_status_screen_due_ns(const struct gp_status_screen *status_screen);

/* In pixels. A new size means that all is drawn again. */
void gp_status_screen_set_size(struct gp_status_screen *status_screen, int width, int height);
/* Shows the screen. The heading may be empty. */
void gp_status_screen_show_screen(
	struct gp_status_screen *status_screen, const char *heading, const char *message);
/* Sets the line at the foot of each screen. */
void gp_status_screen_set_foot(struct gp_status_screen *status_screen, const char *text);
void gp_status_screen_hide_screen(struct gp_status_screen *status_screen);
/* Shows a label in a corner, above the guests; NULL for none. */
void gp_status_screen_set_label(struct gp_status_screen *status_screen, const char *text);

#endif

#ifndef GP_COMPOSITOR_SPLASH_H
#define GP_COMPOSITOR_SPLASH_H

#include <stdbool.h>

struct wlr_scene_buffer;
struct wlr_scene_tree;

#define GP_SPLASH_TEXT_MAX 256

/**
 * The status screen of one output, and the label that is laid over the last picture of a guest.
 * Both are drawn in the output's pixels when their text or size has changed, and only when a frame
 * is about to be made: that takes some milliseconds, for which nobody else shall wait.
 */
struct gp_splash {
	struct wlr_scene_buffer *screen, *label;
	int width, height; // of the output

	bool is_dirty; // what is in the scene is not what follows
	/* Empty: nothing. */
	char heading[GP_SPLASH_TEXT_MAX], message[GP_SPLASH_TEXT_MAX];
	char label_text[GP_SPLASH_TEXT_MAX];
};

/* The nodes are children of the tree and go with it. Returns false if memory is short. */
bool gp_splash_init(struct gp_splash *splash, struct wlr_scene_tree *tree);

/* Draws what has changed. */
void gp_splash_draw(struct gp_splash *splash);

/* Everything has to be drawn again if the size, in pixels, is another one. */
void gp_splash_set_size(struct gp_splash *splash, int width, int height);
/* Shows the screen. The heading may be empty. */
void gp_splash_show_screen(struct gp_splash *splash, const char *heading, const char *message);
void gp_splash_hide_screen(struct gp_splash *splash);
/* Shows a label in a corner, above the guests; NULL for none. */
void gp_splash_set_label(struct gp_splash *splash, const char *text);

#endif

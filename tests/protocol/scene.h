#ifndef GP_TESTS_PROTOCOL_SCENE_H
#define GP_TESTS_PROTOCOL_SCENE_H

#include "tests/harness/cases.h"
#include "tests/protocol/client.h"

/* A guest with a picture on the compositor's first output. Assertions are cmocka's. */

#define W CASE_WIDTH
#define H CASE_HEIGHT
#define SIZE ((size_t)W * H * 4)
#define OUTPUT "HEADLESS-1"
#define WAIT_MS 10000

#define RED 0xd01020u
#define GREEN 0x10c030u
#define BLUE 0x2030e0u
#define BLACK 0x000000u

/* A guest with one scanout, and a picture of one color that fills it. */
struct scene {
	struct client client;
	struct guest_v1 *guest;
	struct scanout scanout;
	struct blob blob;
	struct buffer buffer;
	struct picture picture;
};

void blob_fill(struct blob *blob, uint32_t color);

/* A guest with a name of its own and a scanout, without a picture. */
void scene_connect(struct scene *scene, struct host *host);
/* A blob of one color that fills the output, and its buffer. */
void scene_blob(struct scene *scene, struct blob *blob, struct buffer *buffer, uint32_t color);
/* Connects and shows RED. */
void scene_show(struct scene *scene, struct host *host);
void scene_finish(struct scene *scene);

/* The output has the color everywhere, now or soon. */
void scene_assert_shown(struct scene *scene, struct host *host, uint32_t color);
/* The next picture has nothing of the color: no waiting, the protocol says "at once". */
void scene_assert_dropped(struct scene *scene, struct host *host, uint32_t color);

#endif

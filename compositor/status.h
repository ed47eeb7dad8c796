#ifndef GP_COMPOSITOR_STATUS_H
#define GP_COMPOSITOR_STATUS_H

struct gp_output;
struct gp_server;
struct json_object;

/* Documents for guestpanectl, owned by the caller: of all, and of one output in it. */
struct json_object *gp_status_describe(const struct gp_server *server);
struct json_object *gp_status_describe_output(struct gp_output *output);

/* "headless", "wayland", "x11", "drm" or "none". */
const char *gp_status_backend_name(const struct gp_server *server);
/* "pixman", "gles2", "vulkan" or "unknown". */
const char *gp_status_renderer_name(const struct gp_server *server);

#endif

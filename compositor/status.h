#ifndef GP_COMPOSITOR_STATUS_H
#define GP_COMPOSITOR_STATUS_H

struct gp_server;
struct json_object;

/* The handler of the control socket; data is the server. */
struct json_object *gp_status_handle_request(void *data, const char *request);

/* "headless", "wayland", "x11", "drm" or "none". */
const char *gp_status_backend_name(const struct gp_server *server);
/* "pixman", "gles2", "vulkan" or "unknown". */
const char *gp_status_renderer_name(const struct gp_server *server);

#endif

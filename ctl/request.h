#ifndef GP_CTL_REQUEST_H
#define GP_CTL_REQUEST_H

struct json_object;

/**
 * Sends a request, a line with its newline, to the control socket at path. Returns the document of
 * the reply, owned by the caller, or NULL after a line on stderr.
 */
struct json_object *gp_request_send(const char *path, const char *request);

#endif

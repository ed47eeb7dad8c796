#ifndef GP_VMM_BRIDGE_PRESENT_PRESENTER_INTERNAL_H
#define GP_VMM_BRIDGE_PRESENT_PRESENTER_INTERNAL_H

#include "vmm-bridge/present/presenter.h"

/* presenter.c: the buffer is about to be freed, or is no longer of use. */
void gp_presenter_forget_buffer(
	struct gp_presenter *presenter, const struct gp_client_buffer *buffer);

/* presenter_pictures.c */
/* The picture of the resource for that format, made if there is none; NULL: it cannot be shown. */
struct gp_import *gp_presenter_ensure_import(struct gp_presenter *presenter,
	struct gp_resource *resource, const struct gp_format *format);
/**
 * Makes a picture of the resource by the best way that was not refused, from kind `from` on;
 * refusal says why not a better one, or is NULL.
 */
struct gp_import *gp_presenter_make_import(struct gp_presenter *presenter,
	struct gp_resource *resource, const struct gp_format *format, enum gp_export_kind from,
	const char *refusal);
/* Ends the picture; it stays in the list, and with its resource, until the compositor confirms. */
void gp_presenter_end_import(struct gp_presenter *presenter, struct gp_import *picture);
void gp_presenter_free_import(struct gp_presenter *presenter, struct gp_import *picture);
/* Further pictures of that kind and format are not tried on this compositor. */
void gp_presenter_remember_refusal(struct gp_presenter *presenter, enum gp_export_kind kind,
	const struct gp_format *format, const char *text);

#endif

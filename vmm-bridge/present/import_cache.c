#include "vmm-bridge/present/presenter_internal.h"

#include <stdio.h>

/* Compositors allow 256 blobs of one guest; cursors have one for each scanout. */
#define PICTURES_MAX 128
/* With those whose end the compositor has not confirmed. */
#define PICTURES_ENDING_MAX 224
#define COPY_BYTES_MAX GP_RESOURCE_HOST_BYTES_MAX

void gp_presenter_end_import(struct gp_presenter *presenter, struct gp_import *picture) {
	for (size_t i = 0; i < picture->n_buffers; i++) {
		gp_presenter_forget_buffer(presenter, picture->buffers[i].buffer);
	}
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (presenter->scanouts[i].copied == picture) {
			presenter->scanouts[i].copied = NULL;
		}
	}
	gp_import_end(picture);
}

/* The resource refers to one of its pictures as long as there is any, so that it gets revoked. */
void gp_presenter_free_import(struct gp_presenter *presenter, struct gp_import *picture) {
	struct gp_resource *resource = picture->resource;
	gp_import_destroy(picture);
	if (resource == NULL || resource->outside != picture) {
		return;
	}
	resource->outside = NULL;
	wl_list_for_each (picture, &presenter->pictures, link) {
		if (picture->resource == resource) {
			resource->outside = picture;
			return;
		}
	}
}

static const struct gp_refusal *find_refusal(const struct gp_presenter *presenter,
	enum gp_export_kind kind, const struct gp_format *format) {
	for (size_t i = 0; i < presenter->n_refusals; i++) {
		const struct gp_refusal *refusal = &presenter->refusals[i];
		if (refusal->kind == kind && refusal->format == format) {
			return refusal;
		}
	}
	return NULL;
}

void gp_presenter_remember_refusal(struct gp_presenter *presenter, enum gp_export_kind kind,
	const struct gp_format *format, const char *text) {
	if (find_refusal(presenter, kind, format) != NULL ||
		presenter->n_refusals == GP_PRESENTER_REFUSALS_MAX) {
		return;
	}
	struct gp_refusal *refusal = &presenter->refusals[presenter->n_refusals++];
	refusal->kind = kind;
	refusal->format = format;
	snprintf(refusal->text, sizeof(refusal->text), "%s", text);
}

static bool on_scanout(const struct gp_presenter *presenter, const struct gp_resource *resource) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (resource != NULL && presenter->scanouts[i].resource == resource) {
			return true;
		}
	}
	return false;
}

/**
 * Whether a picture of up to size bytes more is within the limits that protect the host and the
 * connection from a guest with many resources. Ends the one that was not shown for longest if not.
 */
static bool make_room(struct gp_presenter *presenter, uint64_t size) {
	size_t alive = 0, all = 0;
	uint64_t bytes = size;
	struct gp_import *picture, *oldest = NULL;
	wl_list_for_each (picture, &presenter->pictures, link) {
		all++;
		alive += picture->ending ? 0 : 1;
		bool copied = !gp_import_reads_guest(picture) && !picture->host_copy;
		bytes += copied ? picture->export.size : 0;
		if (!picture->ending && !on_scanout(presenter, picture->resource)) {
			oldest = picture;
		}
	}
	bool too_many = alive >= PICTURES_MAX || bytes > COPY_BYTES_MAX;
	if (too_many && oldest != NULL) {
		gp_presenter_end_import(presenter, oldest);
	}
	return all < PICTURES_ENDING_MAX && bytes <= COPY_BYTES_MAX;
}

static void log_picture(struct gp_presenter *presenter, const struct gp_import *picture) {
	uint64_t suppressed;
	if (!gp_log_limit_pass(&presenter->log, &suppressed)) {
		return;
	}
	const char *reason = picture->export.reason;
	gp_info("resource %u is shown by way of %s%s%s", picture->resource_id,
		gp_import_kind_name(picture), reason[0] != '\0' ? ": " : "", reason);
}

struct gp_import *gp_presenter_make_import(struct gp_presenter *presenter,
	struct gp_resource *resource, const struct gp_format *format, enum gp_export_kind from,
	const char *refusal) {
	for (from = resource->blob ? from : GP_EXPORT_COPY; from < GP_EXPORT_KINDS; from++) {
		const struct gp_refusal *known = find_refusal(presenter, from, format);
		if (known != NULL) {
			refusal = known->text;
		} else if (gp_export_fits(from, &resource->backing)) {
			break;
		}
	}
	if (from == GP_EXPORT_KINDS || !make_room(presenter, resource->blob ? resource->size : 0)) {
		return NULL;
	}
	struct gp_import *picture =
		gp_import_create(presenter->exporter, presenter->client, resource, from, refusal);
	if (picture == NULL) {
		return NULL;
	}
	/* Where a kind failed here, the next may be one that was refused. */
	if (find_refusal(presenter, gp_import_kind(picture), format) != NULL) {
		picture->given_up = format;
	}
	wl_list_insert(&presenter->pictures, &picture->link);
	resource->outside = picture;
	log_picture(presenter, picture);
	return picture;
}

struct gp_import *gp_presenter_ensure_import(struct gp_presenter *presenter,
	struct gp_resource *resource, const struct gp_format *format) {
	struct gp_import *picture = resource->outside;
	if (picture != NULL && !picture->ending) {
		if (picture->given_up == format) {
			return NULL;
		}
		if (find_refusal(presenter, gp_import_kind(picture), format) == NULL) {
			wl_list_remove(&picture->link);
			wl_list_insert(&presenter->pictures, &picture->link);
			return picture;
		}
		gp_presenter_end_import(presenter, picture);
	}
	return gp_presenter_make_import(presenter, resource, format, GP_EXPORT_UDMABUF, NULL);
}

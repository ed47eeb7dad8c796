#include "compositor/summary.h"

#include <stdio.h>
#include <wlr/types/wlr_output.h>

#include "common/service.h"
#include "compositor/config/settings.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/scanout.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"
#include "compositor/view/view.h"

/* "DP-1: office", "DP-1: office (paused)" or "DP-1: waiting". */
static void print_output(FILE *out, const struct gp_output *output) {
	const struct gp_view *subject = gp_output_get_subject(output);
	fprintf(out, "%s: ", output->wlr_output->name);
	if (subject == NULL) {
		fputs(gp_showing_name(output->showing), out);
	} else if (output->showing == GP_SHOWING_GUEST) {
		fputs(subject->scanout->guest->name, out);
	} else {
		fprintf(out, "%s (%s)", subject->scanout->guest->name,
			gp_showing_name(output->showing));
	}
}

void gp_summary_update(struct gp_summary *summary) {
	char status[GP_SERVICE_STATUS_MAX] = "";
	if (summary->outputs == NULL || !gp_service_is_notified(summary->service)) {
		return;
	}
	FILE *out = fmemopen(status, sizeof(status), "w");
	if (out == NULL) {
		return;
	}
	if (summary->settings->error[0] != '\0') {
		fprintf(out, "Configuration not loaded: %s; ", summary->settings->error);
	}
	const struct gp_output *output;
	const char *separator = "";
	wl_list_for_each (output, &summary->outputs->list, link) {
		fputs(separator, out);
		print_output(out, output);
		separator = ", ";
	}
	if (wl_list_empty(&summary->outputs->list)) {
		fputs("no output", out);
	}
	fclose(out);
	status[sizeof(status) - 1] = '\0';
	gp_service_set_status(summary->service, status);
}

static void handle_shown(struct wl_listener *listener, void *data) {
	struct gp_summary *summary = wl_container_of(listener, summary, shown);
	gp_summary_update(summary);
}

static void handle_removed(struct wl_listener *listener, void *data) {
	struct gp_summary *summary = wl_container_of(listener, summary, removed);
	gp_summary_update(summary);
}

void gp_summary_init(struct gp_summary *summary, struct gp_service *service,
	struct gp_outputs *outputs, const struct gp_settings *settings) {
	summary->service = service;
	summary->outputs = outputs;
	summary->settings = settings;
	summary->shown.notify = handle_shown;
	wl_signal_add(&outputs->events.shown, &summary->shown);
	summary->removed.notify = handle_removed;
	wl_signal_add(&outputs->events.removed, &summary->removed);
}

void gp_summary_finish(struct gp_summary *summary) {
	if (summary->outputs == NULL) {
		return;
	}
	wl_list_remove(&summary->shown.link);
	wl_list_remove(&summary->removed.link);
	summary->outputs = NULL;
}

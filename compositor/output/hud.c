#include "compositor/output/hud.h"

#include <stdio.h>

#include "compositor/guest/guest.h"
#include "compositor/guest/scanout.h"
#include "compositor/view/view.h"
#include "guest-scanout-v1-protocol.h"

void gp_hud_count(
	struct gp_hud *hud, uint32_t path, const char *reason, bool bare, uint64_t latency_ns) {
	hud->path = path;
	snprintf(hud->reason, sizeof(hud->reason), "%s", reason);
	if (bare) {
		hud->bare_path = path;
		snprintf(hud->bare_reason, sizeof(hud->bare_reason), "%s", reason);
	}
	if (latency_ns > 0) {
		hud->n_frames++;
		hud->latency_ns += latency_ns;
	}
}

static void end_period(struct gp_hud *hud, uint64_t now_ns) {
	uint64_t period_us = (now_ns - hud->start_ns) / 1000;
	hud->rate_mhz = period_us > 0 ? hud->n_frames * UINT64_C(1000000000) / period_us : 0;
	hud->latency_us = hud->n_frames > 0 ? hud->latency_ns / hud->n_frames / 1000 : 0;
	hud->n_frames = 0;
	hud->latency_ns = 0;
	hud->start_ns = now_ns;
}

static int print_path(char *text, size_t size, uint32_t path, const char *reason) {
	return snprintf(
		text, size, "%s%s%s", gp_path_name(path), reason[0] != '\0' ? ": " : "", reason);
}

void gp_hud_print(struct gp_hud *hud, const struct gp_view *view, uint64_t now_ns,
	char text[GP_HUD_TEXT_MAX]) {
	if (now_ns - hud->start_ns >= GP_HUD_PERIOD_NS) {
		end_period(hud, now_ns);
	}
	if (view == NULL) {
		snprintf(text, GP_HUD_TEXT_MAX, "no guest");
		return;
	}
	const struct gp_guest_scanout *scanout = view->scanout;
	int n = snprintf(text, GP_HUD_TEXT_MAX,
		"%s, scanout %u, %ux%u\n%u.%u frames/s, %u.%u ms from commit to monitor\n",
		scanout->guest->name, (unsigned)scanout->index, (unsigned)scanout->width,
		(unsigned)scanout->height, hud->rate_mhz / 1000, hud->rate_mhz % 1000 / 100,
		hud->latency_us / 1000, hud->latency_us % 1000 / 100);
	n += print_path(text + n, GP_HUD_TEXT_MAX - n, hud->path, hud->reason);
	if (hud->bare_path != hud->path && hud->bare_path != GUEST_SCANOUT_V1_PATH_NONE &&
		n < GP_HUD_TEXT_MAX - 32) {
		n += snprintf(text + n, GP_HUD_TEXT_MAX - n, "\nwithout this overlay: ");
		print_path(text + n, GP_HUD_TEXT_MAX - n, hud->bare_path, hud->bare_reason);
	}
}

#include "compositor/output/frame_path.h"

#include <stdio.h>

#include "guest-scanout-v1-protocol.h"

const char *gp_path_name(uint32_t path) {
	static const char *const names[] = {
		[GUEST_SCANOUT_V1_PATH_NONE] = "none",
		[GUEST_SCANOUT_V1_PATH_DIRECT] = "direct",
		[GUEST_SCANOUT_V1_PATH_GPU] = "gpu",
		[GUEST_SCANOUT_V1_PATH_MAPPED] = "mapped",
		[GUEST_SCANOUT_V1_PATH_COPIED] = "copied",
		[GUEST_SCANOUT_V1_PATH_PARENT] = "parent",
	};
	return names[path];
}

static const char *why_composited(const struct gp_frame_facts *facts) {
	if (facts->no_plane != NULL) {
		return facts->no_plane;
	}
	if (facts->scaled) {
		return "the picture has not the size of the output";
	}
	if (facts->overlaid) {
		return "a cursor or a label lies over the picture";
	}
	if (facts->translucent) {
		return "the picture has an alpha channel, which must not be shown";
	}
	if (facts->refusal != NULL) {
		return facts->refusal;
	}
	if (facts->captured) {
		return "the output is being captured";
	}
	if (facts->rotated) {
		return "the output is rotated";
	}
	return "the output does not take the buffer";
}

uint32_t gp_frame_path(const struct gp_frame_facts *facts, char reason[GP_PATH_REASON_MAX]) {
	reason[0] = '\0';
	/* A copy stays one, even where the copy itself is scanned out. */
	if (facts->copied) {
		snprintf(reason, GP_PATH_REASON_MAX, "the picture is a copy in shared memory");
		return GUEST_SCANOUT_V1_PATH_COPIED;
	}
	/* Without a plane the output takes buffers and shows them to nobody, or copies them. */
	if (facts->direct && facts->no_plane == NULL) {
		if (facts->other_gpu) {
			snprintf(reason, GP_PATH_REASON_MAX, "another GPU drives the monitor");
			return GUEST_SCANOUT_V1_PATH_GPU;
		}
		return facts->parent ? GUEST_SCANOUT_V1_PATH_PARENT : GUEST_SCANOUT_V1_PATH_DIRECT;
	}
	snprintf(reason, GP_PATH_REASON_MAX, "%s%s", why_composited(facts),
		facts->mapped ? ", and the pixman renderer reads with the CPU" : "");
	return facts->mapped ? GUEST_SCANOUT_V1_PATH_MAPPED : GUEST_SCANOUT_V1_PATH_GPU;
}

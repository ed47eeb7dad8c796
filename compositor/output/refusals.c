#include "compositor/output/refusals.h"

#include <stdio.h>
#include <string.h>

const char *gp_refusals_find(
	const struct gp_refusals *refusals, const struct gp_buffer_class *class) {
	for (size_t i = 0; i < refusals->count; i++) {
		const struct gp_buffer_class *known = &refusals->items[i].class;
		if (known->kind == class->kind && known->format == class->format &&
			known->modifier == class->modifier && known->cropped == class->cropped) {
			return refusals->items[i].reason;
		}
	}
	return NULL;
}

void gp_refusals_add(
	struct gp_refusals *refusals, const struct gp_buffer_class *class, const char *reason) {
	if (gp_refusals_find(refusals, class) != NULL) {
		return;
	}
	if (refusals->count == GP_REFUSALS_MAX) {
		refusals->count--;
		memmove(&refusals->items[0], &refusals->items[1],
			refusals->count * sizeof(refusals->items[0]));
	}
	struct gp_refused_class *refusal = &refusals->items[refusals->count++];
	refusal->class = *class;
	snprintf(refusal->reason, sizeof(refusal->reason), "%s", reason);
}

#include "compositor/output/refusals.h"

#include <stdio.h>
#include <string.h>

static bool equal(const struct gp_buffer_class *a, const struct gp_buffer_class *b) {
	return a->kind == b->kind && a->format == b->format && a->modifier == b->modifier &&
		a->alignment == b->alignment && a->cropped == b->cropped && a->scaled == b->scaled;
}

/* The index of the class; the count if it is not there. */
static size_t find(const struct gp_refusals *refusals, const struct gp_buffer_class *class) {
	size_t i = 0;
	while (i < refusals->count && !equal(&refusals->items[i].class, class)) {
		i++;
	}
	return i;
}

static void remove_at(struct gp_refusals *refusals, size_t i) {
	refusals->count--;
	memmove(&refusals->items[i], &refusals->items[i + 1],
		(refusals->count - i) * sizeof(refusals->items[0]));
}

bool gp_refusals_add(struct gp_refusals *refusals, const struct gp_buffer_class *class,
	const char *reason, uint64_t now_ns) {
	size_t i = find(refusals, class);
	bool is_new = i == refusals->count;
	if (is_new && i == GP_REFUSALS_MAX) {
		remove_at(refusals, 0);
		i--;
	}
	struct gp_refused_class *refusal = &refusals->items[i];
	if (is_new) {
		refusals->count++;
		refusal->class = *class;
		refusal->pause_ns = GP_REFUSAL_FIRST_NS;
		snprintf(refusal->reason, sizeof(refusal->reason), "%s", reason);
	} else if (refusal->pause_ns < GP_REFUSAL_LONGEST_NS) {
		refusal->pause_ns *= 2;
	}
	refusal->end_ns = now_ns + refusal->pause_ns;
	return is_new;
}

const char *gp_refusals_find(
	const struct gp_refusals *refusals, const struct gp_buffer_class *class, uint64_t now_ns) {
	size_t i = find(refusals, class);
	return i < refusals->count && now_ns < refusals->items[i].end_ns ? refusals->items[i].reason
									 : NULL;
}

void gp_refusals_remove(struct gp_refusals *refusals, const struct gp_buffer_class *class) {
	size_t i = find(refusals, class);
	if (i < refusals->count) {
		remove_at(refusals, i);
	}
}

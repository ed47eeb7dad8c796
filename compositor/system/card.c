#include "compositor/system/card.h"

#include <glob.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool is_set(const char *variable) {
	const char *value = getenv(variable);
	return value != NULL && value[0] != '\0';
}

bool gp_card_is_wanted(void) {
	const char *name = getenv("WLR_BACKENDS");
	if (name == NULL) {
		return !is_set("WAYLAND_DISPLAY") && !is_set("WAYLAND_SOCKET") &&
			!is_set("DISPLAY");
	}
	while (*name != '\0') {
		size_t length = strcspn(name, ",");
		if (length == 3 && memcmp(name, "drm", length) == 0) {
			return true;
		}
		name += length + (name[length] == ',');
	}
	return false;
}

bool gp_card_exists(void) {
	if (is_set("WLR_DRM_DEVICES")) {
		return true;
	}
	glob_t found;
	bool exists = glob("/dev/dri/card[0-9]*", GLOB_NOSORT, NULL, &found) == 0;
	if (exists) {
		globfree(&found);
	}
	return exists;
}

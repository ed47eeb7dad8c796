#include "compositor/system/passed_socket.h"

#include <string.h>

bool gp_passed_socket_parse(const char *name, char guest[GP_GUEST_NAME_MAX + 1]) {
	static const char prefix[] = "bridge-", unit[] = ".socket";
	const size_t n_prefix = sizeof(prefix) - 1, n_unit = sizeof(unit) - 1;
	size_t length = strlen(name);
	/* A unit that gives its socket no name gives it its own. */
	bool is_unit = length > n_unit && strcmp(name + length - n_unit, unit) == 0;
	length -= is_unit ? n_unit : 0;
	guest[0] = '\0';
	if (length > n_prefix && length <= n_prefix + GP_GUEST_NAME_MAX &&
		memcmp(name, prefix, n_prefix) == 0) {
		memcpy(guest, name + n_prefix, length - n_prefix);
		guest[length - n_prefix] = '\0';
		return true;
	}
	return is_unit || length == 0 || strcmp(name, "bridge") == 0;
}

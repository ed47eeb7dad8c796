#include "compositor/config/client_grant.h"

#include <string.h>

#define STRINGIFY(x) #x
#define TEXT(x) STRINGIFY(x)

static const char *const names[GP_PERMISSIONS] = {
	"capture", "input", "outputs", "power", "idle", "toplevels"};

const char *gp_permission_name(size_t bit) {
	return names[bit];
}

bool gp_permissions_add(uint32_t *permissions, const char *name, size_t length) {
	for (size_t i = 0; i < GP_PERMISSIONS; i++) {
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
			*permissions |= UINT32_C(1) << i;
			return true;
		}
	}
	return false;
}

static bool is_name(const char *name) {
	size_t length = strspn(name,
		"abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	return length >= 1 && length <= GP_CLIENT_NAME_MAX && name[length] == '\0';
}

/* One that depends on where the program was started would be of no use to clients. */
static bool is_path(const char *path) {
	return path[0] == '/' || (path[0] != '\0' && strchr(path, '/') == NULL);
}

const char *gp_client_grants_add(
	struct gp_client_grants *grants, const char *name, const char *path, uint32_t permissions) {
	if (!is_name(name)) {
		return "a client socket's name has 1 to " TEXT(
			GP_CLIENT_NAME_MAX) " letters, digits, - or _";
	}
	if (!is_path(path) || strlen(path) >= GP_PATH_MAX) {
		return "a client socket's path begins with /, or is a name in XDG_RUNTIME_DIR";
	}
	if (gp_client_grants_find(grants, name) != NULL) {
		return "there is a client socket of that name already";
	}
	if (grants->n == GP_CLIENT_GRANTS_MAX) {
		return "more than " TEXT(GP_CLIENT_GRANTS_MAX) " client sockets";
	}
	struct gp_client_grant *grant = &grants->list[grants->n++];
	strcpy(grant->name, name);
	strcpy(grant->path, path);
	grant->permissions = permissions;
	return NULL;
}

const char *gp_client_grants_parse(struct gp_client_grants *grants, const char *text) {
	char name[GP_CLIENT_NAME_MAX + 1] = "", path[GP_PATH_MAX] = "";
	uint32_t permissions = 0;
	size_t length = strcspn(text, "=");
	if (text[length] == '\0') {
		return "a client socket is NAME=PATH or NAME=PATH:PERMISSION,…";
	}
	if (length < sizeof(name)) {
		memcpy(name, text, length);
	}
	/* A path may have colons, permissions have no slash. */
	const char *begin = text + length + 1, *list = strrchr(begin, ':');
	if (list != NULL && strchr(list, '/') != NULL) {
		list = NULL;
	}
	length = list != NULL ? (size_t)(list - begin) : strlen(begin);
	if (length < sizeof(path)) {
		memcpy(path, begin, length);
	}
	while (list != NULL) {
		list++;
		length = strcspn(list, ",");
		if (!gp_permissions_add(&permissions, list, length)) {
			return "permissions are " GP_PERMISSIONS_RULE;
		}
		list = list[length] == ',' ? list + length : NULL;
	}
	return gp_client_grants_add(grants, name, path, permissions);
}

const struct gp_client_grant *gp_client_grants_find(
	const struct gp_client_grants *grants, const char *name) {
	for (size_t i = 0; i < grants->n; i++) {
		if (strcmp(grants->list[i].name, name) == 0) {
			return &grants->list[i];
		}
	}
	return NULL;
}

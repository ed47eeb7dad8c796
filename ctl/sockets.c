#include "ctl/sockets.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPOSITOR "compositor.ctl"

static int is_control_socket(const struct dirent *entry) {
	size_t length = strlen(entry->d_name);
	return length >= 4 && strcmp(entry->d_name + length - 4, ".ctl") == 0;
}

static int is_visible(const struct dirent *entry) {
	return entry->d_name[0] != '.';
}

bool gp_socket_is_compositor(const char *path) {
	const char *slash = strrchr(path, '/');
	return strcmp(slash != NULL ? slash + 1 : path, COMPOSITOR) == 0;
}

static void add_directory(struct gp_sockets *sockets, const char *dir) {
	struct dirent **entries;
	int n = scandir(dir, &entries, is_control_socket, alphasort);
	for (int i = 0; i < n; i++) {
		char *path = sockets->paths[sockets->n];
		if (sockets->n < GP_SOCKETS_MAX &&
			snprintf(path, PATH_MAX, "%s/%s", dir, entries[i]->d_name) < PATH_MAX) {
			sockets->n++;
		}
		free(entries[i]);
	}
	if (n >= 0) {
		free(entries);
	}
}

/* Those in the directories that are in dir. */
static void add_directories(struct gp_sockets *sockets, const char *dir) {
	struct dirent **entries;
	int n = scandir(dir, &entries, is_visible, alphasort);
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		if (snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name) < PATH_MAX) {
			add_directory(sockets, path);
		}
		free(entries[i]);
	}
	if (n >= 0) {
		free(entries);
	}
}

static int compare_paths(const void *a, const void *b) {
	bool first = gp_socket_is_compositor(a), second = gp_socket_is_compositor(b);
	return first != second ? (first ? -1 : 1) : strcmp(a, b);
}

void gp_sockets_find(struct gp_sockets *sockets) {
	char dir[PATH_MAX];
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	sockets->n = 0;
	if (runtime_dir != NULL && runtime_dir[0] != '\0' &&
		snprintf(dir, sizeof(dir), "%s/guestpane", runtime_dir) < PATH_MAX) {
		add_directory(sockets, dir);
	}
	add_directory(sockets, "/run/guestpane/compositor");
	add_directories(sockets, "/run/guestpane-bridge");
	qsort(sockets->paths, sockets->n, sizeof(sockets->paths[0]), compare_paths);
}

#include "vmm-bridge/keeper/grant.h"

#include <errno.h>
#include <unistd.h>

#include "common/fd.h"

void gp_grant_close(struct gp_grant *grant) {
	if (grant->fd < 0) {
		return;
	}
	gp_fd_close(&grant->fd);
	grant->fd = -ENODEV;
	if (grant->path != NULL) {
		unlink(grant->path);
	}
}

void gp_grants_add(struct gp_grants *grants, const struct gp_grant *grant) {
	for (size_t i = 0; i < grants->n; i++) {
		struct gp_grant *known = &grants->items[i];
		if (known->kind == grant->kind && known->index == grant->index) {
			gp_grant_close(known);
			*known = *grant;
			return;
		}
	}
	grants->items[grants->n++] = *grant;
}

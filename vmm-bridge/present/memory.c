#include "vmm-bridge/present/memory.h"

void gp_memory_init(struct gp_memory *memory, const struct gp_memory_ops *ops,
	enum gp_client_blob_kind kind, uint64_t size, uint64_t id) {
	*memory = (struct gp_memory){.ops = ops, .kind = kind, .size = size, .id = id};
	wl_list_init(&memory->imports);
}

#include "vmm-bridge/gpu/resource.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/checked.h"

static void resource_destroy(struct gp_resource *resource) {
	assert(resource->outside == NULL);
	gp_extents_finish(&resource->backing);
	free(resource->ranges);
	gp_host_copy_finish(&resource->host_copy);
	free(resource);
}

void gp_resources_finish(struct gp_resources *resources) {
	for (size_t i = 0; i < resources->count; i++) {
		resource_destroy(resources->items[i]);
	}
	free(resources->items);
	*resources = (struct gp_resources){0};
}

/* The index of the first resource whose id is not lower. */
static size_t lower_bound(const struct gp_resources *resources, uint32_t id) {
	size_t low = 0, high = resources->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (resources->items[middle]->id < id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

struct gp_resource *gp_resources_find(const struct gp_resources *resources, uint32_t id) {
	size_t i = lower_bound(resources, id);
	return i < resources->count && resources->items[i]->id == id ? resources->items[i] : NULL;
}

static bool reserve(struct gp_resources *resources) {
	if (resources->count >= GP_RESOURCES_MAX) {
		return false;
	}
	if (resources->count < resources->capacity) {
		return true;
	}
	size_t capacity = resources->capacity == 0 ? 16 : resources->capacity * 2;
	struct gp_resource **items =
		reallocarray(resources->items, capacity, sizeof(resources->items[0]));
	if (items == NULL) {
		return false;
	}
	resources->items = items;
	resources->capacity = capacity;
	return true;
}

static struct gp_resource *resource_create(uint32_t id, uint64_t size) {
	struct gp_resource *resource = calloc(1, sizeof(*resource));
	if (resource != NULL) {
		resource->id = id;
		resource->size = size;
		resource->host_copy.fd = -1;
	}
	return resource;
}

/* The list must have room for it. */
static void insert(struct gp_resources *resources, struct gp_resource *resource) {
	size_t i = lower_bound(resources, resource->id);
	struct gp_resource **item = &resources->items[i];
	memmove(item + 1, item, (resources->count - i) * sizeof(*item));
	*item = resource;
	resources->count++;
}

struct gp_resource *gp_resources_add_2d(struct gp_resources *resources, uint32_t id,
	const struct gp_format *format, uint32_t width, uint32_t height) {
	uint64_t stride = (uint64_t)width * format->bytes_per_pixel;
	uint64_t size;
	if (!gp_mul_u64(stride, height, &size) || size == 0 || size > GP_RESOURCE_BYTES_MAX) {
		return NULL;
	}
	unsigned n_halves;
	uint64_t file_size = gp_host_copy_file_size(size, &n_halves);
	if (!gp_range_inside(resources->host_bytes, file_size, GP_RESOURCE_HOST_BYTES_MAX) ||
		!reserve(resources)) {
		return NULL;
	}
	struct gp_resource *resource = resource_create(id, size);
	if (resource == NULL) {
		return NULL;
	}
	resource->format = format;
	resource->width = width;
	resource->height = height;
	resource->stride = (uint32_t)stride;
	if (!gp_host_copy_init(&resource->host_copy, width, height, resource->stride,
		    format->bytes_per_pixel)) {
		resource_destroy(resource);
		return NULL;
	}
	insert(resources, resource);
	resources->host_bytes += file_size;
	return resource;
}

struct gp_resource *gp_resources_add_blob(
	struct gp_resources *resources, uint32_t id, uint64_t size) {
	if (size == 0 || size > GP_RESOURCE_BYTES_MAX || !reserve(resources)) {
		return NULL;
	}
	struct gp_resource *resource = resource_create(id, size);
	if (resource == NULL) {
		return NULL;
	}
	resource->blob = true;
	insert(resources, resource);
	return resource;
}

size_t gp_resources_extents(const struct gp_resources *resources) {
	size_t sum = 0;
	for (size_t i = 0; i < resources->count; i++) {
		sum += resources->items[i]->backing.count + resources->items[i]->n_ranges;
	}
	return sum;
}

void gp_resources_remove(struct gp_resources *resources, struct gp_resource *resource) {
	size_t i = lower_bound(resources, resource->id);
	assert(i < resources->count && resources->items[i] == resource);
	struct gp_resource **item = &resources->items[i];
	memmove(item, item + 1, (resources->count - i - 1) * sizeof(*item));
	resources->count--;
	if (!resource->blob) {
		resources->host_bytes -= resource->host_copy.file_size;
	}
	resource_destroy(resource);
}

static void forget_ranges(struct gp_resource *resource) {
	free(resource->ranges);
	resource->ranges = NULL;
	resource->n_ranges = 0;
	resource->lost = false;
}

void gp_resource_attach(struct gp_resource *resource, struct gp_extents *extents) {
	gp_extents_finish(&resource->backing);
	forget_ranges(resource);
	resource->backing = *extents;
	*extents = (struct gp_extents){0};
	resource->backed = true;
	resource->generation++;
}

void gp_resource_detach(struct gp_resource *resource) {
	gp_extents_finish(&resource->backing);
	resource->backing = (struct gp_extents){0};
	resource->backed = false;
	forget_ranges(resource);
}

void gp_resource_lose(struct gp_resource *resource) {
	size_t n = resource->backing.count;
	struct gp_backing_range *ranges = calloc(n, sizeof(ranges[0]));
	for (size_t i = 0; ranges != NULL && i < n; i++) {
		const struct gp_extent *extent = &resource->backing.items[i];
		ranges[i].gpa = extent->object->gpa + extent->offset;
		ranges[i].length = extent->length;
	}
	gp_resource_detach(resource);
	resource->lost = true;
	resource->ranges = ranges;
	resource->n_ranges = ranges != NULL ? n : 0;
}

bool gp_resource_find_again(
	struct gp_resource *resource, const struct gp_guest_memory *memory, size_t extents_max) {
	struct gp_extents extents = {0};
	size_t i = 0;
	while (i < resource->n_ranges && extents.count <= extents_max &&
		gp_guest_memory_extents(memory, resource->ranges[i].gpa, resource->ranges[i].length,
			&extents) == 0) {
		i++;
	}
	if (i == 0 || i < resource->n_ranges || extents.count > extents_max) {
		gp_extents_finish(&extents);
		return false;
	}
	gp_resource_attach(resource, &extents);
	return true;
}

bool gp_resource_transfer(struct gp_resource *resource, const struct gp_rect *rect, uint64_t offset,
	uint64_t *copied) {
	assert(!resource->blob);
	*copied = 0;
	if (!gp_rect_inside(rect, resource->width, resource->height)) {
		return false;
	}
	if (rect->width == 0 || rect->height == 0) {
		return true;
	}
	/* At most 1 GiB: the rectangle is inside the resource. */
	uint64_t length = (uint64_t)(rect->height - 1) * resource->stride +
		(uint64_t)rect->width * resource->format->bytes_per_pixel;
	if (!gp_range_inside(offset, length, resource->backing.length) ||
		!gp_extents_map(&resource->backing)) {
		return false;
	}
	if (!gp_host_copy_want(&resource->host_copy, rect, offset)) {
		*copied = gp_resource_complete_transfers(resource);
		gp_host_copy_want(&resource->host_copy, rect, offset);
	}
	return true;
}

uint64_t gp_resource_complete_transfers(struct gp_resource *resource) {
	struct gp_host_copy *copy = &resource->host_copy;
	if (resource->blob || copy->wanted.n == 0) {
		return 0;
	}
	/* Of what was ever shown the current half is read, and the other one hardly ever. */
	unsigned half =
		resource->outside != NULL ? (copy->current + 1) % copy->n_halves : copy->current;
	return gp_host_copy_update(copy, &resource->backing, half);
}

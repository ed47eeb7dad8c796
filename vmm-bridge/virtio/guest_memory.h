#ifndef GP_VMM_BRIDGE_VIRTIO_GUEST_MEMORY_H
#define GP_VMM_BRIDGE_VIRTIO_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/**
 * The guest's memory: which file backs which guest-physical addresses. Guest-physical addresses
 * are called gpa, addresses in the VMM's process (vhost-user "user addresses") uva.
 */

#define GP_MEMORY_REGIONS_MAX 512 // the reply to GET_MAX_MEM_SLOTS

enum gp_memory_kind {
	GP_MEMORY_FILE, // guest RAM: a memfd or another file that the VMM shared
	GP_MEMORY_VFIO, // a BAR of an assigned device, through its VFIO device fd
};

/**
 * A memory object: one region of the VM's memory. Counted; extents hold references, so the mapping
 * and the fd of a region outlive its removal for as long as somebody uses it.
 */
struct gp_memory_object {
	int refs;
	enum gp_memory_kind kind;
	int fd; // owned
	uint8_t *map; // the region's first byte in this process
	uint64_t gpa, uva; // of the first byte
	uint64_t size; // bytes
	uint64_t file_offset; // of the first byte in fd
	bool removed; // no longer in the table: must not be used for new work
	void *mapping; // what munmap gets; starts at the file's page or huge page
	size_t mapping_size;

	/**
	 * GP_MEMORY_VFIO only: fd is then a device fd, -1 once removed; map is NULL until it is
	 * needed.
	 */
	uint32_t vfio_region; // index of the BAR's region
	char pci[16]; // the device's address, empty if not known
	unsigned faults; // gp_sigbus_count when it was mapped
	/* Of gp_memory_object_map; to be called before each read, as a fault may have come. */
	int (*map_func)(struct gp_memory_object *object, const void *map_data);
	const void *map_data;
};

struct gp_memory_object *gp_memory_object_ref(struct gp_memory_object *object);
/* NULL is fine. */
void gp_memory_object_unref(struct gp_memory_object *object);
/* Makes the object's map readable, if it is not; 0 or -errno. Guest RAM always is. */
int gp_memory_object_map(struct gp_memory_object *object);

/* A piece of one object. Whoever holds an extent holds a reference to its object. */
struct gp_extent {
	struct gp_memory_object *object;
	uint64_t offset; // from the object's first byte, not from the file's
	uint64_t length; // bytes, not zero
};

/* A list of extents; owns a reference per entry. Zero-initialised is empty. */
struct gp_extents {
	struct gp_extent *items;
	size_t count, capacity;
	uint64_t length; // sum, bytes
};

/* gp_memory_object_map for all objects. False if not all can be read. */
bool gp_extents_map(const struct gp_extents *extents);
/**
 * Appends, taking a new reference; merges with the last entry where they touch. False: no memory.
 */
bool gp_extents_append(struct gp_extents *extents, struct gp_memory_object *object, uint64_t offset,
	uint64_t length);
void gp_extents_finish(struct gp_extents *extents);
bool gp_extents_use(const struct gp_extents *extents, const struct gp_memory_object *object);
/**
 * Copies length bytes at offset of the concatenated extents into out. False, with out untouched,
 * if the range is not inside. Only for objects that are mapped (object->map is not NULL).
 */
bool gp_extents_read(const struct gp_extents *extents, uint64_t offset, void *out, uint64_t length);

struct gp_guest_memory {
	struct gp_memory_object *regions[GP_MEMORY_REGIONS_MAX]; // sorted by gpa, no overlap
	size_t count;

	/**
	 * Finds ranges that are in no region (behaviour A2); NULL: nobody does. 0 with a new
	 * reference and the offset of gpa in it, or -EFAULT. Set after init, by the owner.
	 */
	int (*resolve)(void *data, uint64_t gpa, uint64_t length, struct gp_memory_object **object,
		uint64_t *offset);
	void *resolve_data;
};

void gp_guest_memory_init(struct gp_guest_memory *memory);
/* Drops the table's references. */
void gp_guest_memory_finish(struct gp_guest_memory *memory);

/**
 * Maps a region of the VMM and adds it. Takes fd in every case. Returns 0 or -errno: EINVAL for a
 * size of zero, a range that wraps, a file (fstat) that is too short; EEXIST for overlap with a
 * present region in gpa; ENOSPC at GP_MEMORY_REGIONS_MAX; what mmap says. The mapping is readable
 * and writable always (a ring may lie anywhere), so a file that cannot be written is refused.
 */
int gp_guest_memory_add(struct gp_guest_memory *memory, int fd, uint64_t gpa, uint64_t uva,
	uint64_t size, uint64_t file_offset);

/**
 * Takes a region out of the table and marks it removed. Returns it with the table's reference,
 * which the caller must unref, or NULL if no region has exactly that gpa, uva and size.
 */
struct gp_memory_object *gp_guest_memory_take(
	struct gp_guest_memory *memory, uint64_t gpa, uint64_t uva, uint64_t size);

/**
 * Translates guest-physical memory. A range may cross regions that are neighbours.
 *
 * gp_guest_memory_map writes at most max iovecs and returns their number, or -EFAULT if a byte is
 * not in the table, -EINVAL if the range wraps or is empty, -E2BIG if max is too small. Pointers
 * are valid until the region is removed.
 */
int gp_guest_memory_map(const struct gp_guest_memory *memory, uint64_t gpa, uint64_t length,
	struct iovec *iov, size_t max);
/**
 * Appends the range as extents. 0, -EFAULT, -EINVAL or -ENOMEM; on error *extents may have grown.
 */
int gp_guest_memory_extents(const struct gp_guest_memory *memory, uint64_t gpa, uint64_t length,
	struct gp_extents *extents);
/**
 * The address in this process of a range of the VMM's addresses that lies in one region; NULL if
 * there is none.
 */
void *gp_guest_memory_from_uva(const struct gp_guest_memory *memory, uint64_t uva, uint64_t length);

/**
 * Guards (common/sigbus.h) a mapping that was made elsewhere until the object is freed. False:
 * there are too many.
 */
bool gp_memory_object_guard(const struct gp_memory_object *object);

#endif

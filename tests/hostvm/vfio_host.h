#ifndef GP_TESTS_HOSTVM_VFIO_HOST_H
#define GP_TESTS_HOSTVM_VFIO_HOST_H

#include <stdbool.h>
#include <stdint.h>

/**
 * The ivshmem devices of the host VM (tests/hostvm/inside binds them to vfio-pci), opened the way
 * a VMM does: legacy container and group, config space and BAR 2 through the device fd. All of it
 * is independent of vmm-bridge/vfio, which is what is under test.
 */

#define VFIO_HOST_BAR 2 // ivshmem's shared memory
#define VFIO_HOST_DEVICES 2

struct vfio_host {
	char pci[16];
	int container, group, device; // -1: not open
	uint64_t config_offset;
	uint64_t bar_offset, bar_size; // BAR 2 in the device fd
	uint64_t bar_gpa; // where it is, by sysfs
	uint8_t *bar; // mapped read-write
};

/* Finds the index-th ivshmem device that is bound to vfio-pci. False if there is none. */
bool vfio_host_find(struct vfio_host *host, int index);
/* Opens and maps it, with memory decode on. False, with a line on stderr, if that fails. */
bool vfio_host_open(struct vfio_host *host);
/* Closes what is open. */
void vfio_host_close(struct vfio_host *host);

uint32_t vfio_host_read_config(const struct vfio_host *host, unsigned offset);
void vfio_host_write_config(const struct vfio_host *host, unsigned offset, uint32_t value);
void vfio_host_set_decode(const struct vfio_host *host, bool on);

/* Fills BAR 2 with values that are different everywhere. */
void vfio_host_fill(const struct vfio_host *host, uint32_t seed);
/* What vfio_host_fill wrote at a multiple of 4. */
uint32_t vfio_host_expected(uint32_t seed, uint64_t offset);

/* How many descriptors this process has. */
int count_fds(void);

#endif

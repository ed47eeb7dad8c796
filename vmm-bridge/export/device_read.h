#ifndef GP_VMM_BRIDGE_EXPORT_DEVICE_READ_H
#define GP_VMM_BRIDGE_EXPORT_DEVICE_READ_H

#include <stdbool.h>
#include <stddef.h>

/**
 * As memcpy, for reading memory of a device, which no cache holds: with loads that fetch 64 bytes
 * at a time from write-combined memory (SSE4.1's movntdqa) where the processor has them. From
 * ordinary memory they do the same as ordinary loads.
 */
void gp_device_read(void *out, const void *in, size_t size);
/* Whether it does more than memcpy here. */
bool gp_device_read_streams(void);

#endif

#ifndef GP_VMM_BRIDGE_GPU_RESTORE_H
#define GP_VMM_BRIDGE_GPU_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A device that outlives its process: what the guest has set up is saved in memory of the caller,
 * and another process takes it over from there.
 */

struct gp_gpu;

/**
 * From now on the device saves what the guest has set up in the area, which is memory that outlives
 * this process: resources and their backing, what scanouts show, cursors, monitors. The area stays
 * the caller's and must be there as long as the device. It is zeroed before its first use. Pages
 * that are not needed are not touched, so a large one costs nothing.
 *
 * If another process has left something in it, gp_gpu_restore or gp_gpu_reset must come next. Reset
 * empties it, destroy does not. False, with no effect, if the area is too small for an empty table;
 * backings that find no room in it are logged once and not saved.
 */
bool gp_gpu_set_saved_state(struct gp_gpu *gpu, void *area, size_t size);
/**
 * Takes over what the process before this one has left in the area, into a device that no command
 * has reached yet, and shows the present frame of each scanout. Call it when the guest's memory is
 * known. No reply is sent, and the area stays as it was: it can be done again after the next crash.
 *
 * Host copies of 2D resources are read from their backing again, when they are shown. A resource
 * whose memory is not found is left without, as after gp_gpu_memory_removed. False if something
 * could not be taken over; it is logged and dropped, and all else is there.
 *
 * A command that ended just before the crash may be there although its chain was not pushed: if
 * it is handled again, one that creates, attaches or removes gets an error, and the others do the
 * same again.
 */
bool gp_gpu_restore(struct gp_gpu *gpu, uint64_t now_ns);

#endif

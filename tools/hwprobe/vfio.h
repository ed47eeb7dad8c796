#ifndef GP_TOOLS_HWPROBE_VFIO_H
#define GP_TOOLS_HWPROBE_VFIO_H

struct hw_buffers;

/* Opens the device, which no VM may use, by group or cdev; and exports its largest BAR. */
void hw_try_vfio(struct hw_buffers *buffers, const char *address);
/* The same with the devices of a running VMM. */
void hw_try_vmm(struct hw_buffers *buffers, int pid);

#endif

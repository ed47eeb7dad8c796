#ifndef GP_TESTS_HOSTVM_GPU_H
#define GP_TESTS_HOSTVM_GPU_H

#include <stdint.h>

/* What gpu.c, which is preloaded into the compositor, counts. */

#define GPU_COUNTS "/tmp/gpu-counts"
#define GPU_ALIGNMENT 256 // of strides

struct gpu_counts {
	uint64_t uploaded; // bytes, of all textures with 4 bytes a pixel
	uint64_t refused; // imports
};

#endif

#include "vmm-bridge/stub_infos.h"

#include <linux/virtio_gpu.h>
#include <linux/virtio_input.h>
#include <string.h>

#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/gpu/display_info.h"
#include "vmm-bridge/input/config.h"

#define QUEUES 2 // of each kind of device

static void get_gpu_config(void *data, const uint8_t written[GP_VHOST_CONFIG_MAX], uint32_t offset,
	uint32_t size, uint8_t *out) {
	const struct gp_bridge_options *options = data;
	const struct gp_displays displays = {.count = options->n_scanouts};
	gp_displays_read_config(&displays, offset, size, out);
}

static void get_input_config(void *data, const uint8_t written[GP_VHOST_CONFIG_MAX],
	uint32_t offset, uint32_t size, uint8_t *out) {
	const struct gp_input_spec *spec = data;
	struct virtio_input_config config;
	gp_input_config_fill(spec->kind, spec->scanout,
		written[offsetof(struct virtio_input_config, select)],
		written[offsetof(struct virtio_input_config, subsel)], &config);
	gp_input_config_read(&config, offset, size, out);
}

void gp_stub_infos_init(struct gp_stub_infos *infos, const struct gp_bridge_options *options) {
	*infos = (struct gp_stub_infos){.options = options};
	infos->items[0] = (struct gp_stub_info){
		.features = gp_gpu_features(),
		.n_queues = QUEUES,
		.get_config = get_gpu_config,
		.data = (void *)options,
	};
	for (size_t i = 0; i < options->n_inputs; i++) {
		infos->items[1 + i] = (struct gp_stub_info){
			.n_queues = QUEUES,
			.get_config = get_input_config,
			.data = (void *)&options->inputs[i],
		};
	}
}

#ifndef GP_COMPOSITOR_CONFIG_CONFIG_H
#define GP_COMPOSITOR_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "compositor/config/hotkeys.h"
#include "compositor/config/scaling.h"

#define GP_CONFIG_OUTPUTS_MAX 32
#define GP_CONFIG_GUESTS_MAX 32
#define GP_CONFIG_INPUTS_MAX 32
#define GP_CONFIG_NAME_MAX 192 // with the terminating zero
#define GP_CONFIG_ERROR_MAX 512

/**
 * An output of the configuration. A setting that is not there is left as it is found.
 */
struct gp_config_output {
	char name[GP_CONFIG_NAME_MAX]; // of the connector, or "make model serial", or "*"
	int32_t width, height; // of the mode; 0: not set
	int32_t refresh_mhz; // 0: any
	uint32_t scale_120; // 0: not set
	int transform; // enum wl_output_transform, -1: not set
	bool has_position;
	int32_t x, y;
	bool has_adaptive_sync, adaptive_sync;
	bool has_scaling;
	enum gp_scaling scaling;
};

struct gp_config_guest {
	char name[GP_CONFIG_NAME_MAX];
	char scanouts[GP_SCANOUTS_MAX][GP_CONFIG_NAME_MAX]; // names of outputs; empty: not pinned
	bool has_scaling;
	enum gp_scaling scaling;
};

/* A touch screen or a pen tablet. */
struct gp_config_input {
	char name[GP_CONFIG_NAME_MAX];
	char output[GP_CONFIG_NAME_MAX]; // that it belongs to; empty: not set
};

/**
 * The configuration file. All zeros is what holds without one.
 */
struct gp_config {
	struct gp_config_output outputs[GP_CONFIG_OUTPUTS_MAX];
	size_t n_outputs;
	struct gp_config_guest guests[GP_CONFIG_GUESTS_MAX];
	size_t n_guests;
	bool has_hotkey;
	struct gp_hotkey hotkey;
	struct gp_config_input inputs[GP_CONFIG_INPUTS_MAX];
	size_t n_inputs;
	char first
		[GP_CONFIG_NAME_MAX]; // guest that stays in front when others appear; may be empty
};

/**
 * Names of an output. Those of the monitor may be NULL.
 */
struct gp_config_identity {
	const char *connector;
	const char *make, *model, *serial;
};

/**
 * Reads a file. Returns NULL and sets *error ("file:line: cause") if it cannot be read or breaks a
 * rule. To be freed by the caller.
 */
struct gp_config *gp_config_load(const char *path, char error[GP_CONFIG_ERROR_MAX]);

/* "make model serial" of a monitor; false and empty if none of them is known. */
bool gp_config_name_monitor(
	const struct gp_config_identity *identity, char name[GP_CONFIG_NAME_MAX]);
/* Whether a name of an output in the configuration is that of this one. */
bool gp_config_matches(const char *name, const struct gp_config_identity *identity);
/* The settings of an output: of its own name before those of all ("*"). NULL if there are none. */
const struct gp_config_output *gp_config_find_output(
	const struct gp_config *config, const struct gp_config_identity *identity);
/* NULL if the configuration does not know the device. */
const struct gp_config_input *gp_config_find_input(
	const struct gp_config *config, const char *name);
/* NULL if the configuration does not know the guest. */
const struct gp_config_guest *gp_config_find_guest(
	const struct gp_config *config, const char *name);

#endif

#ifndef GP_COMPOSITOR_CONFIG_CONFIG_H
#define GP_COMPOSITOR_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "compositor/config/client_grant.h"
#include "compositor/config/guest_socket.h"
#include "compositor/config/hotkeys.h"
#include "compositor/config/scaling.h"

#define GP_CONFIG_OUTPUTS_MAX 32
#define GP_CONFIG_GUESTS_MAX 32
#define GP_CONFIG_INPUTS_MAX 32
#define GP_CONFIG_NAME_MAX 192 // with the terminating zero
#define GP_CONFIG_ERROR_MAX 512
#define GP_CONFIG_NEVER (-1) // a time

/**
 * An output. What is not set stays as the output has it.
 */
struct gp_config_output {
	char name[GP_CONFIG_NAME_MAX]; // connector, "make model serial", or "*"
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

/* A touch screen or a tablet. */
struct gp_config_input {
	char name[GP_CONFIG_NAME_MAX];
	char output[GP_CONFIG_NAME_MAX]; // that it is mapped to; empty: not set
};

/**
 * The configuration file. Without one all is zero.
 */
struct gp_config {
	struct gp_config_output outputs[GP_CONFIG_OUTPUTS_MAX];
	size_t n_outputs;
	struct gp_config_guest guests[GP_CONFIG_GUESTS_MAX];
	size_t n_guests;
	/* Milliseconds or GP_CONFIG_NEVER; 0: not set. */
	int32_t sleep_when_off_ms; // an output whose guest has switched its scanout off
	int32_t sleep_when_idle_ms; // all outputs, when nobody is at the seat
	int32_t idle_inhibit_ms; // a frame keeps the seat from being idle
	/* Read at the start only. */
	bool no_bridge_socket; // but those of guests
	struct gp_guest_sockets guest_sockets;
	struct gp_client_grants client_grants;
	bool has_hotkey;
	struct gp_hotkey hotkey;
	bool no_quit; // by the hotkey
	struct gp_config_input inputs[GP_CONFIG_INPUTS_MAX];
	size_t n_inputs;
	char first[GP_CONFIG_NAME_MAX]; // guest that comes to the front by itself; may be empty
	bool has_label;
	uint32_t label_ms; // how long the label with a guest's name stays; 0: there is none
};

/**
 * The names of an output. Those of the monitor may be NULL.
 */
struct gp_config_identity {
	const char *connector;
	const char *make, *model, *serial;
};

/**
 * Reads a file. Returns what the caller frees, or NULL if the file cannot be read or has a mistake;
 * then *error is "file:line: cause".
 */
struct gp_config *gp_config_load(const char *path, char error[GP_CONFIG_ERROR_MAX]);

/* Writes "make model serial". Returns false, and an empty name, if none of them is known. */
bool gp_config_name_monitor(
	const struct gp_config_identity *identity, char name[GP_CONFIG_NAME_MAX]);
/* Whether the name of an output in the configuration means this one. */
bool gp_config_matches(const char *name, const struct gp_config_identity *identity);
/* Returns the block with its name, else the one of all ("*"), else NULL. */
const struct gp_config_output *gp_config_find_output(
	const struct gp_config *config, const struct gp_config_identity *identity);
/**
 * Sets what a setting of an output's block, "mode" say, has in the file. The output gets a block of
 * its own if it has none. Returns false, with the cause in error, and changes nothing, if the value
 * is not allowed.
 */
bool gp_config_set_output(struct gp_config *config, const struct gp_config_identity *identity,
	const char *setting, const char *value, char error[GP_CONFIG_ERROR_MAX]);
/* Pins a scanout to an output. Returns false if there are too many guests or a name is too long. */
bool gp_config_set_pin(
	struct gp_config *config, const char *guest, uint32_t scanout, const char *output);
/* Returns NULL if the configuration does not name the device. */
const struct gp_config_input *gp_config_find_input(
	const struct gp_config *config, const char *name);
/* Returns NULL if the configuration does not name the guest. */
const struct gp_config_guest *gp_config_find_guest(
	const struct gp_config *config, const char *name);

#endif

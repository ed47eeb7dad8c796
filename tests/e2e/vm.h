#ifndef GP_TESTS_E2E_VM_H
#define GP_TESTS_E2E_VM_H

#include <linux/virtio_gpu.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/cases.h"
#include "tests/harness/guest_gpu.h"

/**
 * A machine with one bridge and a scripted guest, for the cases of the e2e suite. Assertions are
 * cmocka's: a function here ends the case if the programs do not do what they must.
 */

#define W CASE_WIDTH
#define H CASE_HEIGHT
#define SIZE ((uint64_t)W * H * 4) // of a picture that fills an output
#define OUTPUT "HEADLESS-1"
#define WAIT_MS 10000
#define OK VIRTIO_GPU_RESP_OK_NODATA

#define RED 0xd01020u
#define GREEN 0x10c030u
#define BLUE 0x2030e0u

/* How the bridge exports ("copy", "auto"); set once by main. */
extern const char *vm_export;
/* Whether blobs are copied: else the compositor reads the guest's memory. */
bool vm_copies(void);

struct vm {
	struct host *host;
	struct program *bridge;
	unsigned index;
	struct fe fe;
	struct picture picture; // the last grab
	struct program worker; // of the bridge; see vm_worker
};

/**
 * Starts the bridge (extra args, NULL-terminated, may be NULL), waits until it has found the
 * compositor if there is one, and connects a VMM to it.
 */
void vm_start(struct vm *vm, struct host *host, unsigned index, const char *const *args);
/**
 * Writes a configuration that shows no guest's name after a switch, so that pictures can be
 * compared, and returns its path: for --config.
 */
const char *vm_write_no_label(struct host *host);
/* Connects another VMM to the bridge that runs. */
void vm_connect(struct vm *vm);
/* The VMM ends. */
void vm_disconnect(struct vm *vm);
/* Disconnects if connected and frees the picture. The bridge is stopped by the case's end. */
void vm_finish(struct vm *vm);

/* A blob that fills an output, of one color. */
void vm_blob(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color);
/* Shows a blob on a scanout and flushes all of it. */
void vm_show(struct vm *vm, uint32_t scanout, uint32_t id);
void vm_flush(struct vm *vm, uint32_t id, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
/* Makes a blob and shows it, and waits until the output has its color. */
void vm_show_new(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color);
/* Starts a VM whose guest shows blob 1, of one color. */
void vm_start_color(struct vm *vm, struct host *host, unsigned index, uint32_t color);
/* The guest switches its first scanout off. */
void vm_switch_off(struct vm *vm);

/* The output has the color everywhere, now or soon. */
void vm_assert_color(struct vm *vm, const char *output, uint32_t color);
/* The output has no pixel of the color, now or soon, and is not of one color. */
void vm_assert_status_screen(struct vm *vm, const char *output, uint32_t color);

/* The output says for a moment that the guest's scanout is off, and is black then. */
void vm_assert_off(struct vm *vm, const char *output, uint32_t color);
/* The compositor that is started next has the faults of faults.c, which a name turns on and off. */
void vm_load_faults(struct host *host);
void vm_set_fault(struct host *host, const char *name, bool on);

/* The process that does the bridge's work, as its status has it now. Until the next call. */
const struct program *vm_worker(struct vm *vm);
/* Counters of the bridge. */
int64_t vm_counter(struct vm *vm, const char *name);
/* Preferred size of a scanout by its EDID, and by the display info. */
void vm_edid_size(struct vm *vm, uint32_t scanout, uint32_t *width, uint32_t *height);
bool vm_display_info(struct vm *vm, uint32_t scanout, uint32_t *width, uint32_t *height);

/* A pattern that has another color at almost every pixel. */
uint32_t vm_pattern(uint32_t x, uint32_t y);
/* Grabs until the output shows the pattern from dx, dy on. */
void vm_assert_pattern(struct vm *vm, const char *output, uint32_t dx, uint32_t dy);

/* main of a test: arguments are the way of export (or GUESTPANE_EXPORT) and a pattern of names. */
int vm_main(const char *group, const struct host_case *cases, size_t n, int argc, char **argv);

#endif

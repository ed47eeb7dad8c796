#ifndef GP_TESTS_HOSTVM_KMS_CASE_H
#define GP_TESTS_HOSTVM_KMS_CASE_H

#include "tests/e2e/vm.h"
#include "tests/hostvm/kms.h"

/**
 * Steps of the cases that run the programs on a card of the host VM. Assertions are cmocka's.
 */

/**
 * Starts the compositor on the card; the configuration is a text, NULL for none. The backend is
 * DRM if the host has none.
 */
void kms_start(struct host *host, const char *driver, const char *config, const char *const *args);

/* Frames of an output that took that way. */
int64_t kms_frames(struct host *host, unsigned output, const char *path);
/* The output takes that way, now or soon, for a reason that contains the words. */
void kms_assert_path(struct host *host, unsigned output, const char *path, const char *reason);
/* Whether what is on the first plane was imported. */
void kms_assert_on_plane(bool wanted);
/* The monitor has the color everywhere, now or soon. */
void kms_assert_monitor(struct vm *vm, unsigned index, uint32_t color);
/* Makes a blob, shows it on head 0, and waits until it is scanned out. */
void kms_show_direct(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color);
/* wlr-randr for an output of the card, with an option and its value. */
void kms_randr(struct host *host, unsigned index, const char *option, const char *value);
/* Waits until the guest's head is told that its monitor is there, or not. */
void kms_wait_connected(struct vm *vm, uint32_t scanout, bool wanted);
/* Whether the compositor's log has the words. */
bool kms_has_logged(struct host *host, const char *words);

#endif

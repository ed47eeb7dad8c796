#ifndef GP_TESTS_HARNESS_FAKE_QEMU_H
#define GP_TESTS_HARNESS_FAKE_QEMU_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/**
 * QEMU's end of -display dbus: a text console, and as many graphical ones as the test says, after
 * it. It writes down what it is called for, a line each, and calls listeners as the test says. It
 * never waits.
 */

#define FAKE_CONSOLES_MAX 4

struct fake_qemu {
	uint32_t n_consoles; // graphical; numbers 1 and on
	bool hangs; // takes listeners, and does not begin with them
	bool absolute; // the property IsAbsolute
	sd_bus *main; // NULL: closed
	sd_bus *listeners[FAKE_CONSOLES_MAX]; // NULL: there is none
	unsigned n_registrations; // RegisterListener
	unsigned n_introspected; // replies to GetAll of listeners
	char interfaces[256]; // that a listener has
	char log[8192];

	/* Of calls to listeners. */
	unsigned n_replies, n_errors;
	char error[128];
};

/* Returns the other end, which is the caller's. */
int fake_qemu_start(struct fake_qemu *qemu);
/* The same, on that socket, which is taken. */
void fake_qemu_start_on(struct fake_qemu *qemu, int fd);
void fake_qemu_stop(struct fake_qemu *qemu);
void fake_qemu_close_main(struct fake_qemu *qemu);
void fake_qemu_close_listener(struct fake_qemu *qemu, unsigned index);
/* Handles what has come. */
void fake_qemu_process(struct fake_qemu *qemu);

/* Calls a listener; unix is its sub-interface ("Unix.Map"), or NULL. The reply is counted. */
void fake_qemu_call(struct fake_qemu *qemu, unsigned index, const char *unix_interface,
	const char *member, const char *types, ...);
/* Calls it with bytes as the last argument. */
void fake_qemu_call_bytes(struct fake_qemu *qemu, unsigned index, const char *member,
	const void *bytes, size_t size, const char *types, ...);
void fake_qemu_set_absolute(struct fake_qemu *qemu, bool absolute);
void fake_qemu_set_modifiers(struct fake_qemu *qemu, uint32_t modifiers);

#endif

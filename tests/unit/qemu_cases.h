#ifndef GP_TESTS_UNIT_QEMU_CASES_H
#define GP_TESTS_UNIT_QEMU_CASES_H

#include "tests/harness/fake_client.h"
#include "tests/harness/fake_qemu.h"
#include "vmm-bridge/present/presenter.h"
#include "vmm-bridge/qemu/qemu.h"

/**
 * What the tests of the QEMU source share: the source, between a QEMU and a client of the test's.
 */

#define W 64u
#define H 32u
#define SIZE (W * H * 4)
#define PIXMAN_X8R8G8B8 0x20020888u
#define PIXMAN_R5G6B5 0x10020565u

extern struct qemu_test {
	struct wl_event_loop *loop;
	struct gp_client client;
	struct gp_presenter presenter;
	struct gp_qemu qemu;
	struct fake_qemu fake;
	enum gp_client_vm_state state;
	unsigned n_resets;
	uint32_t leds;
	bool are_dmabufs; // memory files are taken for dma-bufs
} t;

/* The source is connected to a fake QEMU with one console, and its listener is registered. */
int setup(void **state);
/* Neither is. */
int setup_unconnected(void **state);
int teardown(void **state);

void start(const struct gp_qemu_address *address, uint32_t n_scanouts);
/* A few turns of the loop, in which nothing has to wait. */
void turns(void);
/* Turns until the condition is true; it fails after five seconds. */
#define WAIT(condition)                                                                            \
	do {                                                                                       \
		uint64_t end_ns_ = gp_now_ns() + 5000000000;                                       \
		while (!(condition)) {                                                             \
			turn();                                                                    \
			assert_true(gp_now_ns() < end_ns_);                                        \
		}                                                                                  \
	} while (0)
void turn(void);

/* A memory file of a picture that has the value in each byte. */
int make_file(size_t size, uint8_t value);
/* ScanoutMap of the file, and its reply. */
void scanout_map(int fd);
/* ScanoutDMABUF2, without the reply. */
void scanout_dmabuf2(int fd);
void assert_shown(uint8_t value);

#endif

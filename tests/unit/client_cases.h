#ifndef GP_TESTS_UNIT_CLIENT_CASES_H
#define GP_TESTS_UNIT_CLIENT_CASES_H

#include <wayland-server-core.h>

#include "client/guest_scanout.h"
#include "common/clock.h"

/**
 * What the tests of libguest-scanout share: a compositor of their own, in the same process; the two
 * take turns. After setjmp.h and cmocka.h.
 */

#define SIZE 64u // width and height
#define STRIDE (SIZE * 4)
#define BYTES (SIZE * STRIDE)
#define TIMEOUT_NS 20000000000ull

/* The compositor. Of each kind of object it knows the last one; NULL: it was destroyed. */
extern struct fake_compositor {
	struct wl_display *display;
	struct wl_event_loop *loop;
	struct wl_listener client_created;
	struct wl_resource *manager, *guest, *role, *blob, *buffer, *pointer;
	struct wl_resource *surfaces[2]; // of scanouts
	unsigned n_clients, n_commits, n_revokes, n_generations;
	uint32_t state, serial;
	int32_t cursor_x;
	bool has_cursor;
	uint32_t refusal; // of create_guest; 0: none
	struct gp_client_rect damage;
} server;

/* What the client has reported. */
extern struct client_test {
	struct wl_event_loop *loop;
	struct gp_client *client;
	unsigned connected, disconnected, monitors, released, failed, revoked, enters, leaves;
	unsigned renderers; // that it has changed to
	struct gp_client_monitor monitor;
	bool has_monitor;
	struct gp_client_failure failure; // without the message
	uint32_t pointer_scanout;
} t;

/* Of the group: the folder of the socket. */
int make_dir(void **state);
int remove_dir(void **state);
/* Of a test: the client, without a compositor. */
int setup(void **state);
int teardown(void **state);

void add_manager(void);
void start_server(bool has_manager);
void stop_server(void);
void connect_client(void);

void take_turns(void);
/* Until everything that was sent has arrived, and what it caused. */
void settle(void);

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		uint64_t deadline_ns = gp_now_ns() + TIMEOUT_NS;                                   \
		while (!(condition)) {                                                             \
			assert_true(gp_now_ns() < deadline_ns);                                    \
			take_turns();                                                              \
		}                                                                                  \
	} while (0)

extern const struct gp_client_layout linear;
extern const struct gp_client_rect whole;

struct gp_client_blob *make_blob(void);
struct gp_client_buffer *show_buffer(struct gp_client_blob *blob);

#endif

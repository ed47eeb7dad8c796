#ifndef GP_TESTS_E2E_CONFIG_H
#define GP_TESTS_E2E_CONFIG_H

#include "tests/e2e/vm.h"

/* The compositor's configuration of a case. Assertions are cmocka's. */

#define OTHER_OUTPUT "HEADLESS-2"
#define SMALL_W 300u // of a picture that does not fill an output
#define SMALL_H 200u

/* Where the last one was written. */
extern char config_path[96];

void config_write(struct host *host, const char *text);
/* Writes it and starts a compositor with it and with an option and its value, which may be NULL. */
void config_start(struct host *host, unsigned outputs, const char *text, const char *option,
	const char *value);
/* Writes it and has the compositor read it. */
void config_reload(struct host *host, const char *text);

#endif

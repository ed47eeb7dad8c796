#include "tests/e2e/config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

char config_path[96];

void config_write(struct host *host, const char *text) {
	snprintf(config_path, sizeof(config_path), "%s/test.conf", host->dir);
	FILE *file = fopen(config_path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

void config_start(struct host *host, unsigned outputs, const char *text, const char *option,
	const char *value) {
	config_write(host, text);
	assert_true(host_start_compositor(host, outputs, W, H,
		(const char *[]){"--config", config_path, option, value, NULL}));
}

void config_reload(struct host *host, const char *text) {
	config_write(host, text);
	assert_int_equal(kill(host->compositor.pid, SIGHUP), 0);
}

#include "vmm-bridge/vfio/vmm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/log.h"

static void test_refusal_words(void **state) {
	static const struct {
		int error;
		struct gp_vmm_facts facts;
		const char *words;
	} cases[] = {
		{EPERM, {.own_uid = 1000, .vmm_uid = 0, .yama_scope = 0}, "uid 1000"},
		{EACCES, {.own_uid = 1000, .vmm_uid = 64055, .yama_scope = 1}, "uid 64055"},
		{EPERM, {.own_uid = 5, .vmm_uid = 5, .yama_scope = 1}, "only a parent"},
		{EPERM, {.own_uid = 5, .vmm_uid = 5, .yama_scope = 2}, "only CAP_SYS_PTRACE"},
		{EPERM, {.own_uid = 5, .vmm_uid = 5, .yama_scope = 3}, "until the next boot"},
		{EPERM, {.own_uid = 5, .vmm_uid = 5, .yama_scope = 0}, "not dumpable"},
		{EPERM, {.own_uid = 5, .vmm_uid = 5, .yama_scope = -1}, "not dumpable"},
		{EPERM, {.may_trace = true, .yama_scope = 1}, "in spite of"},
		{ESRCH, {.pid = 77}, "no process 77"},
		{ENOSYS, {.pid = 77}, "pidfd_getfd"},
		{EMFILE, {.pid = 77}, "Too many open files"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[320];
		gp_vmm_explain(cases[i].error, &cases[i].facts, text, sizeof(text));
		if (strstr(text, cases[i].words) == NULL) {
			fail_msg("case %zu: %s", i, text);
		}
		assert_true(strlen(text) < sizeof(text) - 1);
	}
}

static void test_links(void **state) {
	assert_true(gp_vmm_link_is_vfio("anon_inode:[vfio-device]"));
	assert_true(gp_vmm_link_is_vfio("/dev/vfio/devices/vfio0"));
	assert_false(gp_vmm_link_is_vfio("/dev/vfio/12"));
	assert_false(gp_vmm_link_is_vfio("/dev/vfio/vfio"));
	assert_false(gp_vmm_link_is_vfio("anon_inode:[eventpoll]"));
	assert_false(gp_vmm_link_is_vfio(""));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusal_words),
		cmocka_unit_test(test_links),
	};
	gp_log_init("test", GP_LOG_SILENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

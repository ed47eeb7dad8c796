#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/doctor_report.h"
#include "common/log.h"
#include "vmm-bridge/confine/confine.h"
#include "vmm-bridge/doctor/confinement.h"
#include "vmm-bridge/doctor/doctor.h"

#define RAM_SIZE (64 << 20)
#define NOBODY 65534

/* A host as a directory: files with content, or links. */
struct file {
	const char *path, *content, *link;
};

static const struct file good_host[] = {
	{"/proc/sys/kernel/osrelease", "7.2.12+deb14-amd64\n", NULL},
	{"/dev/udmabuf", "", NULL},
	{"/dev/kvm", "", NULL},
	{"/sys/module/udmabuf/parameters/list_limit", "32768\n", NULL},
	{"/sys/module/udmabuf/parameters/size_limit_mb", "1024\n", NULL},
	{"/dev/dri/renderD128", "", NULL},
	{"/sys/class/drm/renderD128/device/driver", NULL, "../../../bus/pci/drivers/amdgpu"},
};

struct fixture {
	char root[64];
	char *output;
};

static void make_parents(char *path) {
	for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
}

static void put(const struct fixture *f, const struct file *file) {
	char path[256];
	snprintf(path, sizeof(path), "%s%s", f->root, file->path);
	make_parents(path);
	unlink(path);
	if (file->link != NULL) {
		assert_int_equal(symlink(file->link, path), 0);
	} else if (file->content != NULL) {
		FILE *stream = fopen(path, "we");
		assert_non_null(stream);
		fputs(file->content, stream);
		fclose(stream);
	}
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	*state = f;
	strcpy(f->root, "/tmp/test_doctor.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	chmod(f->root, 0755);
	for (size_t i = 0; i < sizeof(good_host) / sizeof(good_host[0]); i++) {
		put(f, &good_host[i]);
	}
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf --one-file-system %s", f->root);
	int status = system(command);
	free(f->output);
	free(f);
	return status;
}

static int run(struct fixture *f, pid_t pid) {
	size_t size;
	free(f->output);
	FILE *out = open_memstream(&f->output, &size);
	int status = gp_doctor_run(out, f->root, pid);
	fclose(out);
	return status;
}

/* The line that has these words has this mark. */
static void assert_line(const struct fixture *f, const char *mark, const char *words) {
	const char *at = strstr(f->output, words);
	if (at == NULL) {
		fail_msg("no '%s' in\n%s", words, f->output);
		return;
	}
	while (at > f->output && at[-1] != '\n') {
		at--;
	}
	if (strncmp(at, mark, strlen(mark)) != 0) {
		fail_msg("not %s: '%s' in\n%s", mark, words, f->output);
	}
}

static void test_good(void **state) {
	struct fixture *f = *state;
	assert_int_equal(run(f, 0), 0);
	assert_line(f, "[ok]", "kernel 7.2.12");
	assert_line(f, "[ok]", "/dev/udmabuf");
	assert_line(f, "[ok]", "32768 entries and 1024 MiB: scattered buffers up to 7680x4320");
	assert_line(f, "[ok]", "renderD128 (amdgpu)");
	assert_null(strstr(f->output, "[warn]"));
	assert_null(strstr(f->output, "[fail]"));
}

static void test_hosts(void **state) {
	struct fixture *f = *state;
	static const struct {
		struct file change;
		int status;
		const char *mark, *words;
	} cases[] = {
		{{"/dev/udmabuf", NULL, NULL}, 1, "[fail]", "modprobe udmabuf"},
		{{"/dev/kvm", NULL, NULL}, 0, "[warn]", "no /dev/kvm"},
		{{"/dev/dri/renderD128", NULL, NULL}, 0, "[warn]", "no GPU"},
		{{"/sys/module/udmabuf/parameters/list_limit", "1024\n", NULL}, 1, "[fail]",
			"1024 entries, a scattered 1920x1080 buffer has up to 2025: write 32768"},
		{{"/sys/module/udmabuf/parameters/list_limit", "4096\n", NULL}, 0, "[warn]",
			"3840x2160 buffer has up to 8100"},
		{{"/sys/module/udmabuf/parameters/list_limit", "16384\n", NULL}, 0, "[warn]",
			"7680x4320"},
		{{"/sys/module/udmabuf/parameters/list_limit", NULL, NULL}, 1, "[fail]",
			"1024 entries"},
		{{"/sys/module/udmabuf/parameters/size_limit_mb", "64\n", NULL}, 0, "[warn]",
			"64 MiB, a 7680x4320"},
		{{"/sys/module/udmabuf/parameters/size_limit_mb", "4\n", NULL}, 1, "[fail]",
			"4 MiB, a 1920x1080"},
		{{"/proc/sys/kernel/osrelease", "5.4.0\n", NULL}, 0, "[warn]", "kernel 5.4.0"},
		{{"/sys/bus/pci/drivers/vfio-pci/0000:03:00.1", "", NULL}, 0, "[ok]",
			"0000:03:00.1 is bound to vfio-pci"},
		{{"/sys/bus/pci/drivers/vfio-pci/0000:03:00.1", "", NULL}, 0, "[ok]",
			"new enough to export"},
		{{"/sys/bus/pci/drivers/xe-vfio-pci/0000:03:00.1", "", NULL}, 0, "[warn]",
			"bound to xe-vfio-pci"},
		{{"/sys/bus/pci/drivers/vfio-pci/new_id", "", NULL}, 0, "[ok]",
			"no device is bound to VFIO"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(f, &cases[i].change);
		if (run(f, 0) != cases[i].status) {
			fail_msg("case %zu:\n%s", i, f->output);
		}
		assert_line(f, cases[i].mark, cases[i].words);

		char path[256];
		snprintf(path, sizeof(path), "%s%s", f->root, cases[i].change.path);
		unlink(path);
		for (size_t k = 0; k < sizeof(good_host) / sizeof(good_host[0]); k++) {
			put(f, &good_host[k]);
		}
	}
}

static void test_old_kernel_with_vfio(void **state) {
	struct fixture *f = *state;
	put(f, &(struct file){"/sys/bus/pci/drivers/vfio-pci/0000:03:00.1", "", NULL});
	put(f, &(struct file){"/proc/sys/kernel/osrelease", "6.18.44\n", NULL});
	assert_int_equal(run(f, 0), 0);
	assert_line(f, "[warn]", "takes Linux 6.19");
}

static void test_permission(void **state) {
	struct fixture *f = *state;
	char path[128];
	if (geteuid() != 0) {
		skip(); // cannot become somebody else
	}
	snprintf(path, sizeof(path), "%s/dev/udmabuf", f->root);
	assert_int_equal(chmod(path, 0660), 0);
	pid_t child = fork();
	if (child == 0) {
		bool good = setgid(NOBODY) == 0 && setuid(NOBODY) == 0 && run(f, 0) == 1 &&
			strstr(f->output,
				"cannot be opened by uid 65534: add the user to group "
				"root") != NULL;
		_exit(good ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

/* This process as the VMM. */
static void check_memory(
	struct fixture *f, int fd, int mapping, const char *mark, const char *words) {
	void *map = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, mapping, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	int status = run(f, getpid());
	munmap(map, RAM_SIZE);
	close(fd);
	assert_line(f, mark, words);
	assert_int_equal(status, strcmp(mark, "[fail]") == 0);
}

static int make_ram(unsigned flags, int seals) {
	int fd = memfd_create("doctor-ram", MFD_CLOEXEC | flags);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, RAM_SIZE), 0);
	assert_int_equal(seals != 0 ? fcntl(fd, F_ADD_SEALS, seals) : 0, 0);
	return fd;
}

static void test_vmm(void **state) {
	struct fixture *f = *state;

	assert_int_equal(run(f, getpid()), 1);
	assert_line(f, "[fail]", "no guest memory in a file");
	assert_line(f, "[ok]", "has no VFIO device");

	check_memory(f, make_ram(MFD_ALLOW_SEALING, F_SEAL_SHRINK), MAP_SHARED, "[ok]",
		"memfd:doctor-ram");
	check_memory(
		f, make_ram(MFD_ALLOW_SEALING, F_SEAL_SHRINK), MAP_PRIVATE, "[fail]", "share=on");
	check_memory(f, make_ram(MFD_ALLOW_SEALING, 0), MAP_SHARED, "[fail]", "F_SEAL_SHRINK");
	check_memory(f, make_ram(0, 0), MAP_SHARED, "[fail]", "F_SEAL_SHRINK");

	char path[] = "/dev/shm/test_doctor.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0) {
		unlink(path);
		assert_int_equal(ftruncate(fd, RAM_SIZE), 0);
		check_memory(f, fd, MAP_SHARED, "[fail]", "is not a memfd");
	}

	assert_int_equal(run(f, 4000000), 1);
	assert_line(f, "[fail]", "no process 4000000");
}

static void report(struct fixture *f, const struct gp_confinement *confinement) {
	size_t size;
	free(f->output);
	struct gp_doctor_report report = {.out = open_memstream(&f->output, &size)};
	if (confinement != NULL) {
		gp_doctor_report_confinement(&report, confinement);
	} else {
		gp_doctor_check_confinement(&report);
	}
	fclose(report.out);
	assert_int_equal(report.fails, 0); // frames are not copied for it
}

static void test_confinement(void **state) {
	struct fixture *f = *state;
	struct gp_confinement confinement = {
		.seccomp = true,
		.n_calls = 39,
		.landlock = true,
		.landlock_abi = 10,
		.no_new_privileges = true,
	};
	report(f, &confinement);
	assert_line(f, "[ok]", "39 system calls");
	assert_line(f, "[ok]", "Landlock (ABI 10) restricts a bridge\n");
	assert_line(f, "[ok]", "no capabilities");

	confinement.landlock_abi = 7;
	strcpy(confinement.landlock_lacks, "sockets in the file system (Linux 7.1)");
	report(f, &confinement);
	assert_line(f, "[ok]", "alone refuses on this kernel: sockets in the file system (Linux 7");

	confinement = (struct gp_confinement){.capabilities = 1, .dumpable = true};
	strcpy(confinement.seccomp_reason, "built without libseccomp");
	strcpy(confinement.landlock_reason, "this kernel has none: Function not implemented");
	report(f, &confinement);
	assert_line(f, "[warn]", "every system call: built without libseccomp; use a build with");
	assert_line(f, "[warn]", "does not restrict a bridge: this kernel has none");
	assert_line(f, "[warn]", "keeps capabilities (0x1), and others may");
}

/* This kernel, whatever it has. */
static void test_confinement_here(void **state) {
	struct fixture *f = *state;
	report(f, NULL);
	assert_non_null(strstr(f->output, "Landlock"));
	assert_null(strstr(f->output, "is not known"));
}

int main(void) {
	gp_log_init("test", GP_LOG_SILENT);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_kernel_with_vfio, setup, teardown),
		cmocka_unit_test_setup_teardown(test_permission, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vmm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confinement, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confinement_here, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

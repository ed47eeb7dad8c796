#include "tests/unit/confine_attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/socket.h"

#define PAGE 4096

static char directory[] = "/tmp/gp-test-attempts-XXXXXX";
static char file_path[64], socket_path[64], box_path[64], new_path[64];
static struct sockaddr_un abstract = {.sun_family = AF_UNIX};
static socklen_t abstract_size;
static int listeners[3] = {-1, -1, -1};

/* What the process has already when it is taken over. */
static int stream_fd = -1, datagram_fd = -1, memory_fd = -1, terminal_fd = -1;
/* Of the victim. */
static int victim_pidfd = -1;
static volatile int secret = 1;

static struct sockaddr_un fill(const char *path) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return addr;
}

void attempts_prepare(void) {
	if (mkdtemp(directory) == NULL) {
		abort();
	}
	chmod(directory, 0777); // so that an ordinary user can do what root can
	snprintf(file_path, sizeof(file_path), "%s/file", directory);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
	snprintf(box_path, sizeof(box_path), "%s/box", directory);
	snprintf(new_path, sizeof(new_path), "%s/new", directory);
	close(open(file_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	chmod(file_path, 0666);
	listeners[0] = gp_socket_listen(socket_path);
	chmod(socket_path, 0777);

	abstract_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		(size_t)snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1,
			"gp-test-attempts-%d", (int)getpid()));
	listeners[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listeners[1], (struct sockaddr *)&abstract, abstract_size) != 0 ||
		listen(listeners[1], 16) != 0 || listeners[0] == -1) {
		abort();
	}
	datagram_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un box = fill(box_path);
	listeners[2] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(listeners[2], (struct sockaddr *)&box, sizeof(box)) != 0) {
		abort();
	}
	chmod(box_path, 0777);
	memory_fd = memfd_create("attempts", MFD_CLOEXEC);
	if (ftruncate(memory_fd, PAGE) != 0) {
		abort();
	}
	terminal_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
}

void attempts_finish(void) {
	close(listeners[0]);
	close(listeners[1]);
	close(listeners[2]);
	unlink(box_path);
	unlink(file_path);
	unlink(new_path);
	unlink(socket_path);
	rmdir(directory);
}

void attempts_be_victim(void) {
	/* A change of the user hides the process; and Yama would. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	victim_pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	stream_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Closes what a successful attempt has opened. */
static bool opened(int fd) {
	if (fd < 0) {
		return false;
	}
	close(fd);
	return true;
}

static bool opens(const char *path, int flags) {
	return opened(open(path, flags | O_CLOEXEC, 0600));
}

/* Other processes */

static bool opens_victim(const char *name) {
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)getppid(), name);
	return opens(path, O_RDWR);
}

static bool opens_victim_memory(void) {
	return opens_victim("mem");
}

static bool opens_own_memory(void) {
	return opens("/proc/self/mem", O_RDWR);
}

static bool copies_memory(long call) {
	int value = 2;
	struct iovec here = {&value, sizeof(value)};
	struct iovec there = {(void *)(uintptr_t)&secret, sizeof(secret)};
	return syscall(call, getppid(), &here, 1, &there, 1, 0) == sizeof(value);
}

static bool reads_victim(void) {
	return copies_memory(SYS_process_vm_readv);
}

static bool writes_victim(void) {
	return copies_memory(SYS_process_vm_writev);
}

static bool traces_victim(void) {
	pid_t victim = getppid();
	if (ptrace(PTRACE_SEIZE, victim, NULL, NULL) != 0) {
		return false;
	}
	ptrace(PTRACE_INTERRUPT, victim, NULL, NULL);
	waitpid(victim, NULL, __WALL);
	ptrace(PTRACE_DETACH, victim, NULL, NULL);
	return true;
}

static bool opens_pidfd(void) {
	return opened((int)syscall(SYS_pidfd_open, getppid(), 0));
}

static bool copies_descriptor(void) {
	return opened((int)syscall(SYS_pidfd_getfd, victim_pidfd, STDERR_FILENO, 0));
}

static bool compares(void) {
	return syscall(SYS_kcmp, getppid(), getpid(), KCMP_FILE, 0, 0) >= 0;
}

static bool signals_victim(void) {
	return kill(getppid(), 0) == 0;
}

static bool signals_thread(void) {
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0;
}

static bool signals_everybody(void) {
	return kill(-1, 0) == 0;
}

static bool queues_signal(void) {
	return sigqueue(getppid(), 0, (union sigval){0}) == 0;
}

static bool signals_pidfd(void) {
	return syscall(SYS_pidfd_send_signal, victim_pidfd, 0, NULL, 0) == 0;
}

/* The kernel sends the signal when the descriptor becomes readable. */
static bool owns_descriptor(void) {
	return fcntl(datagram_fd, F_SETOWN, getppid()) == 0;
}

static bool reads_limits(void) {
	struct rlimit limit;
	return prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit) == 0;
}

static bool sets_limits(void) {
	struct rlimit limit = {0, 0};
	return prlimit(getppid(), RLIMIT_CORE, &limit, NULL) == 0;
}

static bool moves_victim(void) {
	cpu_set_t set;
	return sched_getaffinity(getppid(), sizeof(set), &set) == 0 &&
		sched_setaffinity(getppid(), sizeof(set), &set) == 0;
}

static bool slows_victim(void) {
	return setpriority(PRIO_PROCESS, (id_t)getppid(), 1) == 0;
}

/* Files */

static bool reads_file(void) {
	return opens(file_path, O_RDONLY);
}

static bool writes_file(void) {
	return opens(file_path, O_WRONLY);
}

static bool creates_file(void) {
	bool done = opens(new_path, O_WRONLY | O_CREAT);
	unlink(new_path);
	return done;
}

static bool opens_with_openat2(void) {
	const struct {
		uint64_t flags, mode, resolve;
	} how = {.flags = O_RDONLY | O_CLOEXEC};
	return opened((int)syscall(SYS_openat2, AT_FDCWD, file_path, &how, sizeof(how)));
}

static bool truncates_file(void) {
	return truncate(file_path, 0) == 0;
}

static bool renames_file(void) {
	return rename(file_path, new_path) == 0 && rename(new_path, file_path) == 0;
}

static bool links_file(void) {
	return link(file_path, new_path) == 0 && unlink(new_path) == 0;
}

static bool makes_link(void) {
	return symlink("/etc/passwd", new_path) == 0 && unlink(new_path) == 0;
}

static bool makes_directory(void) {
	return mkdir(new_path, 0700) == 0 && rmdir(new_path) == 0;
}

static bool removes_file(void) {
	return unlink(file_path) == 0 && opens(file_path, O_WRONLY | O_CREAT) &&
		chmod(file_path, 0666) == 0;
}

static bool changes_mode(void) {
	return chmod(file_path, 0666) == 0;
}

static bool lists_directory(void) {
	return opens("/", O_RDONLY | O_DIRECTORY);
}

static bool opens_device(void) {
	return opens("/dev/null", O_RDWR);
}

static bool opens_device_of_vms(void) {
	return opens("/dev/udmabuf", O_RDWR);
}

static bool makes_device(void) {
	return mknod(new_path, S_IFCHR | 0600, 0x103) == 0 && unlink(new_path) == 0;
}

static bool changes_directory(void) {
	return chdir("/tmp") == 0;
}

/* Sockets */

static bool makes_socket(void) {
	return opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static bool connects_to_path(void) {
	return opened(gp_socket_connect(socket_path));
}

static bool connects_what_it_has(void) {
	struct sockaddr_un addr = fill(socket_path);
	return connect(stream_fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

static bool connects_to_abstract(void) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool done = fd >= 0 && connect(fd, (struct sockaddr *)&abstract, abstract_size) == 0;
	close(fd);
	return done;
}

static bool sends_to_path(void) {
	struct sockaddr_un addr = fill(box_path);
	return sendto(datagram_fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&addr, sizeof(addr)) ==
		1;
}

static bool has_network(void) {
	return opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) ||
		opened(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)) ||
		opened(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static bool makes_pair(void) {
	int fds[2];
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0;
}

static bool listens(void) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX}; // the kernel chooses a name
	return bind(stream_fd, (struct sockaddr *)&addr, sizeof(addr.sun_family)) == 0;
}

/* Code */

static bool maps(int protection, int flags, int fd) {
	return mmap(NULL, PAGE, protection, flags, fd, 0) != MAP_FAILED;
}

static bool maps_code(void) {
	return maps(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static bool maps_code_of_file(void) {
	return maps(PROT_EXEC, MAP_SHARED, memory_fd);
}

static bool makes_code(void) {
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0;
}

static bool makes_code_writable(void) {
	void *page = (void *)((uintptr_t)&makes_code_writable & ~(uintptr_t)(PAGE - 1));
	return mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

static bool makes_all_code(void) {
	return personality(READ_IMPLIES_EXEC) >= 0;
}

/* The replaced program would not report: tries a file that is not there. */
static bool starts_program(void) {
	char *const argv[] = {"none", NULL};
	execv("/nonexistent/program", argv);
	return errno == ENOENT;
}

static bool starts_memory(void) {
	char *const argv[] = {"none", NULL};
	fexecve(memory_fd, argv, argv + 1);
	return errno == ENOEXEC;
}

static bool ended(pid_t child) {
	if (child == 0) {
		_exit(0);
	}
	return child > 0 && waitpid(child, NULL, 0) == child;
}

static bool forks(void) {
	return ended(fork());
}

static bool clones(void) {
	return ended((pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static bool clones_3(void) {
	uint64_t args[8] = {[4] = SIGCHLD};
	return ended((pid_t)syscall(SYS_clone3, args, sizeof(args)));
}

static void *do_nothing(void *data) {
	return data;
}

static bool starts_thread(void) {
	pthread_t thread;
	return pthread_create(&thread, NULL, do_nothing, NULL) == 0 &&
		pthread_join(thread, NULL) == 0;
}

/* The kernel */

static bool controls_terminal(void) {
	struct termios termios;
	return ioctl(terminal_fd, TCGETS, &termios) == 0;
}

static bool types_into_terminal(void) {
	return ioctl(terminal_fd, TIOCSTI, "x") == 0 || errno == EIO; // EIO: the sysctl forbids it
}

static bool asks_file(void) {
	int flags;
	return ioctl(memory_fd, FS_IOC_GETFLAGS, &flags) == 0 || errno == ENOTTY;
}

/* The kernel looks at the lower 32 bits of a request only. */
static bool asks_with_high_bits(void) {
	int flags;
	long result = syscall(SYS_ioctl, memory_fd, (UINT64_C(1) << 32) | FS_IOC_GETFLAGS, &flags);
	return result == 0 || errno == ENOTTY;
}

static bool locks_memory(void) {
	return mlock((const void *)&secret, sizeof(secret)) == 0;
}

static bool advises(void) {
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return madvise(page, PAGE, MADV_DOFORK) == 0;
}

static bool becomes_dumpable(void) {
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool becomes_somebody(void) {
	return setuid(geteuid()) == 0;
}

static bool makes_namespace(void) {
	return unshare(CLONE_NEWUSER) == 0;
}

static bool mounts(void) {
	return mount("none", "/tmp", "tmpfs", 0, NULL) == 0 && umount("/tmp") == 0;
}

static bool called(long number) {
	return syscall(number, 0, 0, 0, 0, 0, 0) >= 0 || (errno != EPERM && errno != ENOSYS);
}

static bool makes_ring(void) {
	return called(SYS_io_uring_setup);
}

static bool loads_bpf(void) {
	return called(SYS_bpf);
}

static bool opens_event(void) {
	return called(SYS_perf_event_open);
}

static bool uses_keys(void) {
	return called(SYS_keyctl);
}

static bool catches_faults(void) {
	return opened((int)syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}

static bool filters_again(void) {
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){SECCOMP_RET_ALLOW}) ==
		0;
}

bool attempt_32_bits(void) {
#ifdef __x86_64__
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(20L) : "memory"); // getpid
	return result == getpid();
#else
	return false;
#endif
}

const struct attempt attempts[] = {
	{"open the memory of the parent", opens_victim_memory, 1, true},
	{"open its own memory", opens_own_memory, 1, true},
	{"process_vm_readv", reads_victim, 1, true},
	{"process_vm_writev", writes_victim, 1, true},
	{"ptrace", traces_victim, 1, true},
	{"pidfd_open", opens_pidfd, 0, true},
	{"pidfd_getfd", copies_descriptor, 1, true},
	{"kcmp", compares, 1, false},

	{"kill", signals_victim, 6, true},
	{"tgkill", signals_thread, 6, true},
	{"kill everybody", signals_everybody, 0, false},
	{"sigqueue", queues_signal, 6, true},
	{"pidfd_send_signal", signals_pidfd, 6, true},
	{"F_SETOWN", owns_descriptor, 0, true},
	{"prlimit: get", reads_limits, 0, true},
	{"prlimit: set", sets_limits, 0, true},
	{"sched_setaffinity", moves_victim, 0, true},
	{"setpriority", slows_victim, 0, true},

	{"read a file", reads_file, 1, true},
	{"write a file", writes_file, 1, true},
	{"create a file", creates_file, 1, true},
	{"openat2", opens_with_openat2, 1, true},
	{"truncate a file", truncates_file, 3, true},
	{"rename a file", renames_file, 1, true},
	{"link a file", links_file, 1, true},
	{"make a symbolic link", makes_link, 1, true},
	{"make a directory", makes_directory, 1, true},
	{"remove a file", removes_file, 1, true},
	{"chmod", changes_mode, 0, false}, // another user's file
	{"open a directory", lists_directory, 1, true},
	{"open /dev/null", opens_device, 1, true},
	{"open /dev/udmabuf", opens_device_of_vms, 1, false},
	{"make a device", makes_device, 1, false},
	{"chdir", changes_directory, 0, true},

	{"make a socket", makes_socket, 0, true},
	{"connect to a path", connects_to_path, 9, true},
	{"connect a socket that it has", connects_what_it_has, 9, true},
	{"connect to an abstract name", connects_to_abstract, 6, true},
	{"send to a path", sends_to_path, 9, true},
	{"other networks", has_network, 0, true},
	{"socketpair", makes_pair, 0, true},
	{"bind", listens, 0, true},

	{"map code", maps_code, 0, true},
	{"map a file as code", maps_code_of_file, 0, true},
	{"make memory code", makes_code, 0, true},
	{"make code writable", makes_code_writable, 0, true},
	{"READ_IMPLIES_EXEC", makes_all_code, 0, true},
	{"execve", starts_program, 0, true},
	{"fexecve", starts_memory, 0, true},
	{"fork", forks, 0, true},
	{"clone", clones, 0, true},
	{"clone3", clones_3, 0, true},
	{"pthread_create", starts_thread, 0, true},

	{"ioctl of a terminal", controls_terminal, 0, true},
	{"TIOCSTI", types_into_terminal, 0, false},
	{"ioctl of a file", asks_file, 0, true},
	{"ioctl with other high bits", asks_with_high_bits, 0, true},
	{"mlock", locks_memory, 0, true},
	{"madvise", advises, 0, true},
	{"PR_SET_DUMPABLE", becomes_dumpable, 0, true},
	{"setuid", becomes_somebody, 0, true},
	{"unshare", makes_namespace, 0, false},
	{"mount", mounts, 0, false},
	{"io_uring_setup", makes_ring, 0, false},
	{"bpf", loads_bpf, 0, false},
	{"perf_event_open", opens_event, 0, false},
	{"keyctl", uses_keys, 0, false},
	{"userfaultfd", catches_faults, 0, false},
	{"seccomp", filters_again, 0, true},
};
const size_t n_attempts = sizeof(attempts) / sizeof(attempts[0]);

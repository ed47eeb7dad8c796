"""A compositor with bridges and scripted guests, whose costs are taken."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools/guest"))

from stack import Failure, Program  # noqa: E402 (the path must be set first)

SIZES = {"1080p": (1920, 1080), "4K": (3840, 2160), "8K": (7680, 4320)}
PATIENCE = 60


def has_udmabuf():
    return os.access("/dev/udmabuf", os.R_OK | os.W_OK)


def cpu_ns(pid):
    """User and system time of a process, by its clock (clock_getcpuclockid)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def switches(pid):
    """How often a process has gone to sleep, or was interrupted."""
    return sum(int(line.split()[1])
               for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
               if "ctxt_switches" in line)


def memory_mib(pid):
    """Sizes in MiB: peak (all that was resident), own and shared (resident now)."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if value.endswith("kB"):
            fields[name] = int(value.split()[0]) / 1024
    return {"peak": fields["VmHWM"], "own": fields["RssAnon"] + fields["RssFile"],
            "shared": fields["RssShmem"]}


def count_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Driver:
    """bench-guest or bench-floor: takes lines, answers each with figures."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.name = pathlib.Path(command[0]).name
        self.answer("its start")

    def send(self, *words):
        print(*words, file=self.process.stdin, flush=True)

    def answer(self, what):
        line = self.process.stdout.readline()
        if not line.startswith("ok "):
            raise Failure(f"{self.name}: {what}: {line.strip() or 'it has ended'}")
        return json.loads(line[3:])

    def do(self, *words):
        self.send(*words)
        return self.answer(" ".join(map(str, words)))

    def run(self, what, count, period_us=0, jitter_us=0):
        return self.do("run", what, count, period_us, jitter_us)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


class Session:
    """Use as a context manager: leaving it ends what was started and removes the directory.

    path is "copy"; "zero-copy", with outputs that take every buffer as a plane does; or "in place",
    where the compositor composites from the guest's memory. "KMS" is zero-copy, too, on the
    monitor of a card; its size and rate are the card's.
    """

    def __init__(self, build, path, size="1080p", outputs=1, refresh=60, trace=False,
                 pin=False):
        self.build = pathlib.Path(build).resolve()
        self.path = path
        self.width, self.height = SIZES.get(size, size)
        self.refresh = refresh
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="guestpane-bench-", dir="/tmp"))
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(self.directory),
                    "WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman",
                    "WLR_LIBINPUT_NO_DEVICES": "1", "WLR_HEADLESS_OUTPUTS": str(outputs)}
        for name in ("WAYLAND_DISPLAY", "DISPLAY"):
            self.env.pop(name, None)
        self.trace = self.directory / "trace.json"
        # With pin, machine k has output k; without, output k has head k of all machines.
        self.config = self.directory / "guestpane.conf"
        self.config.write_text("".join(
            f"guest vm{k} {{\n\tscanout 0 HEADLESS-{k + 1}\n}}\n" for k in range(outputs))
            if pin else "")
        self.trace_options = ["--trace", self.trace] if trace else []
        self.bridges, self.guests = [], []
        self.compositor = None

    def __enter__(self):
        try:
            self.start_compositor()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for guest in self.guests:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                guest.stop()
        for program in [*self.bridges, self.compositor]:
            if program is not None:
                program.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def bridge_socket(self):
        return self.directory / "bridge.sock"

    @property
    def client_socket(self):
        return self.directory / "client.sock"

    def wait(self, what, condition, seconds=PATIENCE, step=0.01):
        end = time.monotonic() + seconds
        while not (found := condition()):
            for program in [*self.bridges, self.compositor]:
                program.check()
            if time.monotonic() > end:
                raise Failure(f"{what}: not within {seconds} s")
            time.sleep(step)
        return found

    def start_compositor(self):
        env = dict(self.env)
        if self.path == "KMS":
            env["WLR_BACKENDS"] = "drm"
        elif self.path == "zero-copy":
            env["LD_PRELOAD"] = str(self.build / "bench/libbench-plane.so")
        self.compositor = Program(
            "guestpane", [self.build / "compositor/guestpane",
                          "--bridge-socket", self.bridge_socket,
                          "--control-socket", self.directory / "guestpane.ctl",
                          "--client-socket", f"grim={self.client_socket}:capture",
                          "--config", self.config,
                          "--size", f"{self.width}x{self.height}", *self.trace_options],
            self.directory / "guestpane.log", env)
        self.compositor.worker_pid = self.compositor.pid
        self.wait("the compositor",
                  lambda: (self.status(self.compositor) or {}).get("outputs"))
        if self.path == "KMS":
            output = self.output()
            self.width, self.height = output["width"], output["height"]
            self.refresh = output["refresh_mhz"] / 1000

    def start_bridge(self, *options):
        number = len(self.bridges)
        path = self.directory / f"gpu{number}.sock"
        bridge = Program(
            f"bridge{number}",
            [self.build / "vmm-bridge/guestpane-bridge", "--socket-path", path,
             "--display", self.bridge_socket, "--name", f"vm{number}",
             "--control-socket", self.directory / f"bridge{number}.ctl",
             "--mode", f"{self.width}x{self.height}@{self.refresh:.3f}",
             "--export", "copy" if self.path == "copy" else "auto",
             *self.trace_options, *options],
            self.directory / f"bridge{number}.log", self.env)
        self.bridges.append(bridge)
        self.wait("the bridge", lambda: path.exists() and
                  (self.status(bridge) or {}).get("display") == "connected")
        bridge.worker_pid = self.status(bridge)["worker_pid"]
        return path

    def start_guest(self, blobs=3, *options):
        """A bridge, and a guest that has blobs of the output's size."""
        path = self.start_bridge(*options)
        mib = blobs * self.width * self.height * 4 // (1 << 20) + 64
        guest = Driver([self.build / "bench/bench-guest", path, mib], self.env)
        self.guests.append(guest)
        if blobs:
            guest.do("blobs", blobs, self.width, self.height)
        return guest

    def start_floor(self, blobs=3):
        floor = Driver([self.build / "bench/bench-floor", self.bridge_socket], self.env)
        self.guests.append(floor)
        floor.do("blobs", blobs, self.width, self.height)
        return floor

    ## What they say, and what they cost

    def status(self, program):
        """The status document of a program; None while it does not answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.settimeout(PATIENCE)
                connection.connect(str(self.directory / f"{program.name}.ctl"))
                connection.sendall(b"status\n")
                text = b"".join(iter(lambda: connection.recv(65536), b""))
            except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
                return None
        return json.loads(text)

    def counters(self, bridge=0):
        return self.status(self.bridges[bridge])["counters"]

    def output(self, number=0):
        return self.status(self.compositor)["outputs"][number]

    def has_colour(self, colour):
        """Whether a picture of the output has it, among the pixels that are looked at."""
        grab = subprocess.run(["grim", "-t", "ppm", "-"], capture_output=True, check=True,
                              env={**self.env, "WAYLAND_DISPLAY": str(self.client_socket)})
        pixels = grab.stdout.split(b"\n", 3)[3]
        return any(pixels[i:i + 3] == colour for i in range(0, len(pixels), 3 * 97))

    def settle(self):
        """Lets what was begun come to its end."""
        time.sleep(0.3)

    @contextlib.contextmanager
    def cost(self):
        """Yields a dict that has, after the block, CPU time in ns of the two kinds of process."""
        def take():
            return (sum(cpu_ns(bridge.worker_pid) for bridge in self.bridges),
                    cpu_ns(self.compositor.pid))
        spent, before = {}, take()
        yield spent
        self.settle()
        after = take()
        spent["bridge"], spent["compositor"] = (b - a for a, b in zip(before, after))

    @contextlib.contextmanager
    def syscalls(self, program):
        """Yields a dict that has, after the block, how many system calls of each name there were.

        Empty where there is no strace.
        """
        calls = {}
        if not shutil.which("strace"):
            yield calls
            return
        table = self.directory / "strace"
        tracer = Program("strace", ["strace", "-c", "-f", "-o", table, "-p", program.worker_pid],
                         self.directory / "strace.log", self.env)
        status = pathlib.Path(f"/proc/{program.worker_pid}/status")
        self.wait("strace", lambda: "TracerPid:\t0" not in status.read_text())
        try:
            yield calls
            self.settle()
        finally:
            tracer.process.send_signal(signal.SIGINT)
            tracer.process.wait(PATIENCE)
        for line in table.read_text().splitlines():
            words = line.split()
            if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
                calls[words[-1]] = int(words[3])

"""The three programs of a Guestpane session, started and watched together.

A Stack is a compositor, a bridge and a guest (QEMU) with their sockets and logs in one
directory. tools/demo and the tests in tests/guest use it; both run it in tools/root's root or
on a machine that has everything.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

TOOLS = pathlib.Path(__file__).resolve().parent
LOG_TAIL = 20


class Failure(Exception):
    """Something went wrong; the text says what and shows the log that tells why."""


def tail(path, lines=LOG_TAIL):
    try:
        text = pathlib.Path(path).read_text(errors="replace").rstrip().splitlines()
    except OSError as error:
        return f"    ({error})"
    return "\n".join("    | " + line for line in text[-lines:]) or "    (empty)"


def open_files(pid):
    """What the descriptors of a process are, as a sorted list."""
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(entry))
        except FileNotFoundError:
            pass
    return sorted(found)


class Program:
    """A child with a log. It dies with us, even if we are killed."""

    def __init__(self, name, command, log, env=None):
        self.name = name
        self.log = pathlib.Path(log)
        self.started = time.monotonic()
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def check(self):
        status = self.process.poll()
        if status is None:
            return
        how = f"exited with status {status}" if status >= 0 else \
            f"was killed by {signal.Signals(-status).name}"
        raise Failure(f"{self.name} {how}; the end of its log {self.log}:\n{tail(self.log)}")

    def stop(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


class Picture:
    """A screenshot: 8-bit RGB."""

    def __init__(self, ppm):
        magic, size, depth, pixels = ppm.split(b"\n", 3)
        if magic != b"P6" or depth != b"255":
            raise Failure(f"grim wrote {magic!r} {depth!r}, not a PPM of 8 bits")
        self.width, self.height = map(int, size.split())
        self.ppm = ppm
        self.pixels = pixels

    def at(self, x, y):
        offset = (y * self.width + x) * 3
        return tuple(self.pixels[offset:offset + 3])

    def colours(self, step=7):
        """How many colours there are, counted on every STEP-th pixel."""
        pixels = self.pixels
        return len({pixels[i:i + 3] for i in range(0, len(pixels) - 2, 3 * step)})

    def difference(self, other, step=7):
        """The part of the (sampled) pixels that differs, 0 to 1; 1 if the sizes do."""
        if (self.width, self.height) != (other.width, other.height):
            return 1.0
        places = range(0, len(self.pixels) - 2, 3 * step)
        return sum(self.pixels[i:i + 3] != other.pixels[i:i + 3] for i in places) / len(places)

    def save(self, path):
        pathlib.Path(path).write_bytes(self.ppm)


class Stack:
    """Use as a context manager: leaving it ends what was started and removes the directory."""

    def __init__(self, build, logs=None):
        self.build = pathlib.Path(build)
        # Short: the path of a socket has at most 107 bytes.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="guestpane-", dir="/tmp"))
        self.logs = pathlib.Path(logs) if logs else self.directory
        self.logs.mkdir(parents=True, exist_ok=True)
        for old in [*self.logs.glob("*.log"), *self.logs.glob("*.ppm")]:
            old.unlink()
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(self.directory)}
        # The programs' own runtime directory is a private one, so a parent's sockets need
        # their whole path.
        parent = os.environ.get("WAYLAND_DISPLAY")
        if parent and not parent.startswith("/"):
            self.env["WAYLAND_DISPLAY"] = os.path.join(
                os.environ.get("XDG_RUNTIME_DIR", "/run"), parent)
        self.bridge_socket = self.directory / "guestpane/bridge.sock"
        self.client_socket = self.directory / "client.sock"
        self.permissions = "capture"  # of grim, and whatever else connects to that socket
        self.gpu_socket = self.directory / "gpu.sock"
        self.work = self.directory / "work"
        self.work.mkdir()
        self.programs = []
        self.compositor = self.bridge = self.guest = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()
        subprocess.run(["rm", "-rf", "--one-file-system", self.directory], check=False)

    def start(self, name, command):
        program = Program(name, command, self.logs / f"{name}.log", self.env)
        self.programs.append(program)
        return program

    def stop(self, program):
        status = program.stop()
        self.programs.remove(program)
        return status

    def wait(self, what, condition, seconds):
        """Waits until condition() is true, and gives back what it was; watches the programs."""
        end = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            for program in self.programs:
                program.check()
            if time.monotonic() > end:
                logs = "\n".join(f"  the end of {program.log}:\n{tail(program.log, 8)}"
                                 for program in self.programs)
                raise Failure(f"{what}: not within {seconds} s\n{logs}")
            time.sleep(0.1)

    ## The programs

    def start_compositor(self, size="1280x800", env=None, options=()):
        self.env.update(env or {})
        self.compositor = self.start(
            "guestpane", [self.build / "compositor/guestpane", "--size", size, "--client-socket",
                          f"tools={self.client_socket}:{self.permissions}", *options])
        self.wait("the compositor's sockets",
                  lambda: self.bridge_socket.exists() and self.display(), 30)

    def display(self):
        """The compositor's socket for clients, if it is there."""
        return self.client_socket if self.client_socket.exists() else None

    def start_bridge(self, name="guest", *options):
        self.bridge = self.start(
            "guestpane-bridge", [self.build / "vmm-bridge/guestpane-bridge",
                                 "--socket-path", self.gpu_socket,
                                 "--display", self.bridge_socket, "--name", name, *options])
        self.wait("the bridge's socket", self.gpu_socket.exists, 30)

    def start_guest(self, script, *qemu, append="", gpu_bus="pcie.0", memory="1G"):
        """Boots a guest that runs `script`, a file; others may be put into self.work before."""
        (self.work / "run").write_text(pathlib.Path(script).read_text())
        self.guest = self.start(
            "guest", [TOOLS / "boot", "--gpu", self.gpu_socket, "--gpu-bus", gpu_bus,
                      "--memory", memory, "--work", self.work,
                      "--console", self.logs / "guest-console.log", "--append", append,
                      "--", *qemu])

    ## What they say

    def status(self):
        """The documents of guestpanectl by program name; {} while nothing answers."""
        answer = subprocess.run(
            [self.build / "ctl/guestpanectl", "status", "--json"], env=self.env,
            capture_output=True, text=True, timeout=20, check=False)
        try:
            return {document["program"]: document for document in json.loads(answer.stdout)}
        except (json.JSONDecodeError, KeyError, TypeError):
            return {}

    def output(self):
        """The compositor's first output, {} if there is none."""
        outputs = self.status().get("guestpane", {}).get("outputs") or [{}]
        return outputs[0]

    def frames(self):
        """How many frames of a guest the first output has shown."""
        return sum(self.output().get("frames", {}).values())

    def grim(self, *arguments):
        display = self.display()
        if not display:
            raise Failure("the compositor has no Wayland socket for grim")
        answer = subprocess.run(
            ["grim", *map(str, arguments)], env={**self.env, "WAYLAND_DISPLAY": str(display)},
            capture_output=True, timeout=30, check=False)
        if answer.returncode:
            raise Failure(f"grim failed: {answer.stderr.decode(errors='replace').strip()}")
        return answer.stdout

    def picture(self):
        return Picture(self.grim("-t", "ppm", "-"))

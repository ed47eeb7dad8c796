"""A guest under test: a Stack whose guest obeys commands and whose QEMU obeys QMP."""

import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools/guest"))

from stack import Failure, Stack  # noqa: E402 (the path must be set first)

# What the guest has for hands; --input of the bridge.
INPUTS = ("keyboard", "tablet")

# Emulated guests on busy machines are slow; nothing waits that long unless it is broken.
PATIENCE = 120


class Lines:
    """A socket to QEMU, line by line, never waiting without an end."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.rest = b""

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def receive(self, seconds):
        """The next line, or None if there is none in time."""
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            data = self.socket.recv(65536)
            if not data:
                raise Failure("QEMU closed its socket")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace").strip()


class Hands:
    """What a person at the compositor's seat does, by tests/harness/fake_seat_main.c."""

    def __init__(self, program, display):
        self.process = subprocess.Popen(
            [program, display], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise Failure(f"the fake seat: {' '.join(map(str, words))}: {answer or 'it ended'}")

    def tap(self, *codes):
        """Presses keys one after the other, and lets them go."""
        for code in codes:
            self.do("key", code, 1)
        for code in reversed(codes):
            self.do("key", code, 0)

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class Machine(Stack):
    """guestpane headless, guestpane-bridge, and one guest after the other."""

    def __init__(self, build, logs):
        super().__init__(build, logs)
        for name in ("WAYLAND_DISPLAY", "DISPLAY"):
            self.env.pop(name, None)
        self.env.update(WLR_BACKENDS="headless", WLR_RENDERER="pixman",
                        WLR_LIBINPUT_NO_DEVICES="1")
        self.permissions = "capture,input,outputs,power,idle,toplevels"
        self.agent = self.monitor = None
        self.inputs = INPUTS
        self.number = 0
        self.pictures = 0

    def input_socket(self, kind):
        return self.directory / f"{kind}.sock"

    def bridge_input_options(self):
        return [word for kind in self.inputs
                for word in ("--input", f"{kind}={self.input_socket(kind)}")]

    def qemu_input_options(self):
        return [word for kind in self.inputs for word in (
            "-chardev", f"socket,id={kind},path={self.input_socket(kind)}",
            "-device", f"vhost-user-input-pci,chardev={kind}")]

    def boot(self, *qemu, **options):
        """Starts a guest; it goes on booting. Options are those of Stack.start_guest."""
        for name in ("agent.sock", "qmp.sock"):
            (self.directory / name).unlink(missing_ok=True)
        self.start_guest(
            HERE / "agent",
            "-chardev", f"socket,id=agent,path={self.directory}/agent.sock,server=on,wait=off",
            "-serial", "chardev:agent",
            "-qmp", f"unix:{self.directory}/qmp.sock,server=on,wait=off", *qemu, **options)
        self.wait("QEMU's sockets", lambda: (self.directory / "qmp.sock").exists(), 60)
        self.agent = Lines(self.directory / "agent.sock")
        self.monitor = Lines(self.directory / "qmp.sock")
        self.qmp("qmp_capabilities")

    def await_agent(self):
        self.wait("the guest's agent", lambda: self.agent.receive(0.1) == "ready", PATIENCE)

    def qmp(self, command, **arguments):
        self.monitor.send(json.dumps({"execute": command, "arguments": arguments}))
        end = time.monotonic() + 30
        while time.monotonic() < end:
            answer = json.loads(self.monitor.receive(30) or "{}")
            if "error" in answer:
                raise Failure(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise Failure(f"QMP {command}: no answer")

    def power_off(self):
        """Ends QEMU as if the VM were killed."""
        self.monitor.send('{"execute": "quit"}')
        self.guest.process.wait(30)
        self.programs.remove(self.guest)
        self.agent = self.monitor = self.guest = None

    ## Commands in the guest

    def begin(self, command):
        """Starts a shell command in the guest and gives back its number."""
        self.number += 1
        self.agent.send(f"{self.number} {command}")
        return self.number

    def finish(self, number, seconds=PATIENCE):
        """Waits for its end; gives back (status, output)."""
        end = time.monotonic() + seconds
        while True:
            line = self.agent.receive(max(0.0, end - time.monotonic()))
            if line is None:
                raise Failure(f"the guest's command {number} has not ended in {seconds} s")
            if line.split(" ")[0] == str(number):
                output = (self.work / f"{number}.out").read_text(errors="replace")
                return int(line.split(" ")[1]), output

    def call(self, command, seconds=PATIENCE):
        """Runs a shell command in the guest that must succeed; gives back its output."""
        status, output = self.finish(self.begin(command), seconds)
        if status:
            raise Failure(f"in the guest, `{command}` ended with {status}:\n{output}")
        return output

    ## What is on the screen

    def keep(self, name, picture):
        """Saves a picture for a person to look at."""
        self.pictures += 1
        picture.save(self.logs / f"{self.pictures:02}-{name}.ppm")

    def await_picture(self, name, good, seconds=60):
        """Waits until good(picture) of the compositor's output; keeps the picture either way."""
        picture = None

        def look():
            nonlocal picture
            picture = self.picture()
            return good(picture)

        try:
            self.wait(f"picture '{name}'", look, seconds)
        finally:
            if picture:
                self.keep(name, picture)
        return picture

    def seat(self):
        return self.status().get("guestpane", {}).get("seat", {})

    def bridge_inputs(self):
        """The bridge's record of the input devices."""
        return self.status().get("guestpane-bridge", {}).get("inputs", [])

    def compositor_guest(self):
        """The compositor's record of the guest, {} if it knows none."""
        guests = self.status().get("guestpane", {}).get("guests") or [{}]
        return guests[0]


def build_directory():
    return pathlib.Path(os.environ.get("GUESTPANE_BUILD", HERE.parents[1] / "build/gcc"))

"""A VM whose own display (-display dbus) is shown on a headless compositor.

What QEMU itself takes for the picture (QMP screendump) is what every case compares with.
"""

import json
import os
import pathlib
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "guest"))

from machine import PATIENCE, Lines, Machine  # noqa: E402 (the path must be set first)
from stack import TOOLS, Picture  # noqa: E402

DISPLAY = ("-display", "dbus,p2p=yes")


class Shown(Machine):
    """guestpane, a bridge on QEMU's monitor, and one QEMU after the other."""

    def __init__(self, build, logs):
        super().__init__(build, logs)
        self.slowest = 0
        self.bridge_monitor = self.directory / "bridge-qmp.sock"

    def replace_compositor(self, size):
        self.stop(self.compositor)
        self.client_socket.unlink(missing_ok=True)
        self.bridge_socket.unlink(missing_ok=True)
        self.start_compositor(size)

    def start_qmp_bridge(self, *options):
        self.bridge = self.start(
            "guestpane-bridge", [self.build / "vmm-bridge/guestpane-bridge",
                                 "--qmp", self.bridge_monitor, "--display", self.bridge_socket,
                                 "--name", "guest", "--log-level", "debug", *options])

    def children(self, pid):
        try:
            text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            return []  # it has ended
        return list(map(int, text.split()))

    def watchers(self):
        """The processes that keep QEMU from waiting: each worker has one."""
        return [child for worker in self.children(self.bridge.pid)
                for child in self.children(worker)]

    def signal_bridge(self, number):
        """To the keeper and its workers."""
        for pid in (self.bridge.pid, *self.children(self.bridge.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def monitors(self):
        words = []
        for path in (self.bridge_monitor, self.directory / "qmp.sock"):
            path.unlink(missing_ok=True)
            words += ["-qmp", f"unix:{path},server=on,wait=off"]
        return words

    def await_monitor(self):
        self.wait("QEMU's monitor", (self.directory / "qmp.sock").exists, 60)
        self.monitor = Lines(self.directory / "qmp.sock")
        self.qmp("qmp_capabilities")

    def boot_firmware(self, *qemu, display=DISPLAY):
        """A VM with no disk: it stays in its firmware."""
        self.guest = self.start("guest", [
            "qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-m", "256M", "-nodefaults",
            *self.monitors(), *display, *qemu])
        self.await_monitor()

    def boot_linux(self, *qemu, append="", display=DISPLAY):
        """tests/guest/agent runs in it."""
        (self.work / "run").write_text((HERE.parent / "guest/agent").read_text())
        self.guest = self.start("guest", [
            TOOLS / "boot", "--work", self.work, "--console", self.logs / "guest-console.log",
            "--append", append, "--",
            "-chardev", f"socket,id=agent,path={self.directory}/agent.sock,server=on,wait=off",
            "-serial", "chardev:agent", *self.monitors(), *display, *qemu])
        self.await_monitor()
        self.agent = Lines(self.directory / "agent.sock")

    def qmp_with_fd(self, command, descriptor, **arguments):
        line = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        socket.send_fds(self.monitor.socket, [line], [descriptor])
        self.wait(command, lambda: '"return"' in (self.monitor.receive(0.1) or ""), 10)

    def screendump(self):
        path = self.directory / "screendump.ppm"
        self.qmp("screendump", filename=str(path))
        return Picture(path.read_bytes())

    def await_same(self, name, good=lambda picture: True, seconds=PATIENCE):
        """Waits until the output shows what QEMU takes for the picture, and that is good."""
        pictures = []

        def look():
            pictures[:] = [self.screendump(), self.picture()]
            return good(pictures[0]) and pictures[0].pixels == pictures[1].pixels

        try:
            self.wait(f"picture '{name}'", look, seconds)
        finally:
            for kind, picture in zip(("qemu", "output"), pictures):
                self.keep(f"{name}-{kind}", picture)
        return pictures[1]

    def display_status(self):
        """What the bridge says of QEMU's display."""
        return self.status().get("guestpane-bridge", {}).get("qemu", {})

    def scanout(self):
        return (self.status().get("guestpane-bridge", {}).get("scanouts") or [{}])[0]

    def await_state(self, state, seconds=30):
        self.wait(f"the guest is {state}",
                  lambda: self.compositor_guest().get("state") == state, seconds)

    def slowest_reply(self, seconds, during=lambda: None):
        """Asks QEMU's main loop all the time; gives back the longest that it took, in ms."""
        end = time.monotonic() + seconds
        self.slowest = 0
        during()
        while time.monotonic() < end:
            self.qmp("query-status")
            time.sleep(0.005)
        return self.slowest * 1000

    def qmp(self, command, **arguments):
        start = time.monotonic()
        answer = super().qmp(command, **arguments)
        self.slowest = max(self.slowest, time.monotonic() - start)
        return answer


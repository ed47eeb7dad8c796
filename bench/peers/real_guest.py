"""Page flips of a real Linux guest, with QEMU's own virtio-gpu and D-Bus display, and with ours.

The guest's processors may be emulated, so their threads do not count: what counts of QEMU are all
other threads, above all the main one, which has the devices and the displays.
"""

import pathlib
import socket
import time

from dbus_display import FRAMES, MAP
from guest_test import connector
from machine import PATIENCE, Machine
from qemu_flip import Qmp, listen
from stack import TOOLS, Failure

WIDTH, HEIGHT = 1280, 800
SECONDS = 6
CASE = f"guest {WIDTH}x{HEIGHT}"
NAMES = ("-name", "guestpane-guest,debug-threads=on")


class PeerMachine(Machine):
    """A Machine whose guest has QEMU's own virtio-gpu, shown by -display dbus."""

    def start_guest(self, script, *qemu, **_):
        (self.work / "run").write_text(pathlib.Path(script).read_text())
        self.guest = self.start("guest", [
            TOOLS / "boot", "--work", self.work, "--console", self.logs / "guest-console.log",
            "--", *qemu, "-device", f"virtio-gpu-pci,xres={WIDTH},yres={HEIGHT}",
            "-display", "dbus,p2p=yes",
            "-qmp", f"unix:{self.directory}/display.sock,server=on,wait=off"])

    def listen(self, interfaces):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.directory / "display.sock"))
        return listen(Qmp(connection), interfaces)


def threads_ns(pid):
    """Processor time of a process's threads by name, without those that run the guest."""
    times = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            used = int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
        if not name.startswith("CPU "):
            times[name] = times.get(name, 0) + used
    return times


def measure_flips(machine, processes, count):
    """({process or thread: µs per frame}, frames per second) while modetest flips."""
    number, _ = connector(machine)
    start_count = count()
    job = machine.begin(f"sleep {PATIENCE} | "
                        f"modetest -M virtio_gpu -s {number}:{WIDTH}x{HEIGHT} -v")
    machine.wait("page flips", lambda: count() > start_count + 20, PATIENCE)

    def look():
        times = {"QEMU " + name: ns for name, ns in threads_ns(machine.guest.pid).items()}
        for name, program in processes.items():
            times[name] = sum(threads_ns(program.pid).values())
        return count(), time.monotonic(), times

    first = look()
    time.sleep(SECONDS)
    last = look()
    machine.call("pkill -x sleep")
    machine.finish(job)
    frames = last[0] - first[0]
    if frames < 10:
        raise Failure(f"{frames} flips in {SECONDS} s")
    costs = {name: (ns - first[2].get(name, 0)) / 1e3 / frames for name, ns in last[2].items()}
    return costs, frames / (last[1] - first[1])


def describe(costs, rate):
    parts = ", ".join(f"{name} {cost:.0f}" for name, cost in
                      sorted(costs.items(), key=lambda item: -item[1]) if cost >= 1)
    return f"{parts}; {rate:.1f} flips/s"


def logs(build):
    return pathlib.Path(build) / "bench/peers/logs"


def measure_ours(build, emit):
    with Machine(build, logs(build) / "ours") as machine:
        machine.start_compositor(f"{WIDTH}x{HEIGHT}")
        machine.start_bridge("guest")
        machine.boot(*NAMES)
        machine.await_agent()

        def count():
            scanouts = machine.status().get("guestpane-bridge", {}).get("scanouts") or [{}]
            return scanouts[0].get("flushes", 0)

        processes = {"bridge": machine.bridge, "compositor": machine.compositor}
        costs, rate = measure_flips(machine, processes, count)
        way = "copy" if machine.output().get("path") == "copied" else "zero-copy"
        emit(CASE, "guestpane", "CPU per frame", sum(costs.values()),
             f"QEMU without the threads of the guest's processors, bridge, compositor: "
             f"{describe(costs, rate)}; the picture is shown", way=way)
        emit(CASE, "guestpane", "device CPU per frame", sum(costs.values()) - costs["compositor"],
             "QEMU and bridge", way=way)


def measure_dbus(build, emit):
    with PeerMachine(build, logs(build) / "dbus") as machine:
        machine.boot(*NAMES)
        machine.await_agent()
        for who, interfaces in (("qemu dbus", []), ("qemu dbus shared memory", [MAP])):
            listener = machine.listen(interfaces)

            def count(counts=listener.counts):
                # A flip of QEMU's is a new picture; an update may follow it.
                return sum(counts[name] for name in FRAMES if name.startswith("Scanout"))

            costs, rate = measure_flips(machine, {}, count)
            listener.close()
            value = sum(costs.values())
            emit(CASE, who, "CPU per frame", value,
                 f"QEMU without the threads of the guest's processors: {describe(costs, rate)}; "
                 "that the picture is read and shown comes on top; 2D resources, as QEMU has no "
                 "blobs without /dev/udmabuf")
            emit(CASE, who, "device CPU per frame", value, "QEMU")


def measure(build, emit, complain):
    for who, part in (("guestpane", measure_ours), ("qemu dbus", measure_dbus)):
        try:
            part(build, emit)
        except (Failure, OSError, EOFError) as failure:
            complain(f"{CASE}, {who}: {failure}")
            emit(CASE, who, "CPU per frame", None,
                 f"not measured: {str(failure).splitlines()[0]}")

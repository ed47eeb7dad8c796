"""Flips of a synthetic guest on QEMU's own virtio-gpu, shown by one of QEMU's displays."""

import collections
import glob
import json
import os
import socket
import subprocess
import tempfile
import time

from dbus_display import DMABUF2, FRAMES, MAP, Listener
from qtest_guest import QtestError, QtestGuest

FLIP_S = 1 / 60
WARM_UP = 10

# listens: as which interfaces, None if nobody listens.
Peer = collections.namedtuple("Peer", "who display listens blob gl")
PEERS = [
    Peer("qemu no display", "none", None, False, False),
    Peer("qemu dbus", "dbus,p2p=yes", [], False, False),
    Peer("qemu dbus shared memory", "dbus,p2p=yes", [MAP], False, False),
    Peer("qemu dbus blob", "dbus,p2p=yes", [], True, False),
    Peer("qemu dbus blob gl", "dbus,p2p=yes,gl=on", [DMABUF2], True, True),
    Peer("qemu egl-headless", "egl-headless", None, False, True),
    Peer("qemu egl-headless blob", "egl-headless", None, True, True),
]


class Qmp:
    def __init__(self, connection):
        self.socket = connection
        self.file = connection.makefile("rwb")
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, command, fd=None, **arguments):
        """With a descriptor, if it is given."""
        line = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        socket.send_fds(self.socket, [line], [] if fd is None else [fd])
        while True:
            answer = json.loads(self.file.readline() or '{"error": {"desc": "QEMU has ended"}}')
            if "error" in answer:
                raise QtestError(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return


def listen(qmp, interfaces):
    """A listener of QEMU's D-Bus display."""
    ours, theirs = socket.socketpair()
    qmp.call("getfd", fd=theirs.fileno(), fdname="display")
    theirs.close()
    qmp.call("add_client", protocol="@dbus-display", fdname="display")
    return Listener(ours, interfaces)


def cpu_ns(pid):
    """User and system time of a process, by its clock (clock_getcpuclockid)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def flip(guest, count, blob):
    """So many flips, or as many as there is time for; gives back the number."""
    next_s = time.monotonic()
    end_s = next_s + count * FLIP_S
    for number in range(count):
        guest.flip(1 + number % 3, blob)
        next_s = max(next_s + FLIP_S, time.monotonic())
        time.sleep(max(0, next_s - time.monotonic()))
        if next_s > end_s:
            return number + 1
    return count


def drain(listener):
    """Until all pictures that are on their way have come."""
    end_s, seen = time.monotonic() + 5, -1
    while listener.bytes != seen and time.monotonic() < end_s:
        seen = listener.bytes
        time.sleep(0.3)


def describe(listener, before, frames):
    """What came of the frames."""
    if listener is None:
        return "nobody reads the picture"
    came = {name: listener.counts[name] - before[name] for name in FRAMES}
    return f"of {frames} flips came " + ", ".join(
        f"{count} {name}" for name, count in came.items() if count)


def render_nodes():
    """Those of the machine; in the VM there is none before vgem makes one (software GL)."""
    if os.path.exists("/guest/run"):
        subprocess.run(["modprobe", "vgem"], check=False)
        subprocess.run(["udevadm", "settle", "--timeout=10"], check=False)
    return glob.glob("/dev/dri/renderD*")


def measure(peer, frames):
    """(µs of QEMU's processor time per frame, note), or (None, why not)."""
    nodes = render_nodes() if peer.gl else []
    if peer.gl and not nodes:
        return None, "no render node here"
    if peer.blob and not os.access("/dev/udmabuf", os.R_OK | os.W_OK):
        return None, "no /dev/udmabuf here, which QEMU needs for blobs"
    display = ["-display", peer.display + (f",rendernode={nodes[0]}" if peer.gl else "")]
    env = {**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1"} if peer.gl else None
    with tempfile.TemporaryDirectory() as directory:
        try:
            with QtestGuest(directory, display, ",blob=on" if peer.blob else "", env) as guest:
                guest.start(peer.blob)
                listener = None
                if peer.listens is not None:
                    listener = listen(Qmp(guest.connect(guest.qmp_path)), peer.listens)
                guest.make_pictures(peer.blob)
                flip(guest, WARM_UP, peer.blob)
                before = collections.Counter(listener.counts if listener else {})
                start_ns, start_s = cpu_ns(guest.pid), time.monotonic()
                frames = flip(guest, frames, peer.blob)
                rate = frames / (time.monotonic() - start_s)
                if listener:
                    drain(listener)
                used_ns = cpu_ns(guest.pid) - start_ns
                note = describe(listener, before, frames)
                if guest.process.poll() is not None:
                    raise QtestError(f"QEMU ended: {guest.words()}")
        except (QtestError, OSError, EOFError) as error:
            return None, f"not measured: {error}"
    if listener and not any(listener.counts[name] for name in FRAMES):
        return None, "not measured: no picture came"
    kind = "blobs" if peer.blob else "2D resources"
    return used_ns / 1e3 / frames, f"{kind}, {note}, {rate:.1f} flips/s"

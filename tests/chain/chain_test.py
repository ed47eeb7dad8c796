#!/usr/bin/python3
"""The whole chain, on real kernels and stock VMMs: device memory that a guest draws into is shown.

    chain_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

The machine runs the host VM; its GPU is a Guestpane of its own (headless here). In the host VM run
the compositor on KMS, the bridge, and under QEMU with KVM the second guest, to which the ivshmem
device is assigned by vfio-pci. That guest's memory table does not have the device's memory, so only
VFIO can find it: the bridge copies the device's descriptor out of QEMU.
"""

import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "guest"))

from device_test import Device  # noqa: E402 (the path must be set first)
from guest_test import expect, note, run_cases  # noqa: E402
from machine import Machine  # noqa: E402
from pattern import is_pattern  # noqa: E402
from stack import Failure, Picture  # noqa: E402

WIDTH, HEIGHT = 1280, 800
HOST = [
    # EPYC: TCG emulates its SVM, and the kernel allows peer-to-peer below its host bridge.
    "-cpu", "EPYC",
    "-device", "intel-iommu,intremap=on,caching-mode=on",
    "-device", "bochs-display,id=bochs,xres=1280,yres=800",
    "-object", "memory-backend-memfd,id=vram,size=64M,share=on",
    "-device", "ivshmem-plain,memdev=vram",
]


class Inner:
    """The programs in the host VM."""

    def __init__(self, machine):
        self.machine = machine
        self.jobs = {}
        # The host VM has a /tmp and a /root of its own, in which a checkout there is not seen.
        for program in ("compositor/guestpane", "vmm-bridge/guestpane-bridge", "ctl/guestpanectl"):
            shutil.copy(machine.build / program, machine.work)

    def start(self, name, command):
        self.machine.call(f"rm -f /tmp/{name}.pid")
        self.jobs[name] = self.machine.begin(
            f"sh -c 'echo $$ >/tmp/{name}.pid; exec {command} >/guest/{name}.log 2>&1'")

    def stop(self, name):
        self.machine.call(f"kill $(cat /tmp/{name}.pid)")
        self.machine.finish(self.jobs.pop(name), 30)

    def await_file(self, path, seconds=60):
        self.machine.call(f"for i in $(seq {seconds * 5}); do [ -e {path} ] && exit 0; sleep 0.2; "
                          f"done; tail -n 5 /guest/*.log; exit 1", seconds + 30)

    def start_compositor(self, driver, renderer):
        self.machine.call(f"modprobe -a bochs virtio-gpu; udevadm settle; rm -f /tmp/card; "
                          "for c in /sys/class/drm/card?; do case $(readlink $c/device/driver) in "
                          f"*/{driver}) ln -s /dev/dri/${{c##*/}} /tmp/card;; esac; done; "
                          "[ -e /tmp/card ]")
        self.start("compositor",
                   "env XDG_RUNTIME_DIR=/tmp LIBSEAT_BACKEND=builtin WLR_LIBINPUT_NO_DEVICES=1 "
                   f"WLR_DRM_DEVICES=$(readlink /tmp/card) WLR_BACKENDS=drm {renderer} "
                   "/guest/guestpane")
        self.await_file("/tmp/guestpane/bridge.sock")

    def start_bridge(self):
        self.start("bridge", "env XDG_RUNTIME_DIR=/tmp /guest/guestpane-bridge --log-level debug "
                             "--socket-path /tmp/second.sock --name second")
        self.await_file("/tmp/second.sock")

    def keep_logs(self):
        for log in self.machine.work.glob("*.log"):
            shutil.copy(log, self.machine.logs / f"inner-{log.name}")

    def log(self, name):
        return (self.machine.work / f"{name}.log").read_text(errors="replace")

    def status(self):
        text = self.machine.call(
            "XDG_RUNTIME_DIR=/tmp /guest/guestpanectl status --json 2>/dev/null || "
            "echo []")
        return {document["program"]: document for document in json.loads(text)}


class Stuck(Failure):
    """The second guest's processor is busy for ever, mostly at one instruction with interrupts off: it
    waits for nothing. KVM runs on a processor that QEMU emulates here, and that happens to it."""


class Second(Device):
    """bar_picture in the second guest, at the fifos in the host VM."""

    def start_once(self):
        self.machine.call("rm -f /guest/bar.out")
        self.answers = 0
        self.machine.inner.start("second", "/guest/second-guest")
        return self.answer(300)

    def begin(self):
        try:
            return self.start_once()
        except Stuck as stuck:
            note(stuck)
            self.machine.inner.stop("second")
            return self.start_once()

    def answer(self, seconds):
        try:
            return super().answer(seconds)
        except Failure as failure:
            stuck = self.find_stuck()
            if stuck is None:
                raise
            raise Stuck(f"the second guest is busy for ever at {stuck}") from failure

    def find_stuck(self):
        """Where the second guest's processor was seen, if it was never halted; else None."""
        text = self.machine.call(
            "python3 -c 'import socket, time; s = socket.socket(socket.AF_UNIX); "
            "s.connect(\"/tmp/second.monitor\"); "
            "[(s.sendall(b\"info registers\\n\"), time.sleep(0.5)) for i in range(8)]; "
            "print(s.recv(1 << 20).decode())'")
        places = set(re.findall(r"RIP=(\w+) RFL=(\w+)", text))
        if places and "HLT=1" not in text:
            return f"(RIP, RFL) {sorted(places)}"
        bridge = self.machine.inner.status().get("guestpane-bridge", {})
        note(f"the second guest waits; its bridge has {bridge.get('scanouts')} "
             f"{bridge.get('counters')}")
        return None

    def again(self):
        """Another second guest, with what the cases from `refused` on leave."""
        self.machine.inner.stop("second")
        answer = self.begin()
        expect(answer.startswith("ok"), answer)
        for command in ("show 0 whole", "show 1 reverse"):
            self.do(command)


def once_more(case):
    """The case, with another second guest if the first one stood still in it."""
    @functools.wraps(case)
    def run(machine):
        try:
            case(machine)
        except Stuck as stuck:
            note(f"{stuck}: another one is started")
            machine.device.again()
            case(machine)
    return run


def screendump(machine):
    path = machine.work / "screen.ppm"
    path.unlink(missing_ok=True)
    machine.qmp("screendump", filename=str(path), device="bochs")
    return Picture(path.read_bytes())


def await_screen(machine, name, good, seconds=60):
    """As await_picture, of the host VM's bochs card."""
    found = None

    def look():
        nonlocal found
        found = screendump(machine)
        return good(found)

    try:
        machine.wait(f"screen '{name}'", look, seconds)
    finally:
        machine.keep(name, found)


## The cases

def boot(machine):
    """The host VM is up, with the compositor on its KMS card and a second guest under KVM."""
    machine.await_agent()
    inner = machine.inner
    inner.start_compositor("bochs-drm", "WLR_RENDERER=pixman")
    inner.start_bridge()
    answer = machine.device.begin()
    expect(answer.startswith("ok"), answer)
    note(answer)


def refused(machine):
    """The host's card cannot import device memory: exported, refused, copied from the BAR."""
    machine.device.do("show 0 whole")
    await_screen(machine, "copied", lambda picture: is_pattern(picture, 0))
    status = machine.inner.status()["guestpane-bridge"]
    scanout, devices = status["scanouts"][0], status["devices"]
    note(f"{scanout['exporter']}: {scanout['reason']}")
    note(f"devices: {devices}")
    expect(scanout["exporter"] == "copy" and "refused vfio" in scanout["reason"],
           "the status does not say why it is copied")
    expect(len(devices) == 1 and devices[0]["exports"], "the device is not in the status")
    expect("by way of vfio" in machine.inner.log("bridge"), "it was not exported")
    imports = status["counters"]["imports_failed"]
    machine.device.do("show 1 reverse")
    await_screen(machine, "copied-reverse", lambda picture: is_pattern(picture, 1))
    counters = machine.inner.status()["guestpane-bridge"]["counters"]
    expect(counters["imports_failed"] == imports, "a refused kind was tried again")


def copies(machine):
    """Later drawing, page flips, a cursor: only by reading the BAR."""
    machine.device.do("paint 1 2")
    await_screen(machine, "painted", lambda picture: is_pattern(picture, 1, 2))
    machine.device.do("flip 1 0 11", 120)
    await_screen(machine, "flipped", lambda picture: is_pattern(picture, 0))


def decode(machine):
    """Memory decode off while shown: survived; on: shown again."""
    machine.device.do("decode off")
    machine.device.do("decode on")
    machine.device.do("commit 0")
    machine.device.do("paint 0 4")
    await_screen(machine, "decoded", lambda picture: is_pattern(picture, 0, 4))


def zero_copy(machine):
    """On a card that imports device memory, the picture is scanned out of it, and not copied."""
    inner = machine.inner
    machine.device.do("commit 0")
    machine.device.do("paint 0 4")
    before = inner.status()["guestpane-bridge"]["counters"]
    inner.stop("compositor")
    # With GL, as the CPU renderer cannot import; in software it takes its time to start.
    inner.start_compositor("virtio-pci", "WLR_RENDERER=gles2 WLR_RENDERER_ALLOW_SOFTWARE=1")

    def is_direct():
        return [scanout["path"] for scanout in
                inner.status().get("guestpane-bridge", {}).get("scanouts", [])] == ["direct"]

    machine.wait("direct scan-out", is_direct, 300)
    machine.await_picture("zero-copy", lambda picture: is_pattern(picture, 0, 4))
    machine.device.do("paint 0 5")
    machine.await_picture("zero-copy-painted", lambda picture: is_pattern(picture, 0, 5))
    status = inner.status()
    scanout = status["guestpane-bridge"]["scanouts"][0]
    after = status["guestpane-bridge"]["counters"]
    frames = status["guestpane"]["outputs"][0]["frames"]
    note(f"{scanout['exporter']}, {scanout['path']}; frames {frames}; "
         f"{after['bytes_copied'] - before['bytes_copied']} bytes copied")
    expect(scanout["exporter"] == "vfio" and scanout["path"] == "direct", f"not direct: {scanout}")
    expect(after["bytes_copied"] == before["bytes_copied"], "something was copied")
    expect(after["imports_failed"] == before["imports_failed"], "an import failed")


def ended(machine):
    """The second guest's VMM ends: its device is released, and can be opened again."""
    machine.inner.stop("second")
    machine.call("for i in $(seq 50); do exec 9<>/dev/vfio/$(ls /dev/vfio | grep -v vfio) && "
                 "exit 0; sleep 0.2; done; exit 1")
    expect("released" in machine.inner.log("bridge"), "the bridge does not say so")
    links = machine.call("ls -l /proc/$(cat /tmp/bridge.pid)/fd")
    expect("vfio" not in links, f"the bridge still has the device:\n{links}")


CASES = [boot, *map(once_more, (refused, copies, decode, zero_copy)), ended]


def main():
    build, logs, *names = sys.argv[1:]
    cases = [case for case in CASES if not names or case.__name__ in ("boot", *names)]
    with Machine(build, logs) as machine:
        program = machine.build.resolve() / "tests/guest/bar_picture"
        subprocess.run([HERE / "make-initrd", machine.work / "second-initrd", program], check=True)
        (machine.work / "second-guest").write_bytes((HERE / "second-guest").read_bytes())
        (machine.work / "second-guest").chmod(0o755)
        machine.inner = Inner(machine)
        machine.device = Second(machine)
        machine.start_compositor(f"{WIDTH}x{HEIGHT}")
        machine.start_bridge("host")
        machine.boot(*HOST, append="intel_iommu=on iommu=pt", memory="3G")
        try:
            return 0 if run_cases(machine, cases) else 1
        finally:
            machine.inner.keep_logs()


if __name__ == "__main__":
    sys.exit(main())

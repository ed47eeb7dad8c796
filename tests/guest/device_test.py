#!/usr/bin/python3
"""A stock Linux guest shows pictures in the memory of a PCI device.

    device_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

The device is ivshmem, given to vfio-pci in the guest; bar_picture.c exports its memory and has the
stock virtio_gpu driver import it. Here this memory is known to the VMM as well, so the cases prove
the guest's side, and ours of memory that comes and goes (tests/chain has the other half). They run
in order and share a guest, except for the last ones, which boot others (C12).
"""

import re
import sys
import time

from guest_test import HEIGHT, WIDTH, expect, is_red_bar, note, paint_console, run_cases
from machine import Failure, Machine
from stack import open_files
from pattern import is_pattern

IOMMU = ["-device", "intel-iommu,intremap=on,caching-mode=on",
         "-object", "memory-backend-memfd,id=vram,size=64M,share=on"]
SWITCH = [*IOMMU, "-device", "pcie-root-port,id=rp,slot=1", "-device", "x3130-upstream,id=up,bus=rp",
          "-device", "xio3130-downstream,id=d1,bus=up,chassis=1",
          "-device", "xio3130-downstream,id=d2,bus=up,chassis=2",
          "-device", "ivshmem-plain,memdev=vram,bus=d2"]
ROOT_BUS = ["-cpu", "EPYC", *IOMMU, "-device", "ivshmem-plain,memdev=vram"]


class Device:
    """bar_picture in the guest."""

    def __init__(self, machine):
        self.machine = machine
        self.answers = 0

    def bind(self):
        self.machine.call("modprobe -a vfio-pci vfio_iommu_type1")
        self.machine.call(
            "for d in /sys/bus/pci/devices/*; do "
            "if [ $(cat $d/vendor)$(cat $d/device) = 0x1af40x1110 ]; then "
            "echo vfio-pci >$d/driver_override; echo ${d##*/} >/sys/bus/pci/drivers_probe; "
            "fi; done; ls /dev/vfio/[0-9]*")

    def start(self):
        self.answers = 0
        (self.machine.work / "bar.out").unlink(missing_ok=True)
        self.machine.call("rm -f /tmp/bar.in; mkfifo /tmp/bar.in")
        self.job = self.machine.begin("sh -c 'echo $$ >/tmp/bar.pid; "
                                      "exec /guest/bar_picture <>/tmp/bar.in >/guest/bar.out 2>&1'")
        return self.answer(30)

    def answer(self, seconds):
        """Its next answer."""
        def look():
            try:
                text = (self.machine.work / "bar.out").read_text(errors="replace")
            except FileNotFoundError:
                return None
            found = re.findall(r"^(?:ok|error).*\n", text, re.MULTILINE)
            return found[self.answers:self.answers + 1]

        answer = self.machine.wait("bar_picture's answer", look, seconds)[0].strip()
        self.answers += 1
        return answer

    def tell(self, command, seconds=60):
        """Has it do something; gives back the answer, which may be an error."""
        self.machine.call(f"echo {command} >/tmp/bar.in")
        return self.answer(seconds)

    def do(self, command, seconds=60):
        answer = self.tell(command, seconds)
        expect(answer.startswith("ok"), f"{command}: {answer}")

    def end(self):
        self.machine.call("kill -9 $(cat /tmp/bar.pid)")
        self.machine.finish(self.job)


def counters(machine):
    return machine.status().get("guestpane-bridge", {}).get("counters", {})


## The cases

def boot(machine):
    """The guest is up, with the device at vfio-pci."""
    machine.await_agent()
    machine.device.bind()
    paint_console(machine)
    machine.await_picture("console", is_red_bar)
    answer = machine.device.start()
    expect(answer.startswith("ok"), answer)
    note(answer)


def show(machine):
    """A picture in device memory is on the screen: one range, and pages in reverse order."""
    machine.device.do("show 0 whole")
    machine.await_picture("whole", lambda picture: is_pattern(picture, 0))
    machine.device.do("show 1 reverse")
    machine.await_picture("reverse", lambda picture: is_pattern(picture, 1))


def flips(machine):
    """Page flips between the two; the last one stays."""
    machine.device.do("flip 1 0 61", 120)
    machine.await_picture("flipped", lambda picture: is_pattern(picture, 0))
    found = re.findall(r"# ([\d.]+) flips/s", (machine.work / "bar.out").read_text())
    note(f"{found[-1]} flips/s")


def damage(machine):
    """What is painted later is seen."""
    machine.device.do("paint 0 3")
    machine.await_picture("painted", lambda picture: is_pattern(picture, 0, 3))


def cursor(machine):
    """A cursor in device memory is drawn over the picture."""
    machine.device.do("cursor on")
    machine.await_picture("cursor", lambda picture: picture.at(232, 132) == (255, 0, 0)
                          and picture.at(206, 106) != (255, 0, 0))
    machine.device.do("cursor off")
    machine.await_picture("no-cursor", lambda picture: picture.at(232, 132) != (255, 0, 0))


def decode(machine):
    """Memory decode off while shown, and on: the same resource gets new backing (B8)."""
    machine.device.do("show 0 whole")
    machine.await_picture("before", lambda picture: is_pattern(picture, 0))
    for step in (1, 2, 3):
        machine.device.do("decode off")
        time.sleep(1)
        machine.bridge.check()
        machine.device.do("decode on")
        machine.device.do(f"dark 0 {step}")
        machine.device.do("commit 0")
        machine.device.do(f"paint 0 {step}")
        machine.await_picture(f"decoded-{step}", lambda picture: is_pattern(picture, 0, step))


def decode_off_flip(machine):
    """With decode off on one picture, another in device memory is refused by the guest's kernel."""
    machine.device.do("decode off")
    answer = machine.device.tell("show 1 whole")
    note(answer)
    machine.device.do("decode on")
    machine.device.do("show 1 whole")
    machine.await_picture("after", lambda picture: is_pattern(picture, 1))


def balance(machine):
    """1000 times export, import, show, drop: no descriptor stays, and no memory."""
    machine.device.do("cycles 20", 120)
    machine.device.do("show 0 whole")
    machine.await_picture("before-cycles", lambda picture: is_pattern(picture, 0))
    worker = machine.status()["guestpane-bridge"]["worker_pid"]
    before = open_files(worker)
    memory = resident(worker)
    start = time.monotonic()
    machine.device.do("cycles 1000", 600)
    machine.device.do("show 0 whole")
    machine.await_picture("after-cycles", lambda picture: is_pattern(picture, 0))
    try:
        machine.wait("", lambda: len(open_files(worker)) == len(before), 10)
    except Failure:
        raise Failure(f"{before} became {open_files(worker)}") from None
    grown = resident(worker) - memory
    note(f"1000 cycles in {time.monotonic() - start:.1f} s, {len(before)} descriptors, "
         f"resident memory {grown:+d} KiB")
    expect(grown < 16 * 1024, f"the bridge has grown by {grown} KiB")


def resident(pid):
    status = open(f"/proc/{pid}/status", encoding="ascii").read()
    return int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE).group(1))


def unbind(machine):
    """The program is killed while its picture is shown, the device unbound, bound and shown again."""
    machine.device.end()
    machine.wait("the console's picture",
                 lambda: not is_pattern(machine.picture(), 0), 30)
    machine.call("for d in /sys/bus/pci/drivers/vfio-pci/0*; do "
                 "echo ${d##*/} >/sys/bus/pci/drivers/vfio-pci/unbind; done")
    machine.bridge.check()
    machine.device.bind()
    machine.device.start()
    machine.device.do("show 2 reverse")
    machine.await_picture("bound-again", lambda picture: is_pattern(picture, 2))


def killed(machine):
    """The VMM is killed while a picture in device memory is shown: the next one is served."""
    machine.power_off()
    machine.wait("the status screen", lambda: machine.output().get("showing") != "guest", 20)
    expect(not is_pattern(machine.picture(), 2), "the dead guest's picture is still there")


def next_guest(machine, *qemu, append, gpu_bus="pcie.0"):
    machine.boot(*qemu, append=append, gpu_bus=gpu_bus)
    machine.await_agent()
    machine.device.bind()
    expect(machine.device.start().startswith("ok"), "bar_picture does not start")


def root_bus(machine):
    """Both on the root bus, a Zen host bridge, iommu=pt: shown (C12)."""
    next_guest(machine, *ROOT_BUS, append="intel_iommu=on iommu=pt")
    machine.device.do("show 0 whole")
    machine.await_picture("root-bus", lambda picture: is_pattern(picture, 0))
    machine.power_off()


def translating(machine):
    """On the root bus with a translating IOMMU the addresses mean nothing to us: said, refused (C12)."""
    next_guest(machine, *ROOT_BUS, append="intel_iommu=on")
    paint_console(machine)
    machine.await_picture("console-translating", is_red_bar)
    errors = counters(machine)["guest_errors"]
    note(machine.device.tell("show 0 whole"))
    machine.wait("a guest error", lambda: counters(machine)["guest_errors"] > errors, 20)
    log = machine.bridge.log.read_text()
    expect("IOVA of a translating guest IOMMU" in log, "the log does not say why")
    expect(not is_pattern(machine.picture(), 0), "a picture at an IOVA cannot be right")
    machine.device.end()
    paint_console(machine)
    machine.await_picture("console-again", is_red_bar)
    machine.power_off()


CASES = [boot, show, flips, damage, cursor, decode, decode_off_flip, balance, unbind, killed,
         root_bus, translating]


def main():
    build, logs, *names = sys.argv[1:]
    cases = [case for case in CASES if not names or case.__name__ in ("boot", *names)]
    with Machine(build, logs) as machine:
        program = machine.build / "tests/guest/bar_picture"
        (machine.work / "bar_picture").write_bytes(program.read_bytes())
        (machine.work / "bar_picture").chmod(0o755)
        machine.device = Device(machine)
        machine.start_compositor(f"{WIDTH}x{HEIGHT}")
        machine.start_bridge()
        machine.boot(*SWITCH, append="intel_iommu=on", gpu_bus="d1")
        return 0 if run_cases(machine, cases) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Runs test programs in a VM that plays the host: udmabuf, VFIO with two devices, two KMS cards.

    hostvm_test.py [--build DIRECTORY] [--sleep] [--file FILE]… [--case PATTERN] PROGRAM…

All share one boot, in a directory that has the FILEs, too. Their cases come out as one TAP stream;
what a program says on stderr follows it as comments when it failed.

With the directory of a build there is a third card: a virtio-gpu with two monitors, which is that
build's guestpane-bridge with its headless guestpane. With --sleep it is another VM, which can
suspend to memory, with no VFIO and without QEMU's virtio-gpu, whose driver cannot.

A program asks for something outside of the VM: it makes the file NAME.want with one line, gets
NAME.got, and removes both. The lines:

    screen DEVICE   a picture (PPM) of the monitor of a card that QEMU plays: bochs, virtio
    HEADLESS-N      a picture of a monitor of the virtio-gpu card, with its cursor
    run WORD…       runs a command at the compositor of the virtio-gpu card
    wake            waits until the VM sleeps, and wakes it a second later
    key CODE DOWN   presses (DOWN 1) or lets go (0) a key of the VM's keyboard: a QEMU key code
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE.parents[1] / "tools/guest"
sys.path.insert(0, str(TOOLS))

from stack import Failure, Program, Stack, tail  # noqa: E402 (the path must be set first)

PATIENCE = 1100  # seconds for the VM with all programs; a tenth of that when nothing is wrong
SLEEP_PATIENCE = 60  # seconds until it sleeps

KERNEL = "intel_iommu=on iommu=pt"
MACHINE = [
    # EPYC: the kernel allows peer-to-peer between any two devices below a Zen host bridge, and
    # TCG emulates the SVM that a VM inside this one needs.
    "-cpu", "EPYC",
    "-device", "intel-iommu,intremap=on,caching-mode=on",
    "-device", "bochs-display,id=bochs,xres=640,yres=480",
    "-device", "virtio-gpu-pci,id=virtio,xres=640,yres=480",
    "-object", "memory-backend-memfd,id=vram0,size=64M,share=on",
    "-device", "ivshmem-plain,memdev=vram0",
    "-object", "memory-backend-memfd,id=vram1,size=16M,share=on",
    "-device", "ivshmem-plain,memdev=vram1",
]

# The reset at a wake-up takes the mode away from this one, and not from bochs-display.
SLEEPER = ["-device", "secondary-vga,id=bochs,xres=640,yres=480"]
# The console is on bochs, the second card: the kernel draws on it until the processors stop, and
# what it then asks of a virtio-gpu, whose driver knows no suspend, never ends.
SLEEPER_KERNEL = "fbcon=map:1"

CASE = re.compile(r"^(not )?ok\s+\d*\s*-?\s*(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)(.*)$")


class Monitor:
    """QEMU's monitor."""

    def __init__(self, path):
        self.path = path
        self.file = None

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(str(self.path))
        self.file = connection.makefile("rwb")
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        if self.file is None:
            self.connect()
        self.file.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.file.flush()
        for line in self.file:
            answer = json.loads(line)
            if "error" in answer:
                raise Failure(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise Failure(f"QMP {command}: QEMU has closed its socket")

    def screendump(self, work, device):
        picture = work / "picture"
        self.call("screendump", filename=str(picture), device=device)
        return picture.read_bytes()

    def wake(self):
        end = time.monotonic() + SLEEP_PATIENCE
        while self.call("query-status")["status"] != "suspended":
            if time.monotonic() > end:
                raise Failure(f"the VM did not suspend in {SLEEP_PATIENCE} s")
            time.sleep(0.1)
        time.sleep(1)
        self.call("system_wakeup")
        return b""

    def key(self, code, down):
        self.call("input-send-event", events=[{"type": "key", "data": {
            "down": down == "1", "key": {"type": "qcode", "data": code}}}])
        return b""


class Outside:
    """Does what the programs in the VM ask for."""

    def __init__(self, work, stack):
        self.work = work
        self.stack = stack
        self.monitor = Monitor(work / "qmp.sock")
        self.seen = set()

    def run(self, *words):
        env = {**self.stack.env, "WAYLAND_DISPLAY": str(self.stack.display())}
        answer = subprocess.run(words, env=env, capture_output=True, timeout=30, check=False)
        if answer.returncode:
            raise Failure(f"{words}: {answer.stderr.decode(errors='replace')}")
        return answer.stdout

    def answer(self, words):
        if words[0] == "screen":
            return self.monitor.screendump(self.work, words[1])
        if words[0] == "key":
            return self.monitor.key(*words[1:])
        if words[0] == "wake":
            return self.monitor.wake()
        if words[0] == "run":
            return self.run(*words[1:])
        return self.stack.grim("-c", "-o", words[0], "-t", "ppm", "-")

    def poll(self):
        for want in self.work.glob("*.want"):
            if want.name not in self.seen:
                self.seen.add(want.name)
                answer = self.work / "answer"
                answer.write_bytes(self.answer(want.read_text().split()))
                answer.rename(want.with_suffix(".got"))


def start_card(build):
    """The stack whose bridge is the virtio-gpu card of the VM."""
    stack = Stack(build)
    stack.permissions = "capture,input,outputs,power,idle"
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        stack.env.pop(name, None)
    stack.start_compositor("640x480", env={
        "WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1",
        "WLR_HEADLESS_OUTPUTS": "2"})
    stack.start_bridge("host", "--scanouts", "2")
    return stack


def boot(work, programs, files, stack, case, sleep):
    for program in programs + files:
        shutil.copy(program, work)
    shutil.copy(HERE / "inside", work / "run")
    (work / "programs").write_text(" ".join(program.name for program in programs))
    (work / "case").write_text(case)
    console = work / "console"
    gpu = ["--gpu", stack.gpu_socket] if stack else []
    options = ["--sleep", "--append", SLEEPER_KERNEL, "--", *SLEEPER] if sleep else \
        ["--append", KERNEL, "--", *MACHINE]
    vm = Program("the host VM", [TOOLS / "boot", "--work", work, "--console", console, *gpu,
                                 *options,
                                 "-qmp", f"unix:{work}/qmp.sock,server=on,wait=off"],
                 work / "qemu.log")
    outside = Outside(work, stack)
    try:
        end = time.monotonic() + PATIENCE
        while vm.alive():
            if time.monotonic() > end:
                raise Failure(f"the VM did not end in {PATIENCE} s; its console:\n"
                              f"{tail(console)}")
            outside.poll()
            time.sleep(0.02)
    finally:
        vm.stop()
    if not (work / f"{programs[-1].name}.status").exists():
        raise Failure(f"the VM ended too early; its console:\n{tail(console)}\n"
                      f"and QEMU's words:\n{tail(work / 'qemu.log')}")


def cases_of(work, name):
    """Yields (good, line) of the program's cases, with comments in between (good is None)."""
    status = int((work / f"{name}.status").read_text())
    planned, seen, failed = None, 0, False
    for line in (work / f"{name}.tap").read_text(errors="replace").splitlines():
        plan, case = PLAN.match(line), CASE.match(line)
        if plan:
            planned = int(plan.group(1))
            if planned == 0:
                yield True, f"{name}{plan.group(2) or ' # SKIP'}"
        elif case:
            seen += 1
            failed = failed or bool(case.group(1))
            yield not case.group(1), f"{name}: {case.group(2)}"
        elif not line.startswith("TAP version"):
            yield None, line
    if seen != planned or (status != 0 and not failed):
        failed = True
        yield False, f"{name}: {seen} of {planned} cases ran, exit status {status}"
    if failed:
        for line in tail(work / f"{name}.err", 60).splitlines():
            yield None, line


def report(work, programs):
    number, good = 0, True
    for program in programs:
        for result, line in cases_of(work, program.name):
            if result is None:
                print(f"# {line.lstrip('# ')}")
                continue
            number += 1
            good = good and result
            print(f"{'ok' if result else 'not ok'} {number} - {line}")
    print(f"1..{number}")
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--sleep", action="store_true")
    parser.add_argument("--case", default="*", help="those cases only")
    parser.add_argument("programs", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    programs = arguments.programs
    with tempfile.TemporaryDirectory(prefix="guestpane-hostvm-", dir="/tmp") as directory:
        work = pathlib.Path(directory)
        try:
            with contextlib.ExitStack() as cleanup:
                stack = cleanup.enter_context(start_card(arguments.build)) \
                    if arguments.build else None
                boot(work, programs, arguments.file, stack, arguments.case, arguments.sleep)
        except Failure as failure:
            for line in str(failure).splitlines():
                print(f"# {line}")
            print("not ok 1 - the host VM\n1..1")
            return 1
        return 0 if report(work, programs) else 1


if __name__ == "__main__":
    sys.exit(main())

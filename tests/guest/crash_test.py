#!/usr/bin/python3
"""A stock Linux guest whose bridge crashes.

    crash_test.py BUILD-DIRECTORY LOG-DIRECTORY
"""

import os
import pathlib
import re
import signal
import sys
import time

from guest_test import HEIGHT, WIDTH, connector, expect, note, run_cases
from machine import PATIENCE, Hands, Machine

RED, GREEN, BLUE = ("41", (170, 0, 0)), ("42", (0, 170, 0)), ("44", (0, 0, 170))


def paint(machine, colour):
    """Makes all of the console's background one colour."""
    machine.call(rf"printf '\033[{colour[0]}m\033[2J\033[H\033[?25l' >/dev/tty1")


def await_all(machine, name, colour):
    machine.await_picture(name, lambda picture: all(
        picture.at(x, y) == colour[1] for x in range(0, picture.width, 13)
        for y in range(picture.height // 2, picture.height - 16, 7)))


def bridge_status(machine):
    return machine.status().get("guestpane-bridge", {})


def restarts(machine):
    return bridge_status(machine).get("counters", {}).get("restarts")


def crash(machine):
    """Ends the worker as a fault does; when the next one answers, its time in ms."""
    before = bridge_status(machine)
    begin = time.monotonic()
    os.kill(before["worker_pid"], signal.SIGSEGV)
    machine.wait("another worker", lambda: restarts(machine) ==
                 before["counters"]["restarts"] + 1, PATIENCE)
    return (time.monotonic() - begin) * 1000


def console(machine):
    """The console's picture comes back as it was, and what is printed then is seen."""
    machine.await_agent()
    paint(machine, RED)
    await_all(machine, "before", RED)
    note(f"another worker answered within {crash(machine):.0f} ms")
    await_all(machine, "as-it-was", RED)
    paint(machine, GREEN)
    await_all(machine, "printed-then", GREEN)
    # It was killed as when memory is short, while the guest prints.
    job = machine.begin("for i in $(seq 40); do echo $i; sleep 0.05; done >/dev/tty1")
    crash(machine)
    machine.finish(job)
    paint(machine, BLUE)
    await_all(machine, "printed-last", BLUE)


def typing(machine):
    """A key that was held at the crash is not held in the guest; what is typed then arrives."""
    machine.call("modprobe -a virtio_input evdev")
    machine.wait("the guest's input devices", lambda: all(
        device["vmm"] == "running" for device in machine.bridge_inputs()), 30)
    machine.wait("the focus", lambda: machine.seat().get("focus") == "guest", PATIENCE)
    machine.hands.do("key", 42, 1)  # shift
    crash(machine)
    machine.wait("the focus", lambda: machine.seat().get("focus") == "guest", PATIENCE)
    machine.hands.do("key", 42, 0)
    job = machine.begin("read line </dev/tty1; echo \"<$line>\"")
    time.sleep(1)
    for code in (48, 30, 19, 28):  # b a r Enter
        machine.hands.tap(code)
    status, output = machine.finish(job)
    expect(status == 0 and "<bar>" in output, f"the guest has read {output!r}")


def page_flips(machine):
    """Page flips go on over two crashes."""
    number, _ = connector(machine)
    job = machine.begin(f"sleep 14 | modetest -M virtio_gpu -s {number}:{WIDTH}x{HEIGHT} -v")
    machine.wait("the flips", lambda: bridge_status(machine).get(
        "counters", {}).get("replies", {}).get("immediate", 0) > 60, PATIENCE)
    for _ in range(2):
        crash(machine)
        frames = machine.frames()
        machine.wait("frames after it", lambda before=frames: machine.frames() > before + 20,
                     PATIENCE)
    _, output = machine.finish(job)
    rates = [float(rate) for rate in re.findall(r"freq: ([\d.]+)Hz", output)]
    expect(rates and "timed out" not in output, f"modetest says\n{output}")
    note(f"flips/s, second by second: {rates}")


def no_complaints(machine):
    """The guest's driver has nothing to complain about."""
    words = [line for line in machine.call("dmesg").splitlines()
             if re.search(r"virtio_gpu|\[drm", line) and re.search("ERROR|error|timed out", line)]
    expect(not words, "\n".join(words))
    expect(bridge_status(machine)["counters"]["guest_errors"] == 0, "guest errors are counted")


CASES = [console, typing, page_flips, no_complaints]


def main():
    build, logs = sys.argv[1:]
    with Machine(build, pathlib.Path(logs)) as machine:
        machine.start_compositor(f"{WIDTH}x{HEIGHT}")
        machine.hands = Hands(pathlib.Path(build) / "tests/harness/fake-seat", machine.display())
        machine.start_bridge("guest", *machine.bridge_input_options())
        machine.boot(*machine.qemu_input_options(), memory="512M")
        good = run_cases(machine, CASES)
        machine.hands.end()
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

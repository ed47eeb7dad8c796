#!/usr/bin/python3
"""A stock Linux guest with two heads, and all that a person can do to it.

    hands_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

guestpane has two outputs: a headless one, and beside it a window of a desktop whose user has fingers
and a pen (tests/e2e/parent.c). In the guest, tests/guest/listen.c says what
libinput makes of its devices. The cases share a guest; names given run only those.
"""

import pathlib
import shutil
import subprocess
import sys
import time

from guest_test import KEYS, expect, note, run_cases
from machine import PATIENCE, Hands, Machine

WIDTH, HEIGHT = 1280, 800
DESKTOP = 2 * WIDTH
INPUTS = ("keyboard", "tablet", "mouse", "touch", "pen")
LEFT_CTRL, LEFT_META, TAB, KEY_L = 29, 125, 15, 38
BTN_LEFT, BTN_STYLUS = 0x110, 0x14b
RED = (255, 0, 0)


class Desktop:
    """The parent compositor and its user."""

    def __init__(self, program, env):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=env)
        self.process.stdout.readline()  # it runs
        self.do(f"size {WIDTH} {HEIGHT}")

    def do(self, *lines):
        # One write: what belongs to one frame arrives together.
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


def heard(machine):
    """What the listener has said since the last forget."""
    return (machine.work / "heard").read_text().splitlines()[machine.n_heard:]


def forget(machine):
    time.sleep(0.3)
    machine.n_heard += len(heard(machine))


def expect_heard(machine, *wanted):
    """These lines come next, and nothing else within a moment."""
    try:
        machine.wait("the events", lambda: len(heard(machine)) >= len(wanted), 30)
        time.sleep(0.2)
    finally:
        found = heard(machine)
        if found != list(wanted):
            note(f"{found}, not {list(wanted)}")
    expect(found == list(wanted), "other events arrived")
    machine.n_heard += len(found)


def listening(machine):
    """libinput in the guest takes all devices for what they are, and joydev takes none."""
    machine.wait("both heads", lambda: all(
        scanout["visible"] for scanout in machine.compositor_guest().get("scanouts", [{}])) and
        len(machine.compositor_guest().get("scanouts", [])) == 2, PATIENCE)
    machine.await_agent()
    shutil.copy(machine.build / "tests/guest/listen", machine.work / "listen")
    machine.call("modprobe -a virtio_input evdev joydev; "
                 "udevadm trigger --action=add --subsystem-match=input; "
                 "udevadm settle --timeout=30")
    machine.call(f"(/guest/listen {DESKTOP} {HEIGHT} $(grep -l Guestpane "
                 "/sys/class/input/event*/device/name | sed 's,.*/\\(event[0-9]*\\)/.*,"
                 "/dev/input/\\1,') >/guest/heard 2>/guest/listen.err &)")
    machine.wait("the listener", lambda: (machine.work / "heard").exists() and
                 "listening" in (machine.work / "heard").read_text(), PATIENCE)
    expect(set(heard(machine)) == {
        "listening", "device Guestpane Keyboard keyboard", "device Guestpane Tablet pointer",
        "device Guestpane Mouse pointer", "device Guestpane Touch Screen touch",
        "device Guestpane Pen pen"}, heard(machine))
    joysticks = machine.call("ls /dev/input")
    expect("event" in joysticks and "js" not in joysticks, joysticks)
    forget(machine)


def points(machine):
    """The tablet is exact to the pixel on both heads; clicks arrive where they are made."""
    for x, y in ((0, 0), (1, 1), (639, 400), (WIDTH - 1, HEIGHT - 1), (WIDTH, 0),
                 (WIDTH + 1, 77), (2011, 333), (DESKTOP - 1, HEIGHT - 1)):
        machine.hands.do("point", x, y, DESKTOP, HEIGHT)
        expect_heard(machine, f"point {x} {y}")
    machine.hands.do("button", BTN_LEFT, 1)
    machine.hands.do("point", WIDTH - 1, 5, DESKTOP, HEIGHT)
    machine.hands.do("button", BTN_LEFT, 0)
    expect_heard(machine, f"button {BTN_LEFT} 1", f"point {WIDTH - 1} 5", f"button {BTN_LEFT} 0")


def wheels(machine):
    """Both wheels turn, in steps and in parts of a step."""
    machine.hands.do("scroll", 0, 15, 1)
    machine.hands.do("scroll", 1, -30, -2)
    expect_heard(machine, "wheel 120", "hwheel -240")
    machine.desktop.do(f"point {WIDTH // 2} 10")
    expect_heard(machine, f"point {WIDTH + WIDTH // 2} 10")
    # libinput says nothing of a wheel until it has turned by more than its threshold.
    for _ in range(8):
        machine.desktop.do("wheel 0 30", "wheel 1 -15")
        time.sleep(0.05)
    machine.wait("the wheels", lambda: sum(
        int(line.split()[1]) for line in heard(machine) if line.startswith("wheel")) >= 180, 20)
    forget_after = heard(machine)
    note(forget_after)
    expect(any(line in ("wheel 30", "wheel 60", "wheel 90") for line in forget_after),
           "no part of a step arrived")
    forget(machine)


def hotkey(machine, key):
    for code, down in ((LEFT_CTRL, 1), (LEFT_META, 1), (key, 1), (key, 0), (LEFT_META, 0),
                       (LEFT_CTRL, 0)):
        machine.hands.do("key", code, down)


def lock(machine):
    """While the pointer is locked the mouse moves, and the tablet stays."""
    hotkey(machine, KEY_L)
    machine.wait("the lock", lambda: machine.seat().get("pointer_locked"), 20)
    forget(machine)
    machine.hands.do("move", 17, -40)
    machine.hands.do("button", BTN_LEFT, 1)
    machine.hands.do("button", BTN_LEFT, 0)
    expect_heard(machine, "move 17 -40", f"button {BTN_LEFT} 1", f"button {BTN_LEFT} 0")
    hotkey(machine, KEY_L)
    machine.wait("the pointer to be free", lambda: not machine.seat().get("pointer_locked"), 20)
    forget(machine)


def fingers(machine):
    """Three fingers, each change in order, through QEMU's queues of four."""
    machine.desktop.do("finger 4 down 100.5 50.5", "finger 5 down 1279.5 799.5", "fingers end")
    expect_heard(machine, "down 0 100 50", "down 1 1279 799")
    machine.desktop.do("finger 9 down 0.5 0.5", "finger 4 move 200.5 60.5", "fingers end")
    expect_heard(machine, "motion 0 200 60", "down 2 0 0")
    machine.desktop.do("finger 5 up", "fingers end")
    expect_heard(machine, "up 1")
    machine.desktop.do("fingers cancel")
    expect_heard(machine, "up 0", "up 2")
    for i in range(20):
        machine.desktop.do(f"finger 1 down {10 * i}.5 7.5", "fingers end", "finger 1 up",
                           "fingers end")
    machine.wait("twenty taps", lambda: len(heard(machine)) >= 40, 30)
    expect(sorted(int(line.split()[2]) for line in heard(machine) if line.startswith("down"))
           == [10 * i for i in range(20)], heard(machine))
    forget(machine)


def pen(machine):
    """A pen comes, draws with pressure and tilt, is pressed on its button, and goes."""
    # libinput takes a pen that is still for one that has gone, until it has seen one go.
    machine.desktop.do("pen in 10.5 10.5")
    machine.wait("the pen", lambda: any("pen in" in line for line in heard(machine)), 20)
    machine.desktop.do("pen out")
    time.sleep(1)
    forget(machine)
    machine.desktop.do("pen in 100.5 50.5")
    expect_heard(machine, "pen in pen 100 50", "pen at 100 50 0.00 0.0 0.0")
    machine.desktop.do("pen move 200.5 60.5 0.5 30 -45", "pen down")
    machine.wait("the tip", lambda: any(
        line.startswith("pen down") for line in heard(machine)), 20)
    expect("pen down pen 200 60" in heard(machine), heard(machine))
    time.sleep(0.3)
    words = [line for line in heard(machine) if line.startswith("pen at")][-1].split()[2:]
    x, y, pressure, tilt_x, tilt_y = map(float, words)
    note(f"pressure {pressure}, tilt {tilt_x} {tilt_y}")
    # libinput takes what is below its threshold off the pressure.
    expect((x, y) == (200, 60) and 0.4 < pressure < 0.6, words)
    expect(abs(tilt_x - 30) < 0.1 and abs(tilt_y + 45) < 0.1, words)
    forget(machine)
    machine.desktop.do(f"pen button {BTN_STYLUS} 1")
    expect_heard(machine, f"pen button {BTN_STYLUS} 1")
    machine.desktop.do(f"pen button {BTN_STYLUS} 0")
    expect_heard(machine, f"pen button {BTN_STYLUS} 0")
    machine.desktop.do("pen up")
    machine.wait("the tip to be up", lambda: any(
        line.startswith("pen up") for line in heard(machine)), 20)
    forget(machine)
    machine.desktop.do("pen out")
    machine.wait("the pen to go", lambda: any(
        line.startswith("pen out") for line in heard(machine)), 20)
    forget(machine)


def switched_away(machine):
    """A key and a finger that are held while another guest is switched to are released."""
    socket = machine.directory / "second.sock"
    machine.start("second-bridge", [
        machine.build / "vmm-bridge/guestpane-bridge", "--socket-path", socket, "--display",
        machine.bridge_socket, "--name", "second"])
    machine.wait("the second bridge", socket.exists, 30)
    machine.hands.do("point", 9, 9, DESKTOP, HEIGHT)
    forget(machine)
    stand_in = subprocess.Popen([machine.build / "tests/guest/stand_in", socket, "ff0000",
                                 str(WIDTH), str(HEIGHT)], stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL)
    try:
        machine.wait("the second guest's picture", lambda: any(
            guest["name"] == "second" and guest["scanouts"][0]["commits"] > 0
            for guest in machine.status()["guestpane"]["guests"]), 20)
        expect(machine.seat().get("focus") == "guest", "it has taken the focus")
        hotkey(machine, TAB)
        machine.wait("the second guest", lambda: machine.seat().get("focus") == "second", 20)
        machine.keep("second", machine.picture())
        hotkey(machine, TAB)
        machine.wait("the first guest", lambda: machine.seat().get("focus") == "guest", 20)
        forget(machine)
        machine.hands.do("key", KEYS["x"], 1)
        machine.desktop.do("finger 0 down 50.5 60.5", "fingers end")
        expect_heard(machine, f"key {KEYS['x']} 1", "down 0 50 60")
        machine.hands.do("key", LEFT_CTRL, 1)
        machine.hands.do("key", LEFT_META, 1)
        machine.hands.do("key", TAB, 1)
        machine.wait("the second guest", lambda: machine.seat().get("focus") == "second", 20)
        machine.wait("the release", lambda: {f"key {KEYS['x']} 0", "up 0"} <= set(
            heard(machine)), 20)
        expect(f"key {TAB} 1" not in heard(machine), "the hotkey's key was seen")
        forget(machine)
        machine.hands.do("key", KEYS["x"], 0)
        machine.hands.tap(KEYS["y"])
        expect_heard(machine)
    finally:
        for code in (TAB, LEFT_META, LEFT_CTRL, KEYS["x"]):
            machine.hands.do("key", code, 0)
        stand_in.stdin.close()
        stand_in.wait(10)


CASES = [listening, points, wheels, lock, fingers, pen, switched_away]


def main():
    build, logs, *names = sys.argv[1:]
    build = pathlib.Path(build)
    cases = [case for case in CASES if not names or case.__name__ in ("listening", *names)]
    with Machine(build, logs) as machine:
        machine.inputs = INPUTS
        machine.n_heard = 0
        machine.desktop = Desktop(build / "tests/e2e/e2e-parent", machine.env)
        machine.start_compositor(
            f"{WIDTH}x{HEIGHT}",
            env={"WLR_BACKENDS": "wayland,headless", "WAYLAND_DISPLAY": "parent-0"})
        machine.start_bridge("guest", "--scanouts", "2", *machine.bridge_input_options())
        machine.hands = Hands(build / "tests/harness/fake-seat", machine.display())
        machine.boot(*machine.qemu_input_options())
        good = run_cases(machine, cases)
        for device in machine.bridge_inputs():
            note(f"{device['kind']}: {device['events']} events, {device['coalesced']} coalesced, "
                 f"{device['dropped']} dropped, at most {device['latency_max_ms']} ms")
        machine.hands.end()
        machine.desktop.end()
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

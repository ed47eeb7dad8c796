#!/usr/bin/python3
"""The person at the desk: stock Linux guests that switch their screens off, and are woken.

The output stays on, for its pictures, but in the case that is about its sleep.

    desk_test.py BUILD-DIRECTORY LOG-DIRECTORY

Two guests share an output and a seat. Each has a keyboard and a tablet, so that a key that goes to the
wrong one is seen. The first one's kernel blanks its text console when nobody types for a while.
"""

import pathlib
import signal
import sys
import time

from guest_test import DEMO, KEYS, expect, note, run_cases
from machine import HERE, PATIENCE, Hands, Machine
from two_guests_test import GREEN, LEFT_CTRL, LEFT_META, RED, SIZE, TAB, is_all, paint

BLANK_SECONDS = 10 # by the guest's clock
IDLE_SECONDS = 3
SLEEP_SECONDS = 2


class Desk(Machine):
    """A guest with a name, a keyboard and a tablet, on the first one's compositor."""

    def __init__(self, build, logs, name, first=None):
        super().__init__(build, logs)
        self.name = name
        if first:
            self.bridge_socket = first.bridge_socket

    def come_up(self, append=""):
        self.start_bridge(self.name, *self.bridge_input_options())
        self.boot(*self.qemu_input_options(), append=append, memory="512M")
        self.await_agent()
        self.call("modprobe -a virtio_input evdev")

    def n_events(self):
        """How many groups of events its bridge has put into the rings of each device."""
        return [device["events"] for device in self.bridge_inputs()]


def configure(first, when_off):
    """When the output sleeps; of a compositor that runs, too."""
    path = first.work / "guestpane.conf"
    path.write_text(f"sleep-when-off {when_off}\n")
    if first.compositor:
        first.compositor.process.send_signal(signal.SIGHUP)
    return path


def await_power(first, power):
    first.wait(f"the output to be {power}", lambda: first.output().get("power") == power, PATIENCE)


def is_black(picture):
    return not any(picture.pixels)


def await_front(first, guest, showing):
    """The output shows that of that guest, which has the focus."""
    def look():
        output = first.output()
        return (output.get("guest"), output.get("showing")) == (guest, showing)

    first.wait(f"'{showing}' of {guest}", look, PATIENCE)
    focus = first.seat().get("focus")
    expect(focus == guest, f"'{focus}' has the focus, not {guest}")


def await_off(first, name):
    """The first guest blanks its console by itself: its name for a moment, and then black."""
    await_front(first, "first", "off")
    first.keep(f"{name}-off", first.picture())
    first.await_picture(f"{name}-black", is_black, 20)
    await_front(first, "first", "off")


def wake_console(first, name):
    """A key at the seat brings the console back."""
    start = time.monotonic()
    first.hands.tap(KEYS["x"])
    first.await_picture(f"{name}-woken", lambda picture: is_all(picture, RED), 30)
    note(f"woken in {time.monotonic() - start:.1f} s")
    await_front(first, "first", "guest")


## The cases

def blank_console(desk):
    """A guest alone blanks its console: black, and the focus stays. A key wakes it."""
    first = desk[0]
    first.come_up(append=f"consoleblank={BLANK_SECONDS}")
    paint(first, RED)
    await_off(first, "alone")
    # The pointer has its place there, too, though this console does not listen to it.
    before = first.n_events()
    first.hands.do("point", 100, 50, *SIZE)
    first.wait("the pointer's event", lambda: first.n_events() != before, 10)
    wake_console(first, "alone")


def blank_before_another(desk):
    """The same with another guest behind: that is not shown, and no key goes there."""
    first, second = desk
    second.come_up()
    paint(second, GREEN)
    first.wait("the picture behind", lambda: any(
        guest["name"] == "second" and guest["scanouts"][0]["commits"] > 0
        for guest in first.status()["guestpane"]["guests"]), PATIENCE)
    first.hands.tap(KEYS["x"])
    paint(first, RED)
    first.await_picture("in-front", lambda picture: is_all(picture, RED))
    events = second.n_events()
    await_off(first, "before-another")
    second.call("for i in $(seq 20); do echo $i; sleep 0.05; done >/dev/tty1")
    expect(is_black(first.picture()), "the other guest is shown")
    wake_console(first, "before-another")
    expect(second.n_events() == events, f"the other guest got input: {events}, {second.n_events()}")


def hotkey_to_black(desk):
    """The hotkey finds a guest that has blanked its console behind the other one."""
    first, second = desk
    paint(second, GREEN)
    first.hands.tap(LEFT_CTRL, LEFT_META, TAB)
    first.await_picture("other", lambda picture: is_all(picture, GREEN))
    await_front(first, "second", "guest")
    first.wait("the console behind to be blanked", lambda:
               first.status()["guestpane"]["guests"][0]["scanouts"][0]["width"] == 0, PATIENCE)
    await_front(first, "second", "guest")
    # Of the hotkey's keys the guest sees those that are let go after the switch, and these wake it.
    first.hands.tap(LEFT_CTRL, LEFT_META, TAB)
    first.await_picture("back", lambda picture: is_all(picture, RED), 30)
    await_front(first, "first", "guest")


def desktop_sleeps(desk):
    """weston switches its output off when it is idle: the monitor sleeps. The pointer wakes both."""
    first = desk[0]
    for name, source in (("weston.ini", DEMO), ("seat-desktop", HERE)):
        (first.work / name).write_bytes((source / name).read_bytes())
    job = first.begin(f"sh /guest/seat-desktop --idle-time={IDLE_SECONDS}")
    first.wait("the terminal", (first.work / "listening").exists, PATIENCE)
    await_off(first, "desktop")
    configure(first, SLEEP_SECONDS)
    await_power(first, "asleep")
    await_front(first, "first", "off")
    events = desk[1].n_events()
    for x in (300, 310, 320):
        first.hands.do("point", x, 200, *SIZE)
    await_front(first, "first", "guest")
    await_power(first, "on")
    configure(first, "off")
    first.await_picture("desktop-woken", lambda picture: picture.colours() > 4, 30)
    expect(desk[1].n_events() == events, "the other guest got input")
    first.call("pkill -x weston")
    first.finish(job)


CASES = [blank_console, blank_before_another, hotkey_to_black, desktop_sleeps]


def main():
    build, logs = sys.argv[1:]
    logs = pathlib.Path(logs)
    with Desk(build, logs, "first") as first, \
            Desk(build, logs / "second", "second", first) as second:
        first.start_compositor("%dx%d" % SIZE, options=["--config", configure(first, "off")])
        first.hands = Hands(pathlib.Path(build) / "tests/harness/fake-seat", first.display())
        good = run_cases((first, second), CASES)
        first.hands.end()
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

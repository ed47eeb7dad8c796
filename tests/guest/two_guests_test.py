#!/usr/bin/python3
"""Two stock Linux guests on one output: switched by the hotkey, and one of them killed.

    two_guests_test.py BUILD-DIRECTORY LOG-DIRECTORY
"""

import pathlib
import sys
import time

from guest_test import expect, note, run_cases
from machine import PATIENCE, Hands, Machine

SIZE = (800, 600)
LEFT_CTRL, LEFT_META, TAB = 29, 125, 15
# Of a text console: the escape sequence's number, and the pixels that it makes.
RED, GREEN = ("41", (170, 0, 0)), ("42", (0, 170, 0))


class Second(Machine):
    """Another guest on the first one's compositor."""

    def __init__(self, first, logs):
        super().__init__(first.build, logs)
        self.bridge_socket = first.bridge_socket


def paint(machine, colour):
    """Makes all of the console's background one colour."""
    machine.call(rf"printf '\033[{colour[0]}m\033[2J\033[H\033[?25l' >/dev/tty1")


def is_all(picture, colour):
    """Whether it has the lower half, where no text comes, but for what is no whole line."""
    return all(picture.at(x, y) == colour[1] for x in range(0, picture.width, 13)
               for y in range(picture.height // 2, picture.height - 16, 7))


def flushes(machine):
    return machine.status()["guestpane-bridge"]["scanouts"][0]["flushes"]


def boot_both(pair):
    """Both come up on the same output, each with a console of its own colour."""
    for machine in pair:
        machine.await_agent()
    for machine, colour in zip(pair, (RED, GREEN)):
        paint(machine, colour)
    first = pair[0]
    names = [guest["name"] for guest in first.status()["guestpane"]["guests"]]
    expect(sorted(names) == ["first", "second"], f"{names} are there")
    first.await_picture("one", lambda picture: is_all(picture, RED) or is_all(picture, GREEN))


def is_plain(picture, colour):
    """Whether no label is in the upper right corner, where the console has no text."""
    return all(picture.at(x, y) == colour[1] for x in range(picture.width // 2, picture.width, 5)
               for y in range(0, picture.height // 8, 3))


def switch(pair):
    """The hotkey shows the other guest, and the first one again; nothing stays of it, nor its name."""
    first = pair[0]
    shown = RED if is_all(first.picture(), RED) else GREEN
    front = first.output()["guest"]
    expect((front == "first") == (shown is RED), f"{front} is shown, they say")
    for turn in range(3):
        shown = GREEN if shown is RED else RED
        first.hands.tap(LEFT_CTRL, LEFT_META, TAB)
        first.await_picture(f"turn-{turn}", lambda picture, colour=shown: is_all(picture, colour))
        first.await_picture(f"turn-{turn}-later",
                            lambda picture, colour=shown: is_plain(picture, colour), 20)
    if shown is RED:
        first.hands.tap(LEFT_CTRL, LEFT_META, TAB)
    first.await_picture("second", lambda picture: is_all(picture, GREEN))


def hidden(pair):
    """The guest that is not shown goes on drawing, and its picture is new when it comes back."""
    first = pair[0]
    before = flushes(first)
    first.call("for i in $(seq 12); do echo $i; sleep 0.05; done >/dev/tty1")
    first.wait("flushes of the hidden guest", lambda: flushes(first) > before + 5, PATIENCE)
    note(f"{flushes(first) - before} flushes while hidden")
    expect(is_all(first.picture(), GREEN), "it has come to the front")


def killed(pair):
    """The guest that is shown is killed: at once the other is shown, and works."""
    first, second = pair
    second.guest.process.kill()
    second.guest.process.wait(10)
    second.programs.remove(second.guest)
    first.await_picture("killed", lambda picture: is_all(picture, RED), 20)
    first.call(r"printf '\033[44m\033[2J' >/dev/tty1")
    first.await_picture("goes-on", lambda picture: is_all(picture, ("44", (0, 0, 170))))
    first.hands.tap(LEFT_CTRL, LEFT_META, TAB)
    time.sleep(1)
    expect(is_all(first.picture(), ("44", (0, 0, 170))), "the hotkey shows a dead guest")


CASES = [boot_both, switch, hidden, killed]


def main():
    build, logs = sys.argv[1:]
    logs = pathlib.Path(logs)
    with Machine(build, logs) as first, Second(first, logs / "second") as second:
        first.start_compositor("%dx%d" % SIZE)
        first.hands = Hands(pathlib.Path(build) / "tests/harness/fake-seat", first.display())
        for machine, name in ((first, "first"), (second, "second")):
            machine.start_bridge(name)
            machine.boot(memory="512M")
        good = run_cases((first, second), CASES)
        first.hands.end()
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

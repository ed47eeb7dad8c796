#!/usr/bin/python3
"""guestpane in a window of GNOME on a monitor at 200 %, with a real guest inside.

    scale_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

The output has the device pixels of the window, so that one pixel of the guest is one of the monitor.
The cases share GNOME and a guest and run in order.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "guest"))

from gnome_test import FBCON_RED, PRESS, await_screen, guest_size  # noqa: E402
from guest_test import expect, note, paint_console, run_cases  # noqa: E402
from machine import PATIENCE  # noqa: E402
from shell import Desktop, missing  # noqa: E402

SCREEN = (3840, 2160)
SCALE = 2
DISPLAY_CONFIG = ("org.gnome.Mutter.DisplayConfig", "/org/gnome/Mutter/DisplayConfig")
FONTS = ((8, 16), (16, 32))  # fbcon takes the larger one on large monitors


def set_scale(desktop):
    """What the settings' display panel does."""
    name, path = DISPLAY_CONFIG
    good, state = desktop.call_bus(name, path, f"{name}.GetCurrentState")
    found = re.match(r"\(uint32 (\d+), \[\(\('([^']+)'.*?\('([^']+)', %d, %d," % SCREEN, state)
    expect(good and found, f"no such monitor: {state[:400]}")
    serial, connector, mode = found.groups()
    good, answer = desktop.call_bus(
        name, path, f"{name}.ApplyMonitorsConfig", serial, 1,
        f"[(0, 0, {SCALE}.0, uint32 0, true, [('{connector}', '{mode}', @a{{sv}} {{}})])]", "{}")
    expect(good, answer)


def bar_is_sharp(picture):
    """Whether the bar of 80 cells has the edges that the guest has drawn, to the pixel."""
    return any(
        picture.at(0, 0) == picture.at(80 * width - 1, height - 1) == FBCON_RED and
        picture.at(80 * width, 0) == picture.at(0, height) == (0, 0, 0)
        for width, height in FONTS)


def window(desktop):
    """The window has the asked-for size in the desktop's units, the output twice that in pixels."""
    set_scale(desktop)
    desktop.start_compositor("1280x800")
    desktop.wait("the window", desktop.frame, 30)
    _, _, width, height = desktop.frame()
    output = desktop.wait("the output's scale", lambda: (
        lambda one: one if one.get("width") == SCALE * width else None)(desktop.output()), 30)
    expect(output["height"] == SCALE * height, f"{output} for a window of {width}x{height}")
    note(f"window {width}x{height}, output {output['width']}x{output['height']}")


def fullscreen(desktop):
    """A guest on the whole screen gets a monitor with all of its pixels, and each is one pixel."""
    desktop.window("window.make_fullscreen();")
    desktop.wait("the output", lambda: (
        desktop.output().get("width"), desktop.output().get("height")) == SCREEN, 30)
    desktop.start_bridge("office")
    desktop.boot()
    # GNOME asks whether the window may have all keys, and darkens the screen until then.
    desktop.wait("the question", lambda: desktop.eval(PRESS % "'clicked', 0"), PATIENCE)
    desktop.wait("the guest's mode", lambda: guest_size(desktop) == SCREEN, PATIENCE)
    desktop.await_agent()
    paint_console(desktop)
    await_screen(desktop, "scaled", bar_is_sharp)


CASES = [window, fullscreen]


def main():
    build, logs, *names = sys.argv[1:]
    cases = [case for case in CASES if not names or case.__name__ in names]
    lacking = missing()
    if lacking:
        print(f"1..0 # SKIP no {lacking}: the packages of tools/packages.gnome are not here")
        return 0
    with Desktop(build, logs) as desktop:
        desktop.rows_read = 40  # all of 4K would take minutes
        desktop.start_shell(*SCREEN)
        return 0 if run_cases(desktop, cases) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""guestpane in a window of GNOME, with a real guest inside.

    gnome_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

GNOME runs without a screen and is told by scripts what a person would do with the window; what is
on its screen is what its own screenshot shows. The cases share GNOME and a guest and run in order.
"""

import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "guest"))

from guest_test import FBCON_RED, KEYS, expect, note, paint_console, run_cases  # noqa: E402
from machine import PATIENCE  # noqa: E402
from shell import Desktop, missing  # noqa: E402

SCREEN = (1600, 1000)
WINDOW = (1280, 800)
SMALLER = (1024, 768)
LEFT_CTRL, LEFT_META = 29, 125
HINT = "LeftCtrl+LeftMeta+G releases the keyboard"

# Looks for the button that allows it, and emits a signal on it. Gives back whether it is there.
PRESS = """(() => {
    const find = actor => actor.label === 'Allow' ? actor
        : actor.get_children().reduce((found, child) => found || find(child), null);
    const button = find(Main.layoutManager.modalDialogGroup);
    const words = [%s];
    if (button && words[0])
        button.emit(...words);
    return button !== null;
})()"""


def has_bar(desktop, picture):
    """Whether the red bar of the guest's console begins at the window's corner."""
    x, y, width, height = desktop.frame() or (0, 0, 0, 0)
    return width > 0 and all(
        picture.at(x + column, y + 8) == FBCON_RED for column in (2, 200, 400, 600)) and \
        picture.at(x + 2, y + height - 2) == (0, 0, 0)


def await_screen(desktop, name, good, seconds=60):
    """Waits until good(picture) of GNOME's screen; keeps the picture either way."""
    picture = None

    def look():
        nonlocal picture
        picture = desktop.screenshot()
        return good(picture)

    try:
        desktop.wait(f"picture '{name}'", look, seconds)
    finally:
        if picture:
            desktop.keep(name, picture)
    return picture


def await_title(desktop, title):
    desktop.wait(f"the title {title!r}",
                 lambda: desktop.window("return window.get_title();") == title, 20)


def guest_size(desktop):
    scanout = (desktop.compositor_guest().get("scanouts") or [{}])[0]
    return scanout.get("width"), scanout.get("height")


def window(desktop):
    """A window appears; nobody said that it is GNOME."""
    desktop.start_compositor("%dx%d" % WINDOW)
    desktop.wait("the window", desktop.frame, 30)
    expect(desktop.status()["guestpane"]["backend"] == "wayland", "not in a window")
    await_screen(desktop, "waiting", lambda picture: picture.colours() > 3)
    note(f"{desktop.frame()}, title {desktop.window('return window.get_title();')!r}")


def keys(desktop):
    """With the guest's first picture GNOME asks whether the window may have all keys."""
    desktop.start_bridge("office", *desktop.bridge_input_options())
    desktop.boot(*desktop.qemu_input_options())
    desktop.wait("the question", lambda: desktop.eval(PRESS % "null"), PATIENCE)
    await_screen(desktop, "question", lambda picture: picture.colours() > 3)
    expect(desktop.output()["keyboard_grabbed"] is False, "granted before it was asked")
    desktop.eval(PRESS % "'clicked', 0")
    desktop.wait("the keys", lambda: desktop.output()["keyboard_grabbed"], 20)
    await_title(desktop, f"office – Guestpane – {HINT}")
    await_screen(desktop, "hint", lambda picture: picture.colours() > 3)


def console(desktop):
    """The guest's console is in it, at its size."""
    desktop.await_agent()
    paint_console(desktop)
    await_screen(desktop, "console", lambda picture: has_bar(desktop, picture))


def resize(desktop):
    """The window is made smaller: the guest gets a monitor of that size and sets that mode."""
    x, y, _, _ = desktop.frame()
    desktop.window("window.move_resize_frame(true, %d, %d, %d, %d);" % (x, y, *SMALLER))
    desktop.wait("the window's size", lambda: tuple(desktop.frame()[2:]) == SMALLER, 20)
    desktop.wait("the guest's mode", lambda: guest_size(desktop) == SMALLER, PATIENCE)
    paint_console(desktop)
    await_screen(desktop, "resized", lambda picture: has_bar(desktop, picture))


def typing(desktop):
    """What is typed into the window is text on the guest's console, also GNOME's own keys."""
    desktop.call("modprobe -a virtio_input evdev")
    desktop.wait("the guest's input devices", lambda: all(
        device["vmm"] == "running" for device in desktop.bridge_inputs()), 30)
    job = desktop.begin("head -n 1 </dev/tty1")
    time.sleep(1)
    desktop.press(LEFT_META)  # the overview would come
    for letter in "gnome guest\n":
        desktop.press(KEYS[letter])
    _, output = desktop.finish(job, 60)
    expect(output == "gnome guest\n", f"{output!r} arrived")
    expect(desktop.eval("Main.overview.visible") is False, "GNOME took a key of the guest's")


def hotkey(desktop):
    """The hotkey makes the window fullscreen and back, and gives GNOME its keys back."""
    desktop.press(LEFT_CTRL, LEFT_META, KEYS["f"])
    desktop.wait("the whole screen", lambda: desktop.frame() == [0, 0, *SCREEN], 20)
    expect(desktop.wait("status", desktop.output, 10)["fullscreen"], "status does not say so")
    await_screen(desktop, "fullscreen", lambda picture: picture.at(400, 6) == FBCON_RED)
    desktop.press(LEFT_CTRL, LEFT_META, KEYS["f"])
    desktop.wait("the window", lambda: tuple(desktop.frame()[2:]) == SMALLER, 20)
    desktop.press(LEFT_CTRL, LEFT_META, KEYS["g"])
    desktop.wait("the end of the grab", lambda: not desktop.output()["keyboard_grabbed"], 20)
    await_title(desktop, "office – Guestpane")
    desktop.press(LEFT_META)
    desktop.wait("the overview", lambda: desktop.eval("Main.overview.visible"), 20)
    desktop.eval("Main.overview.hide()")


def close(desktop):
    """The user closes the window: the program ends with status 0, and the guest goes on."""
    compositor = desktop.compositor
    desktop.programs.remove(compositor)
    desktop.window("window.delete(global.get_current_time());")
    desktop.wait("the end", lambda: not compositor.alive(), 20)
    status = compositor.process.poll()
    expect(status == 0, f"it ended with status {status}")
    desktop.wait("the window to go", lambda: not desktop.frame(), 20)
    desktop.call("true")


CASES = [window, keys, console, typing, resize, hotkey, close]


def main():
    build, logs, *names = sys.argv[1:]
    cases = [case for case in CASES if not names or case.__name__ in names]
    lacking = missing()
    if lacking:
        print(f"1..0 # SKIP no {lacking}: the packages of tools/packages.gnome are not here")
        return 0
    with Desktop(build, logs) as desktop:
        desktop.start_shell(*SCREEN)
        return 0 if run_cases(desktop, cases) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""guestpane in a window of an X server (Xvfb), which has no window manager.

    x11_test.py BUILD-DIRECTORY LOG-DIRECTORY
"""

import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "guest"))

from guest_test import expect, run_cases  # noqa: E402 (the path must be set first)
from machine import Machine  # noqa: E402

try:
    from Xlib import display, protocol
except ImportError:
    display = None

NUMBER = ":87"
# Names that a window manager would have brought; wlroots takes them only if they are there.
ATOMS = ("WM_PROTOCOLS", "WM_DELETE_WINDOW", "UTF8_STRING", "_NET_WM_NAME")


class Xvfb(Machine):
    """A Machine whose compositor is a window of an X server."""

    def __init__(self, build, logs):
        super().__init__(build, logs)
        for name in ("WLR_BACKENDS", "WLR_RENDERER"):
            self.env.pop(name)  # to be found out
        self.server = self.connection = None

    def start_server(self):
        socket = pathlib.Path(f"/tmp/.X11-unix/X{NUMBER[1:]}")
        self.server = self.start("xvfb", ["Xvfb", NUMBER, "-screen", "0", "1600x1000x24"])
        self.wait("the X server", socket.exists, 30)
        self.env["DISPLAY"] = NUMBER
        self.connection = display.Display(NUMBER)
        for name in ATOMS:
            self.connection.intern_atom(name)

    def window(self):
        """The only window there is, or None."""
        found = self.connection.screen().root.query_tree().children
        return found[0] if found else None

    def title(self):
        name = self.window().get_full_text_property(self.connection.get_atom("_NET_WM_NAME"))
        return name or ""

    def ask_to_close(self):
        """What a window manager sends when the user closes a window (ICCCM, 4.2.8)."""
        atom = self.connection.get_atom
        window = self.window()
        window.send_event(protocol.event.ClientMessage(
            window=window, client_type=atom("WM_PROTOCOLS"),
            data=(32, [atom("WM_DELETE_WINDOW"), 0, 0, 0, 0])))
        self.connection.flush()

    def await_end(self):
        compositor = self.compositor
        self.programs.remove(compositor)
        self.wait("the end", lambda: not compositor.alive(), 20)
        status = compositor.process.poll()
        expect(status == 0, f"it ended with status {status}")


def window(machine):
    """A window appears, with the title of the guest."""
    machine.start_compositor("1280x800")
    machine.wait("the window", machine.window, 30)
    expect(machine.status()["guestpane"]["backend"] == "x11", "not in a window of X11")
    machine.start_bridge("office")
    machine.wait("the title", lambda: machine.title() == "office – Guestpane", 20)


def resize(machine):
    """The window is resized, and its output with it."""
    machine.window().configure(width=1000, height=700)
    machine.connection.flush()
    machine.wait("the output", lambda: (
        machine.output().get("width"), machine.output().get("height")) == (1000, 700), 20)
    picture = machine.await_picture("resized", lambda picture: picture.colours() > 3, 20)
    expect((picture.width, picture.height) == (1000, 700), "the picture has another size")


def close(machine):
    """The user closes the window: the program ends with status 0."""
    machine.ask_to_close()
    machine.await_end()


def server_ends(machine):
    """The X server ends, and so does the program, with status 0."""
    machine.start_compositor("1280x800")
    machine.wait("the window", machine.window, 30)
    machine.programs.remove(machine.server)
    machine.server.stop()
    machine.await_end()


CASES = [window, resize, close, server_ends]


def main():
    build, logs = sys.argv[1:]
    if not shutil.which("Xvfb") or display is None:
        print("1..0 # SKIP no Xvfb with python3-xlib: see tools/packages.gnome")
        return 0
    with Xvfb(build, logs) as machine:
        machine.start_server()
        return 0 if run_cases(machine, CASES) else 1


if __name__ == "__main__":
    sys.exit(main())

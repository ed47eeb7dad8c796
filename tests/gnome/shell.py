"""GNOME without a screen: a gnome-shell of its own with its buses, commanded over D-Bus."""

import ast
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "guest"))

from machine import Failure, Machine  # noqa: E402 (the path must be set first)
from stack import Picture  # noqa: E402

DISPLAY = "gnome-0"  # not like those that a Stack looks for
COMMANDS = ("gnome-shell", "dbus-daemon", "gdbus")

# The only window that is not GNOME's own.
FIND_WINDOW = """(() => {
    const actor = global.get_window_actors().find(one => one.meta_window.get_title() !== null);
    const window = actor ? actor.meta_window : null;
    %s
})()"""

PRESS_KEYS = """(() => {
    const {Clutter, GLib} = imports.gi;
    if (!global.testKeyboard)
        global.testKeyboard = global.stage.context.get_backend().get_default_seat()
            .create_virtual_device(Clutter.InputDeviceType.KEYBOARD_DEVICE);
    const codes = %s;
    const send = (code, state) =>
        global.testKeyboard.notify_key(GLib.get_monotonic_time(), code, state);
    codes.forEach(code => send(code, Clutter.KeyState.PRESSED));
    codes.reverse().forEach(code => send(code, Clutter.KeyState.RELEASED));
})()"""


def missing():
    """The first program that GNOME needs and that is not here, or None."""
    return next((name for name in COMMANDS if not shutil.which(name)), None)


def read_png(path, rows_read=None):
    """A Picture of a PNG with 8 bits a channel, not interlaced; alpha is left out.

    With rows_read it is one of the first so many rows.
    """
    data = pathlib.Path(path).read_bytes()
    at, packed, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, colour, _, _, interlaced = header
    if depth != 8 or colour not in (2, 6) or interlaced:
        raise Failure(f"{path}: a PNG of another kind: {header}")
    size = 3 if colour == 2 else 4
    height = min(height, rows_read or height)
    raw, rows = zlib.decompress(packed), []
    above = bytearray(width * size)
    for y in range(height):
        start = y * (width * size + 1)
        row = unfilter(raw[start], bytearray(raw[start + 1:start + 1 + width * size]), above, size)
        above = row
        if size == 4:
            row = bytearray(row)
            del row[3::4]
        rows.append(bytes(row))
    return Picture(b"P6\n%d %d\n255\n" % (width, height) + b"".join(rows))


def unfilter(kind, row, above, size):
    """Undoes a filter of a row of a PNG (its specification, section 9)."""
    if kind == 2:
        return bytearray((a + b) & 255 for a, b in zip(row, above))
    if kind == 0:
        return row
    for i in range(len(row)):
        left = row[i - size] if i >= size else 0
        up = above[i]
        corner = above[i - size] if i >= size else 0
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = min((left, up, corner), key=lambda one, p=left + up - corner: abs(p - one))
        row[i] = (row[i] + guess) & 255
    return row


class Desktop(Machine):
    """A Machine whose compositor is a window of GNOME."""

    def __init__(self, build, logs):
        super().__init__(build, logs)
        home = self.directory / "home"
        home.mkdir()
        for name in ("WLR_BACKENDS", "WLR_RENDERER"):
            self.env.pop(name)  # to be found out
        self.env.update(
            HOME=str(home), XDG_CURRENT_DESKTOP="GNOME", GSETTINGS_BACKEND="memory",
            LIBGL_ALWAYS_SOFTWARE="1", NO_AT_BRIDGE="1",
            DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.directory}/system-bus",
            DBUS_SESSION_BUS_ADDRESS=f"unix:path={self.directory}/session-bus")
        self.shell = None
        self.rows_read = None  # of a screenshot: all

    def start_shell(self, width, height):
        for bus in ("SYSTEM", "SESSION"):
            address = self.env[f"DBUS_{bus}_BUS_ADDRESS"]
            self.start(f"{bus.lower()}-bus", ["dbus-daemon", "--session", "--nofork", "--nopidfile",
                                              f"--address={address}"])
            self.wait(f"the {bus.lower()} bus",
                      lambda path=address.split("=")[1]: os.path.exists(path), 30)
        self.shell = self.start("gnome-shell", [
            "gnome-shell", "--headless", "--wayland", "--no-x11", "--unsafe-mode",
            "--virtual-monitor", f"{width}x{height}", "--wayland-display", DISPLAY])
        self.wait("gnome-shell", lambda: self.try_eval("Main.layoutManager._startingUp") is False,
                  120)
        # GNOME begins with the overview, where windows are small.
        self.eval("Main.overview.hide()")
        self.wait("the overview to go", lambda: self.eval("Main.overview.visible") is False, 60)
        self.env["WAYLAND_DISPLAY"] = DISPLAY

    def call_bus(self, name, path, method, *arguments):
        """Whether the call of a method on the session bus succeeded, and the answer or error."""
        answer = subprocess.run(
            ["gdbus", "call", "--session", "--dest", name, "--object-path", path,
             "--method", method, *map(str, arguments)],
            env=self.env, capture_output=True, text=True, timeout=60, check=False)
        return answer.returncode == 0, (answer.stdout or answer.stderr).strip()

    def try_eval(self, script):
        """The same, None if it failed."""
        try:
            return self.eval(script)
        except Failure:
            return None

    def eval(self, script):
        """What a script gives back in GNOME."""
        good, answer = self.call_bus("org.gnome.Shell", "/org/gnome/Shell",
                                     "org.gnome.Shell.Eval", script)
        if not good or not answer.startswith("(true, "):
            raise Failure(f"GNOME does not run {script}: {answer}")
        text = ast.literal_eval(answer.replace("(true", "(True", 1))[1]
        return json.loads(text) if text else None

    def window(self, script="return null;"):
        """Runs a script on `window`, the Meta.Window of the compositor."""
        return self.eval(FIND_WINDOW % script)

    def frame(self):
        """x, y, width and height of the window on the screen; None: there is no window."""
        return self.window("""if (!window) return null;
            const box = window.get_frame_rect(); return [box.x, box.y, box.width, box.height];""")

    def press(self, *codes):
        """Presses keys (evdev codes) of GNOME's seat one after the other, and lets them go."""
        self.eval(PRESS_KEYS % list(codes))

    def screenshot(self):
        """What GNOME says that its screen shows, without its notifications."""
        self.eval("Main.messageTray.getSources().forEach(source => source.destroy())")
        path = self.directory / "screen.png"
        path.unlink(missing_ok=True)
        good, answer = self.call_bus(
            "org.gnome.Shell.Screenshot", "/org/gnome/Shell/Screenshot",
            "org.gnome.Shell.Screenshot.Screenshot", "false", "false", path)
        if not good or not path.exists():
            raise Failure(f"GNOME makes no screenshot: {answer}")
        return read_png(path, self.rows_read)

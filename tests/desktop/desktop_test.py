#!/usr/bin/python3
"""Tools of Wayland desktops, each on a headless guestpane with the permissions that it needs.

    desktop_test.py BUILD-DIRECTORY LOG-DIRECTORY [--table FILE] [CASE…]

Two guests show a color each: office on the first output, lab behind it and on the second one. Each
tool has to do what it is for there, and has to fail on a socket without permissions. What guestpane
does not serve has to fail with all permissions: a tool that works by then belongs into another row.
--table writes docs/tools.md.
"""

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools/guest"))

from stack import Failure, Picture, Stack  # noqa: E402 (the path must be set first)

SIZE = (640, 480)
OUTPUTS = ("HEADLESS-1", "HEADLESS-2")
RED, BLUE = (0xd0, 0x10, 0x20), (0x20, 0x30, 0xe0)
ALL = "capture,input,outputs,power,idle,toplevels"
PATIENCE = 60

TABLE = """# Tools of Wayland desktops

What was run on guestpane, headless, with two guests, by `tools/test desktop` (the suite
`tests/desktop/desktop_test.py`, which also writes this page). Each tool has a client socket with
the permissions of its row, and ends with an error on one without; see *CLIENTS* in
[guestpane(1)](man/guestpane.1.scd).

| tool | version | permissions | what was run | result |
|---|---|---|---|---|
"""


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Desk(Stack):
    """guestpane with the two guests."""

    def __init__(self, build, logs):
        super().__init__(build, logs)
        for name in ("WAYLAND_DISPLAY", "DISPLAY"):
            self.env.pop(name, None)
        self.env.update(WLR_BACKENDS="headless", WLR_RENDERER="pixman",
                        WLR_LIBINPUT_NO_DEVICES="1", WLR_HEADLESS_OUTPUTS="2",
                        HOME=str(self.directory))
        self.guests = []

    def begin(self, permissions):
        config = self.directory / "guestpane.conf"
        config.write_text("label off\n")
        options = ["--config", config, "--client-socket", f"none={self.socket('')}"]
        for number, names in enumerate(sorted(set(permissions) - {""})):
            options += ["--client-socket", f"c{number}={self.socket(names)}:{names}"]
        self.start_compositor("%dx%d" % SIZE, options=options)
        self.start_guest_of("office", "d01020")
        self.wait_front("office")
        self.start_guest_of("lab", "2030e0", "--scanouts", "2")
        self.do("", self.build / "ctl/guestpanectl", "show", "lab", OUTPUTS[1])

    def socket(self, permissions):
        return self.directory / f"c-{permissions.replace(',', '-') or 'none'}"

    def start_guest_of(self, name, color, *options):
        socket = self.directory / f"{name}.sock"
        self.start(f"bridge-{name}", [
            self.build / "vmm-bridge/guestpane-bridge", "--socket-path", socket,
            "--display", self.bridge_socket, "--name", name,
            "--control-socket", self.directory / f"{name}.ctl", *options])
        self.wait(f"the bridge of {name}", socket.exists, 30)
        guest = subprocess.Popen(
            [self.build / "tests/guest/stand_in", socket, color, *map(str, SIZE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.guests.append(guest)
        expect(guest.stdout.readline() == "shown\n", f"{name} shows nothing")

    def __exit__(self, *arguments):
        for guest in self.guests:
            guest.stdin.close()
            guest.wait(10)
        super().__exit__(*arguments)

    def run(self, permissions, *command, seconds=20):
        """Runs a tool to its end. Returns the status, and what it says."""
        env = {**self.env, "WAYLAND_DISPLAY": self.socket(permissions).name}
        try:
            ran = subprocess.run(list(map(str, command)), env=env, text=True, timeout=seconds,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, errors="replace", check=False)
        except subprocess.TimeoutExpired as expired:
            return None, str(expired.output)
        return ran.returncode, ran.stdout

    def do(self, permissions, *command):
        status, said = self.run(permissions, *command)
        expect(status == 0, f"{' '.join(map(str, command))}: status {status}: {said.strip()}")
        return said

    def spawn(self, permissions, *command):
        env = {**self.env, "WAYLAND_DISPLAY": self.socket(permissions).name}
        log = open(self.logs / f"{command[0]}.log", "ab")
        return subprocess.Popen(list(map(str, command)), env=env, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log)

    def until(self, what, condition, seconds=PATIENCE):
        self.wait(what, condition, seconds)

    def outputs(self):
        return {output["name"]: output for output in self.status()["guestpane"]["outputs"]}

    def seat(self):
        return self.status()["guestpane"]["seat"]

    def wait_front(self, guest):
        self.until(f"{guest} in front", lambda: self.outputs()[OUTPUTS[0]]["guest"] == guest)


def is_all(picture, color):
    return (picture.width, picture.height) == SIZE and all(
        picture.at(x, y) == color for x in range(0, SIZE[0], 37) for y in range(0, SIZE[1], 29))


def end(process, number=signal.SIGINT):
    process.send_signal(number)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failure(f"{process.args[0]} does not end") from None


## What each tool has to do. The socket's permissions are given.

def grim(desk, permissions):
    file = desk.directory / "grim.ppm"
    desk.do(permissions, "grim", "-t", "ppm", "-o", OUTPUTS[0], file)
    expect(is_all(Picture(file.read_bytes()), RED), "its picture is not the guest's")


def wf_recorder(desk, permissions):
    file = desk.directory / "record.mkv"
    recorder = desk.spawn(permissions, "wf-recorder", "-D", "-o", OUTPUTS[0], "-f", file, "-y")
    time.sleep(3)
    status = end(recorder)
    expect(status == 0 and file.exists() and file.stat().st_size > 1000,
           f"status {status}, a file of {file.stat().st_size if file.exists() else 0} bytes")


def vnc(desk, server, *words):
    file = desk.directory / "vnc.png"
    ran = subprocess.run(["vncdotool", "-s", server, *words, "pause", "2", "capture", str(file)],
                         env=desk.env, timeout=60, capture_output=True, text=True, check=False)
    expect(ran.returncode == 0, f"vncdotool: {ran.stderr.strip()[-300:]}")
    from PIL import Image  # vncdotool has it
    image = Image.open(file).convert("RGB")
    return image.size, image.getpixel((SIZE[0] // 4, SIZE[1] // 4))


def wayvnc(desk, permissions):
    server = desk.spawn(permissions, "wayvnc", "-o", OUTPUTS[0], "127.0.0.1", "5987")
    try:
        for attempt in range(20):
            try:
                size, color = vnc(desk, "127.0.0.1::5987")
                break
            except Failure:
                if attempt == 19 or server.poll() is not None:
                    raise
                time.sleep(0.5)
        expect(size == SIZE and color == RED, f"a picture of {size}, {color}")
        # The hotkey: what is typed arrives by its code.
        vnc(desk, "127.0.0.1::5987", "move", "320", "240", "keydown", "lctrl", "keydown", "lsuper",
            "key", "tab", "keyup", "lsuper", "keyup", "lctrl")
        desk.wait_front("lab")
        vnc(desk, "127.0.0.1::5987", "keydown", "lctrl", "keydown", "lsuper", "key", "tab",
            "keyup", "lsuper", "keyup", "lctrl")
        desk.wait_front("office")
    finally:
        end(server)


def wlrctl_pointer(desk, permissions):
    desk.do(permissions, "wlrctl", "pointer", "move", "-5000", "0")
    desk.until("focus on the left", lambda: desk.seat()["focus"] == "office")
    desk.do(permissions, "wlrctl", "pointer", "move", "5000", "0")
    desk.until("focus on the right", lambda: desk.seat()["focus"] == "lab")
    desk.do(permissions, "wlrctl", "pointer", "move", "-5000", "0")


def wlrctl_toplevel(desk, permissions):
    said = desk.do(permissions, "wlrctl", "toplevel", "list")
    expect("office" in said and "lab" in said, f"it lists {said!r}")
    for guest in ("lab", "office"):
        # wlrctl 0.2.2 may abort when it is told that it was done: it uses a wl_array wrongly.
        desk.run(permissions, "wlrctl", "toplevel", "focus", f"title:{guest}")
        desk.wait_front(guest)


def wtype(desk, permissions):
    before = desk.seat()["devices"]
    desk.do(permissions, "wtype", "hello")
    expect(desk.seat()["devices"] == before, "its keyboard is still there")


def wlr_randr(desk, permissions):
    said = desk.do(permissions, "wlr-randr")
    expect(all(output in said for output in OUTPUTS), f"it lists {said!r}")
    desk.do(permissions, "wlr-randr", "--output", OUTPUTS[1], "--custom-mode", "800x600")
    desk.until("the mode", lambda: desk.outputs()[OUTPUTS[1]]["width"] == 800)
    desk.do(permissions, "wlr-randr", "--output", OUTPUTS[1], "--custom-mode", "%dx%d" % SIZE)
    desk.until("the mode", lambda: desk.outputs()[OUTPUTS[1]]["width"] == SIZE[0])


def kanshi(desk, permissions):
    config = desk.directory / "kanshi"
    config.write_text("profile {\n" + "".join(
        f"\toutput {name} mode --custom 720x480 position {720 * number},0\n"
        for number, name in enumerate(OUTPUTS)) + "}\n")
    daemon = desk.spawn(permissions, "kanshi", "-c", config)
    try:
        desk.until("the profile", lambda: all(
            output["width"] == 720 for output in desk.outputs().values()))
    finally:
        end(daemon)
    for name in OUTPUTS:
        desk.do(permissions, "wlr-randr", "--output", name, "--custom-mode", "%dx%d" % SIZE)


def wlopm(desk, permissions):
    said = desk.do(permissions, "wlopm")
    expect(f"{OUTPUTS[0]} on" in said, f"it lists {said!r}")
    desk.do(permissions, "wlopm", "--off", OUTPUTS[1])
    desk.until("off", lambda: desk.outputs()[OUTPUTS[1]]["power"] == "off")
    desk.do(permissions, "wlopm", "--on", OUTPUTS[1])
    desk.until("on", lambda: desk.outputs()[OUTPUTS[1]]["power"] == "on")


def swayidle(desk, permissions):
    idle, resumed = desk.directory / "idle", desk.directory / "resumed"
    daemon = desk.spawn(permissions, "swayidle", "-w", "-C", "/dev/null",
                        "timeout", "1", f"touch {idle}", "resume", f"touch {resumed}")
    try:
        desk.until("idle", idle.exists)
        expect(not resumed.exists(), "resumed by nothing")
        desk.do("input", "wlrctl", "pointer", "move", "1", "1")
        desk.until("resumed", resumed.exists)
    finally:
        end(daemon, signal.SIGTERM)


# Tool, its package, permissions, what was run, function, what else is to be said.
TOOLS = [
    ("grim", "grim", "capture", "a picture of an output", grim, ""),
    ("wf-recorder", "wf-recorder", "capture", "three seconds of an output into a file",
     wf_recorder, "works; the file was not played"),
    ("wayvnc", "wayvnc", "capture,input",
     "vncdotool takes a picture, and types the hotkey: the next guest is shown", wayvnc, ""),
    ("wlrctl pointer", "wlrctl", "input", "motion from one guest to the other", wlrctl_pointer, ""),
    ("wtype", "wtype", "input", "a word", wtype,
     "runs; the guest was not asked, which gets key codes, while wtype brings a keymap of its own"),
    ("wlrctl toplevel", "wlrctl", "toplevels", "the list of guests; another one to the front",
     wlrctl_toplevel, "works; wlrctl 0.2.2 itself aborts afterwards"),
    ("wlr-randr", "wlr-randr", "outputs", "list, custom mode", wlr_randr, ""),
    ("kanshi", "kanshi", "outputs", "a profile of two outputs", kanshi,
     "works with a name in WAYLAND_DISPLAY, not with a path"),
    ("wlopm", "wlopm", "power", "list, off, on", wlopm, ""),
    ("swayidle", "swayidle", "idle", "timeout, and resume by the pointer", swayidle, ""),
]

# Tool, package, command that has to fail, what is missing.
MISSING = [
    ("wl-copy", "wl-clipboard", ("wl-copy", "text"), "data control"),
    ("gammastep", "gammastep", ("gammastep", "-m", "wayland", "-P", "-O", "4000"),
     "gamma control"),
    ("wlsunset", "wlsunset", ("wlsunset", "-l", "50", "-L", "10"), "gamma control"),
    ("swaylock", "swaylock", ("swaylock", "-c", "000000"), "session lock"),
]

# On a socket without permissions each ends with an error.
DENIED = [
    ("grim", "/dev/null"), ("wf-recorder", "-f", "/dev/null", "-y"),
    ("wayvnc", "127.0.0.1", "5988"), ("wtype", "a"), ("wlrctl", "pointer", "move", "1", "1"),
    ("wlrctl", "toplevel", "list"), ("wlr-randr",), ("wlopm",),
    ("kanshi", "-c", "/dev/null"),
    ("swayidle", "-C", "/dev/null", "timeout", "1", "true"),
]

# Not run: what they need is not served.
NOT_RUN = [
    ("slurp, waybar, mako, wvkbd", "layer shell"),
    ("xdg-desktop-portal-wlr", "layer shell for its chooser; its capture is that of grim"),
    ("windows of any program", "xdg-shell: guestpane shows guests, and no windows of clients"),
]


def version(package):
    ran = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True,
                         text=True, check=False)
    return ran.stdout.strip() or "?"


def run(desk, names):
    """Yields a row of the table for each tool, and prints TAP."""
    tools = [tool for tool in TOOLS if not names or tool[0] in names]
    missing = [tool for tool in MISSING if not names or tool[0] in names]
    print(f"1..{len(tools) + len(missing) + 1}", flush=True)
    number = 0
    for name, package, permissions, what, function, remark in tools:
        number += 1
        if shutil.which(name.split()[0]) is None:
            print(f"ok {number} - {name} # SKIP not installed", flush=True)
            continue
        try:
            function(desk, permissions)
            result = remark or "works"
            print(f"ok {number} - {name}: {what}", flush=True)
        except (Failure, OSError, subprocess.TimeoutExpired) as failure:
            result = "fails"
            print(f"not ok {number} - {name}: {what}", flush=True)
            print("".join(f"# {line}\n" for line in str(failure).splitlines()), flush=True)
        yield name, version(package), permissions, what, result
    for name, package, command, what in missing:
        number += 1
        if shutil.which(command[0]) is None:
            print(f"ok {number} - {name} # SKIP not installed", flush=True)
            continue
        status, said = desk.run(ALL, *command)
        good = status not in (0, None)
        print(f"{'' if good else 'not '}ok {number} - {name} fails: no {what}", flush=True)
        print("".join(f"# {line}\n" for line in said.splitlines()[:4]), flush=True)
        yield name, version(package), "all", "`" + " ".join(command) + "`", \
            f"fails: no {what}"
    works = [command for command in DENIED
             if shutil.which(command[0]) and desk.run("", *command)[0] in (0, None)]
    print(f"{'not ' if works else ''}ok {number + 1} - nothing works without permissions",
          flush=True)
    for command in works:
        print(f"# {' '.join(command)} does", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("logs")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--table")
    arguments = parser.parse_args()
    with Desk(arguments.build, arguments.logs) as desk:
        desk.begin([ALL, *(tool[2] for tool in TOOLS)])
        rows = list(run(desk, arguments.cases))
    if arguments.table:
        text = TABLE + "".join(f"| {' | '.join(row)} |\n" for row in rows)
        text += "\nNot run, as guestpane does not serve what they need:\n\n"
        text += "".join(f"- {name}: {what}\n" for name, what in NOT_RUN)
        pathlib.Path(arguments.table).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The part of tools/demo that runs in the root: builds, starts, watches, reports."""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
BUILD = TOP / "build/demo"
LOGS = BUILD / "logs"
sys.path.insert(0, str(HERE.parent))

from stack import Failure, Stack, tail  # noqa: E402 (the path must be set first)

# Slow machines emulate the guest's processor.
BOOT_SECONDS = 180


def say(text):
    print(f"demo: {time.monotonic() - START:4.0f}s  {text}", flush=True)


def run_logged(command, log):
    with open(log, "ab") as out:
        return subprocess.run(command, stdout=out, stderr=out, cwd=TOP, check=False).returncode


def build():
    BUILD.mkdir(parents=True, exist_ok=True)
    log = BUILD / "build.log"
    log.write_bytes(b"")
    setup = ["meson", "setup", BUILD, "-Dtests=false"]
    # A directory from another root or compiler cannot be reused.
    if run_logged(setup, log) and run_logged([*setup, "--wipe"], log):
        raise Failure(f"meson setup failed; the end of {log}:\n{tail(log)}")
    if run_logged(["meson", "compile", "-C", BUILD], log):
        raise Failure(f"the build failed; the end of {log}:\n{tail(log)}")


def on_console():
    """Whether we were started on a Linux virtual terminal of a machine with a card."""
    try:
        terminal = os.ttyname(sys.stdin.fileno())
    except OSError:
        return False
    return bool(re.fullmatch(r"/dev/tty\d+", terminal)) and any(
        pathlib.Path("/dev/dri").glob("card*"))


def x11_reachable():
    number = re.fullmatch(r":(\d+)(\.\d+)?", os.environ.get("DISPLAY", ""))
    return bool(number) and pathlib.Path(f"/tmp/.X11-unix/X{number.group(1)}").exists()


def choose_display(env):
    """Sets up env for the display that there is, and says in words which it is."""
    if pathlib.Path(env.get("WAYLAND_DISPLAY") or "/nonexistent").exists():
        return f"a window on {env['WAYLAND_DISPLAY']}"
    env.pop("WAYLAND_DISPLAY", None)
    if x11_reachable():
        return f"a window on the X display {env['DISPLAY']}"
    env.pop("DISPLAY", None)
    if on_console():
        if os.geteuid() == 0 and not pathlib.Path("/run/seatd.sock").exists():
            env.setdefault("LIBSEAT_BACKEND", "builtin")
        return "this console's screen"
    env.update(WLR_BACKENDS="headless", WLR_RENDERER="pixman", WLR_LIBINPUT_NO_DEVICES="1")
    return "a headless output (no display here)"


def guest_ended(stack):
    progress = stack.work / "progress"
    return progress.exists() and progress.read_text().strip() == "weston ended"


def desktop_up(stack):
    if guest_ended(stack):
        raise Failure("weston ended in the guest; the end of its log:\n"
                      + tail(stack.work / "weston.log"))
    return (stack.work / "progress").exists()


def check_seen(stack, before):
    """Raises unless the screen shows a guest. Decided thus: status says that the output shows
    the guest and has had frames of it, the picture differs from the one before the guest was
    started (the status screen), and it is alive, as the guest's desktop moves."""
    output = stack.output()
    if output.get("showing") != "guest" or not stack.frames():
        raise Failure(f"no guest picture: the output shows '{output.get('showing')}', "
                      f"reason: {output.get('reason') or 'none given'}")
    picture = stack.picture()
    if picture.colours() < 3:
        raise Failure("no guest picture: the screenshot is a single colour")
    changed = picture.difference(before)
    if changed < 0.02:
        raise Failure(f"no guest picture: the screenshot is the status screen "
                      f"({changed:.1%} differ)")
    end = time.monotonic() + 10
    while stack.picture().pixels == picture.pixels:
        if time.monotonic() > end:
            raise Failure("the guest's picture does not move, though its desktop does")
        time.sleep(0.2)


def summary(stack, times, output_file):
    status = stack.status()
    compositor = status.get("guestpane", {})
    bridge = status.get("guestpane-bridge", {})
    output = stack.output()
    scanout = (bridge.get("scanouts") or [{}])[0]
    frames = {way: count for way, count in output.get("frames", {}).items() if count}
    counters = bridge.get("counters", {})
    rows = [
        ("guest", f"{scanout.get('width')}x{scanout.get('height')} {scanout.get('format')}"
                  f", {'KVM' if times['kvm'] else 'emulated processor (TCG)'}"),
        ("output", f"{output.get('name')} {output.get('width')}x{output.get('height')}, "
                   f"{compositor.get('backend')}, renderer {compositor.get('renderer')}"),
        ("frames", f"{sum(frames.values())} shown: "
                   + (", ".join(f"{count} {way}" for way, count in frames.items()) or "none")),
        ("path", f"{output.get('path')}; not better because: {output.get('reason') or '-'}"),
        ("memory", f"{scanout.get('exporter')}; not better because: "
                   f"{scanout.get('reason') or '-'}"),
        ("copied", f"{counters.get('bytes_copied', 0) / 1e6:.1f} MB in all, "
                   f"{counters.get('imports')} imports"),
        ("times", f"first picture {times['picture']:.1f} s, desktop {times['desktop']:.1f} s "
                  f"after the guest's start"),
        ("picture", output_file),
    ]
    print()
    for name, text in rows:
        print(f"  {name:8} {text}")
    print(flush=True)


def demo(arguments):
    say("building")
    build()
    with Stack(BUILD, LOGS) as stack:
        where = choose_display(stack.env)
        say(f"starting on {where}")
        stack.start_compositor()
        # Let the status screen come up: the picture to tell the guest's from.
        stack.wait("a first frame of the compositor", lambda: stack.output(), 20)
        time.sleep(0.5)
        before = stack.picture()
        stack.start_bridge("demo")
        for name in ("weston.ini", "greet"):
            target = stack.work / name
            target.write_bytes((HERE / name).read_bytes())
            target.chmod(0o755)
        times = {}
        stack.start_guest(HERE / "run")
        say("the guest boots")
        stack.wait("a picture of the guest", stack.frames, BOOT_SECONDS)
        times["picture"] = time.monotonic() - stack.guest.started
        say("the first picture of the guest is on the screen")
        stack.wait("the guest's desktop", lambda: desktop_up(stack), BOOT_SECONDS)
        times["desktop"] = time.monotonic() - stack.guest.started
        say(f"its desktop is up, watching it for {arguments.seconds} s")
        end = time.monotonic() + arguments.seconds
        stack.wait("the end", lambda: time.monotonic() > end, arguments.seconds + 5)
        check_seen(stack, before)
        times["kvm"] = b"-accel\0kvm" in pathlib.Path(
            f"/proc/{stack.guest.pid}/cmdline").read_bytes()
        stack.grim(arguments.output)
        summary(stack, times, arguments.output)
        if arguments.keep:
            say("it goes on until Ctrl-C")
            try:
                while not guest_ended(stack):
                    stack.wait("the end", lambda: guest_ended(stack), 10 ** 9)
            except KeyboardInterrupt:
                pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--output", required=True)
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    # A SIGTERM must tidy up like Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        demo(arguments)
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    return 0


START = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())

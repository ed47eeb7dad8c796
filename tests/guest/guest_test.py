#!/usr/bin/python3
"""A stock Linux guest on a headless compositor, from the boot console to a second VMM.

    guest_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

The cases share a guest and run in order (names given run only those, after the boot). Each
case keeps its pictures in the log directory.
"""

import pathlib
import re
import sys
import time

from machine import HERE, PATIENCE, Failure, Hands, Machine
from stack import open_files

WIDTH, HEIGHT = 1280, 800
DEMO = HERE.parents[1] / "tools/guest/demo"
FBCON_RED = (170, 0, 0)

GREY, YELLOW, CYAN, GREEN = (192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0)
MAGENTA, RED, BLUE = (192, 0, 192), (192, 0, 0), (0, 0, 192)
DARK = (19, 19, 19)
SMPTE_TOP = [GREY, YELLOW, CYAN, GREEN, MAGENTA, RED, BLUE]
SMPTE_MIDDLE = [BLUE, DARK, MAGENTA, DARK, CYAN, DARK, GREY]


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def expect(condition, text):
    if not condition:
        raise Failure(text)


def is_red_bar(picture):
    return all(picture.at(x, 8) == FBCON_RED for x in (2, 200, 400, 600))


def paint_console(machine):
    """Clears the text console and begins it with 80 red cells: known pixels at known places."""
    machine.call(r"printf '\033[2J\033[H\033[41m%80s\033[0m\r\nguestpane\r\n' '' >/dev/tty1")


def connector(machine):
    output = machine.call("modetest -M virtio_gpu -c")
    found = re.search(r"^(\d+)\s+\d+\s+connected", output, re.MULTILINE)
    expect(found, f"no connected connector:\n{output}")
    modes = [(int(w), int(h), float(hz)) for w, h, hz in
             re.findall(r"^\s+#\d+ (\d+)x(\d+) ([\d.]+) ", output, re.MULTILINE)]
    return found.group(1), modes


def smpte_points(width, height):
    """(x, y, colour) in the middle of each field of the upper and middle row."""
    for row, y in ((SMPTE_TOP, height * 3 // 9), (SMPTE_MIDDLE, height * 13 // 18)):
        for field, colour in enumerate(row):
            yield (2 * field + 1) * width // 14, y, colour


def is_smpte(picture):
    return all(picture.at(x, y) == colour
               for x, y, colour in smpte_points(picture.width, picture.height))


def shows_guest(machine):
    return machine.output().get("showing") == "guest"


## The cases

def boot_console(machine):
    """The text console is on the screen, every pixel of a bar where it belongs."""
    machine.wait("frames of the guest", machine.frames, PATIENCE)
    machine.await_picture("boot", lambda picture: picture.colours() > 1)
    machine.await_agent()
    paint_console(machine)
    machine.await_picture("console", is_red_bar)


def test_pattern(machine):
    """modetest's SMPTE pattern has the right colours at the right places."""
    number, _ = connector(machine)
    job = machine.begin(f"sleep 8 | modetest -M virtio_gpu -s {number}:{WIDTH}x{HEIGHT} -F smpte")
    machine.await_picture("smpte", is_smpte, 30)
    machine.finish(job)


def flushes(machine):
    """How many flushes the guest has sent, and when that was by the host's clock."""
    scanouts = machine.status().get("guestpane-bridge", {}).get("scanouts") or [{}]
    return scanouts[0].get("flushes", 0), time.monotonic()


def page_flips(machine):
    """
    Page flips go on, and not faster than the mode's refresh rate. By the host's clock: that of a
    guest under TCG runs a third slow on a loaded machine, so its own rate is only noted.
    """
    number, modes = connector(machine)
    refresh = next(hz for w, h, hz in modes if (w, h) == (WIDTH, HEIGHT))
    first, _ = flushes(machine)
    job = machine.begin(f"sleep 12 | modetest -M virtio_gpu -s {number}:{WIDTH}x{HEIGHT} -v")
    machine.wait("the flips", lambda: flushes(machine)[0] > first + 20, PATIENCE)
    shown = machine.frames()
    before, start = flushes(machine)
    time.sleep(6)
    after, end = flushes(machine)
    shown = (machine.frames() - shown) / (end - start)
    _, output = machine.finish(job)
    rate = (after - before) / (end - start)
    note(f"{rate:.2f} flips/s of {refresh:.2f} Hz ({rate / refresh:.0%}), {shown:.1f} frames/s shown")
    note(f"the guest's own clock: {re.findall(r'freq: ([0-9.]+)Hz', output)}")
    note(f"replies: {machine.status().get('guestpane-bridge', {}).get('counters', {}).get('replies')}")
    expect(0 < rate <= refresh * 1.05, f"{rate:.2f} flips/s on a {refresh:.2f} Hz mode")
    expect(shown > 1, "the compositor showed next to none of them")


def desktop(machine):
    """weston comes up, and a moving client moves."""
    for name in ("weston.ini", "greet"):
        (machine.work / name).write_bytes((DEMO / name).read_bytes())
        (machine.work / name).chmod(0o755)
    (machine.work / "desktop").write_bytes((DEMO / "run").read_bytes())
    job = machine.begin("sh /guest/desktop")
    machine.wait("weston", lambda: (machine.work / "progress").exists(), PATIENCE)
    first = machine.await_picture("desktop", lambda picture: picture.colours() > 8)
    machine.await_picture("desktop-moved", lambda picture: picture.pixels != first.pixels, 20)
    machine.call("pkill -x weston")
    machine.finish(job)


def other_mode(machine):
    """Another mode set in the guest is the size that the compositor reports."""
    number, modes = connector(machine)
    smaller = [mode for mode in modes if mode[0] < WIDTH and mode[1] < HEIGHT]
    expect(smaller, f"the EDID has no smaller mode: {modes}")
    width, height, _ = smaller[0]

    def size_is_there():
        scanout = (machine.compositor_guest().get("scanouts") or [{}])[0]
        return (scanout.get("width"), scanout.get("height")) == (width, height)

    job = machine.begin(f"sleep 8 | modetest -M virtio_gpu -s {number}:{width}x{height} -F smpte")
    machine.wait(f"a scanout of {width}x{height}", size_is_there, 30)
    machine.await_picture(f"mode-{width}x{height}",
                          lambda picture: GREY in picture_colours(picture), 20)
    machine.finish(job)


def picture_colours(picture):
    return {picture.at(x, y) for x in range(0, picture.width, 16)
            for y in range(0, picture.height, 16)}


def driver_again(machine):
    """The guest's driver unbound: paused, as nobody can tell yet; bound again: a new life."""
    driver = "/sys/bus/virtio/drivers/virtio_gpu"
    generation = machine.compositor_guest().get("generation")
    device = machine.call(f"cd {driver} && ls -d virtio*").split()[0]
    machine.call(f"echo {device} >{driver}/unbind")
    machine.wait("the guest to be shown as paused",
                 lambda: machine.output().get("showing") == "paused", 20)
    machine.call(f"echo {device} >{driver}/bind")
    machine.wait("the guest's picture to come back", lambda: shows_guest(machine), 30)
    paint_console(machine)
    machine.await_picture("driver-bound", is_red_bar)
    after = machine.compositor_guest().get("generation")
    expect(after == generation + 1, f"generation {generation} before, {after} after")


def reboot(machine):
    """After a reset the console comes again, as a new generation of the same guest."""
    generation = machine.compositor_guest().get("generation")
    machine.qmp("system_reset")
    machine.await_agent()
    paint_console(machine)
    machine.await_picture("rebooted", is_red_bar)
    after = machine.compositor_guest().get("generation")
    expect(generation is not None and after == generation + 1,
           f"generation {generation} before the reset, {after} after it")


def guest_gone(machine):
    """When QEMU ends, nothing of the guest's picture stays."""
    last = machine.picture()
    expect(is_red_bar(last), "the guest's picture is not on the screen before")
    machine.power_off()
    machine.wait("the status screen", lambda: not shows_guest(machine), 10)
    machine.await_picture("gone", lambda picture: not is_red_bar(picture)
                          and picture.difference(last) > 0.01, 10)


def second_guest(machine):
    """Another VMM connects to the same bridge and is shown."""
    machine.boot(*machine.qemu_input_options())
    machine.await_agent()
    paint_console(machine)
    machine.await_picture("second-guest", is_red_bar)
    machine.power_off()
    machine.wait("the status screen", lambda: not shows_guest(machine), 10)


def no_leaks(machine):
    """With all guests gone, all processes hold the descriptors that they had before."""
    for (name, pid), before in machine.fds_before.items():
        try:
            machine.wait(f"{name}'s descriptors", lambda p=pid, b=before:
                         len(open_files(p)) == len(b), 10)
        except Failure as failure:
            now = open_files(pid)
            more = [fd for fd in now if now.count(fd) > before.count(fd)]
            raise Failure(f"{name} has {len(now)} descriptors, {len(before)} before: "
                          f"{more}") from failure
        note(f"{name}: {len(before)} descriptors")


# US layout, as far as it is typed here: evdev codes.
KEYS = {**{letter: code for row, first in (("qwertyuiop", 16), ("asdfghjkl", 30), ("zxcvbnm", 44))
           for code, letter in enumerate(row, first)},
        **{digit: code for code, digit in enumerate("1234567890", 2)},
        " ": 57, "-": 12, "\n": 28}
LEFT_SHIFT, CAPS_LOCK, BTN_LEFT = 42, 58, 0x110


def typing(machine):
    """Keys typed at the compositor are text on the guest's console, and its LEDs come back."""
    machine.call("modprobe -a virtio_input evdev")
    machine.wait("the guest's input devices", lambda: all(
        device["vmm"] == "running" for device in machine.bridge_inputs()), 30)
    names = machine.call("cat /sys/class/input/input*/name")
    expect("Guestpane Keyboard\n" in names and "Guestpane Tablet\n" in names, names)
    paint_console(machine)
    text = "Hello Guestpane-42\n"
    job = machine.begin("head -n 1 </dev/tty1")
    time.sleep(1)
    for letter in text:
        codes = (KEYS[letter.lower()],)
        machine.hands.tap(*((LEFT_SHIFT, *codes) if letter.isupper() else codes))
    _, output = machine.finish(job, 30)
    expect(output == text, f"{output!r} arrived")
    machine.hands.tap(CAPS_LOCK)
    machine.wait("the LED", lambda: machine.seat().get("leds") == 2, 20)
    machine.hands.tap(CAPS_LOCK)
    machine.wait("the LED to go out", lambda: machine.seat().get("leds") == 0, 20)
    for device in machine.bridge_inputs():
        note(f"{device['kind']}: {device['events']} events, {device['coalesced']} coalesced, "
             f"{device['dropped']} dropped, {device['latency_ms']} ms, at most "
             f"{device['latency_max_ms']} ms")


def pointing(machine):
    """The tablet is where the pointer is, to the pixel; clicks and the wheel arrive in order."""
    (machine.work / "read-tablet").write_text((HERE / "read-tablet").read_text())
    job = machine.begin("python3 /guest/read-tablet 'Guestpane Tablet' /guest/tablet")
    machine.wait("the reader", (machine.work / "tablet").exists, 60)
    points = [(0, 0), (WIDTH - 1, HEIGHT - 1), (1, 1), (640, 400), (333, 77), (1279, 0)]
    wanted = []
    for x, y in points:
        machine.hands.do("point", x, y, WIDTH, HEIGHT)
        machine.hands.do("button", BTN_LEFT, 1)
        machine.hands.do("button", BTN_LEFT, 0)
        wanted += [f"press {x} {y}", f"release {x} {y}"]
    machine.hands.do("scroll", 0, 15, 1)
    machine.hands.do("scroll", 1, -30, -2)
    wanted += ["wheel -1", "hwheel -2"]
    found = []

    def all_arrived():
        found[:] = (machine.work / "tablet").read_text().splitlines()[1:]
        return len(found) >= len(wanted)

    try:
        machine.wait("the events", all_arrived, 30)
        machine.finish(job, 30)
    finally:
        note(f"{found} arrived")
    expect(found == wanted, f"not {wanted}")


def has_change(before, after, x, y):
    """Whether pixels differ near the point."""
    return any(before.at(i, j) != after.at(i, j)
               for i in range(x, min(x + 12, WIDTH)) for j in range(y, min(y + 16, HEIGHT)))


def desktop_hands(machine):
    """In weston, a line that is typed reaches a terminal, and the pointer is drawn where it is."""
    for name, source in (("weston.ini", DEMO), ("seat-desktop", HERE)):
        (machine.work / name).write_bytes((source / name).read_bytes())
    job = machine.begin("sh /guest/seat-desktop")
    machine.wait("the terminal", (machine.work / "listening").exists, PATIENCE)
    machine.hands.do("point", 640, 400, WIDTH, HEIGHT)
    machine.hands.do("button", BTN_LEFT, 1)
    machine.hands.do("button", BTN_LEFT, 0)
    time.sleep(2)
    text = "hands-on weston\n"
    for letter in text:
        machine.hands.tap(KEYS[letter])
    machine.wait("the line", (machine.work / "line").exists, 30)
    line = (machine.work / "line").read_text()
    expect(line == text, f"{line!r} arrived")
    machine.keep("typed", machine.picture())
    for x, y in ((200, 600), (1000, 300)):
        before = machine.picture()
        machine.hands.do("point", x, y, WIDTH, HEIGHT)
        machine.await_picture(f"pointer-{x}-{y}",
                              lambda picture, b=before, at=(x, y): has_change(b, picture, *at), 20)
    machine.call("pkill -x weston")
    machine.finish(job)


CASES = [boot_console, typing, pointing, desktop_hands, test_pattern, page_flips, desktop, other_mode, driver_again, reboot,
         guest_gone, second_guest, no_leaks]


def run_cases(machine, cases):
    """Prints TAP; gives back whether all went well."""
    good = True
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        start = time.monotonic()
        title = f"{number} - {case.__name__}: {case.__doc__}"
        try:
            case(machine)
            print(f"ok {title}", flush=True)
        except (Failure, OSError) as failure:
            good = False
            print(f"not ok {title}", flush=True)
            note(failure)
        note(f"{case.__name__} took {time.monotonic() - start:.1f} s")
    return good


def main():
    build, logs, *names = sys.argv[1:]
    cases = [case for case in CASES if not names or case.__name__ in ("boot_console", *names)]
    with Machine(build, logs) as machine:
        machine.start_compositor(f"{WIDTH}x{HEIGHT}")
        machine.start_bridge("guest", *machine.bridge_input_options())
        machine.hands = Hands(pathlib.Path(build) / "tests/harness/fake-seat", machine.display())
        time.sleep(1)
        processes = {"guestpane": machine.compositor.pid, "keeper": machine.bridge.pid,
                     "worker": machine.status()["guestpane-bridge"]["worker_pid"]}
        machine.fds_before = {process: open_files(process[1]) for process in processes.items()}
        machine.boot(*machine.qemu_input_options())
        good = run_cases(machine, cases)
        machine.hands.end()
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

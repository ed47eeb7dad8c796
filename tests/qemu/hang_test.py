#!/usr/bin/python3
"""What a bridge that is stopped, killed or late costs QEMU's main loop (behaviour F3).

    hang_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

QEMU's main loop is asked over QMP all the time, and each answer is timed.
"""

import os
import pathlib
import signal
import sys
import time

from shown import Shown

from guest_test import expect, note, run_cases

LIMIT_MS = 250

# What QEMU's main loop takes on this machine by itself, under load.
NOISE_MS = 150


OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"


def graphic(picture):
    """OVMF's own mode. A reset switches to another one and back, and QEMU waits for us (Map)."""
    return picture.width == 1280 and picture.colours() > 3


def judge(shown, what, during, seconds=4):
    calm = shown.slowest_reply(2)
    slowest = shown.slowest_reply(seconds, during)
    note(f"{what}: {slowest:.0f} ms at the most; before, {calm:.0f} ms")
    expect(slowest < LIMIT_MS + max(calm, NOISE_MS), f"{what}: QEMU stood still {slowest:.0f} ms")


def stop_and(shown, moment):
    """For judge: stops the bridge, and lets QEMU do something for which it waits."""
    def during():
        shown.signal_bridge(signal.SIGSTOP)
        moment()
    return during


def start(shown):
    """Firmware is shown."""
    shown.boot_firmware("-device", "virtio-gpu-pci", "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}")
    shown.await_same("start", graphic)


def goes_on(shown, name):
    shown.signal_bridge(signal.SIGCONT)
    shown.await_same(name, graphic, 60)


def stopped_idle(shown):
    """Stopped while nothing but the cursor blinks."""
    judge(shown, "idle", stop_and(shown, lambda: None))
    goes_on(shown, "after-idle")


def stopped_at_a_mode(shown):
    """Stopped before the modes of a reset, which QEMU waits for one by one."""
    judge(shown, "mode", stop_and(shown, lambda: shown.qmp("system_reset")), 6)
    goes_on(shown, "after-mode")


def stopped_while_registering(shown):
    """Stopped at each step of a registration, in which QEMU has no time-out."""
    for delay_ms in (0, 5, 10, 20, 30, 40, 60, 90, 130):
        shown.stop(shown.bridge)
        shown.start_qmp_bridge()

        def during(delay_ms=delay_ms):
            time.sleep(delay_ms / 1000)
            shown.signal_bridge(signal.SIGSTOP)

        judge(shown, f"stopped {delay_ms} ms after the start", during, 2)
        shown.signal_bridge(signal.SIGCONT)
    shown.await_same("after-registering", graphic, 60)


def killed(shown):
    """Killed at each step."""
    for delay_ms in (0, 10, 30, 60, 100, 500):
        shown.stop(shown.bridge)
        shown.start_qmp_bridge()

        def during(delay_ms=delay_ms):
            time.sleep(delay_ms / 1000)
            shown.signal_bridge(signal.SIGKILL)

        judge(shown, f"killed {delay_ms} ms after the start", during, 1)
        shown.bridge.process.wait(10)
    shown.programs.remove(shown.bridge)
    shown.start_qmp_bridge()
    shown.await_same("after-killing", graphic, 60)


def compositor_stopped(shown):
    """A compositor that stands still costs QEMU nothing."""
    def during():
        shown.compositor.process.send_signal(signal.SIGSTOP)
        shown.qmp("system_reset")
    judge(shown, "compositor", during, 6)
    shown.compositor.process.send_signal(signal.SIGCONT)
    shown.await_same("after-compositor", graphic, 60)


def unwatched(shown):
    """Without the process that watches it takes long: what is measured above is real."""
    for pid in shown.watchers():
        os.kill(pid, signal.SIGKILL)
    during = stop_and(shown, lambda: shown.qmp("system_reset"))
    slowest = shown.slowest_reply(5, during)
    note(f"unwatched: {slowest:.0f} ms")
    goes_on(shown, "after-unwatched")
    expect(slowest > 2 * LIMIT_MS, "QEMU did not wait")


CASES = [start, stopped_idle, stopped_at_a_mode, stopped_while_registering, killed,
         compositor_stopped, unwatched]


def main():
    build, logs, *names = sys.argv[1:]
    cases = [case for case in CASES if not names or case.__name__ in ("start", *names)]
    with Shown(pathlib.Path(build).resolve(), logs) as shown:
        shown.start_compositor("1280x800")
        shown.start_qmp_bridge()
        return 0 if run_cases(shown, cases) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Stock QEMU lives on when its bridge crashes, is to end or is replaced, whatever its guest does.

    survive_test.py BUILD-DIRECTORY LOG-DIRECTORY [CASE…]

QEMU 11.1 aborts when a back end closes its socket while one of its vhost-user devices is not in
use. Here each device is, one is, or none is. The first cases have QEMU alone, with firmware that
knows none of the devices; the others share a Linux guest.
"""

import os
import pathlib
import signal
import sys
import time

from crash_test import GREEN, RED, await_all, bridge_status, paint, restarts
from guest_test import HEIGHT, WIDTH, expect, note, run_cases
from machine import PATIENCE, Lines, Machine

SETTLE = 0.5  # QEMU notices a closed socket at once


def start_bridge(machine):
    machine.start_bridge("guest", "--linger", "60", *machine.bridge_input_options())
    machine.wait("the bridge's status", lambda: bridge_status(machine).get("worker_pid"), PATIENCE)


def assert_lives(machine, when):
    time.sleep(SETTLE)
    expect(machine.guest.alive(), f"{when}: QEMU has ended: {machine.guest.process.poll()}")
    note(f"{when}: QEMU says {machine.qmp('query-status')['status']}")


def crash(machine):
    before = restarts(machine)
    os.kill(bridge_status(machine)["worker_pid"], signal.SIGKILL)
    machine.wait("another worker", lambda: restarts(machine) == before + 1, PATIENCE)


def replace(machine):
    """Starts another bridge, which takes over from the one that is there; that one ends."""
    old = machine.bridge
    machine.programs.remove(old)
    start_bridge(machine)
    status = old.process.wait(PATIENCE)
    expect(status == 0, f"the bridge that was replaced has ended with {status}")


def end_bridge(machine):
    """Asks the bridge to end. It stays for QEMU."""
    machine.bridge.process.terminate()
    machine.wait("the stub", lambda: "the VM has no display any more" in
                 machine.bridge.log.read_text(errors="replace"), PATIENCE)


def trouble(machine, state):
    """All that may happen to a bridge, in a state of the guest."""
    crash(machine)
    assert_lives(machine, f"{state}, a crash")
    replace(machine)
    assert_lives(machine, f"{state}, another bridge")
    end_bridge(machine)
    assert_lives(machine, f"{state}, an end")
    replace(machine)
    assert_lives(machine, f"{state}, another bridge after it")


def end_both(machine, state):
    """The bridge is to end, then the VM does: the bridge follows it."""
    end_bridge(machine)
    assert_lives(machine, f"{state}, an end")
    bridge = machine.bridge
    machine.programs.remove(bridge)
    machine.power_off()
    status = bridge.process.wait(PATIENCE)
    expect(status == 0, f"the bridge has ended with {status}")
    bridge.log.unlink()


def start_qemu(machine, *options):
    """QEMU without anything to boot."""
    qmp = machine.directory / "qmp.sock"
    qmp.unlink(missing_ok=True)
    machine.guest = machine.start("qemu", [
        "qemu-system-x86_64", "-accel", "tcg", "-machine", "q35,memory-backend=mem", "-m", "256M",
        "-object", "memory-backend-memfd,id=mem,size=256M,share=on", "-nodefaults",
        "-display", "none", "-chardev", f"socket,id=gpu,path={machine.gpu_socket}",
        "-device", "vhost-user-test-device-pci,chardev=gpu,virtio-id=16,num_vqs=2,vq_size=256,"
        "config_size=24", *machine.qemu_input_options(),
        "-qmp", f"unix:{qmp},server=on,wait=off", *options])
    machine.wait("QEMU's socket", qmp.exists, PATIENCE)
    machine.monitor = Lines(qmp)
    machine.qmp("qmp_capabilities")
    machine.wait("the VMM", lambda: bridge_status(machine).get("vmm") == "connected", PATIENCE)


## The cases

def not_begun(machine):
    """QEMU waits for its start (-S)."""
    start_bridge(machine)
    start_qemu(machine, "-S")
    trouble(machine, "not begun")
    machine.qmp("cont")
    assert_lives(machine, "begun")
    end_both(machine, "begun")


def firmware(machine):
    """Firmware runs, which has no driver for the devices, and resets."""
    start_bridge(machine)
    start_qemu(machine)
    trouble(machine, "firmware")
    machine.qmp("system_reset")
    assert_lives(machine, "a reset")
    end_both(machine, "firmware")


def no_input_driver(machine):
    """Linux runs, with virtio_gpu and without virtio_input."""
    start_bridge(machine)
    machine.boot(*machine.qemu_input_options(), memory="512M")
    machine.await_agent()
    paint(machine, RED)
    await_all(machine, "before", RED)
    trouble(machine, "no input driver")
    await_all(machine, "as-it-was", RED)
    paint(machine, GREEN)
    await_all(machine, "printed-then", GREEN)


def all_drivers(machine):
    """All devices are in use."""
    machine.call("modprobe -a virtio_input evdev")
    machine.wait("the guest's input devices", lambda: all(
        device["vmm"] == "running" for device in machine.bridge_inputs()), PATIENCE)
    trouble(machine, "all in use")
    paint(machine, RED)
    await_all(machine, "all-in-use", RED)


def paused(machine):
    """The VM is paused, and continues."""
    machine.qmp("stop")
    trouble(machine, "paused")
    machine.qmp("cont")
    paint(machine, GREEN)
    await_all(machine, "continued", GREEN)


def unbound(machine):
    """The driver of the display lets go of it, and takes it again."""
    machine.call("basename /sys/bus/virtio/drivers/virtio_gpu/virtio* >/tmp/gpu; "
                 "echo 0 >/sys/class/vtconsole/vtcon1/bind; "
                 "cat /tmp/gpu >/sys/bus/virtio/drivers/virtio_gpu/unbind")
    trouble(machine, "unbound")
    machine.call("cat /tmp/gpu >/sys/bus/virtio/drivers/virtio_gpu/bind; "
                 "echo 1 >/sys/class/vtconsole/vtcon1/bind; sleep 1")
    paint(machine, RED)
    await_all(machine, "bound", RED)


def reset(machine):
    """The VM is reset, and boots."""
    machine.qmp("system_reset")
    trouble(machine, "reset")
    machine.await_agent()
    paint(machine, GREEN)
    await_all(machine, "booted-again", GREEN)
    end_both(machine, "booted again")


CASES = [not_begun, firmware, no_input_driver, all_drivers, paused, unbound, reset]


def main():
    build, logs, *names = sys.argv[1:]
    cases = [case for case in CASES if not names or case.__name__ in names]
    with Machine(build, pathlib.Path(logs)) as machine:
        machine.start_compositor(f"{WIDTH}x{HEIGHT}")
        return 0 if run_cases(machine, cases) else 1


if __name__ == "__main__":
    sys.exit(main())

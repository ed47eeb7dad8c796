#!/usr/bin/python3
"""Measures what a frame costs with other paths to show a virtual machine, beside ours.

    bench/peers.py BUILD [--quick]

BUILD is a build directory with the programs and bench/peers/peer-flip. Prints records as
bench/README.md says, one JSON object a line. Run it in the root that has the peers:
`tools/root --with bench run bench/peers.py BUILD`; one that is missing is a record without a value.

Parts, each with ours and the peers under the same load:
  flip 1080p        60 full-frame flips a second by a synthetic guest (--quick: nothing else)
  flip 1080p, VM    the same in a VM that has /dev/udmabuf, so without copies, and counts instructions
  guest 1280x800    page flips by modetest in a real Linux guest
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "peers"), str(HERE.parent / "tests/guest"),
                str(HERE.parent / "tools/guest")]

import qemu_flip  # noqa: E402 (the path must be set first)

VHOST_USER_GPU = "/usr/lib/qemu/vhost-user-gpu"
VM_MACHINE = ["-device", "bochs-display,xres=1920,yres=1080,vgamem=32M"]
VM_SECONDS, VM_BOOT_SECONDS = 240, 60

# Up to where somebody else can read the picture: the same for all.
DEVICE = "device CPU per frame"
CONTRIB_NOTE = ("only the back end: that QEMU receives each picture and shows it comes on top, "
                "while ours is shown")
QEMU_NOTE = ("only QEMU: that somebody reads the picture and shows it comes on top, while ours is "
             "shown; includes what qtest costs in place of a guest's notifications")


def emit(case, who, what, value, note="", unit="µs", **more):
    record = {"group": "peers", "case": case, **more, "who": who, "what": what,
              "value": value if value is None else round(value, 2), "unit": unit}
    if note:
        record["note"] = note
    print(json.dumps(record, ensure_ascii=False), flush=True)


def complain(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


## The synthetic guest

def run_flip(program, env, *arguments):
    """peer-flip: (its figures, ""), or (None, why). A busy machine may need a second try."""
    for _ in range(2):
        answer = subprocess.run(["timeout", "60", program, *map(str, arguments)], env=env,
                                capture_output=True, text=True, check=False)
        lines = answer.stdout.splitlines()
        if answer.returncode == 0 and lines:
            return json.loads(lines[-1]), ""
        complain(f"{' '.join(map(str, arguments))}: {answer.stdout}{answer.stderr}")
    return None, (answer.stderr.strip().splitlines() or ["it failed"])[-1]


def plane_note(env):
    if "PEER_PRELOAD" not in env:
        return ""
    return ("; shown on an output that takes every buffer as a plane does, at no cost. The VM counts "
            "instructions, 1 ns each: its figures compare with one another only")


def ours(program, env, case, mode, path, frames):
    figures, why = run_flip(program, env, mode, frames)
    more = {"path": path} if path else {}
    who = "guestpane 2D" if mode == "2d" else "guestpane"
    if figures is None:
        emit(case, who, "CPU per frame", None, f"not measured: {why}", **more)
        return
    cpu = figures["cpu_us"]
    shown = ", ".join(f"{n} {name}" for name, n in figures["frames_shown"].items() if n)
    note = (f"bridge and compositor; {figures['bytes_copied']} bytes copied; frames shown: {shown}; "
            f"{figures['rate']:.1f} flips/s")
    emit(case, who, "CPU per frame", sum(cpu.values()), note + plane_note(env), **more)
    emit(case, who, DEVICE, cpu["bridge"], "the bridge", **more)


def contrib(program, env, case, frames):
    who = "vhost-user-gpu"
    if not os.access(VHOST_USER_GPU, os.X_OK):
        emit(case, who, "CPU per frame", None, f"no {VHOST_USER_GPU} here (tools/packages.bench)")
        return
    figures, why = run_flip(program, env, "vhost-user-gpu", frames, VHOST_USER_GPU)
    if figures is None:
        emit(case, who, "CPU per frame", None, f"not measured: {why}")
        return
    cpu = figures["cpu_us"]
    sent = "as dma-bufs" if figures["dmabuf_updates"] else "as pixels"
    emit(case, who, "CPU per frame", cpu["backend"],
         f"2D resources, pictures sent {sent}, {figures['rate']:.1f} flips/s; {CONTRIB_NOTE}")
    emit(case, who, DEVICE, cpu["backend"], "the back end")
    emit(case, who, "CPU per frame with its reader", cpu["backend"] + cpu["reader"],
         "and what it costs to receive the pictures from the socket and drop them")


def synthetic(program, env, case, frames):
    """On the best path that there is, and with 2D resources as guests without blobs use them."""
    zero_copy = os.access("/dev/udmabuf", os.R_OK | os.W_OK)
    ours(program, env, case, "blob", "zero-copy" if zero_copy else "copy", frames)
    ours(program, env, case, "2d", "", frames)
    contrib(program, env, case, frames)
    for peer in qemu_flip.PEERS:
        cost, note = qemu_flip.measure(peer, frames)
        if cost is None:
            emit(case, peer.who, "CPU per frame", None, note)
        else:
            emit(case, peer.who, "CPU per frame", cost, f"{note}; {QEMU_NOTE}")
            emit(case, peer.who, DEVICE, cost, "QEMU")


## The VM that has what is needed for no copies

INSIDE = """#!/bin/sh
cd /guest || exit 1
touch started
modprobe bochs
udevadm settle --timeout=10
export GUESTPANE=/guest/guestpane GUESTPANE_BRIDGE=/guest/guestpane-bridge PEER_PRELOAD=/guest/libbench-plane.so
python3 /guest/bench/peers.py /guest --inside >/guest/records 2>/guest/errors
"""


def in_vm(build):
    from stack import TOOLS, Program, tail  # not there inside the VM
    with tempfile.TemporaryDirectory(prefix="guestpane-peers-", dir="/tmp") as directory:
        work = pathlib.Path(directory)
        for name in ("compositor/guestpane", "vmm-bridge/guestpane-bridge",
                     "bench/peers/peer-flip", "bench/libbench-plane.so"):
            shutil.copy(build / name, work)
        (work / "bench").mkdir()
        shutil.copy(HERE / "peers.py", work / "bench")
        shutil.copytree(HERE / "peers", work / "bench/peers")
        (work / "run").write_text(INSIDE)
        command = [TOOLS / "boot", "--count", "--work", work, "--console", work / "console",
                   "--memory", "3G", "--", *VM_MACHINE]
        # On a busy machine an emulated kernel may hang where it measures its clocks.
        for _ in range(2):
            vm = Program("the VM", command, work / "qemu.log")
            end = time.monotonic() + VM_BOOT_SECONDS
            while vm.alive() and not (work / "started").exists() and time.monotonic() < end:
                time.sleep(0.5)
            if (work / "started").exists():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    vm.process.wait(VM_SECONDS)
            vm.stop()
            if (work / "started").exists():
                break
        records, errors = work / "records", work / "errors"
        done = records.read_text() if records.exists() else ""
        sys.stdout.write(done)
        sys.stdout.flush()
        if errors.exists() and errors.stat().st_size:
            complain(f"in the VM: {errors.read_text()}")
        if not done:
            complain(f"the VM measured nothing; its console:\n{tail(work / 'console')}")
        for who in ("guestpane", "guestpane 2D", "vhost-user-gpu",
                    *(peer.who for peer in qemu_flip.PEERS)):
            if f'"who": "{who}"' not in done:
                emit("flip 1080p, VM", who, "CPU per frame", None,
                     f"not measured: the VM did not come so far in {VM_SECONDS} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["synthetic", "vm", "guest"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if arguments.inside:
        synthetic(build / "peer-flip", os.environ, "flip 1080p, VM", 120)
        return 0
    env = {**os.environ, "GUESTPANE": str(build / "compositor/guestpane"),
           "GUESTPANE_BRIDGE": str(build / "vmm-bridge/guestpane-bridge")}
    if arguments.only in (None, "synthetic"):
        synthetic(build / "bench/peers/peer-flip", env, "flip 1080p",
                  60 if arguments.quick else 180)
    if not arguments.quick and arguments.only in (None, "vm"):
        in_vm(build)
    if not arguments.quick and arguments.only in (None, "guest"):
        import real_guest
        real_guest.measure(build, emit, complain)
    return 0


if __name__ == "__main__":
    sys.exit(main())

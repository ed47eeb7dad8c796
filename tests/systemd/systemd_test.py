#!/usr/bin/python3
"""Installs Guestpane in a VM with a real systemd, and does what an administrator does.

    systemd_test.py [--keep] BUILD [CASE…]

A VM boots a disk of the root that this runs in, with a bochs card, and with no input device until
one is plugged. What BUILD installs is unpacked there, enabled, reloaded, broken and killed. Not in
it: a second boot, suspend, a VMM and its guest (a client that speaks the first message of
vhost-user plays it), logind's seat, a GPU.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from vm import HERE, PATIENCE, Failure, Vm

SKIP = 77
BACKGROUND = (20, 24, 29)  # of a status screen
BRIDGE = "guestpane-bridge@office"
CONFIG = "/etc/guestpane/guestpane.conf"


def show(vm, unit, name):
    return vm.run(f"systemctl show -P {name} {unit}")


def is_active(vm, *units):
    return vm.shell.run(f"systemctl is-active {' '.join(units)}")[1].split()


def shows_status_screen(vm):
    """Mostly its background, with smooth letters on it."""
    colors = vm.picture()
    return colors.get(BACKGROUND, 0) > 0.8 * sum(colors.values()) and len(colors) > 20


def await_screen(vm, patience=PATIENCE):
    vm.wait("a status screen on the monitor", lambda: shows_status_screen(vm), patience)


def await_text(vm, text, patience=PATIENCE):
    vm.wait(f"the status {text!r}; it is {show(vm, 'guestpane', 'StatusText')!r}",
            lambda: show(vm, "guestpane", "StatusText") == text, patience)


def await_guest(vm):
    """Its VM waits to be started, or has been once."""
    vm.wait("the guest office", lambda: show(vm, "guestpane", "StatusText") in (
        "Virtual-1: office (waiting)", "Virtual-1: office (disconnected)"))


def ctl(vm, directory="/run/guestpane/compositor", name="compositor"):
    return json.loads(vm.run(f"guestpanectl --socket {directory}/{name}.ctl status --json"))[0]


# The cases, in this order; each finds what the one before has left.

def installing_starts_nothing(vm):
    assert is_active(vm, "getty@tty1") == ["active"]
    vm.run("tar -xf /dev/vdb -C /", 120)
    vm.run("systemctl daemon-reload && systemd-sysusers && "
           "systemd-tmpfiles --create guestpane.conf")
    units = vm.run("systemctl list-units --plain --no-legend 'guestpane*'")
    assert units == "", units
    assert is_active(vm, "getty@tty1") == ["active"]
    for unit in ("guestpane.service", "guestpane.socket", f"{BRIDGE}.socket"):
        state = vm.shell.run(f"systemctl is-enabled {unit}")[1]
        assert state in ("disabled", "static"), (unit, state)
    assert "guestpane" in vm.run("id -Gn guestpane")
    vm.run("getent group guestpane-bridge")


def units_are_sound(vm):
    said = vm.run("systemd-analyze verify --man=no guestpane.service guestpane.socket "
                  f"{BRIDGE}.service {BRIDGE}.socket guestpane-guest@office.socket", 120)
    assert "guestpane" not in said, said


def starts_without_input_device(vm):
    assert vm.run("ls /dev/input 2>/dev/null | grep -c event; true") == "0"
    vm.run("systemctl enable --now guestpane.service", 120)
    await_screen(vm)
    assert is_active(vm, "guestpane.service", "guestpane.socket", "getty@tty1") == \
        ["active", "active", "inactive"]
    assert vm.run("cat /sys/class/tty/tty0/active") == "tty1"
    await_text(vm, "Virtual-1: waiting")
    status = ctl(vm)
    assert status["backend"] == "drm" and status["outputs"][0]["name"] == "Virtual-1", status


def journal_has_priorities(vm):
    pid = show(vm, "guestpane", "MainPID")
    lines = vm.run("journalctl -b -u guestpane -o cat -t guestpane").splitlines()
    assert any(line.startswith("backend drm") for line in lines), lines
    errors = vm.run(f"journalctl -b -q -p err -o cat _PID={pid}")
    assert errors == "", errors
    levels = set(vm.run(f"journalctl -b -u guestpane -o verbose --output-fields=PRIORITY _PID={pid}"
                        " | grep -o PRIORITY=.").split())
    assert "PRIORITY=6" in levels, levels


def bridge_after_compositor(vm):
    vm.run(f"systemctl enable --now {BRIDGE}.service")
    await_guest(vm)
    assert is_active(vm, f"{BRIDGE}.service", f"{BRIDGE}.socket") == ["active", "active"]
    modes = vm.run("stat -c '%a %U %G' /run/guestpane/bridge.sock "
                   "/run/guestpane-vm/office/gpu.sock").splitlines()
    assert modes == ["660 guestpane guestpane-bridge", "660 root kvm"], modes
    bridge = ctl(vm, "/run/guestpane-bridge/office", "bridge-office")
    assert [device["kind"] for device in bridge["inputs"]] == ["keyboard", "tablet"], bridge
    said = vm.run(f"journalctl -b -q -u {BRIDGE} -o cat -t guestpane-bridge")
    assert all(line.startswith("office: ") for line in said.splitlines()), said
    assert vm.run("test -w /dev/udmabuf && echo yes") == "yes"


def bridge_sees_udmabuf_and_nothing_else(vm):
    """In its namespaces, with its groups, what its process has in its view."""
    pid = show(vm, BRIDGE, "MainPID")
    devices = vm.run(f"ls -l /proc/{pid}/root/dev/udmabuf /proc/{pid}/root/run/guestpane")
    assert "bridge.sock" in devices and "udmabuf" in devices, devices
    vm.fails(f"ls /proc/{pid}/root/run/dbus/system_bus_socket")
    groups = vm.run(f"sed -n 's/^Groups:[[:space:]]*//p' /proc/{pid}/status").split()
    wanted = [vm.run(f"getent group {name} | cut -d: -f3") for name in ("guestpane-bridge", "kvm")]
    assert set(wanted) <= set(groups), (groups, wanted)
    user = vm.run(f"stat -c %u /proc/{pid}")
    assert int(user) >= 61184, user  # of nobody else: DynamicUser=


def compositor_after_bridge(vm):
    vm.run("systemctl stop guestpane.service")
    vm.wait("a login on tty1", lambda: is_active(vm, "getty@tty1") == ["active"])
    # The bridge tries to connect, and must not start it.
    assert is_active(vm, "guestpane.socket", f"{BRIDGE}.service") == ["inactive", "active"]
    vm.fails("test -e /run/guestpane/bridge.sock")
    vm.run("systemctl start guestpane.service")
    await_guest(vm)
    await_screen(vm)
    assert is_active(vm, "getty@tty1") == ["inactive"]


VMM = """
import socket, struct
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(60)
    s.connect('/run/guestpane-vm/office/gpu.sock')
    s.sendall(struct.pack('=III', 1, 1, 0))
    print(len(s.recv(20, socket.MSG_WAITALL)))
"""


def vmm_before_bridge(vm):
    """What connects starts the bridge."""
    vm.run(f"systemctl stop {BRIDGE}.service")
    assert is_active(vm, f"{BRIDGE}.socket") == ["active"]
    vm.run("cat >/tmp/vmm.py <<'EOF'\n" + VMM + "EOF\ntrue")
    assert vm.run("python3 /tmp/vmm.py") == "20"
    assert is_active(vm, f"{BRIDGE}.service") == ["active"]
    await_text(vm, "Virtual-1: office (disconnected)")  # as the VMM has left


def reload_keeps_the_picture(vm):
    pid = show(vm, "guestpane", "MainPID")
    vm.run(f"mkdir -p /etc/guestpane && echo 'label off' >{CONFIG}")
    vm.run("systemctl reload guestpane")
    time.sleep(1)
    assert shows_status_screen(vm)
    assert show(vm, "guestpane", "MainPID") == pid
    assert f"{CONFIG}: loaded" in vm.run("journalctl -b -q -u guestpane -o cat")


def broken_configuration_fails_to_load(vm):
    vm.run(f"echo 'nonsense 1' >{CONFIG}")
    vm.fails("systemctl reload guestpane")
    assert is_active(vm, "guestpane.service") == ["active"]
    assert f"{CONFIG}:1:" in vm.run("systemctl status guestpane --no-pager -l")
    time.sleep(1)
    assert shows_status_screen(vm)
    # As a start it fails for good, and the login is back.
    vm.fails("systemctl restart guestpane")
    vm.wait("a login on tty1", lambda: is_active(vm, "getty@tty1") == ["active"])
    assert is_active(vm, "guestpane.service") == ["failed"]
    assert f"{CONFIG}:1:" in vm.shell.run("systemctl status guestpane --no-pager -l")[1]
    vm.run(f"rm {CONFIG} && systemctl start guestpane")
    await_guest(vm)


def crash_is_started_again(vm):
    pid = show(vm, "guestpane", "MainPID")
    vm.run("systemctl kill -s SEGV --kill-whom=main guestpane")
    vm.wait("another process", lambda: show(vm, "guestpane", "MainPID") not in ("0", pid))
    await_guest(vm)
    await_screen(vm)
    assert is_active(vm, "getty@tty1") == ["inactive"]
    assert show(vm, "guestpane", "NRestarts") == "1"


def crashes_give_the_login_back(vm):
    """One crash after the other, until systemd gives up: sooner here than as shipped."""
    drop_in = "/run/systemd/system/guestpane.service.d"
    vm.run(f"mkdir -p {drop_in} && printf '[Unit]\nStartLimitBurst=3\n' >{drop_in}/limit.conf && "
           "systemctl daemon-reload")
    vm.run("for i in $(seq 60); do systemctl kill -s KILL --kill-whom=main guestpane 2>/dev/null;"
           " systemctl is-failed -q guestpane && break; sleep 0.5; done; true", 240)
    vm.wait("the end", lambda: is_active(vm, "guestpane.service") == ["failed"])
    vm.wait("a login on tty1", lambda: is_active(vm, "getty@tty1") == ["active"])
    vm.run(f"rm -r {drop_in} && systemctl daemon-reload && systemctl reset-failed guestpane && "
           "systemctl start guestpane")
    await_guest(vm)


def keyboard_is_plugged(vm):
    vm.monitor.call("device_add", driver="virtio-keyboard-pci", id="keyboard", bus="slot1")
    vm.wait("the keyboard at the seat", lambda: ctl(vm)["seat"]["devices"] >= 1)


def keys_switch_the_terminal(vm):
    """With no guest in focus the keys reach the host."""
    vm.run("systemctl start getty@tty2")
    vm.press("ctrl", "alt", "f2")
    vm.wait("tty2", lambda: vm.run("cat /sys/class/tty/tty0/active") == "tty2")
    vm.wait("a console", lambda: not shows_status_screen(vm))
    vm.press("ctrl", "alt", "f1")
    vm.wait("tty1", lambda: vm.run("cat /sys/class/tty/tty0/active") == "tty1")
    await_screen(vm)


def hotkey_quits(vm):
    pid = show(vm, "guestpane", "MainPID")
    vm.press("ctrl", "meta_l", "q")
    time.sleep(1)
    assert show(vm, "guestpane", "MainPID") == pid
    vm.press("ctrl", "meta_l", "q")
    vm.wait("the end", lambda: is_active(vm, "guestpane.service") == ["inactive"])
    vm.wait("a login on tty1", lambda: is_active(vm, "getty@tty1") == ["active"])
    time.sleep(5)
    assert is_active(vm, "guestpane.service") == ["inactive"]
    vm.run("systemctl start guestpane")
    await_guest(vm)


def exposure_is_as_documented(vm):
    for unit, documented in (("guestpane.service", 1.1), (f"{BRIDGE}.service", 0.5)):
        said = vm.run(f"systemd-analyze security --no-pager {unit} | tail -n 1", 120)
        figure = re.search(r": (\d+\.\d+)", said)
        assert figure and float(figure.group(1)) <= documented, said


CASES = [
    installing_starts_nothing,
    units_are_sound,
    starts_without_input_device,
    journal_has_priorities,
    bridge_after_compositor,
    bridge_sees_udmabuf_and_nothing_else,
    compositor_after_bridge,
    vmm_before_bridge,
    reload_keeps_the_picture,
    broken_configuration_fails_to_load,
    crash_is_started_again,
    crashes_give_the_login_back,
    keyboard_is_plugged,
    keys_switch_the_terminal,
    hotkey_quits,
    exposure_is_as_documented,
]


def install(build, work):
    """Packs what the build installs."""
    environment = {**os.environ, "DESTDIR": str(work / "tree")}
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], env=environment,
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "-cf", work / "install.tar", "--owner=0", "--group=0", "-C",
                    work / "tree", "."], check=True)
    return work / "install.tar"


def run_cases(vm, cases):
    print(f"1..{len(cases)}")
    failed = False
    for case in cases:
        start = time.monotonic()
        name = case.__name__.replace("_", " ")
        try:
            case(vm)
            print(f"ok - {name}", flush=True)
        except (AssertionError, Failure, KeyError, IndexError) as error:
            failed = True
            print(f"not ok - {name}")
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}")
            try:
                said = vm.shell.run("journalctl -b -q --cursor-file=/tmp/cursor -o short-monotonic "
                                    "-t systemd -t guestpane -t guestpane-bridge | tail -n 25")[1]
            except Failure as failure:
                said = str(failure)
            for line in said.splitlines():
                print(f"# | {line}", flush=True)
            if case is CASES[0]:  # nothing else can work
                break
        print(f"# {time.monotonic() - start:.1f} s", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true", help="leave the directory of the run")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("case", nargs="*", help="only these, in the order of all")
    arguments = parser.parse_args()
    missing = [name for name in ("/lib/systemd/systemd", "/sbin/init", "/usr/sbin/mke2fs",
                                 "/usr/bin/dbus-daemon") if not pathlib.Path(name).exists()]
    if missing:
        print(f"1..0 # SKIP {missing[0]} is missing: tools/root --with systemd")
        return 0
    disk = HERE.parents[1] / "build/systemd"
    start = time.monotonic()
    subprocess.run([HERE / "make-disk", disk], check=True, stdout=sys.stderr)
    work = pathlib.Path(tempfile.mkdtemp(prefix="guestpane-systemd-", dir=os.environ.get("GUESTPANE_SHOW")))
    vm = None
    try:
        vm = Vm(disk, install(arguments.build, work), work)
        vm.start()
        print(f"# a shell after {time.monotonic() - start:.1f} s", flush=True)
        wanted = arguments.case or [case.__name__ for case in CASES]
        return 1 if run_cases(vm, [case for case in CASES if case.__name__ in wanted]) else 0
    finally:
        if vm:
            vm.stop()
        if not arguments.keep:
            shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())

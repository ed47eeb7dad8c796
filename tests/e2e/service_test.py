#!/usr/bin/python3
"""Plays the service manager: hands the programs their sockets and listens to what they say.

    service_test.py GUESTPANE GUESTPANE-BRIDGE
"""

import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 30  # seconds


def listen(path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    return listening


def start(words, directory, sockets):
    """In the child everything but the variable with the process's own number is ready."""
    log = os.open(directory / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stream = os.fstat(log)
    env = {**os.environ, "XDG_RUNTIME_DIR": str(directory), "WLR_BACKENDS": "headless",
           "XDG_CONFIG_HOME": str(directory / "config"),
           "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}",
           "WLR_RENDERER": "pixman", "LISTEN_FDS": str(len(sockets)),
           "LISTEN_FDNAMES": ":".join(name for name, _ in sockets), "WATCHDOG_USEC": "200000",
           "NOTIFY_SOCKET": str(directory / "notify")}
    numbers = range(3, 3 + len(sockets))
    # Out of the way of the numbers that they get.
    high = [fcntl.fcntl(listening, fcntl.F_DUPFD_CLOEXEC, 20) for _, listening in sockets]
    for fd, number in zip(high, numbers):
        os.dup2(fd, number, inheritable=True)
    shell = 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"'
    process = subprocess.Popen(["sh", "-c", shell, "sh", *words],
                               env=env, pass_fds=numbers, stderr=log)
    for fd in [log, *high]:
        os.close(fd)
    return process


def receive(notify):
    if not select.select([notify], [], [], PATIENCE)[0]:
        raise AssertionError("the program says nothing")
    return notify.recv(4096).decode()


def await_word(notify, word):
    while True:
        said = receive(notify)
        if said.startswith(word):
            return said
        assert said == "WATCHDOG=1" or said.startswith("STATUS="), f"it says {said!r}, not {word!r}"


def await_words(notify, *words):
    """In any order."""
    left = list(words)
    while left:
        said = receive(notify)
        left = [word for word in left if word != said]


def reload(process, notify):
    before = time.monotonic_ns() // 1000
    process.send_signal(signal.SIGHUP)
    said = await_word(notify, "RELOADING=1\n")
    stamp = int(said.removeprefix("RELOADING=1\nMONOTONIC_USEC="))
    assert before <= stamp <= time.monotonic_ns() // 1000
    await_word(notify, "READY=1")


def check_reload(process, notify, directory):
    """Without a file nothing happens; one that comes later is found; one that is wrong is said."""
    reload(process, notify)
    (directory / "config/guestpane").mkdir(parents=True)
    config = directory / "config/guestpane/guestpane.conf"
    config.write_text("label off\n")
    reload(process, notify)
    config.write_text("nonsense\n")
    reload(process, notify)
    said = await_word(notify, "STATUS=Configuration not loaded: ")
    assert f"{config}:1: " in said and "HEADLESS-1: waiting" in said, said
    config.write_text("label 1\n")
    reload(process, notify)
    said = await_word(notify, "STATUS=")
    assert said == "STATUS=HEADLESS-1: waiting", said


def check_log(directory):
    """Each line has a priority, and neither the time nor the name that the journal has itself."""
    lines = (directory / "log").read_text().splitlines()
    assert lines and all(re.match("<[3467]>(?!guestpane)", line) for line in lines), lines
    assert any(line.startswith("<3>descriptor 5 ") for line in lines), lines
    assert any(line.startswith("<6>backend headless") for line in lines), lines


def get_status(directory, name):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE)
        control.connect(str(directory / f"guestpane/{name}.ctl"))
        control.sendall(b"status\n")
        return json.load(control.makefile())


def is_refused(path):
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def run_compositor(program, directory):
    path = directory / "activated.sock"
    # Those of a name that says nothing, and of one that was there, are closed.
    sockets = [("bridge-office", listen(directory / "office.sock")),
               ("guestpane.socket", listen(path)),
               ("stranger", listen(directory / "stranger.sock")),
               ("bridge-office", listen(directory / "office2.sock"))]
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(directory / "notify"))
    # It connects before there is a program: the connection waits.
    bridge = socket.socket(socket.AF_UNIX)
    bridge.settimeout(PATIENCE)
    bridge.connect(str(path))
    # A command that shows what a child of guestpane still sees.
    child = 'echo "${LISTEN_FDS-}${LISTEN_FDNAMES-}${NOTIFY_SOCKET-}${WATCHDOG_USEC-}:' \
            '$GUESTPANE_BRIDGE_SOCKET" ' \
            '>"$XDG_RUNTIME_DIR/seen.tmp"; mv "$XDG_RUNTIME_DIR/seen.tmp" ' \
            '"$XDG_RUNTIME_DIR/seen"; exec sleep 1000'
    process = start([program, "--", "sh", "-c", child], directory, sockets)
    try:
        await_words(notify, "READY=1", "STATUS=HEADLESS-1: waiting")
        for _ in range(3):
            assert receive(notify) == "WATCHDOG=1"

        # wl_display.get_registry (id 2): the answer names the privileged global.
        bridge.sendall(bytes.fromhex("0100000001000c0002000000"))
        globals_ = b""
        while b"guest_scanout_manager_v1" not in globals_:
            data = bridge.recv(65536)
            assert data, "the connection was closed"
            globals_ += data

        seen = directory / "seen"
        while not seen.exists():
            assert receive(notify) == "WATCHDOG=1"
        assert seen.read_text() == f":{path}\n", seen.read_text()

        for _, listening in sockets:
            listening.close()
        status = get_status(directory, "compositor")
        assert [(entry["path"], entry["guest"]) for entry in status["bridge_sockets"]] == [
            (str(directory / "office.sock"), "office"), (str(path), None)]
        assert is_refused(directory / "stranger.sock") and is_refused(directory / "office2.sock")
        assert not is_refused(directory / "office.sock")

        check_reload(process, notify, directory)
        check_log(directory)

        process.send_signal(signal.SIGTERM)
        await_word(notify, "STOPPING=1")
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    assert path.exists(), "a socket that was handed over is not the program's to remove"


def await_input(directory, kinds, restarts):
    """Waits for the worker after so many others, which has these devices. Returns its process."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            status = get_status(directory, "bridge-office")
            if status["counters"]["restarts"] == restarts:
                break
        except (OSError, ValueError):
            pass
        assert time.monotonic() < end, "the bridge does not reply"
        time.sleep(0.05)
    inputs = status["inputs"]
    assert [(entry["kind"], entry["scanout"]) for entry in inputs] == kinds, inputs
    return status["worker_pid"]


def run_bridge(program, directory):
    """By name or by path; a VMM may connect before there is a bridge, and after a crash."""
    names = ["gpu.sock", "by-name.sock", "tablet-0.sock", "mouse.sock", "stranger.sock"]
    paths = [directory / name for name in names]
    sockets = list(zip(["vm.socket", "keyboard", "vm.socket", "mouse", "vm.socket"],
                       map(listen, paths)))
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(directory / "notify"))
    vmm = socket.socket(socket.AF_UNIX)
    vmm.settimeout(PATIENCE)
    vmm.connect(str(paths[0]))
    process = start([program, "--name", "office", "--vfio", "none", "--display",
                     str(directory / "none.sock")], directory, sockets)
    try:
        await_word(notify, "READY=1")
        for _, listening in sockets:
            listening.close()
        # VHOST_USER_GET_FEATURES
        vmm.sendall(bytes.fromhex("010000000100000000000000"))
        assert len(vmm.recv(20, socket.MSG_WAITALL)) == 20
        kinds = [("keyboard", None), ("tablet", 0), ("mouse", None)]
        worker = await_input(directory, kinds, 0)
        assert is_refused(paths[4])

        os.kill(worker, signal.SIGKILL)
        await_input(directory, kinds, 1)
        vmm.close()
        with socket.socket(socket.AF_UNIX) as again:
            again.settimeout(PATIENCE)
            again.connect(str(paths[0]))
            again.sendall(bytes.fromhex("010000000100000000000000"))
            assert len(again.recv(20, socket.MSG_WAITALL)) == 20

        lines = (directory / "log").read_text().splitlines()
        assert all(re.match("<[3467]>", line) for line in lines), lines
        assert any(line.startswith("<3>office: the worker has crashed") for line in lines), lines
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert all(path.exists() for path in paths)


def main():
    for run, program in zip((run_compositor, run_bridge), sys.argv[1:]):
        with tempfile.TemporaryDirectory(prefix="guestpane-service-", dir="/tmp") as directory:
            try:
                run(program, pathlib.Path(directory))
            except BaseException:
                print((pathlib.Path(directory) / "log").read_text(), file=sys.stderr)
                raise


if __name__ == "__main__":
    main()

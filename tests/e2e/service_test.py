#!/usr/bin/python3
"""Plays the service manager: hands guestpane its bridge socket and listens to what it says.

    service_test.py GUESTPANE
"""

import fcntl
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile

PATIENCE = 30  # seconds


def listen(path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    return listening


def start(program, directory, sockets):
    """In the child everything but the variable with the process's own number is ready."""
    env = {**os.environ, "XDG_RUNTIME_DIR": str(directory), "WLR_BACKENDS": "headless",
           "WLR_RENDERER": "pixman", "LISTEN_FDS": str(len(sockets)),
           "LISTEN_FDNAMES": ":".join(name for name, _ in sockets), "WATCHDOG_USEC": "200000",
           "NOTIFY_SOCKET": str(directory / "notify")}
    numbers = range(3, 3 + len(sockets))
    # Out of the way of the numbers that they get.
    high = [fcntl.fcntl(listening, fcntl.F_DUPFD_CLOEXEC, 20) for _, listening in sockets]
    for fd, number in zip(high, numbers):
        os.dup2(fd, number, inheritable=True)
    shell = 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"'
    # A command that shows what a child of guestpane still sees.
    child = 'echo "${LISTEN_FDS-}${LISTEN_FDNAMES-}${NOTIFY_SOCKET-}${WATCHDOG_USEC-}:' \
            '$GUESTPANE_BRIDGE_SOCKET" ' \
            '>"$XDG_RUNTIME_DIR/seen.tmp"; mv "$XDG_RUNTIME_DIR/seen.tmp" ' \
            '"$XDG_RUNTIME_DIR/seen"; exec sleep 1000'
    process = subprocess.Popen(["sh", "-c", shell, "sh", program, "--", "sh", "-c", child],
                               env=env, pass_fds=numbers)
    for fd in high:
        os.close(fd)
    return process


def receive(notify):
    if not select.select([notify], [], [], PATIENCE)[0]:
        raise AssertionError("the program says nothing")
    return notify.recv(4096).decode()


def await_word(notify, word):
    while True:
        said = receive(notify)
        if said == word:
            return
        assert said == "WATCHDOG=1", f"it says {said!r}, not {word!r}"


def bridge_sockets(directory):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE)
        control.connect(str(directory / "guestpane/compositor.ctl"))
        control.sendall(b"status\n")
        status = json.load(control.makefile())
    return [(entry["path"], entry["guest"]) for entry in status["bridge_sockets"]]


def is_refused(path):
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def run(program, directory):
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
    process = start(program, directory, sockets)
    try:
        await_word(notify, "READY=1")
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
        assert bridge_sockets(directory) == [(str(directory / "office.sock"), "office"),
                                             (str(path), None)]
        assert is_refused(directory / "stranger.sock") and is_refused(directory / "office2.sock")
        assert not is_refused(directory / "office.sock")

        process.send_signal(signal.SIGTERM)
        await_word(notify, "STOPPING=1")
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    assert path.exists(), "a socket that was handed over is not the program's to remove"


def main():
    with tempfile.TemporaryDirectory(prefix="guestpane-service-", dir="/tmp") as directory:
        run(sys.argv[1], pathlib.Path(directory))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Plays the service manager: hands guestpane its bridge socket and listens to what it says.

    service_test.py GUESTPANE
"""

import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile

PATIENCE = 30  # seconds


def start(program, directory, listening):
    """In the child everything but the variable with the process's own number is ready."""
    env = {**os.environ, "XDG_RUNTIME_DIR": str(directory), "WLR_BACKENDS": "headless",
           "WLR_RENDERER": "pixman", "LISTEN_FDS": "1", "WATCHDOG_USEC": "200000",
           "NOTIFY_SOCKET": str(directory / "notify")}
    os.dup2(listening.fileno(), 3, inheritable=True)
    shell = 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"'
    # A command that shows what a child of guestpane still sees.
    child = 'echo "${LISTEN_FDS-}${NOTIFY_SOCKET-}${WATCHDOG_USEC-}:$GUESTPANE_BRIDGE_SOCKET" ' \
            '>"$XDG_RUNTIME_DIR/seen.tmp"; mv "$XDG_RUNTIME_DIR/seen.tmp" ' \
            '"$XDG_RUNTIME_DIR/seen"; exec sleep 1000'
    return subprocess.Popen(["sh", "-c", shell, "sh", program, "--", "sh", "-c", child],
                            env=env, pass_fds=(3,))


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


def run(program, directory):
    path = directory / "activated.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(directory / "notify"))
    # It connects before there is a program: the connection waits.
    bridge = socket.socket(socket.AF_UNIX)
    bridge.settimeout(PATIENCE)
    bridge.connect(str(path))
    process = start(program, directory, listening)
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

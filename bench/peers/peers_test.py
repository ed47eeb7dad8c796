#!/usr/bin/python3
"""Whether bench/peers.py runs, and counts right: peers_test.py BUILD. Nothing here is timed.

Also what the peers are measured with is tested where the root has none of them: QEMU's virtio-gpu
without a display by the synthetic guest, and the listener's D-Bus with a QEMU of its own making.
"""

import json
import pathlib
import socket
import struct
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import dbus_display  # noqa: E402 (the path must be set first)

FRAMES, WARM_UP, SIZE = 20, 10, 1920 * 1080 * 4
FIELDS = {"group", "case", "who", "what", "value", "unit"}
EXPECTED = ("guestpane", "guestpane 2D", "qemu no display")


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def check_copies(build):
    """Each flip copies the picture once, of a blob and of a 2D resource."""
    for mode in ("blob-copy", "2d"):
        answer = subprocess.run([build / "bench/peers/peer-flip", mode, str(FRAMES)],
                                capture_output=True, text=True, check=True)
        figures = json.loads(answer.stdout.splitlines()[-1])
        expect(1 <= figures["frames"] <= FRAMES, figures)
        expect(figures["bytes_copied"] == SIZE * (figures["frames"] + WARM_UP), figures)


def check_records(build):
    """All lines are records, and what every root has was measured."""
    answer = subprocess.run([HERE.parent / "peers.py", build, "--quick"],
                            capture_output=True, text=True, check=True)
    measured = set()
    for line in answer.stdout.splitlines():
        record = json.loads(line)
        expect(FIELDS <= set(record) and record["group"] == "peers", line)
        expect(record["value"] is not None or record.get("note"), line)
        if record["what"] == "CPU per frame" and record["value"]:
            measured.add(record["who"])
    expect(measured.issuperset(EXPECTED), f"only {measured} were measured\n{answer.stderr}")


class FakeQemu:
    """The other end: authenticates, sends what QEMU sends, keeps what comes back."""

    def __init__(self, sock):
        self.socket = sock
        self.file = sock.makefile("rb")

    def authenticate(self):
        line = self.file.readline()
        expect(line.startswith(b"\0AUTH EXTERNAL "), line)
        self.socket.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
        expect(self.file.readline() == b"NEGOTIATE_UNIX_FD\r\n", "no descriptors")
        self.socket.sendall(b"AGREE_UNIX_FD\r\n")
        expect(self.file.readline() == b"BEGIN\r\n", "it does not begin")

    def receive(self):
        start = self.file.read(16)
        _, kind, _, _, body_size, _, fields_size = struct.unpack("<BBBBIII", start)
        fields = self.file.read(fields_size + -fields_size % 8)[:fields_size]
        return kind, dbus_display.Connection.parse_fields(fields), self.file.read(body_size)

    def call(self, member, body, serial, reply=True):
        fields = b""
        for field in ((dbus_display.PATH, "o", "/org/qemu/Display1/Listener"),
                      (dbus_display.MEMBER, "s", member)):
            fields = dbus_display.pad(fields, 8) + dbus_display.field(*field)
        self.socket.sendall(dbus_display.pad(struct.pack(
            "<BBBBIII", ord("l"), dbus_display.CALL, 0 if reply else dbus_display.NO_REPLY, 1,
            len(body), serial, len(fields)) + fields, 8) + body)


def check_listener():
    """Registers, tells its interfaces, counts pictures and answers them."""
    ours, theirs = socket.socketpair()
    display = FakeQemu(theirs)
    found = {}

    def play():
        display.authenticate()
        # The descriptor of the listener's own connection comes with the message.
        data, fds, _, _ = socket.recv_fds(theirs, 4096, 4)
        found["call"] = data
        found["listener"] = FakeQemu(socket.socket(fileno=fds[0]))
        found["listener"].authenticate()

    player = threading.Thread(target=play)
    player.start()
    listener = dbus_display.Listener(ours, [dbus_display.MAP])
    player.join()
    expect(b"RegisterListener" in found["call"], found["call"])
    qemu = found["listener"]
    qemu.call("GetAll", b"", 7)
    kind, fields, body = qemu.receive()
    expect((kind, fields[dbus_display.REPLY_SERIAL], fields[dbus_display.SIGNATURE])
           == (dbus_display.RETURN, 7, "a{sv}"), fields)
    expect(body == b"\x40\0\0\0\0\0\0\0\x0a\0\0\0Interfaces\0\x02as\0\0"
           b"\x28\0\0\0\x23\0\0\0org.qemu.Display1.Listener.Unix.Map\0", body)
    for serial in (8, 9):
        qemu.call("Scanout", bytes(3 << 20), serial)
        _, fields, _ = qemu.receive()
        expect(fields[dbus_display.REPLY_SERIAL] == serial, fields)
    expect(listener.counts["Scanout"] == 2 and listener.bytes == 2 * (3 << 20), listener.counts)
    listener.close()


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    cases = [(check_listener, ()), (check_copies, (build,)), (check_records, (build,))]
    print(f"1..{len(cases)}")
    good = True
    for number, (case, arguments) in enumerate(cases, 1):
        try:
            case(*arguments)
            print(f"ok {number} - {case.__name__}", flush=True)
        except (AssertionError, OSError, ValueError, subprocess.CalledProcessError) as error:
            good = False
            for line in str(error).splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {case.__name__}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

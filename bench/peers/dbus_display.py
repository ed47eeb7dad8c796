"""A listener for QEMU's -display dbus,p2p=yes that takes pictures and throws them away.

Just as much D-Bus as that needs: two connections that QEMU is the server of, one call there, and
the calls that come from there. (QEMU: docs/interop/dbus-display.rst; the D-Bus specification.)
"""

import array
import collections
import os
import socket
import struct
import threading

CALL, RETURN = 1, 2
NO_REPLY = 1
PATH, INTERFACE, MEMBER, REPLY_SERIAL, SIGNATURE, UNIX_FDS = 1, 2, 3, 5, 8, 9
LISTENER = "org.qemu.Display1.Listener"
MAP = LISTENER + ".Unix.Map"
DMABUF2 = LISTENER + ".Unix.ScanoutDMABUF2"

# What carries a frame; a flip is the first kind with a full update, or both.
FRAMES = ("Scanout", "Update", "ScanoutMap", "UpdateMap", "ScanoutDMABUF", "ScanoutDMABUF2",
          "UpdateDMABUF")


def pad(data, alignment):
    return data + bytes(-len(data) % alignment)


def text(value):
    encoded = value.encode()
    return struct.pack("<I", len(encoded)) + encoded + b"\0"


def field(code, signature, value):
    data = bytes([code, 1]) + signature.encode() + b"\0"
    if signature == "g":
        return data + bytes([len(value)]) + value.encode() + b"\0"
    return data + (struct.pack("<I", value) if signature == "u" else text(value))


class Connection:
    """A message stream on a socket; the other side is the authentication server."""

    def __init__(self, sock):
        self.socket = sock
        self.serial = 0
        self.fds = []
        self.scratch = bytearray(1 << 20)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        self.expect(b"OK")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self.expect(b"AGREE_UNIX_FD")
        self.socket.sendall(b"BEGIN\r\n")

    def expect(self, word):
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise OSError("QEMU closed the D-Bus connection")
            line += byte
        if not line.startswith(word):
            raise OSError(f"QEMU said {line!r} in place of {word!r}")

    def send(self, kind, fields, body=b"", fds=()):
        self.serial += 1
        header = b""
        for code, signature, value in fields:
            header = pad(header, 8) + field(code, signature, value)
        message = pad(struct.pack("<BBBBIII", ord("l"), kind, 0, 1, len(body), self.serial,
                                  len(header)) + header, 8) + body
        if fds:
            socket.send_fds(self.socket, [message], list(fds))
        else:
            self.socket.sendall(message)

    def receive_into(self, view):
        """Fills the view. Descriptors that come with it are closed: nobody looks at them."""
        done = 0
        while done < len(view):
            n, control, _, _ = self.socket.recvmsg_into(
                [view[done:]], socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
            if n == 0:
                raise EOFError
            for _, kind, data in control:
                if kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
                    for fd in fds:
                        os.close(fd)
            done += n

    def receive(self, size):
        data = bytearray(size)
        self.receive_into(memoryview(data))
        return bytes(data)

    def skip(self, size):
        while size > 0:
            part = min(size, len(self.scratch))
            self.receive_into(memoryview(self.scratch)[:part])
            size -= part

    def receive_message(self, keep=4096):
        """(kind, flags, serial, fields, body); a body that is larger is read but not given."""
        start = self.receive(16)
        _, kind, flags, _, body_size, serial, fields_size = struct.unpack("<BBBBIII", start)
        data = self.receive(fields_size + -fields_size % 8)[:fields_size]
        if body_size <= keep:
            body = self.receive(body_size)
        else:
            body = None
            self.skip(body_size)
        return kind, flags, serial, self.parse_fields(data), body, body_size

    @staticmethod
    def parse_fields(data):
        fields, at = {}, 0
        while at < len(data):
            at += -at % 8
            code, length = data[at], data[at + 1]
            signature = data[at + 2:at + 2 + length].decode()
            at += 3 + length
            if signature == "g":
                fields[code] = data[at + 1:at + 1 + data[at]].decode()
                at += 2 + data[at]
            else:
                at += -at % 4
                value = struct.unpack_from("<I", data, at)[0]
                at += 4
                if signature in "so":
                    fields[code] = data[at:at + value].decode()
                    at += value + 1
                else:
                    fields[code] = value
        return fields


def interfaces_property(interfaces):
    """An a{sv} with the one entry that QEMU looks for."""
    names = b""
    for name in interfaces:
        names = pad(names, 4) + text(name)
    entry = pad(text("Interfaces") + b"\x02as\0", 4) + struct.pack("<I", len(names)) + names
    # Between the array's length and its first entry is padding, which does not count.
    return struct.pack("<II", len(entry), 0) + entry


class Listener:
    """Registers with console 0 and counts what comes, in a thread of its own."""

    def __init__(self, display, interfaces=()):
        """display: a socket that QEMU has taken with add_client."""
        self.interfaces = list(interfaces)
        self.counts = collections.Counter()
        self.bytes = 0
        self.display = Connection(display)
        ours, theirs = socket.socketpair()
        self.display.send(CALL, [
            (PATH, "o", "/org/qemu/Display1/Console_0"), (MEMBER, "s", "RegisterListener"),
            (INTERFACE, "s", "org.qemu.Display1.Console"), (SIGNATURE, "g", "h"),
            (UNIX_FDS, "u", 1)], struct.pack("<I", 0), [theirs.fileno()])
        theirs.close()
        self.connection = Connection(ours)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.handle(*self.connection.receive_message())
        except (EOFError, OSError):
            pass

    def handle(self, kind, flags, serial, fields, body, size):
        if kind != CALL:
            return
        member = fields.get(MEMBER)
        self.counts[member] += 1
        self.bytes += size
        if flags & NO_REPLY:
            return
        reply = [(REPLY_SERIAL, "u", serial)]
        if member == "GetAll":
            self.connection.send(RETURN, [*reply, (SIGNATURE, "g", "a{sv}")],
                                 interfaces_property(self.interfaces))
        else:
            self.connection.send(RETURN, reply)

    def close(self):
        for connection in (self.connection, self.display):
            connection.socket.close()

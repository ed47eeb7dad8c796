"""A synthetic guest of QEMU's own virtio-gpu: no processor runs, this program is the driver.

QEMU's qtest interface gives access to ports and device registers; the guest's memory is a memfd,
mapped here. So the display path of QEMU is measured with the same flips as other back ends get
from peer-flip, and without an emulated guest beside it.
"""

import mmap
import os
import pathlib
import socket
import struct
import subprocess
import time

RAM = 256 << 20
BAR = 0xe0000000
QUEUE_SIZE = 64
WIDTH, HEIGHT = 1920, 1080
SIZE = WIDTH * HEIGHT * 4
XRGB = 2  # VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

CREATE_2D, SET_SCANOUT, FLUSH, TRANSFER, ATTACH, CREATE_BLOB, SET_SCANOUT_BLOB = (
    0x101, 0x103, 0x104, 0x105, 0x106, 0x10c, 0x10d)
OK_NODATA = 0x1100
FENCE = 1

# Where things are in the guest's memory.
DESC, AVAIL, USED, COMMANDS, PIXELS = 0x100000, 0x102000, 0x104000, 0x110000, 16 << 20


class QtestError(Exception):
    pass


class QtestGuest:
    """Use as a context manager. display: QEMU arguments; device: more properties of the GPU."""

    def __init__(self, directory, display, device="", env=None):
        self.qtest_path, self.qmp_path = f"{directory}/qtest", f"{directory}/qmp"
        self.log = open(f"{directory}/qemu.log", "wb")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-M", "pc", "-accel", "qtest", "-m", f"{RAM >> 20}M",
             "-object", f"memory-backend-memfd,id=mem,size={RAM >> 20}M,share=on",
             "-machine", "memory-backend=mem", "-nodefaults", "-vga", "none",
             "-qtest", f"unix:{self.qtest_path},server=on,wait=off", "-qtest-log", "none",
             "-qmp", f"unix:{self.qmp_path},server=on,wait=off",
             "-device", f"virtio-gpu-pci,addr=4,xres={WIDTH},yres={HEIGHT}{device}", *display],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=env)
        self.avail = self.seen = 0
        self.notify = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    @property
    def pid(self):
        return self.process.pid

    def words(self):
        return pathlib.Path(self.log.name).read_text(errors="replace").strip()

    def connect(self, path):
        end = time.monotonic() + 30
        while True:
            if self.process.poll() is not None:
                raise QtestError(f"QEMU ended: {self.words()}")
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(path)
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    ## The bus

    def command(self, *words):
        self.qtest.write((" ".join(map(str, words)) + "\n").encode())
        self.qtest.flush()
        answer = self.qtest.readline().split()
        if not answer or answer[0] != b"OK":
            raise QtestError(f"qtest {words}: {answer}")
        return int(answer[1], 0) if len(answer) > 1 else None

    def config_read(self, offset):
        self.command("outl", 0xcf8, 0x80000000 | 4 << 11 | offset & ~3)
        return self.command("inl", 0xcfc)

    def config_write(self, offset, value):
        self.command("outl", 0xcf8, 0x80000000 | 4 << 11 | offset)
        self.command("outl", 0xcfc, value)

    def config_byte(self, offset):
        return self.config_read(offset) >> 8 * (offset & 3) & 0xff

    def find_structures(self):
        """The common and notification structures, by the capabilities (virtio 1.3, 4.1.4)."""
        found, at = {}, self.config_byte(0x34)
        while at:
            if self.config_byte(at) == 0x09:
                kind, bar = self.config_byte(at + 3), self.config_byte(at + 4)
                offset = self.config_read(at + 8)
                found.setdefault(kind, (bar, offset, at))
            at = self.config_byte(at + 1)
        (bar, common, _), (_, notify, notify_cap) = found[1], found[2]
        return bar, common, notify, self.config_read(notify_cap + 16)

    def start_device(self, features):
        bar, common, notify, multiplier = self.find_structures()
        self.config_write(0x10 + 4 * bar, BAR)
        self.config_write(0x14 + 4 * bar, 0)
        self.config_write(0x04, 0x6)
        base = BAR + common

        def write(width, offset, value):
            self.command({1: "writeb", 2: "writew", 4: "writel"}[width], base + offset, value)

        write(1, 20, 0)
        write(1, 20, 3)
        for i in range(2):
            write(4, 8, i)
            write(4, 12, features >> 32 * i & 0xffffffff)
        write(1, 20, 0xb)
        if not self.command("readb", base + 20) & 8:
            raise QtestError("the device refuses the features")
        write(2, 22, 0)
        write(2, 24, QUEUE_SIZE)
        for offset, address in ((32, DESC), (40, AVAIL), (48, USED)):
            write(4, offset, address)
            write(4, offset + 4, 0)
        self.notify = BAR + notify + self.command("readw", base + 30) * multiplier
        write(2, 28, 1)
        write(1, 20, 0xf)

    def start(self, blob):
        self.qtest = self.connect(self.qtest_path).makefile("rwb")
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            path = f"/proc/{self.pid}/fd/{fd}"
            if "memfd:memory-backend-memfd" in os.readlink(path):
                with open(path, "r+b") as file:
                    self.ram = mmap.mmap(file.fileno(), RAM)
                break
        self.start_device(1 << 32 | (1 << 3 if blob else 0))

    ## The queue

    def submit(self, *commands):
        """Gives the commands to the device and waits until all are answered well."""
        for i, command in enumerate(commands):
            at = COMMANDS + 4096 * i
            self.ram[at:at + len(command)] = command
            answer = at + 2048
            self.ram[answer:answer + 24] = bytes(24)
            struct.pack_into("<QIHHQIHH", self.ram, DESC + 32 * i, at, len(command), 1,
                             2 * i + 1, answer, 24, 2, 0)
            struct.pack_into("<H", self.ram, AVAIL + 4 + 2 * (self.avail % QUEUE_SIZE), 2 * i)
            self.avail = self.avail + 1 & 0xffff
        struct.pack_into("<H", self.ram, AVAIL + 2, self.avail)
        self.command("writew", self.notify, 0)
        end = time.monotonic() + 8
        while struct.unpack_from("<H", self.ram, USED + 2)[0] != self.avail:
            if time.monotonic() > end:
                raise QtestError("no answer from the device")
            time.sleep(0.0005)
        for i in range(len(commands)):
            code = struct.unpack_from("<I", self.ram, COMMANDS + 4096 * i + 2048)[0]
            if code != OK_NODATA:
                raise QtestError(f"the device answers {code:#x}")

    @staticmethod
    def make(kind, form, *values, fence=0):
        return struct.pack("<IIQII" + form, kind, FENCE if fence else 0, fence, 0, 0, *values)

    def make_pictures(self, blob):
        for number in range(1, 4):
            address = PIXELS + (number - 1) * (9 << 20)
            self.ram[address:address + SIZE] = bytes([32 * number, 64, 96, 0]) * (SIZE // 4)
            entry = (address, SIZE, 0)
            if blob:
                self.submit(self.make(CREATE_BLOB, "IIIIQQQII", number, 1, 2, 1, 0, SIZE, *entry))
            else:
                self.submit(self.make(CREATE_2D, "IIII", number, XRGB, WIDTH, HEIGHT))
                self.submit(self.make(ATTACH, "IIQII", number, 1, *entry))

    def flip(self, number, blob):
        """What Linux sends for a page flip."""
        rect = (0, 0, WIDTH, HEIGHT)
        if blob:
            scanout = self.make(SET_SCANOUT_BLOB, "IIIIIIIIII8I", *rect, 0, number, WIDTH, HEIGHT,
                                XRGB, 0, WIDTH * 4, 0, 0, 0, 0, 0, 0, 0)
        else:
            scanout = self.make(SET_SCANOUT, "IIIIII", *rect, 0, number)
        self.submit(self.make(TRANSFER, "IIIIQII", *rect, 0, number, 0))
        self.submit(scanout)
        self.submit(self.make(FLUSH, "IIIIII", *rect, number, 0, fence=number))

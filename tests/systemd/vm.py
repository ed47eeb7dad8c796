"""A VM with a real systemd on a disk, with a shell on a serial line and QEMU's monitor."""

import collections
import json
import pathlib
import re
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools/guest"))

from stack import Failure, Program, tail  # noqa: E402 (the path must be set first)

PATIENCE = 120  # seconds for a command: some reload systemd, which has to be emulated
BOOT_PATIENCE = 600  # until there is a shell, and until all is started
MARK = re.compile(r"@@(\d+) (\d+)@@")


def connect(path, patience):
    end = time.monotonic() + patience
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return connection
        except OSError:
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class Monitor:
    """QEMU's."""

    def __init__(self, path):
        connection = connect(path, 30)
        connection.settimeout(30)
        self.file = connection.makefile("rwb")
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.file.flush()
        for line in self.file:
            reply = json.loads(line)
            if "error" in reply:
                raise Failure(f"QMP {command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]
        raise Failure(f"QMP {command}: QEMU has closed its socket")


class Shell:
    """systemd's debug shell on a serial line. A command is one line."""

    def __init__(self, path):
        self.connection = connect(path, 30)
        self.count = 0
        self.text = ""

    def read_until(self, pattern, patience):
        end = time.monotonic() + patience
        while True:
            found = re.search(pattern, self.text)
            if found:
                before, self.text = self.text[:found.start()], self.text[found.end():]
                return before, found
            self.connection.settimeout(max(0.1, end - time.monotonic()))
            try:
                data = self.connection.recv(65536)
            except TimeoutError:
                data = b""
            if not data:
                raise Failure(f"the VM's shell does not reply; it said: {self.text[-2000:]!r}")
            self.text += data.decode(errors="replace").replace("\r", "")

    def start(self):
        """Knocks until the shell replies, as nobody knows when it is there."""
        end = time.monotonic() + BOOT_PATIENCE
        while True:
            self.count += 1
            self.connection.sendall(
                b"exec sh\nstty -echo -onlcr; PS1=; PS2=\n"
                b"export TERM=dumb PAGER=cat SYSTEMD_COLORS=0 SYSTEMD_PAGER=\n"
                b"echo @@$((%d)) 0@@\n" % self.count)
            try:
                self.read_until(rf"@@{self.count} 0@@", 3)
                return
            except Failure:
                if time.monotonic() > end:
                    raise

    def run(self, command, patience=PATIENCE):
        """Returns the status and what it printed."""
        self.count += 1
        self.connection.sendall(
            f"{{ {command}\n}} 2>&1 </dev/null; echo \"@@$(({self.count})) $?@@\"\n".encode())
        before, found = self.read_until(rf"@@{self.count} (\d+)@@", patience)
        return int(found[1]), before.strip("\n")


class Vm:
    """Without a keyboard or a mouse until one is plugged."""

    def __init__(self, disk, install, work):
        self.work = work
        self.console = work / "console"
        disks = [f"file={disk / 'disk'},if=none,id=root,format=raw,snapshot=on",
                 f"file={install},if=none,id=install,format=raw,readonly=on"]
        self.program = Program("the VM", [
            "qemu-system-x86_64", *self.accelerator(), "-M", "q35,i8042=off,sata=off,smbus=off", "-smp", "2",
            "-m", "1G", "-nodefaults", "-display", "none", "-serial", f"file:{self.console}",
            "-serial", f"unix:{work}/shell,server=on,wait=off",
            "-qmp", f"unix:{work}/qmp,server=on,wait=off",
            "-drive", disks[0], "-device", "virtio-blk-pci,drive=root",
            "-drive", disks[1], "-device", "virtio-blk-pci,drive=install",
            "-device", "bochs-display,id=screen,xres=640,yres=480",
            "-device", "pcie-root-port,id=slot1,slot=1",
            "-kernel", disk / "kernel", "-initrd", disk / "initrd",
            "-append", "console=ttyS0 console=tty0 loglevel=4 panic=-1 reboot=pci mitigations=off "
                       "cryptomgr.notests modprobe.blacklist=button,pcspkr,ahci,i2c_i801,iTCO_wdt,"
                       "e1000e,floppy systemd.debug_shell=ttyS1 systemd.show_status=no "
                       "systemd.log_target=journal"], work / "qemu.log")
        self.monitor = Monitor(work / "qmp")
        self.shell = Shell(work / "shell")

    @staticmethod
    def accelerator():
        """tools/guest/boot tries whether KVM works, and remembers."""
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        tried = HERE.parents[1] / f"build/guest/kvm-{boot}"
        if tried.exists() and tried.read_text().strip() == "yes":
            return ["-accel", "kvm", "-cpu", "host"]
        return ["-accel", "tcg,thread=multi", "-cpu", "Nehalem"]

    def start(self):
        try:
            self.shell.start()
            self.wait("all units of the boot", lambda: self.shell.run(
                "systemctl is-active multi-user.target", BOOT_PATIENCE)[1] == "active",
                BOOT_PATIENCE)
        except Failure as failure:
            raise Failure(f"{failure}\nits console:\n{tail(self.console)}") from failure

    def stop(self):
        self.program.stop()

    def run(self, command, patience=PATIENCE):
        """Returns what the command printed."""
        status, text = self.shell.run(command, patience)
        if status:
            raise Failure(f"{command}: status {status}: {text}")
        return text

    def fails(self, command, patience=PATIENCE):
        status, text = self.shell.run(command, patience)
        if not status:
            raise Failure(f"{command} should have failed; it said: {text}")
        return text

    def wait(self, what, condition, patience=PATIENCE):
        end = time.monotonic() + patience
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > end:
                raise Failure(f"not in {patience} s: {what}")
            time.sleep(0.5)

    def picture(self):
        """The monitor's pixels: {(red, green, blue): how many}."""
        path = self.work / "picture.ppm"
        self.monitor.call("screendump", filename=str(path), device="screen")
        data = path.read_bytes()
        _, size, _, pixels = data.split(b"\n", 3)
        assert len(pixels) == 3 * int(size.split()[0]) * int(size.split()[1])
        path.unlink()
        return collections.Counter(zip(pixels[0::3], pixels[1::3], pixels[2::3]))

    def press(self, *codes):
        """Presses keys one after the other and lets them go in the reverse order."""
        for down, keys in ((True, codes), (False, reversed(codes))):
            for code in keys:
                self.monitor.call("input-send-event", events=[{"type": "key", "data": {
                    "down": down, "key": {"type": "qcode", "data": code}}}])
                time.sleep(0.05)

    def status(self):
        return self.monitor.call("query-status")["status"]

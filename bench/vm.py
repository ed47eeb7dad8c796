#!/usr/bin/python3
"""Runs measure.py in a VM that has what the machine may lack: /dev/udmabuf, a monitor, and a device
with memory (ivshmem) at vfio-pci.

    bench/vm.py BUILD [GROUP…]

The VM counts instructions, 1 ns each (tools/guest/boot --count): its figures are instructions of
user and kernel, the same on every machine. It sees this root, so BUILD is there, too.
"""

import contextlib
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
sys.path.insert(0, str(TOP / "tools/guest"))

from stack import Program  # noqa: E402 (the path must be set first)

PATIENCE = 1200  # seconds; a quiet machine needs a fifth
SHARE = "/guest"

KERNEL = "intel_iommu=on iommu=pt"
DEVICES = [
    "-device", "intel-iommu,intremap=on,caching-mode=on",
    "-device", "bochs-display,xres=1280,yres=720",
    "-object", "memory-backend-memfd,id=vram,size=128M,share=on",
    "-device", "ivshmem-plain,memdev=vram",
]

SCRIPT = """
echo 4096 >/sys/module/udmabuf/parameters/size_limit_mb
modprobe -a bochs vfio-pci vfio_iommu_type1
udevadm settle
for device in /sys/bus/pci/devices/*; do
	if [ "$(cat "$device/vendor" "$device/device" | tr -d '\\n')" = 0x1af40x1110 ]; then
		echo vfio-pci >"$device/driver_override"
		echo "${{device##*/}}" >/sys/bus/pci/drivers_probe
	fi
done
# The VM has directories of its own over some of the root's: what lies below them is shown again.
mount --bind / /mnt
for directory in {top} {build}; do
	mkdir -p "$directory"
	mount --bind "/mnt$directory" "$directory" || exit
done
cd {top} || exit
GUESTPANE_BENCH_VM=1 python3 bench/measure.py {arguments} >{share}/records 2>{share}/words
echo $? >{share}/status
"""


def main():
    build = str(pathlib.Path(sys.argv[1]).resolve())
    arguments = [build, "--few", *sys.argv[2:]]
    with tempfile.TemporaryDirectory(prefix="guestpane-bench-", dir="/tmp") as directory:
        work = pathlib.Path(directory)
        (work / "run").write_text(SCRIPT.format(
            top=shlex.quote(str(TOP)), build=shlex.quote(build), share=SHARE, arguments=shlex.join(arguments)))
        begin = time.monotonic()
        vm = Program("the VM", [TOP / "tools/guest/boot", "--count", "--work", work,
                                "--console", work / "console", "--memory", "4G",
                                "--append", KERNEL, "--", *DEVICES],
                     work / "qemu.log")
        with contextlib.suppress(subprocess.TimeoutExpired):
            vm.process.wait(PATIENCE)
        vm.stop()
        for name in ("records", "words"):
            path = work / name
            text = path.read_text() if path.exists() else ""
            print(text, end="", file=sys.stdout if name == "records" else sys.stderr)
        print(f"vm: {time.monotonic() - begin:.1f} s", file=sys.stderr)
        if not (work / "status").exists():
            console = (work / "console").read_text(errors="replace").splitlines()[-20:]
            print("the VM ended too early; its console:", *console, sep="\n    ", file=sys.stderr)
            return 1
        return int((work / "status").read_text())


if __name__ == "__main__":
    sys.exit(main())

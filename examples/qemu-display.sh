#!/bin/sh
# Runs a VM under stock QEMU in a guestpane session, and shows QEMU's own display:
#
#     guestpane -- examples/qemu-display.sh disk.img [more QEMU options]
#
# Unlike examples/qemu.sh this shows everything from power-on, firmware and boot loader too, and
# works with any of QEMU's graphics cards. Starts a bridge and QEMU, and stops both when the VM
# shuts down or guestpane exits. The environment overrides these defaults.
set -eu

NAME=${NAME:-vm}                              # of the VM, as in guestpanectl
MEMORY=${MEMORY:-2G}
CPUS=${CPUS:-2}
ACCEL=${ACCEL:-}                              # kvm or tcg; empty: kvm if it works
FORMAT=${FORMAT:-}                            # of the disk: raw, qcow2…; empty: QEMU guesses
FIRMWARE=${FIRMWARE:-}                        # an OVMF_CODE file; empty: SeaBIOS
GL=${GL:-}                                    # yes or no; empty: yes if there is a render node
BRIDGE=${BRIDGE:-guestpane-bridge}
QEMU=${QEMU:-qemu-system-x86_64}

if [ $# -eq 0 ]; then
	echo "usage: guestpane -- $0 DISK [QEMU option...]" >&2
	exit 2
fi
disk=$1
shift

# Directory of QEMU's monitor.
dir=$(mktemp -d "${XDG_RUNTIME_DIR:?}/guestpane-qemu.XXXXXX")
bridge_pid=
qemu_pid=

finish() {
	trap - EXIT INT TERM HUP
	for pid in $qemu_pid $bridge_pid; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# It waits for QEMU, and may be killed and started again at any time.
"$BRIDGE" --qmp "$dir/qmp.sock" --name "$NAME" &
bridge_pid=$!

# What each option is for:
#
# -display dbus,p2p=yes[,gl=on]
#     QEMU's display is for a program that comes over the monitor. With gl=on, which needs a render
#     node, buffers come as dma-bufs and are not copied. Debian has this display in the package
#     qemu-system-modules-opengl.
# -qmp unix:…
#     The monitor, which the bridge needs for itself.
# -device virtio-vga,blob=true; -object memory-backend-memfd,share=on
#     A card that firmware, boot loader and Linux can use. With blob=true it shows the guest's own
#     memory, which must be a memfd for that; QEMU 11.1 has a bug without gl=on, so not there.
# -device virtio-keyboard-pci, virtio-tablet-pci
#     Firmware uses the machine's PS/2 keyboard; a tablet is a pointer that knows positions.
# -drive if=virtio
#     The disk. QEMU guesses the format, but write-protects the boot sector of a disk that it
#     guesses to be raw; set FORMAT=raw for such a disk.
# -nic user
#     Unprivileged NAT to the host's network.
if [ -z "$GL" ]; then
	GL=no
	for node in /dev/dri/renderD*; do
		if [ -r "$node" ]; then
			GL=yes
		fi
	done
fi
if [ "$GL" = yes ]; then
	display=dbus,p2p=yes,gl=on
	card=virtio-vga,blob=true
else
	display=dbus,p2p=yes
	card=virtio-vga
fi
set -- -name "$NAME" \
	-machine q35,memory-backend=mem \
	-cpu max -smp "$CPUS" -m "$MEMORY" \
	-object "memory-backend-memfd,id=mem,size=$MEMORY,share=on" \
	-nodefaults -display "$display" -qmp "unix:$dir/qmp.sock,server=on,wait=off" \
	-device "$card" \
	-device virtio-keyboard-pci -device virtio-tablet-pci \
	-drive "file=$disk,if=virtio${FORMAT:+,format=$FORMAT}" \
	-nic user,model=virtio-net-pci \
	"$@"

if [ -n "$FIRMWARE" ]; then
	set -- -drive "if=pflash,format=raw,readonly=on,file=$FIRMWARE" "$@"
fi
if [ -n "$ACCEL" ]; then
	set -- -accel "$ACCEL" "$@"
else
	set -- -accel kvm -accel tcg "$@"
fi

# In the background, so that a signal interrupts the wait; standard input stays the terminal.
exec 3<&0
"$QEMU" "$@" <&3 &
qemu_pid=$!
wait "$qemu_pid"

#!/bin/sh
# Runs a VM under stock QEMU (10.2 or later) in a guestpane session:
#
#     guestpane -- examples/qemu.sh disk.img [more QEMU options]
#
# Starts a bridge and QEMU, and stops both when the VM shuts down or guestpane exits. The
# environment overrides these defaults.
set -eu

NAME=${NAME:-vm}                              # of the VM, as in guestpanectl
MEMORY=${MEMORY:-2G}
CPUS=${CPUS:-2}
ACCEL=${ACCEL:-}                              # kvm or tcg; empty: kvm if it works
FORMAT=${FORMAT:-}                            # of the disk: raw, qcow2…; empty: QEMU guesses
DEVICE=${DEVICE:-}                            # PCI address of a GPU bound to vfio-pci, to assign
MODE=${MODE:-}                                # WxH[@HZ]; empty: the output's
BRIDGE=${BRIDGE:-guestpane-bridge}
QEMU=${QEMU:-qemu-system-x86_64}

if [ $# -eq 0 ]; then
	echo "usage: guestpane -- $0 DISK [QEMU option...]" >&2
	exit 2
fi
disk=$1
shift

# Directory of the sockets between QEMU and the bridge.
dir=$(mktemp -d "${XDG_RUNTIME_DIR:?}/guestpane-qemu.XXXXXX")
socket=$dir/gpu.sock
bridge_pid=
qemu_pid=

# QEMU first: it fails when the device disappears.
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

# The bridge finds guestpane through $GUESTPANE_BRIDGE_SOCKET, which guestpane sets.
"$BRIDGE" --socket-path "$socket" --name "$NAME" ${MODE:+--mode "$MODE"} \
	--input "keyboard=$dir/keyboard.sock" --input "tablet=$dir/tablet.sock" \
	--input "mouse=$dir/mouse.sock" &
bridge_pid=$!

# QEMU connects once, at its start, so wait for the sockets.
tries=50
until [ -S "$socket" ] && [ -S "$dir/mouse.sock" ]; do
	tries=$((tries - 1))
	if [ $tries -eq 0 ] || ! kill -0 "$bridge_pid" 2>/dev/null; then
		echo "$0: the bridge did not start" >&2
		exit 1
	fi
	sleep 0.1
done

# What each option is for:
#
# -machine q35,memory-backend=mem; -object memory-backend-memfd,share=on
#     Guest memory is a memfd, whose descriptor QEMU passes to the bridge. share=on makes the
#     guest's writes visible there, and QEMU seals a memfd against shrinking, which udmabuf
#     requires. The size must match -m.
# -nodefaults -display none
#     No second graphics card and no window of QEMU: the bridge shows the VM.
# -serial mon:stdio
#     Firmware and boot loader do not drive the device; they use this serial console, and so does
#     the QEMU monitor (Ctrl-A C). Add console=ttyS0 to the guest's kernel to log in here, too.
# -chardev socket,path=…
#     The vhost-user connection to the bridge.
# -device vhost-user-test-device-pci
#     A PCI device that leaves its virtio type and features to the bridge. QEMU's dedicated
#     vhost-user-gpu-pci has no blob resources, so it would copy every frame.
#     virtio-id=16     a GPU
#     num_vqs=2        control queue, cursor queue
#     vq_size=256      room for the entries of a scattered 4K framebuffer
#     config_size=24   all of virtio_gpu_config
# -device vhost-user-input-pci
#     A keyboard, an absolute pointer, and a mouse for games, to which guestpane's hotkey locks the
#     pointer. Each has a connection of its own.
# -drive if=virtio
#     The disk. QEMU guesses the format, but write-protects the boot sector of a disk that it
#     guesses to be raw; set FORMAT=raw for such a disk.
# -nic user
#     Unprivileged NAT to the host's network.
set -- -name "$NAME" \
	-machine q35,memory-backend=mem \
	-cpu max -smp "$CPUS" -m "$MEMORY" \
	-object "memory-backend-memfd,id=mem,size=$MEMORY,share=on" \
	-nodefaults -display none -serial mon:stdio \
	-chardev "socket,id=keyboard,path=$dir/keyboard.sock" \
	-device vhost-user-input-pci,chardev=keyboard \
	-chardev "socket,id=tablet,path=$dir/tablet.sock" \
	-device vhost-user-input-pci,chardev=tablet \
	-chardev "socket,id=mouse,path=$dir/mouse.sock" \
	-device vhost-user-input-pci,chardev=mouse \
	-drive "file=$disk,if=virtio${FORMAT:+,format=$FORMAT}" \
	-nic user,model=virtio-net-pci \
	"$@"

# An assigned GPU (a virtual function), from whose memory the bridge shows the guest's buffers. The
# bridge looks for the device in QEMU, which requires the same user, and kernel.yama.ptrace_scope 0
# or CAP_SYS_PTRACE; guestpane-bridge --doctor --vmm-pid PID reports what is missing.
#
# -device pcie-root-port, x3130-upstream, xio3130-downstream
#     Linux in the guest lets one device access the other's memory if both are below one switch.
# -device vfio-pci,host=…
#     The legacy VFIO group. For iommufd see docs/hardware.md.
bus=pcie.0
if [ -n "$DEVICE" ]; then
	bus=d1
	set -- -device pcie-root-port,id=rp,slot=1 -device x3130-upstream,id=up,bus=rp \
		-device xio3130-downstream,id=d1,bus=up,chassis=1 \
		-device xio3130-downstream,id=d2,bus=up,chassis=2 \
		-device "vfio-pci,host=$DEVICE,bus=d2" "$@"
fi
gpu=vhost-user-test-device-pci,chardev=gpu,virtio-id=16,num_vqs=2,vq_size=256,config_size=24
set -- "$@" -chardev "socket,id=gpu,path=$socket" -device "$gpu,bus=$bus"

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

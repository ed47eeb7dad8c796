#!/bin/sh
# Runs a virtual machine under stock QEMU (10.2 or later) in a guestpane session:
#
#     guestpane -- examples/qemu.sh disk.img [more QEMU options]
#
# It starts a bridge and QEMU, and ends both when the machine is shut down or guestpane
# ends. Settings come from the environment, with these defaults.
set -eu

NAME=${NAME:-vm}                              # as shown by guestpanectl
MEMORY=${MEMORY:-2G}
CPUS=${CPUS:-2}
ACCEL=${ACCEL:-}                              # kvm or tcg; empty: kvm if it works
FORMAT=${FORMAT:-}                            # of the disk: raw, qcow2…; empty: guessed
DEVICE=${DEVICE:-}                            # PCI address of a GPU at vfio-pci, for the guest
MODE=${MODE:-}                                # WxH[@HZ]; empty: that of the output
BRIDGE=${BRIDGE:-guestpane-bridge}
QEMU=${QEMU:-qemu-system-x86_64}

if [ $# -eq 0 ]; then
	echo "usage: guestpane -- $0 DISK [QEMU option...]" >&2
	exit 2
fi
disk=$1
shift

# The sockets between QEMU and the bridge, in a directory of their own.
dir=$(mktemp -d "${XDG_RUNTIME_DIR:?}/guestpane-qemu.XXXXXX")
socket=$dir/gpu.sock
bridge_pid=
qemu_pid=

# QEMU goes first: it does not like to lose the device.
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

# The bridge finds guestpane by $GUESTPANE_BRIDGE_SOCKET, which guestpane has set.
"$BRIDGE" --keeper --socket-path "$socket" --name "$NAME" ${MODE:+--mode "$MODE"} \
	--input "keyboard=$dir/keyboard.sock" --input "tablet=$dir/tablet.sock" \
	--input "mouse=$dir/mouse.sock" &
bridge_pid=$!

# QEMU connects at its start and does not try again: the socket has to be there before.
tries=50
until [ -S "$socket" ] && [ -S "$dir/mouse.sock" ]; do
	tries=$((tries - 1))
	if [ $tries -eq 0 ] || ! kill -0 "$bridge_pid" 2>/dev/null; then
		echo "$0: the bridge did not start" >&2
		exit 1
	fi
	sleep 0.1
done

# Put each option together with its reason.
#
# -machine q35,memory-backend=mem; -object memory-backend-memfd,share=on
#     The guest's memory is a memfd that the bridge is given a descriptor of. share=on lets
#     it see what the guest writes, and QEMU seals a memfd against shrinking, without which
#     udmabuf takes nothing. The size has to be that of -m.
# -nodefaults -display none
#     No second graphics card and no window of QEMU: the picture comes from the bridge.
# -serial mon:stdio
#     Firmware and boot loader do not know the device: they talk here, as does the monitor
#     (Ctrl-A C). Add console=ttyS0 to the guest's kernel to log in here as well.
# -chardev socket,path=…
#     The connection to the bridge (vhost-user).
# -device vhost-user-test-device-pci
#     A PCI device whose virtio type and features are all left to the bridge. The purpose
#     built vhost-user-gpu-pci has no blob resources, so every frame would be copied.
#     virtio-id=16     a GPU
#     num_vqs=2        control queue, cursor queue
#     vq_size=256      the pieces of a scattered 4K framebuffer have to fit
#     config_size=24   the whole of virtio_gpu_config
# -device vhost-user-input-pci
#     Keyboard, absolute pointer, and a mouse for games and the like, to which guestpane's
#     hotkey locks the pointer. Each has a connection of its own.
# -drive if=virtio
#     The disk. QEMU guesses the format, but lets nobody write a boot sector to a disk that
#     it takes for a raw one: say FORMAT=raw then.
# -nic user
#     A network behind the host's, without privileges.
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

# A GPU of the guest's own (a virtual function), whose pictures the bridge shows from its memory. It
# finds the device in QEMU, which takes the same user, and kernel.yama.ptrace_scope 0 or
# CAP_SYS_PTRACE; guestpane-bridge --doctor --vmm-pid PID says what is missing.
#
# -device pcie-root-port, x3130-upstream, xio3130-downstream
#     Linux in the guest lets one device use the other's memory if both are below one switch.
# -device vfio-pci,host=…
#     The legacy VFIO group. With iommufd see docs/hardware.md.
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

# In the background, so that a signal ends it at once; standard input stays the terminal.
exec 3<&0
"$QEMU" "$@" <&3 &
qemu_pid=$!
wait "$qemu_pid"

# bash completion for guestpane-bridge

_guestpane_bridge() {
	local cur prev words cword
	_init_completion -n = || return
	case $prev in
	--socket-path | --qmp | --listen | --display | --control-socket | --trace)
		_filedir
		return
		;;
	--export)
		mapfile -t COMPREPLY < <(compgen -W 'auto copy' -- "$cur")
		return
		;;
	--input)
		mapfile -t COMPREPLY < <(compgen -S = -W 'keyboard tablet mouse touch pen' -- "$cur")
		compopt -o nospace
		return
		;;
	--vfio)
		mapfile -t COMPREPLY < <(compgen -W 'auto none' -- "$cur")
		return
		;;
	--vmm-pid)
		mapfile -t COMPREPLY < <(compgen -W "$(pgrep -f qemu-system)" -- "$cur")
		return
		;;
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$cur")
		return
		;;
	--fd | --display-fd | --bus | --linger | --name | --uuid | --mode | --scanouts | --vfio-fd)
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$(guestpane-bridge --help |
		grep -oE -- '^ +--[a-z-]+(, --[a-z-]+)?' | grep -oE -- '--[a-z-]+')" -- "$cur")
} && complete -F _guestpane_bridge guestpane-bridge

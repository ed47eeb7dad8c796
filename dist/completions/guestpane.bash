# bash completion for guestpane

_guestpane() {
	local cur prev words cword
	_init_completion -n = || return
	local i
	for ((i = 1; i < cword; i++)); do
		if [[ ${words[i]} == -- ]]; then
			_command_offset $((i + 1))
			return
		fi
	done
	case $prev in
	--bridge-socket | --control-socket | --config | --trace | --client-socket)
		_filedir
		return
		;;
	--scaling)
		mapfile -t COMPREPLY < <(compgen -W 'fit integer fill none' -- "$cur")
		return
		;;
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W 'silent error warn info debug' -- "$cur")
		return
		;;
	--size | --hotkey | --first)
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$(guestpane --help | grep -oE -- '^ +--[a-z-]+(, --[a-z-]+)?' |
		grep -oE -- '--[a-z-]+') --" -- "$cur")
} && complete -F _guestpane guestpane

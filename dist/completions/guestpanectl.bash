# bash completion for guestpanectl

_guestpanectl() {
	local cur prev words cword i verb='' place=0
	_init_completion || return
	if [[ $prev == --socket ]]; then
		_filedir
		return
	fi
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--socket) ((i++)) ;;
		-*) ;;
		*)
			if [[ -z $verb ]]; then
				verb=${words[i]}
			else
				((place++))
			fi
			;;
		esac
	done
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--socket --json --watch --help --version' -- "$cur")
		return
	fi
	case $verb:$place in
	:*)
		mapfile -t COMPREPLY < <(compgen -W "$(guestpanectl --list verbs)" -- "$cur")
		;;
	next:0 | output:0 | show:1 | move:1)
		mapfile -t COMPREPLY < <(compgen -W "$(guestpanectl --list outputs 2>/dev/null)" -- "$cur")
		;;
	show:0)
		mapfile -t COMPREPLY < <(compgen -W "$(guestpanectl --list guests 2>/dev/null)" -- "$cur")
		;;
	move:0)
		mapfile -t COMPREPLY < <(compgen -W "$(guestpanectl --list scanouts 2>/dev/null)" -- "$cur")
		compopt +o nospace
		;;
	output:1)
		mapfile -t COMPREPLY < <(compgen -W 'on off mode scale scaling transform' -- "$cur")
		;;
	output:2)
		case $prev in
		scaling)
			mapfile -t COMPREPLY < <(compgen -W 'fit integer fill none' -- "$cur")
			;;
		transform)
			mapfile -t COMPREPLY < <(compgen -W \
				'normal 90 180 270 flipped flipped-90 flipped-180 flipped-270' -- "$cur")
			;;
		esac
		;;
	hud:0)
		mapfile -t COMPREPLY < <(compgen -W 'on off' -- "$cur")
		;;
	esac
} && complete -F _guestpanectl guestpanectl

complete -c guestpanectl -f
complete -c guestpanectl -l socket -r -F -d 'Control socket'
complete -c guestpanectl -l json -d 'Print JSON'
complete -c guestpanectl -l watch -d 'Print again when something has changed'
complete -c guestpanectl -l list -x -a 'verbs outputs guests scanouts' -d 'Print names, for completion'
complete -c guestpanectl -l help -d 'Print the usage and exit'
complete -c guestpanectl -l version -d 'Print the version and exit'

set -l verbs (guestpanectl --list verbs 2>/dev/null)
complete -c guestpanectl -n "not __fish_seen_subcommand_from $verbs" -a "$verbs"
complete -c guestpanectl -n '__fish_seen_subcommand_from next output show move' \
	-a '(guestpanectl --list outputs 2>/dev/null)'
complete -c guestpanectl -n '__fish_seen_subcommand_from show' -a '(guestpanectl --list guests 2>/dev/null)'
complete -c guestpanectl -n '__fish_seen_subcommand_from move' -a '(guestpanectl --list scanouts 2>/dev/null)'
complete -c guestpanectl -n '__fish_seen_subcommand_from output' -a 'on off mode scale scaling transform'
complete -c guestpanectl -n '__fish_seen_subcommand_from scaling' -a 'fit integer fill none'
complete -c guestpanectl -n '__fish_seen_subcommand_from transform' \
	-a 'normal 90 180 270 flipped flipped-90 flipped-180 flipped-270'
complete -c guestpanectl -n '__fish_seen_subcommand_from hud' -a 'on off'

# As waits.py, in bash.
set -eu
pipe=$(mktemp -u)
mkfifo "$pipe"
exec 9<>"$pipe"
rm "$pipe"

run() {
  local word part depth children child
  while [ $# -gt 0 ]; do
    word=$1
    shift
    case $word in
      '{')
        children=()
        while :; do
          part=()
          depth=0
          while [ $depth -gt 0 ] || { [ "$1" != '|' ] && [ "$1" != '}' ]; }; do
            case $1 in '{') depth=$((depth + 1)) ;; '}') depth=$((depth - 1)) ;; esac
            part+=("$1")
            shift
          done
          run "${part[@]}" &
          children+=($!)
          [ "$1" = '}' ] && break
          shift
        done
        shift
        for child in "${children[@]}"; do wait "$child"; done
        ;;
      '<'*)
        part=()
        depth=0
        while [ $depth -gt 0 ] || [ "$1" != '>' ]; do
          case $1 in '<'*) depth=$((depth + 1)) ;; '>') depth=$((depth - 1)) ;; esac
          part+=("$1")
          shift
        done
        shift
        child=WAITS_${word#<}
        ${!child} "${part[@]}"
        ;;
      get:*) curl --silent --fail --max-time 60 --output /dev/null "$WAITS_URL${word#get:}" ;;
      sleep:*) sleep "${word#*:}" ;;
      read:*) read -r -t "${word#*:}" _ <&9 || true ;;
      job:*)
        sleep "${word#*:}" &
        wait $!
        ;;
      *) exit 4 ;;
    esac
  done
}

run "$@"

# Polls so often, so many seconds apart: bash polls.sh URL COUNT SECONDS
for number in $(seq 1 "$2"); do
    if [ "$number" -gt 1 ] && [ "$3" != 0 ]; then sleep "$3"; fi
    last=$EPOCHREALTIME
    [ "$number" -gt 1 ] || first=$last
    curl --silent --fail --max-time 5 --output /dev/null "$1" || exit 1
done
# Microseconds by its own clock from the first poll to the last.
if [ -n "$POLLS_SPAN" ]; then echo $((${last/[.,]/} - ${first/[.,]/}))e-6; fi

# Waits with different deadlines at once, and prints them as they end: bash deadlines.sh
started=$(date +%s%N)
for deadline in 7.0 2.0 30.0 3.5 3.0 11.0; do
    (
        sleep "$deadline"
        passed=$((($(date +%s%N) - started) / 1000000))
        printf '%s %d.%03d\n' "$deadline" $((passed / 1000)) $((passed % 1000))
    ) &
done
wait

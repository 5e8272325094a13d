#!/usr/bin/env bash
# A client of CapSolver and CapMonster Cloud, written with curl and jq: captcha.sh PROVIDER [--fault NAME].
#
# It prints the solution and ends with 0, or says on stderr why there is none and ends with 1. Without a fault it keeps
# every rule of both providers; each fault breaks one, at the place where the name of the fault stands.
set -u -o pipefail

case $1 in
    capsolver) wait=3 pending='' busy='ERROR_SERVICE_UNAVALIABLE ERROR_RATE_LIMIT' ;;
    capmonster) wait=2 pending='CAPTCHA_NOT_READY' busy='ERROR_TOO_MUCH_REQUESTS ERROR_SERVICE_NOT_AVAILABLE' ;;
    *) echo "usage: $0 capsolver|capmonster [--fault NAME]" >&2; exit 2 ;;
esac
fault=${3-}
polls_most=120
lifetime=290 # a task lives for five minutes; the last poll leaves in good time before their end
retries=4    # requests in a row that may come to nothing
[ "$fault" != hot-on-error ] || retries=$polls_most

# The fields that decide, of an answer that is one JSON object with an errorId.
fields='if length == 1 and (.[0] | type == "object" and (.errorId | type == "number"))
    then .[0] | [.errorId, .errorCode // "", if has("status") then .status // "null" else "" end] | map(tostring)
        | join("\u001f")
    else empty end'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
answer=$folder/answer
failures=0

give_up() { echo "no solution: $*" >&2; exit 1; }

refused() { # the provider said why
    if [ "$fault" = failure-as-success ]; then echo "done: $*"; exit 0; fi
    give_up "$*"
}

among() { case " $2 " in *" $1 "*) [ -n "$1" ] ;; *) false ;; esac; }

# One request. Its answer stands in $answer, with $error, $code and $status; 1 when it came to nothing, with $trouble,
# $kind and $retry_after.
call() {
    local method=$1 body=$2 http key=()
    retry_after=0
    if [ "$fault" = key-in-header ]; then
        key=(-H "Authorization: Bearer $POLLPROOF_API_KEY")
        body=$(sed 's/"clientKey":"[^"]*",//' <<<"$body")
    fi
    if ! http=$(curl -sS -X POST "${POLLPROOF_BASE_URL%/}/$method" -H 'Content-Type: application/json' "${key[@]}" \
        --data-binary "$body" -o "$answer" -D "$folder/headers" -w '%{http_code}' \
        --max-time 30 --max-filesize 4000000 2>"$folder/error"); then
        trouble=$(<"$folder/error") kind=reset
        return 1
    fi
    if [ "$fault" = loses-http-errors ] && [ "$http" -ge 400 ] && [ "$http" -lt 500 ]; then give_up "HTTP $http"; fi
    if IFS=$'\x1f' read -r error code status < <(jq -rs "$fields" "$answer" 2>/dev/null) && [ -n "$error" ]; then
        return 0
    fi
    case $http in
        408 | 425 | 429 | 5??) ;;
        4??) give_up "HTTP $http" ;;
    esac
    retry_after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\)[^0-9]*$/\1/p' "$folder/headers")
    retry_after=${retry_after:-0}
    trouble="HTTP $http without a readable answer" kind=broken
    [ "$http" -lt 500 ] || kind=5xx
    return 1
}

# Sets $pause for a request that came to nothing: longer each time, or as long as was asked for.
pause_after() {
    failures=$((failures + 1))
    if [ $failures -gt $retries ] && [ "$fault" != "endless-$kind" ]; then
        give_up "$1 came to nothing $failures times: $trouble"
    fi
    pause=$((wait << (failures > 4 ? 4 : failures - 1)))
    [ "$retry_after" -le $pause ] || pause=$retry_after
    [ "$pause" -le $lifetime ] || give_up "asked to wait for $pause s"
    [ "$fault" != hot-on-error ] || pause=0
}

refusal() { jq -r '"\(.errorCode // "an error without a code"): \(.errorDescription // "")"' "$answer"; }

finish() { # $answer is ready
    local text
    text=$(jq -c '.solution' "$answer")
    if [ "$text" = null ] || [ "$text" = '{}' ] || [ "$text" = '""' ]; then
        case $fault in
            ready-without-solution | idle-as-success | unknown-as-success) ;;
            *) give_up 'the task is ready, and there is no solution' ;;
        esac
    fi
    [ "$fault" != wrong-solution ] || text=${text:0:${#text}/2}
    [ "$fault" != empty-solution ] || text='{}'
    printf '%s\n' "$text"
    exit 0
}

task=$POLLPROOF_TASK
[ "$fault" != untyped-task ] || task=$(jq -c 'del(.type)' <<<"$task")
extra=
[ "$fault" != extra-fields ] || extra=',"softId":7,"languagePool":"en"'
while :; do
    started=$SECONDS
    if call createTask "{\"clientKey\":\"$POLLPROOF_API_KEY\",\"task\":$task$extra}"; then
        if [ "$error" = 0 ]; then break; fi
        among "$code" "$busy" || refused "$(refusal)"
        trouble=$code kind=busy
    fi
    pause_after createTask
    sleep "$pause"
done
failures=0
if [ "$status" = ready ] && [ "$fault" != polls-inline ]; then finish; fi
if [ "$status" = idle ] && [ "$fault" = idle-as-success ]; then finish; fi

# The id goes out as it came in, letter by letter: jq would round a number beyond 2^53.
id=$(tr -d '\n' <"$answer" | grep -oE '"taskId"[[:space:]]*:[[:space:]]*("[^"]*"|[0-9]+)' | tail -n 1 | sed 's/^[^:]*:[[:space:]]*//')
case $id in '' | '""' | 0) give_up 'createTask gave no taskId' ;; esac
[ "$fault" != id-rounded ] || id=$(jq '.taskId * 1' "$answer")
case $fault/$id in
    another-id/\"*) id=\"$(tr '[:lower:]' '[:upper:]' <<<"${id//\"/}")0\" ;;
    another-id/*) id=${id}1 ;;
    id-retyped/\"*) id="[$id]" ;;
    id-retyped/*) id=\"$id\" ;;
esac

poll() {
    if [ "$fault" = keyless-poll ]; then
        call getTaskResult "{\"taskId\":$id}"
    else
        call getTaskResult "{\"clientKey\":\"$POLLPROOF_API_KEY\",\"taskId\":$id}"
    fi
}

slower=$wait late=
[ "$fault" != over-lifetime ] || slower=3 # so that the lifetime ends before the polls do
pause=$slower polls=0
while :; do
    if [ $polls -ge $polls_most ] || [ $((SECONDS - started + ${pause%.*} + 1)) -gt $lifetime ]; then
        if [ "$fault" = over-lifetime ] && [ -z "$late" ]; then
            late=yes
            sleep 100 # once more, much later
        elif [ "$fault" != over-budget ] || [ $polls -gt $polls_most ]; then
            if [ "$fault" = giving-up-as-success ]; then echo '{}'; exit 0; fi
            give_up "not ready after $polls polls"
        fi
    fi
    sleep "$pause"
    polls=$((polls + 1))
    if ! poll; then
        pause_after getTaskResult
        continue
    fi
    failures=0 pause=$slower
    case $fault in
        half-wait) pause=$((wait / 2)).$((wait % 2 * 5)) ;;
        milliseconds) pause=0.00$wait ;;
        over-budget) pause=1.2 ;; # so that the polls are over within the lifetime, on a busy machine too
    esac
    if [ "$error" != 0 ]; then
        if among "$code" "$pending" && [ "$fault" != pending-as-final ]; then
            continue
        elif among "$code" "$busy"; then
            [ "$fault" != hot-on-error ] || pause=0
        elif [ "$fault" != polls-on-after-error ] || [ -n "$status" ]; then
            refused "$(refusal)"
        fi
        continue
    fi
    case $status in
        ready)
            if [ "$fault" = polls-after-final ]; then
                cp "$answer" "$folder/final"
                sleep "$wait"
                poll
                mv "$folder/final" "$answer"
            fi
            finish ;;
        failed) refused "$(refusal)" ;;
        idle) [ "$fault" != idle-as-success ] || finish ;;
        processing) ;;
        *)
            [ "$fault" != unknown-as-success ] || finish
            [ "$fault" != hot-on-unknown ] || pause=0 ;;
    esac
    [ "$fault" != id-from-answer ] || id=$(jq .taskId "$answer")
done

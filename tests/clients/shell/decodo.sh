#!/usr/bin/env bash
# A client of Decodo's scraper API, written with curl and jq: decodo.sh [--batch-size N] [--fault NAME].
#
# A task whose url (or query) is a list is sent in batches. It prints the results and ends with 0, or says on stderr why
# there are none and ends with 1. Without a fault it keeps every rule of the page; each fault breaks one, at the place
# where the name of the fault stands.
set -u -o pipefail

fault='' batch_size=3000
while [ $# -ge 2 ]; do
    case $1 in
        --fault) fault=$2 ;;
        --batch-size) batch_size=$2 ;;
        *) echo "usage: $0 [--batch-size N] [--fault NAME]" >&2; exit 2 ;;
    esac
    shift 2
done
wait=3
polls_most=120
retries=4 # requests in a row that may come to nothing

[ "$fault" != hot-on-error ] || retries=$polls_most

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
answer=$folder/answer
failures=0

give_up() { echo "no results: $*" >&2; exit 1; }

refused() { # the provider said why
    if [ "$fault" = failure-as-success ]; then echo "done: $*"; exit 0; fi
    give_up "$*"
}

case $fault in
    bearer) authorization=(-H "Authorization: Bearer $POLLPROOF_API_KEY") ;;
    no-token | token-in-address) authorization=() ;;
    *) authorization=(-H "Authorization: Basic $POLLPROOF_API_KEY") ;;
esac

# One request: path, then what else curl is to be told. Its answer stands in $answer, with $http and $status; 1 when it
# came to nothing. Refusals end the client.
call() {
    local address=${POLLPROOF_BASE_URL%/}/$1 retry_after
    shift
    [ "$fault" != token-in-address ] || address="$address?token=$POLLPROOF_API_KEY"
    : >"$answer"
    if ! http=$(curl -sS "$address" "${authorization[@]}" "$@" -o "$answer" -D "$folder/headers" -w '%{http_code}' \
        --max-time 30 --max-filesize 4000000 2>"$folder/error"); then
        came_to_nothing reset 0 "$(<"$folder/error")"
        return 1
    fi
    retry_after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\)[^0-9]*$/\1/p' "$folder/headers")
    case $http in
        408 | 425 | 429) came_to_nothing busy "${retry_after:-0}" "HTTP $http"; return 1 ;;
        5??) came_to_nothing 5xx "${retry_after:-0}" "HTTP $http"; return 1 ;;
        4??)
            [ "$fault" != loses-http-errors ] || give_up "HTTP $http"
            refused "HTTP $http: $(jq -r '.message? // "no message"' "$answer" 2>/dev/null || echo 'no message')" ;;
        204) echo null >"$answer" ;;
    esac
    if ! status=$(jq -ers 'if length == 1 then .[0].status? // "none" else error end' "$answer" 2>/dev/null); then
        came_to_nothing broken 0 "HTTP $http without a readable answer"
        return 1
    fi
    failures=0
}

# kind, seconds asked for, why: waits, longer each time, or as long as was asked for.
came_to_nothing() {
    failures=$((failures + 1))
    if [ $failures -gt $retries ] && [ "$fault" != "endless-$1" ]; then
        give_up "$failures requests came to nothing: $3"
    fi
    local pause=$((wait << (failures > 4 ? 4 : failures - 1)))
    [ "$2" -le $pause ] || pause=$2
    [ "$pause" -le 3600 ] || give_up "asked to wait for $pause s"
    [ "$fault" = hot-on-error ] || sleep "$pause"
}

post() { call "$1" -X POST -H 'Content-Type: application/json' --data-binary "$2"; }

there() { jq -e '.results? | type == "array" and any(.[]; .content?)' "$answer" >/dev/null 2>&1; }

wait_for() { # id
    local polls
    status=pending
    for ((polls = 0; polls < polls_most; polls++)); do
        case $fault/$((failures > 0))/$status in
            hot/* | hot-on-unknown/?/[!p]* | hot-on-error/1/*) ;;
            milliseconds/*) sleep 0.003 ;;
            *) sleep $wait ;;
        esac
        call "task/$1" || continue
        case $fault/$status in
            */done | faulted-as-done/faulted) return ;;
            polls-on-after-faulted/faulted) ;;
            */faulted) refused 'the task is faulted' ;;
            */pending) ;;
            unknown-as-success/*) return ;;
        esac
    done
    [ "$fault" = giving-up-as-success ] || give_up "not done after $polls_most polls"
}

fetch() { # id
    local empty=0
    while :; do
        if call "task/$1/results"; then
            there && return
            case $fault in done-without-results | giving-up-as-success | faulted-as-done | unknown-as-success) return ;; esac
            empty=$((empty + 1))
            [ $empty -le $retries ] || give_up 'the task is done, and there are no results'
            sleep $wait
        fi
    done
}

show() { # id
    local id=$1 text
    case $fault in
        another-id) id=${id%?}$(((${id: -1} + 1) % 10)) ;;
        id-rounded) id=$(jq -n "$id") ;;
    esac
    case $fault in
        empty-as-success | empty-as-failure)
            sleep $wait
            call "task/$id/results"
            if [ "$http" = 204 ] && [ "$fault" = empty-as-failure ]; then give_up 'HTTP 204: no results'; fi ;;
        *)
            wait_for "$id"
            fetch "$id" ;;
    esac
    text=$(jq -c '.results?' "$answer")
    [ "$fault" != reads-again ] || call "task/$id"
    [ "$fault" != wrong-results ] || text=${text:0:20}
    [ "$fault" != empty-results ] || text='[]'
    printf '%s\n' "$text"
}

kind=$(jq -r '[(.url | arrays | "url"), (.query | arrays | "query")][0] // empty' <<<"$POLLPROOF_TASK")
ids=()
if [ -n "$kind" ]; then
    entries=$(jq ".$kind | length" <<<"$POLLPROOF_TASK")
    for ((first = 0; first < entries; first += batch_size)); do
        if [ $first -gt 0 ] && [ "$fault" != hasty-batches ]; then sleep 1; fi
        body=$(jq -c ".$kind |= .[$first:$((first + batch_size))]" <<<"$POLLPROOF_TASK")
        [ "$fault" != urls-and-queries ] || body=$(jq -c '{url: ["https://example.com/"], query: ["one more"]} + .' <<<"$body")
        until post task/batch "$body"; do :; done
        mapfile -t -O ${#ids[@]} ids < <(jq -r '(.queries? // .)[].id' "$answer")
    done
else
    body=$POLLPROOF_TASK
    [ "$fault" != no-url ] || body=$(jq -c 'del(.url, .query)' <<<"$body")
    until post task "$body"; do :; done
    ids=("$(jq -r '.id? // empty' "$answer")")
    [ -n "${ids[0]}" ] || give_up 'queueing gave no id'
fi
for id in "${ids[@]}"; do show "$id"; done

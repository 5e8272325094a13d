#!/usr/bin/env bash
# A client of Billon's CNode, written with curl, jq and the usual tools for text: cnode.sh [--fault NAME].
#
# POLLPROOF_TASK is the body of the starting operation as JSON: {"startLogin": {...}}, or the parameters of startLogin.
# It prints what FINISHED_OK has to say and ends with 0, or says on stderr why there is nothing and ends with 1. Without
# a fault it keeps every rule of the page; each fault breaks one, at the place where the name of the fault stands.
set -u -o pipefail

fault=${2-}
wait=3
polls_most=120
retries=4 # requests in a row that may come to nothing

[ "$fault" != hot-on-error ] || retries=$polls_most

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
answer=$folder/answer
failures=0

give_up() { echo "no result: $*" >&2; exit 1; }

refused() { # the node said why
    if [ "$fault" = failure-as-success ]; then echo "done: $*"; exit 0; fi
    give_up "$*"
}

# The text of the element with this local name, whatever its prefix and attributes; entities are resolved.
element() {
    if [ "$fault" = matches-text ]; then
        sed -n "s/.*<$1>\(.*\)<\/$1>.*/\1/p" "$answer" | head -n 1
        return
    fi
    tr '\n' ' ' <"$answer" |
        sed -nE "s/.*<([A-Za-z0-9_.-]+:)?$1([[:space:]][^>]*)?>([^<]*)<\/([A-Za-z0-9_.-]+:)?$1[[:space:]]*>.*/\3/p" |
        sed -e 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#34;/"/g; s/&apos;/'"'"'/g; s/&amp;/\&/g' \
            -e 's/^[[:space:]]*//; s/[[:space:]]*$//'
}

has() { tr '\n' ' ' <"$answer" | grep -qE "<([A-Za-z0-9_.-]+:)?$1[[:space:]/>]"; }

# One operation with its parameters, as XML; 1 when it came to nothing. Refusals end the client.
call() {
    local http retry_after code text
    if ! http=$(curl -sS "$POLLPROOF_BASE_URL" -H 'Content-Type: text/xml; charset=utf-8' -H 'SOAPAction: ""' \
        -o "$answer" -D "$folder/headers" -w '%{http_code}' --max-time 30 --max-filesize 4000000 \
        --data-binary @- 2>"$folder/error" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns="ns1">
 <s:Body><ns:$1>$2</ns:$1></s:Body>
</s:Envelope>
XML
    ); then
        came_to_nothing reset 0 "$(<"$folder/error")"
        return 1
    fi
    [ "$fault" != matches-text ] || return 0
    if ! has Body || ! tr '\n' ' ' <"$answer" | grep -qE '</([A-Za-z0-9_.-]+:)?Envelope[[:space:]]*>[[:space:]]*$'; then
        retry_after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\)[^0-9]*$/\1/p' "$folder/headers")
        case $http in
            5??) came_to_nothing 5xx "${retry_after:-0}" "HTTP $http" ;;
            200 | 408 | 425 | 429) came_to_nothing broken "${retry_after:-0}" "HTTP $http without a readable answer" ;;
            *) give_up "HTTP $http" ;;
        esac
        return 1
    fi
    code=$(element requestStatus) text=$(element requestStatusDescription)
    if has Fault; then
        [ "$fault" != loses-faults ] || give_up 'a fault'
        code=$(element faultcode) text=$(element faultstring)
        case " $code $text " in *' ERR_TECHNICAL_PROBLEM '* | *' ERR_TIMEOUT '*) code=ERR_TIMEOUT ;; *) code="ERR_ Fault $code" ;; esac
    fi
    case $code in
        ERR_TECHNICAL_PROBLEM | ERR_TIMEOUT) came_to_nothing busy 0 "$code: $text"; return 1 ;;
        ERR_*)
            [ "$fault" != polls-on-after-fault ] || [ "$1" != getTaskStatus ] || return 1
            refused "${code#ERR_ }: $text" ;;
    esac
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

finish() {
    local text
    text=$(element additionalInfo)
    [ "$fault" != wrong-result ] || text=${text:0:${#text}/2}
    [ "$fault" != empty-result ] || text=
    printf '%s\n' "$text"
    exit 0
}

operation=$(jq -r 'to_entries[0] | if (.value | type) == "object" then .key else "startLogin" end' <<<"$POLLPROOF_TASK")
parameters=$(jq -c '(to_entries[0].value | objects) // .' <<<"$POLLPROOF_TASK")
prefix=
[ "$fault" != qualified-parameters ] || prefix=ns:
fields=$(jq -r --arg p "$prefix" \
    'to_entries[] | "<\($p)\(.key)>\(.value | tostring | @html)</\($p)\(.key)>"' <<<"$parameters")
until call "$operation" "$fields"; do :; done
id=$(element taskId)
[ -n "$id" ] || give_up "$operation gave no taskId"

[ "$fault" != another-id ] || id=$(tr '[:upper:]' '[:lower:]' <<<"$id")
callback=false
[ "$fault" != bad-callback ] || callback=no
asked="<${prefix}taskId>$id</${prefix}taskId><${prefix}callback>$callback</${prefix}callback>"
[ "$fault" != no-task-id ] || asked="<callback>$callback</callback>"
status=
for ((polls = 0; polls < polls_most; polls++)); do
    case $fault/$((failures > 0))/$status in
        hot/?/?* | hot-on-error/1/*) ;;
        hot-on-unknown/?/ | hot-on-unknown/?/PREP* | hot-on-unknown/?/[SWT]*) sleep $wait ;;
        hot-on-unknown/*) ;;
        milliseconds/?/?*) sleep 0.003 ;;
        *) sleep $wait ;;
    esac
    call getTaskStatus "$asked" || continue
    status=$(element status)
    [ "$fault" != matches-text ] || ! grep -q FINISHED_OK "$answer" || status=FINISHED_OK
    case $fault/$status in
        error-as-success/FINISHED_* | substring/*FINISHED* | unknown-as-success/SERIES_FINISHED) finish ;;
        */FINISHED_OK)
            if [ "$fault" = polls-after-final ]; then
                cp "$answer" "$folder/final"
                sleep $wait
                call getTaskStatus "$asked"
                mv "$folder/final" "$answer"
            fi
            finish ;;
        failure-as-pending/*) ;;
        */FINISHED_*) refused "$status: $(element additionalInfo)" ;;
    esac
done
if [ "$fault" = giving-up-as-success ]; then echo '{}'; exit 0; fi
give_up "not finished after $polls_most polls"

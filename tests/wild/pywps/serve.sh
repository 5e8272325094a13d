#!/bin/sh
# usage: serve.sh BIN PORT: PyWPS with one process, under Flask as its demonstration is.
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
"$1/python" "$(dirname "$0")/serve.py" "$2" "$state" >/dev/null 2>&1

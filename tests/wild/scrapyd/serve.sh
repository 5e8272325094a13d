#!/bin/sh
# usage: serve.sh BIN PORT: Scrapyd, with one project by a scrapy.cfg and a light runner, as its options have it.
set -e
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
cp "$(dirname "$0")/runner.py" "$state/"
cd "$state"
printf '[settings]\ndefault = runner\n[scrapyd]\nhttp_port = %s\nrunner = runner\nmax_proc = 64\nfinished_to_keep = 1000\n' "$2" >scrapy.cfg
export PATH="$1:$PATH" PYTHONPATH="$state"
"$1/scrapyd" >/dev/null 2>&1

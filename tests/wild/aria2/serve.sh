#!/bin/sh
# usage: serve.sh BIN PORT: aria2 with its RPC interface, and a file to download from loopback; BIN is not used.
set -e
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/files/http:/files.example" "$state/downloads"  # how a proxy is asked for http://files.example/file
head -c 60000 /dev/zero >"$state/files/http:/files.example/file"
python3 -m http.server --bind 127.0.0.1 --directory "$state/files" "$(($2 + 1))" >/dev/null 2>&1 &
aria2c --enable-rpc --rpc-listen-port="$2" --dir="$state/downloads" --allow-overwrite=true --max-overall-download-limit=20K \
  --no-conf --all-proxy="http://127.0.0.1:$(($2 + 1))" --disable-ipv6 --file-allocation=none --allow-piece-length-change >/dev/null 2>&1

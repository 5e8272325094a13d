#!/bin/sh
# usage: serve.sh BIN PORT: LocalStack without Docker, in the folder of the temporary files.
set -e
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
export LOCALSTACK_VOLUME_DIR="$state/volume" XDG_CACHE_HOME="$state" SKIP_SSL_CERT_DOWNLOAD=1 DISABLE_EVENTS=1 DNS_ADDRESS=0
"$1/python" "$(dirname "$0")/serve.py" "$2" >/dev/null 2>&1

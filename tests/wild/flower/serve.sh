#!/bin/sh
# usage: serve.sh BIN PORT: Redis, a worker and Flower, all in one process group.
set -e
home=$(cd "$(dirname "$0")" && pwd)
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
export REDIS_SOCKET="$state/redis.sock" FLOWER_UNAUTHENTICATED_API=true
cd "$home"
redis-server --port 0 --unixsocket "$REDIS_SOCKET" --save '' --dir "$state" >/dev/null 2>&1 &
while [ ! -S "$REDIS_SOCKET" ]; do sleep 0.1; done
"$1/celery" -A app worker -c 2 --pool threads -l ERROR >/dev/null 2>&1 &
"$1/celery" -A app flower "--port=$2" --address=127.0.0.1 >/dev/null 2>&1

#!/bin/sh
# usage: serve.sh BIN PORT: moto's server for all AWS services that it mocks.
exec "$1/python" "$(dirname "$0")/serve.py" "$2" 2>/dev/null

#!/bin/sh
# usage: serve.sh BIN PORT: a server by the MCP SDK for Python.
exec "$1/python" "$(dirname "$0")/serve.py" "$2" 2>/dev/null

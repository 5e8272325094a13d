#!/bin/sh
# usage: serve.sh BIN PORT: an agent by the A2A SDK, which answers after two seconds of work.
exec "$1/python" "$(dirname "$0")/agent.py" "$2" 2>/dev/null

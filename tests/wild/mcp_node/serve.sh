#!/bin/sh
# usage: serve.sh FOLDER PORT: a server by the MCP SDK for TypeScript, which is installed in that folder.
WILD_NODE="$1" exec node "$(dirname "$0")/serve.mjs" "$2" 2>/dev/null

#!/bin/sh
# usage: serve.sh BIN PORT: pygeoapi with its example process, after two seconds of work, and a TinyDB job manager.
set -e
home=$(cd "$(dirname "$0")" && pwd)
JOBS=$(mktemp -d)
export PORT="$2" JOBS PYTHONPATH="$home" PYGEOAPI_CONFIG="$home/config.yml" PYGEOAPI_OPENAPI="$JOBS/openapi.yml"
trap 'rm -rf "$JOBS"' EXIT
"$1/pygeoapi" openapi generate "$PYGEOAPI_CONFIG" --output-file "$PYGEOAPI_OPENAPI" >/dev/null 2>&1
"$1/python" -c 'import os; from pygeoapi.flask_app import APP; APP.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)'

"""moto's server, whose Athena executions pass through their states in time: usage serve.py PORT."""

import sys

from moto.moto_api import state_manager
from moto.server import main

state_manager.set_transition("athena::execution", {"progression": "time", "seconds": 3})
main(["-H", "127.0.0.1", "-p", sys.argv[1]])

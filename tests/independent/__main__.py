"""Serve one of the mock services until told to stop.

    python -m tests.independent capsolver --port 0 --api-key YOUR_API_KEY
    python tests/independent capmonster --port 0 --api-key YOUR_API_KEY
    python -m tests.independent decodo --port 0 --api-key YOUR_API_KEY
    python -m tests.independent cnode --port 0

One line is printed when the service is listening: its base URL, which for cnode is the SOAP endpoint itself.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

if not __package__:  # started by the folder's path: make the folder a package
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    __package__ = "independent"

from . import capmonster_service, capsolver_service, cnode_service, decodo_service, faults, serving, variants, wire

SERVICES = {
    "capsolver": capsolver_service.create_application,
    "capmonster": capmonster_service.create_application,
    "cnode": cnode_service.create_application,
    "decodo": decodo_service.create_application,
}


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    description = "Serve a mock of CapSolver, CapMonster Cloud, Decodo or CNode."
    parser = argparse.ArgumentParser(prog="independent", description=description)
    parser.add_argument("service", choices=sorted(SERVICES))
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port (default)")
    parser.add_argument(
        "--api-key",
        default="YOUR_API_KEY",
        help="the only clientKey, or Basic token, that is accepted; cnode asks for none",
    )
    parser.add_argument("--fault", metavar="NAME", help="put a fault before the service (--list names them)")
    parser.add_argument("--variant", metavar="NAME", help="let it do something differently that is lawful")
    parser.add_argument("--list", action="store_true", help="list the faults and variants of the service, and stop")
    parser.add_argument(
        "--for", dest="duration", type=float, default=600.0, metavar="SECONDS", help="stop after this time"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the time."""
    options = parse_arguments(arguments)
    if options.list:
        for one in (*faults.FAULTS.values(), *variants.VARIANTS.values()):
            if options.service in one.services:
                print(f"{'fault' if one.name in faults.FAULTS else 'variant':8} {one.name:45} {one.text}")
        return 0
    application = SERVICES[options.service](options.api_key)
    if options.fault:
        chosen = faults.FAULTS[options.fault]
        application = wire.changed(options.service, application, chosen.make(), chosen.cut)
    if options.variant:
        application = wire.changed(options.service, application, variants.VARIANTS[options.variant].make())
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    with serving.serve(application, options.port, 0.5) as base_url:
        print(base_url, flush=True)
        stop.wait(options.duration)
    return 0


if __name__ == "__main__":
    sys.exit(main())

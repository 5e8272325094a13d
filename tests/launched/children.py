"""python children.py PORT [FAULT ...]: as threads.py; the last step of a task is half a second of work of a child."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer

from service import Service
from threads import Handler

WORK = "import time\nwhile time.process_time() < 0.5: pass"


def later(seconds: float, action: Callable[[], None]) -> None:
    def work() -> None:
        if action.__name__ == "finish":
            subprocess.run([sys.executable, "-c", WORK], check=True)
        action()

    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    Handler.service = Service(later, sys.argv[2:])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

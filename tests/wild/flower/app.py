"""A Celery application with one task; broker and result backend are a Redis server on a socket."""

import os
import time

from celery import Celery

ADDRESS = "redis+socket://" + os.environ["REDIS_SOCKET"]
app = Celery("app", broker=ADDRESS, backend=ADDRESS)
app.conf.task_track_started = True


@app.task(name="jobs.greet")
def greet(name: str) -> dict[str, str]:
    """Greet somebody, after two seconds of work."""
    time.sleep(2)
    return {"greeting": f"Hello {name}"}

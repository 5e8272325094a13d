"""Waits with different deadlines at once, and prints each as it ends: python deadlines.py KIND."""

import asyncio
import queue
import subprocess
import sys
import threading
import time

DEADLINES = [7.0, 2.0, 30.0, 3.5, 3.0, 11.0]


def say(started: float, deadline: float) -> None:
    print(f"{deadline} {time.monotonic() - started:.3f}", flush=True)


def sleep(started: float, deadline: float) -> None:
    time.sleep(deadline)
    say(started, deadline)


def wait_for_event(started: float, deadline: float) -> None:
    assert not threading.Event().wait(deadline)
    say(started, deadline)


def wait_for_queue(started: float, deadline: float) -> None:
    try:
        queue.Queue().get(timeout=deadline)
    except queue.Empty:
        say(started, deadline)


def wait_for_process(started: float, deadline: float) -> None:
    subprocess.run(["sleep", str(deadline)], check=True)
    say(started, deadline)


def in_threads(wait) -> None:
    started = time.monotonic()
    threads = [threading.Thread(target=wait, args=(started, deadline)) for deadline in DEADLINES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def in_tasks() -> None:
    started = time.monotonic()

    async def wait(deadline: float) -> None:
        await asyncio.sleep(deadline)
        say(started, deadline)

    await asyncio.gather(*map(wait, DEADLINES))


async def in_tasks_and_threads() -> None:
    started = time.monotonic()

    async def wait(number: int, deadline: float) -> None:
        if number % 2:
            await asyncio.sleep(deadline)
            say(started, deadline)
        else:
            await asyncio.to_thread(wait_for_event, started, deadline)

    await asyncio.gather(*(wait(number, deadline) for number, deadline in enumerate(DEADLINES)))


kind = sys.argv[1]
if kind.startswith("in_"):
    asyncio.run(globals()[kind]())
else:
    in_threads(globals()[kind])

"""Waits as its words say: WAY:SECONDS one after the other, `{ ... | ... }` at the same time, `<LANGUAGE ... >` in a
child, `get:PATH` a request. What takes less time than it should ends it with a sentence.
"""

import asyncio
import contextlib
import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request

URL = os.environ["WAITS_URL"]


def receive(seconds):
    one, other = socket.socketpair()
    one.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        one.recv(1)
    one.close()
    other.close()


def take(seconds):
    with contextlib.suppress(queue.Empty):
        queue.Queue().get(timeout=seconds)


def hand_over(seconds):
    """Half of the time another thread keeps it, and the rest is waited for by a time-out."""
    event = threading.Event()
    threading.Timer(seconds / 2, event.set).start()
    assert event.wait(seconds * 3 + 60)
    time.sleep(seconds / 2)


WAYS = {
    "sleep": time.sleep,
    "event": lambda seconds: threading.Event().wait(seconds),
    "select": lambda seconds: select.select([], [], [], seconds),
    "poll": lambda seconds: select.poll().poll(seconds * 1000 + 1),
    "epoll": lambda seconds: select.epoll().poll(seconds),
    "async": lambda seconds: asyncio.run(asyncio.sleep(seconds)),
    "queue": take,
    "receive": receive,
    "child": lambda seconds: subprocess.run(["sleep", f"{seconds:.3f}"], check=True),
    "timeout": lambda seconds: subprocess.run(["sleep", f"{seconds:.3f}"], check=True, timeout=seconds * 2 + 60),
    "hand": hand_over,
}


def run(words):
    while words and words[0] not in ("|", "}", ">"):
        word = words.pop(0)
        if word == "{":
            threads = []
            while True:
                part = []
                depth = 0
                while depth or words[0] not in ("|", "}"):
                    depth += (words[0] == "{") - (words[0] == "}")
                    part.append(words.pop(0))
                threads.append(threading.Thread(target=run, args=(part,)))
                if words.pop(0) == "}":
                    break
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        elif word.startswith("<"):
            part = []
            depth = 0
            while depth or words[0] != ">":
                depth += words[0].startswith("<") - (words[0] == ">")
                part.append(words.pop(0))
            words.pop(0)
            subprocess.run([*os.environ["WAITS_" + word[1:]].split(), *part], check=True)
        elif word.startswith("get:"):
            with urllib.request.urlopen(URL + word[4:], timeout=60) as response:
                response.read()
        else:
            way, _, seconds = word.partition(":")
            begun = time.monotonic()
            WAYS[way](float(seconds))
            if time.monotonic() - begun < float(seconds) - 0.002:
                print(f"{word} took {time.monotonic() - begun:.6f} s", file=sys.stderr)
                os._exit(3)


run(sys.argv[1:])

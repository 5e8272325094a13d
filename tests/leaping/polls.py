"""Polls so often, so many seconds apart: python polls.py LIBRARY URL COUNT SECONDS."""

import asyncio
import os
import sys
import threading
import time

moments: list[float] = []
"""When it polled, by its own clock, as far as that is noted."""


def poll_by_standard_library(url: str, count: int, seconds: float) -> None:
    import http.client
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    for number in range(count):
        if number and seconds:
            time.sleep(seconds)
        moments.append(time.monotonic())
        connection.request("GET", urlsplit(url).path)
        connection.getresponse().read()


def poll_by_event(url: str, count: int, seconds: float) -> None:
    import urllib.request

    for number in range(count):
        if number:
            threading.Event().wait(seconds)
        urllib.request.urlopen(url, timeout=5).read()


def poll_by_requests(url: str, count: int, seconds: float) -> None:
    import requests

    with requests.Session() as session:
        for number in range(count):
            if number and seconds:
                time.sleep(seconds)
            session.get(url, timeout=5).raise_for_status()


def poll_by_httpx(url: str, count: int, seconds: float) -> None:
    import httpx

    with httpx.Client(timeout=5) as client:
        for number in range(count):
            if number:
                time.sleep(seconds)
            client.get(url).raise_for_status()


async def poll_by_async_httpx(url: str, count: int, seconds: float) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=5) as client:
        for number in range(count):
            if number:
                await asyncio.sleep(seconds)
            (await client.get(url)).raise_for_status()


async def poll_by_aiohttp(url: str, count: int, seconds: float) -> None:
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        for number in range(count):
            if number:
                await asyncio.sleep(seconds)
            async with session.get(url) as answer:
                await answer.read()


def main() -> None:
    library, url, count, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    poll = globals()[f"poll_by_{library}"]
    result = poll(url, count, seconds)
    if result is not None:
        asyncio.run(result)
    if "POLLS_SPAN" in os.environ:
        print(moments[-1] - moments[0])


main()

"""python ticking.py PORT: wakes a hundred times a second, and keeps three timers that follow on one another.

Its response to any request is how many of them have fired.
"""

from __future__ import annotations

import asyncio
import sys


async def main(port: int) -> None:
    fired = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n%d" % fired)
        writer.close()

    async def chain() -> None:
        nonlocal fired
        for seconds in (1, 3600, 86_400):
            await asyncio.sleep(seconds)
            fired += 1

    await asyncio.start_server(answer, "127.0.0.1", port)
    following = asyncio.create_task(chain())
    while True:
        await asyncio.sleep(0.01)
        if following.done():
            following.result()


asyncio.run(main(int(sys.argv[1])))

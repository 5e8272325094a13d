"""Virtual time for a client in other processes, in any language: a clock that leaps over its waits.

The client is not changed. A library that the loader puts before libc adds an offset to every clock that the client
reads, and makes every wait with a deadline take part in one table, shared by all processes of the client and by the
provider in this one. When nothing of the client runs, and nothing that it has sent is unanswered, the wait that ends
first moves the offset to its end. So the waits of the client cost no time, their order and their lengths are what they
would be, and provider and client agree on the time to a fraction of a millisecond.

When the clock does not leap:

* while a thread of any process of the client is running or in line for a processor;
* while a connection that the client has made has sent something, or is being made, and nothing has been received
  since; while a name is looked up; for up to a second while a datagram is unanswered;
* while the provider holds the clock (`LeapClock.held`), which it does from the first byte of a request to the last byte
  of its response: the client cannot know that more is to come after the first;
* while the client has a living child process that has not loaded the library.

What obeys (tried): CPython 2.7 and 3.8 to 3.13 with every way to sleep, asyncio, threads, requests, httpx, aiohttp;
Node 20; bash, curl, wget, coreutils; Perl; Ruby 3.1; PHP 8.2; programs for musl; and Java 17, which wakes itself twenty
times a second, so that a wait of 3 seconds still takes some tenths of a real one.

What does not, and takes real time:

* Go, static programs, programs of another word size, set-user-id programs, and programs that are started with an
  emptied environment: `obeys` finds out, and `Leaps.obeyed` after any run. The parent of such a program waits for it in
  real time, which `Leaps.hindered` counts;
* waits by raw system calls other than futexes, System V semaphores with a time-out, and all that is done by io_uring;
* waits of more than ten years, which are taken for endless.

What to know besides. Over TLS and HTTP/2 a client receives what answers nothing, and sends what is never answered: only
a provider that holds the clock keeps it from leaping too early, and a connection may look unanswered without end. A
leap past the end of a certificate expires it. The times of files are the machine's.
"""

from __future__ import annotations

from pollproof.virtualtime.clock import Hold, LeapClock, Leaps, SupervisedClock, obeys
from pollproof.virtualtime.library import CannotLeap, supervision_unavailable, unavailable, why_not_preloaded

__all__ = [
    "CannotLeap",
    "Hold",
    "LeapClock",
    "Leaps",
    "SupervisedClock",
    "obeys",
    "supervision_unavailable",
    "unavailable",
    "why_not_preloaded",
]

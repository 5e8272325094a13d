"""Implementations that pollproof starts itself: any server, under a clock that moves only when the explorer moves it.

The server is not changed, and needs no hook. The library of the gate's clock (`pollproof.virtualtime`) is loaded into
its processes; but where a client leaps over its waits, here the clock is held all the time, and let go of for as
long as the explorer lets time pass. Then the waits of the server end in their order, each at its own time, what they
cause is done before the next one ends, and the clock never goes beyond the moment that the explorer has requested.
"""

"""Faults: what implementations get wrong, each in one place, put before a service that has none.

Each fault is a function from a call to a reply, with a memory of its own. `python -m tests.independent SERVICE --fault
NAME` serves one, `--list` lists them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..wire import Call, Change, Memory, Reply, Serve, Wire

ALL = ("capsolver", "capmonster", "decodo", "cnode")
JSON = ("capsolver", "capmonster", "decodo")
CAPTCHAS = ("capsolver", "capmonster")
DECODO = ("decodo",)
CNODE = ("cnode",)


@dataclass(frozen=True)
class Fault:
    """A fault by name: the kind it belongs to, the services that can have it, and what makes it.

    cut is called with the task of a connection that was cut.
    """

    name: str
    kind: str
    services: tuple[str, ...]
    text: str
    make: Callable[[], Change]
    cut: Callable[[Wire, Any], None] | None = None


FAULTS: dict[str, Fault] = {}
"""All faults by name."""


def fault(kind: str, services: tuple[str, ...] = ALL) -> Callable[[Callable[[], Change]], Callable[[], Change]]:
    """Register a function that makes a fault; its docstring says what is wrong."""

    def register(make: Callable[[], Change]) -> Callable[[], Change]:
        name = make.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, kind, services, (make.__doc__ or "").strip(), make)
        return make

    return register


def remembering(change: Callable[[Wire, Call, Serve, Memory], Reply]) -> Change:
    """A change that has a memory, in which the tasks that are created are numbered."""
    memory = Memory()

    def run(wire: Wire, call: Call, serve: Serve) -> Reply:
        reply = change(wire, call, serve, memory)
        if call.role == "create":
            memory.note(wire.identifier(reply))
        elif call.role == "batch":
            for entry in (reply.members or {}).get("queries", ()):
                memory.note(entry.get("id"))
        return reply

    return run


def failing(wire: Wire, call: Call, reply: Reply, memory: Memory, every: int = 4) -> Reply:
    """Let every so manieth task fail, which is lawful; the services themselves fail none of the suite's tasks."""
    number = memory.number(call.task)
    if number and number % every == 0 and call.role == "poll" and wire.is_success(reply):
        return wire.failed(reply, number)
    return reply

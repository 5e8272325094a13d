"""What shows when requests overlap, come in another order, with other ids, or are cut off; tasks without an end."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..serving import Answer, now
from ..wire import Call, Change, Memory, Reply, Serve, Wire
from .registry import CAPTCHAS, DECODO, FAULTS, fault, remembering

# ------------------------------------------------------------------------- concurrency


def _in_flight(key: Callable[[Call], Any], role: str, share: Callable[[Wire, Call, Serve, Reply], Reply]) -> Change:
    """What overlaps with a request of the same key is answered by what that one was."""
    lock = threading.Lock()
    running: dict[Any, list[Any]] = {}

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role != role:
            return serve(call)
        with lock:
            first = key(call) not in running
            if first:
                running[key(call)] = [threading.Event(), None]
            mine = running[key(call)]
        if not first:
            mine[0].wait(1.0)
            return share(wire, call, serve, mine[1]) if mine[1] is not None else serve(call)
        try:
            time.sleep(0.002)
            mine[1] = serve(call)
            return replace(mine[1], members=dict(mine[1].members) if mine[1].members is not None else None)
        finally:
            with lock:
                del running[key(call)]
            mine[0].set()

    return remembering(change)


@fault("concurrency", ("capsolver",))
def overlapping_polls_count_once() -> Change:
    """Polls of one task that overlap are answered together, and count as one."""
    return _in_flight(lambda call: call.task, "poll", lambda wire, call, serve, first: first)


@fault("concurrency", CAPTCHAS)
def overlapping_polls_count_thrice() -> Change:
    """A poll that overlaps with another of its task counts three times."""

    def share(wire: Wire, call: Call, serve: Serve, first: Reply) -> Reply:
        serve(call)
        serve(call)
        return serve(call)

    return _in_flight(lambda call: call.task, "poll", share)


@fault("concurrency")
def overlapping_creations_share_an_id() -> Change:
    """Two creations that overlap are answered with one id."""
    return _in_flight(lambda call: "creation", "create", lambda wire, call, serve, first: first)


@fault("concurrency", ("capsolver", "decodo", "cnode"))
def overlapping_polls_are_mixed_up() -> Change:
    """Polls of two tasks that overlap are answered with one of the two."""
    return _in_flight(lambda call: "poll", "poll", lambda wire, call, serve, first: first)


@fault("concurrency", DECODO)
def overlapping_results_are_mixed_up() -> Change:
    """Reads of two results that overlap are answered with one of the two."""
    return _in_flight(lambda call: "fetch", "fetch", lambda wire, call, serve, first: first)


@fault("concurrency", DECODO)
def overlapping_batches_are_all_accepted() -> Change:
    """Of batches that come at the same time none is refused."""

    def share(wire: Wire, call: Call, serve: Serve, first: Reply) -> Reply:
        wire.service.last_batch = -1e9
        return serve(call)

    return _in_flight(lambda call: "batch", "batch", share)


@fault("concurrency", ("capsolver",))
def polls_count_for_each_connection() -> Change:
    """The polls of a task are counted for each connection by itself."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        task = wire.service.tasks.get(call.task)
        if call.role == "poll" and task is not None:
            counted = memory.kept.setdefault(("polls", call.task), {})
            task.polls = counted.get(call.connection, 0)
            counted[call.connection] = task.polls + 1
        return serve(call)

    return remembering(change)


@fault("concurrency")
def connections_remember_what_they_saw() -> Change:
    """A connection that has found a task unfinished finds it so three times more, whatever others see."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        key = call.connection, call.task
        if call.role == "poll" and wire.is_working(reply):
            memory.kept[key] = 3
        elif call.role == "poll" and wire.is_success(reply) and memory.kept.get(key, 0) > 0:
            memory.kept[key] -= 1
            if memory.count("seen", call.task) > 1:
                return wire.unfinished(reply)
        return reply

    return remembering(change)


@fault("concurrency")
def connections_show_states_that_are_seconds_old() -> Change:
    """Each connection keeps the state of a task for eight seconds, whatever others have seen since."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role != "poll" or not (wire.is_working(reply) or wire.is_success(reply)):
            return reply
        moment, kept = memory.kept.get((call.connection, call.task), (-99.0, reply))
        if call.moment - moment < 8:
            return replace(kept, members=dict(kept.members or {}))
        memory.kept[call.connection, call.task] = call.moment, replace(reply, members=dict(reply.members or {}))
        return reply

    return remembering(change)


@fault("concurrency")
def fresh_connections_know_no_older_tasks() -> Change:
    """A connection knows the tasks that were created by it, and those that have ended."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role in ("create", "batch"):
            memory.kept["of", wire.identifier(reply)] = call.connection
        elif call.role == "poll" and memory.kept.get(("of", call.task), call.connection) != call.connection:
            return reply if wire.is_success(reply) else wire.unknown(call)
        return reply

    return remembering(change)


# ------------------------------------------------------------------------- ids


def _found(nearest: Callable[[Any, list[Any]], Any]) -> Change:
    """A task that is not there is looked for among those that are."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role in ("poll", "fetch") and call.task is not None and not memory.number(call.task):
            found = nearest(call.task, list(memory.numbers))
            if found is not None:
                return serve(wire.asking(call, found))
        return serve(call)

    return remembering(change)


def _first(found: Any) -> Any:
    return next(iter(found), None)


@fault("ids", ("capsolver", "cnode"))
def ids_are_compared_by_their_beginning() -> Change:
    """An id that was cut finds its task."""
    return _found(lambda task, known: _first(one for one in known if len(task) > 12 and one.startswith(task)))


@fault("ids", ("capsolver", "decodo", "cnode"))
def tails_of_ids_are_ignored() -> Change:
    """An id with a tail finds its task."""
    return _found(lambda task, known: _first(one for one in known if task.startswith(one)))


@fault("ids", ("capsolver", "cnode"))
def ids_have_no_case() -> Change:
    """An id in another case finds its task."""
    return _found(lambda task, known: _first(one for one in known if one.lower() == task.lower()))


@fault("ids", ("capsolver",))
def blanks_around_ids_are_ignored() -> Change:
    """An id with blanks around it finds its task."""
    return _found(lambda task, known: _first(one for one in known if one == task.strip()))


@fault("ids", ("capmonster",))
def text_with_digits_is_an_id() -> Change:
    """A text that begins with the digits of an id finds its task."""
    return _found(lambda task, known: _first(one for one in known if str(task).startswith(str(one)) and task != one))


@fault("ids", ("capmonster", "decodo"))
def sign_of_ids_is_ignored() -> Change:
    """The negative of an id finds its task."""
    return _found(lambda task, known: _first(one for one in known if str(task).removeprefix("-") == str(one)))


# ------------------------------------------------------------------------- order


@fault("order", DECODO)
def early_reads_spoil_the_result() -> Change:
    """A task whose results were read before they were there has none for ever."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "fetch" and memory.number(call.task):
            if not wire.has_result(reply):
                memory.kept["early", call.task] = True
            elif ("early", call.task) in memory.kept:
                members: dict[str, Any] = {"results": []}
                return Reply(Answer(200, members), members)
        return reply

    return remembering(change)


@fault("order", DECODO)
def results_are_read_once() -> Change:
    """Results are handed out twice, and gone then."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "fetch" and wire.has_result(reply) and memory.count(call.task) > 2:
            return wire.unknown(call)
        return reply

    return remembering(change)


@fault("order", DECODO)
def refused_requests_are_called_back() -> Change:
    """A batch that is refused is worked on all the same, and its callbacks come."""
    from .. import decodo_service
    from ..callbacks import Outbox, send_later

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        address = call.body.get("callback_url")
        if call.role == "batch" and reply.members and "queries" not in reply.members and isinstance(address, str):
            outbox = memory.kept.get("outbox")
            if outbox is None:
                outbox = memory.kept["outbox"] = Outbox(wire.clock)
                threading.Thread(target=lambda: _deliver(outbox), daemon=True).start()
            moment = now(wire.clock)
            task = decodo_service.Task("7400000000000009999", {"url": "https://example.com/"}, moment, moment, False)
            send_later(outbox, now(wire.clock) + 1.0, address, decodo_service.callback_object(wire.service, task))
        return reply

    return remembering(change)


def _deliver(outbox: Any) -> None:
    from ..callbacks import sending

    with sending(outbox):
        time.sleep(60.0)


# ------------------------------------------------------------------------- faults on the wire, liveness


def _cut_memory() -> tuple[set[Any], Callable[[Wire, Any], None]]:
    cut: set[Any] = set()
    return cut, lambda wire, task: cut.add(task)


@fault("wire")
def cut_polls_lose_their_task() -> Change:
    """A task whose poll was cut off before its response was read is unknown from then on."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        return wire.unknown(call) if call.task in _CUT and call.role in ("poll", "fetch") else serve(call)

    return remembering(change)


@fault("wire")
def cut_polls_stop_their_task() -> Change:
    """A task whose poll was cut off while it was worked on never ends."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and call.task in _CUT and wire.is_success(reply):
            return wire.unfinished(reply)
        if call.role == "fetch" and call.task in _CUT and wire.has_result(reply):
            members: dict[str, Any] = {"results": []}
            return Reply(Answer(200, members), members)
        return reply

    return remembering(change)


_CUT: set[Any] = set()
for _name in ("cut-polls-lose-their-task", "cut-polls-stop-their-task"):
    FAULTS[_name] = replace(FAULTS[_name], cut=lambda wire, task: _CUT.add(task))


@fault("liveness")
def no_task_ends() -> Change:
    """No task has an end."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and wire.is_success(reply):
            return wire.unfinished(reply)
        if call.role == "fetch" and wire.has_result(reply):
            members: dict[str, Any] = {"results": []}
            return Reply(Answer(200, members), members)
        return reply

    return remembering(change)


@fault("liveness")
def every_third_task_has_no_end() -> Change:
    """Every third task is worked on for ever."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        stuck = memory.number(call.task) % 3 == 0 and memory.number(call.task) > 0
        if call.role == "poll" and stuck and wire.is_success(reply):
            return wire.unfinished(reply)
        if call.role == "fetch" and stuck and wire.has_result(reply):
            members: dict[str, Any] = {"results": []}
            return Reply(Answer(200, members), members)
        return reply

    return remembering(change)

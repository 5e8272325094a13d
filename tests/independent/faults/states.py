"""What tasks do over time: busy for ever, final responses that change, forgotten ids, fields that change."""

import json
from collections.abc import Callable
from typing import Any

from ..serving import Answer
from ..wire import Call, Change, Memory, Reply, Serve, Wire
from .registry import CAPTCHAS, CNODE, DECODO, failing, fault, remembering

# ------------------------------------------------------------------------- busy for ever


@fault("busy", CAPTCHAS)
def busy_after_poll_100() -> Change:
    """A task that was polled a hundred times is answered that the service is busy."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "poll" and memory.number(call.task) and memory.count(call.task) > 100:
            return wire.busy(call)
        return serve(call)

    return remembering(change)


@fault("busy")
def busy_about_every_third_task() -> Change:
    """Polls of every third task are answered that the service is busy, for ever."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        number = memory.number(call.task)
        if call.role == "poll" and number and number % 3 == 0:
            return wire.busy(call)
        return serve(call)

    return remembering(change)


@fault("busy")
def busy_creations() -> Change:
    """After the tenth task every creation is answered that the service is busy."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "create" and len(memory.numbers) >= 10:
            return wire.busy(call)
        return serve(call)

    return remembering(change)


@fault("busy")
def busy_once_ready() -> Change:
    """Once a task has succeeded, and was read once, its polls are answered that the service is busy."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and wire.is_success(reply) and memory.count(call.task) > 1:
            return wire.busy(call)
        return reply

    return remembering(change)


@fault("busy", DECODO)
def busy_results() -> Change:
    """Every second task's results are answered that the service is busy."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "fetch" and memory.number(call.task) % 2:
            return wire.busy(call)
        return serve(call)

    return remembering(change)


# ------------------------------------------------------------------------- final by value


@fault("final", CAPTCHAS + CNODE)
def failure_changes() -> Change:
    """A task that has failed in one way has failed in another when it is read again."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        number = memory.number(call.task)
        if call.role == "poll" and number and number % 4 == 0 and wire.is_success(reply):
            return wire.failed(reply, memory.count(call.task))
        return reply

    return remembering(change)


@fault("final", CNODE)
def information_of_a_failure_changes() -> Change:
    """The further information of a task that has failed is another at each read."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = failing(wire, call, serve(call), memory)
        if reply.members and str(reply.members.get("status", "")).startswith("FINISHED_ERR"):
            reply.members["additionalInfo"] = json.dumps({"attempt": memory.count(call.task)})
        return reply

    return remembering(change)


@fault("final")
def failed_task_succeeds_later() -> Change:
    """A task that has failed has succeeded when it is read a minute later."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        number = memory.number(call.task)
        if call.role == "poll" and number and number % 4 == 0 and wire.is_success(reply):
            since = memory.kept.setdefault(("since", call.task), call.moment)
            return reply if call.moment - since > 60 else wire.failed(reply, 1)
        return reply

    return remembering(change)


@fault("final", ("capsolver",))
def lost_task_returns_after_a_minute() -> Change:
    """A task that was polled too often is lost, and served again when it was left alone for a minute."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role != "poll" or not memory.number(call.task):
            return serve(call)
        before = memory.kept.get(("last", call.task), call.moment)
        memory.kept["last", call.task] = call.moment
        reply = serve(call)
        if wire.is_success(reply):
            memory.kept["reply", call.task] = reply
        elif call.moment - before > 60 and ("reply", call.task) in memory.kept:
            return memory.kept["reply", call.task]  # type: ignore[no-any-return]
        return reply

    return remembering(change)


@fault("final")
def result_changes_after_thirty_reads() -> Change:
    """The thirtieth read of a result gives another one."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if wire.has_result(reply) and memory.count(call.role, call.task) > 30:
            wire.set_result(reply, f"another-result-of-{call.task}")
        return reply

    return remembering(change)


@fault("own-result", CAPTCHAS)
def every_third_task_has_the_result_before() -> Change:
    """Every third task has the result of the task that was created before it."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        number = memory.number(call.task)
        if number and wire.has_result(reply):
            wire.set_result(reply, f"the-long-result-of-task-{number - (number % 3 == 0)}")
        return reply

    return remembering(change)


@fault("order", DECODO)
def results_need_a_poll() -> Change:
    """The results of a task are there once its status was polled, and not before."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and wire.is_success(reply):
            memory.kept["polled", call.task] = True
        if call.role == "fetch" and wire.has_result(reply) and ("polled", call.task) not in memory.kept:
            members: dict[str, Any] = {"results": []}
            return Reply(Answer(200, members), members)
        return reply

    return remembering(change)


@fault("parameters", DECODO)
def plus_in_a_parameter_becomes_a_blank() -> Change:
    """A plus sign in a text that was sent comes back as a blank."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        geo = (reply.members or {}).get("geo")
        if reply.members is not None and isinstance(geo, str):
            reply.members["geo"] = geo.replace("+", " ")
        return reply

    return remembering(change)


@fault("final")
def ready_task_is_working_again_once() -> Change:
    """The fifth read of a task that has succeeded finds it in work."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and wire.is_success(reply) and memory.count(call.task) == 5:
            return wire.unfinished(reply)
        return reply

    return remembering(change)


# ------------------------------------------------------------------------- own ids


@fault("own-id")
def every_fourth_id_is_unknown() -> Change:
    """Every fourth task is unknown from its first poll on."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        number = memory.number(call.task)
        return wire.unknown(call) if number and number % 4 == 0 else serve(call)

    return remembering(change)


@fault("own-id")
def forgets_unfinished_tasks() -> Change:
    """A task that was found unfinished twice is unknown from then on."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if memory.kept.get(("gone", call.task)):
            return wire.unknown(call)
        reply = serve(call)
        if call.role == "poll" and wire.is_working(reply) and memory.count(call.task) == 2:
            memory.kept["gone", call.task] = True
        return reply

    return remembering(change)


@fault("own-id", ("capsolver", "decodo", "cnode"))
def own_id_is_invalid() -> Change:
    """Every fifth id that a creation gave is refused as invalid."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        number = memory.number(call.task)
        return wire.invalid(call) if number and number % 5 == 0 else serve(call)

    return remembering(change)


@fault("own-id", CNODE)
def forgets_finished_tasks_with_another_code() -> Change:
    """A finished task is forgotten after ten reads, and refused as invalid from then on."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and wire.is_success(reply) and memory.count(call.task) > 10:
            return wire.invalid(call)
        return reply

    return remembering(change)


# ------------------------------------------------------------------------- constant, present, levels


def _member(name: str, value: Callable[[Any, int], Any], when: Callable[[Wire, Reply], bool]) -> Change:
    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if reply.members is not None and call.role == "poll" and when(wire, reply):
            reply.members[name] = value(reply.members.get(name), memory.count(call.task))
        return reply

    return remembering(change)


@fault("constant", CNODE)
def type_changes() -> Change:
    """The type of a task is another once it has ended."""
    return _member("type", lambda value, count: "SEND_MONEY", lambda wire, reply: wire.is_success(reply))


@fault("constant", DECODO)
def creation_time_is_that_of_the_answer() -> Change:
    """created_at moves along with the time of a task's last change."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and reply.members and "updated_at" in reply.members:
            reply.members["created_at"] = reply.members["updated_at"]
        return reply

    return remembering(change)


@fault("present", DECODO)
def status_without_parameters() -> Change:
    """The response to a poll has the state and the times of a task, and nothing of what was requested."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and reply.members:
            names = ("id", "status", "created_at", "updated_at")
            reply.members = {name: reply.members[name] for name in names if name in reply.members}
        return reply

    return remembering(change)


@fault("level", CNODE)
def status_in_lower_case() -> Change:
    """The status of a finished task is written in lower case."""
    return _member("status", lambda value, count: str(value).lower(), lambda wire, reply: wire.is_success(reply))


@fault("level", CNODE)
def status_that_is_not_listed() -> Change:
    """A task that is worked on is PROCESSING, which the page does not list."""
    return _member("status", lambda value, count: "PROCESSING", lambda wire, reply: wire.is_working(reply))


@fault("level", ("capmonster",))
def error_code_is_the_word_null() -> Change:
    """errorCode of a response without error is the text null."""
    return _member("errorCode", lambda value, count: "null", lambda wire, reply: wire.is_working(reply))

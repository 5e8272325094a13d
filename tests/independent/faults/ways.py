"""What is wrong with some tasks alone: those of a batch, with a callback, an option, or over another connection."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from ..serving import Answer
from ..wire import Call, Change, Memory, Reply, Serve, Wire
from .registry import CAPTCHAS, CNODE, DECODO, JSON, fault, remembering

DAY_AND_NIGHT = 23 * 3600.0

MISSPELT = {"processing": "procesing", "ready": "Ready", "pending": "Pending", "done": "Done"}


def _marked(mark: Callable[[Call], bool], spoil: Callable[[Wire, Call, Serve, float], Reply]) -> Change:
    """Tasks whose creation has a mark are spoiled, by their age."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        born = memory.kept.setdefault("born", {})
        if call.role in ("poll", "fetch") and call.task in born:
            return spoil(wire, call, serve, call.moment - born[call.task])
        reply = serve(call)
        if call.role in ("create", "batch") and mark(call):
            entries = (reply.members or {}).get("queries", ()) if call.role == "batch" else ()
            for task in [entry.get("id") for entry in entries] or [wire.identifier(reply)]:
                born[task] = call.moment
        return reply

    return remembering(change)


def _goes(wire: Wire, call: Call, serve: Serve, age: float) -> Reply:
    return wire.unknown(call) if call.role == "fetch" and age > DAY_AND_NIGHT else serve(call)


@fault("ways", DECODO)
def results_with_a_callback_go_after_23_hours() -> Change:
    """Results of tasks with a callback_url are gone after 23 hours."""
    return _marked(lambda call: call.role == "create" and "callback_url" in call.body, _goes)


@fault("ways", DECODO)
def results_of_batches_go_after_23_hours() -> Change:
    """Results of the tasks of a batch are gone after 23 hours."""
    return _marked(lambda call: call.role == "batch", _goes)


@fault("ways", DECODO)
def results_with_an_option_go_after_23_hours() -> Change:
    """Results of tasks for another country are gone after 23 hours."""
    return _marked(lambda call: bool(call.body.get("geo")), _goes)


@fault("ways", CAPTCHAS)
def statuses_with_a_callback_are_misspelt() -> Change:
    """The statuses of tasks with a callbackUrl are written in another way."""

    def misspell(wire: Wire, call: Call, serve: Serve, age: float) -> Reply:
        reply = serve(call)
        if reply.members and reply.members.get("status") in MISSPELT:
            reply.members["status"] = MISSPELT[reply.members["status"]]
        return reply

    return _marked(lambda call: "callbackUrl" in call.body, misspell)


@fault("ways", DECODO)
def members_of_a_batch_have_one_content() -> Change:
    """All tasks of batches show the content of the first one, each under its own id."""
    first: dict[str, str] = {}

    def share(wire: Wire, call: Call, serve: Serve, age: float) -> Reply:
        reply = serve(call)
        if call.role == "fetch" and wire.has_result(reply) and reply.members:
            wire.set_result(reply, first.setdefault("content", reply.members["results"][0]["content"]))
        return reply

    return _marked(lambda call: call.role == "batch", share)


@fault("ways", DECODO)
def batches_with_a_callback_have_a_rate_of_their_own() -> Change:
    """Batches with a callback_url are limited by themselves, beside those without."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role != "batch":
            return serve(call)
        kept = memory.kept.setdefault("rates", {})
        key = "callback_url" in call.body
        wire.service.last_batch = kept.get(key, -1e9)
        reply = serve(call)
        kept[key] = wire.service.last_batch
        return reply

    return remembering(change)


@fault("ways", CNODE)
def young_tasks_are_known_to_their_connection_alone() -> Change:
    """A task older than 20 seconds is known to the connection that created it, and to no other."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        born = memory.kept.setdefault("born", {})
        if call.role == "poll" and call.task in born:
            connection, moment = born[call.task]
            if connection != call.connection and call.moment - moment > 20:
                return wire.unknown(call)
        reply = serve(call)
        if call.role == "create":
            born[wire.identifier(reply)] = call.connection, call.moment
        return reply

    return remembering(change)


@fault("ways")
def unknown_tasks_are_busy() -> Change:
    """Whoever polls a task that does not exist is told that the service is busy, for ever."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        asks = call.role in ("poll", "fetch") and bool(call.task)
        return wire.busy(call) if asks and not memory.number(call.task) else serve(call)

    return remembering(change)


@fault("ways", JSON)
def every_third_task_is_overloaded() -> Change:
    """Polls of every third task are answered by a gateway's page, for ever."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        number = memory.number(call.task)
        if call.role == "poll" and number and number % 3 == 0:
            return Reply(Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"message": "overloaded"}), None)
        return serve(call)

    return remembering(change)


@fault("ways", CNODE)
def states_come_with_http_500() -> Change:
    """The state of every third task comes with HTTP 500."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply, number = serve(call), memory.number(call.task)
        if call.role == "poll" and number and number % 3 == 0 and wire.is_success(reply):
            return Reply(replace(reply.answer, http_status=HTTPStatus.INTERNAL_SERVER_ERROR), None)
        return reply

    return remembering(change)


@fault("ways")
def old_tasks_make_room_for_new_ones() -> Change:
    """No more than 25 tasks are kept: the oldest are forgotten, however young."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        number = memory.number(call.task)
        if call.role in ("poll", "fetch") and 0 < number <= len(memory.numbers) - 25:
            return wire.unknown(call)
        return serve(call)

    return remembering(change)


@fault("ways", ("capsolver",))
def a_pause_gives_polls_back() -> Change:
    """The polls of a task are counted from zero once it was left alone for 20 seconds."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        task = wire.service.tasks.get(call.task)
        if call.role == "poll" and task is not None:
            if call.moment - memory.kept.get(("polled", call.task), call.moment) > 20:
                task.polls = 0
            memory.kept["polled", call.task] = call.moment
        return serve(call)

    return remembering(change)


@fault("ways", CNODE)
def finished_tasks_work_again_for_a_while() -> Change:
    """A finished task is at work again from 100 to 140 seconds after its creation."""

    def work(wire: Wire, call: Call, serve: Serve, age: float) -> Reply:
        reply = serve(call)
        return wire.unfinished(reply) if wire.is_success(reply) and 100 < age < 140 else reply

    return _marked(lambda call: True, work)

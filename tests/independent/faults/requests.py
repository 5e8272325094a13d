"""What is made of requests: parameters that change on the way, and batches."""

import unicodedata
from collections.abc import Callable
from typing import Any

from ..wire import Call, Change, Memory, Reply, Serve, Wire
from .registry import CNODE, DECODO, fault, remembering

# ------------------------------------------------------------------------- requests


def _asked(edit: Callable[[Any], Any], roles: tuple[str, ...] = ("create",)) -> Change:
    """What is requested is kept in another form than it was sent."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role in roles and call.body:
            call = wire.with_body(call, edit(call.body))
        return serve(call)

    return remembering(change)


def _texts(edit: Callable[[str], str]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: item if name in ("callback_url", "target") else apply(item) for name, item in value.items()}
        return edit(value) if isinstance(value, str) and value else value

    return apply


@fault("requests", DECODO)
def plus_becomes_a_space() -> Change:
    """A plus sign in a parameter is decoded as if it stood in a form."""
    return _asked(_texts(lambda text: text.replace("+", " ")))


@fault("requests", DECODO)
def percent_is_decoded() -> Change:
    """%20 in a parameter becomes a space."""
    return _asked(_texts(lambda text: text.replace("%20", " ")))


@fault("requests", DECODO)
def spaces_are_trimmed() -> Change:
    """Spaces at the ends of a parameter are dropped."""
    return _asked(_texts(lambda text: text.strip() or text))


@fault("requests", DECODO)
def text_is_normalized() -> Change:
    """What is not ASCII is normalized (NFC)."""
    return _asked(_texts(lambda text: unicodedata.normalize("NFC", text)))


@fault("requests", DECODO)
def text_is_cut_at_255() -> Change:
    """A parameter is cut after 255 characters."""
    return _asked(_texts(lambda text: text[:255]))


@fault("requests", DECODO)
def text_loses_its_case() -> Change:
    """Parameters are kept in lower case."""
    return _asked(_texts(str.lower))


@fault("requests", DECODO)
def newlines_become_spaces() -> Change:
    """A newline in a parameter becomes a space."""
    return _asked(_texts(lambda text: " ".join(text.split("\n"))))


@fault("requests", DECODO)
def false_becomes_null() -> Change:
    """A parameter that is false comes back as null."""
    return _asked(lambda body: {name: None if value is False else value for name, value in body.items()})


def _shown(edit: Callable[[dict[str, Any]], None], roles: tuple[str, ...] = ("create", "poll")) -> Change:
    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role in roles and reply.members and "id" in reply.members:
            edit(reply.members)
        return reply

    return remembering(change)


@fault("requests", DECODO)
def page_is_always_the_first() -> Change:
    """page_from of a response is 1, whatever was requested."""
    return _shown(lambda members: members.update(page_from=1))


@fault("requests", DECODO)
def limit_is_always_ten() -> Change:
    """limit of a response is 10, whatever was requested."""
    return _shown(lambda members: members.update(limit=10), ("poll",))


@fault("requests", DECODO)
def country_becomes_null() -> Change:
    """geo of a response is null, whatever was requested."""
    return _shown(lambda members: members.update(geo=None))


@fault("requests", DECODO)
def locale_is_shortened() -> Change:
    """Of a locale the language alone comes back."""
    return _shown(lambda members: members.update(locale=str(members.get("locale") or "de")[:2]))


@fault("requests", CNODE)
def needs_the_optional_id() -> Change:
    """A poll without uniqueTransferId is refused."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "poll" and b"<uniqueTransferId>" not in call.request.raw:
            return wire.invalid(call)
        return serve(call)

    return remembering(change)


@fault("requests", CNODE)
def refuses_a_callback() -> Change:
    """A poll that asks for messages is refused."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "poll" and b"<callback>true<" in call.request.raw:
            return wire.invalid(call)
        return serve(call)

    return remembering(change)


@fault("requests", CNODE)
def knows_one_prefix() -> Change:
    """A poll whose namespace has another prefix than that of the sample is refused."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "poll" and b"<ns:getTaskStatus" not in call.request.raw:
            return wire.invalid(call)
        return serve(call)

    return remembering(change)


@fault("requests", CNODE)
def needs_the_order_of_the_sample() -> Change:
    """A poll whose fields stand in another order is refused."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        raw = call.request.raw
        if call.role == "poll" and b"<callback>" in raw and raw.index(b"<callback>") < raw.find(b"<taskId>"):
            return wire.invalid(call)
        return serve(call)

    return remembering(change)


def _passing(edit: Callable[[Any], Any]) -> Change:
    def apply(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "passthrough": edit(body["passthrough"])} if "passthrough" in body else body

    return _asked(apply, ("create", "batch"))


@fault("requests", DECODO)
def passthrough_digits_become_a_number() -> Change:
    """passthrough "007" comes back as the number 7."""
    return _passing(lambda value: int(value) if isinstance(value, str) and value.isdigit() else value)


@fault("requests", DECODO)
def passthrough_true_becomes_a_boolean() -> Change:
    """passthrough "true" comes back as a boolean."""
    return _passing(lambda value: True if value == "true" else value)


@fault("requests", DECODO)
def empty_passthrough_becomes_null() -> Change:
    """An empty passthrough comes back as null."""
    return _passing(lambda value: value or None)


@fault("requests", DECODO)
def callback_loses_its_query() -> Change:
    """The query of a callback's address is dropped."""

    def edit(body: Any) -> Any:
        url = body.get("callback_url")
        return {**body, "callback_url": url.partition("?")[0]} if isinstance(url, str) else body

    return _asked(edit, ("create", "batch"))


# ------------------------------------------------------------------------- batches


def _batched(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    return _asked(lambda body: edit(dict(body)), ("batch",))


@fault("batch", DECODO)
def equal_entries_are_merged() -> Change:
    """Equal entries of a batch make one task."""

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        return {name: list(dict.fromkeys(value)) if _texts_only(value) else value for name, value in body.items()}

    return _batched(edit)


def _texts_only(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


@fault("batch", DECODO)
def batch_of_queries_is_limited_to_1000() -> Change:
    """A batch of more than 1,000 queries is refused."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        queries = call.body.get("query")
        if call.role == "batch" and isinstance(queries, list) and len(queries) > 1000:
            return wire.invalid(call)
        return serve(call)

    return remembering(change)


@fault("batch", DECODO)
def batch_of_queries_has_no_limit() -> Change:
    """A batch of more than 3,000 queries is accepted, and cut."""

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        queries = body.get("query")
        return {**body, "query": queries[:3000]} if isinstance(queries, list) and "url" not in body else body

    return _batched(edit)


@fault("batch", DECODO)
def batch_calls_nobody_back() -> Change:
    """Tasks of a batch are not called back."""
    return _batched(lambda body: {name: value for name, value in body.items() if name != "callback_url"})


@fault("batch", DECODO)
def batch_loses_its_passthrough() -> Change:
    """Callbacks of a batch's tasks come without passthrough."""
    return _batched(lambda body: {name: value for name, value in body.items() if name != "passthrough"})


@fault("batch", DECODO)
def batch_of_urls_loses_its_target() -> Change:
    """The target of a batch is replaced by the usual one."""
    return _batched(lambda body: {**body, "target": "universal"} if isinstance(body.get("target"), str) else body)


def _batch_rate(same: Callable[[Call], Any], interval: float = 1.0) -> Change:
    """The limit of one batch a second, kept apart for what is not the same."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role != "batch":
            return serve(call)
        wire.service.last_batch = -1e9
        key = "batch", str(same(call))
        if call.moment - memory.kept.get(key, -1e9) < interval:
            return wire.busy(call)
        reply = serve(call)
        if reply.members and "queries" in reply.members:
            memory.kept[key] = call.moment
        return reply

    return remembering(change)


@fault("batch-rate", DECODO)
def batches_without_limit() -> Change:
    """Any number of batches a second is accepted."""
    return _batch_rate(lambda call: call.moment)


@fault("batch-rate", DECODO)
def batches_limited_for_each_target() -> Change:
    """One batch a second is accepted of each target."""
    return _batch_rate(lambda call: call.body.get("target"))


@fault("batch-rate", DECODO)
def batches_limited_for_each_kind() -> Change:
    """One batch of urls and one of queries a second are accepted."""
    return _batch_rate(lambda call: "url" in call.body)


@fault("batch-rate", DECODO)
def batches_limited_for_each_connection() -> Change:
    """One batch a second is accepted of each connection."""
    return _batch_rate(lambda call: call.connection)


@fault("batch-rate", DECODO)
def batches_limited_to_one_in_five_seconds() -> Change:
    """A batch less than five seconds after the last one is refused."""
    return _batch_rate(lambda call: None, 5.0)

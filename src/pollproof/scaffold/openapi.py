"""`pollproof new NAME --openapi FILE`: a contract that refers to an OpenAPI document (3.0 or 3.1) for what that says.

Paths, methods, shapes, codes and the key follow from the document; the rules over time are left to the author, as lines
that begin with `# QUESTION`. Nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pollproof.loading.errors import ContractError
from pollproof.loading.schemas import load_document, resolved, schema_at
from pollproof.scaffold.errors import ScaffoldError
from pollproof.text import nearest
from pollproof.trace.inputs import some_value

METHODS = ("get", "post", "put", "patch", "delete")

_STATUS_WORDS = {
    "waiting": (
        "queued",
        "pending",
        "waiting",
        "starting",
        "created",
        "accepted",
        "submitted",
        "notstarted",
        "idle",
        "new",
    ),
    "running": ("running", "processing", "inprogress", "working", "active", "started", "cancelling", "canceling"),
    "succeeded": ("succeeded", "success", "done", "completed", "complete", "finished", "ready", "ok"),
    "failed": ("failed", "failure", "error", "errored", "expired", "rejected", "timeout"),
    "cancelled": ("cancelled", "canceled", "aborted", "stopped"),
}
"""Words that pages use for the phases of a task, without their hyphens and underscores."""

RESULTS = ("result", "results", "output", "outputs", "response", "data", "solution", "url", "download_url")


@dataclass(slots=True)
class FoundOperation:
    """An operation of the document: its method, path template and what it says."""

    method: str
    path: str
    node: Mapping[str, Any]
    pointer: str


@dataclass(slots=True)
class Draft:
    """A contract on its way, with the questions that the document does not answer."""

    name: str
    document: Mapping[str, Any]
    file: str
    create: FoundOperation
    poll: FoundOperation
    questions: list[str] = field(default_factory=list)

    def response(self, operation: FoundOperation, codes: str) -> tuple[int, str] | None:
        """The first response of an operation whose code begins so: the code, and the pointer of its JSON schema."""
        for code, node in sorted(operation.node.get("responses", {}).items()):
            whole = resolved(self.document, node)
            if str(code).startswith(codes) and str(code).isdigit():
                for kind, media in whole.get("content", {}).items():
                    if "json" in kind and "schema" in media:
                        step = kind.replace("~", "~0").replace("/", "~1")
                        base = f"{operation.pointer}/responses/{code}"
                        if "$ref" in node:
                            base = node["$ref"][1:]
                        return int(code), f"{base}/content/{step}/schema"
                return int(code), ""
        return None

    def schema(self, pointer: str) -> Mapping[str, Any]:
        """The schema at a pointer, with what it refers to; empty for no pointer."""
        return schema_at(self.document, pointer) if pointer else {}


def openapi_contract(name: str, file: Path, create: str, poll: str) -> tuple[str, list[str]]:
    """The text of a contract from an OpenAPI document and the ids of two operations; and the questions that are left.

    An operation is named by its operationId, or as "POST /path". Raises `ScaffoldError`.
    """
    try:
        document = load_document(file)
    except ContractError as error:
        raise ScaffoldError(str(error)) from None
    operations = dict(operations_of(document))
    draft = Draft(name, document, file.name, _chosen(operations, create), _chosen(operations, poll))
    return "".join(_text(draft)), draft.questions


def operations_of(document: Mapping[str, Any]) -> Iterator[tuple[str, FoundOperation]]:
    """The operations of a document, by method and path and by their operationId."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if isinstance(item, Mapping) and method in item:
                node = {"parameters": item.get("parameters", []), **item[method]}
                step = path.replace("~", "~0").replace("/", "~1")
                found = FoundOperation(method.upper(), path, node, f"/paths/{step}/{method}")
                yield f"{method.upper()} {path}", found
                if "operationId" in node:
                    yield str(node["operationId"]), found


def _chosen(operations: Mapping[str, FoundOperation], name: str) -> FoundOperation:
    if name not in operations:
        raise ScaffoldError(
            f"unknown operation '{name}'; expected one of {', '.join(operations)}{nearest(name, operations)}"
        )
    return operations[name]


def _text(draft: Draft) -> Iterator[str]:
    created = draft.response(draft.create, "2")
    state = draft.response(draft.poll, "2")
    create_schema, poll_schema = draft.schema(created[1] if created else ""), draft.schema(state[1] if state else "")
    status = _property(poll_schema, ("status", "state", "phase"))
    result = _property(poll_schema, RESULTS)
    statuses = _statuses(draft, poll_schema, status)
    variable = next(iter(re.findall(r"\{(\w+)\}", draft.poll.path)), "")
    if not variable:
        draft.questions.append("Where does the task id stand in a poll? (task_id of [operations.poll])")
    identifier = _identifier(draft, create_schema, variable)
    yield from _head(draft)
    lines = "".join(f"{json.dumps(word)} = {json.dumps(phase)}\n" for word, phase in statuses.items())
    yield f"\n[statuses]\n{lines}"
    yield f'\n[lifecycle]\npath = {json.dumps(_path(statuses))}\ntimes = "iso"\n\n[limits]\n'
    for question in (
        "How long is a task kept, and from when? (lifetime, lifetime_from; result_lifetime for its result alone)",
        "How often may a task be polled, and how long does a client wait between polls? (polls, wait)",
        "Within which time does a task end? (a clause of kind finishes)",
        'What does a poll of an expired task answer? (a clause of kind answer with to = "lost")',
        "Can a task be cancelled, are creations idempotent, are there rates and callbacks?",
    ):
        draft.questions.append(question)
        yield f"# QUESTION: {question}\n"
    yield from _create(draft, created, create_schema, identifier, status)
    yield from _poll(draft, state, poll_schema, variable, status, result, statuses)
    sample = some_value(draft.document, draft.schema(_request_pointer(draft)))
    text = next((key for key, value in sample.items() if value == "a"), None) if isinstance(sample, dict) else None
    if text is not None:
        sample[text] = "sample {number}"
    yield f'\n[task_id]\ntype = "{_form(create_schema, identifier)}"\n'
    yield 'unknown = ["00000000-0000-4000-8000-000000000000", "37223a89-06ed-442c-a0b8-22067b79c5b4"]\n'
    yield f"\n[tasks.sample]\nsample = {as_toml(sample if isinstance(sample, dict) else {})}\n"
    made = some_value(draft.document, poll_schema.get("properties", {}).get(result, {})) if result else "token"
    yield f"result = {as_toml('{token}' if made in ('a', 'token') else made)}\n"
    yield from _clauses(draft, created, state, statuses, result)


def _head(draft: Draft) -> Iterator[str]:
    info, servers = draft.document.get("info", {}), draft.document.get("servers") or [{}]
    base = str(servers[0].get("url", "")) or "https://api.example.com"
    if not base.startswith("http"):
        base = "https://api.example.com" + base
    yield f"# {info.get('title', draft.name)}: begun from {draft.file}, which it refers to for its shapes.\n"
    yield "# Lines that begin with QUESTION are what the document does not say and the page may.\n\n"
    yield f'[provider]\nname = "{draft.name}"\ntitle = {json.dumps(str(info.get("title", draft.name)))}\n'
    yield f'base_url = {json.dumps(base.rstrip("/"))}\nbody = "json"\n'
    yield from _credential(draft)
    yield f'\n[sources.api]\ntitle = "the OpenAPI document"\ndocument = "{draft.file}"\nbasis = "primary"\n'


def _credential(draft: Draft) -> Iterator[str]:
    schemes = draft.document.get("components", {}).get("securitySchemes", {})
    for scheme in schemes.values():
        scheme = resolved(draft.document, scheme)
        template = ""
        if scheme.get("type") == "apiKey" and scheme.get("in") in ("header", "query"):
            at = f"request.{scheme['in']}.{scheme['name']}"
        elif scheme.get("type") in ("http", "oauth2", "openIdConnect"):
            at, word = "request.header.Authorization", str(scheme.get("scheme", "bearer")).capitalize()
            template = f'template = "{word} {{credential}}", '
        else:
            continue
        yield f'credential = {{ at = "{at}", {template}sample = "YOUR_API_KEY", wrong = "WRONG_API_KEY" }}\n'
        return
    draft.questions.append("Where does the key go? (credential of [provider]; none where no key is needed)")
    yield "# QUESTION: Where does the key go? (credential)\n"


def _property(schema: Mapping[str, Any], names: tuple[str, ...]) -> str:
    known = schema.get("properties", {})
    return next((name for name in names if name in known), "")


def _statuses(draft: Draft, schema: Mapping[str, Any], status: str) -> dict[str, str]:
    listed = resolved(draft.document, schema.get("properties", {}).get(status, {})).get("enum", ())
    found = {}
    for word in listed:
        phase = phase_of(str(word))
        if phase is None:
            draft.questions.append(f"What does the status '{word}' mean? (it is put down as running)")
        found[str(word)] = phase or "running"
    if "succeeded" not in found.values():
        draft.questions.append("Which statuses are there, and what do they mean? ([statuses], [lifecycle] path)")
        found |= {"running": "running", "succeeded": "succeeded"}
    return found


def phase_of(word: str) -> str | None:
    """The phase that pages mean by a status; None where that is not certain."""
    plain = re.sub(r"[^a-z]", "", word.lower())
    return next((phase for phase, words in _STATUS_WORDS.items() if plain in words), None)


def _path(statuses: Mapping[str, str]) -> list[str]:
    begun = [
        word for word, phase in statuses.items() if phase in ("waiting", "running") and "cancel" not in word.lower()
    ]
    return [
        *sorted(begun, key=lambda word: statuses[word] != "waiting"),
        next(w for w, p in statuses.items() if p == "succeeded"),
    ]


def _identifier(draft: Draft, schema: Mapping[str, Any], variable: str) -> str:
    known = list(schema.get("properties", {}))
    for name in (variable, "id", "task_id", "taskId", "job_id", "jobId", "operation_id", "operationId", "name"):
        if name in known:
            return name
    found = next((name for name in known if name.lower().endswith("id")), "")
    if not found:
        draft.questions.append("Where does a creation give the task id? (task_id of [operations.create])")
    return found or "id"


def _form(schema: Mapping[str, Any], identifier: str) -> str:
    part = schema.get("properties", {}).get(identifier, {})
    return "integer" if isinstance(part, Mapping) and part.get("type") == "integer" else "uuid"


def _request_pointer(draft: Draft) -> str:
    content = resolved(draft.document, draft.create.node.get("requestBody", {})).get("content", {})
    for kind, media in content.items():
        if "json" in kind and "schema" in media:
            step = kind.replace("~", "~0").replace("/", "~1")
            base = draft.create.node["requestBody"].get("$ref", "#" + draft.create.pointer + "/requestBody")[1:]
            return f"{base}/content/{step}/schema"
    return ""


def _refused(draft: Draft, operation: FoundOperation, status: int) -> str:
    """A response of the reference that refuses, in the documented shape of errors."""
    found = draft.response(operation, str(status)) or draft.response(operation, "4")
    body = (
        some_value(draft.document, draft.schema(found[1])) if found is not None and found[1] else {"error": "refused"}
    )
    return f"{{ http = {status}, body = {as_toml(body)} }}"


def _answer(draft: Draft, pointer: str, places: Mapping[str, str], http: int = 200, more: str = "") -> str:
    schema = draft.schema(pointer)
    body = some_value(draft.document, schema) if pointer else {}
    body = body if isinstance(body, dict) else {}
    for name, part in schema.get("properties", {}).items():
        if isinstance(part, Mapping) and resolved(draft.document, part).get("format") == "date-time" and name in body:
            body[name] = "$updated_at" if "updat" in name else "$created_at"
    body |= {name: word for name, word in places.items() if name}
    return f"{{ http = {http}, {more}body = {as_toml(body)} }}"


def _create(
    draft: Draft, created: tuple[int, str] | None, schema: Mapping[str, Any], identifier: str, status: str
) -> Iterator[str]:
    code, pointer = created or (200, "")
    request = _request_pointer(draft)
    has_status = status in schema.get("properties", {})
    yield f'\n[operations.create]\nrole = "create"\nmethod = "{draft.create.method}"\npath = "{draft.create.path}"\n'
    yield 'request = "$task"\n' if request else ""
    yield f'request_schema = "{draft.file}#{request}"\n' if request else ""
    yield f'response_schema = "{draft.file}#{pointer}"\n' if pointer else ""
    yield f'task_id = "response#/{identifier}"\n' + (f'status = "response#/{status}"\n' if has_status else "")
    yield from _reading(draft)
    yield "\n[operations.create.answers]\n"
    places = {identifier: "$task_id", **({status: "$status"} if has_status else {})}
    yield f"created = {_answer(draft, pointer, places, code)}\n"
    wrong = next((each for each in (422, 400) if draft.response(draft.create, str(each))), 400)
    yield f"refused = {_refused(draft, draft.create, wrong)}\nunauthorized = {_refused(draft, draft.create, 401)}\n"


def _reading(draft: Draft) -> Iterator[str]:
    yield 'refused = [{ at = "response.http", above = 399 }]\neffects = [\n'
    yield '  { when = { at = "response.http", in = [404, 410] }, effect = "lost" },\n'
    yield '  { when = { at = "response.http", in = [429, 503] }, effect = "busy" },\n'
    yield '  { when = { at = "response.http", above = 399 }, effect = "refused" },\n]\n'


def _poll(
    draft: Draft,
    state: tuple[int, str] | None,
    schema: Mapping[str, Any],
    variable: str,
    status: str,
    result: str,
    statuses: Mapping[str, str],
) -> Iterator[str]:
    code, pointer = state or (200, "")
    known = schema.get("properties", {})
    path = draft.poll.path.replace("{" + variable + "}", "{task_id}")
    echo = next((name for name in (variable, "id") if name in known), "")
    yield f'\n[operations.poll]\nrole = "poll"\nmethod = "{draft.poll.method}"\npath = "{path}"\n'
    yield f'response_schema = "{draft.file}#{pointer}"\n' if pointer else ""
    yield 'task_id = "request.path.task_id"\n'
    for key, name in (("echo", echo), ("status", status), ("result", result)):
        yield f'{key} = "response#/{name}"\n' if name else ""
    yield from _reading(draft)
    yield "\n[operations.poll.answers]\n"
    required = schema.get("required", ())
    for phase in dict.fromkeys(statuses.values()):
        places = {echo: "$task_id", status: "$status"}
        if result and (phase == "succeeded" or result in required):
            places[result] = "$result" if phase == "succeeded" else _nothing(known.get(result, {}))
        yield f"{phase} = {_answer(draft, pointer, places, code)}\n"
    yield f"lost = {_refused(draft, draft.poll, 404)}\nrefused = {_refused(draft, draft.poll, 400)}\n"
    yield f"unauthorized = {_refused(draft, draft.poll, 401)}\n"


def _nothing(schema: Any) -> Any:
    kinds = schema.get("type") if isinstance(schema, Mapping) else None
    return {"array": [], "object": {}, "string": ""}.get(kinds, "$null") if isinstance(kinds, str) else "$null"


def _clauses(
    draft: Draft,
    created: tuple[int, str] | None,
    state: tuple[int, str] | None,
    statuses: Mapping[str, str],
    result: str,
) -> Iterator[str]:
    def clause(name: str, text: str, **keys: Any) -> str:
        lines = "".join(f"{key} = {as_toml(value)}\n" for key, value in keys.items())
        identifier = f"{draft.name}.{name}"
        return f'\n[[clauses]]\nid = "{identifier}"\n{lines}source = ["api, {name}"]\ntext = {json.dumps(text)}\n'

    code = created[0] if created else 200
    yield clause("create.accepted", f"A creation is answered with {code}.", kind="answer", to="created", http=code)
    yield clause("create.unique-id", "Each task has an id of its own.", kind="unique-id")
    for name, found, answer in (("create", created, "created"), ("poll", state, "succeeded")):
        needed = draft.schema(found[1]).get("required", ()) if found else ()
        if found and found[1] and needed:
            broken = [{"name": f"without {needed[0]}", "answer": answer, "remove": [f"/{needed[0]}"]}]
            text = f"The response of {name} has its documented shape."
            yield clause(f"{name}.shape", text, kind="shape", operation=name, breaks=broken)
    if _request_pointer(draft):
        wrong = [each for each in (422, 400) if draft.response(draft.create, str(each))]
        keys = {"http": wrong} if wrong else {}
        text = "What is beyond the limits of the schema is refused."
        yield clause("create.beyond-limits", text, kind="refused-input", operation="create", **keys)
        text = "What is within the limits of the schema is accepted."
        yield clause("create.at-limits", text, kind="accepted-input", operation="create")
    if draft.document.get("components", {}).get("securitySchemes"):
        text = "A wrong key is refused with 401."
        yield clause("key", text, kind="answer", to="wrong-credential", http=401)
    yield clause("poll.unknown", "An unknown id is answered with 404.", kind="answer", to="unknown-task", http=404)
    yield clause("poll.path", "The statuses come in their order.", kind="status-path")
    yield clause("poll.terminal", "A final status is final.", kind="terminal")
    if result:
        yield clause("poll.stable", "A result is the same at every poll.", kind="result-stable")
    changes = {
        "name": "slow",
        "text": "Tasks take minutes.",
        "clauses": [f"{draft.name}.*"],
        "settings": {"solving": 120},
    }
    yield "\n[[variants]]\n" + "".join(f"{key} = {as_toml(value)}\n" for key, value in changes.items())


def as_toml(value: Any) -> str:
    """A JSON value as TOML on one line; null is the word $null."""
    if value is None:
        return '"$null"'
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)

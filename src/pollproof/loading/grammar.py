"""The grammar of contract files, as the JSON Schema that editors and the loader use.

It is written out once as `schemas/pollproof/contract.schema.json`; a test holds that file to what stands here.
"""

from __future__ import annotations

from typing import Any

from pollproof.clauses import KINDS
from pollproof.clauses.kinds import parameter_names
from pollproof.contract.conditions import COMPARISONS
from pollproof.contract.model import PROBES, Effect, Level, Phase, Role, Subject

ADDRESS = "https://pollproof.dev/schemas/pollproof/contract.schema.json"

REFUSALS = ("unknown_task", "lost_task", "wrong_credential", "invalid_request", "failed_task", "ill_formed_task")
RULE_NAME = "^[a-z0-9]+(-[a-z0-9]+)*$"
CLAUSE_ID = "^[a-z0-9]+([.-][a-z0-9]+)*$"
ANSWERS = (
    "created",
    "waiting",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "lost",
    "refused",
    "unauthorized",
    "entry",
    "nothing",
    "callback",
)
MARKS = ("created_at", "updated_at", "progress", "passthrough", "entries", "retry_after")
ROLES = tuple(role.value for role in Role if role is not Role.OUTCOME)
OBSERVATION_KINDS = ("solving-time",)


def _table(required: tuple[str, ...], properties: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def _words(description: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description}


def _choice(values: Any, description: str) -> dict[str, Any]:
    return {"enum": list(values), "description": description}


def _list(items: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": description}


def contract_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract file."""
    place = {"type": "string", "minLength": 1, "description": "A place, such as response#/status or response.http."}
    number = {"type": "number", "minimum": 0}
    condition = _table(
        ("at",),
        {"at": place, **{word: {"description": f"The comparison '{word}'."} for word in COMPARISONS}},
        "A test of the value at one place: exactly one comparison beside `at`.",
    )
    condition["minProperties"] = condition["maxProperties"] = 2
    sources = _list(_words("SOURCE:LINES, PLACE"), "Where the documents say it.")
    sources["minItems"] = 1
    change = {
        "operation": _words("The operation whose answers change; all when left out."),
        "answer": _choice(ANSWERS, "The answer template that changes; all when left out."),
        "remove": _list(_words("JSON Pointer"), "Fields to leave out."),
        "set": {"type": "object", "description": "Fields to set, by JSON Pointer."},
        "http": {"type": "integer", "minimum": 100, "maximum": 599, "description": "Another HTTP status."},
    }
    breaks = _list(
        _table(("name",), {"name": _words("What is wrong, in words."), **change}, "One mutant."),
        "How mutants break the clause, where that does not follow from its kind.",
    )
    answer = _table(
        (),
        {
            "http": {
                "type": "integer",
                "minimum": 100,
                "maximum": 599,
                "description": "HTTP status; 200 when left out.",
            },
            "body": {"description": "The body, with $words in it; no body when left out."},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "More headers."},
        },
        "An answer of the reference provider.",
    )
    operation = _table(
        ("role", "method", "path", "task_id", "answers"),
        {
            "role": _choice(ROLES, "What the operation does to a task."),
            "method": _choice(["GET", "POST", "PUT", "PATCH", "DELETE"], "The HTTP method."),
            "path": {"type": "string", "pattern": "^/|^$", "description": "Below the base URL; {name} is a variable."},
            "request": {"description": "The body of a request, with $words in it; none when left out."},
            "request_schema": _words("Schema of the request, relative to schemas/."),
            "response_schema": _words("Schema of the response, relative to schemas/."),
            "task_id": {**place, "description": "Where the task id stands: the one given, or the one asked for."},
            "echo": {**place, "description": "Where an answer repeats the task id."},
            "status": {**place, "description": "Where the status of the task stands."},
            "result": {**place, "description": "Where the result of the task stands."},
            "error_code": {**place, "description": "Where the error code stands."},
            "phases": _list(
                _table(
                    ("when", "phase"),
                    {"when": condition, "phase": _choice([phase.value for phase in Phase], "The phase.")},
                    "A phase told otherwise than by a status.",
                ),
                "Looked at in order, before the status.",
            ),
            "refused": _list(condition, "When an answer is an error: any of these."),
            "effects": _list(
                _table(
                    ("when", "effect"),
                    {
                        "when": condition,
                        "effect": _choice([effect.value for effect in Effect], "What the error says of the task."),
                    },
                    "What an error without a listed code says.",
                ),
                "Looked at in order, where an error has no listed code.",
            ),
            **{name: {**place, "description": f"Where {name} stands."} for name in MARKS},
            "alternatives": _list({"type": "object"}, "Other bodies of a request, as good as `request`."),
            "element": _words("The element in the body that names the operation, where several share a path (SOAP)."),
            "action": _words("The SOAPAction header."),
            "required": _list(place, "Fields of the request without which it must be refused."),
            "answers": {
                "type": "object",
                "properties": dict.fromkeys(ANSWERS, answer),
                "additionalProperties": False,
                "description": "What the reference provider answers.",
            },
        },
        "One operation of the API.",
    )
    parameters = sorted({name for kind in KINDS.values() for name in parameter_names(kind)})
    known = {
        "operation": _words("The operation whose bodies are judged."),
        "part": _choice(["request", "response"], "Which body is judged."),
        "rule": {"type": "string", "pattern": RULE_NAME, "description": "The x-rule of the schema that is judged."},
        "when": _choice(["succeeded", "refused", "accepted"], "Which bodies exercise the clause; all when left out."),
        "probe": _words(f"What is wrong with the request: {', '.join(PROBES)}, or the name of one of [[probes]]."),
        "limit": {"type": "integer", "minimum": 1},
        "seconds": number,
        "at": place,
        "codes": _list(_words("Error code"), "Codes of which the refusal has one."),
        "holding": _list(
            _words("Parameter"), "Parameters one of which the request has, for the clause to speak of it."
        ),
        "header": _words("The header in which a client shows its key."),
        "scheme": _words("The word before the key in that header."),
        "always": _list(_words("Parameter"), "Parameters that are always repeated."),
        "names": _list(_words("Parameter"), "Parameters that hold the entries of a batch."),
    }
    clause = _table(
        ("id", "kind", "subject", "level", "source", "text"),
        {
            "id": {
                "type": "string",
                "pattern": CLAUSE_ID,
                "description": "The permanent id, beginning with the provider.",
            },
            "kind": _choice(sorted(KINDS), "What the clause means; see `pollproof clauses --kinds`."),
            "subject": _choice([subject.value for subject in Subject], "Who must keep it."),
            "level": _choice([level.value for level in Level], "MUST fails a run, SHOULD warns."),
            "source": sources,
            "text": _words("The rule in plain words of our own."),
            "breaks": breaks,
            **{name: known.get(name, {}) for name in parameters},
        },
        "One documented rule.",
    )
    clause["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
            "then": {
                "properties": {name: False for name in parameters if name not in parameter_names(kind)},
                "description": kind.sentence,
            },
        }
        for kind in KINDS.values()
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ADDRESS,
        "title": "pollproof contract",
        "description": "What one provider of a create-then-poll API documents, as data.",
        **_table(
            ("provider", "sources", "statuses", "lifecycle", "operations", "task_id", "tasks", "clauses"),
            {
                "provider": _table(
                    ("name", "title", "base_url", "body"),
                    {
                        "name": {"type": "string", "pattern": "^[a-z0-9-]+$", "description": "Short name."},
                        "title": _words("Name for people."),
                        "base_url": _words("The documented base URL."),
                        "body": _choice(["json", "soap"], "What bodies are written in."),
                        "namespace": _words("Namespace of SOAP operations."),
                        "credential": _table(
                            ("at", "sample", "wrong"),
                            {
                                "at": place,
                                "template": _words("How the key is written there: text with {credential} in it."),
                                "sample": _words("A placeholder that the reference accepts."),
                                "wrong": _words("A key that no account has."),
                            },
                            "Where the key of the account goes.",
                        ),
                    },
                    "Who provides the API.",
                ),
                "sources": {
                    "type": "object",
                    "additionalProperties": _table(
                        ("title", "document", "basis"),
                        {
                            "title": _words("The page in words."),
                            "document": _words("The file or path of the document."),
                            "address": _words("Its address."),
                            "basis": _choice(["primary", "adjacent"], "A document at hand, or a page next to it."),
                            "lines": {
                                "type": "integer",
                                "minimum": 1,
                                "description": "Its lines, where [[passages]] list all of them.",
                            },
                            "digest": {
                                "type": "string",
                                "pattern": "^[0-9a-f]{64}$",
                                "description": "SHA-256 of the file whose lines were counted.",
                            },
                        },
                        "A document.",
                    ),
                    "description": "The documents, by the short key that clauses cite.",
                },
                "statuses": {
                    "type": "object",
                    "additionalProperties": {
                        "anyOf": [
                            _choice([phase.value for phase in Phase], "The phase of the status."),
                            _table(
                                ("phase",),
                                {
                                    "phase": _choice([phase.value for phase in Phase], "The phase of the status."),
                                    "documented": {"type": "boolean", "description": "False: known from elsewhere."},
                                },
                                "A status with more to say.",
                            ),
                        ]
                    },
                    "description": "Every status value with its phase; a value that ends in * is a prefix.",
                },
                "lifecycle": _table(
                    ("path",),
                    {"path": _list(_words("Status"), "The statuses of a task that goes well, in order.")},
                    "How a task of the reference goes.",
                ),
                "errors": {
                    "type": "object",
                    "additionalProperties": _table(
                        ("effect", "text"),
                        {
                            "effect": _choice(
                                [effect.value for effect in Effect if effect is not Effect.UNCLEAR],
                                "What the code says about the task.",
                            ),
                            "text": _words("The code in words."),
                            "operations": _list(_words("Operation"), "Who answers it; all when left out."),
                            "seconds": number,
                        },
                        "An error code.",
                    ),
                    "description": "The error catalogue.",
                },
                "refusals": _table(
                    (),
                    {name: _words("An error code.") for name in REFUSALS},
                    "Which codes the reference provider uses.",
                ),
                "limits": _table(
                    (),
                    {
                        "polls": {"type": "integer", "minimum": 1, "description": "Polls that a task answers."},
                        "beyond_polls": _choice(["lost", "open"], "What the documents say of polls beyond that."),
                        "lifetime": {**number, "description": "Seconds that a task lives."},
                        "lifetime_from": _choice(["creation", "completion"], "What the lifetime is counted from."),
                        "lifetime_slack": {**number, "description": "Seconds around its end that stay open."},
                        "wait": {**number, "description": "Seconds a client waits between polls."},
                        "solving": {**number, "description": "Seconds after which an unfinished task fails."},
                        "batch_size": {"type": "integer", "minimum": 1, "description": "Entries of one batch."},
                        "batch_wait": {**number, "description": "Seconds a client waits between batches."},
                    },
                    "The numbers of the API.",
                ),
                "operations": {"type": "object", "minProperties": 1, "additionalProperties": operation},
                "task_id": _table(
                    ("type", "unknown"),
                    {
                        "type": _choice(
                            ["uuid", "integer", "digits", "letters"], "What ids of the reference look like."
                        ),
                        "unknown": _list({"type": ["string", "integer"]}, "Well-formed ids that no creation gives."),
                        "ill_formed": _list({"type": ["string", "integer"]}, "Ids that none can be."),
                    },
                    "Task ids.",
                ),
                "tasks": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": _table(
                        ("sample", "result"),
                        {
                            "sample": {
                                "type": "object",
                                "description": "A task to create; {number} differs every time.",
                            },
                            "result": {"description": "A result; {token} is the one-time token."},
                            "inline": {"type": "boolean", "description": "Answered in the creation itself."},
                            "when": _list(condition, "Which requests create this kind."),
                        },
                        "A kind of task.",
                    ),
                },
                "probes": _list(
                    _table(
                        ("name", "operation", "text"),
                        {
                            "name": {"type": "string", "pattern": RULE_NAME},
                            "operation": _words("The operation that is asked."),
                            "remove": _list(_words("JSON Pointer"), "Fields to leave out of a right request."),
                            "set": {"type": "object", "description": "Fields to set, by JSON Pointer."},
                            "repeat": _table(
                                ("at", "times"),
                                {"at": _words("JSON Pointer"), "times": {"type": "integer", "minimum": 1}},
                                "An array whose first entry is repeated.",
                            ),
                            "code": _words("The error code of the refusal; that of an invalid request when left out."),
                            "text": _words("What is wrong, in words."),
                        },
                        "A request that is wrong in a way of this API's own.",
                    ),
                    "Wrong requests beside those that every API can be asked.",
                ),
                "asides": _list(
                    _table(
                        ("path", "answer", "text"),
                        {
                            "method": {"enum": ["GET", "POST"], "description": "POST when left out."},
                            "path": {"type": "string", "pattern": "^/", "description": "Below the base URL."},
                            "answer": {"type": "object", "description": "The body of the answer."},
                            "text": _words("What it is for."),
                        },
                        "A request about no task, which is answered so that clients that make it go on.",
                    ),
                    "Requests that clients make besides. Nothing is judged by them.",
                ),
                "clauses": {**_list(clause, "The rules."), "minItems": 1},
                "variants": _list(
                    _table(
                        ("name", "text", "clauses"),
                        {
                            "name": {"type": "string", "pattern": RULE_NAME},
                            "text": _words("What is done otherwise."),
                            "clauses": _list(_words("Clause id"), "Whose freedom it shows."),
                            "changes": _list(_table((), change, "A change of an answer."), "Changed answers."),
                            "sample": {
                                "type": "boolean",
                                "description": "The documented samples look so: clients meet it in the gate.",
                            },
                            "settings": _table(
                                (),
                                {
                                    "solving": {**number, "description": "Seconds until a task is finished."},
                                    "lifetime": {**number, "description": "Seconds that a task lives."},
                                    "count_refused": {"type": "boolean", "description": "Refused polls count."},
                                    "token": _words("One token for all results."),
                                    "busy_every": {
                                        "type": "integer",
                                        "minimum": 2,
                                        "description": "Every Nth poll is busy.",
                                    },
                                    "busy_code": _words("The error code of a busy answer."),
                                    "polls": {
                                        "type": "integer",
                                        "minimum": 1,
                                        "description": "Polls that a task answers.",
                                    },
                                    "writing": {"type": "object", "description": "How the codec writes bodies."},
                                },
                                "Changed settings of the reference.",
                            ),
                        },
                        "A legal variant.",
                    ),
                    "Conformant implementations that differ in what the documents leave open.",
                ),
                "observations": _list(
                    _table(
                        ("id", "kind", "source", "text", "at_least", "at_most"),
                        {
                            "id": {"type": "string", "pattern": CLAUSE_ID},
                            "kind": _choice(OBSERVATION_KINDS, "What is measured."),
                            "source": sources,
                            "text": _words("The figure in words."),
                            "at_least": number,
                            "at_most": number,
                        },
                        "A figure that is reported, never asserted.",
                    ),
                    "Figures that are reported, never asserted.",
                ),
                "unspecified": _list(
                    _table(
                        ("about", "reason"),
                        {
                            "name": {
                                "type": "string",
                                "pattern": RULE_NAME,
                                "description": "By which [[passages]] refer to it.",
                            },
                            "about": _words("What is left open."),
                            "reason": _words("Why nothing is asserted."),
                        },
                        "Something the documents leave open.",
                    ),
                    "What is never asserted.",
                ),
                "slips": _list(
                    _table(
                        ("what", "treatment", "source"),
                        {"what": _words("The slip."), "treatment": _words("What is made of it."), "source": sources},
                        "A slip of the documents.",
                    ),
                    "Slips and contradictions of the documents.",
                ),
                "passages": _list(
                    _table(
                        ("source",),
                        {
                            "source": _words("SOURCE:LINES, PLACE"),
                            "gist": _words("What the lines say, in words of our own."),
                            "clauses": _list(_words("Clause id"), "The clauses that judge it."),
                            "unspecified": _list(_words("Name"), "What it leaves open: names of [[unspecified]]."),
                            "observations": _list(_words("Observation id"), "The figures that measure it."),
                            "aside": _words("What the lines are instead of a rule; then there is nothing to judge."),
                        },
                        "Lines of a document, and what was made of them.",
                    ),
                    "All lines of the documents at hand: what judges each rule, and which lines state none.",
                ),
            },
            "What one provider of a create-then-poll API documents, as data.",
        ),
    }

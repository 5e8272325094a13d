"""What of a contract can never be exercised, matched or proved as it is written: each with line, reason and remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pollproof.clauses import KINDS
from pollproof.clauses.answers import AnswerRule, template_of
from pollproof.clauses.shape import ShapeRule
from pollproof.contract.conditions import OF_PLACES
from pollproof.contract.model import Clause, Contract, Operation, Phase, Probe, Role, Subject
from pollproof.contract.places import MISSING, Place, follow_steps
from pollproof.contract.templates import compile_template, steps_of, with_value, without
from pollproof.loading.extend import place_in_file
from pollproof.loading.locate import line_of
from pollproof.trace.codecs import checks_of, codec_of, typing_of

Path = Sequence[str | int]

ERROR, WARNING, NOTE = "error", "warning", "note"

NAMED = 5
"""Clauses that a finding about many of them names."""


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing that is hollow: its rule and level, where it stands, why, and what to do."""

    rule: str
    level: str
    line: int | None
    what: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.level}: {self.what}: {self.reason}; {self.remedy} [{self.rule}]"


_Rule = Callable[["_Linter"], Iterator[tuple[str, str, Path, str, str, str]]]

_MARK_NEEDS = {
    "progress": ("progress",),
    "timestamps": ("created_at", "updated_at"),
    "retry-after": ("retry_after",),
    "retry-after-kept": ("retry_after",),
    "passthrough": ("passthrough",),
    "idempotent-creation": ("idempotency_key",),
    "key-expires": ("idempotency_key",),
}
"""The places without which a kind sees nothing."""

_PLACE_NEEDS = {
    "echo": "echo",
    "result-stable": "result",
    "result-own": "result",
    "status-path": "status",
}

_LIMIT_KINDS = {
    "polls": ("budget-served", "budget-ended", "poll-budget"),
    "lifetime": ("lifetime-served", "lifetime-ended", "no-poll-after-lifetime", "terminal"),
    "wait": ("minimum-wait",),
    "result_lifetime": ("result-kept", "result-removed"),
    "key_lifetime": ("idempotent-creation", "key-expires"),
    "batch_size": ("accepted", "refused", "batch-entries"),
    "batch_wait": ("batch-rate",),
    "unfinished": ("unfinished-served", "answer"),
    "cancel_within": ("cancel-served", "answer"),
    "cancel_while": ("cancel-served", "answer"),
}
"""The kinds that judge each limit."""


def lint(contract: Contract, text: str = "") -> list[LintFinding]:
    """What is hollow in a contract; `text` is its file, in which lines are looked for."""
    linter = _Linter(contract)
    own = tomllib.loads(text)
    names = {"clauses": [each.id for each in contract.clauses], "probes": [each.name for each in contract.probes]}
    found = []
    for check in (_clauses, _answers, _places, _shapes, _probes, _limits, _documents):
        for rule, level, path, what, reason, remedy in check(linter):
            if path[0] in names and len(path) > 1:  # in the file it may stand at another place, or in none
                path = place_in_file(own, path, names[str(path[0])][int(path[1])])
            line = line_of(text, path) if text else None
            found.append(LintFinding(rule, level, line, what, reason, remedy))
    order = {ERROR: 0, WARNING: 1, NOTE: 2}
    return sorted(found, key=lambda each: (order[each.level], each.line or 0))


class _Linter:
    """A contract with what several checks ask of it."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.roles = {operation.role for operation in contract.operations.values()}
        self.poll = contract.operation(Role.POLL)
        self.fetch = contract.operation_of(Role.FETCH)
        self.named = {getattr(clause.parameters, "probe", "") for clause in contract.clauses}
        for clause in contract.clauses:
            self.named |= set(getattr(clause.parameters, "to", ()))
        self.kinds = {clause.kind for clause in contract.clauses}

    def sample(self, operation: Operation) -> Any:
        """The body of a valid request of an operation, as the samples of the contract have it."""
        kinds = self.contract.kinds.values()
        own = [kind for kind in kinds if kind.operation == operation.name]
        kind = next(kind for kind in (*own, *kinds) if not kind.when)
        task = compile_template(kind.sample)({"number": 1, "unique": "0-1"})
        unknown = self.contract.task_id["unknown"]
        words: dict[str, Any] = {
            "task": task,
            "number": 1,
            "task_id": unknown[0] if unknown else "1",
            "idempotency_key": "key-1",
        }
        credential = self.contract.credential
        words["credential"] = credential.template.replace("{credential}", credential.sample)
        return None if operation.request is None else compile_template(operation.request)(words)


def _clauses(of: _Linter) -> Iterator[tuple[str, str, Path, str, str, str]]:
    contract = of.contract
    for index, clause in enumerate(contract.clauses):
        path: Path = ("clauses", index)
        kind = KINDS[clause.kind]
        roles = set(kind.roles) - {Role.OUTCOME}
        if roles and not roles & of.roles:
            needed = " or ".join(sorted(role.value for role in roles))
            reason = f"the contract has no operation of role {needed}"
            yield "never-exercised", ERROR, path, clause.id, reason, "add the operation, or leave the clause out"
        for mark in _MARK_NEEDS.get(clause.kind, ()):
            having = [each for each in contract.operations.values() if each.role in kind.roles]
            if having and not any({mark, f"{mark}_ms"} & set(each.marks) for each in having):
                names = ", ".join(each.name for each in having)
                remedy = f'write where it stands, as {mark} = "response#/..." (or request.header.NAME)'
                yield "never-exercised", ERROR, path, clause.id, f"no {mark} is given in [operations.{names}]", remedy
        place = _PLACE_NEEDS.get(clause.kind, "")
        readers = [each for each in (of.poll, of.fetch) if each is not None]
        if place and not any(getattr(each, place) for each in readers):
            remedy = f'write {place} = "response#/..." in [operations.{of.poll.name}]'
            yield "never-exercised", ERROR, path, clause.id, f"no operation says where its {place} stands", remedy
        if clause.kind == "pages" and (of.fetch is None or of.fetch.pages is None):
            reason = "no operation of role fetch says how its pages are read"
            remedy = 'write pages = { items = "response#/...", next = "response#/..." } in it'
            yield "never-exercised", ERROR, path, clause.id, reason, remedy
        if clause.kind == "key-accepted" and not contract.credential.others:
            reason, remedy = (
                "the key has one documented place",
                'write or = [{ at = "request.query.NAME" }] in credential',
            )
            yield "never-exercised", ERROR, path, clause.id, reason, remedy
        if clause.kind == "link" and not any(
            clause.parameters.leads_to in each.links for each in contract.operations.values()
        ):
            reason = f"no operation has '{clause.parameters.leads_to}' among its links"
            remedy = f'write links = {{ {clause.parameters.leads_to} = "response.header.Location" }} where it is given'
            yield "never-exercised", ERROR, path, clause.id, reason, remedy
        if clause.kind == "shape":
            rule = clause.parameters
            operation = contract.operations[rule.operation]
            if getattr(operation, f"{rule.part}_schema") is None:
                remedy = f"name the {rule.part}_schema of [operations.{rule.operation}]"
                yield "judges-nothing", ERROR, path, clause.id, f"'{rule.operation}' has no {rule.part}_schema", remedy
        if not kind.is_breakable and not clause.breaks and clause.subject is Subject.PROVIDER:
            remedy = "say in `breaks` which change of a response breaks it"
            yield "no-mutant", WARNING, path, clause.id, "no mutant shows that it can fail", remedy
        elif kind.is_breakable and not clause.breaks and not kind.mutants(contract, clause):
            remedy = "say in `breaks` which change of a response breaks it, or give the reference that response"
            yield "no-mutant", WARNING, path, clause.id, "no mutant follows for it", remedy


def _has(of: _Linter, role: Role) -> tuple[bool, str]:
    return role in of.roles, f"the contract has no operation of role {role.value}"


def _answers(of: _Linter) -> Iterator[tuple[str, str, Path, str, str, str]]:
    contract, limits = of.contract, of.contract.limits
    lost = limits.lifetime is not None or limits.polls is not None or bool(contract.refusals.lost_task)
    cancels = Role.CANCEL in of.roles or any(each.phase is Phase.CANCELLED for each in contract.statuses.values())
    keys = any("idempotency_key" in each.marks for each in contract.operations.values())
    possible = {
        "nothing": (of.fetch is not None, "the contract has no operation of role fetch"),
        "removed": (limits.result_lifetime is not None, "[limits] has no result_lifetime"),
        "ended": _has(of, Role.CANCEL),
        "too-late": (
            limits.cancel_within is not None or bool(limits.cancel_while),
            "[limits] has neither cancel_within nor cancel_while",
        ),
        "not-modified": ("etag" in of.poll.marks, f"no etag is given in [operations.{of.poll.name}]"),
        "modified": ("etag" in of.poll.marks, f"no etag is given in [operations.{of.poll.name}]"),
        "cancelled-again": _has(of, Role.CANCEL),
        "too-many-unfinished": (limits.unfinished is not None, "[limits] has no `unfinished`"),
        "deleted": _has(of, Role.DELETE),
        "unfinished": _has(of, Role.DELETE),
        "after-deletion": _has(of, Role.DELETE),
        "cancelling-again": (bool(contract.cancelling), "[lifecycle] has no status `cancelling`"),
        "lost": (lost, "[limits] has neither lifetime nor polls"),
        "replayed": (keys, "no operation has an idempotency_key"),
        "reused-key": (keys, "no operation has an idempotency_key"),
        "too-many": (bool(contract.rates), "there are no [[rates]]"),
        "callback": _has(of, Role.CALLBACK),
        "invalid-input": (bool(of.kinds & {"refused-input"}), "no clause of kind refused-input sends it"),
        "ill-formed-task": ("ill_formed" in contract.task_id, "[task_id] has no ill_formed ids"),
        "cancelled": (cancels, "no status is it, and no operation is of role cancel"),
    }
    for index, clause in enumerate(contract.clauses):
        path: Path = ("clauses", index)
        named = getattr(clause.parameters, "to", ()) or (getattr(clause.parameters, "probe", ""),)
        reasons = [possible[name][1] for name in named if name in possible and not possible[name][0]]
        if reasons and len(reasons) == len(named):
            yield "never-exercised", ERROR, path, clause.id, reasons[0], "add what is missing, or leave the clause out"
        if isinstance(clause.parameters, AnswerRule):
            yield from _answer(of, clause, path)


def _answer(of: _Linter, clause: Clause, path: Path) -> Iterator[tuple[str, str, Path, str, str, str]]:
    rule: AnswerRule = clause.parameters
    chosen = [each for name, each in of.contract.operations.items() if not rule.operation or name in rule.operation]
    for condition in (*rule.where, *rule.when):
        if condition.comparison in OF_PLACES and condition.operand == condition.at:
            reason, remedy = f"{condition.at.text} is compared with itself", "correct one of the two places"
            yield "judges-nothing", ERROR, path, clause.id, reason, remedy
    if rule.codes and not any(each.error_code for each in chosen):
        remedy = 'write error_code = "response#/..." where the error code stands'
        yield "never-matched", ERROR, path, clause.id, "no operation says where its error_code stands", remedy
    if not any((rule.http, rule.headers, rule.content_type, rule.codes, rule.schema, rule.where, rule.empty)):
        remedy = "say what the response has: http, headers, content_type, codes, schema, where or empty"
        yield "judges-nothing", ERROR, path, clause.id, "it demands nothing", remedy
    for name in rule.to:
        known = [each for each in (template_of(each, name) for each in chosen) if each is not None]
        if not known and name != "busy":
            reason = f"the reference has no response for '{name}'"
            yield "no-mutant", WARNING, path, clause.id, reason, "give the operation that response in `answers`"


def _places(of: _Linter) -> Iterator[tuple[str, str, Path, str, str, str]]:
    for name, operation in of.contract.operations.items():
        places: dict[str, Place | None] = {key: getattr(operation, key) for key in ("status", "result", "echo")}
        places |= {"error_code": operation.error_code, "task_id": operation.task_id, **operation.marks}
        bodies = [each.body for each in operation.answers.values() if each.body is not None]
        merged = any(isinstance(body, Mapping) and "*" in body for body in bodies)
        etag = operation.marks.get("etag")
        if etag is not None and etag.area != "header":
            path: Path = ("operations", name, "etag")
            remedy = 'write etag = "response.header.ETag"'
            yield "never-matched", ERROR, path, f"operations.{name}.etag", f"{etag.text} is not a header", remedy
        for key, place in places.items():
            while place is not None and place.area == "body" and place.part == "response" and place.otherwise is None:
                if not merged and not any(_leads(body, place.steps) for body in bodies):
                    reason = f"no response of the reference has anything at {place.text}"
                    path = ("operations", name, key)
                    remedy = "put it into a response, or correct the pointer"
                    yield "fits-nothing", WARNING, path, f"operations.{name}.{key}", reason, remedy
                break


_ERRORS = ("refused", "unauthorized", "lost", "unknown", "malformed", "busy", "ended", "nothing", "unfinished")
"""The responses that are errors, where their HTTP status says so."""


def _shapes(of: _Linter) -> Iterator[tuple[str, str, Path, str, str, str]]:
    """Errors that a `shape` of the operation judges by the schema of its other responses."""
    contract = of.contract
    for index, clause in enumerate(contract.clauses):
        rule = clause.parameters
        if not isinstance(rule, ShapeRule) or rule.part != "response" or rule.rule or rule.when == "accepted":
            continue
        operation = contract.operations[rule.operation]
        schema = contract.schemas.get(operation.response_schema or "")
        needed = set(schema.get("required", ())) if isinstance(schema, Mapping) else set()
        for name in _ERRORS:
            answer = operation.answers.get(name)
            if answer is None or answer.http < 400 or not isinstance(answer.body, Mapping) or "*" in answer.body:
                continue
            missing = sorted(needed - set(answer.body))
            if missing and not operation.effects:
                reason = (
                    f"the response '{name}' of {operation.name} has no {missing[0]}, which its response_schema requires"
                )
                yield (
                    "error-shape",
                    WARNING,
                    ("clauses", index),
                    clause.id,
                    reason,
                    'write when = "accepted" in the clause',
                )
                break


def _leads(body: Any, steps: tuple[str, ...]) -> bool:
    """Whether a pointer leads somewhere in a response, or to a word whose value is not known here."""
    return any(
        isinstance(value, str) and value.startswith("$") if count < len(steps) else value is not MISSING
        for count in range(len(steps) + 1)
        for value in (follow_steps(body, steps[:count]),)
    )


def _probes(of: _Linter) -> Iterator[tuple[str, str, Path, str, str, str]]:
    contract = of.contract
    codec = codec_of(contract, "request")
    checks = checks_of(contract.schemas)
    for name, operation in contract.operations.items():
        body = of.sample(operation)
        if operation.request_schema is None or body is None or operation.role is Role.CALLBACK:
            continue
        raw = codec.write(body)
        typing = typing_of(codec, contract.schemas[operation.request_schema])
        value = codec.read(raw)
        errors = checks[operation.request_schema](value if typing is None else typing(value), raw)
        if errors:
            path: Path = ("operations", name, "request")
            remedy = "correct the sample under [tasks] or the schema"
            yield "invalid-sample", ERROR, path, f"operations.{name}", f"its request: {errors[0].message}", remedy
    for name, operation in contract.operations.items():
        place = operation.task_id
        if operation.role is not Role.CREATE or place is None or (place.part, place.area) != ("request", "body"):
            continue
        kinds = [each for each in contract.kinds.values() if each.operation in ("", name)]
        for kind in kinds:
            if operation.request == "$task" and "{unique}" not in str(follow_steps(kind.sample, place.steps)):
                reason = "the client chooses the id, and the sample gives the same one in every run"
                remedy = "write {unique} into it"
                yield "repeated-id", WARNING, ("tasks", kind.name), f"tasks.{kind.name}", reason, remedy
    for index, probe in enumerate(contract.probes):
        path = ("probes", index)
        if probe.name not in of.named:
            remedy = f'write a clause: kind = "refused", probe = "{probe.name}"'
            yield "unnamed-probe", WARNING, path, f"the probe '{probe.name}'", "no clause names it", remedy
        operation = contract.operations[probe.operation]
        body = of.sample(operation)
        changed = _changed(probe, body)
        if changed == body and probe.repeat is None and not probe.headers and not probe.query:
            reason = "it changes nothing of a valid request"
            yield "equal-probe", ERROR, path, f"the probe '{probe.name}'", reason, "correct `set` or `remove`"
        for pointer in probe.remove:
            if follow_steps(body, tuple(steps_of(pointer))) is MISSING:
                reason = f"{pointer} is not in the sample"
                yield "fits-nothing", WARNING, path, f"the probe '{probe.name}'", reason, "correct the pointer"


def _changed(probe: Probe, body: Any) -> Any:
    for pointer in probe.remove:
        body = without(body, pointer)
    for pointer, value in probe.set:
        body = with_value(body, pointer, value)
    return body


def _limits(of: _Linter) -> Iterator[tuple[str, str, Path, str, str, str]]:
    limits = of.contract.limits
    for name, kinds in _LIMIT_KINDS.items():
        if getattr(limits, name) not in (None, ()) and not of.kinds & set(kinds):
            remedy = f"write a clause of kind {' or '.join(kinds)}"
            yield "unjudged-limit", WARNING, ("limits", name), f"limits.{name}", "no clause judges it", remedy
    for word in limits.cancel_while:
        if word not in of.contract.statuses:
            remedy = "write one of those under [statuses]"
            path: Path = ("limits", "cancel_while")
            yield "never-matched", ERROR, path, "limits.cancel_while", f"'{word}' is not a status", remedy
    if of.contract.rates and "too-many" not in of.named:
        remedy = 'write a clause of kind "answer" with to = "too-many"'
        yield "unjudged-limit", WARNING, ("rates", 0), "rates", "no clause judges them", remedy
    created = {kind.operation or of.contract.operation(Role.CREATE).name for kind in of.contract.kinds.values()}
    for name, operation in of.contract.operations.items():
        if operation.role is Role.CREATE and name not in created:
            remedy = f'give a kind under [tasks] operation = "{name}"'
            yield (
                "unwalked-creation",
                WARNING,
                ("operations", name),
                f"operations.{name}",
                "no kind of task names it",
                remedy,
            )
        judged = [each for each in of.contract.clauses if operation.role in KINDS[each.kind].roles]
        if not judged:
            path = ("operations", name)
            yield "unjudged-operation", WARNING, path, f"operations.{name}", "no clause judges it", "write one"


def _documents(of: _Linter) -> Iterator[tuple[str, str, Path, str, str, str]]:
    if not of.contract.passages:
        keys = ", ".join(of.contract.sources)
        remedy = "give a source its `lines` and lay them out as [[passages]] (`pollproof clauses --coverage`)"
        reason = "how many of the rules of its pages are judged is not known"
        yield "no-passages", NOTE, ("sources",), f"sources {keys}", reason, remedy
    varied = {name for variant in of.contract.variants for name in variant.clauses}
    own = [(index, each.id) for index, each in enumerate(of.contract.clauses) if each.subject is Subject.PROVIDER]
    bare = [(index, name) for index, name in own if name not in varied]
    if bare:
        remedy = "name them in [[variants]] (clauses may be patterns such as my-api.poll.*)"
        reason = "no legal variant shows what they let pass"
        more = f" and {len(bare) - NAMED} more" if len(bare) > NAMED else ""
        yield (
            "no-variant",
            NOTE,
            ("clauses", bare[0][0]),
            ", ".join(name for _, name in bare[:NAMED]) + more,
            reason,
            remedy,
        )

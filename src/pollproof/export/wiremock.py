"""WireMock stub mappings: the life of one task as a stateful scenario, one status further with each poll."""

from __future__ import annotations

import re
from typing import Any

from pollproof.contract.model import Contract, Phase, Role
from pollproof.contract.places import Place
from pollproof.contract.vocabulary import ABOUT_A_TASK
from pollproof.export.sample_exchanges import Example, examples_of
from pollproof.trace.codecs import codec_of

NOT_IN_WIREMOCK = (
    "WireMock has no clock in its scenarios, and one task in each: poll limits, lifetimes and ids of their own are not "
    "carried, and each poll goes one status further."
)
"""What the stub mappings of a contract do not do."""

BEGUN = "created"
"""The state of the scenario after the creation."""

ONE_KIND, ORDINARY, NOT_YET, UNKNOWN_TASK, WRONG_KEY = 4, 5, 6, 8, 9
"""Priorities: valid requests are matched first."""


def wiremock_of(contract: Contract) -> dict[str, Any]:
    """The stub mappings of a contract, as WireMock imports them or reads them from its folder `mappings`."""
    examples = examples_of(contract)
    created = next(example for example in examples if example.operation.role is Role.CREATE and example.name == BEGUN)
    mappings = []
    for operation in contract.operations.values():
        state = BEGUN
        for example in (example for example in examples if example.operation is operation):
            mapping = _mapping(contract, example, created)
            if example.phase is not None and operation.role is Role.POLL:
                mapping |= _scenario(contract, state, example.name)
                mappings.append(mapping)
                state = example.name
                if example.phase.terminal:
                    mappings.append({**mapping, **_scenario(contract, state, state)})
            elif example.phase is Phase.SUCCEEDED and operation.role is Role.FETCH:
                mappings.append(mapping | _scenario(contract, _final(examples), _final(examples)))
            elif example is created:
                mappings.append({**mapping, "scenarioName": _name(contract), "newScenarioState": BEGUN})
            else:
                mappings.append(mapping)
    return {"mappings": mappings}


def _final(examples: list[Example]) -> str:
    """The state of the scenario in which the task has its result."""
    return next(each.name for each in examples if each.operation.role is Role.POLL and each.phase is Phase.SUCCEEDED)


def _name(contract: Contract) -> str:
    return f"a task of {contract.name}"


def _scenario(contract: Contract, state: str, following: str) -> dict[str, str]:
    return {"scenarioName": _name(contract), "requiredScenarioState": state, "newScenarioState": following}


def _mapping(contract: Contract, example: Example, created: Example) -> dict[str, Any]:
    operation, response = example.operation, example.response
    answer: dict[str, Any] = {"status": response.status, "headers": dict(response.headers)}
    if response.body:
        answer["body"] = response.body.decode("utf-8")
    is_refusal = example.phase is None and example.name in ("wrong key", "unknown task")
    priority = {"wrong key": WRONG_KEY, "unknown task": UNKNOWN_TASK}.get(example.name, ORDINARY)
    if operation.role is Role.FETCH and not is_refusal and example.phase is not Phase.SUCCEEDED:
        priority = NOT_YET  # until the scenario is at its end
    if _is_inline(contract, example):
        priority = ONE_KIND
    request = _request(contract, example, created, task=not is_refusal, key=example.name != "wrong key")
    return {
        "name": f"{operation.name}: {example.name}",
        "priority": priority,
        "request": request,
        "response": answer,
        "metadata": {
            "pollproof": {"contract": contract.name, "operation": operation.name, "not carried": NOT_IN_WIREMOCK}
        },
    }


def _request(contract: Contract, example: Example, created: Example, *, task: bool, key: bool) -> dict[str, Any]:
    operation = example.operation
    wanted: dict[str, Any] = {"method": operation.method}
    bodies: list[dict[str, Any]] = []
    headers: dict[str, Any] = {}
    prefix = re.sub(r"^\w+://[^/]*", "", contract.base_url).rstrip("/")
    path = prefix + operation.path or "/"
    about_task = operation.role in ABOUT_A_TASK
    if "{" in path and not (task and about_task):
        wanted["urlPathPattern"] = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)).replace(r"\/", "/")
    else:
        wanted["urlPath"] = re.sub(r"\{\w+\}", str(created.task), path)
    if operation.element:
        bodies.append({"matchesXPath": f"//*[local-name()='{operation.element}']"})
    place = contract.credential.at
    if key and place is not None:
        value = contract.credential.template.replace("{credential}", contract.credential.sample)
        if place.area == "header":
            headers[place.steps[0]] = {"equalTo": value}
        else:
            bodies.append(_at(contract, place, value))
    place = operation.task_id
    if task and about_task and place is not None and place.area == "body" and place.part == "request":
        bodies.append(_at(contract, place, str(created.task)))
    if _is_inline(contract, example):
        body = codec_of(contract, "request").read(example.request.body)
        bodies.append({"equalToJson": body, "ignoreExtraElements": True})
    if headers:
        wanted["headers"] = headers
    if bodies:
        wanted["bodyPatterns"] = bodies
    return wanted


def _is_inline(contract: Contract, example: Example) -> bool:
    kind = contract.kinds.get(example.name)
    return example.operation.role is Role.CREATE and kind is not None and kind.inline and contract.body == "json"


def _at(contract: Contract, place: Place, value: str) -> dict[str, Any]:
    """A pattern of a body that has a value at a place."""
    if contract.body == "soap":
        return {"matchesXPath": {"expression": f"//*[local-name()='{place.steps[-1]}']/text()", "equalTo": value}}
    expression = "$" + "".join(f"['{step}']" for step in place.steps)
    return {"matchesJsonPath": {"expression": expression, "equalTo": value}}

"""`verify` against mock servers that others wrote, which know of pollproof nothing but what it exports for them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pollproof.export.openapi import openapi_of
from pollproof.export.wiremock import wiremock_of
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.verify.exploration import Exploration
from pollproof.verify.launch.server import free_port, launched
from pollproof.verify.options import plan_from
from pollproof.verify.run import explore
from pollproof.verify.session import Session

MODULES = Path(__file__).parents[1] / "mocks" / "node_modules"
CONTRACT = load_contract("capsolver")


def installed(program: str, path: Path) -> str:
    found = shutil.which(program)
    if found is None or not path.exists():
        pytest.skip(f"FOREIGN MOCK NOT TESTED: it needs {program}, and `npm install --prefix tests/mocks`")
    return found


@contextmanager
def verified(command: list[str]) -> Iterator[Exploration]:
    """What comes of verifying a mock without any wait: with `{port}` for its port."""
    port = str(free_port("127.0.0.1"))
    url = f"http://127.0.0.1:{port}"
    with launched([word.replace("{port}", port) for word in command], url, os.environ):
        yield explore(plan_from("capsolver", base_url=url, budget="0.1s", examples=0))


def verdicts(exploring: Exploration) -> dict[str, Verdict]:
    return {entry.clause.id.removeprefix("capsolver."): entry.verdict for entry in exploring.ledger.entries.values()}


def violated(exploring: Exploration) -> set[str]:
    return {name for name, verdict in verdicts(exploring).items() if verdict is Verdict.VIOLATED}


def test_prism_keeps_the_shapes_and_has_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers each request with an example of the OpenAPI document, whatever was asked before.

    A body that is not JSON gets no response from Prism 5.16, which verify takes ten seconds to find out (a SHOULD):
    such bodies are left out here.
    """
    monkeypatch.setattr(Session, "probe_malformed", lambda *_: None)
    prism = MODULES / "@stoplight" / "prism-cli" / "dist" / "index.js"
    node = installed("node", prism)
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi_of(CONTRACT)))
    with verified([node, str(prism), "mock", str(document), "--port", "{port}", "--verboseLevel", "silent"]) as found:
        assert found.error is None
        assert violated(found) == {"create.unique-id", "create.unknown-kind", "poll.unknown-task", "wrong-key"}
        seen = verdicts(found)
    assert {seen[name] for name in ("create.response-shape", "poll.response-shape", "missing-field")} == {Verdict.HELD}
    beyond = ("poll.budget-ended", "poll.lifetime-ended", "poll.terminal", "poll.result-stable")
    assert {seen[name] for name in beyond} == {Verdict.UNEXERCISED}


def test_mockoon_makes_answers_from_schemas_and_refuses_nothing(tmp_path: Path) -> None:
    """It fills each schema of a response in with empty values, so that no task is created and no status is a status."""
    mockoon = MODULES / "@mockoon" / "cli" / "bin" / "run.js"
    node = installed("node", mockoon)
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi_of(CONTRACT)))
    options = ["--port", "{port}", "--hostname", "127.0.0.1", "--disable-log-to-file"]
    with verified([node, str(mockoon), "start", "--data", str(document), *options]) as found:
        refuses = {"poll.unknown-task", "wrong-key", "missing-field", "malformed", "create.untyped-task"}
        shapes = {"create.response-shape", "create.synchronous", "create.unknown-kind"}
        assert violated(found) == refuses | shapes
        beyond = ("poll.budget-ended", "poll.lifetime-ended", "poll.terminal", "poll.result-stable", "create.unique-id")
        seen = verdicts(found)
    assert {seen[name] for name in beyond} == {Verdict.UNEXERCISED}


def test_wiremock_remembers_one_task_and_forgets_none(tmp_path: Path) -> None:
    """It plays the exported scenario: statuses in their order, wrong keys refused, and always the same task."""
    jar = next((MODULES / "wiremock" / "build").glob("*.jar"), MODULES / "wiremock")
    java = installed("java", jar)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "capsolver.json").write_text(json.dumps(wiremock_of(CONTRACT)))
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    options = ["--port", "{port}", "--root-dir", str(tmp_path), "--disable-banner", "--no-request-journal"]
    with verified([java, *quick, "-jar", str(jar), *options]) as found:
        assert found.error is None
        # It answers invalid creations with its one task, too: that the id was given before hides nothing.
        invalid = {"missing-field", "create.unknown-kind", "create.untyped-task"}
        assert violated(found) == {"create.unique-id", *invalid}
        seen = verdicts(found)
        assert found.statuses == {"idle", "processing", "ready"}
    held = ("poll.order", "poll.unknown-task", "wrong-key", "create.synchronous", "poll.result-stable")
    assert {seen[name] for name in held} == {Verdict.HELD}
    beyond = ("poll.budget-ended", "poll.lifetime-ended", "poll.lost-stays-lost")
    assert {seen[name] for name in beyond} == {Verdict.UNEXERCISED}

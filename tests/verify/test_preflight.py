"""A run proves first that it can judge: what cannot be judged ends with status 4, and what was not shown with 3."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pollproof.bundled import bundled
from pollproof.clauses.faults import Settings
from pollproof.clock import ShiftedClock
from pollproof.contract.model import Role
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve
from pollproof.trace.exchange import Request, Response
from tests.lanes import a_few
from tests.servers import pollproof

FAST = ("--examples", "0")
PROTOCOLS = ("capsolver", "cnode", "decodo")
"""A provider of each protocol."""


@contextmanager
def served(name: str, answer: Callable[[ReferenceProvider, Request], Response] | None = None) -> Iterator[Served]:
    """A reference provider over HTTP, whose answers a function may replace."""
    clock = ShiftedClock()

    class Provider(ReferenceProvider):
        def handle(self, request: Request) -> Response:
            return super().handle(request) if answer is None else answer(self, request)

        def honest(self, request: Request) -> Response:
            return super().handle(request)

    with serve(Provider(load_contract(name), clock), clock) as found:
        yield found


def verify(name: str, *words: str, **environment: str) -> tuple[int, str]:
    done = pollproof("verify", name, *FAST, *words, NO_PROXY="*", **environment)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return done.returncode, said


MOST_REQUESTS = 8
"""What a preflight sends before it gives up: seconds, on whatever machine."""

ALIKE = {
    "404": Response(404, {}, b"<html>not found</html>"),
    "401": Response(401, {}, b"{}"),
    "403": Response(403, {}, b"forbidden"),
    "429": Response(429, {}, b""),
    "500": Response(500, {}, b"oops"),
    "502": Response(502, {}, b"<html>bad gateway</html>"),
    "503": Response(503, {}, b'{"x": 1}'),
    "empty 200": Response(200, {}, b""),
    "HTML": Response(200, {"content-type": "text/html"}, b"<!doctype html><title>Welcome</title>"),
}


@pytest.mark.parametrize(("answer", "name"), a_few(zip(ALIKE, itertools.cycle(bundled()), strict=False), 5))
def test_a_server_that_answers_everything_alike_ends_with_status_4_in_seconds(answer: str, name: str) -> None:
    with served(name, lambda *_: ALIKE[answer]) as found:
        status, said = verify(name, "--base-url", found.base_url)
    assert status == 4, said
    assert int(re.search(r"([\d,]+) requests?[,;]", said)[1].replace(",", "")) <= MOST_REQUESTS  # type: ignore[index]
    error, summary = said.splitlines()[-2:]
    assert error.startswith("error: preflight: no task could be created. ")
    assert f"got HTTP {ALIKE[answer].status}" in error
    assert "Likely causes: (1) " in error
    assert f"type: pollproof doctor {name} --base-url " in error
    assert summary.startswith("FAILED: 0 of ")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_mistyped_key_ends_with_status_4(name: str) -> None:
    if load_contract(name).credential.at is None:
        pytest.skip("no key")
    with served(name) as found:
        status, said = verify(name, "--base-url", found.base_url, "--api-key", "MISTYPED-KEY-12345")
    assert status == 4, said
    assert "Likely causes: (1) the key: it is mistyped" in said
    assert "MISTYPED" not in said


def test_one_kind_that_is_refused_ends_with_status_4() -> None:
    def poor(provider: Any, request: Request) -> Response:
        if b"ImageToTextTask" in request.body:
            return Response(
                200, {}, b'{"errorId": 1, "errorCode": "ERROR_ZERO_BALANCE", "errorDescription": "no money"}'
            )
        answer: Response = provider.honest(request)
        return answer

    with served("capsolver", poor) as found:
        words = ("--base-url", found.base_url, "--advance-url", found.advance_url)
        status, said = verify("capsolver", *words)
        assert status == 4, said
        assert "preflight: no task of the kind 'synchronous' could be created. POST" in said
        assert "(1) the account: balance" in said
        assert "--allow-unexercised synchronous" in said
        status, said = verify(
            "capsolver", *words, "--allow-unexercised", "synchronous", "--allow-unexercised", "unexercised"
        )
    assert status == 0, said


@pytest.mark.parametrize("name", a_few(PROTOCOLS[::-1], 1))
def test_tasks_of_which_one_kind_is_unknown_at_its_first_poll_end_with_status_4(name: str) -> None:
    contract = load_contract(name)
    kind = [kind for kind in contract.kinds.values() if not kind.inline][-1]

    def forgetful(provider: Any, request: Request) -> Response:
        answer: Response = provider.honest(request)
        if provider.order and provider.order[-1].kind.name == kind.name:
            provider.restart(provider.clock, provider.order[-1].number + 1)
        return answer

    with served(name, forgetful) as found:
        status, said = verify(name, "--base-url", found.base_url, "--advance-url", found.advance_url)
    assert status == 4, said
    assert "was created, and no poll of it was answered with a state" in said


def test_a_base_url_without_its_path_is_told() -> None:
    with served("decodo", lambda *_: ALIKE["404"]) as found:
        status, said = verify("decodo", "--base-url", found.base_url.removesuffix("/v3"))
    assert status == 4
    assert "(1) the base URL: this contract's ends in /v3" in said
    assert f"--base-url {found.base_url}" in said


@pytest.mark.parametrize("name", a_few(PROTOCOLS, 1))
def test_a_server_that_knows_no_task_ends_with_status_4(name: str) -> None:
    contract = load_contract(name)

    def forgetful(provider: Any, request: Request) -> Response:
        if not _creates(contract, request):
            provider.restart(provider.clock)
        answer: Response = provider.honest(request)
        return answer

    with served(name, forgetful) as found:
        status, said = verify(name, "--base-url", found.base_url)
    assert status == 4, said
    assert "a task was created, and no poll of it was answered with a state" in said


def _creates(contract: Any, request: Request) -> bool:
    operation = contract.operation(Role.CREATE)
    if operation.element:
        return operation.element.encode() in request.body
    return bool(request.path.endswith(operation.path) and request.method == operation.method)


def test_a_hook_that_answers_and_moves_nothing_ends_with_status_4() -> None:
    with served("capsolver") as found, served("capsolver", lambda *_: Response(200, {}, b"{}")) as liar:
        hook = f"{liar.base_url}/advance"
        status, said = verify("capsolver", "--base-url", found.base_url, "--advance-url", hook)
    assert status == 4, said
    assert f"the clock hook {hook} was called to move the clock" in said
    assert "(1) the hook answers without moving the clock" in said


def test_tasks_that_never_end_are_not_passed() -> None:
    contract, clock = load_contract("capsolver"), ShiftedClock()
    provider = ReferenceProvider(contract, clock, Settings(solving=1e9))
    with serve(provider, clock) as found:
        status, said = verify("capsolver", "--base-url", found.base_url, "--advance-url", found.advance_url)
    assert status in (1, 3), said
    assert "PASSED" not in said


def test_a_target_without_a_hook_is_verified_in_part_and_can_be_accepted_on_purpose(tmp_path: Path) -> None:
    with served("capsolver") as found:
        words = ("--base-url", found.base_url, "--max-wait", "1s", "--json", str(tmp_path / "r.json"))
        status, said = verify("capsolver", *words)
        assert status == 3, said
        last = said.splitlines()[-1]
        assert last.startswith("PARTLY: ")
        assert "need a movable clock (--launch, --advance-url) or --max-wait " in last
        status, said = verify("capsolver", *words, "--allow-unexercised", "clock")
        assert status == 0, said
        assert said.splitlines()[-1].startswith("PASSED: ")
        assert " of these allowed" in said.splitlines()[-1]
        idle = [each["id"] for each in json.loads((tmp_path / "r.json").read_text())["clauses"] if each.get("cause")]
        entry = 'verdict = "unexercised"\ntarget = "*"\nreason = "it has no hook"\nexpires = "2999-01-01"\n'
        known = tmp_path / "known.toml"
        known.write_text("".join(f'[[known]]\nclause = "{name}"\n{entry}' for name in idle))
        by_baseline, told = verify("capsolver", *words[:-2], "--baseline", str(known), "-v")
        assert by_baseline == 0, told
        assert "(accepted by the baseline: it has no hook)" in told
        assert f"{len(idle)} of these allowed" in told.splitlines()[-1]
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["allowed"] == ["clock"]
    assert report["summary"] == said.splitlines()[-1]


def test_an_old_name_of_an_option_is_taken_and_in_no_help() -> None:
    status, said = verify("capsolver", "--budget", "soon", "--base-url", "http://127.0.0.1:1")
    assert (status, "duration" in said) == (2, True)
    assert "--budget" not in pollproof("verify", "--help").stdout


def test_a_host_of_ones_own_is_allowed_by_name() -> None:
    status, said = verify("capsolver", "--base-url", "http://mock:8080")
    assert (status, "--allow-host mock if it is yours" in said) == (2, True)
    status, said = verify("capsolver", "--base-url", "http://mock.invalid:8080", "--allow-host", "mock.invalid")
    assert status == 4
    assert "the host name cannot be resolved" in said


def test_doctor_proves_a_target_and_judges_nothing() -> None:
    with served("capsolver") as found:
        words = ("doctor", "capsolver", "--base-url", found.base_url)
        done = pollproof(*words, "--advance-url", found.advance_url, NO_PROXY="*")
        assert done.returncode == 0, done.stdout
        assert "ok    a task was created" in done.stdout
        assert "ok    the clock hook moves the clock" in done.stdout
        done = pollproof(*words, "--api-key", "MISTYPED-KEY-12345", NO_PROXY="*")
    assert done.returncode == 4
    assert "FAIL  preflight: no task could be created" in done.stdout
    assert pollproof("doctor").returncode == 0


def test_a_live_run_with_a_mistyped_key_ends_with_status_4(tmp_path: Path) -> None:
    with served("capsolver") as found:
        words = ("--live", "--yes", "--record", str(tmp_path / "live.yaml"), "--api-key", "MISTYPED-KEY-12345")
        done = pollproof("verify", "capsolver", "--base-url", found.base_url, *words, NO_PROXY="*")
    assert done.returncode == 4, done.stdout
    assert "no task could be created" in done.stdout
    assert "(1) the key: it is mistyped" in done.stdout


def test_a_hook_need_not_show_itself_in_tasks_that_end_at_once_and_are_kept_longer_than_promised() -> None:
    clock = ShiftedClock()
    settings = Settings(solving=0.0, lifetime=1e9)
    with serve(ReferenceProvider(load_contract("decodo"), clock, settings), clock) as found:
        status, said = verify("decodo", "--base-url", found.base_url, "--advance-url", found.advance_url)
    assert status == 0, said


def test_an_empty_key_is_refused() -> None:
    status, said = verify("capsolver", "--base-url", "http://127.0.0.1:1", "--api-key", "")
    assert (status, "--api-key is empty" in said) == (2, True)


def test_a_text_that_may_be_empty_and_always_is_leaves_a_run_conclusive() -> None:
    def silent(provider: Any, request: Request) -> Response:
        answer: Response = provider.honest(request)
        body = re.sub(rb"<additionalInfo>.*?</additionalInfo>", b"<additionalInfo></additionalInfo>", answer.body)
        return answer._replace(body=body)

    with served("cnode", silent) as found:
        words = ("--base-url", found.base_url, "--advance-url", found.advance_url, "-v")
        status, said = verify("cnode", *words)
    assert status == 0, said
    assert "every additionalInfo was empty or absent, which is allowed" in said


def test_the_check_that_is_proposed_has_the_hosts_that_are_ones_own() -> None:
    status, said = verify("capsolver", "--base-url", "http://mock.invalid:8080", "--allow-host", "mock.invalid")
    assert status == 4, said
    assert "doctor capsolver --base-url http://mock.invalid:8080 --allow-host mock.invalid --api-key" in said


def test_a_target_without_keys_is_not_suspected_of_a_wrong_one() -> None:
    with served("cnode", lambda *_: ALIKE["HTML"]) as found:
        status, said = verify("cnode", "--base-url", found.base_url)
    assert status == 4, said
    assert "(1) the base URL" in said
    assert "api-key" not in said

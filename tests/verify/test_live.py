"""`--live`: real providers are asked at a lawful pace, within limits, and all that is done is kept."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pollproof.bundled import bundled
from pollproof.check.judging import check
from pollproof.clauses.faults import Settings
from pollproof.clock import ShiftedClock, VirtualClock
from pollproof.contract.model import Contract, Subject
from pollproof.http.addresses import is_loopback
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.proof.mutants import mutants_of, variant_provider
from pollproof.recordings.files import find_recordings
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve, serve_handler
from pollproof.trace.events import Event
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of
from pollproof.verify.exploration import Exploration, begin_exploration
from pollproof.verify.live.plan_text import plan_lines
from pollproof.verify.live.planning import planned, rehearsed
from pollproof.verify.live.quota import Quota, QuotaSpent
from pollproof.verify.live.record import earlier
from pollproof.verify.live.run import explore_live
from pollproof.verify.live.session import LiveSession
from pollproof.verify.live_limits import with_skew
from pollproof.verify.options import OptionError, plan_from
from pollproof.verify.plan import command
from pollproof.verify.rate_limiter import MAXIMUM_REFUSALS, ProviderRefused, RateLimiter, read_retry_after
from pollproof.verify.target_clocks import BudgetSpent
from tests.independent import serving as independent
from tests.servers import clean_environment, free_port, pollproof

APIS = sorted((Path(__file__).parents[1] / "apis").glob("*.toml"))
CONTRACTS = {name: load_contract(name) for name in [*bundled(), *map(str, APIS)]}
KEY = "placeholder-key-0815"
LARGE = {"max_requests": 2000, "max_tasks": 10_000, "budget": "90000s"}
"""Limits that every walk fits."""


@contextlib.contextmanager
def provider(contract: Contract, settings: Settings | None = None) -> Iterator[tuple[Served, ReferenceProvider]]:
    """A reference provider on loopback, with a hook that moves its clock."""
    clock = ShiftedClock()
    key = replace(contract.credential, sample=KEY) if contract.credential.at is not None else contract.credential
    reference = ReferenceProvider(replace(contract, credential=key), clock, settings)
    with serve(reference, clock) as served:
        yield served, reference


def live(name: str, served: Served, **options: Any) -> Exploration:
    """A live run against a served provider, through its clock hook."""
    plan = plan_from(name, base_url=served.base_url, advance_url=served.advance_url, api_key=KEY, live=True, **options)
    return explore_live(plan, None, begin_exploration(plan))


def violated(result: Exploration) -> set[str]:
    return {entry.clause.id for entry in result.ledger.violated()}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class TestBeforeAnythingIsSent:
    @pytest.mark.parametrize(
        "url", ["https://api.example.com", "http://10.0.0.7:8080", "http://mock:8080", "http://[2001:db8::1]"]
    )
    def test_what_is_not_this_machine_asks_for_live(self, url: str) -> None:
        with pytest.raises(OptionError, match=r"is a remote host; no request was sent\. .*--live.* --allow-host "):
            plan_from("capsolver", base_url=url, live=False)

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "api.localhost", "[::1]"])
    def test_loopback_does_not(self, host: str) -> None:
        assert is_loopback(f"http://{host}:1234/v1")
        assert plan_from("capsolver", base_url=f"http://{host}:1234", live=False).live is None

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"live": False, "destructive": True}, "--destructive goes with --live"),
            ({"live": False, "max_requests": 3}, "--max-requests goes with --live"),
            ({"live": False, "clock_skew": "2s"}, "--clock-skew goes with --live"),
            ({"max_tasks": 0}, "--max-tasks 0: expected 1 or more"),
            ({"price": float("nan")}, "--price nan: expected an amount"),
            ({"clock_skew": "soon"}, "invalid duration 'soon'"),
            ({"examples": 3}, "--examples does not go with --live"),
            ({"record": "no/such/folder.yaml"}, "the folder no/such does not exist"),
            ({"record": "record.txt"}, "a cassette ends in"),
            ({"resume": "missing.yaml"}, "missing.yaml"),
            ({"resume": "a.yaml", "record": "b.yaml"}, "exclude each other"),
        ],
    )
    def test_options_that_cannot_be_used(self, options: dict[str, Any], problem: str) -> None:
        with pytest.raises(OptionError, match=problem):
            plan_from("capsolver", **{"base_url": "http://localhost:9", "live": True, **options})

    def test_a_live_run_needs_an_address(self) -> None:
        with pytest.raises(OptionError, match="--live goes with --base-url"):
            plan_from("capsolver", live=True)

    def test_the_plan_says_what_will_be_asked_and_what_it_costs_and_a_dry_run_ends_there(self) -> None:
        words = ["verify", "capsolver", "--base-url", "https://provider.invalid", "--live", "--dry-run"]
        done = pollproof(*words, "--price", "0.002", "--max-tasks", "5")
        assert done.returncode == 0
        assert done.stderr == "nothing was sent\n"
        assert "to-the-end-of-life      5 requests      1 task       5 min" in done.stdout
        assert "together about 22 requests, 5 tasks, 6 min" in done.stdout
        assert "at most 200 requests, 5 tasks, 10 min; it costs about 0.01, and 0.01 at most" in done.stdout
        assert "not run without --destructive: 'to-the-end-of-life' requests a task whose lifetime" in done.stdout
        assert not list(Path().iterdir())

    def test_what_does_not_fit_the_limits_is_left_out_with_what_would_let_it(self) -> None:
        plan = plan_from("capsolver", base_url="https://api.example.com", live=True, max_requests=10, budget="60s")
        intended = planned(plan)
        assert [step.walk.name for step in intended.steps] == ["one-after-another", "answered-at-once"]
        told = "\n".join(plan_lines(plan, intended))
        assert "'side-by-side' goes beyond the limits; --max-requests 17 would let it" in told
        assert "'to-the-end-of-life' goes beyond the limits; --max-requests 12 would let it" in told

    def test_who_asks_about_one_clause_pays_for_one_walk(self) -> None:
        options: dict[str, Any] = {"base_url": "https://api.example.com", "live": True, "destructive": True}
        for clause, walk in (
            ("capsolver.poll.lifetime-served", ["to-the-end-of-life"]),
            ("capsolver.poll.lifetime-ended", ["to-the-end-of-life"]),
            ("capsolver.poll.terminal", ["one-after-another"]),
            ("capsolver.poll.error-is-final", []),
        ):
            intended = planned(plan_from("capsolver", keyword=clause, **options))
            assert [step.walk.name for step in intended.steps] == walk
            assert any(step.skipped and "-k selects" in step.skipped.reason for step in intended.left_out)
        assert len(planned(plan_from("capsolver", keyword="lifetime or terminal", **options)).steps) > 3

    @pytest.mark.parametrize("name", CONTRACTS)
    def test_every_clause_is_planned_or_left_out_with_a_reason(self, name: str) -> None:
        for destructive in (False, True):
            plan = plan_from(name, base_url="https://api.example.com", live=True, destructive=destructive)
            intended = planned(plan)
            reasons = intended.not_run(plan.contract)
            every = {clause.id for clause in clauses_of(plan.contract, Subject.PROVIDER)}
            assert intended.clauses | set(reasons) == every
            assert not intended.clauses & set(reasons)
            assert all(why.reason.startswith("not ") for why in reasons.values())
            assert any("--destructive" in why.reason for why in reasons.values()) is not destructive


class TestPace:
    @pytest.mark.parametrize("name", CONTRACTS)
    def test_a_live_run_keeps_every_rule_of_a_client_but_that_it_reads_a_final_answer_again(self, name: str) -> None:
        contract = CONTRACTS[name]
        with provider(contract) as (served, _):
            result = live(name, served, record="run.yaml", **LARGE)
        assert result.error is None
        assert result.complete
        assert violated(result) == set()
        judged = check(contract, find_recordings(["run.yaml"]), base_url=served.base_url).ledger
        client = {entry.clause.id: entry for entry in judged.entries.values() if entry.clause.subject is Subject.CLIENT}
        broken = {entry.clause.kind for entry in client.values() if entry.violations}
        assert broken <= {"no-poll-after-final"}
        timed = {"minimum-wait", "no-hot-loop", "retry-after-kept", "no-poll-after-lifetime"}
        assert all(entry.exercised for entry in client.values() if entry.clause.kind in timed)

    @pytest.mark.parametrize("name", bundled())
    def test_independent_implementations_pass_all_walks(self, name: str) -> None:
        service = importlib.import_module(f"tests.independent.{name}_service")
        with independent.serve(service.create_application(KEY)) as url:
            options = {"callback_url": f"http://127.0.0.1:{free_port()}/called", "destructive": True, **LARGE}
            plan = plan_from(name, base_url=url, advance_url=f"{url}/advance", api_key=KEY, live=True, **options)
            result = explore_live(plan, None, begin_exploration(plan))
        assert result.error is None
        assert result.complete
        assert violated(result) == set()
        idle = {entry.clause.id for entry in result.ledger.unexercised()} - set(result.idle)
        # An id need not be repeated; of a callback that comes while a poll is answered nobody knows which was first.
        assert idle <= {"capmonster.poll.echo", "decodo.callback.final"}

    @pytest.mark.parametrize("name", CONTRACTS)
    def test_no_legal_variant_is_accused_by_any_walk(self, name: str) -> None:
        contract = CONTRACTS[name]
        for variant in contract.variants:
            ledger = Ledger(clauses_of(contract, Subject.PROVIDER))
            assert len(list(rehearsed(variant_provider(contract, variant), ledger))) > 2
            assert ledger.violated() == [], variant.name

    @pytest.mark.parametrize("name", ["capsolver", "capmonster"])
    def test_nearly_every_mutant_of_a_provider_is_found_by_all_walks_and_most_by_the_lawful_ones(
        self, name: str
    ) -> None:
        contract = CONTRACTS[name]
        found = {"lawful": 0, "all": 0}
        mutants = [
            mutant for clause in clauses_of(contract, Subject.PROVIDER) for mutant in mutants_of(contract, clause)[:1]
        ]
        for mutant in mutants:
            ledger = Ledger(clauses_of(contract, Subject.PROVIDER))
            lawfully = False
            for step in rehearsed(mutant.provider(), ledger):
                lawfully = lawfully or (not step.permitted and ledger[mutant.clause.id].violations > 0)
            found["lawful"] += lawfully
            found["all"] += ledger[mutant.clause.id].violations > 0
            own = {mutant.clause.id, *mutant.companions}
            assert {entry.clause.id for entry in ledger.violated()} <= own, mutant.name
        assert found["all"] >= 0.9 * len(mutants)
        assert 0.5 * len(mutants) <= found["lawful"] < found["all"]

    def test_a_provider_that_asks_for_patience_gets_it(self) -> None:
        contract = CONTRACTS["capsolver"]
        clock = ShiftedClock()
        reference = ReferenceProvider(contract, clock)
        times: list[float] = []

        def busy_at_first(request: Request) -> Response:
            if request.path.startswith("/_clock"):
                return advance(clock, request)
            times.append(clock.now())
            if len(times) == 2:
                return Response(429, {"content-type": "text/plain", "retry-after": "50"}, b"slow down")
            if len(times) == 4:
                return Response(503, {"content-type": "text/html"}, b"<html>overloaded</html>")
            return reference.handle(request)

        with serve_handler(busy_at_first) as url:
            plan = plan_from("capsolver", base_url=url, advance_url=f"{url}/_clock/advance", live=True)
            result = explore_live(plan, None, begin_exploration(plan))
        assert result.error is None
        assert violated(result) == set()
        gaps = [later - sooner for sooner, later in pairwise(times)]
        assert gaps[1] >= 50
        assert 6 <= gaps[3] < 10
        assert min(gaps) >= 1

    def test_who_is_turned_away_again_and_again_stops(self) -> None:
        asked: list[str] = []
        clock = ShiftedClock()

        def never(request: Request) -> Response:
            if request.path.startswith("/_clock"):
                return advance(clock, request)
            asked.append(request.path)
            return Response(429, {"retry-after": "7"}, b"")

        with serve_handler(never) as url:
            plan = plan_from("capmonster", base_url=url, advance_url=f"{url}/_clock/advance", live=True)
            result = explore_live(plan, None, begin_exploration(plan))
        assert len(asked) == MAXIMUM_REFUSALS
        assert not result.complete
        assert any("has turned away 5 requests in a row (HTTP 429)" in note for note in result.notes)

    def test_who_is_blocked_stops_at_once(self) -> None:
        pace = RateLimiter(CONTRACTS["capsolver"])
        body = {"errorId": 1, "errorCode": "ERROR_IP_BANNED", "errorDescription": "too many errors"}
        with pytest.raises(
            ProviderRefused, match=r"has blocked this account or address \(ERROR_IP_BANNED\), for 1800 s"
        ):
            pace.note(event("capsolver", "/getTaskResult", {"taskId": "a"}, body), 0.0)

    def test_a_provider_that_creates_no_task_is_not_asked_over_and_over(self) -> None:
        contract = CONTRACTS["capsolver"]
        with provider(contract) as (served, _):
            plan = plan_from(
                "capsolver", base_url=served.base_url, advance_url=served.advance_url, api_key="another-key", live=True
            )
            result = explore_live(plan, None, begin_exploration(plan))
        assert result.exchanges == 2
        assert any("refuses to create tasks (ERROR_KEY_DENIED_ACCESS)" in note for note in result.notes)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry-after": "120"}, 120.0),
            ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
            ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
            ({"retry-after": "whenever"}, None),
        ],
    )
    def test_retry_after_is_a_number_or_a_date(self, headers: dict[str, str], seconds: float | None) -> None:
        assert read_retry_after(headers, 1_500_000_000.0) == seconds


class TestLimits:
    def test_no_more_requests_leave_than_are_allowed_however_slow_the_provider_is(self) -> None:
        with provider(CONTRACTS["capsolver"], Settings(solving=110.0)) as (served, reference):
            result = live("capsolver", served, max_requests=24)
        assert reference.polls + len(reference.tasks) <= 24
        assert not result.complete
        assert any("was cut short: --max-requests 24 is used up" in note for note in result.notes)

    def test_a_request_over_a_limit_is_refused_before_it_is_counted(self) -> None:
        allowance = Quota(requests=2, tasks=1)
        creation = event("capsolver", "/createTask", {"task": {"type": "x"}}, None)
        allowance.take(creation)
        with pytest.raises(QuotaSpent, match="--max-tasks 1 is used up"):
            allowance.take(creation)
        assert (allowance.requests, allowance.tasks) == (1, 1)
        assert issubclass(QuotaSpent, BudgetSpent)

    def test_a_batch_counts_as_its_entries(self) -> None:
        allowance = Quota(tasks=10)
        allowance.take(event("decodo", "/task/batch", {"url": ["a", "b", "c"], "target": "universal"}, None))
        assert allowance.tasks == 3

    def test_without_destructive_nothing_is_asked_wrongly_on_purpose(self) -> None:
        contract = CONTRACTS["capsolver"]
        with provider(contract) as (served, _):
            lawful = live("capsolver", served, record="lawful.yaml", **LARGE)
            destructive = live("capsolver", served, record="destructive.yaml", destructive=True, **LARGE)
        assert "probe" not in Path("lawful.yaml").read_text()
        assert "probe: 'wrong-credential'" in Path("destructive.yaml").read_text()
        idle = {entry.clause.id for entry in lawful.ledger.unexercised()}
        assert idle <= set(lawful.idle)
        assert {entry.clause.id for entry in destructive.ledger.unexercised()} <= set(destructive.idle)
        assert "capsolver.poll.budget-ended" in idle
        assert destructive.ledger["capsolver.poll.budget-ended"].exercised > 0

    def test_walks_that_break_no_rule_come_before_those_that_do(self) -> None:
        options: dict[str, Any] = {"destructive": True, **LARGE}
        plan = plan_from("decodo", base_url="https://api.example.com", live=True, callback_url="http://x/", **options)
        permitted = [step.permitted for step in planned(plan).steps]
        assert any(permitted)
        assert permitted == sorted(permitted)

    @pytest.mark.parametrize(("budget", "whole"), [("900s", True), ("340s", False)])
    def test_the_part_of_a_walk_that_breaks_no_rule_is_made_where_the_whole_does_not_fit(
        self, budget: str, whole: bool
    ) -> None:
        plan = plan_from(
            "capsolver", base_url="https://api.example.com", live=True, destructive=True, budget=budget, max_requests=50
        )
        steps = {step.walk.name: step for step in planned(plan).steps}
        assert steps["to-the-end-of-life"].permitted is whole


class TestClockSkew:
    def test_a_task_that_is_gone_a_little_early_is_no_violation_where_clocks_may_differ(self) -> None:
        contract = CONTRACTS["capsolver"]
        with provider(contract, Settings(lifetime=292.0, solving=5.0, failing=False)) as (served, _):
            strict = live("capsolver", served)
            declared = live("capsolver", served, clock_skew="4s")
        assert violated(strict) == {"capsolver.poll.lifetime-served"}
        assert violated(declared) == set()
        assert declared.ledger["capsolver.poll.lifetime-served"].exercised > 0

    def test_every_deadline_is_open_by_so_much_more(self) -> None:
        contract = CONTRACTS["capsolver"]
        skewed = with_skew(contract, 3.0)
        assert skewed.limits.lifetime_slack == contract.limits.lifetime_slack + 3.0
        own = [clause.parameters.limits for clause in skewed.clauses if hasattr(clause.parameters, "limits")]
        assert len(own) > 3
        assert all(limits is skewed.limits for limits in own)
        assert with_skew(contract, 0.0) is contract


class TestRecord:
    def test_it_is_a_cassette_without_the_key_that_check_judges_as_the_run_did(self) -> None:
        contract = CONTRACTS["capmonster"]
        with provider(contract) as (served, _):
            result = live("capmonster", served, record="run.yaml", destructive=True, **LARGE)
        text = Path("run.yaml").read_text()
        assert KEY not in text
        assert KEY.swapcase() not in text
        judged = check(contract, find_recordings(["run.yaml"]), base_url=served.base_url).ledger
        counts = {entry.clause.id: entry.exercised for entry in result.ledger.entries.values()}
        again = {name: judged[name].exercised for name in counts}
        assert again == counts

    def test_a_file_that_is_there_is_kept(self) -> None:
        Path("run.yaml").write_text("precious")
        with pytest.raises(OptionError, match=r"run\.yaml: the file exists and is kept"):
            plan_from("capsolver", base_url="https://api.example.com", live=True, record="run.yaml")

    def test_runs_without_a_name_for_it_take_the_next_one(self) -> None:
        Path("live-capsolver.yaml").touch()
        plan = plan_from("capsolver", base_url="https://api.example.com", live=True)
        assert plan.live is not None
        assert plan.live.record == "live-capsolver-2.yaml"

    def test_one_of_another_provider_or_address_is_not_gone_on_with(self) -> None:
        with provider(CONTRACTS["capsolver"]) as (served, _):
            live("capsolver", served, record="run.yaml", max_requests=10)
        for name, url in (("capmonster", served.base_url), ("capsolver", "https://api.example.com")):
            with pytest.raises(
                OptionError, match=r"run\.yaml: metadata\.pollproof\.\w+: .* is not a record of such a live run"
            ):
                plan_from(name, base_url=url, live=True, resume="run.yaml")

    def test_a_disk_that_is_full_ends_the_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(file: int, data: bytes) -> int:
            if b"getTaskResult" in data:
                raise OSError(28, "No space left on device")
            return write(file, data)

        write = os.write
        with provider(CONTRACTS["capsolver"]) as (served, _), monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            result = live("capsolver", served, record="run.yaml")
        assert result.error == "the record run.yaml cannot be written any more (No space left on device)"
        assert result.exchanges == 1


class TestAfterAnInterruption:
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
    def test_the_record_is_whole_and_the_run_goes_on_with_its_tasks(self, number: signal.Signals) -> None:
        contract = CONTRACTS["capmonster"]
        clock = ShiftedClock()
        reference = ReferenceProvider(contract, clock, Settings(solving=15.0, failing=False))
        asked: list[str] = []
        running: list[subprocess.Popen[str]] = []

        def killing(request: Request) -> Response:
            if request.path.startswith("/_clock"):
                return advance(clock, request)
            asked.append(request.path)
            if len(asked) == 11 and running:  # in the midst of the second walk, before its response
                running.pop().send_signal(number)
            return reference.handle(request)

        with serve_handler(killing) as url:
            words = ["verify", "capmonster", "--base-url", url, "--advance-url", f"{url}/_clock/advance", "--live"]
            words += [
                "--api-key",
                contract.credential.sample,
                "--budget",
                "60s",
                "--json",
                str(Path("run.json").resolve()),
            ]
            record = str(Path("run.yaml").resolve())
            process = subprocess.Popen(
                [sys.executable, "-m", "pollproof", *words, "--record", record],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(),
            )  # fmt: skip
            running.append(process)
            _, told = process.communicate(timeout=60)
            before, created = len(asked), len(reference.tasks)
            partial = json.loads(Path("run.json").read_text())
            held = earlier("run.yaml", contract, url)
            done = pollproof(*words, "--resume", record)
        assert before == 11
        assert partial["complete"] is False
        assert partial["outcome"] == "inconclusive"
        if number is signal.SIGINT:
            assert process.returncode == 3
            assert f"all that was done is kept in {record}; --resume continues it" in told
        assert len(held.exchanges) in (10, 11)
        assert held.requests == 11
        assert held.walks == {"one-after-another"}
        assert done.returncode == 0, done.stdout + done.stderr
        assert "by the record these walks were made, and are not made again: one-after-another\n" in done.stdout
        whole = json.loads(Path("run.json").read_text())
        assert whole["complete"] is True
        assert whole["exchanges"] == len(held.exchanges) + len(asked) - before
        lost = 1 if held.unanswered == "createTask" else 0
        assert len(reference.tasks) == 3 + lost >= created  # three tasks are the whole plan: none was created anew
        judged = check(contract, find_recordings(["run.yaml"]), base_url=url).ledger
        assert {entry.clause.id for entry in judged.violated()} <= {"capmonster.client.final"}

    @pytest.mark.parametrize("unanswered", [False, True])
    def test_the_waits_of_the_earlier_run_are_not_over_because_it_ended(self, unanswered: bool) -> None:
        contract = CONTRACTS["capsolver"]
        monitor = Monitor(reader_of(contract), ())
        poll = Request("POST", "/getTaskResult", {}, b'{"clientKey":"k","taskId":"a"}')
        busy = Response(429, {"retry-after": "50"}, b"")
        monitor.observe(Exchange(poll, busy, 1.0, 1.5))
        clock = VirtualClock()
        clock.advance(60.0 if unanswered else 2.0)
        target = InProcessTarget("nothing", lambda request: busy)
        session = LiveSession(target, clock, monitor, allowance=Quota())
        session.catch_up(unanswered=unanswered)
        asked = event("capsolver", "/getTaskResult", {"clientKey": "k", "taskId": "a"}, None)
        assert session.pace.due(asked) >= (63.0 if unanswered else 51.5)

    def test_a_line_that_was_cut_off_is_no_part_of_it(self) -> None:
        contract = CONTRACTS["capsolver"]
        with provider(contract) as (served, _):
            live("capsolver", served, record="run.yaml", max_requests=10)
        whole = earlier("run.yaml", contract, served.base_url)
        with open("run.yaml", "ab") as file:
            file.write(b"# sending getTaskResult at 9.9 s\n- {request: {method: 'POST', uri: 'htt")
        cut = earlier("run.yaml", contract, served.base_url)
        assert cut.exchanges == whole.exchanges
        assert cut.requests == whole.requests + 1
        assert cut.unanswered == "getTaskResult"
        assert Path("run.yaml").read_bytes().endswith(b"at 9.9 s\n")


def test_the_command_that_shows_it_again_is_as_careful() -> None:
    options = {
        "destructive": True,
        "max_requests": 300,
        "max_tasks": 4,
        "clock_skew": "2s",
        "budget": "900s",
    }  # no defaults
    plan = plan_from("capsolver", base_url="https://api.example.com", api_key=KEY, live=True, **options)  # type: ignore[arg-type]
    told = command(plan, "capsolver")
    expected = "--live --destructive --max-requests 300 --max-tasks 4 --clock-skew 2s --max-wait 900s"
    assert expected in told
    assert KEY not in told


def test_pytest_on_the_contracts_makes_live_runs_too() -> None:
    suite = Path(__file__).parents[2] / "contracts" / "test_clauses.py"
    with provider(CONTRACTS["cnode"]) as (served, _):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", str(suite), "-q", "-p", "no:cacheprovider", "-rs", "--provider", "cnode",
             "--base-url", served.base_url, "--advance-url", served.advance_url, "--live", "--record", "run.yaml"],
            capture_output=True, text=True, timeout=90, env=clean_environment(), check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not run without --destructive: 'turned-away'" in done.stdout
    assert "# walk side-by-side ended" in Path("run.yaml").read_text()


def test_workers_do_not_share_an_account() -> None:
    words = ["--provider", "cnode", "--base-url", "http://127.0.0.1:9", "--live"]
    for own in (
        ["pytest", str(Path(__file__).parents[2] / "contracts"), *words],
        ["pollproof", "verify", "cnode", *words[2:]],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *own, "-n", "2"], capture_output=True, text=True, timeout=90,
            env=clean_environment(), check=False,
        )  # fmt: skip
        assert done.returncode in (2, 4)
        assert "-n does not go with --live: an account has one pace" in done.stderr


def advance(clock: ShiftedClock, request: Request) -> Response:
    clock.advance(json.loads(request.body)["seconds"])
    return Response(200, {}, b"")


def event(provider: str, path: str, body: dict[str, Any], answer: dict[str, Any] | None) -> Event:
    response = None if answer is None else Response(200, {}, json.dumps(answer).encode())
    request = Request("POST", path, {}, json.dumps(body).encode())
    found = reader_of(CONTRACTS[provider]).read(Exchange(request, response, 0.0, 0.0), 0)
    assert found is not None
    return found

"""The benchmarks can be run by anyone, and the page says what they say. No figure is held against anything here."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.benchmarks import front
from tests.benchmarks.apart import Failed
from tests.benchmarks.document import begun, with_group
from tests.benchmarks.figures import Figure, Ratio, Sample, at_least, at_most, figures_of
from tests.benchmarks.front import DONE, FAILED, INTERRUPTED, USAGE, main, measured
from tests.benchmarks.groups import GROUPS, Group
from tests.benchmarks.plan import Plan
from tests.benchmarks.progress import ERASE, Progress
from tests.benchmarks.words import BEGIN, END, goal, markdown_of, number, put_into, rows_of
from tests.documented.blocks import blocks_of, commands_of
from tests.servers import ROOT, clean_environment

PAGE = ROOT / "docs" / "benchmarks.md"
SCHEMA = Draft202012Validator(json.loads(front.SCHEMA.read_text(encoding="utf-8")))
QUIET = Plan(1, True, lambda text: None)
RATIO = Ratio("one side: share of the other", at_least(0.5))


def valid(path: Path) -> Any:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert [error.message for error in SCHEMA.iter_errors(document)] == []
    return document


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups are measured in this process."""
    monkeypatch.setattr(front, "measure_apart", lambda group, plan: group.measure(plan))


class Made(Group):
    """A group that gives two samples and then ends as it is told."""

    def __init__(self, ending: BaseException | None = None) -> None:
        super().__init__("made", "Two samples.")
        object.__setattr__(self, "ending", ending)

    @property
    def ratios(self) -> tuple[Ratio, ...]:
        return (RATIO, Ratio("what comes later"))

    def measure(self, plan: Plan) -> Iterator[Sample]:
        yield RATIO.of(0.25, left_s=1.0)
        yield RATIO.of(0.75, left_s=2.0)
        if self.ending is not None:  # type: ignore[attr-defined]
            raise self.ending  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------- the command


def test_a_quick_run_measures_all_ratios_of_its_group_and_writes_them_as_its_schema_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert main(["soap", "--quick", "--json", str(file)]) == DONE
    document = valid(file)
    (group,) = document["groups"]
    assert (group["name"], document["quick"], document["complete"]) == ("soap", True, True)
    assert [figure["ratio"] for figure in group["figures"]] == [ratio.words for ratio in GROUPS["soap"].ratios]
    assert all(figure["values"] and figure["met"] is None for figure in group["figures"])
    assert group["figures"][0]["ratio"] in capsys.readouterr().out
    text = file.read_text(encoding="utf-8")
    assert (str(ROOT) in text, str(tmp_path) in text) == (False, False)  # nor does the schema allow names of anything


def test_the_groups_are_listed_with_what_they_compare(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == DONE
    told = capsys.readouterr().out
    assert all(group.name in told and group.compares in told for group in GROUPS.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sope"], "there is no group 'sope'; did you mean 'soap'?"),
        (["soap", "--repeats", "0"], "--repeats takes a number from 1 on"),
        (["soap", "--json", "no-such-folder/figures.json"], "no-such-folder/figures.json cannot be written"),
        (["soap", "--schemathesis", "no-such-command"], "there is no such command"),
        (["--markdown", "no-such-file.json"], "no-such-file.json cannot be read"),
        (["--into", "page.md"], "--into goes with --markdown"),
        (["--sideways"], "--sideways"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == USAGE
    output = capsys.readouterr()
    assert told in output.err
    assert (output.out, output.err.count("\n")) == ("", 1)


def test_a_run_that_is_interrupted_keeps_what_was_measured(
    together: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(front, "GROUPS", {"made": Made(KeyboardInterrupt()), "soap": GROUPS["soap"]})
    file = tmp_path / "figures.json"
    assert main(["--repeats", "2", "--json", str(file)]) == INTERRUPTED
    document = valid(file)
    (group,) = document["groups"]
    first, later = group["figures"]
    assert (first["values"], first["median"], first["met"], first["parts"]) == (
        [0.25, 0.75],
        0.5,
        True,
        {"left s": 1.5},
    )
    assert (later["values"], later["missing"], document["complete"]) == ([], "interrupted", False)
    assert "Interrupted in made" in capsys.readouterr().out


def test_an_interrupt_from_the_keyboard_ends_the_command_with_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.benchmarks", "soap", "--repeats", "100000", "--json", str(file)]
    with subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any("2 of 100000" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in told) == (INTERRUPTED, False)
    assert valid(file)["groups"][0]["figures"][0]["values"]


def test_a_group_that_fails_is_told_and_the_others_go_on(
    together: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(front, "GROUPS", {"made": Made(Failed("no luck")), "again": Made()})
    file = tmp_path / "figures.json"
    assert main(["--json", str(file)]) == FAILED
    failed, done = valid(file)["groups"]
    assert failed["figures"][1]["missing"] == "no luck"
    assert done["figures"][0]["median"] == 0.5
    assert "made failed: no luck" in capsys.readouterr().err


def test_what_a_group_fails_of_in_its_own_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ_INPUTS", "many")
    figures, status, told = measured(GROUPS["fuzz"], QUIET)
    assert (status, [figure.values for figure in figures]) == (FAILED, [()] * len(GROUPS["fuzz"].ratios))
    assert told.startswith("fuzz failed: ValueError")
    assert "'many' (fuzz.py:" in told


def test_a_module_that_is_not_installed_leaves_its_group_out(together: None) -> None:
    figures, status, told = measured(Made(ModuleNotFoundError("No module named 'vcr'", name="vcr")), QUIET)
    assert (figures[1].missing, status) == ("vcr is not installed (pip install -e . --group dev)", DONE)
    assert told == "made is left out: vcr is not installed (pip install -e . --group dev)"


def test_without_schemathesis_the_ratios_to_it_are_left_out_in_a_sentence() -> None:
    from tests.benchmarks import schemathesis

    samples = schemathesis.measure(QUIET)
    missing = [next(samples) for _ in range(3)]
    assert {sample.missing for sample in missing} == {schemathesis.MISSING}


# ----------------------------------------------------------------------------------------- figures


def test_the_median_is_held_against_the_goal() -> None:
    figure = Figure(RATIO, [0.1, 0.6, 0.7], {})
    assert (figure.median, figure.met) == (0.6, True)
    assert Figure(RATIO, [0.1, 0.4, 0.7], {}).met is False
    assert Figure(Ratio("slower", at_most(0.5)), [0.6], {}).met is False
    assert Figure(Ratio("no goal"), [0.6], {}).met is None
    assert Figure(RATIO, [], {}).met is None


def test_a_sample_of_a_ratio_that_its_group_does_not_announce_is_an_error() -> None:
    with pytest.raises(ValueError, match="without being announced: strange"):
        figures_of((RATIO,), [Ratio("strange").of(1.0)], "")


def test_the_words_of_a_ratio_are_its_own() -> None:
    words = [ratio.words for group in GROUPS.values() for ratio in group.ratios]
    assert len(set(words)) == len(words)


def test_numbers_have_the_digits_that_say_something() -> None:
    assert [number(value) for value in (0, 0.00012, 0.0123, 0.8345, 12.34, 1234.5)] == [
        *("0", "0.00012", "0.012", "0.83", "12.3", "1,234")
    ]


# ---------------------------------------------------------------------------------------- the page


def test_the_page_has_the_figures_of_every_group_with_their_goals_and_no_other() -> None:
    announced = [
        (group.name, ratio.words, "" if ratio.goal is None else str(ratio.goal))
        for group in GROUPS.values()
        for ratio in group.ratios
    ]
    assert rows_of(PAGE.read_text(encoding="utf-8")) == announced


def test_the_page_speaks_of_every_group_in_words() -> None:
    told = PAGE.read_text(encoding="utf-8").partition("## What they do not show")[2]
    assert [name for name in GROUPS if f"**{name}**" not in told] == []


def test_every_command_of_the_page_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "find_schemathesis", lambda given: given)
    monkeypatch.chdir(tmp_path)
    shown = [command.text for block in blocks_of(PAGE, PAGE.name) for command in commands_of(block)]
    ours = [text.partition("python -m tests.benchmarks")[2].split() for text in shown if "tests.benchmarks" in text]
    assert len(ours) > 5
    for words in ours:
        front.arguments(words)


def test_figures_are_put_in_the_place_of_old_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(3, False, lambda text: None)
    figures = [Figure(RATIO, [0.4, 0.6, 0.7], {}), Figure(Ratio("not there"), [], {}, "nothing to measure it with")]
    document = with_group(begun(plan), Made(), figures, 1.0)
    text = markdown_of(document)
    assert "| `made` | one side: share of the other | 0.60 | 0.40 to 0.70 | at least 0.5 | yes |" in text
    assert "| `made` | not there |  | not measured: nothing to measure it with |  |  |" in text
    page = put_into(f"before\n{BEGIN}\n| `old` | row |\n{END}\nafter\n", document)
    assert (page.startswith("before\n"), page.endswith("after\n"), "`old`" in page) == (True, True, False)
    assert rows_of(page) == [("made", RATIO.words, "at least 0.5"), ("made", "not there", "")]
    assert put_into(page, document) == page


def test_a_page_is_not_given_the_figures_of_some_groups_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = tmp_path / "figures.json", tmp_path / "page.md"
    file.write_text(json.dumps(with_group(begun(QUIET), GROUPS["soap"], [], 1.0)), encoding="utf-8")
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    assert main(["--markdown", str(file), "--into", str(page)]) == USAGE
    assert "there are no figures of exploring" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == f"{BEGIN}\n{END}\n"


def test_what_is_no_file_of_figures_is_refused_with_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    file.write_text('{"date": 1}', encoding="utf-8")
    assert main(["--markdown", str(file)]) == USAGE
    assert "holds no figures" in capsys.readouterr().err


def test_the_goal_of_a_figure_is_told_in_words() -> None:
    assert goal({"goal": {"at_least": 0.75}}) == "at least 0.75"
    assert goal({"goal": {"at_most": 1.25}}) == "at most 1.25"


# ------------------------------------------------------------------------------------- the progress


def test_progress_is_one_line_on_a_terminal_and_lines_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        progress = Progress(stream)
        progress.say("first")
        progress.say("second")
        progress.clear()
    assert terminal.getvalue() == f"{ERASE}first{ERASE}second{ERASE}"
    assert file.getvalue() == "... first\n... second\n"

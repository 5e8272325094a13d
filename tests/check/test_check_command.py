"""`pollproof check` as people run it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from pollproof.bundled import folder
from tests.cli.test_command_line import pollproof
from tests.tapes import cassette, created, har, lawful, polled, write

BROKEN = [*lawful(), polled(20, "processing")]
CLAUSE = "capsolver.poll.terminal"


def test_a_lawful_recording_passes_and_says_what_it_could_not_show(tmp_path: Path) -> None:
    done = pollproof("check", "capsolver", "-v", str(write(tmp_path / "t.yaml", cassette(lawful()))))
    assert done.returncode == 0, done.stderr
    assert "PASSED" in done.stdout
    assert "not exercised, it needs a deliberately invalid request (wrong-credential)" in done.stdout
    assert "not exercised, it needs times that are nearer to its limit" in done.stdout
    assert done.stderr == ""


def test_a_violation_shows_the_entries_of_the_file_and_the_command_that_shows_it_again(tmp_path: Path) -> None:
    path = write(tmp_path / "t.har", har(BROKEN))
    done = pollproof("check", "capsolver", str(path), "-q")
    assert done.returncode == 1
    assert f"{CLAUSE} MUST violated" in done.stdout
    assert f"({path}, entry 6)" in done.stdout
    assert "YOUR_API_KEY" not in done.stdout
    again = next(line for line in done.stdout.splitlines() if line.strip().startswith("reproduce") and CLAUSE in line)
    words = again.split()[2:]
    shown = pollproof(*words)
    assert shown.returncode == 1
    assert CLAUSE in shown.stdout
    assert "client.final" not in shown.stdout


def test_a_real_key_in_a_recording_is_never_shown(tmp_path: Path) -> None:
    secret = "CAP-0123456789ABCDEF0123456789ABCDEF"
    conversation = [said._replace(asked={**said.asked, "clientKey": secret}) for said in BROKEN]
    for name, document in (("t.yaml", cassette(conversation)), ("t.har", har(conversation))):
        files = [str(tmp_path / each) for each in ("report.json", "report.xml")]
        written = ["--json", files[0], "--junit", files[1]]
        done = pollproof("check", "capsolver", str(write(tmp_path / name, document)), *written)
        assert done.returncode == 1
        for text in (done.stdout, done.stderr, *(Path(file).read_text() for file in files)):
            assert secret not in text
            assert CLAUSE in text or not text


def test_the_report_keeps_its_published_schema(tmp_path: Path) -> None:
    schema = json.loads((folder("schemas") / "pollproof" / "report.schema.json").read_text(encoding="utf-8"))
    for name, document, status in (("a.har", har(BROKEN), 1), ("b.yaml", cassette(lawful(), dated=False), 0)):
        path = write(tmp_path / name, document)
        done = pollproof("check", "capsolver", str(path), "--json", "-")
        assert done.returncode == status
        report = json.loads(done.stdout)
        jsonschema.validate(report, schema)
        assert report["mode"] == "check"
        assert report["recordings"]["files"] == [str(path)]
        assert report["recordings"]["judged"] == report["exchanges"] == len(document.get("interactions", BROKEN))
        assert report["complete"] is True
        idle = [clause for clause in report["clauses"] if clause["verdict"] == "unexercised"]
        assert all(clause["reason"] for clause in idle)


def test_junit_names_every_clause(tmp_path: Path) -> None:
    path = write(tmp_path / "t.har", har(BROKEN))
    pollproof("check", "capsolver", str(path), "--junit", str(tmp_path / "out.xml"))
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()[0]
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {CLAUSE, "capsolver.client.final"}
    assert int(suite.get("failures", 0)) == 2
    assert int(suite.get("tests", 0)) == len(suite) > 30


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--require", "capsolver.poll.status"], 0, "PASSED"),
        (["--require", "capsolver.poll.budget-ended"], 3, "INCONCLUSIVE"),
        (["--require", "capsolver.poll.statas"], 2, "did you mean 'capsolver.poll.status'"),
        (["--require-all"], 3, "INCONCLUSIVE"),
        (["-k", "client and not wait"], 0, "PASSED"),
        (["-k", "nothing-like-it"], 2, "no clause matches"),
        (["-k", "and and"], 2, "is not an expression"),
        (["--base-url", "https://api.capsolver.com"], 0, "PASSED"),
        (["--base-url", "capsolver"], 2, "is not a base URL"),
        (["--base-url", "https://other.example"], 2, "none of its 5 entries belongs to capsolver"),
        (["--json", "missing/report.json"], 2, "does not exist"),
    ],
)
def test_options_and_exit_status(tmp_path: Path, words: list[str], status: int, told: str) -> None:
    done = pollproof("check", "capsolver", str(write(tmp_path / "t.yaml", cassette(lawful()))), *words)
    assert done.returncode == status
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_anothers_traffic_is_bad_input_and_says_whose_it_seems_to_be(tmp_path: Path) -> None:
    path = write(tmp_path / "t.yaml", cassette(lawful()))
    done = pollproof("check", "capmonster", str(path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none of its 5 entries belongs to capmonster; they went to https://api.capsolver.com" in done.stderr


def test_a_broken_file_among_others_is_told_and_the_others_are_judged(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", cassette(lawful()))
    (tmp_path / "b.yaml").write_text("interactions:\n- request: {")
    done = pollproof("check", "capsolver", str(tmp_path))
    assert done.returncode == 2
    assert f"error: {tmp_path / 'b.yaml'}: line " in done.stderr
    assert "5 requests" in done.stdout
    write(tmp_path / "c.har", har(BROKEN))
    assert pollproof("check", "capsolver", str(tmp_path)).returncode == 1, "a violation is one whatever else is broken"


def test_one_message_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = pollproof("check", "capsolver", str(tmp_path / "nothing.yaml"))
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'nothing.yaml'}: no such file or folder\n"


def test_an_empty_list_of_entries_is_no_pass(tmp_path: Path) -> None:
    done = pollproof("check", "capsolver", str(write(tmp_path / "t.har", har([]))))
    assert done.returncode == 2
    assert "it holds no entry" in done.stderr


def test_a_should_fails_only_when_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "t.yaml", cassette([created(), polled(5, "failed")]))
    done = pollproof("check", "capsolver", "-v", str(path))
    assert (done.returncode, "violated (warning)" in done.stdout) == (0, True)
    assert pollproof("check", "capsolver", str(path), "--strict").returncode == 1


def test_the_bundled_cassettes_are_checked_by_name() -> None:
    bad = folder("cassettes") / "cnode" / "bad" / "cnode.poll.progress.yaml"
    done = pollproof("check", "cnode", str(bad), "-q")
    assert done.returncode == 1
    assert "cnode.poll.progress MUST violated" in done.stdout
    assert "getTaskStatus" in done.stdout, "operations that share a path are told apart"

"""A wrong contract file is answered with one sentence: file, line or key, what was expected, the nearest valid word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pollproof.loading import ContractError, load_contract
from tests.servers import ROOT, pollproof

SHORT = (ROOT / "contracts" / "capsolver.toml").read_text(encoding="utf-8")
STATED = 'subject = "provider"\nlevel = "MUST"\n'
TEXT = SHORT.replace(
    'kind = "shape"\noperation = "createTask"\n',
    f'kind = "shape"\n{STATED}operation = "createTask"\npart = "response"\n',
    1,
).replace('kind = "terminal"\n', f'kind = "terminal"\n{STATED}', 1)
"""The contract of CapSolver with what it leaves out stated in two of its clauses."""

SCHEMA = "capsolver/getTaskResult.response.schema.json"


def written(folder: Path, text: str) -> Path:
    path = folder / "broken.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path | str) -> str:
    """The one sentence that a contract is refused with."""
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    words = str(caught.value)
    assert "\n" not in words
    assert "Traceback" not in words
    assert len(words) < 1000
    return words


def line_of(text: str, part: str) -> int:
    assert part in text
    return text[: text.index(part)].count("\n") + 1


def test_the_file_that_is_broken_below_is_right_as_it_stands(tmp_path: Path) -> None:
    assert load_contract(written(tmp_path, TEXT)).name == "capsolver"


CLAUSE = 'kind = "terminal"\nsubject = "provider"\nlevel = "MUST"'
BREAKS: list[tuple[str, str, str, list[str]]] = [
    # what is wrong | the part that is replaced (first place) | by this | words of the sentence
    ("misspelt kind", 'kind = "terminal"', 'kind = "termnal"', ["'termnal' is not known", "did you mean 'terminal'?"]),
    (
        "misspelt phase",
        'idle = "waiting"',
        'idle = "wating"',
        ["statuses.idle", "'wating' is not known", "did you mean 'waiting'?"],
    ),
    (
        "misspelt phase in a table",
        'idle = "waiting"',
        'idle = { phase = "wating" }',
        ["phase", "did you mean 'waiting'?"],
    ),
    ("phase of another type", 'idle = "waiting"', "idle = 3", ["3 is not known", "waiting"]),
    (
        "phase under another key",
        'idle = "waiting"',
        'idle = { phse = "waiting" }',
        ["statuses.idle", "'phase'", "'phse'"],
    ),
    ("phase in capitals", 'idle = "waiting"', 'idle = "WAITING"', ["did you mean 'waiting'?"]),
    ("misspelt level", 'level = "MUST"', 'level = "MUSST"', ["'MUSST' is not known", "did you mean 'MUST'?"]),
    ("misspelt effect", 'effect = "busy"', 'effect = "bussy"', ["'bussy' is not known", "did you mean 'busy'?"]),
    ("misspelt subject", 'subject = "provider"', 'subject = "provder"', ["did you mean 'provider'?"]),
    ("misspelt role", 'role = "create"', 'role = "creat"', ["'creat' is not known", "did you mean 'create'?"]),
    (
        "misspelt table",
        "[lifecycle]",
        "[lifecyle]",
        ["'lifecycle' is missing", "mean it by 'lifecyle'?"],
    ),
    ("misspelt key", "beyond_polls =", "beyond_pols =", ["unknown key 'beyond_pols'", "did you mean 'beyond_polls'?"]),
    ("misspelt basis", 'basis = "primary"', 'basis = "primery"', ["did you mean 'primary'?"]),
    ("misspelt probe", 'probe = "malformed"', 'probe = "malfromed"', ["unknown probe", "did you mean 'malformed'?"]),
    ("misspelt rule", 'rule = "status"', 'rule = "statuss"', ["no x-rule 'statuss'", "did you mean 'status'?"]),
    ("misspelt part", 'part = "response"', 'part = "respnse"', ["did you mean 'response'?"]),
    ("misspelt answer", "waiting = { body", "wating = { body", ["did you mean 'waiting'?"]),
    ("unknown source", 'source = ["pt:32, taskId"]', 'source = ["ptt:32, taskId"]', ["unknown source 'ptt'", "'pt'?"]),
    ("no citation", 'source = ["pt:32, taskId"]', 'source = ["!!"]', ["is not a citation", "SOURCE:LINES, PLACE"]),
    ("no source at all", 'source = ["pt:32, taskId"]', "source = []", ["source"]),
    ("unknown operation", 'operation = "createTask"\npart', 'operation = "creatTask"\npart', ["'createTask'?"]),
    (
        "unknown operation of a probe",
        'operation = "createTask"\nrem',
        'operation = "creatTask"\nrem',
        ["'createTask'?"],
    ),
    ("missing schema", SCHEMA, "capsolver/none.schema.json", ["there is no schema 'capsolver/none.schema.json'"]),
    ("schema outside", SCHEMA, "../pyproject.toml", ["there is no schema '../pyproject.toml'"]),
    ("wrong type", "polls = 120", 'polls = "120"', ["'120' is given", "expected a whole number"]),
    ("boolean for number", "lifetime = 300", "lifetime = true", ["True is given", "expected a number"]),
    ("fraction for count", "polls = 120", "polls = 120.5", ["120.5 is given", "expected a whole number"]),
    ("below the minimum", "polls = 120", "polls = 0", ["limits.polls", "0"]),
    ("string for list", "path = [", "path = 'idle' #", ["lifecycle.path", "expected an array"]),
    ("wrong place", '"response#/status"', '"answer#/status"', ["'answer#/status'", "expected 'request#/..."]),
    ("place without slash", '"response#/status"', '"response#status"', ["'response#status'", "begins with '/'"]),
    ("no comparison", '{ at = "response#/errorId", above = 0 }', '{ at = "response#/errorId" }', ["one comparison"]),
    ("duplicate clause", 'id = "capsolver.create.status"', 'id = "capsolver.create.response-shape"', ["used twice"]),
    ("duplicate variant", 'name = "error-fields-null"', 'name = "error-fields-absent"', ["used twice"]),
    (
        "clause id of another form",
        'id = "capsolver.create.status"',
        'id = "Create Status"',
        ["'Create Status'", "form"],
    ),
    ("missing limit", "polls = 120", "#", ["polls"]),
    ("wrong subject", CLAUSE, CLAUSE.replace("provider", "client"), ["'terminal' is about the provider"]),
    (
        "key of another kind",
        CLAUSE,
        CLAUSE + '\nprobe = "malformed"',
        ["].probe'", "the key 'probe' does not belong", "of kind 'terminal'"],
    ),
    ("missing key", 'name = "capsolver"\n', "\n", ["the key 'name' is missing", "provider"]),
    ("missing parameter", 'probe = "malformed"\n', "\n", ["probe"]),
    ("status off the list", 'path = ["idle"', 'path = ["idel"', ["'idel' is not under [statuses]", "'idle'?"]),
    ("unknown error code", '"ERROR_BAD_REQUEST"\nfailed', '"ERROR_BAD_REQEST"\nfailed', ["'ERROR_BAD_REQUEST'?"]),
    ("variant of no clause", '"capsolver.poll.echo", "cap', '"capsolver.poll.ech", "cap', ["'capsolver.poll.echo'?"]),
    ("no create operation", 'role = "create"', 'role = "poll"', ["operation of role 'create'"]),
    (
        "two operations alike",
        'path = "/getTaskResult"',
        'path = "/createTask"',
        ["operations.getTaskResult", "nothing tells its requests from those of 'createTask'"],
    ),
    (
        "an open status in the path",
        'idle = "waiting"',
        'idle = "open"',
        ["lifecycle.path[0]", "'idle' is open"],
    ),
    ("a needed answer", "waiting = { body", "unknown = { body", ["the response 'waiting' is missing"]),
    (
        "a header word",
        "waiting = { body",
        'waiting = { headers = { x-task = "{task_di}" }, body',
        ["unknown word 'task_di' in a header", "did you mean 'task_id'?"],
    ),
    ("a pattern", '"response#/status"', '"response#/status ~ ("', ["'(' is not a regular expression"]),
    ("method", 'method = "POST"', 'method = "post"', ["'post' is not known", "POST"]),
    ("path", 'path = "/createTask"', 'path = "createTask"', ["'createTask' does not have the form"]),
    ("no TOML", "[limits]", "[limits", ["is not TOML", "line"]),
    ("a table twice", "[limits]", "[limits]\n[limits]", ["is not TOML"]),
    ("a key twice", "polls = 120", "polls = 120\npolls = 120", ["is not TOML"]),
    ("an unclosed string", 'title = "CapSolver"', 'title = "CapSolver', ["is not TOML", "line 6"]),
]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [pytest.param(*entry, id=name) for name, *entry in BREAKS],
)
def test_each_single_mistake_is_named(old: str, new: str, words: list[str], tmp_path: Path) -> None:
    assert old in TEXT, "the contract has changed: this test breaks nothing"
    path = written(tmp_path, TEXT.replace(old, new, 1))
    said = complaint(path)
    assert said.startswith(str(path))
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('level = "MUST"', 'level = "MUSST"'),
        ("polls = 120", 'polls = "120"'),
        ('effect = "busy"', 'effect = "bussy"'),
        ('probe = "malformed"', 'probe = "malfromed"'),
        ('operation = "createTask"\npart', 'operation = "creatTask"\npart'),
        ('"response#/status"', '"answer#/status"'),
        ('"pt:9, note 2" = { gist', '"ptt:9, note 2" = { gist'),
        ("antibots = { about", "antibots = { abuot"),
        ("antibots = { about", 'antibots = "an API of their own" #'),
    ],
)
def test_the_line_of_the_mistake_is_told(old: str, new: str, tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace(old, new, 1))
    assert f"{path}, line {line_of(TEXT, old)}:" in complaint(path)


# ----------------------------------------------------------------------------------- schemas


def with_schema(folder: Path, content: str) -> Path:
    path = folder / "schemas" / SCHEMA
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    return written(folder, TEXT)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "https://example.com/schema.json"}, ["'https://example.com/schema.json'", "nothing is fetched"]),
        ({"properties": {"a": [{"$ref": "other.json"}]}}, ["'other.json'", "nothing is fetched"]),
        ({"properties": {"a": {"$dynamicRef": "other.json"}}}, ["'other.json'", "nothing is fetched"]),
        ({"$dynamicRef": "https://example.com/schema.json"}, ["example.com"]),
        ({"type": "strin"}, ["strin"]),
        ({"pattern": "("}, ["cannot be compiled"]),
        ({"$ref": "#/$defs/nothing"}, ["nothing"]),
        ([], ["not a JSON object"]),
        ("", ["not a JSON object"]),
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_used_is_named(schema: Any, words: list[str], tmp_path: Path) -> None:
    said = complaint(with_schema(tmp_path, json.dumps(schema)))
    for word in ["getTaskResult.response.schema.json", *words]:
        assert word in said


@pytest.mark.parametrize(
    "content",
    ["", "{", "[" * 100_000, '{"a": ' * 50_000],
    ids=["empty", "cut short", "deep arrays", "deep objects"],
)
def test_a_schema_that_is_no_json_is_named(content: str, tmp_path: Path) -> None:
    said = complaint(with_schema(tmp_path, content))
    assert "getTaskResult.response.schema.json" in said


# ------------------------------------------------------------------------------------- files


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 * 1024 * 1024)


FILES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("missing", lambda path: None, "cannot be read (No such file or directory)"),
    ("directory", lambda path: path.mkdir(), "cannot be read (Is a directory)"),
    ("empty", lambda path: path.touch(), "is missing"),
    ("huge", huge, "larger than"),
    ("not UTF-8", lambda path: path.write_bytes(TEXT.encode("utf-16")), "is not UTF-8"),
    ("latin-1", lambda path: path.write_bytes(b'title = "caf\xe9"'), "is not UTF-8"),
    ("binary", lambda path: path.write_bytes(bytes(range(128)) * 9), "is not TOML"),
    ("nested", lambda path: path.write_text("a = " + "[" * 50_000), "nested too deeply"),
    ("a list", lambda path: path.write_text("[[provider]]\n"), "is missing"),
    ("JSON", lambda path: path.write_text('{"provider": 1}'), "is not TOML"),
]


@pytest.mark.parametrize(("make", "reason"), [entry[1:] for entry in FILES], ids=[entry[0] for entry in FILES])
def test_a_file_that_is_no_contract_is_named(make: Callable[[Path], Any], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "contract.toml"
    make(path)
    said = complaint(path)
    assert str(path) in said
    assert reason in said


@pytest.mark.parametrize(
    ("name", "hint"),
    [("capsolvr", "'capsolver'?"), ("CapMonster", "'capmonster'?"), ("CAPSOLVER", "'capsolver'?"), ("x", "")],
)
def test_an_unknown_provider_is_told_the_nearest_one(name: str, hint: str) -> None:
    said = complaint(name)
    assert said.startswith(f"unknown provider '{name}'; expected one of ")
    assert hint in said


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/",
        "\0",
        pytest.param("a" * 5000, id="long"),
        pytest.param("a" * 5000 + ".toml", id="long file"),
        "\0.toml",
        "a\nb",
    ],
)
def test_a_name_that_can_be_none_is_refused_as_well(name: str) -> None:
    with pytest.raises(ContractError):
        load_contract(name)


# ------------------------------------------------------------------------------ command line


@pytest.mark.parametrize(
    "words",
    [("verify",), ("clauses",), ("serve",), ("explain", "capsolver.poll.status", "--contract")],
    ids=lambda words: words[0],
)
def test_on_the_command_line_a_wrong_contract_is_exit_status_2(words: tuple[str, ...], tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace('level = "MUST"', 'level = "MUSST"', 1))
    done = pollproof(*words, str(path), NO_COLOR="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'MUST'?" in done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: {path}, line ")

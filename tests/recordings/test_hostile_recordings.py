"""`check` on hostile recordings: one clear sentence with file and place, or a judgement; nothing run, nothing fetched.

Many files are judged by one process, as people judge folders. Memory and seconds are bounded for each file.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pollproof.check import judging
from pollproof.check.judging import Checking, check
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.recordings import order
from pollproof.recordings.entry import Recorded
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.soap import ENVELOPE
from tests.fuzzing import bombs, hostile, trees
from tests.fuzzing.measured import measured
from tests.lanes import a_few, only
from tests.servers import answering, http, pollproof, serving
from tests.tapes import Said, cassette, created, har, interaction, lawful, polled, write

CAPSOLVER = load_contract("capsolver")
CNODE = load_contract("cnode")

SECONDS = 10.0
"""Processor seconds that one file may take; the worst of them takes two."""

MEBIBYTES = 400.0
"""Memory that one file may take; each unpacks to a gigabyte, or holds a response of 20 MB."""


def judged(*paths: Path, contract: Contract = CAPSOLVER, **options: Any) -> Checking:
    return check(contract, paths, named=frozenset(paths), **options)


def verdicts(checking: Checking) -> dict[str, tuple[str, int, int]]:
    return {
        name: (entry.verdict.value, entry.exercised, entry.violations)
        for name, entry in checking.ledger.entries.items()
    }


class Refusals(NamedTuple):
    """What one run of `pollproof check` said of many files that cannot be read."""

    status: int
    out: str
    said: dict[str, str]
    canary: Path


# ------------------------------------------------------------------------------- one clear sentence

HOSTILE = [one._replace(content=b"") for one in hostile.all_hostile("")]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Refusals:
    folder = tmp_path_factory.mktemp("hostile")
    canary = folder / "canary"
    files = []
    for one in hostile.all_hostile(str(canary)):
        files.append(folder / one.name)
        files[-1].write_bytes(one.content)
    done = pollproof("check", "capsolver", *map(str, files), timeout=60)
    lines = [line.removeprefix("error: ") for line in done.stderr.splitlines()]
    said = {path.name: line.removeprefix(f"{path}: ") for path, line in zip(files, lines, strict=True)}
    return Refusals(done.returncode, done.stdout, said, canary)


@pytest.mark.parametrize("one", HOSTILE, ids=lambda one: one.name)
def test_a_file_that_cannot_be_read_gets_one_sentence(refusals: Refusals, one: hostile.Hostile) -> None:
    said = refusals.said[one.name]
    assert re.search(one.says, said), said
    assert "Traceback" not in said
    assert len(said) < 300


def test_files_that_cannot_be_read_are_no_pass_and_nothing_of_them_was_run(refusals: Refusals) -> None:
    assert refusals.status == 2
    assert not refusals.canary.exists()
    assert "held" not in refusals.out


def test_a_file_that_cannot_be_read_counts_for_nothing_beside_one_that_can(tmp_path: Path) -> None:
    good = write(tmp_path / "good.har", har(lawful()))
    alone = verdicts(judged(good))
    bad = []
    for one in hostile.all_hostile(str(tmp_path / "canary")):
        if len(one.content) < 100_000:
            bad.append(tmp_path / one.name)
            bad[-1].write_bytes(one.content)
    beside = judged(*bad[::2], good, *bad[1::2])
    assert verdicts(beside) == alone
    assert len(beside.detail.unread) == len(bad)
    assert beside.detail.tally.matched == len(lawful())


# -------------------------------------------------------------------------------------- cut anywhere


@pytest.mark.parametrize("name", a_few(hostile.FORMS, 3))
def test_a_file_that_is_cut_is_refused_or_judged_as_the_entries_that_are_left(tmp_path: Path, name: str) -> None:
    content = hostile.FORMS[name]
    shorter = []
    for count in range(len(lawful()) + 1):
        shorter.append(verdicts(judged(write(tmp_path / "shorter.json", cassette(lawful()[:count])))))
    path = tmp_path / name
    for place in range(0, len(content), max(len(content) // 150, 1)):
        path.write_bytes(content[:place])
        found = judged(path)
        if name == "t.yaml" and not found.detail.unread:  # in YAML, each interaction may be the last
            assert verdicts(found) == shorter[found.detail.tally.entries]
        else:
            assert len(found.detail.unread) == 1
            assert all(verdict == "unexercised" for verdict, _, _ in verdicts(found).values())


# ------------------------------------------------------------------------- missing and wrong values


def _with_times(conversation: list[Said]) -> dict[str, Any]:
    rows = [{"sent": said.at, "received": said.at + said.took, "probe": None} for said in conversation]
    return cassette(conversation, metadata={"pollproof": {"contract": "capsolver", "exchanges": rows}})


DOCUMENTS: dict[str, tuple[Callable[[list[Said]], Any], tuple[str | int, ...]]] = {
    "an interaction in YAML": (cassette, ("interactions", 2)),
    "an interaction in JSON": (cassette, ("interactions", 2)),
    "a HAR entry": (har, ("log", "entries", 2)),
    "a row of times": (_with_times, ("metadata", "pollproof", "exchanges", 2)),
    "all but the interactions": (lambda some: {**_with_times(some), "interactions": []}, ()),
    "all but the HAR entries": (lambda some: {"log": {**har(some)["log"], "entries": []}}, ()),
}


@pytest.mark.parametrize("what", a_few(DOCUMENTS, 3))
def test_missing_fields_and_wrong_types_are_refused_with_their_place_or_harm_nothing(tmp_path: Path, what: str) -> None:
    make, inner = DOCUMENTS[what]
    document = make(lawful())
    ending = "yaml" if "YAML" in what else "har" if "HAR" in what else "json"
    whole = verdicts(judged(write(tmp_path / f"whole.{ending}", document)))
    files = []
    for number, (_, spoiled) in enumerate(trees.spoiled(trees.at(document, inner))):
        changed = trees.with_value(document, inner, spoiled) if inner else spoiled
        content = hostile.yaml_of(changed) if ending == "yaml" else hostile.json_of(changed)
        files.append(tmp_path / f"{number}.{ending}")
        files[-1].write_bytes(content)
        found = judged(files[-1])
        for name, (verdict, exercised, _) in verdicts(found).items():
            assert exercised <= found.detail.tally.matched
            assert verdict == "unexercised" or not found.detail.unread, name
        if "a row" not in what and "interaction" in what:
            assert found.detail.unread or found.detail.tally.entries <= len(lawful())
        for error in found.detail.unread:
            assert re.fullmatch(r"[^\n]{1,300}", str(error))
            if inner and "headers" not in error.place and "metadata" not in error.place:
                assert re.search(r"interaction 3|entries\[2\]|line ", error.place), str(error)
    assert len(files) > 60 or not inner or "row" in what
    assert verdicts(judged(tmp_path / f"whole.{ending}")) == whole
    done = pollproof("check", "capsolver", "-q", *map(str, files), timeout=60)
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())


# --------------------------------------------------------------------- odd and lawful: judged as it is


def _odd() -> Iterator[tuple[str, bytes]]:
    yaml, text, archive = hostile.YAML, hostile.JSON, hostile.HAR
    mark = b"\xef\xbb\xbf"
    yield "mark.yaml", mark + yaml
    yield "mark.json", mark + text
    yield "mark.har", mark + archive
    yield "blanks before.json", b"\n \t" * 10_000 + text
    yield "blanks behind.har", archive + b" \n" * 10_000
    yield "wrong ending.yaml", text
    yield "wrong ending.json", archive
    yield "wrong ending.har", yaml
    yield "start.yaml", b"%YAML 1.1\n---\n" + yaml + b"...\n"
    yield "comments.yaml", b"# nothing\n" * 100_000 + yaml
    yield "flow.yaml", b"# JSON is YAML\n" + text
    yield "keys twice.json", text.replace(b'"method": "POST"', b'"method": "GET", "method": "POST"')
    yield "keys twice.yaml", yaml.replace(b"    method: POST\n", b"    method: GET\n    method: POST\n")
    yield "returns.yaml", yaml.replace(b"\n", b"\r\n")
    yield "tags that only say what is said.yaml", yaml.replace(b"method: POST", b"method: !!str POST")
    yield "more.har", archive.replace(b'"log": {', b'"log": {"pages": [[[{}]]], "_odd": "\\ud800", "browser": null,', 1)
    yield "more.json", b'{"odd": [1, 2, {"interactions": []}], "interactions_": 1, ' + text[1:]
    yield from hostile.FORMS.items()


ODD = dict(_odd())


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_and_lawful_is_judged_all_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(ODD[name])
    found = judged(path)
    assert not found.detail.unread
    like = har if name == "wrong ending.json" or ("har" in name and name != "wrong ending.har") else cassette
    assert verdicts(found) == verdicts(judged(write(tmp_path / "plain.json", like(lawful()))))


NONSENSE = [
    "",
    "soon",
    "-1",
    "1" * 100_000,
    "\u0661\u0662, NaN",
    "Mon, 99 Foo 2026 99:99:99 GMT",
    "Sat, 01 Jan 0000 00:00:00 GMT",
    "Sat, 01 Jan 9999 00:00:00 GMT",
    "Sun, 01 Mar 99999 12:00:00 GMT",
    "Sun, 01 Mar 2026 25:00:00 GMT",
]


@pytest.mark.parametrize("date", NONSENSE, ids=lambda date: date[:32])
def test_a_date_header_of_nonsense_is_no_time(tmp_path: Path, date: str) -> None:
    document = cassette(lawful())
    for one in document["interactions"]:
        one["response"]["headers"]["Date"] = [date]
    found = judged(write(tmp_path / "t.json", document))
    assert found.detail.tally.times == {"none": len(lawful())}
    assert verdicts(found) == verdicts(judged(write(tmp_path / "u.json", cassette(lawful(), dated=False))))


LIES = ["gzip", "br", "deflate", "gzip, br", "identity", "GZIP", "", "gzip" + ", gzip" * 1000]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie[:12])
def test_an_encoding_that_a_body_does_not_have_changes_nothing(tmp_path: Path, lie: str) -> None:
    document = cassette(lawful())
    for one in document["interactions"]:
        one["response"]["headers"]["Content-Encoding"] = [lie]
    found = judged(write(tmp_path / "t.json", document))
    assert not found.detail.unread
    expected = verdicts(judged(write(tmp_path / "u.json", cassette(lawful()))))
    assert verdicts(found) == expected


@pytest.mark.parametrize(("layers", "read"), [(4, True), (5, False)])
def test_data_may_unpack_to_itself_so_few_encodings_in_each_other_are_undone(
    tmp_path: Path, layers: int, read: bool
) -> None:
    document = cassette(lawful())
    for one in document["interactions"]:
        body = one["response"]["body"]["string"].encode()
        for _ in range(layers):
            body = gzip.compress(body, mtime=0)
        one["response"]["body"]["string"] = body
    found = judged(write(tmp_path / "t.yaml", document))
    assert not found.detail.unread
    assert sum(found.detail.tally.lost.values()) == (0 if read else len(lawful()))
    assert bool(verdicts(found)["capsolver.create.response-shape"][1]) is read


# ------------------------------------------------------------------------------- large, and bombs


@pytest.mark.parametrize(
    "kind", only([bombs.files, bombs.bodies, bombs.large], [bombs.bodies]), ids=lambda kind: str(kind.__name__)
)
def test_memory_and_seconds_are_bounded(tmp_path: Path, kind: Callable[[], Iterator[bombs.Bomb]]) -> None:
    says = {}
    for bomb in kind():
        says[bomb.name] = bomb.says
        (tmp_path / bomb.name).write_bytes(bomb.content)
    found = measured("capsolver", [tmp_path / name for name in says], timeout=20 * SECONDS)
    for name, expected in says.items():
        one = found[name]
        assert one.seconds < SECONDS, name
        assert one.grown < MEBIBYTES, name
        assert one.violated == [], name
        if expected:
            assert one.matched == 0, name
            assert re.search(expected, one.unread[0]), one.unread
        else:
            assert one.unread == [], name
            assert one.matched >= 1, name
        (tmp_path / name).unlink()


def test_an_answer_of_millions_of_lists_is_left_unjudged(tmp_path: Path) -> None:
    document = har([created(), polled(4, "ready")])
    document["log"]["entries"][1]["response"]["content"]["text"] = "[" + "[]," * 6_000_000 + "[]]"
    path = write(tmp_path / "t.har", document)
    found = measured("capsolver", [path], timeout=6 * SECONDS)["t.har"]
    assert found[:3] == ([], 2, [])
    assert found.grown < MEBIBYTES


def test_the_id_of_a_task_that_was_forgotten_is_not_taken_for_a_foreign_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    creations = [created(float(number), f"task-{number}") for number in range(10)]
    path = write(
        tmp_path / "t.har", har([*creations, polled(20, "processing", "task-0"), polled(21, "idle", "task-9")])
    )
    as_whole = verdicts(judged(path, whole=True))
    assert all(verdict != "violated" for verdict, _, _ in as_whole.values())
    monkeypatch.setattr(judging, "REMEMBERED_TASKS", 4)
    forgetful = verdicts(judged(path, whole=True))
    assert all(verdict != "violated" for verdict, _, _ in forgetful.values())
    assert sum(exercised for _, exercised, _ in forgetful.values()) < sum(count for _, count, _ in as_whole.values())


def test_a_violation_of_a_task_that_was_polled_for_ever_is_shown_by_its_ends(tmp_path: Path) -> None:
    polls = [polled(4.0 * n, "idle", identifier="B") for n in range(1, 2_000)]
    found = judged(write(tmp_path / "t.har", har([created(identifier="B"), *polls, polled(9_000, "odd", "B")])))
    shown = found.ledger["capsolver.poll.status"].evidence
    assert shown is not None
    assert len(shown.trace) == judging.MAXIMUM_EVIDENCE
    assert shown.trace.places[0].endswith("entry 1")
    assert shown.trace.places[-1].endswith("entry 2001")


def test_many_entries_are_judged_in_the_memory_of_a_few(tmp_path: Path) -> None:
    few, many = tmp_path / "few.har", tmp_path / "many.har"
    for path, count in ((few, 2_000), (many, 20_000)):
        with path.open("w") as file:
            file.write('{"log": {"entries": [')
            for number in range(count):
                said = Said(number * 0.1, "/ping", "", {"n": number}, base=f"https://host{number % 7}.example.com")
                file.write(("," if number else "") + json.dumps(har([said])["log"]["entries"][0]))
            file.write("]}}")
    found = measured("capsolver", [few, many], timeout=6 * SECONDS)
    assert found["many.har"].unread == []
    assert found["many.har"].grown < found["few.har"].grown + 8


def test_large_bodies_are_not_held_until_a_thousand_exchanges_are_there() -> None:
    body = bytes(bombs.LARGE)
    read = 0

    def stream() -> Iterator[Recorded]:
        nonlocal read
        for read in range(1, 2_001):
            request = Request("POST", "/getTaskResult", {}, b"")
            yield Recorded("t.har", read, Exchange(request, Response(200, {}, body), float(read), read + 0.5))

    for given, recorded in enumerate(order.nearly_sorted(stream()), 1):
        assert recorded.number == given
        assert (read - given) * bombs.LARGE <= order.HELD_BYTES
    assert read == 2_000


# ------------------------------------------------------------------------------------------ XML bodies


BASE = "http://127.0.0.1:9"


@pytest.fixture
def canary() -> Iterator[Any]:
    """A server on loopback that nothing may ask."""
    with serving(answering(http(b"<!ENTITY seen 'PLANTED'>"))) as server:
        yield server


def _envelope(inside: str, before: str = "", attributes: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{before}<e:Envelope xmlns:e="{ENVELOPE}"{attributes}><e:Body>'
        f'<n:getTaskStatusResponse xmlns:n="ns1">{inside}</n:getTaskStatusResponse></e:Body></e:Envelope>'
    )


def _xml(secret: Path, url: str) -> dict[str, str]:
    laughs = '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return {
        "billion laughs": _envelope("<return><status>&l11;</status></return>", f"<!DOCTYPE e [{laughs}]>"),
        "one long entity": _envelope("&a;" * 10_000, f'<!DOCTYPE e [<!ENTITY a "{"x" * 100_000}">]>'),
        "a file": _envelope("<return>&f;</return>", f'<!DOCTYPE e [<!ENTITY f SYSTEM "{secret.as_uri()}">]>'),
        "an address": _envelope("<return>&f;</return>", f'<!DOCTYPE e [<!ENTITY f SYSTEM "{url}/entity">]>'),
        "a document type": _envelope("", f'<!DOCTYPE e SYSTEM "{url}/e.dtd">'),
        "a public document type": _envelope("", f'<!DOCTYPE e PUBLIC "-//W3C//DTD" "{url}/e.dtd">'),
        "a parameter entity": _envelope("", f'<!DOCTYPE e [<!ENTITY % p SYSTEM "{url}/p.dtd"> %p;]>'),
        "an inclusion": _envelope(
            f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{secret.as_uri()}" parse="text"/>'
            f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{url}/included"/>'
        ),
        "a schema": _envelope(
            "",
            attributes=f' xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:schemaLocation="ns1 {url}/a.xsd" '
            f'x:noNamespaceSchemaLocation="{url}/b.xsd"',
        ),
        "a style sheet": _envelope("", f'<?xml-stylesheet href="{url}/style.xsl" type="text/xsl"?>'),
        "deep": _envelope("<a>" * hostile.DEEP + "</a>" * hostile.DEEP),
        "deep and open": _envelope("<a>" * hostile.DEEP),
        "many attributes": _envelope("<a " + " ".join(f'a{n}="1"' for n in range(20_000)) + "/>"),
        "a long name": _envelope(f"<{'a' * 1_000_000}/>"),
        "blanks in its declaration": f"<?xml{' ' * 200_000}?>" + _envelope("").partition("?>")[2],
        "declared encoding": _envelope("<return/>").replace('"1.0"', '"1.0" encoding="utf-7"'),
        "no XML": "<" * 100_000,
    }


@pytest.mark.parametrize("form", ["cassette", "har"])
def test_xml_of_a_body_fetches_nothing_reads_nothing_and_unfolds_to_nothing(
    tmp_path: Path, canary: Any, form: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("PLANTED")
    asked = _envelope("<taskId>A</taskId>").replace("getTaskStatusResponse", "getTaskStatus")
    files = []
    for number, body in enumerate(_xml(secret, canary.url).values()):
        conversation = [
            Said(0.0, "/soap", asked, body, base=BASE),
            Said(9.0, "/soap", body.replace("getTaskStatusResponse", "getTaskStatus"), asked, base=BASE),
        ]
        document = har(conversation) if form == "har" else cassette(conversation)
        files.append(write(tmp_path / f"{number}.{'har' if form == 'har' else 'json'}", document))
    done = pollproof("check", "cnode", "--base-url", f"{BASE}/soap", "--json", "-", *map(str, files), timeout=30)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert "PLANTED" not in done.stdout + done.stderr
    assert canary.accepted == 0
    assert json.loads(done.stdout)["exchanges"] == 2 * len(files)


@pytest.mark.parametrize("body", ["[" * hostile.DEEP, '{"a":' * hostile.DEEP, "[" * 900 + "]" * 900])
def test_deep_json_of_a_body_is_an_unreadable_answer(tmp_path: Path, body: str) -> None:
    for name, document in (("t.json", cassette([created()])), ("t.har", har([created()]))):
        text = json.dumps(document).replace(json.dumps(json.dumps(created().told)), json.dumps(body))
        (tmp_path / name).write_text(text)
        found = judged(tmp_path / name)
        assert not found.detail.unread
        assert verdicts(found)["capsolver.create.response-shape"][0] == "violated"


# -------------------------------------------------------------------------------------- other traffic


def test_the_traffic_of_another_provider_is_named_and_not_judged(tmp_path: Path) -> None:
    for provider, base in (("capmonster", "https://api.capsolver.com"), ("decodo", "https://api.capsolver.com")):
        path = write(tmp_path / "t.har", har([said._replace(base=base) for said in lawful()]))
        done = pollproof("check", provider, str(path))
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "they went to https://api.capsolver.com (--base-url names the API to judge)" in done.stderr
        assert done.stdout == ""


# -------------------------------------------------------------------------- what is no file, odd names


@pytest.fixture(scope="module")
def odd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "empty").mkdir()
    (folder / "without").mkdir()
    (folder / "without" / "notes.txt").write_text("nothing")
    (folder / "foreign").mkdir()
    (folder / "foreign" / "package.json").write_text('{"name": "x"}')
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "nowhere.yaml").symlink_to("is-not-there.yaml")
    os.mkfifo(folder / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        previous = os.getcwd()
        os.chdir(folder)  # the path of a socket has little room
        try:
            listener.bind("socket.har")
        finally:
            os.chdir(previous)
    return folder


@pytest.mark.skipif(os.name != "posix", reason="these are files of Unix")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pipe.yaml", "no regular file"),
        ("socket.har", "cannot be read|no regular file"),
        ("/dev/zero", "no regular file"),
        ("/dev/null", "no regular file"),
        ("loop.yaml", "cannot be read \\(Too many levels of symbolic links\\)"),
        ("nowhere.yaml", "no such file|cannot be read"),
        ("empty", "the folder holds no .yaml, .yml, .json, .har, .jsonl, .ndjson file"),
        ("without", "the folder holds no .yaml, .yml, .json, .har, .jsonl, .ndjson file"),
        ("foreign", "no recordings: .*package.json"),
        ("missing.yaml", "no such file or folder"),
        ("*.nothing", "no file matches"),
        ("[", "no file matches"),
        ("x" * 5000, "no such file or folder"),
    ],
)
def test_what_is_no_recording_is_told_in_one_sentence(odd_folder: Path, name: str, says: str) -> None:
    done = pollproof("check", "capsolver", str(odd_folder / name), timeout=10)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.lower().startswith("error: ")]
    assert re.search(says, line), line


def test_a_link_in_a_folder_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    write(tmp_path / "good.har", har(lawful()))
    (tmp_path / "lost.har").symlink_to("is-not-there.har")
    (tmp_path / "again").symlink_to(tmp_path)
    done = pollproof("check", "capsolver", str(tmp_path))
    assert done.returncode == 2
    assert re.search("error: .*lost.har: cannot be read", done.stderr)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_files_and_folders_that_may_not_be_read_are_told(tmp_path: Path) -> None:
    write(tmp_path / "good.har", har(lawful()))
    write(tmp_path / "secret.har", har(lawful())).chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    done = pollproof("check", "capsolver", str(tmp_path))
    assert done.returncode == 2
    assert re.search("error: .*secret.har: cannot be read", done.stderr)
    assert re.search("error: .*closed: cannot be read", done.stderr)


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pollproof.recordings.files import find_recordings

    write(tmp_path / "good.har", har(lawful()))
    (tmp_path / "closed").mkdir()
    look = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert find_recordings([str(tmp_path)]) == [tmp_path / "good.har", tmp_path / "closed"]


NAMES = [
    b"new\nline.har",
    b"a b'\"$(x).har",
    "\u202ehar.har".encode(),
    b"caf\xe9.har",
    b"\x1b[31mred.har",
]


@pytest.mark.skipif(os.name != "posix", reason="file names of Unix")
@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_file_is_shown_in_one_line(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    write(path, har([*lawful(), polled(20, "processing")]))
    done = pollproof("check", "capsolver", str(path))
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout
    path.write_bytes(b"")
    done = pollproof("check", "capsolver", str(path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr


def test_a_recording_that_changes_while_it_is_read_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "t.har", har([*lawful(), polled(20, "processing")]))
    show = judging._Judge._show

    def changed(self: Any, *arguments: Any) -> None:
        write(path, har(lawful()[:1]))
        show(self, *arguments)

    monkeypatch.setattr(judging._Judge, "_show", changed)
    found = judged(path)
    assert [str(error) for error in found.detail.unread] == [f"{path}: was changed while it was read"]
    assert all(verdict == "unexercised" for verdict, _, _ in verdicts(found).values())


def test_a_disk_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(order, "WINDOW", 1)
    monkeypatch.setattr(order, "HANDED_ON", 1)
    monkeypatch.setattr(order, "RUN", 2)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    found = judged(write(tmp_path / "t.har", har(lawful()[::-1])))
    problem = "its entries are not in order of time, and sorting them on disk failed (No space left on device)"
    assert [error.problem for error in found.detail.unread] == [problem]


def test_one_interaction_is_no_cassette_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", interaction(created()))
    assert judged(path).detail.unread[0].problem.startswith("not a recording")

"""No key in any report, whatever a hostile target makes of it and wherever it puts it."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
import sys
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pollproof.contract.model import Subject
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Evidence, Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.recordings.writing import write_cassette
from pollproof.report.document import build_document, with_reproduction
from pollproof.report.formats import VIEWS
from pollproof.report.terminal import print_document, print_summary
from pollproof.runs.result import RunResult
from pollproof.secrets.find import in_command, in_environment, in_url
from pollproof.secrets.redact import MASK, MINIMUM_SECRET, Redactor
from pollproof.trace.bodies import write_json
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of
from pollproof.verify.exploration import Exploration, LiveDetail
from pollproof.verify.plan import Plan, command
from tests.lanes import a_few
from tests.servers import Asked, http, keeping_alive, pollproof, serving

KEY = "CAP-7f3Ab09cD2/e84+6Q1x5Zk"
TELLING = 8
"""Characters of a key in a row that tell too much of it."""


def backslashed(text: str) -> str:
    return "".join(f"\\u{ord(character):04X}" for character in text)


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "swapped case": str.swapcase,
    "base64": lambda key: b64encode(key.encode()).decode(),
    "base64 of a URL": lambda key: urlsafe_b64encode(key.encode()).decode().rstrip("="),
    "Basic": lambda key: b64encode(f"user:{key}".encode()).decode(),
    "base64 of more": lambda key: b64encode(f"the key {key} is wrong".encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex(),
    "percent-encoded": lambda key: quote(key, safe=""),
    "percent-encoded throughout": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()),
    "percent-encoded twice": lambda key: quote("".join(f"%{byte:02x}" for byte in key.encode())),
    "escapes of JSON": backslashed,
    "escapes of JSON, twice": lambda key: json.dumps(backslashed(key))[1:-1],
    "some escapes of JSON": lambda key: key[:5] + backslashed(key[5:7]) + key[7:],
    "slashes of JSON": lambda key: key.replace("/", "\\/"),
    "entities of XML": lambda key: "".join(f"&#{ord(character)};" for character in key),
    "hexadecimal entities of XML": lambda key: "".join(f"&#x{ord(character):X};" for character in key),
    "entities of entities": lambda key: html.escape("".join(f"&#{ord(character)};" for character in key)),
    "an escape of Python": lambda key: "".join(f"\\x{ord(character):02x}" for character in key),
    "cut": lambda key: key[:-3] + "...",
    "cut before": lambda key: "\u2026" + key[4:],
}
"""What a server, a proxy, a language or a message may make of a key."""

CREATION = Request("POST", "/createTask", {}, write_json({"clientKey": KEY, "task": {"type": "ReCaptchaV2Task"}}))


def answer(**fields: Any) -> bytes:
    return json.dumps({"errorId": 7, "errorCode": "", "errorDescription": "", **fields}).encode()


PLACES: dict[str, Callable[[str], bytes]] = {
    "an error message": lambda text: answer(errorDescription=text),
    "a field": lambda text: answer(debug=text),
    "a nested field": lambda text: answer(debug=[{"asked": [{"with": text}]}]),
    "a name": lambda text: answer(**{text: 1}),
    "an id": lambda text: answer(errorId=0, taskId=text, status=1),
    "a status": lambda text: answer(errorId=0, taskId=["x"], status=text),
    "a solution": lambda text: answer(errorId=0, status="ready", solution={"token": text}, taskId=1),
    "a page": lambda text: f"<html><title>Error</title><pre>{text}</pre>".encode(),
    "half of a response": lambda text: answer(debug=text)[:-1],
    "JSON in JSON": lambda text: answer(debug=json.dumps({"said": text})),
    "a long response": lambda text: answer(debug=" " * 1_500 + text + " " * 1_500),
    "the end of what is shown": lambda text: b"x" * (2_000 - len(text) // 2) + text.encode() + b"y" * 3_000,
    "many places": lambda text: (text + " ").encode() * 500,
}
"""Where a target may put it."""


# ------------------------------------------------------------------------------- what would tell


def readings(text: str) -> Iterator[str]:
    """What a text says to somebody who undoes all that can be undone."""
    for _ in range(3):
        yield text
        plain = unquote(html.unescape(text))
        plain = re.sub(r"\\+u([0-9a-fA-F]{4})|\\+x([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), plain)
        text = plain.replace("\\/", "/")
    for run in set(re.findall(r"[A-Za-z0-9+/_-]{12,}", text)):
        letters = run.replace("-", "+").replace("_", "/")
        for begin in range(4):
            yield b64decode(letters[begin:][: (len(letters) - begin) // 4 * 4]).decode("latin-1")
        if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", run):
            yield bytes.fromhex(run).decode("latin-1")


def told_of(key: str, text: str) -> str:
    """The first part of a key that a text tells, empty where it tells none."""
    pieces = [key[at : at + TELLING].lower() for at in range(len(key) - TELLING + 1)]
    for reading in readings(text):
        lowered = reading.lower()
        for piece in pieces:
            if piece in lowered:
                return piece
    return ""


@pytest.mark.parametrize("form", FORMS)
def test_a_key_in_any_of_these_forms_would_be_found_out(form: str) -> None:
    assert told_of(KEY, f"the key is {FORMS[form](KEY)}")


# ------------------------------------------------------------------------------------ the reports


@cache
def monitor() -> Monitor:
    contract = load_contract("capsolver")
    return Monitor(reader_of(contract), clauses_of(contract, Subject.PROVIDER))


def evidences(*bodies: bytes, request: Request = CREATION) -> list[Evidence]:
    """What the clauses say of each of these responses."""
    found: list[Evidence] = []
    for body in bodies:
        monitor().ledger.clear()
        monitor().reset()
        monitor().observe(Exchange(request, Response(200, {}, body), 0.0, 0.5))
        found += [entry.evidence for entry in monitor().ledger.entries.values() if entry.evidence is not None]
    return found


def exploring(plan: Plan, shown: Iterable[Evidence]) -> Iterator[Exploration]:
    """Explorations that show all of this: each of their clauses, whichever it is, one of it."""
    clauses = clauses_of(plan.contract, Subject.PROVIDER)
    for some in batched(shown, len(clauses)):
        ledger = Ledger(clauses)
        for clause, evidence in zip(clauses, some, strict=False):
            ledger.add(clause.id, evidence)
        yield RunResult(plan, ledger, LiveDetail())


def batched(things: Iterable[Evidence], count: int) -> Iterator[list[Evidence]]:
    rest = list(things)
    while rest:
        yield rest[:count]
        rest = rest[count:]


LARGE = ("html", "terminal")
"""The views that take most of the time: they are asked for with some of the forms."""


def reports(result: Exploration, *, large: bool = True) -> dict[str, str]:
    """All forms of a report, by name."""
    document = with_reproduction(build_document(result), command(result.spec, "capsolver"))
    told = {name: view([document]) for name, view in VIEWS.items() if large or name not in LARGE}
    if not large:
        return told
    console = Console(file=io.StringIO(), width=200)
    print_document(console, document, strict=False, verbosity=1)
    print_summary(console, document)
    assert isinstance(console.file, io.StringIO)
    return {**told, "terminal": console.file.getvalue()}


@pytest.mark.parametrize("form", a_few(FORMS, 10))
def test_a_key_that_a_target_gives_back_is_in_no_report(form: str) -> None:
    plan = Plan(load_contract("capsolver"), "http://127.0.0.1:9", KEY)
    shown = evidences(*(body(FORMS[form](KEY)) for body in PLACES.values()))
    assert len(shown) >= len(PLACES)
    for result in exploring(plan, shown):
        for name, report in reports(result, large=list(FORMS).index(form) % 4 == 0).items():
            assert (name, told_of(KEY, report)) == (name, "")


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@settings(deadline=None, max_examples=30)
@given(
    key=st.text(st.sampled_from("abcXYZ0189-_/+=.:~$%&<>\"'\\"), min_size=12, max_size=90),
    before=TEXTS,
    after=TEXTS,
    form=st.sampled_from(sorted(FORMS)),
    place=st.sampled_from(sorted(PLACES)),
)
def test_no_key_is_in_a_report_whatever_it_is_made_of(key: str, before: str, after: str, form: str, place: str) -> None:
    plan = Plan(load_contract("capsolver"), "http://127.0.0.1:9", key)
    bystander = "the wrong words of a target without a key"
    body = PLACES[place](f"{before} {FORMS[form](key)} {after}")
    for result in exploring(plan, evidences(body)):
        report = json.dumps(build_document(result), ensure_ascii=False)
        assert FORMS[form](key) not in report
        assert key not in report
    assert Redactor([key]).text(bystander) == bystander


@pytest.mark.parametrize("form", ["as it is", "base64", "percent-encoded"])
def test_a_key_in_what_the_run_itself_says_is_in_no_report(form: str) -> None:
    text = FORMS[form](KEY)
    plan = Plan(load_contract("capsolver"), f"http://127.0.0.1:9/{text}", KEY, f"http://127.0.0.1:9/?key={text}")
    (result,) = exploring(plan, evidences(answer(), request=CREATION._replace(path="/createTask?" + text)))
    result.error, result.clock = f"the target said {text}", f"real, {text}"
    result.notes = [f"its output ends with: {text}"]
    result.detail.facts = {"record": text}
    for name, report in reports(result).items():
        assert (name, told_of(KEY, report)) == (name, "")


EMBEDDED = ("Basic", "base64 of more")
WHOLE: dict[str, Callable[[str], str]] = {
    **{name: form for name, form in FORMS.items() if not name.startswith("cut") and name not in EMBEDDED},
    "split by blanks": lambda key: " ".join(key),
    "split by a line break": lambda key: key[: len(key) // 2] + "\n    " + key[len(key) // 2 :],
    "quoted for a shell": lambda key: shlex.quote(key).strip("'"),
    "quoted for a shell, by a backslash": lambda key: key.replace("'", "'\\''"),
    "quoted for a shell, in JSON": lambda key: json.dumps(shlex.quote(key).strip("'"))[1:-1],
    "hexadecimal, colons": lambda key: ":".join(f"{byte:02X}" for byte in key.encode()),
    "hexadecimal, blanks": lambda key: " ".join(f"{byte:02x}" for byte in key.encode()),
    "hexadecimal, dashes": lambda key: "-".join(f"{byte:02x}" for byte in key.encode()),
    "hexadecimal, an array": lambda key: ", ".join(f"0x{byte:02x}" for byte in key.encode()),
    "decimal, an array": lambda key: ", ".join(str(byte) for byte in key.encode()),
}
CASED = {"upper case", "lower case", "swapped case"}
CLASSES = [
    "abcdefghijkl",
    "ABCXYZ",
    "0123456789",
    "0aA9fFeE",
    "abcXYZ0189-_",
    "-_/+=.:~$%&<>\"'\\",
    "\u00e9\u0142\u4e2dx",
]


@settings(deadline=None, max_examples=60)
@given(data=st.data(), form=st.sampled_from(sorted(WHOLE)))
def test_a_key_of_any_length_and_class_is_masked_whole_and_at_its_edges(data: st.DataObject, form: str) -> None:
    letters = data.draw(st.sampled_from(CLASSES))
    key = data.draw(st.text(st.sampled_from(letters), min_size=MINIMUM_SECRET, max_size=64))
    if form in CASED and (len(key) < 8 or len(key.upper()) != len(key)):
        return  # of short words it is not clear that they are one
    if form == "an escape of Python" and any(ord(letter) > 255 for letter in key):
        return  # it has none of this kind for them
    others = [[], [key[:-1]], [key[1:]], [key + "x"], [key[:-1] + "x"], [key[::-1]], [key * 2]]
    near = data.draw(st.sampled_from(others))
    redactor = Redactor([key, *near])
    for before, after in ((" ", " "), ('{"k": "', '"}'), ("<a>", "</a>"), ("(", ")"), ("\n", "")):
        told = redactor.text(before + WHOLE[form](key) + after)
        assert told == before + MASK + after


def test_keys_that_overlap_are_masked_as_one() -> None:
    redactor = Redactor(["abcdefgh", "abcdefg", "xabcd", "ghijklmn"])
    assert redactor.text("xabcdefghijklmn!") == MASK + "!"
    assert redactor.text("abcdefgh") == MASK
    assert Redactor(["aaaa"]).text("aaaaaaaaaaa") == MASK


def test_keys_that_cannot_be_masked_are_refused_or_told() -> None:
    assert Redactor(["abc", "abcdef"]).unmasked
    assert not Redactor(["abcd", ""]).unmasked
    done = pollproof("verify", "capsolver", "--base-url", "http://127.0.0.1:9", "--api-key", "abc")
    assert done.returncode == 2
    assert "fewer than 4 characters" in done.stderr
    assert "abc" not in done.stderr.replace("abcd", "")


def test_a_key_that_is_a_number_is_masked_where_it_is_one() -> None:
    redactor = Redactor(["31415926535"])
    assert redactor.value({"n": [31415926535, 3.5, True, None, 2]}) == {"n": [MASK, 3.5, True, None, 2]}


def test_words_that_are_no_key_stay_as_they_are() -> None:
    redactor = Redactor([KEY, KEY[:-1], KEY.swapcase()])
    for text in ("an ordinary sentence...", "\\u0041&#65;%41", '{"taskId": "7f3A"}', "... CAP-", "\u2026"):
        assert redactor.text(text) == text


def test_a_text_that_begins_to_be_a_key_where_it_is_cut_is_cut_before() -> None:
    redactor = Redactor([KEY])
    for length in range(30):
        told = redactor.beginning("x" * (1_000 - length) + KEY + "y" * 9_000, 1_000)
        assert told_of(KEY, told) == ""
        assert len(told) <= 1_003


# ------------------------------------------------------------------------------ where secrets are


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("redis://user:pass%2Fword@host:6379/0", {"pass%2Fword", "pass/word"}),
        ("http://127.0.0.1/advance?token=0123456789&seconds=5", {"0123456789"}),
        ("http://127.0.0.1/advance", set()),
        ("http://[half", set()),
    ],
)
def test_secrets_of_urls(url: str, secrets: set[str]) -> None:
    assert set(in_url(url)) == secrets


@pytest.mark.parametrize(
    ("words", "secrets"),
    [
        (["env", "DB_PASSWORD=tr0ub4dor", "node", "server.js"], {"tr0ub4dor"}),
        (["serve", "--api-key", "abcdef123456", "--port", "80"], {"abcdef123456"}),
        (["serve", "--access-token=abcdef123456", "--verbose"], {"abcdef123456"}),
        (["serve", "--database=postgres://me:hunter22@host/db"], {"hunter22"}),
        (["serve", "--keyboard", "german", "--monkey=banana"], set()),
        (["serve", "--password", "--port"], set()),
    ],
)
def test_secrets_of_commands(words: list[str], secrets: set[str]) -> None:
    assert set(in_command(words)) == secrets


def test_secrets_of_variables() -> None:
    environment = {
        "CI_JOB_TOKEN": "0123456789abcdef",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "SSL_KEY": "/etc/ssl/key.pem",
        "PASSWORD": "short",
        "KEYBOARD": "a german one",
        "PATH": "/usr/bin:/bin",
    }
    assert set(in_environment(environment)) == {"0123456789abcdef", "wJalrXUtnFEMI"}


# ------------------------------------------------------------------------------- the whole command


def written_in(folder: Path) -> Iterator[tuple[str, str]]:
    """All files of a folder, by name, with their text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.name, path.name + path.read_bytes().decode("latin-1")


def echoed(key: str, folder: Path) -> dict[str, str]:
    """Run verify against a server that gives the key back in every form and place; all that came out of it, by name."""
    numbers, home = count(), folder / "home"
    home.mkdir()
    forms = [made for name, made in FORMS.items() if len(key) >= 8 or not (name in CASED or name.startswith("cut"))]

    def echo(asked: Asked) -> bytes:
        number = next(numbers)
        text = forms[number % len(forms)](key)
        body = list(PLACES.values())[number // 3 % len(PLACES)](text)
        safe = quote(text)
        return http(body, f"200 {safe}", f"X-Key: {safe}", f"Set-Cookie: key={safe}")

    files = [word for name in VIEWS for word in (f"--{name}", str(folder / f"report.{name}"))]
    with serving(keeping_alive(echo)) as server:
        urls = [
            "--base-url",
            f"{server.url}/{quote(key, safe='')}",
            "--advance-url",
            f"{server.url}/?token={quote(key)}",
        ]
        options = ["--api-key", key, "--examples", "2", "--example-db", str(folder / "examples")]
        environment = {"NO_PROXY": "*", "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"), "TMPDIR": str(home)}
        done = pollproof("verify", "capsolver", *urls, *options, *files, **environment)
    assert done.returncode == 4, done.stderr
    assert "error: preflight: no task could be created. " in done.stdout
    assert not list(home.iterdir())
    return {"standard output": done.stdout, "standard error": done.stderr, **dict(written_in(folder))}


def test_nothing_that_verify_prints_or_leaves_behind_has_a_key_that_the_target_gives_back(tmp_path: Path) -> None:
    left = echoed(KEY, tmp_path)
    assert {f"report.{name}" for name in VIEWS} <= left.keys()
    assert {name: told_of(KEY, text) for name, text in left.items()} == dict.fromkeys(left, "")


LENGTHS = (*range(1, 13), 16, 24, 32, 33, 48, 63, 64)
PLANTED = [(length, letters) for length in LENGTHS for letters in CLASSES[:-1] if length > 7 or letters[0] not in "0-"]
"""Lengths and classes of keys; a few digits or signs alone stand in every report by chance."""


@pytest.mark.parametrize(("length", "letters"), [*a_few(PLANTED, 4), (17, CLASSES[5])])
def test_keys_of_all_lengths_and_classes_are_refused_or_in_no_output(tmp_path: Path, length: int, letters: str) -> None:
    key = "".join(Random(f"{length} {letters}").choices(letters, k=length))
    if length < MINIMUM_SECRET:
        done = pollproof("verify", "capsolver", "--base-url", "http://127.0.0.1:9", "--api-key", key)
        assert (done.returncode, f"fewer than {MINIMUM_SECRET} characters" in done.stderr) == (2, True)
        return
    # Of short keys the whole tells, of long ones a part.
    for name, text in echoed(key, tmp_path).items():
        told = told_of(key, text) if length >= TELLING else key * any(key in each for each in readings(text))
        assert (name, told) == (name, "")


CLIENT = """
import json, os, sys, urllib.request
key, variable = sys.argv[2], os.environ["SERVICE_TOKEN"]
print("the key is", key, "and the token", variable)
body = json.dumps({"clientKey": key, "task": json.loads(os.environ["POLLPROOF_TASK"])}).encode()
request = urllib.request.Request(os.environ["POLLPROOF_BASE_URL"] + "/createTask", body)
try:
    urllib.request.urlopen(request)
except Exception as error:
    print(error)
raise RuntimeError(f"no luck with {key} and {variable}")
"""


def test_nothing_that_the_gate_prints_or_writes_has_a_key_that_the_client_has_of_its_own(tmp_path: Path) -> None:
    token = "tok-9c2f6d1b8a7e4035"
    reports = tmp_path / "reports"
    reports.mkdir()
    files = [word for name in VIEWS for word in (f"--{name}", str(reports / f"report.{name}"))]
    (tmp_path / "client.py").write_text(CLIENT, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "client.py"), "--key", KEY]
    done = pollproof(
        "gate",
        "capsolver",
        "--clock",
        "real",
        "--scenario",
        "ready-after-one-poll",
        *files,
        "--",
        *command,
        SERVICE_TOKEN=token,
    )
    assert done.returncode in (1, 4), done.stderr
    assert "RuntimeError: no luck with [key] and [key]" in done.stdout + done.stderr
    for secret in (KEY, token):
        assert told_of(secret, done.stdout + done.stderr) == ""
        for name, text in written_in(reports):
            assert (name, told_of(secret, text)) == (name, "")


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_no_cassette_has_a_key_that_a_target_gives_back(tmp_path: Path, ending: str) -> None:
    exchanges: list[Exchange] = []
    for made in FORMS.values():
        text = made(KEY)
        for body in PLACES.values():
            at = float(len(exchanges))
            headers = {"server": text, "x-key": text}
            exchanges.append(Exchange(CREATION, Response(200, headers, body(text)), at, at + 0.5))
        unanswered = CREATION._replace(path=f"/createTask?{quote(text)}")
        exchanges.append(Exchange(unanswered, None, at + 1, at + 1.5, f"the target said {text}"))
    path, contract = tmp_path / f"tape.{ending}", load_contract("capsolver")
    written = write_cassette(
        path, exchanges, contract, base_url="http://127.0.0.1:9", clock="virtual", source="live", secrets=(KEY,)
    )
    assert written.exchanges == len(exchanges)
    assert told_of(KEY, path.read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize("text", ["::::\\\\u003A", "\\u003a:::\\\\\\u003a", "::::\\:"])
def test_a_backslash_of_a_key_may_stand_before_an_escape(text: str) -> None:
    assert Redactor(["::::\\:"]).text(f" {text} ") == f" {MASK} "

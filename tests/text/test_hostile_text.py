"""A hostile text in every field of every source reaches no terminal, log or report as it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from pollproof.bundled import folder
from pollproof.cli.main import main
from pollproof.text import HIDDEN, escape_markdown, json_text, one_line, plural, printable, shorten, visible
from tests.servers import Line, serving

HOSTILE = "a\x1b[2J\x1b]0;pwned\x07\x9b31m\x08\x7f\u202eb\u200bc\u2028d\x00"
"""Commands of a terminal, a change of the direction of text, what has no width, the end of a line, nothing at all."""

COMMAND = "\n::error file=x,title=y::pwned\r\n::stop-commands::z\n"
"""What ends a line of GitHub's annotations, and begins one of its own."""

ANNOTATION = re.compile(r"::(error|warning|notice) (file=[^:,]*,)?title=[^:,]*::")

HOME = folder("cassettes") / "capsolver"
BAD = sorted((HOME / "bad").glob("*.yaml"))


class Run:
    """Runs commands in this process and looks at all that they print and write."""

    def __init__(self, place: Path, capture: pytest.CaptureFixture[bytes], patch: pytest.MonkeyPatch) -> None:
        self.place, self._capture, self._patch = place, capture, patch

    def __call__(self, *words: str) -> str:
        """The whole output; fails where a hidden character is in it or in a file that the command wrote."""
        before = set(self.place.iterdir())
        self._patch.setattr(sys, "argv", ["pollproof", *words])
        self._patch.chdir(self.place)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capture.readouterr()
        self.status = ended.value.code
        self.check("the output", out + err)
        for path in set(self.place.iterdir()) - before:
            self.check(path.name, path.read_bytes())
            path.unlink()
        return (out + err).decode()

    def check(self, name: str, data: bytes) -> None:
        text = data.decode("utf-8")
        found = HIDDEN.search(text)
        assert found is None, f"{name}: {text[max(found.start() - 60, 0) : found.end() + 60]!r}"
        if name == "report.github":
            assert all(ANNOTATION.match(line) for line in text.splitlines()), text
        elif name in ("report.json", "report.sarif", "report.gitlab"):
            json.loads(text)
        elif name == "report.junit":
            ElementTree.fromstring(text)


@pytest.fixture
def run(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    place = tmp_path / "place"
    place.mkdir()
    return Run(place, capfdbinary, monkeypatch)


FORMATS = ("json", "html", "markdown", "junit", "sarif", "gitlab", "github")
REPORTS = [word for name in FORMATS for word in (f"--{name}", f"report.{name}")]


def changed(value: Any, change: Callable[[str], str]) -> Iterator[Any]:
    """The value with one text in it changed, for each text: values and keys of objects."""
    if isinstance(value, str):
        yield change(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            for other in changed(item, change):
                yield {**value, key: other}
    elif isinstance(value, list):
        for place, item in enumerate(value[:4]):
            for other in changed(item, change):
                yield [*value[:place], other, *value[place + 1 :]]


def hostile(text: str) -> str:
    """A text with the hostile one in it; in JSON it is escaped, so that it is a text of the body's."""
    try:
        body = json.loads(text)
    except ValueError:
        return text + HOSTILE
    return (
        json.dumps({key: item + HOSTILE if isinstance(item, str) else item for key, item in body.items()})
        if (isinstance(body, dict))
        else text + HOSTILE
    )


def tape(entries: int) -> dict[str, Any]:
    whole = yaml.load(BAD[0].read_text(), yaml.CBaseLoader)
    whole["interactions"] = whole["interactions"][:entries]
    whole["version"] = 1
    whole.pop("metadata", None)
    return whole


def as_har(cassette: dict[str, Any]) -> dict[str, Any]:
    entries = []
    for one in cassette["interactions"]:
        request, response = one["request"], one["response"]
        entries.append(
            {
                "startedDateTime": "2026-01-01T00:00:00.000Z",
                "time": 12,
                "comment": "a comment",
                "request": {
                    "method": request["method"],
                    "url": request["uri"],
                    "httpVersion": "HTTP/1.1",
                    "headers": [{"name": "content-type", "value": "application/json"}],
                    "postData": {"mimeType": "application/json", "text": request["body"]},
                },
                "response": {
                    "status": 200,
                    "statusText": "OK",
                    "headers": [{"name": "content-type", "value": "application/json"}],
                    "content": {"mimeType": "application/json", "text": response["body"]["string"]},
                },
            }
        )
    return {"log": {"version": "1.2", "creator": {"name": "somebody", "version": "1"}, "entries": entries}}


@pytest.mark.parametrize("kind", ["cassette", "har"])
def test_recordings(run: Run, tmp_path: Path, kind: str) -> None:
    cassette = tape(3)
    plain = cassette if kind == "cassette" else as_har(cassette)
    path = tmp_path / ("x.json" if kind == "cassette" else "x.har")
    other = tmp_path / f"plain{path.suffix}"
    other.write_text(json.dumps(plain))
    count = 0
    for change in (hostile, lambda text: HOSTILE + text):
        for document in list(changed(plain, change))[::5]:
            path.write_text(json.dumps(document))
            run("check", "capsolver", str(path), *REPORTS)
            count += 1
            if count % 5 == 0:
                run("drift", "--provider", "capsolver", str(other), str(path), "--json", "a.json", "--markdown", "a.md")
    assert count > 8


def test_names_of_files(run: Run, tmp_path: Path) -> None:
    name = HOSTILE.replace("\x00", "")
    path = tmp_path / f"{name}.json"
    for text in (json.dumps(tape(3)), "{", ""):
        path.write_text(text)
        run("check", "capsolver", str(path), *REPORTS)
        run("drift", str(path), str(path))
        run("report", str(path), "--markdown", "x.md")
        run("verify", "capsolver", "--task", str(path), "--base-url", "http://127.0.0.1:9")
    for words in (["clauses", name], ["verify", name], ["verify", "capsolver", "--base-url", f"http://{name}"]):
        run(*words)
    run("check", "capsolver", str(BAD[0]), "--json", f"no/{name}")
    run("check", "capsolver", name)
    run("gate", "capsolver", "--scenario", name, "--", "true")


def toml(text: str) -> str:
    return "".join(f"\\u{ord(sign):04x}" if HIDDEN.match(sign) else sign for sign in text)


def test_contracts(run: Run, tmp_path: Path) -> None:
    source = (
        (folder("contracts") / "capmonster.toml").read_text().replace('schemas = "', f'schemas = "{folder("schemas")}/')
    )
    tried: set[str] = set()
    lines = source.splitlines()
    everywhere = list(lines)
    path = tmp_path / "capmonster.toml"
    for number, line in enumerate(lines):
        match = re.match(r'(\w+) = "', line)
        if match is None:
            continue
        bad = re.sub(r'"$', lambda _: toml(HOSTILE) + '"', line)
        if match[1] in ("text", "title"):
            everywhere[number] = bad
        if match[1] not in tried:
            tried.add(match[1])
            path.write_text("\n".join([*lines[:number], bad, *lines[number + 1 :]]))
            run("clauses", str(path))
    assert len(tried) > 10
    path.write_text("\n".join(everywhere))
    for words in (["clauses"], ["clauses", "--json"], ["export", "openapi"], ["export", "wiremock"]):
        run(words[0], *words[1:2], str(path), *words[2:]) if words[0] == "export" else run(
            *words[:1], str(path), *words[1:]
        )
    for tape_ in sorted((folder("cassettes") / "capmonster" / "bad").glob("*.yaml"))[:5]:
        run("check", str(path), str(tape_), *REPORTS)


def test_reports(run: Run, tmp_path: Path) -> None:
    first = tmp_path / "first.json"
    run.place.joinpath("keep").mkdir()
    subprocess.run(
        [sys.executable, "-m", "pollproof", "check", "capsolver", str(BAD[0]), "--json", str(first)], check=False
    )
    run.place.joinpath("keep").rmdir()
    document = json.loads(first.read_text())
    path = tmp_path / "x.json"
    clauses = document["clauses"]
    broken = [clause for clause in clauses if clause["verdict"] == "violated"]
    small = {**document, "clauses": [*broken[:1], *[clause for clause in clauses if clause not in broken][:1]]}
    every = REPORTS[2:]
    for number, other in enumerate(list(changed(small, lambda text: text + HOSTILE + COMMAND))[::5]):
        path.write_text(json.dumps(other))
        run("report", str(path), *every)
        if number % 10 == 0:
            run("merge", str(path), str(first), *REPORTS)


def test_baselines_and_tasks(run: Run, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    for key in ("clause", "reason", "provider", "ticket", HOSTILE):
        known.write_text(f'[[known]]\n"{toml(key)}" = "{toml(HOSTILE)}"\n')
        run("check", "capsolver", str(BAD[0]), "--baseline", str(known), *REPORTS)
    task = tmp_path / "task.json"
    for text in (json.dumps(HOSTILE), json.dumps({HOSTILE: HOSTILE}), HOSTILE):
        task.write_text(text)
        run("verify", "capsolver", "--task", str(task), "--base-url", "http://127.0.0.1:9")


def test_clients(run: Run) -> None:
    text = HOSTILE.replace("\x00", "")
    program = f"import sys; print({text!r}); print({text!r}, file=sys.stderr); sys.exit(3)"
    run("gate", "capsolver", "--clock", "real", "--", sys.executable, "-c", program)
    run("gate", "capsolver", "--clock", "real", *REPORTS, "--", sys.executable, "-c", program)


ANSWERS = {
    "in fields": {"errorId": 1, "errorCode": HOSTILE, "errorDescription": HOSTILE, "taskId": HOSTILE},
    "as a task": {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": HOSTILE},
    "as a status": {"errorId": 0, "taskId": "6d4a1f0e-93a4-4dba-8f52-0a1d0f5a9b11", "status": HOSTILE, "solution": {}},
    "as a name": {HOSTILE: HOSTILE},
}


@pytest.mark.parametrize("name", [*ANSWERS, "no JSON", "head", "no HTTP"])
def test_targets(run: Run, name: str) -> None:
    text = HOSTILE.encode()
    body = json.dumps(ANSWERS[name]).encode() if name in ANSWERS else text

    def talk(line: Line) -> None:
        while line.ask() is not None:
            head = b"HTTP/1.1 200 " + (text.replace(b"\x00", b"") if name == "head" else b"OK") + b"\r\n"
            head += b"x-name: " + text + b"\r\n" if name == "head" else b""
            if name == "no HTTP":
                head = text
            line.socket.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)

    with serving(talk) as server:
        run("record", "capsolver", "--base-url", server.url, "--out", "tape.yaml", "--budget", "0s")
        run("verify", "capsolver", "--base-url", server.url, "--examples", "1", "--budget", "0s", "-x", *REPORTS)


# ------------------------------------------------------------------------------------------- the module


def test_what_is_hidden_is_written_out() -> None:
    assert visible("a\x1bb\u202e") == "a[U+001B]b[U+202E]"
    assert visible("x" * 10, 4) == "xxxx… (6 more characters)"
    assert visible(visible(HOSTILE)) == visible(HOSTILE)
    assert one_line(" a\n\tb\r\n") == "a b[U+000D]"
    assert visible("é ü 中 😀\n\t") == "é ü 中 😀\n\t"


def test_json_is_the_same_value() -> None:
    value = {HOSTILE: [HOSTILE, "\U000e0041 \ud83d", 1.5, None, "é\n"]}
    assert json.loads(json_text(value)) == value
    assert HIDDEN.search(json_text(value)) is None
    assert json.loads(json_text({"a": [float("inf"), float("nan"), 1.0]})) == {"a": [None, None, 1.0]}


def test_texts_are_as_long_as_they_may_be() -> None:
    assert [shorten("abcdef", limit) for limit in (6, 5)] == ["abcdef", "ab..."]
    assert printable("a\x1b[2J\nb" + "c" * 50, 10) == "a?[2J?b..."
    assert [plural(count, "task") for count in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]
    assert plural(2, "reply", "replies") == "2 replies"


def test_markdown_means_itself() -> None:
    text = escape_markdown("<b>@me [x](http://y) `z` a|b\n# c www.x.org")
    assert not re.search(r"[<>@\[\]`|]|://|www\.", text)

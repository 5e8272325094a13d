"""Scrubbing: what clauses look at survives it, what is secret does not, and the final scan believes neither."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pollproof.bundled import bundled
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Subject, Variant
from pollproof.http.target import InProcessTarget
from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.proof.mutants import Mutant, mutants, variant_provider
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.writing import Written, write_cassette
from pollproof.reference.provider import ReferenceProvider
from pollproof.secrets.anonymize import Scanner, Scrubber, judged_otherwise
from pollproof.secrets.anonymize.numbers import Numbers
from pollproof.secrets.anonymize.pseudonyms import Pseudonyms
from pollproof.trace.bodies import Unreadable, read_json
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.callbacks import EmbeddedCallbacks
from pollproof.verify.reference_client import judge_client
from pollproof.verify.session import Session
from pollproof.verify.walks import WALKS
from tests.lanes import only

APIS = Path(__file__).parents[1] / "apis"
SALT = b"the salt of the tests"
SECRET = "hush-Zq7Pl0vR9xK3mT/w+8"


@cache
def contract(name: str) -> Contract:
    return load_contract(name)


def walked(provider: ReferenceProvider, names: frozenset[str] | None = None) -> list[Exchange]:
    """The trace of walks over a provider: those of these names, or all."""
    clock = VirtualClock()
    provider.clock = clock
    monitor = Monitor(Reader(provider.contract), clauses_of(provider.contract))
    session = Session(InProcessTarget("a provider", provider.handle), clock, monitor)
    if session.callback_operation is not None:
        session.callbacks = EmbeddedCallbacks(provider, clock)
    for walk in WALKS:
        if walk.applies(provider.contract) and (names is None or walk.name in names):
            walk.run(session)
    return list(monitor.trace)


@cache
def reference(name: str) -> list[Exchange]:
    return walked(ReferenceProvider(contract(name), VirtualClock()))


class Source(NamedTuple):
    """A mutant or a legal variant of a contract."""

    contract: Contract
    name: str
    departure: Mutant | Variant

    def trace(self, names: frozenset[str]) -> list[Exchange]:
        """The trace of walks over it, or of the client where it is one."""
        departure = self.departure
        if isinstance(departure, Variant):
            return walked(variant_provider(self.contract, departure), names)
        if departure.subject is Subject.PROVIDER:
            return walked(departure.provider(), names)
        return list(judge_client(departure.contract, client=departure.client_type, changes=departure.changes).trace)

    def __repr__(self) -> str:  # for the message of a failure: all of a contract would hide the rest
        return f"<{self.contract.name}: {self.name}>"


@cache
def sources(name: str) -> list[Source]:
    """Every mutant and every legal variant of a contract."""
    found = contract(name)
    return [Source(found, departure.name, departure) for departure in (*mutants(found), *found.variants)]


# ------------------------------------------------------------------------- verdicts stay the same


@pytest.mark.parametrize("name", only(bundled(), ["capsolver", "cnode"]))
def test_the_reference_is_judged_alike_after_scrubbing(name: str) -> None:
    trace = reference(name)
    scrubbed = Scrubber(contract(name), salt=SALT).scrub(trace)
    assert len(scrubbed.exchanges) == len(trace)
    assert judged_otherwise(contract(name), trace, scrubbed.exchanges) == ()


@pytest.mark.parametrize("name", only(["press", "predictions"], ["press"]))
def test_ids_in_headers_and_signed_callbacks_are_judged_alike_after_scrubbing(name: str) -> None:
    found = contract(str(APIS / f"{name}.toml"))
    for trace in (
        walked(ReferenceProvider(found, VirtualClock())),
        *(
            Source(found, mutant.name, mutant).trace(frozenset({"called-back"}))
            for mutant in mutants(found)
            if "signed" in mutant.name
        ),
    ):
        assert judged_otherwise(found, trace, Scrubber(found, salt=SALT).scrub(trace).exchanges) == ()


EVERY = {Path(name).stem: name for name in (*bundled(), *map(str, sorted(APIS.glob("*.toml"))))}
"""The contracts by their names, those too that only tests know."""


@pytest.mark.parametrize("mutant", ["HTTP 200 (create, created)", "an item between two pages is missing"])
@pytest.mark.parametrize("name", ["reelcast", "ledgerly"])
def test_prefixes_links_relative_addresses_and_forms_are_judged_alike_after_scrubbing(name: str, mutant: str) -> None:
    found = contract(EVERY[name])
    source = next((each for each in sources(EVERY[name]) if each.name == mutant), sources(EVERY[name])[-1])
    trace = source.trace(frozenset({"one-after-another", "side-by-side", "page-by-page"}))
    assert any({"link", "location"} & set(each.response.headers) for each in trace if each.response is not None)
    assert judged_otherwise(found, trace, Scrubber(found, salt=SALT).scrub(trace).exchanges) == ()


@pytest.mark.parametrize("name", only(EVERY, ["capsolver", "cnode", "predictions"]))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.data(),
    st.frozensets(st.sampled_from([walk.name for walk in WALKS]), min_size=1, max_size=3),
    st.binary(min_size=1, max_size=8),
)
def test_mutants_and_variants_are_judged_alike_after_scrubbing(
    name: str, data: st.DataObject, names: frozenset[str], salt: bytes
) -> None:
    source = data.draw(st.sampled_from(sources(EVERY[name])))
    trace = source.trace(names)
    scrubbed = Scrubber(source.contract, salt=salt).scrub(trace)
    assert judged_otherwise(source.contract, trace, scrubbed.exchanges) == ()


def created(identifier: Any) -> Exchange:
    return post("/createTask", {"clientKey": "k", "task": {"type": "T"}}, {"errorId": 0, "taskId": identifier}, 0.0)


def polled(identifier: Any, answer: dict[str, Any], at: float) -> Exchange:
    return post("/getTaskResult", {"clientKey": "k", "taskId": identifier}, answer, at)


def post(path: str, body: Any, answer: Any, at: float = 0.0, **more: Any) -> Exchange:
    headers = {"content-type": "application/json"}
    request = Request("POST", path, headers, json.dumps(body).encode())
    return Exchange(request, Response(200, headers, json.dumps(answer).encode()), at, at + 0.1, **more)


@pytest.mark.parametrize("rounded", [9007199254740992, "9007199254740993", 9007199254740992.0])
def test_an_id_that_a_client_rounded_stays_a_rounded_id(rounded: Any) -> None:
    found = contract("capmonster")
    trace = [created(9007199254740993), polled(rounded, {"errorId": 0, "status": "processing"}, 3.0)]
    monitor = Monitor(Reader(found), clauses_of(found))
    for exchange in (scrubbed := Scrubber(found).scrub(trace)).exchanges:
        monitor.observe(exchange)
    assert judged_otherwise(found, trace, scrubbed.exchanges) == ()
    assert "capmonster.client.same-task-id" in {entry.clause.id for entry in monitor.ledger.violated()}
    first, second = (read_json(exchange.request.body) for exchange in scrubbed.exchanges)
    given_id = read_json(scrubbed.exchanges[0].response.body)["taskId"]  # type: ignore[union-attr]
    assert given_id > 2**53
    assert given_id % 2 == 1
    assert float(second["taskId"]) == float(given_id)
    assert (second["taskId"] == str(given_id)) is isinstance(rounded, str)
    assert "taskId" not in first


def test_one_id_is_one_pseudonym_in_all_places() -> None:
    identifier = "7434928397127555099123"
    headers = {"authorization": f"Basic {SECRET}"}
    task = {"id": identifier, "status": "pending", "created_at": "2026-01-01 00:00:00", "number": int(identifier)}
    trace = [
        Exchange(
            Request(
                "POST", "/task", headers, b'{"url": "http://e.invalid/1", "callback_url": "http://me.invalid/hook"}'
            ),
            Response(200, {"location": f"https://api.invalid/task/{identifier}"}, json.dumps(task).encode()),
            0.0,
            0.1,
        ),
        Exchange(Request("GET", f"/task/{identifier}/results?k={SECRET}", headers, b""), None, 1.0, 2.0, "x"),
        Exchange(
            Request("POST", CALLBACK_PATH, {}, json.dumps({"id": identifier, "status": "done"}).encode()),
            Response(200, {}, b""),
            3.0,
            3.0,
        ),
    ]
    made, fetched, called = Scrubber(contract("decodo")).scrub(trace).exchanges
    assert made.response is not None
    body = read_json(made.response.body)
    assert body["id"] != identifier
    assert len(body["id"]) == len(identifier)
    assert body["number"] == int(body["id"])
    assert made.response.headers["location"].endswith(f"/task/{body['id']}")
    assert fetched.request.path.startswith(f"/task/{body['id']}/results?")
    assert read_json(called.request.body)["id"] == body["id"]
    assert fetched.failure == "no response"
    scrubbed = Scrubber(contract("decodo")).scrub(trace)
    address = read_json(scrubbed.exchanges[0].request.body)["callback_url"]
    assert scrubbed.addresses == (None, None, address)
    assert address.startswith("http://x-")


# --------------------------------------------------------------------------- numbers and pseudonyms


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1000, 10**21), min_size=2, max_size=30, unique=True), st.binary(max_size=4))
def test_numbers_keep_what_can_be_told_of_them(numbers: list[int], salt: bytes) -> None:
    numbers += [int(float(number)) for number in numbers] + [number + 1 for number in numbers]
    made = Pseudonyms(salt, frozenset({"9007199254740993"})).numbers
    pairs = {number: made.integer(number) for number in numbers}
    assert len(set(pairs.values())) == len(pairs)
    for number, pseudonym in pairs.items():
        assert len(str(int(float(number)))) == len(str(int(float(pseudonym))))
        assert (number > 2**53) == (pseudonym > 2**53)
        for other, twin in pairs.items():
            assert (float(number) == float(other)) == (float(pseudonym) == float(twin))


def test_there_are_enough_pseudonyms_of_short_numbers() -> None:
    made = Numbers(Pseudonyms(b"", frozenset()).draw, frozenset())
    assert len({made.integer(number) for number in range(1000, 10000)}) == 9000


def test_a_string_of_more_digits_than_a_number_may_have_has_a_pseudonym() -> None:
    made = Numbers(Pseudonyms(b"", frozenset()).draw, frozenset())
    for text in ("9" * 5_000, "0" * 700 + "7" * 5_000):
        pseudonym = made.digits(text)
        assert pseudonym.isdecimal()
        assert len(pseudonym) >= len(text)
        assert text[-600:] not in pseudonym


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=2, max_size=40, unique=True))
def test_two_texts_never_become_the_same(texts: list[str]) -> None:
    body = {"solution": texts}
    scrubbed = Scrubber(contract("capsolver")).scrub([polled("1", {"errorId": 0, **body}, 0.0)])
    made = read_json(scrubbed.exchanges[0].response.body)["solution"]  # type: ignore[union-attr]
    assert len(set(made)) == len(texts)
    assert [not text.strip() for text in texts] == [not text.strip() for text in made]


def test_pseudonyms_are_drawn_anew_for_each_file_unless_the_salt_is_given() -> None:
    trace = [polled("37223a89-0000-442c-a0b8-22067b79c5b4", {"errorId": 0, "solution": {"text": SECRET}}, 0.0)]
    bodies = [
        Scrubber(contract("capsolver"), salt=salt).scrub(trace).exchanges[0].response
        for salt in (None, None, SALT, SALT)
    ]
    assert bodies[0] != bodies[1]
    assert bodies[2] == bodies[3]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", ""),
        ("   ", "   "),
        ("ready", "ready"),
        ("null", "null"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("12", "12"),
        ("483912", r"\d{6}"),
        (
            "https://user:password@shop.invalid/cart?session=abcdef#part",
            r"https://x-\w{10}\.invalid/x\w+\?session=x\w+",
        ),
        ("<html><b>hello</b></html>", r"<p>[\w-]+\.*</p>"),
        ('{"session": "0123456789abcdef", "n": 1}', r'\{"session": "x-\w{10}\.*", "n": 1\}'),
        ("ERROR_OF_OUR_OWN", r"[A-Z]+(_[A-Z]+)+"),
        ("some words of somebody", r"scrubbed-\w{10}\.*"),
        ("ab", r"x\w"),
        ("x" * 5000, r"scrubbed-\w{10}\.{45}"),
    ],
)
def test_texts_keep_their_form(text: str, pattern: str) -> None:
    answer = {"errorId": 0, "solution": {"text": text}}
    scrubbed = Scrubber(contract("capsolver"), salt=SALT).scrub([polled("1", answer, 0.0)])
    made = read_json(scrubbed.exchanges[0].response.body)["solution"]["text"]  # type: ignore[union-attr]
    assert re.fullmatch(pattern, made), made


def test_names_of_fields_stay_where_they_are_ordinary() -> None:
    answer = {"errorId": 0, "queuePosition": 1, "sessionId2": 2, "zq8vk3": 3, "maria@shop.invalid": 4, SECRET: 5, "": 6}
    scrubbed = Scrubber(contract("capsolver")).scrub([polled("1", answer, 0.0)])
    made = read_json(scrubbed.exchanges[0].response.body)  # type: ignore[union-attr]
    assert list(made.values()) == [0, 1, 2, 3, 4, 5, 6]
    assert {"errorId", "queuePosition", "sessionId2", ""} < made.keys()
    assert not {"zq8vk3", "maria@shop.invalid", SECRET} & made.keys()


def test_the_key_becomes_the_sample_and_wrong_keys_do_not() -> None:
    keys = [SECRET, SECRET, SECRET[:-1], SECRET + "0", SECRET.swapcase(), "WRONG_API_KEY", ""]
    trace = [
        post(
            "/createTask",
            {"clientKey": key, "task": {"type": "T"}},
            {"errorId": 0, "taskId": f"t{number}"},
            probe=None if number < 2 else "wrong-credential",
        )
        for number, key in enumerate(keys)
    ]
    for given_secrets in ((SECRET,), ()):
        scrubbed = Scrubber(contract("capsolver"), secrets=given_secrets).scrub(trace)
        made = [read_json(exchange.request.body)["clientKey"] for exchange in scrubbed.exchanges]
        assert made[:2] == ["YOUR_API_KEY"] * 2
        assert made[5:] == ["WRONG_API_KEY", ""]
        assert len(set(made[2:5])) == 3
        assert not any("hush" in key.lower() for key in made)


# ------------------------------------------------------------------------------- unreadable bodies

UNREADABLE = [
    b"",
    b"  ",
    b"\xff\xfe secret",
    b'{"secret": "val',
    b"[1, 2",
    b"<html><body>secret</body></html>",
    b"plain secret words",
    b'["\\ud800 secret"]',
    b"NaN",
    b"[" * 3000,
    b"\x1f\x8bsecret",
    b"1" * 5000,
]


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize("name", ["capsolver", "cnode"])
def test_what_cannot_be_read_stays_unreadable_and_says_nothing(name: str, body: bytes) -> None:
    found = contract(name)
    path = "/getTaskResult" if name == "capsolver" else ""
    trace = [Exchange(Request("POST", path, {}, body), Response(200, {}, body), 0.0, 0.1)]
    (made,) = Scrubber(found).scrub(trace).exchanges
    assert made.response is not None
    read = codec_of(found).read
    for content in (made.request.body, made.response.body):
        assert isinstance(read(content), Unreadable) is isinstance(read(body), Unreadable)
        assert bool(content.strip()) is bool(body.strip())
        assert b"secret" not in content
        assert len(content) < 200


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_body_breaks_scrubbing(body: bytes) -> None:
    for name, path in (("capsolver", "/getTaskResult"), ("cnode", "")):
        found = contract(name)
        read = codec_of(found).read
        trace = [Exchange(Request("POST", path, {}, body), Response(200, {}, body), 0.0, 0.1)]
        for exchange in Scrubber(found, salt=SALT).scrub(trace).exchanges:
            assert exchange.response is not None
            assert isinstance(read(exchange.response.body), Unreadable) is isinstance(read(body), Unreadable)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)


def outline(value: Any) -> Any:
    """What scrubbing keeps of any value."""
    if isinstance(value, dict):
        return [outline(item) for item in value.values()]
    if isinstance(value, list):
        return tuple(outline(item) for item in value)
    return bool(value.strip()) if isinstance(value, str) else type(value)


@settings(max_examples=50, deadline=None)
@given(json_values)
def test_values_keep_their_outline(value: Any) -> None:
    trace = [post("/getTaskResult", {"clientKey": "k", "taskId": "1"}, value)]
    (made,) = Scrubber(contract("capsolver"), salt=SALT).scrub(trace).exchanges
    assert outline(read_json(made.response.body)) == outline(value)  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------ planted secrets


def forms(secret: str) -> list[str]:
    """A secret as it may stand in a file; written without the scanner's help."""
    data = secret.encode()
    encoded = [b64encode(b"x" * shift + data).decode() for shift in range(3)]
    return [
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        "".join(f"\\u{ord(character):04x}" for character in secret),
        data.hex(),
        urlsafe_b64encode(data).decode().rstrip("="),
        *(text[4 * (shift > 0) : -4] for shift, text in enumerate(encoded)),
        secret[:12],
        secret[-12:],
    ]


HEADERS = (
    "authorization", "cookie", "set-cookie", "user-agent", "x-api-key", "content-type", "accept", "soapaction",
    "retry-after", "date", "location", "server", "content-encoding",
)  # fmt: skip


def planted_json(secret: str) -> list[Exchange]:
    escaped = "".join(f"\\u{ord(character):04x}" for character in secret)
    encoded = b64encode(secret.encode()).decode()
    body = {
        "clientKey": secret,
        "taskId": "37223a89-0000-442c-a0b8-22067b79c5b4",
        secret: 1,
        "task": {"type": secret, "list": [secret, {"deep": {secret: [[secret]]}}], "number": 123456789012345678},
        "encoded": encoded,
        "url": f"https://{secret}:{quote(secret)}@h.invalid/{quote(secret, safe='')}?k={quote_plus(secret)}#{secret}",
        "json": json.dumps({"token": secret, secret: json.dumps([secret])}),
        "html": f"<p title='{secret}'>{secret}</p>",
        "spaced": f"  {secret}\n",
        "in words": f"the password is {secret}, says {encoded}",
        "ERR_" + secret: "ERROR_" + secret,
    }
    headers = dict.fromkeys([*HEADERS, secret], secret)
    packed = gzip.compress(json.dumps(body).encode())
    bodies = [
        json.dumps(body).encode(),
        json.dumps(body, ensure_ascii=False, indent=2).encode(),
        f'{{"errorId": 0, "solution": {{"text": "{escaped}", "{escaped}": "{escaped}"}}}}'.encode(),
        json.dumps(secret).encode(),
        json.dumps([secret]).encode(),
        secret.encode(),
        b"\xff" + secret.encode(),
        packed,
        f"key={quote_plus(secret)}&b={encoded}".encode(),
        f"<html>{secret}</html>".encode(),
    ]
    trace = []
    for number, content in enumerate(bodies):
        for path in ("/createTask", "/getTaskResult", f"/getTaskResult?{quote(secret)}={quote(secret)}", f"/{secret}"):
            request = Request("POST", path, headers, content)
            answer = Response(200, headers, content)
            trace.append(Exchange(request, answer, number, number + 0.5))
            trace.append(
                Exchange(request, None, number, number + 0.5, f"HTTPSConnectionPool(h): /x?key={secret}", "malformed")
            )
    return trace


def planted_paths(secret: str) -> list[Exchange]:
    path = quote(secret, safe="")
    headers = {"authorization": f"Basic {b64encode(secret.encode()).decode()}", "accept": f"text/{secret}"}
    created_at = {"id": secret, "status": secret, "created_at": secret, "updated_at": f"2026-01-01 {secret}"}
    content = json.dumps(created_at).encode()
    answer = Response(200, {"content-type": f"application/json; boundary={secret}"}, content)
    requests = [
        Request("POST", "/task", headers, json.dumps({"url": secret, "callback_url": f"http://{secret}/"}).encode()),
        Request("GET", f"/task/{path}", headers, b""),
        Request("GET", f"/task/{path}/results?token={path}&{path}", headers, b""),
        Request("POST", "/task/batch", headers, json.dumps({"url": [secret] * 3, "passthrough": secret}).encode()),
        Request("POST", CALLBACK_PATH, headers, json.dumps({**created_at, "passthrough": {secret: secret}}).encode()),
    ]
    return [Exchange(request, answer, number, number) for number, request in enumerate(requests)]


def planted_xml(secret: str) -> list[Exchange]:
    word = re.sub(r"[^A-Za-z0-9]", "-", secret)
    envelope = f"""<?xml version="1.0"?><!-- {word} --><?pi {word}?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns="ns1" xmlns:{word}="urn:{secret}"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<s:Header><{word}:{word} {word}="{secret}" {word}:a="{secret}"/><x><![CDATA[{secret}]]> {secret}</x></s:Header>
<s:Body xml:lang="{secret}"><ns:OPERATION>BEGIN<taskId xsi:type="{word}:{word}">{secret}</taskId><!--{word}-->
<additionalInfo>{{"token": "{secret}", "{secret}": "{b64encode(secret.encode()).decode()}"}}</additionalInfo>
<status>{secret}</status><requestStatus>ERR_{secret}</requestStatus>{secret}<{word}>{secret}</{word}>END
</ns:OPERATION></s:Body></s:Envelope>"""
    asked = envelope.replace("OPERATION", "getTaskStatus").replace("BEGIN", "").replace("END", "")
    told = (
        envelope.replace("OPERATION", "getTaskStatusResponse").replace("BEGIN", "<return>").replace("END", "</return>")
    )
    bodies = [
        told.encode(),
        told.replace('<?xml version="1.0"?>', "").encode("utf-16"),
        f"<!DOCTYPE a [<!ENTITY e '{secret}'>]><a>&e;</a>".encode(),
        f"<a>{secret}".encode(),
        f"<a b='{secret}'>{secret}</a>".encode(),
        secret.encode(),
    ]
    headers = {"soapaction": f'"{secret}"', "content-type": f"text/xml; charset={word}"}
    return [
        Exchange(Request("POST", f"?{word}={word}", headers, asked.encode()), Response(200, headers, body), 0.0, 0.1)
        for body in bodies
    ]


PLANTED = {"capsolver": planted_json, "capmonster": planted_json, "decodo": planted_paths, "cnode": planted_xml}


def cassette(path: Path, trace: list[Exchange], name: str, **more: Any) -> Written:
    given_words = {"base_url": contract(name).base_url, "clock": "virtual", "source": "a test", "overwrite": True}
    return write_cassette(path, trace, contract(name), **{**given_words, **more})


@pytest.mark.parametrize("ending", ["yaml", "json"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("name", bundled())
def test_planted_secrets_are_found_nowhere(name: str, known: bool, ending: str, tmp_path: Path) -> None:
    trace = PLANTED[name](SECRET)
    written = cassette(tmp_path / f"a.{ending}", trace, name, secrets=(SECRET,) if known else ())
    assert written.exchanges > 4
    text = written.path.read_text(encoding="utf-8").casefold()
    found = [form for form in forms(SECRET) if form.casefold() in text]
    assert found == []


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(PLANTED)),
    secret=st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<&>'\"{}%\\"), min_size=14, max_size=40
    ),
)
def test_no_planted_text_is_found(name: str, secret: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if len(set(secret)) < 8:
        return
    secret = f"Zq9!{secret}"  # not a word of the contract, which may stay
    path = tmp_path_factory.getbasetemp() / "planted.yaml"
    cassette(path, PLANTED[name](secret), name)
    text = path.read_text(encoding="utf-8").casefold()
    assert secret.casefold() not in text
    assert quote(secret, safe="").casefold() not in text


def test_xml_keeps_its_structure(tmp_path: Path) -> None:
    body = b"""<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
      <SOAP-ENV:Body><ns1:getTaskStatusResponse xmlns:ns1="ns1"><return xsi:type="ns1:answer"><!-- no -->
      <status xsi:type="xsd:string">FINISHED_OK</status><taskId>QF4KJMNG3ESEG2245J7901KE</taskId>
      <additionalInfo xsi:nil="true"/></return></ns1:getTaskStatusResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>"""
    trace = [Exchange(Request("POST", "", {}, body), Response(200, {}, body), 0.0, 0.0)]
    (made,) = Scrubber(contract("cnode"), salt=SALT).scrub(trace).exchanges
    text = made.response.body.decode()  # type: ignore[union-attr]
    identifier = re.search(r"<taskId>([0-9A-Z]{24})</taskId>", text)
    assert identifier is not None
    assert identifier[1] != "QF4KJMNG3ESEG2245J7901KE"
    words = (
        'xsi:type="ns1:answer"',
        '<status xsi:type="xsd:string">FINISHED_OK</status>',
        'xsi:nil="true"',
        'xmlns:ns1="ns1"',
    )
    assert all(word in text for word in words)
    assert "no -->" not in text


# ------------------------------------------------------------------------------------ the final scan

CREDENTIALS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "xoxb-" + "123456789012-abcdefghijkl",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "CAP-" + "0123456789ABCDEF0123456789ABCDEF",
    "d41d8cd98f00b204" + "e9800998ecf8427e",
    "Bearer " + "abcdef123456",
    "Basic " + "dXNlcjpwYXNzd29yZA==",
    "password=" + "correcthorse",
    '{"clientKey": "' + 'somebodyskey"}',
    '{\\"token\\": \\"' + 'somebodyskey\\"}',
    "https://user:" + "hunter22@shop.invalid/",
    "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
    "Zk3v9Qx7Lm2Rt8Wp5Yc1Bn6",
]


@pytest.mark.parametrize("text", CREDENTIALS)
def test_whatever_looks_like_a_credential_stops_the_writing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with pytest.raises(RecordingError) as caught:
        cassette(path, reference("capsolver")[:5], "capsolver", source=f"recorded with {text} today")
    assert caught.value.place == "metadata, source"
    assert text not in str(caught.value)
    assert "nothing was written" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", range(9))
def test_a_secret_that_was_given_is_found_in_every_form(number: int) -> None:
    scanner = Scanner([SECRET], frozenset())
    form = forms(SECRET)[number]
    for text in (form, f"xx{form}yy", form.upper()):
        finding = scanner.search([("somewhere", text)])
        assert finding is not None, (form, text)
        assert SECRET not in str(finding)


@pytest.mark.parametrize("key", ["1234", "test", "key", "a b c", "secret", "ready", "Basic"])
def test_a_weak_key_is_scrubbed_and_stops_nothing(key: str, tmp_path: Path) -> None:
    trace = [
        post("/createTask", {"clientKey": key, "task": {"type": "T"}}, {"errorId": 0, "taskId": f"{number}-1234x"})
        for number in range(200)
    ]
    written = cassette(tmp_path / "a.yaml", trace, "capsolver", source="live", secrets=(key,))
    asked = re.findall(r'"clientKey":"([^"]*)"', written.path.read_text())
    assert set(asked) == {"ready" if key == "ready" else "YOUR_API_KEY"}  # a word of the contract is no secret


def test_values_of_any_depth_are_scrubbed() -> None:
    value: Any = SECRET
    for level in range(400):
        value = [value] if level % 2 else {"next": value}
    trace = [post("/getTaskResult", {"clientKey": "k", "taskId": "1"}, {"errorId": 0, "solution": value})]
    (made,) = Scrubber(contract("capsolver"), salt=SALT).scrub(trace).exchanges
    assert made.response is not None
    assert SECRET.encode() not in made.response.body
    assert judged_otherwise(contract("capsolver"), trace, [made]) == ()


@pytest.mark.parametrize("name", bundled())
def test_the_scan_lets_pseudonyms_and_samples_pass(name: str, tmp_path: Path) -> None:
    trace = reference(name)[-150:]
    written = cassette(tmp_path / "a.yaml", trace, name, secrets=("YOUR_API_KEY",), salt="fixed")
    assert written.exchanges == len(trace)
    again = cassette(tmp_path / "b.yaml", trace, name, secrets=("YOUR_API_KEY",), salt="fixed")
    assert written.path.read_bytes() == again.path.read_bytes()


def test_more_texts_than_any_api_has_are_scrubbed_without_the_form_of_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pollproof.secrets.anonymize.texts.MAXIMUM_KNOWN", 40)
    many = {f"Jane {number} Doe-Roe": f"text of {number}" for number in range(300)}
    numbers = [10**12 + 7919 * number for number in range(300)]
    identifier = "6d4a1f0e-93a4-4dba-8f52-0a1d0f5a9b11"
    ready = {"errorId": 0, "status": "ready", "solution": {**many, "numbers": numbers, "same": "text of 299"}}
    trace = [polled("another", ready, 0.0), created(identifier), polled(identifier, ready, 9.0)]
    path = tmp_path / "tape.yaml"
    write_cassette(path, trace, contract("capsolver"), base_url="http://127.0.0.1:9", clock="real", source="live")
    text = path.read_text(encoding="utf-8")
    told = [each for each in (*many, *many.values(), *map(str, numbers[1:]), identifier) if each in text]
    assert told == []
    bodies = [json.loads(each["response"]["body"]["string"]) for each in yaml.safe_load(text)["interactions"]]
    assert len({body["taskId"] for body in bodies if "taskId" in body}) == 1
    first, second = (list(body["solution"].values()) for body in bodies if "solution" in body)
    assert first == second
    assert first[299] == first[301]
    assert [len(str(number)) for number in first[300]] == [13] * 300

"""HttpTarget on its way to a target: addresses that are none, TLS, and the proxies of the environment."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pollproof.http.addresses import TargetError
from pollproof.http.client import HttpTarget
from pollproof.http.target import RequestOutcome
from pollproof.trace.exchange import Request
from pollproof.verify.options import OptionError, plan_from
from pollproof.verify.target_clocks import ClockError, HookedClock
from tests.servers import Line, Server, answering, http, keeping_alive, serving

POLL = Request("POST", "/getTaskResult", {"content-type": "application/json"}, b'{"taskId": "1"}')
JSON = b'{"errorId": 0}'
ANSWER = keeping_alive(lambda asked: http(JSON))


@pytest.fixture(autouse=True)
def _no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


def ask(url: str, times: int = 1) -> RequestOutcome:
    target = HttpTarget(url, 5.0)
    with contextlib.closing(target):
        for _ in range(times):
            outcome = target.exchange(POLL)
    return outcome


# ------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "expected http://HOST"),
        ("localhost", "expected http://HOST"),
        ("localhost:8080", "expected http://HOST"),
        ("ftp://localhost", "expected http://HOST"),
        ("http://", "expected http://HOST"),
        ("http:///path", "expected http://HOST"),
        ("http://:80", "expected http://HOST"),
        ("http://localhost:port", "port"),
        ("http://localhost:65536", "port"),
        ("http://localhost:-1", "port"),
        ("http://localhost:0", "port"),
        ("http://[::1", "host"),
        ("http://[nonsense]", "host"),
        ("http://localhost/?query=1", "query"),
        ("http://localhost/#fragment", "fragment"),
        ("http://local host/", "percent-encoded"),
        ("http://localhost/a b", "percent-encoded"),
        ("http://localhost/\n", "percent-encoded"),
        ("http://localhost/ä", "percent-encoded"),
        ("http://a..b/", "host name"),
        (f"http://{'a' * 64}.example/", "host name"),
        ("http://user:hunter2@localhost/", "user name"),
        ("http://user:hunter2/3@localhost/", "port"),
        ("http://user:hunter2@[::1", "host"),
        ("ftp://user:hunter2@localhost/", "user name"),
        ("user:hunter2@localhost", "expected http://HOST"),
    ],
)
def test_a_bad_url_is_told_in_one_sentence(url: str, reason: str) -> None:
    with pytest.raises(TargetError) as caught:
        HttpTarget(url, query=False)
    words = str(caught.value)
    assert reason in words
    assert "is not a base URL" in words
    assert "hunter2" not in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "https://api.example.com/v1/", "http://127.0.0.1:1/a/b", "http://[::1]:8080", "HTTP://X"],
)
def test_a_good_url_is_taken_without_being_connected_to(url: str) -> None:
    HttpTarget(url).close()


def test_a_query_goes_with_every_request() -> None:
    with serving(ANSWER) as server:
        target = HttpTarget(server.url + "/v1/?key=a%26b&x=1")
        for path in ("/poll", "/poll?id=3", "", "/"):
            assert target.exchange(POLL._replace(path=path)).failure is None
        target.close()
        assert [asked.path for asked in server.asked] == [
            "/v1/poll?key=a%26b&x=1",
            "/v1/poll?id=3&key=a%26b&x=1",
            "/v1/?key=a%26b&x=1",
            "/v1/?key=a%26b&x=1",
        ]


# ----------------------------------------------------------------------------- clock hook


def test_a_clock_hook_may_have_a_query_and_its_errors_say_that_it_is_one() -> None:
    with serving(ANSWER) as server:
        plan = plan_from("capsolver", base_url=server.url, advance_url=server.url + "/clock?token=1")
        assert plan.advance_url is not None
        clock = HookedClock(plan.advance_url)
        clock.advance(300)
        clock.close()
        assert [asked.path for asked in server.asked] == ["/clock?token=1"]
    for url in ("nonsense", "http://u:hunter2@localhost/clock", "http://localhost/#top"):
        with pytest.raises(OptionError, match=r"is not a clock hook[:;] ") as caught:
            plan_from("capsolver", base_url="http://localhost", advance_url=url)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(OptionError, match="is not a base URL: it has a query"):
        plan_from("capsolver", base_url="http://localhost/?a=1")


def test_a_url_for_callbacks_is_checked_and_goes_into_the_plan() -> None:
    plan = plan_from("capsolver", base_url="http://localhost", callback_url="http://me.example:8080/here")
    assert plan.callback_url == "http://me.example:8080/here"
    with pytest.raises(OptionError, match="'nonsense' is not a URL for callbacks; expected http://HOST"):
        plan_from("capsolver", base_url="http://localhost", callback_url="nonsense")
    with pytest.raises(OptionError, match="--callback-url goes with --base-url"):
        plan_from("capsolver", callback_url="http://me.example")


def test_the_clock_hook_keeps_the_slash_at_its_end() -> None:
    with serving(ANSWER) as server:
        for path in ("/clock/", "/clock"):
            clock = HookedClock(server.url + path)
            before = clock.now()
            clock.advance(300)
            clock.close()
            assert clock.now() - before >= 300
        assert [(asked.path, asked.body) for asked in server.asked] == [
            ("/clock/", b'{"seconds": 300}'),
            ("/clock", b'{"seconds": 300}'),
        ]


@pytest.mark.parametrize(
    ("answer", "reason"), [(http(b"", "404 Not Found"), "answered HTTP 404"), (b"", "closed without a response")]
)
def test_a_clock_hook_that_does_not_work_moves_no_clock_and_is_told_in_one_sentence(answer: bytes, reason: str) -> None:
    with serving(answering(answer)) as server:
        clock = HookedClock(server.url)
        before = clock.now()
        with pytest.raises(ClockError, match=reason):
            clock.advance(300)
        assert clock.now() - before < 100
        clock.close()


# ------------------------------------------------------------------------------------ TLS

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the openssl command makes the certificates of these tests")

CONFIGURATION = """
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, keyCertSign
subjectKeyIdentifier = hash
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for the name localhost (not for 127.0.0.1), its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "openssl.cnf").write_text(CONFIGURATION)
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -config openssl.cnf"
    command = [str(OPENSSL), *words.split(), "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem"


def secure(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


@needs_openssl
def test_a_certificate_of_ssl_cert_file_is_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(ANSWER, secure(certificate)) as server:
        outcome = ask(f"https://localhost:{server.port}", times=10)
        assert outcome.response is not None, outcome.failure
        assert outcome.response.body == JSON
        assert server.accepted == 1


@needs_openssl
def test_a_tls_connection_that_was_closed_while_idle_is_replaced(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(answering(http(JSON)), secure(certificate)) as server:
        outcome = ask(f"https://localhost:{server.port}", times=8)
        assert outcome.response is not None, outcome.failure
        assert len(server.asked) == 8


@needs_openssl
def test_a_certificate_that_nobody_vouches_for_is_a_clear_outcome(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with serving(ANSWER, secure(certificate)) as server:
        outcome = ask(f"https://localhost:{server.port}")
        assert not server.asked, "nothing is sent to a server that is not trusted"
    assert outcome.response is None
    assert outcome.failure is not None
    assert "certificate is not trusted (self-signed certificate" in outcome.failure
    assert "SSL_CERT_FILE" in outcome.failure


@needs_openssl
def test_a_certificate_for_another_name_is_a_clear_outcome(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(ANSWER, secure(certificate)) as server:
        outcome = ask(f"https://127.0.0.1:{server.port}")
    assert outcome.failure is not None
    assert "IP address mismatch" in outcome.failure


@needs_openssl
def test_http_spoken_to_a_tls_port_and_the_other_way_round_are_clear_outcomes(certificate: Path) -> None:
    with serving(ANSWER, secure(certificate)) as server:
        outcome = ask(f"http://localhost:{server.port}")
        assert outcome.response is None
        assert outcome.failure
    with serving(lambda line: line.say(http(b"", "400 Bad Request"))) as server:
        outcome = ask(f"https://localhost:{server.port}")
        assert outcome.response is None
        assert outcome.failure is not None
        assert outcome.failure.startswith("TLS failed (")


# -------------------------------------------------------------------------------- proxies


def tunnel(line: Line) -> None:
    """The script of a proxy: CONNECT opens a tunnel, a request with a whole URL is answered by the proxy itself."""
    while (asked := line.ask()) is not None:
        if not asked.line.startswith("CONNECT "):
            line.say(http(JSON))
            continue
        host, _, port = asked.path.rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            line.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pipe, args=(onward, line.socket), daemon=True)
            back.start()
            pipe(line.socket, onward)
            back.join(5)
        return


def pipe(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


Via = Callable[[Server], str]


def bare(proxy: Server) -> str:
    return f"127.0.0.1:{proxy.port}"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("written", [lambda proxy: proxy.url, bare], ids=["as a URL", "as HOST:PORT"])
def test_http_goes_through_a_proxy_with_the_whole_url(
    variable: str, written: Via, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tunnel) as proxy:
        monkeypatch.setenv(variable, written(proxy))
        outcome = ask("http://api.example.invalid:8080/base", times=5)
        assert outcome.response is not None, outcome.failure
        assert {asked.line for asked in proxy.asked} == {
            "POST http://api.example.invalid:8080/base/getTaskResult HTTP/1.1"
        }
        assert proxy.asked[0].headers["host"] == "api.example.invalid:8080"
        assert "proxy-authorization" not in proxy.asked[0].headers
        assert (proxy.accepted, len(proxy.asked)) == (1, 5)


def test_the_name_and_password_of_a_proxy_are_sent_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tunnel) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://name:p%40ss@127.0.0.1:{proxy.port}")
        ask("http://api.example.invalid")
        assert proxy.asked[0].headers["proxy-authorization"] == "Basic bmFtZTpwQHNz"  # name:p@ss


@pytest.mark.parametrize(
    ("variable", "value", "direct"),
    [
        ("NO_PROXY", "127.0.0.1", True),
        ("no_proxy", "other.example, 127.0.0.1", True),
        ("NO_PROXY", "*", True),
        ("NO_PROXY", "127.0.0.1:{port}", True),
        ("NO_PROXY", "127.0.0.1:1", False),
        ("NO_PROXY", "other.example", False),
    ],
)
def test_no_proxy_names_the_targets_that_are_reached_directly(
    variable: str, value: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tunnel) as proxy, serving(ANSWER) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv(variable, value.format(port=server.port))
        assert ask(server.url).failure is None
        assert (len(server.asked), len(proxy.asked)) == ((1, 0) if direct else (0, 1))


def test_https_does_not_go_through_the_proxy_for_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tunnel) as proxy, serving(ANSWER) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert ask(server.url).failure is None
        assert (len(server.asked), len(proxy.asked)) == (1, 0)


@needs_openssl
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_https_goes_through_a_tunnel(variable: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(tunnel) as proxy, serving(ANSWER, secure(certificate)) as server:
        monkeypatch.setenv(variable, f"http://name:word@127.0.0.1:{proxy.port}")
        outcome = ask(f"https://localhost:{server.port}/base", times=5)
        assert outcome.response is not None, outcome.failure
        (asked,) = proxy.asked
        assert asked.line.startswith(f"CONNECT localhost:{server.port} HTTP/1.")
        assert asked.headers["proxy-authorization"] == "Basic bmFtZTp3b3Jk"
        assert len(server.asked) == 5
        assert server.asked[0].path == "/base/getTaskResult"
        assert "proxy-authorization" not in server.asked[0].headers, "the proxy's password is not the target's business"


@pytest.mark.parametrize("refusal", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_a_proxy_that_refuses_the_tunnel_is_a_clear_outcome(refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(http(b"", refusal))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        outcome = ask("https://api.example.invalid")
    assert outcome.response is None
    assert outcome.failure is not None
    assert refusal in outcome.failure


def test_a_proxy_that_answers_the_tunnel_without_end_is_a_clear_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(line: Line) -> None:
        line.ask()
        line.say(b"HTTP/1.1 200 OK\r\n")
        while True:
            line.say(b"X-More: of the same\r\n" * 1000)

    monkeypatch.setattr("pollproof.http.responses.MAXIMUM_BODY", 4096)
    with serving(endless) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        outcome = ask("https://api.example.invalid")
    assert outcome.response is None
    assert outcome.failure


@pytest.mark.parametrize(
    "value", ["socks5://127.0.0.1:1080", "https://127.0.0.1:3128", "http://", "http://h:port", "http://u:hunter2@[x"]
)
def test_a_proxy_that_cannot_be_used_is_told_in_one_sentence_without_its_password(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", value)
    with pytest.raises(TargetError, match=r"^the proxy in HTTP_PROXY is .*; expected http://HOST:PORT$") as caught:
        HttpTarget("http://api.example.invalid")
    assert "hunter2" not in str(caught.value)

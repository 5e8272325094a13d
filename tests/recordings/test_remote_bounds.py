"""URLs of recordings: a server that hangs, drips, never ends or redirects ends in one sentence."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pollproof.check.judging import check
from pollproof.loading import load_contract
from pollproof.recordings import remote
from pollproof.recordings.files import find_recordings
from tests.tapes import har, lawful

CAPSOLVER = load_contract("capsolver")


class Web(http.server.BaseHTTPRequestHandler):
    over = threading.Event()

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name == "hang.har":
            self.over.wait(20)
            return
        self.send_response(302 if name == "redirect.har" else 404 if name == "missing.har" else 200)
        if name == "redirect.har":
            self.send_header("Location", "/good.har")
        self.end_headers()
        try:
            if name == "good.har":
                self.wfile.write(self.server.good)  # type: ignore[attr-defined]
            while name in ("endless.har", "drip.har") and not self.over.is_set():
                self.wfile.write(b" " * (65536 if name == "endless.har" else 1))
                time.sleep(0 if name == "endless.har" else 0.05)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import json

    monkeypatch.setattr(remote, "REMOTE_PATIENCE", 1)
    monkeypatch.setattr(remote, "MAXIMUM_SIZE", 1 << 22)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.good = json.dumps(har(lawful())).encode()  # type: ignore[attr-defined]
    Web.over.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Web.over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hang.har", "no response within 1 s"),
        ("drip.har", "bytes in 1 s"),
        ("endless.har", "larger than 4 MiB"),
        ("redirect.har", "it redirects to"),
        ("missing.har", "HTTP 404"),
    ],
)
def test_a_server_that_does_not_give_a_file_ends_in_one_sentence(web: str, name: str, says: str) -> None:
    began = time.monotonic()
    checking = check(CAPSOLVER, find_recordings([f"{web}/{name}"]))
    (error,) = checking.detail.unread
    assert says in str(error)
    assert "\n" not in str(error)
    assert time.monotonic() - began < 15


def test_a_url_is_judged_as_a_file_is(web: str) -> None:
    seen: list[str] = []
    checking = check(CAPSOLVER, find_recordings([f"{web}/good.har"]), progress=lambda words, _: seen.append(words))
    assert any("good.har (" in words and words.endswith(" bytes)") for words in seen)
    assert not checking.detail.unread
    assert checking.detail.tally.matched == len(lawful())

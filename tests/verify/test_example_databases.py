"""Failing examples are shared: what one process has found, another replays first, from a folder or a Redis server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pollproof.cli.main import cli
from pollproof.verify.example_db import NoDatabase, Shared, database_at, shared_at, without_password
from tests.servers import clean_environment

FIND = """
import sys
import pollproof.verify.run as run
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutants

run.WALKS[:] = []  # the walks would find it at once, in every process
contract = load_contract("capsolver")
mutant = next(each for each in mutants(contract) if each.clause.kind == "lifetime-ended")
plan = run.Plan(contract, examples=25, seed=int(sys.argv[1]), example_db=sys.argv[2] or None)
enough = frozenset() if sys.argv[2] else frozenset([mutant.clause.id])
found = run.explore(plan, provider=mutant.provider(), until=enough)
assert found.error is None, found.error
print(found.ledger[mutant.clause.id].first)
"""


def exchanges_until_found(seed: int, database: str) -> int:
    """Exchanges after which a process of its own has found what is wrong with a faulty provider."""
    command = [sys.executable, "-c", FIND, str(seed), database]
    environment = clean_environment()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A real Redis server with its own port and folder; ended by its id."""
    pytest.importorskip(
        "redis", reason="THE CLIENT OF REDIS IS NOT INSTALLED: example databases in Redis are not tested"
    )
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("THERE IS NO redis-server: example databases in Redis are not tested")
    server, port = None, 0
    for _ in range(5):  # between the look for a free port and the start somebody else may take it
        server, port = redis_server(program, tmp_path)
        if server is not None:
            break
    assert server is not None, "redis-server does not start"
    with server:
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()


def redis_server(program: str, folder: Path) -> tuple[subprocess.Popen[str] | None, int]:
    """A server that accepts connections, None where it has ended instead; and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen([program, *words], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if "eady to accept connections" in line:
            return server, port
    with server:
        return None, port


def test_what_one_process_finds_is_replayed_first_by_another_through_redis(redis_url: str) -> None:
    alone = exchanges_until_found(2, "")
    exchanges_until_found(1, redis_url)
    replayed = exchanges_until_found(2, redis_url)
    assert replayed <= 12 < alone


def test_what_is_found_is_kept_in_a_folder_for_the_next_run(tmp_path: Path) -> None:
    exchanges_until_found(1, str(tmp_path / "examples"))
    assert exchanges_until_found(2, str(tmp_path / "examples")) <= 12


# -------------------------------------------------------------------------------------------- the wrapped database


def test_examples_of_one_contract_are_not_tried_on_another(tmp_path: Path) -> None:
    one, other = (shared_at(str(tmp_path / "examples"), name, lambda: False) for name in ("capsolver", "decodo"))
    one.save(b"key", b"example")
    assert list(one.fetch(b"key")) == [b"example"]
    assert list(other.fetch(b"key")) == []


@pytest.mark.parametrize("keeps", [True, False])
def test_an_example_is_taken_out_only_where_nothing_is_known_to_fail(tmp_path: Path, keeps: bool) -> None:
    shared = shared_at(str(tmp_path / "examples"), "capsolver", lambda: keeps)
    shared.save(b"key", b"example")
    shared.delete(b"key", b"example")
    assert list(shared.fetch(b"key")) == ([b"example"] if keeps else [])


def test_a_database_that_fails_holds_up_no_run(tmp_path: Path) -> None:
    class Failing:
        asked = 0

        def __getattr__(self, name: str) -> Any:
            def fail(*_: Any) -> None:
                self.asked += 1
                raise ConnectionError("gone")

            return fail

    failing: Any = Failing()
    shared = Shared(failing, "capsolver", lambda: False)
    shared.save(b"key", b"example")
    assert list(shared.fetch(b"key")) == []
    assert (shared.problem, failing.asked) == ("ConnectionError", 1)


# ------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "ftp://x", "", "/no/such/parent/folder", __file__])
def test_what_is_no_database_is_told_in_one_sentence(url: str) -> None:
    with pytest.raises(NoDatabase, match="expected a folder"):
        database_at(url)
    assert CliRunner().invoke(cli, ["verify", "decodo", f"--example-db={url}"]).exit_code == 2


def test_a_server_that_does_not_answer_is_told_and_its_password_is_not() -> None:
    pytest.importorskip(
        "redis", reason="THE CLIENT OF REDIS IS NOT INSTALLED: example databases in Redis are not tested"
    )
    url = "redis://:PLANTED-password@127.0.0.1:9/0"
    result = CliRunner().invoke(cli, ["verify", "capmonster", "--examples", "1", "--example-db", url, "-q"])
    assert result.exit_code == 4
    assert "the example database at redis://127.0.0.1:9/0 does not answer" in " ".join(result.output.split())
    assert "PLANTED" not in result.output + without_password(url)


def test_without_the_client_of_redis_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "hypothesis.extra.redis", raising=False)
    with pytest.raises(NoDatabase, match=r"pip install 'pollproof\[redis\]'"):
        database_at("redis://127.0.0.1/0")

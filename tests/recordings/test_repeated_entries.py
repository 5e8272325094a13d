"""What recorders repeat, and what they date so coarsely that a response seems to come too early."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pollproof.check.judging import Checking, check
from pollproof.loading import load_contract
from pollproof.recordings.reading import read_entries
from tests.tapes import Said, created, har, interaction, lawful, polled, write


def violated(checking: Checking) -> set[str]:
    return {entry.clause.id.partition(".")[2] for entry in checking.ledger.violated()}


@pytest.mark.parametrize("said", [[each for each in lawful() for _ in range(2)], [*lawful(), *lawful()]])
def test_an_entry_that_stands_twice_in_a_file_is_judged_once(tmp_path: Path, said: list[Said]) -> None:
    path = write(tmp_path / "t.har", har(said))
    found = check(load_contract("capsolver"), [path])
    assert violated(found) == set()
    assert found.detail.figures()["judged"] == 5
    assert found.detail.figures()["repeated"] == 5
    assert "counted once: 5 entries recorded twice, with the same time" in found.detail.notes()


def test_an_id_that_two_creations_give_is_found_where_their_times_differ(tmp_path: Path) -> None:
    path = write(tmp_path / "t.har", har([*lawful(), created(20.0)]))
    assert violated(check(load_contract("capsolver"), [path])) == {"create.unique-id"}


def test_polls_in_one_millisecond_are_polls_of_a_hot_loop(tmp_path: Path) -> None:
    loop = [created(), *(polled(1.0, "processing", took=0.0003) for _ in range(3)), polled(9.0, "ready")]
    found = check(load_contract("capsolver"), [write(tmp_path / "t.har", har(loop))])
    assert found.detail.figures()["judged"] == 5


def test_tasks_of_a_batch_may_be_polled_in_the_millisecond_in_which_it_was_answered(tmp_path: Path) -> None:
    times = {"created_at": "2026-03-01 12:00:00", "updated_at": "2026-03-01 12:00:00"}
    urls = ["https://example.com/1", "https://example.com/2"]
    queries = [{"id": f"700000000000000000{n}", "status": "pending", "url": url, **times} for n, url in enumerate(urls)]
    told = {"id": "9000000000000000001", "queries": queries}
    batch = created(took=0.0009)._replace(path="/task/batch", asked={"url": urls}, told=told)
    polls = [polled(0.0, "")._replace(path=f"/task/{each['id']}", asked="", told=each, took=0.0002) for each in queries]
    base = load_contract("decodo").base_url.rstrip("/")
    document = har([each._replace(base=base) for each in (batch, *polls)])
    for entry in document["log"]["entries"][1:]:
        entry["request"]["method"] = "GET"
        del entry["request"]["postData"]
    found = check(load_contract("decodo"), [write(tmp_path / "t.har", document)])
    assert found.detail.figures()["judged"] == 3
    assert "batch.entries" not in violated(found)
    queries[1]["id"] = queries[0]["id"]
    batch.told["queries"] = queries
    document["log"]["entries"][0]["response"]["content"]["text"] = json.dumps(batch.told)
    assert "batch.entries" in violated(check(load_contract("decodo"), [write(tmp_path / "t.har", document)]))


def test_a_packed_body_of_a_response_without_content_is_unpacked(tmp_path: Path) -> None:
    contract = load_contract("decodo")
    entry = interaction(polled(1.0, "")._replace(base=contract.base_url.rstrip("/"), path="/task/7000001/results"))
    entry["request"] |= {"method": "GET", "body": None}
    entry["response"] |= {"status": {"code": 204, "message": ""}, "body": {"string": gzip.compress(b"", mtime=0)}}
    path = write(tmp_path / "t.yaml", {"interactions": [entry], "version": 1})
    assert [(each.status, each.response_body) for each in read_entries(path)] == [(204, b"")]


@pytest.mark.parametrize("workers", [0, 2])
def test_exports_that_overlap_are_judged_once_together(tmp_path: Path, workers: int) -> None:
    contract, said = load_contract("capsolver"), lawful()
    paths = [write(tmp_path / "a.har", har(said[:4])), write(tmp_path / "b.har", har(said[2:]))]
    if workers:
        from pollproof.check.cluster import check_on, connected

        with connected(str(workers)) as client:
            found = check_on(client, contract, paths, together=True)
    else:
        found = check(contract, paths, together=True)
    assert violated(found) == set()
    assert (found.detail.figures()["judged"], found.detail.figures()["repeated"]) == (5, 2)
    late = write(tmp_path / "c.har", har([said[0], polled(3.1, "processing"), polled(3.3, "processing")]))
    assert "client.wait" in violated(check(contract, [paths[0], late], together=True)), "what differs counts"


@pytest.mark.parametrize(("status", "moved"), [(301, True), (308, True), (307, False)])
def test_a_redirect_to_the_same_path_is_no_response_of_the_api(tmp_path: Path, status: int, moved: bool) -> None:
    document = har([each for each in lawful() for _ in range(2)])
    for entry in document["log"]["entries"][::2]:
        there = entry["request"]["url"]
        entry["request"]["url"] = there.replace("https:", "http:")
        headers = [{"name": "Location", "value": there if moved else there.replace("api.", "www.") + "/login"}]
        entry["response"] |= {"status": status, "headers": headers, "content": {"size": 0}, "bodySize": 0}
    found = check(load_contract("capsolver"), [write(tmp_path / "t.har", document)])
    assert ("poll.response-shape" in violated(found)) is not moved
    assert found.detail.figures()["not_recorded"] == ({"redirected elsewhere with the same path": 5} if moved else {})


def test_an_interim_response_is_no_response(tmp_path: Path) -> None:
    document = har([*lawful(), *lawful()[:2]])
    for entry in document["log"]["entries"][5:]:
        entry["response"] |= {"status": 100, "content": {"size": 0}, "bodySize": 0}
    found = check(load_contract("capsolver"), [write(tmp_path / "t.har", document)])
    assert violated(found) == set()
    assert found.detail.figures()["judged"] == 5

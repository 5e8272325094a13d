"""Addresses that lead to operations, JSON Pointers into arrays, and pages of results that go on with each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from pollproof import load_contract, run_verify
from pollproof.contract.places import whole_number
from pollproof.contract.requests import RequestPattern
from pollproof.contract.templates import with_value, without
from pollproof.trace.pages import READING, WHOLE, Page, follow

DOCMILL = str(Path(__file__).parents[1] / "apis" / "docmill.toml")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://elsewhere.example/v1/operations/abc?sig=1", "/operations/abc?sig=1"),
        ("/v1/operations/abc", "/operations/abc"),
        ("/deep/er/operations/abc", "/operations/abc"),
        ("abc", "/operations/abc"),
        ("https://elsewhere.example/status/abc/x", None),
        ("http://[", None),
    ],
)
def test_an_address_leads_to_an_operation_or_not(address: str, expected: str | None) -> None:
    pattern = RequestPattern(load_contract(DOCMILL).operations["poll"])
    assert pattern.within(address, "/operations/another", "/v1") == expected


def test_pointers_lead_into_arrays() -> None:
    value = {"items": [{"street": "a"}, {"street": "b"}]}
    assert with_value(value, "/items/1/street", 7) == {"items": [{"street": "a"}, {"street": 7}]}
    assert with_value(value, "/items/-", 7)["items"][2] == 7
    assert without(value, "/items/0") == {"items": [{"street": "b"}]}
    assert without(value, "/items/5/street") == value


def _page(at: str, after: str, *items: str) -> dict[str, object]:
    return {"@page": Page(at, after, items, (), None, None)}


def test_pages_go_on_with_each_other_and_a_first_page_begins_anew() -> None:
    first = follow(_page("", "p2", "a", "b"))
    second = follow({**first, **_page("p2", "", "c")})
    assert second[WHOLE] == ("a", "b", "c")
    again = follow({**second, **_page("", "p1", "a")})
    assert len(again[READING]) == 1
    assert again[WHOLE] == ("a", "b", "c")
    assert follow({**second, **_page("p9", "", "x")})[READING] == ()


@pytest.mark.parametrize("limit", ["\u00b2", "9" * 5_000, "\u0663", "-1", ""])
def test_a_size_of_pages_that_is_not_a_number_is_none(limit: str) -> None:
    assert whole_number(limit) is None
    assert whole_number("07") == 7


def test_the_reference_keeps_a_contract_with_pages_links_and_several_ids() -> None:
    report = run_verify(DOCMILL, examples=0)
    assert report.outcome.value == "passed", report.violations or report.summary

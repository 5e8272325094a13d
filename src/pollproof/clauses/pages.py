"""Results in pages: together they have every item once, and they come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.faults import Fault, FaultyProvider
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, from_limits, mutates, numbered
from pollproof.clauses.lifecycle import describe
from pollproof.contract.conditions import is_number, same
from pollproof.contract.declared import ONE_OR_MORE
from pollproof.contract.model import Clause, Contract, Limits
from pollproof.contract.vocabulary import FETCH, SUCCEEDED
from pollproof.tasks.ages import says_gone, surely_inside, surely_within_limits
from pollproof.tasks.state import TaskState
from pollproof.trace.events import STATE, Event
from pollproof.trace.pages import ASTRAY, PAGE, READING, WHOLE, Page, items_of

ENDLESS = 300
"""Pages of one reading after which it has no end."""


@dataclass(frozen=True, slots=True)
class PageRule:
    """The limits within which a result is kept, and the operations whose pages are judged."""

    limits: Limits = from_limits("*")
    operation: Annotated[tuple[str, ...], "The operations whose pages are judged; all when left out.", ONE_OR_MORE] = ()


@Kind(
    "pages",
    roles=(FETCH,),
    ordered=True,
    exercised="a result that is read page by page to its end",
    walks=("page-by-page",),
    hint="Order items by what never changes, and let a cursor name the last item that was given.",
)
def pages(history: TaskState, event: Event, rule: PageRule) -> Finding:
    """The pages of a result have every item once, however large they are, and come to an end."""
    page: Page | None = event.marks.get(PAGE)
    before: tuple[Page, ...] = history.marks.get(READING, ())
    if page is None or event.request_errors or history.terminal is not SUCCEEDED:
        return None
    goes_on = bool(before) and bool(page.at) and before[-1].next == page.at
    if page.at and not goes_on:
        return None
    since = numbered(history.last_number)
    if page.items is None:
        limits = rule.limits.of_result()
        kept = surely_within_limits(history, event, rule.limits) and surely_inside(history, event, limits)
        if not goes_on or not kept or not says_gone(history, event):
            return None
        return Violation("the next page, at the place that the page before it gives", describe(event), since)
    if event.answer is not STATE:
        return None
    if page.size is not None and len(page.items) > page.size:
        return Violation(f"at most {page.size} items on a page", f"{len(page.items)} items")
    reading = (*before, page) if goes_on else (page,)
    return _whole(history, reading, since)


def _whole(history: TaskState, reading: tuple[Page, ...], since: tuple[int, ...]) -> Finding:
    """What the pages of a reading show together, up to the last one so far."""
    page, items = reading[-1], items_of(reading)
    keys = [key for each in reading for key in each.keys]
    twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
    if twice is not None:
        return Violation("every item once", f"the item {twice:.60} twice", since)
    if page.next.startswith(ASTRAY):
        return Violation("the address of the next page", page.next.removeprefix(ASTRAY)[:200], since)
    if page.next and page.next in [each.at for each in reading]:
        return Violation("an end of the pages", f"page {len(reading)} leads back to one before", since)
    if len(reading) >= ENDLESS and not is_number(page.total):
        return Violation("an end of the pages", f"{len(reading)} pages, and one more", since)
    if is_number(page.total) and len(items) > page.total:
        return Violation(
            f"{page.total:g} items on all pages, by their own total", f"{len(items)} on {len(reading)} of them"
        )
    if page.next:
        return None
    if is_number(page.total) and not same(page.total, len(items)):
        return Violation(f"{page.total:g} items on all pages, by their own total", f"{len(items)}", since)
    whole: tuple[str, ...] | None = history.marks.get(WHOLE)
    if whole is None:
        return HELD if len(reading) > 1 else None
    if whole == items:
        return HELD
    place = next((n for n, pair in enumerate(zip(whole, items, strict=False)) if pair[0] != pair[1]), None)
    if place is None:
        return Violation(f"the {len(whole)} items that were read before", f"{len(items)} items", since)
    return Violation(f"{whole[place]:.60} as item {place + 1}, as before", f"{items[place]:.60}", since)


class OverlappingPages(FaultyProvider):
    """Begins each page but the first with the last item of the one before."""

    def page(self, items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
        return super().page(items, max(start - 1, 0), size)[0], super().page(items, start, size)[1]


class LeavesGaps(FaultyProvider):
    """Leaves an item out between two pages."""

    def page(self, items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
        part, after = super().page(items, start, size)
        return part, None if after is None or after + 1 >= len(items) else after + 1


class NeverEnds(FaultyProvider):
    """Leads from the last page to the first."""

    def page(self, items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
        part, after = super().page(items, start, size)
        return part, 0 if after is None else after


@mutates("pages")
def _pages(contract: Contract, clause: Clause) -> Iterator[Fault]:
    fetch = contract.operation_of(FETCH)
    pages = None if fetch is None else fetch.pages
    if pages is None:
        return
    together = ("result-stable", "answer")
    if pages.total is not None or pages.size or pages.key:
        yield Fault("pages overlap", OverlappingPages, companions=together)
    if (pages.total is not None or pages.size) and not pages.counts:
        yield Fault("an item between two pages is missing", LeavesGaps, companions=together)
    if not pages.counts:
        yield Fault("the pages never end", NeverEnds, companions=together)

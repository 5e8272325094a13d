"""Results in pages: what one page has, and which page is next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_plus, urlencode

from pollproof.contract.conditions import is_number
from pollproof.contract.model import Contract, Operation, Pages
from pollproof.contract.places import MISSING, Place, View, compile_place, follow_steps, parse_place, whole_number
from pollproof.contract.requests import RequestPattern, base_path
from pollproof.contract.templates import steps_of, with_value
from pollproof.trace.bodies import canonical
from pollproof.trace.codecs import codec_of
from pollproof.trace.exchange import Request

PAGE = "@page"
"""The mark of the last page that was read of a result."""

READING = "@reading"
"""The mark of the pages of a reading, from the first one on."""

WHOLE = "@whole"
"""The mark of all items of the first reading that came to its end."""


ASTRAY = "! "
"""What stands before the address of a next page that is not one of the operation."""


class Page(NamedTuple):
    """One page of a result.

    `at` is what it was requested by (empty: the first page), `next` what the next one is requested by (empty: it is
    the last). `items` and `keys` are canonical texts, None where a response has no items. `total` is what it states of
    all pages, `size` how many items were requested.
    """

    at: str
    next: str
    items: tuple[str, ...] | None
    keys: tuple[str, ...]
    total: Any
    size: int | None


class PageReader:
    """Reads the pages of one operation."""

    def __init__(self, contract: Contract, operation: Operation, pages: Pages) -> None:
        self.pages = pages
        self._pattern = RequestPattern(operation)
        self._base = base_path(contract.base_url)
        key = contract.credential.at
        places = (key, *(each.at for each in contract.credential.others))
        self._keys = [place.steps[0] for place in places if place is not None and place.area == "query"]
        self._fixed = {*self._pattern.query, *(f"?{name}" for name in self._keys)}
        self._items, self._total = compile_place(pages.items), compile_place(pages.total)
        self._next, self._cursor = compile_place(pages.next), compile_place(pages.cursor)
        self._key = tuple(steps_of(pages.key))
        self._place = body_place(pages)
        self._codec = codec_of(contract, "request")

    def read(self, view: View, requested: str) -> Page:
        """The page of a response to a request of this path."""
        pages, given = self.pages, {name: text for name, text in view.path.items() if name.startswith("?")}
        size = given.get(f"?{pages.size}", "")
        at = given.get(f"?{pages.parameter}", "")
        if self._place is not None:
            wanted = follow_steps(view.request, self._place.steps)
            at = "" if wanted is MISSING or wanted is None else str(wanted)
        if pages.next is not None:
            at = self._keyless(requested) if set(given) - self._fixed - {f"?{pages.size}"} else ""
        elif pages.counts and at == str(pages.first if pages.counts == "pages" else 0):
            at = ""
        found = self._items(view)
        items = None if type(found) is not list else tuple(canonical(item) for item in found)
        keys = (
            () if not pages.key or items is None else tuple(canonical(follow_steps(item, self._key)) for item in found)
        )
        total = self._total(view)
        follows = "" if items is None else self._follows(view, at, len(items), total, requested)
        return Page(at, follows, items, keys, total, whole_number(size))

    def _follows(self, view: View, at: str, count: int, total: Any, requested: str) -> str:
        pages = self.pages
        if pages.next is not None:
            address = self._next(view)
            if not isinstance(address, str) or not address:
                return ""
            path = self._pattern.within(address, requested, self._base)
            return ASTRAY + address if path is None else self._keyless(path)
        if pages.cursor is not None:
            cursor = self._cursor(view)
            return "" if cursor is MISSING or cursor is None else str(cursor)
        before = whole_number(at) if at else pages.first if pages.counts == "pages" else 0
        if not count or before is None:
            return ""
        after = before + (1 if pages.counts == "pages" else count)
        return "" if pages.counts == "items" and is_number(total) and after >= total else str(after)

    def _keyless(self, path: str) -> str:
        """A path without the key of the account in its query: the rest distinguishes pages."""
        for name in self._keys:
            path = without_parameter(path, name)
        return path

    def next_request(self, request: Request, page: Page) -> Request | None:
        """The request of the page after this one; None after the last."""
        if not page.next:
            return None
        if self.pages.next is not None:
            return request._replace(path=page.next) if page.next.startswith("/") else None
        if self._place is not None:
            value = int(page.next) if self.pages.counts else page.next
            body = with_value(self._codec.read(request.body), self._place.pointer, value)
            return request._replace(body=self._codec.write(body))
        return with_parameter(request, self.pages.parameter, page.next)


def body_place(pages: Pages) -> Place | None:
    """Where the body of a request has the cursor of a page; None where the query has it."""
    return parse_place(pages.parameter) if pages.parameter.startswith("request#") else None


def with_parameter(request: Request, name: str, value: str) -> Request:
    """A request with a parameter of its query set."""
    path = without_parameter(request.path, name)
    return request._replace(path=f"{path}{'&' if '?' in path else '?'}{urlencode({name: value})}")


def without_parameter(path: str, name: str) -> str:
    """A path with a parameter of its query left out."""
    path, _, query = path.partition("?")
    kept = "&".join(each for each in query.split("&") if each and unquote_plus(each.partition("=")[0]) != name)
    return f"{path}?{kept}" if kept else path


def follow(marks: Mapping[str, Any]) -> dict[str, Any]:
    """The marks of a task with its last page put to the reading that it goes on with, or begins."""
    page: Page = marks[PAGE]
    if page.items is None:
        return dict(marks)  # it is not a page of a result, but says that there is none yet
    reading: Sequence[Page] = marks.get(READING, ())
    goes_on = bool(reading) and bool(page.at) and reading[-1].next == page.at
    found: tuple[Page, ...] = (*reading, page) if goes_on else () if page.at else (page,)
    kept = {**marks, READING: found}
    if found and not page.next and WHOLE not in kept:
        kept[WHOLE] = items_of(found)
    return kept


def items_of(reading: Sequence[Page]) -> tuple[str, ...]:
    """The items of all pages of a reading."""
    return tuple(item for page in reading for item in page.items or ())


def reads(pages: Pages | None) -> tuple[Place | None, ...]:
    """The places that pages are read at."""
    return () if pages is None else (pages.items, pages.next, pages.cursor, pages.total)

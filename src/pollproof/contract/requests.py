"""Which requests are an operation's: by method, path, query, and what the request has in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from pollproof.contract.conditions import compile_condition
from pollproof.contract.model import Operation
from pollproof.contract.places import View

_VARIABLE = re.compile(r"\\{(\\\+)?(\w+)\\}")

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def query_of(path: str) -> dict[str, str]:
    """The parameters of the query of a path, each under its name after a question mark."""
    query = path.partition("?")[2]
    return {f"?{name}": value for name, value in parse_qsl(query, keep_blank_values=True)} if query else {}


def path_of(path: str) -> str:
    """A path without its query, and without a trailing slash, which servers tolerate: the root is empty."""
    return path.partition("?")[0].rstrip("/")


def base_path(address: str) -> str:
    """The path of a base URL, without a slash at its end."""
    return urlsplit(address).path.rstrip("/")


class RequestPattern:
    """The requests of one operation.

    `path` is its path as `path_of` gives it, `varies` is whether that has variables, `is_plain` whether method and
    path alone name the operation. `query` are the parameters that are fixed.
    """

    __slots__ = ("_conditions", "_pattern", "is_plain", "method", "path", "query", "varies")

    def __init__(self, operation: Operation) -> None:
        self.method = operation.method
        self.path = path_of(operation.path)
        self.varies = "{" in self.path
        self.query = {name: value for name, value in query_of(operation.path).items() if "{" not in value}
        self._conditions = [compile_condition(condition) for condition in operation.when]
        self.is_plain = not self.query and not self._conditions
        pattern = _VARIABLE.sub(lambda found: f"(?P<{found[2]}>{'.+' if found[1] else '[^/]+'})", re.escape(self.path))
        self._pattern = re.compile(pattern)

    def variables(self, path: str) -> Mapping[str, str] | None:
        """The variables of a path (given without its query) that is this operation's, None for any other path."""
        if not self.varies:
            return NO_VARIABLES if path == self.path else None
        found = self._pattern.fullmatch(path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}

    def within(self, address: str, requested: str = "/", base: str = "") -> str | None:
        """The path and query, below the base URL, of an address that leads to this operation; None for another one.

        `requested` is the path whose response gave the address, for one that is relative to it; `base` the path of the
        documented base URL. Whatever path a provider really stands at is left out.
        """
        try:
            whole = urlsplit(urljoin(requested, address))
        except ValueError:
            return None
        path = whole.path.removeprefix(base) if base and whole.path.startswith(base + "/") else whole.path
        while path and self.variables(path) is None:
            begin = path.find("/", 1)
            path = path[begin:] if begin > 0 else ""
        if not path:
            return None
        return f"{path}?{whole.query}" if whole.query else path

    def fits(self, view: View) -> bool:
        """Whether a request of this method and path is the operation's; the view has the query in it."""
        if self.is_plain:
            return True
        if any(view.path.get(name) != value for name, value in self.query.items()):
            return False
        return all(test(view) for test in self._conditions)


def ambiguous(one: Operation, other: Operation) -> bool:
    """Whether nothing tells the requests of two operations apart."""
    if one.method != other.method or (one.element, one.when) != (other.element, other.when):
        return False
    shapes = [_VARIABLE.sub("{}", re.escape(each.path.partition("?")[0])) for each in (one, other)]
    queries = [{k: v for k, v in query_of(each.path).items() if "{" not in v} for each in (one, other)]
    return shapes[0] == shapes[1] and queries[0] == queries[1]

"""Foreign text as it may be shown: bounded, and without characters that hide, reorder or command anything.

Whatever leaves the program for a terminal, a log or a report passes through here at the edge: `visible` for people,
`json_text` for machines, `escape_markdown` for Markdown; Jinja escapes what stands in HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

MAXIMUM_SHOWN = 4_000
"""Characters of one text in a view; its beginning suffices, and the rest is counted."""

_CLASS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f"
)
HIDDEN = re.compile(f"[{_CLASS}]")
"""Controls, marks that change the direction of text, characters without width, halves of pairs: no newline, no tab."""

_MARKDOWN = re.compile(r"[&<>|`*_\[\]~@#\\$!]|(?<=:)//|(?<=www)\.")


def visible(text: str, limit: int | None = MAXIMUM_SHOWN) -> str:
    """The text with its hidden characters written out, and no longer than `limit` characters and a note."""
    more = 0 if limit is None else len(text) - limit
    if more > 0:
        text = text[:limit]
    text = HIDDEN.sub(_code_point, text)
    return f"{text}… ({more:,} more characters)" if more > 0 else text


def _code_point(found: re.Match[str]) -> str:
    return f"[U+{ord(found[0]):04X}]"


def one_line(text: str, limit: int = MAXIMUM_SHOWN) -> str:
    """The visible text on one line, without runs of spaces."""
    return " ".join(visible(text, limit).split())


def shorten(text: str, limit: int, mark: str = "...") -> str:
    """The text, or its beginning and a mark: at most `limit` characters in all."""
    return text if len(text) <= limit else text[: limit - len(mark)] + mark


def printable(text: str, limit: int, other: str = "?") -> str:
    """The text on one line, at most `limit` characters, with `other` for each that cannot be printed."""
    return shorten("".join(character if character.isprintable() else other for character in text[: limit + 1]), limit)


def plural(count: int, noun: str, many: str | None = None) -> str:
    """A number and its noun: `1 task`, `2 tasks`; `many` is the plural of a noun that takes more than an s."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def json_text(value: Any, indent: int | None = 2) -> str:
    """A value as JSON with every hidden character in its escaped form, which is the same value."""
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=indent, ensure_ascii=False)
    return HIDDEN.sub(_escaped, text)


def _finite(value: Any) -> Any:
    """The value with null in the place of infinities and of what is not a number, which JSON does not have."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def escape_markdown(text: str, limit: int = MAXIMUM_SHOWN) -> str:
    """Foreign text on one line, of which nothing is read as Markdown, HTML, a mention or a link."""
    return _MARKDOWN.sub(lambda found: "".join(f"&#{ord(sign)};" for sign in found[0]), one_line(text, limit))


def fence_markdown(text: str) -> str:
    """Foreign text as a block of code that it cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{visible(text, None)}\n{fence}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def nearest(word: object, words: Iterable[str]) -> str:
    """The hint `; did you mean 'x'?` for the nearest valid word, or the empty string."""
    close = near_word(word, words, 0.55)
    return f"; did you mean '{close}'?" if close else ""


def near_word(word: object, words: Iterable[str], cutoff: float) -> str:
    """The nearest of the words, whatever the case of either; the empty string where none is near."""
    import difflib  # takes its time to import, and few words are wrong

    spelled: dict[str, str] = {}
    for known in words:
        spelled.setdefault(known.casefold(), known)
    spelled.pop("", None)
    close = difflib.get_close_matches(str(word).casefold()[:100], list(spelled), n=1, cutoff=cutoff)
    return spelled[close[0]] if close else ""

"""The documents that a contract cites, and what they say beside its rules: figures, gaps, contradictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pollproof.contract.declared import IDENTIFIER, NAME, TABLE_KEY, Form


@dataclass(frozen=True, slots=True)
class Source:
    """A document that rules come from.

    Where its passages are listed, `lines` counts its lines and `digest` is the SHA-256 of the file they were read from.
    """

    key: Annotated[str, TABLE_KEY]
    title: Annotated[str, "The page in words."]
    document: Annotated[str, "The file or path of the document."]
    basis: Annotated[Literal["primary", "adjacent"], "A document at hand, or a page next to it."]
    address: Annotated[str, "Its address."] = ""
    lines: Annotated[int | None, "Its lines, where [[passages]] list all of them.", Form(least=1)] = None
    digest: Annotated[str, "SHA-256 of the file whose lines were counted.", Form(pattern="^[0-9a-f]{64}$")] = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """Where the documents say it: SOURCE:LINES, PLACE.

    `lines` as the document counts them (empty where it has none), `place` in words.
    """

    source: Source
    lines: str
    place: str

    @property
    def span(self) -> range:
        """The numbers of the lines; empty where the document has none."""
        first, _, last = self.lines.partition("-")
        return range(int(first), int(last or first) + 1) if first else range(0)

    def covers(self, other: Citation) -> bool:
        """Whether another citation is of these lines alone, or of some of them."""
        if self.source is not other.source or not other.lines:
            return False
        return self.span.start <= other.span.start and other.span.stop <= self.span.stop

    def __str__(self) -> str:
        words = [f"{self.source.title} ({self.source.document})"]
        if self.lines:
            words.append(f"line {self.lines}" if self.lines.isdigit() else f"lines {self.lines}")
        if self.place:
            words.append(self.place)
        return ", ".join(words)


Citations = Annotated[tuple[Citation, ...], "Where the documents say it.", Form(key="source", least=1)]


@dataclass(frozen=True, slots=True)
class Observation:
    """A documented figure that is reported and never asserted."""

    id: Annotated[str, "The permanent id, beginning with the provider.", Form(pattern=IDENTIFIER)]
    kind: Annotated[Literal["solving-time"], "What is measured."]
    text: Annotated[str, "The figure in words."]
    citations: Citations
    at_least: Annotated[float, "The smallest documented value."]
    at_most: Annotated[float, "The largest documented value."]


@dataclass(frozen=True, slots=True)
class Unspecified:
    """Something the documents leave open, with the reason why nothing is asserted."""

    about: Annotated[str, "What is left open."]
    reason: Annotated[str, "Why nothing is asserted."]
    name: Annotated[str, "By which [[passages]] refer to it.", Form(pattern=NAME)] = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a document, and what was made of them.

    They are judged by the clauses that cite these lines alone and by those named here, measured by observations, or
    leave open what is listed as unspecified; where `aside` is given they state no rule, and it says what they are
    instead.
    """

    citation: Annotated[Citation, "SOURCE:LINES, PLACE", Form(key="source")]
    gist: Annotated[str, "What the lines say, in words of our own."] = ""
    clauses: Annotated[
        tuple[str, ...], "The ids of the clauses that judge it, beside those that cite these lines alone."
    ] = ()
    unspecified: Annotated[tuple[str, ...], "What it leaves open: names of [[unspecified]]."] = ()
    observations: Annotated[tuple[str, ...], "The ids of the figures that measure it."] = ()
    aside: Annotated[str, "What the lines are instead of a rule; then there is nothing to judge."] = ""


@dataclass(frozen=True, slots=True)
class DocumentationError:
    """A slip or contradiction of the documents, and how the contract treats it."""

    what: Annotated[str, "The slip."]
    treatment: Annotated[str, "What is made of it."]
    citations: Citations

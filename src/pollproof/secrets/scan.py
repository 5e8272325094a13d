"""The final scan: what is about to be written is searched for secrets a second time, by other means than scrubbing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pollproof.secrets.dates import is_date
from pollproof.secrets.redact import DISTINCT, Redactor

MINIMUM_TOKEN = 20
"""Characters from which on a token can be judged by how random it looks."""

ENTROPY = 3.3
"""Bits per character from which on a token looks random; words and names of fields lie below or have no digits."""

_SECRET_PATTERNS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "a JSON Web Token": r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "an AWS key": r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA)[A-Z0-9]{16}\b",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{16,}",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/\w+",
    "a Stripe key": r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9]{10,}",
    "a Google key": r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{20,}|\bGOCSPX-[A-Za-z0-9_-]{20,}",
    "an OpenAI or Anthropic key": r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}",
    "a SendGrid key": r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    "a Twilio key": r"\b(?:AC|SK)[0-9a-f]{32}\b",
    "an npm or PyPI token": r"\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{30,}",
    "a key of a captcha service": r"\bCAP-[A-Za-z0-9]{16,}",
    "a key in hexadecimal digits": r"(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9A-F]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?!\w)",
    "a URL with a password": r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#\"'@:]*:[^\s/?#\"'@]+@",
}
"""What credentials of well-known kinds look like."""

_KINDS = {kind: re.compile(pattern) for kind, pattern in _SECRET_PATTERNS.items()}
_ANY_KIND = re.compile("|".join(f"(?:{pattern})" for pattern in _SECRET_PATTERNS.values()))
_SCHEME = re.compile(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{6,})")
_NAMED = re.compile(
    r"(?i)(?:password|passwd|passphrase|pwd|secret|api[_-]?key|access[_-]?key|client[_-]?key|private[_-]?key|token)"
    r"[\"']?\s*[:=]\s*[\"']?([^\s\"',;&<>{}\[\]()]{6,})"
)
_TOKEN = re.compile(rf"[A-Za-z0-9+/=_~.-]{{{MINIMUM_TOKEN},}}")
_WORD = re.compile(r"[^\s\"',;&<>{}\[\]()]{6,}")
_PART = re.compile("[/=]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class Leak(NamedTuple):
    """Where something was found, and what it looks like; never the thing itself."""

    place: str
    kind: str


class Scanner:
    """Searches texts. `secrets` are looked for in every form; `allowed` are the texts that are known to be harmless."""

    def __init__(self, secrets: Iterable[str], allowed: frozenset[str]) -> None:
        self._known = "\n".join(allowed).casefold()
        wanted = [secret for secret in secrets if secret.casefold() not in self._known]
        self._long = Redactor(secret for secret in wanted if len(secret) >= DISTINCT)
        self._short = Redactor(secret for secret in wanted if len(secret) < DISTINCT)
        self._allowed = allowed
        self._tokens: set[str] | None = None

    def search(self, texts: Iterable[tuple[str, str]]) -> Leak | None:
        """The first finding in texts, each given with its place."""
        seen: set[str] = set()
        for place, text in texts:
            if text in seen:  # polls are alike
                continue
            seen.add(text)
            if self._holds_secret(text):
                return Leak(place, "holds one of the secrets that were given")
            kind = self._looks_like(text)
            if kind is not None:
                return Leak(place, f"looks like {kind}")
        return None

    def _holds_secret(self, text: str) -> bool:
        # A short secret is part of many a number or word: it counts where it stands by itself.
        alone = [
            (begin, end)
            for begin, end in self._short.spans(text)
            if not (text[max(begin - 1, 0) : begin].isalnum() or text[end : end + 1].isalnum())
        ]
        spans = (*alone, *self._long.spans(text))
        return any(text[begin:end].casefold() not in self._known for begin, end in spans)

    def _looks_like(self, text: str) -> str | None:
        text = text.replace('\\"', '"').replace("\\/", "/")  # JSON in a text of JSON
        for kind, pattern in _KINDS.items() if _ANY_KIND.search(text) else ():
            if any(not self._harmless(found[0]) for found in pattern.finditer(text)):
                return kind
        if any(not self._harmless(found[1]) for found in _SCHEME.finditer(text)):
            return "a key in a header"
        if any(not self._harmless(found[1]) for found in _NAMED.finditer(text)):
            return "a password or a key"
        for found in _TOKEN.finditer(text):
            if _is_random(found[0]) and not self._harmless(found[0]):
                # Paths and queries have parts that may each be known; what is left must not look random.
                if _is_random("/".join(part for part in _PART.split(found[0]) if not self._harmless(part))):
                    return "a token drawn at random"
        return None

    def _harmless(self, token: str) -> bool:
        if token in self._allowed or _NUMBER.fullmatch(token) or is_date(token):
            return True
        if self._tokens is None:  # pieces of what is allowed, cut as tokens are
            self._tokens = {piece for text in self._allowed for piece in _pieces(text)}
        return token in self._tokens


def _pieces(text: str) -> Iterator[str]:
    yield from (found[0] for found in _TOKEN.finditer(text))
    yield from (found[0] for found in _WORD.finditer(text))


def _is_random(token: str) -> bool:
    """Whether a token looks drawn: letters and digits mixed, hardly any of them twice."""
    bare = token.strip(".=-_/")
    if len(bare) < MINIMUM_TOKEN or not any(map(str.isdigit, bare)) or not any(map(str.isalpha, bare)):
        return False
    counts = Counter(bare)
    return -sum(count / len(bare) * math.log2(count / len(bare)) for count in counts.values()) > ENTROPY

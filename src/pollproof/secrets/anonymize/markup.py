"""Markup: XML bodies with their structure kept and their contents replaced. Nothing is resolved, loaded or fetched."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from pollproof.secrets.anonymize.names import is_ordinary
from pollproof.secrets.anonymize.texts import Texts
from pollproof.secrets.anonymize.vocabulary import NAMESPACES
from pollproof.trace.soap import INSTANCE

_XML = "http://www.w3.org/XML/1998/namespace"
_TYPE = f"{{{INSTANCE}}}type"

Prefixes = Mapping[str | None, str]


class Markup:
    """Writes parsed XML anew: comments and processing instructions are gone, names and texts are scrubbed."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def write(self, root: etree._Element) -> bytes:
        """The document of a root element."""
        pieces = ['<?xml version="1.0" encoding="UTF-8"?>']
        self._element(pieces, root, {})
        return "".join(pieces).encode("utf-8")

    def _element(self, pieces: list[str], element: etree._Element, inherited: Prefixes) -> None:
        known: Prefixes = {prefix: uri for prefix, uri in element.nsmap.items() if uri != _XML}
        name = etree.QName(element)
        tag = self._qualified(element.prefix, name.localname)
        pieces.append(f"<{tag}")
        for prefix, uri in sorted(known.items(), key=lambda pair: pair[0] or ""):
            if inherited.get(prefix) != uri:
                declared = "xmlns" if prefix is None else f"xmlns:{self._prefix(prefix)}"
                pieces.append(f" {declared}={quoteattr(self._namespace(uri))}")
        if inherited.get(None) and None not in known:
            pieces.append(' xmlns=""')
        for key, value in element.attrib.items():
            pieces.append(f" {self._attribute(str(key), known)}={quoteattr(self._value(str(key), str(value)))}")
        pieces.append(">")
        pieces.append(self._text(element.text))
        for child in element:
            if isinstance(child.tag, str):
                self._element(pieces, child, known)
            pieces.append(self._text(child.tail))
        pieces.append(f"</{tag}>")

    def _text(self, text: str | None) -> str:
        if not text:
            return ""
        return escape(text if text.isspace() and len(text) < 200 else self._texts.text(text), {"\r": "&#13;"})

    def _value(self, key: str, value: str) -> str:
        if key == _TYPE:
            prefix, mark, local = value.rpartition(":")
            return self._qualified(prefix if mark else None, local)
        return self._texts.text(value)

    def _attribute(self, key: str, known: Prefixes) -> str:
        name = etree.QName(key)
        if name.namespace == _XML:
            return f"xml:{self._texts.name(name.localname)}"
        prefix = None
        if name.namespace is not None:
            prefix = next(prefix for prefix, uri in known.items() if uri == name.namespace and prefix is not None)
        return self._qualified(prefix, name.localname)

    def _qualified(self, prefix: str | None, local: str) -> str:
        name = self._texts.name(local)
        return name if prefix is None else f"{self._prefix(prefix)}:{name}"

    def _prefix(self, prefix: str) -> str:
        return prefix if is_ordinary(prefix, frozenset()) and len(prefix) <= 16 else self._texts.name(prefix)

    def _namespace(self, uri: str) -> str:
        return uri if uri in NAMESPACES else self._texts.text(uri)

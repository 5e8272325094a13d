"""SOAP 1.1 envelopes to plain values and back, and their XSD shapes.

A body is read as nested tables of local element names: `{"getTaskStatusResponse": {"return": {"status": "..."}}}`.
Nothing is resolved, loaded or fetched: a document type declaration makes the whole body unreadable.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import xmlschema
from lxml import etree

from pollproof.bodies import Unreadable
from pollproof.shapes import MAXIMUM_ERRORS, ShapeError

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
XSD = "http://www.w3.org/2001/XMLSchema"
MAXIMUM_DEPTH = 40
"""Levels of elements in a body that are read; a documented one has six."""

RULES = "https://pollproof.dev/rules"
"""`source` of the xs:appinfo that names the rule of an element, as `x-rule` does in a JSON Schema."""


def parse(body: bytes) -> etree._Element | Unreadable:
    """The root element of an XML body, without comments and processing instructions; or why it cannot be read."""
    if not body.strip():
        return Unreadable("the body is empty")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        tree = etree.parse(io.BytesIO(body), parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        return Unreadable(f"the body is no XML ({str(error)[:120]})")
    if tree.docinfo.internalDTD is not None or tree.docinfo.doctype:
        return Unreadable("the body has a document type declaration, which is refused without being read")
    return tree.getroot()


def read_envelope(body: bytes, namespace: str) -> Any:
    """The value of a SOAP body, or an `Unreadable`. A Fault is read as `{"Fault": {...}}`."""
    root = parse(body)
    if isinstance(root, Unreadable):
        return root
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        return Unreadable(f"the root element is {root.tag[:80]!r}; expected a SOAP 1.1 Envelope")
    content = root.find(f"{{{ENVELOPE}}}Body")
    if content is None:
        return Unreadable("the envelope has no Body")
    elements = list(content)
    if len(elements) != 1:
        return Unreadable(f"the Body has {len(elements)} elements; expected one")
    element = elements[0]
    name = etree.QName(element)
    if name.localname == "Fault" and name.namespace == ENVELOPE:
        return {"Fault": _value(element, 0)}
    if name.namespace != namespace:
        return Unreadable(f"the Body holds {element.tag[:80]!r}; expected an element of namespace {namespace!r}")
    return {name.localname: _value(element, 0)}


def _value(element: etree._Element, depth: int) -> Any:
    if depth > MAXIMUM_DEPTH:
        return None
    children = list(element)
    if not children:
        nil = element.get(f"{{{INSTANCE}}}nil") in ("true", "1")
        return None if nil else element.text or ""
    table: dict[str, Any] = {}
    for child in children:
        name = etree.QName(child).localname if isinstance(child.tag, str) else "#entity"
        value = _value(child, depth + 1)
        if name in table:
            held = table[name]
            table[name] = [*held, value] if isinstance(held, list) else [held, value]
        else:
            table[name] = value
    return table


def write_envelope(
    value: Any, namespace: str, *, prefix: str = "ns", typed: bool = False, reverse: bool = False, on_body: bool = True
) -> bytes:
    """An envelope around a value. `typed` adds xsi:type, `reverse` turns the order of elements round,
    `on_body` puts encodingStyle on the Body rather than on the operation."""
    soap = "SOAP-ENV" if prefix == "ns" else "soapenv"
    style = f' {soap}:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"'
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<{soap}:Envelope xmlns:{soap}="{ENVELOPE}" xmlns:xsi="{INSTANCE}" xmlns:xsd="{XSD}"',
        f' xmlns:{prefix}="{namespace}">',
        f"<{soap}:Body{style if on_body else ''}>",
    ]
    for name, content in value.items():
        tag = f"{soap}:Fault" if name == "Fault" else f"{prefix}:{name}"
        attributes = "" if on_body or name == "Fault" else style
        parts.append(f"<{tag}{attributes}>")
        _write(parts, content, typed and name != "Fault", reverse, prefix)
        parts.append(f"</{tag}>")
    parts.append(f"</{soap}:Body></{soap}:Envelope>")
    return "".join(parts).encode("utf-8")


def _write(parts: list[str], value: Any, typed: bool, reverse: bool, prefix: str) -> None:
    if isinstance(value, Mapping):
        items = list(value.items())
        for name, item in reversed(items) if reverse else items:
            for one in item if isinstance(item, list) else [item]:
                kind = ""
                if typed and not isinstance(one, Mapping):
                    kind = f' xsi:type="xsd:{"unsignedInt" if isinstance(one, int) else "string"}"'
                parts.append(f"<{name}{kind}>")
                _write(parts, one, typed, reverse, prefix)
                parts.append(f"</{name}>")
    elif value is not None:
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        parts.append(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


class XsdShape:
    """The XSD of an operation's envelope: lxml says yes or no, xmlschema words a no.

    `xsi:type` and `encodingStyle` attributes are left out of the judgement: the documents write them or not.
    """

    def __init__(self, path: Path) -> None:
        self.schema = str(path)
        try:
            parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
            self._fast = etree.XMLSchema(etree.parse(str(path), parser))
        except (etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
            raise ValueError(f"the XSD cannot be compiled: {error}") from error
        self._path = path
        self._rules = self._rules_of(path)

    @cached_property
    def _worded(self) -> xmlschema.XMLSchema10:
        return xmlschema.XMLSchema10(str(self._path), allow="sandbox", defuse="always")

    def _rules_of(self, path: Path) -> dict[str, str]:
        rules: dict[str, str] = {}
        for file in sorted(path.parent.glob("*.xsd")):
            for element in etree.parse(str(file)).getroot().iter(f"{{{XSD}}}element"):
                for info in element.findall(f"{{{XSD}}}annotation/{{{XSD}}}appinfo[@source='{RULES}']"):
                    rules[element.get("name", "")] = (info.text or "").strip()
        return rules

    def rules(self) -> frozenset[str]:
        """All rule names that the XSD mentions."""
        return frozenset(self._rules.values())

    def check_body(self, body: bytes) -> tuple[ShapeError, ...]:
        """The failures of a body on the wire, empty when it has the shape."""
        root = parse(body)
        if isinstance(root, Unreadable):
            return (ShapeError("", "", root.problem),)
        _untype(root)
        if self._fast.validate(root):
            return ()
        return self.explain(root)

    def explain(self, root: etree._Element) -> tuple[ShapeError, ...]:
        """The failures of a parsed body, decided by xmlschema alone."""
        errors: list[ShapeError] = []
        for error in self._worded.iter_errors(root):
            place = error.path or ""
            name = place.rpartition("/")[2].rpartition(":")[2].partition("[")[0]
            words = " ".join((error.reason or error.message).split())
            errors.append(ShapeError(self._rules.get(name, ""), place, f"at {name or 'the envelope'}: {words[:200]}"))
            if len(errors) >= MAXIMUM_ERRORS:
                break
        # The two validators read one schema; where only the fast one objects its own words are kept.
        return tuple(errors) or (ShapeError("", "", str(self._fast.error_log)[:200]),)


def _untype(root: etree._Element) -> None:
    """Drop the attributes that say nothing about the shape."""
    for element in root.iter():
        for name in list(element.attrib):
            if name == f"{{{INSTANCE}}}type" or name == f"{{{ENVELOPE}}}encodingStyle":
                del element.attrib[name]

"""SOAP 1.1 envelopes to plain values and back, and their XSD shapes.

A body is read as nested tables of local element names: `{"getTaskStatusResponse": {"return": {"status": "..."}}}`.
Nothing is resolved, loaded or fetched: a document type declaration makes the whole body unreadable.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lxml import etree

from pollproof.trace.bodies import TOO_MANY_PARTS, Unreadable
from pollproof.trace.shapes import MAXIMUM_ERRORS, ShapeError
from pollproof.trace.xsd_words import XSD, describe_type

if TYPE_CHECKING:
    import xmlschema

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_MAXIMUM_DEPTH = 40
"""Levels of elements in a body that are read; a documented one has six."""

RULES = "https://pollproof.dev/rules"
"""`source` of the xs:appinfo that names the rule of an element, as `x-rule` does in a JSON Schema."""

ASSERTS = "https://pollproof.dev/asserts"
"""`source` of the xs:appinfo that holds Schematron asserts on an element: what XSD 1.0 has no words for."""

OPEN = "https://pollproof.dev/open"
"""`source` of the xs:appinfo of an element that may have more unqualified children than its xs:all can name."""

SCHEMATRON = "http://purl.oclc.org/dsdl/schematron"

_NO_TYPES: Mapping[str, str] = {}
_NIL = f"{{{INSTANCE}}}nil"
_DOCTYPE = re.compile(r"\ufeff?(?>\s+|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL)
_DOCTYPE_BYTES = re.compile(rb"(?:\xef\xbb\xbf)?(?>\s+|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL)
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
MAXIMUM_TAGS = 200_000
"""Tags of a body that is read, and as many attributes: thousands of times as many as any documented one has."""

LONGEST_TEXT = 10_000_000
"""Bytes of one text that libxml2 reads unless it is set to read more."""

_DECLARED = "the body has a document type declaration, which is refused without being read"


def parse_xml(body: bytes) -> etree._Element | Unreadable:
    """The root element of an XML body, without comments and processing instructions; or why it cannot be read."""
    if not body.strip():
        return Unreadable("the body is empty")
    if body.lstrip()[:2] == b"--" and b"content-" in body[:1000].lower():
        return Unreadable("the body is a multipart message, as MTOM sends it; expected an XML document alone")
    if _declares(body):
        return Unreadable(_DECLARED)
    if len(body) > MAXIMUM_TAGS and (body.count(b"<") > MAXIMUM_TAGS or body.count(b"=") > MAXIMUM_TAGS):
        return Unreadable(TOO_MANY_PARTS)
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=len(body) > LONGEST_TEXT,  # whoever handed it over has bounded its size
        remove_comments=True,
        remove_pis=True,
    )
    try:
        tree = etree.parse(io.BytesIO(body), parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        return Unreadable(f"the body is not XML ({str(error)[:120]})")
    if tree.docinfo.internalDTD is not None or tree.docinfo.doctype:
        return Unreadable(_DECLARED)  # in an encoding that was not looked into before
    return tree.getroot()


def _declares(body: bytes) -> bool:
    """Whether a document type declaration stands before the root element, seen without parsing anything."""
    wide = _WIDE.get(body[:2])
    if wide is None:
        return b"<!DOCTYPE" in body and _DOCTYPE_BYTES.match(body) is not None
    return _DOCTYPE.match(body.decode(wide, "replace")) is not None


def read_envelope(body: bytes, namespace: str) -> Any:
    """The value of a SOAP body, or an `Unreadable`. A Fault is read as `{"Fault": {...}}`."""
    root = parse_xml(body)
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
        return {"Fault": element_value(element)["Fault"]}
    if name.namespace != namespace:
        return Unreadable(f"the Body holds {element.tag[:80]!r}; expected an element of namespace {namespace!r}")
    return element_value(element)


def element_value(element: etree._Element, *, attributes: bool = False) -> dict[str, Any]:
    """The value of an element under its local name; with `attributes` these are under `@name`, text beside them under
    `#text`.
    """
    return {etree.QName(element).localname: _value(element, 0, attributes)}


def _value(element: etree._Element, depth: int, attributes: bool) -> Any:
    if depth > _MAXIMUM_DEPTH:
        return None
    children = list(element)
    table: dict[str, Any] = {}
    if attributes:
        own = {key: text for key, text in element.attrib.items() if not str(key).startswith(f"{{{INSTANCE}}}")}
        table = {f"@{etree.QName(key).localname}": text for key, text in own.items()}
    if not children:
        text = None if element.get(_NIL) in ("true", "1") else element.text or ""
        return {**table, "#text": text} if table else text
    for child in children:
        name = etree.QName(child).localname if isinstance(child.tag, str) else "#entity"
        value = _value(child, depth + 1, attributes)
        if name not in table:
            table[name] = value
        elif isinstance(held := table[name], list):  # of what stands in one element nothing is a list but this
            held.append(value)
        else:
            table[name] = [held, value]
    return table


def write_envelope(
    value: Any,
    namespace: str,
    *,
    prefix: str = "ns",
    typed: bool = False,
    reverse: bool = False,
    on_body: bool = True,
    types: Mapping[str, str] = _NO_TYPES,
) -> bytes:
    """An envelope around a value. `typed` adds xsi:type, `reverse` turns the order of elements round,
    `on_body` puts encodingStyle on the Body rather than on the operation. `types` are the types of the namespace that
    tables have, by the element in which they stand."""
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
        kind = f' xsi:type="{prefix}:{types[name]}"' if name in types else ""
        _write(parts, content, typed and name != "Fault", reverse, kind)
        parts.append(f"</{tag}>")
    parts.append(f"</{soap}:Body></{soap}:Envelope>")
    return "".join(parts).encode("utf-8")


def _write(parts: list[str], value: Any, typed: bool, reverse: bool, of_tables: str = "") -> None:
    """Write a value; `of_tables` is what stands in the tags of the tables that it holds."""
    if isinstance(value, Mapping):
        items = list(value.items())
        for name, item in reversed(items) if reverse else items:
            for one in item if isinstance(item, list) else [item]:
                kind = of_tables if isinstance(one, Mapping) else ""
                if typed and not isinstance(one, Mapping):
                    kind = f' xsi:type="xsd:{"unsignedInt" if isinstance(one, int) else "string"}"'
                parts.append(f"<{name}{kind}>")
                _write(parts, one, typed, reverse)
                parts.append(f"</{name}>")
    elif value is not None:
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        parts.append(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


class _Assert(NamedTuple):
    """A Schematron assert: a test that each element of that tag must pass, and the rule that fails otherwise."""

    tag: str
    test: etree.XPath
    message: str
    rule: str


class XsdShape:
    """The XSD of an operation's envelope: lxml decides, xmlschema finds the words for a failure. Raises ValueError.

    Attributes with a namespace (`xsi:type`, `encodingStyle`) are left out of the judgement: the documents write them
    or not. `xsi:nil` stays.
    """

    def __init__(self, path: Path) -> None:
        self.schema = str(path)
        self._path = path
        parts = list(_parts(path))
        try:
            self._fast = etree.XMLSchema(etree.parse(str(path), _schema_parser()))
            self._asserts = [found for root in parts for found in _asserts(root)]
        except (etree.XMLSyntaxError, etree.XMLSchemaParseError, etree.XPathError) as error:
            raise ValueError(f"the XSD cannot be compiled: {error}") from error
        self._rules = dict(_marked(parts, RULES))
        types = {kind.get("name", ""): kind for root in parts for kind in root.findall(f"{{{XSD}}}complexType")}
        self._open = {
            _tag(element): frozenset(_children(element, types)) for root in parts for element in _annotated(root, OPEN)
        }

    @cached_property
    def _worded(self) -> xmlschema.XMLSchema10:
        import xmlschema  # takes longer to import than all else, and words failures only

        return xmlschema.XMLSchema10(str(self._path), allow="local", defuse="always")

    def rules(self) -> frozenset[str]:
        """All rule names that the XSD mentions."""
        return frozenset(self._rules.values()) | {one.rule for one in self._asserts if one.rule}

    def check_body(self, body: bytes) -> tuple[ShapeError, ...]:
        """The failures of a body on the wire, empty when it has the shape."""
        root = parse_xml(body)
        if isinstance(root, Unreadable):
            return (ShapeError("", "", root.problem),)
        self._lighten(root)
        if self._fast.validate(root):
            return tuple(self._failed(root))
        # The two validators read one schema; where only the fast one objects its own words are kept.
        return self._explain(root) or (ShapeError("", "", str(self._fast.error_log)[:200]),)

    def is_valid(self, body: bytes) -> bool:
        """Whether a body on the wire has the shape."""
        root = parse_xml(body)
        if isinstance(root, Unreadable):
            return False
        self._lighten(root)
        return self._fast.validate(root) and next(self._failed(root), None) is None

    def explain(self, body: bytes) -> tuple[ShapeError, ...]:
        """The failures of a body, decided without the fast validator."""
        root = parse_xml(body)
        if isinstance(root, Unreadable):
            return (ShapeError("", "", root.problem),)
        self._lighten(root)
        return self._explain(root)

    def _explain(self, root: etree._Element) -> tuple[ShapeError, ...]:
        errors: list[ShapeError] = []
        for error in self._worded.iter_errors(root):
            place = error.path or ""
            name = place.rpartition("/")[2].rpartition(":")[2].partition("[")[0]
            errors.append(ShapeError(self._rules.get(name, ""), place, self._words(name, error)))
            if len(errors) >= MAXIMUM_ERRORS:
                break
        return (*errors, *self._failed(root))

    def _words(self, name: str, error: Any) -> str:
        """A failure in words of the rule where the element has a simple type, else in those of xmlschema."""
        leaf = error.elem is not None and not len(error.elem)
        text = error.elem.text if leaf else None
        value = repr((text or "")[:60] + "..." * (len(text or "") > 60)) if leaf else ""
        expected = self._expected.get(name)
        if value and expected:
            return f"at {name}: {value} is not {expected}"
        words = " ".join((error.reason or error.message).split())
        value = f"{value}, " if value.strip("'") else ""
        return f"at {name or 'the envelope'}: {value}{words[:200]}{'...' if len(words) > 200 else ''}"

    @cached_property
    def _expected(self) -> Mapping[str, str]:
        """What the elements of simple types may hold, in words, by their names."""
        parts = list(_parts(self._path))
        known = {kind.get("name", ""): kind for root in parts for kind in root.findall(f"{{{XSD}}}simpleType")}
        found: dict[str, str] = {}
        for element in (each for root in parts for each in root.iter(f"{{{XSD}}}element")):
            kind = element.find(f"{{{XSD}}}simpleType")
            words = describe_type(known, element.get("type", "")) if kind is None else describe_type(known, kind)
            if words:
                found.setdefault(element.get("name", ""), words)
        return found

    def _failed(self, root: etree._Element) -> Iterator[ShapeError]:
        for tag, test, message, rule in self._asserts:
            for element in root.iter(tag):
                if not test(element):
                    yield ShapeError(rule, root.getroottree().getpath(element), f"it is not so that {message}")

    def _lighten(self, root: etree._Element) -> None:
        """Drop what does not belong to the shape, and hints that a validator might follow to other schemas."""
        for element in root.iter():
            for name in element.attrib:
                if name[0] == "{" and name != _NIL:
                    del element.attrib[name]
        for tag, known in self._open.items():
            for element in root.iter(tag):
                for child in list(element):
                    if isinstance(child.tag, str) and child.tag[0] != "{" and child.tag not in known:
                        element.remove(child)


# --------------------------------------------------------------------------- reading the schema's own notes


def _schema_parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True)


def _parts(path: Path, seen: set[Path] | None = None) -> Iterator[etree._Element]:
    """The root of a schema file and of all that it includes and imports; raises ValueError. Nothing is fetched."""
    seen = set() if seen is None else seen
    if path.resolve() in seen:
        return
    seen.add(path.resolve())
    try:
        root = etree.parse(str(path), _schema_parser()).getroot()
    except (etree.XMLSyntaxError, OSError) as error:
        raise ValueError(f"the XSD {path.name} cannot be read: {error}") from error
    yield root
    for reference in root.iter(f"{{{XSD}}}include", f"{{{XSD}}}import", f"{{{XSD}}}redefine"):
        place = reference.get("schemaLocation", "")
        if not re.fullmatch(r"[\w.-]+\.xsd", place):
            raise ValueError(f"the XSD {path.name} refers to '{place}'; nothing is fetched, expected a file beside it")
        yield from _parts(path.parent / place, seen)


def _annotated(root: etree._Element, source: str) -> Iterator[etree._Element]:
    """The xs:element declarations that have an xs:appinfo of this source."""
    for element in root.iter(f"{{{XSD}}}element"):
        if element.find(f"{{{XSD}}}annotation/{{{XSD}}}appinfo[@source='{source}']") is not None:
            yield element


def _marked(parts: list[etree._Element], source: str) -> Iterator[tuple[str, str]]:
    for root in parts:
        for element in _annotated(root, source):
            info = element.find(f"{{{XSD}}}annotation/{{{XSD}}}appinfo[@source='{source}']")
            yield element.get("name", ""), ("" if info is None else info.text or "").strip()


def _tag(element: etree._Element) -> str:
    """How a declared element is written: global ones have the namespace of their schema, local ones have none."""
    parent, name = element.getparent(), element.get("name", "")
    namespace = "" if parent is None or parent.tag != f"{{{XSD}}}schema" else parent.get("targetNamespace", "")
    return f"{{{namespace}}}{name}" if namespace else name


def _children(element: etree._Element, types: Mapping[str, etree._Element]) -> Iterator[str]:
    """The names of the children that an element's type declares."""
    kind = types.get(element.get("type", "").rpartition(":")[2])
    declared = element if kind is None else kind
    for child in declared.iter(f"{{{XSD}}}element"):
        if child is not declared:
            yield child.get("name", "")


def _asserts(root: etree._Element) -> Iterator[_Assert]:
    for element in _annotated(root, ASSERTS):
        path = f"{{{XSD}}}annotation/{{{XSD}}}appinfo[@source='{ASSERTS}']/{{{SCHEMATRON}}}assert"
        for one in element.findall(path):
            message = " ".join((one.text or "").split())
            yield _Assert(_tag(element), etree.XPath(one.get("test", "")), message, one.get("role", ""))

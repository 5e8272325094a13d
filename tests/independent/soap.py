"""Reading and writing SOAP 1.1 messages of the remote procedure call form, in the shape of CNode's samples.

Sources named below:
  S4: the getTaskStatus page, in Polish, with a sample of a request and of a response;
  SOAP: Simple Object Access Protocol (SOAP) 1.1, W3C Note of 8 May 2000.
Not modelled: references between elements (href, id), attachments, the SOAPAction header (any value or none will do).
"""

from collections.abc import Mapping
from http import HTTPStatus
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.sax.saxutils import escape

from .serving import RawAnswer

ENVELOPE_NAMESPACE = "http://schemas.xmlsoap.org/soap/envelope/"
NEXT_ACTOR = "http://schemas.xmlsoap.org/soap/actor/next"
OPERATION_NAMESPACE = "ns1"  # S4: both samples
CONTENT_TYPE = "text/xml; charset=utf-8"

ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope
 xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:ns="ns1">
 <SOAP-ENV:Body SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
{content}
 </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
"""


class FaultError(Exception):
    """The message cannot be processed; code is one of the fault codes of SOAP, section 4.4.1."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class _Builder(TreeBuilder):
    """Builds the elements of a message and stops at a document type declaration, before it is read."""

    def doctype(self, *_declaration: object) -> None:
        raise FaultError("Client", "a document type declaration is not allowed")


def parse_operation(raw: bytes) -> tuple[str, Element]:
    """The name of the operation that a message calls, and its element; anything else raises FaultError."""
    envelope = _parse(raw)
    if envelope.tag != f"{{{ENVELOPE_NAMESPACE}}}Envelope":
        is_envelope = envelope.tag.rpartition("}")[2] == "Envelope"
        raise FaultError("VersionMismatch" if is_envelope else "Client", "this is no SOAP 1.1 envelope")
    children = list(envelope)
    if children and children[0].tag == f"{{{ENVELOPE_NAMESPACE}}}Header":
        _refuse_mandatory_entries(children.pop(0))
    if not children or children[0].tag != f"{{{ENVELOPE_NAMESPACE}}}Body":
        raise FaultError("Client", "the envelope has no body")
    operations = list(children[0])
    if len(operations) != 1:
        raise FaultError("Client", "the body must hold exactly one operation")
    namespace, _, name = operations[0].tag.rpartition("}")
    if namespace != f"{{{OPERATION_NAMESPACE}":
        raise FaultError("Client", "there is no such operation in this namespace")
    return name, operations[0]


def parameter(operation: Element, name: str) -> str | None:
    """S4: parameters are elements without a namespace; None if there is none of this name. Types do not matter."""
    elements = operation.findall(name)
    if len(elements) > 1 or any(len(element) for element in elements):
        raise FaultError("Client", f"{name} must be one simple element")
    return (elements[0].text or "") if elements else None


def answer(operation_name: str, members: Mapping[str, str]) -> RawAnswer:
    """S4: the response to an operation; its members are elements without a namespace in one element named return."""
    lines = [f"  <{name}>{escape(value)}</{name}>" for name, value in members.items()]
    element_name = f"ns:{operation_name}Response"
    return _message(HTTPStatus.OK, [f" <{element_name}>", "  <return>", *lines, "  </return>", f" </{element_name}>"])


def fault(code: str, description: str, http_status: int = HTTPStatus.INTERNAL_SERVER_ERROR) -> RawAnswer:
    """SOAP, sections 4.4 and 6.2: a fault comes with the HTTP status 500."""
    lines = [
        " <SOAP-ENV:Fault>",
        f"  <faultcode>SOAP-ENV:{code}</faultcode>",
        f"  <faultstring>{escape(description)}</faultstring>",
        " </SOAP-ENV:Fault>",
    ]
    return _message(http_status, lines)


def _parse(raw: bytes) -> Element:
    parser = XMLParser(target=_Builder())
    try:
        parser.feed(raw)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError):
        raise FaultError("Client", "the message is not well-formed XML") from None
    return root


def _refuse_mandatory_entries(header: Element) -> None:
    """SOAP, section 4.2.3: an entry for this server that must be understood and is not."""
    for entry in header:
        mandatory = entry.get(f"{{{ENVELOPE_NAMESPACE}}}mustUnderstand", "0").strip() in ("1", "true")
        if mandatory and entry.get(f"{{{ENVELOPE_NAMESPACE}}}actor", NEXT_ACTOR) in ("", NEXT_ACTOR):
            raise FaultError("MustUnderstand", "a header entry is not understood")


def _message(http_status: int, lines: list[str]) -> RawAnswer:
    content = ENVELOPE.replace("{content}", "\n".join(lines))
    return RawAnswer(http_status, content.encode("utf-8"), CONTENT_TYPE)

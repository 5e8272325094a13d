"""WSDL 1.1 with the schemas inside: one file that SOAP clients read."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from pollproof.contract.model import Contract
from pollproof.export import CannotCarry
from pollproof.trace.xsd_words import XSD

WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
HTTP = "http://schemas.xmlsoap.org/soap/http"

NOT_IN_WSDL = "WSDL describes single messages: lifetimes, the order of statuses and error codes are not in it."
"""What the WSDL of a contract does not say."""


def wsdl_of(contract: Contract) -> bytes:
    """The WSDL of a contract; raises `CannotCarry`."""
    if contract.body != "soap":
        raise CannotCarry(f"WSDL cannot carry {contract.name}: its bodies are JSON; 'export openapi' can")
    types = _types(contract)
    declared = {str(element.get("name")) for element in types.findall(f"{{{XSD}}}element")}
    prefixes: dict[str | None, str] = {None: WSDL, "soap": SOAP, "xs": XSD, "ns": contract.namespace}
    root = etree.Element(
        f"{{{WSDL}}}definitions",
        {"name": contract.name, "targetNamespace": contract.namespace},
        nsmap=prefixes,  # type: ignore[arg-type]
    )
    _add(root, "documentation").text = (
        f"What {contract.title} documents of its tasks, exported by pollproof. {NOT_IN_WSDL} "
        "The address is a placeholder where clients get their endpoint."
    )
    _add(root, "types").append(types)
    operations = [operation for operation in contract.operations.values() if operation.element]
    for operation in operations:
        for suffix, element in (("Request", operation.element), ("Answer", f"{operation.element}Response")):
            if element not in declared:
                etree.SubElement(types, f"{{{XSD}}}element", {"name": element})
                declared.add(element)
            message = _add(root, "message", name=f"{operation.name}{suffix}")
            _add(message, "part", name="parameters", element=f"ns:{element}")
    port = _add(root, "portType", name=contract.name)
    for operation in operations:
        described = _add(port, "operation", name=operation.element)
        _add(described, "input", message=f"ns:{operation.name}Request")
        _add(described, "output", message=f"ns:{operation.name}Answer")
    binding = _add(root, "binding", name=f"{contract.name}Soap", type=f"ns:{contract.name}")
    etree.SubElement(binding, f"{{{SOAP}}}binding", {"style": "document", "transport": HTTP})
    for operation in operations:
        described = _add(binding, "operation", name=operation.element)
        etree.SubElement(described, f"{{{SOAP}}}operation", {"soapAction": operation.action})
        for part in ("input", "output"):
            etree.SubElement(_add(described, part), f"{{{SOAP}}}body", {"use": "literal"})
    service = _add(root, "service", name=f"{contract.name}Service")
    endpoint = _add(service, "port", name=contract.name, binding=f"ns:{contract.name}Soap")
    etree.SubElement(endpoint, f"{{{SOAP}}}address", {"location": contract.base_url})
    etree.indent(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8")) + b"\n"


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{WSDL}}}{tag}", attributes)


def _types(contract: Contract) -> etree._Element:
    """One schema of the contract's namespace, put together from the files that its operations lead to."""
    whole = etree.Element(f"{{{XSD}}}schema", {"targetNamespace": contract.namespace}, nsmap={"xs": XSD})
    seen: set[Path] = set()
    names: set[tuple[str, str]] = set()
    waiting = [Path(schema) for schema in contract.schemas.values()]
    while waiting:
        path = waiting.pop(0).resolve()
        if path in seen:
            continue
        seen.add(path)
        schema = etree.parse(str(path), etree.XMLParser(remove_comments=True, resolve_entities=False)).getroot()
        for child in schema:
            location = child.get("schemaLocation")
            if location is not None:
                waiting.append(path.parent / location)
            name = child.get("name")
            if schema.get("targetNamespace") != contract.namespace or name is None or (str(child.tag), name) in names:
                continue
            names.add((str(child.tag), name))
            whole.append(child)
    return whole

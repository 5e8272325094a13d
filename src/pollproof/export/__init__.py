"""Contracts in the formats of other tools: OpenAPI, WSDL, WireMock. Each says what it cannot carry."""

from pollproof.errors import InputError


class CannotCarry(InputError):
    """The format has no way to say what the contract says; the message is one sentence."""

"""Contracts in the formats of other tools: OpenAPI, WSDL, WireMock. Each says what it cannot carry."""


class CannotCarry(Exception):
    """The format has no way to say what the contract says; the message is one sentence."""

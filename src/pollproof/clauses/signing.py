"""Signatures of callbacks."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from pollproof.clauses.faults import FaultyProvider
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, breaks, from_contract
from pollproof.contract.declared import FILLED_BY_LOADER
from pollproof.contract.model import Signature
from pollproof.contract.signatures import signature_of
from pollproof.contract.vocabulary import CALLBACK
from pollproof.tasks.state import TaskState
from pollproof.trace.events import Event


@dataclass(frozen=True, slots=True)
class Signing:
    """The operations of the contract, one of which states how callbacks are signed."""

    operations: Annotated[Any, FILLED_BY_LOADER] = from_contract("operations")


@Kind("callback-signed", roles=(CALLBACK,), exercised="a callback", walks=("called-back",))
def callback_signed(history: TaskState, event: Event, parameters: Signing) -> Finding:
    """A callback is signed as documented, with the secret that both sides have."""
    signature: Signature | None = event.operation.signature
    if signature is None or event.probe:
        return None
    request = event.exchange.request
    headers = {name.lower(): value for name, value in request.headers.items()}
    shown = headers.get(signature.header.lower())
    wanted = signature_of(signature, signature.secret, request.body, headers)
    if shown is None:
        return Violation(f"the signature in {signature.header}", "none")
    # Several signatures may stand side by side while a secret is being replaced.
    if any(hmac.compare_digest(each.encode(), wanted.encode()) for each in (shown, *shown.replace(",", " ").split())):
        return HELD
    return Violation(f"{signature.header}: {wanted}", f"{signature.header}: {shown[:100]}")


@breaks("callback-signed", "callbacks are signed with another secret", ("answer",))
class SignsOtherwise(FaultyProvider):
    """Signs callbacks with another secret."""

    def secret(self, signature: Signature) -> str:
        return "whsec_b3RoZXI="

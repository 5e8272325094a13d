"""Where an error code stands: at several places, of which one may have words for people."""

import pytest

from pollproof.contract.model import Effect, Role
from pollproof.loading import load_contract
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import reader_of

CNODE = load_contract("cnode")
FAULT = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
    "<faultcode>{code}</faultcode><faultstring>{text}</faultstring></e:Fault></e:Body></e:Envelope>"
)


def effect_of(code: str, text: str) -> tuple[str | None, Effect | None]:
    reader = reader_of(CNODE)
    operation = CNODE.operation(Role.POLL)
    body = reader.codec.write({operation.element: {"taskId": "A1"}})
    response = Response(500, {}, FAULT.format(code=code, text=text).encode())
    event = reader.read(Exchange(Request("POST", "/", {}, body), response, 0.0, 0.0), 0)
    assert event is not None
    return event.error_code, event.effect


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("ERR_TASK_DOES_NOT_EXIST", "The task is not there."),
        ("e:Client", "ERR_TASK_DOES_NOT_EXIST"),
    ],
)
def test_a_listed_code_is_read_before_words_for_people(code: str, text: str) -> None:
    assert effect_of(code, text) == ("ERR_TASK_DOES_NOT_EXIST", Effect.LOST)


def test_without_a_listed_code_the_first_place_counts() -> None:
    assert effect_of("e:Server", "something went wrong") == ("something went wrong", Effect.UNCLEAR)

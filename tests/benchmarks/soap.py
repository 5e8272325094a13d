"""SOAP shape checks: the fast yes of lxml against xmlschema's, over the same XSD and the same response.

It shows what one lawful answer costs from bytes to a verdict, parsing included on both sides. It does not show the cost
of an unlawful answer: xmlschema words every one of those, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import xmlschema

from pollproof.loading import load_contract
from pollproof.trace.soap import XsdShape
from tests.benchmarks.figures import Ratio, Sample, at_most
from tests.benchmarks.plan import Plan

CHECK = Ratio("check of a conforming SOAP answer: share of the time that xmlschema takes", at_most(0.1))
RATIOS = (CHECK,)

ANSWER = b"""<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns="ns1"><SOAP-ENV:Body>
<ns:getTaskStatusResponse><return><type>GIVE_MONEY</type><progressPercent>0</progressPercent>
<status>PREPARATION</status><additionalInfo>{}</additionalInfo><taskId>7W3A0N1N9I2E7N1TKLS54A9PTR</taskId>
<requestStatus>SUCCESS</requestStatus><requestStatusDescription>Request succeeded.</requestStatusDescription>
</return></ns:getTaskStatusResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>"""

CHECKS = 300
"""Checks of each kind in one measurement."""


def measure(plan: Plan) -> Iterator[Sample]:
    """Both by turns."""
    path = load_contract("cnode").schemas["cnode/getTaskStatus.response.xsd"]
    fast, worded = XsdShape(Path(path)), xmlschema.XMLSchema10(path)
    text = ANSWER.decode()
    assert fast.check_body(ANSWER) == ()
    assert worded.is_valid(text)
    for _ in plan.rounds():
        own = seconds(lambda: fast.check_body(ANSWER))
        theirs = seconds(lambda: worded.is_valid(text))
        yield CHECK.of(own / theirs, check_us=own * 1e6, xmlschema_us=theirs * 1e6)


def seconds(check: Callable[[], object]) -> float:
    """Processor seconds of one check."""
    started = time.process_time()
    for _ in range(CHECKS):
        check()
    return (time.process_time() - started) / CHECKS

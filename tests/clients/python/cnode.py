"""A client of Billon's CNode, written with the standard library: python cnode.py [--fault NAME].

POLLPROOF_TASK is the body of the starting operation as JSON: {"startLogin": {...}}, or the parameters of startLogin.
It prints what FINISHED_OK has to say and ends with 0, or says on stderr why there is nothing and ends with 1. Without
a fault it keeps every rule of the page; each fault breaks one, at the place where the name of the fault stands.
"""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from xml.etree import ElementTree
from xml.sax.saxutils import escape

WAIT = 3.0
POLLS = 120
RETRIES = 4  # requests in a row that may come to nothing
TIMEOUT = 30.0
LARGEST = 4_000_000
BUSY = {"ERR_TECHNICAL_PROBLEM", "ERR_TIMEOUT"}
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns="ns1">
 <SOAP-ENV:Body SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
  <ns:{operation}>{parameters}</ns:{operation}>
 </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
"""

ENDPOINT = os.environ["POLLPROOF_BASE_URL"]
TASK = json.loads(os.environ["POLLPROOF_TASK"])


class GaveUp(Exception):
    """There is no result, and this is why."""


class Refused(GaveUp):
    """The node said why."""


class Trouble(Exception):
    """A response, or the lack of one, that says nothing about the task."""

    def __init__(self, why, kind, retry_after=0.0):
        super().__init__(why)
        self.kind = kind
        self.retry_after = retry_after


class Client:
    def __init__(self, fault):
        self.fault = fault

    def solve(self):
        operation, parameters = "startLogin", TASK
        if len(TASK) == 1 and isinstance(next(iter(TASK.values())), dict):
            operation, parameters = next(iter(TASK.items()))
        failures = 0
        while True:
            try:
                task_id = self.call(operation, parameters).get("taskId")
                break
            except Trouble as trouble:
                failures += 1
                time.sleep(self.pause_after(trouble, failures))
        if not task_id:
            raise GaveUp(f"{operation} gave no taskId")
        return self.wait_for(task_id, parameters.get("uniqueTransferId"))

    def wait_for(self, task_id, transfer):
        asked = {"taskId": task_id, "uniqueTransferId": transfer or "", "callback": "false"}
        if self.fault == "another-id":
            asked["taskId"] = task_id.lower()
        if self.fault == "bad-callback":
            asked["callback"] = "no"
        if self.fault == "no-task-id":
            del asked["taskId"]
        failures, pause = 0, WAIT
        for _ in range(POLLS):
            time.sleep(pause)
            try:
                answer = self.call("getTaskStatus", asked)
            except Trouble as trouble:
                failures += 1
                pause = self.pause_after(trouble, failures)
                continue
            except Refused:
                if self.fault == "polls-on-after-fault":
                    continue
                raise
            failures, pause = 0, self.pause(answer)
            status = answer.get("status", "")
            if self.finished(status):
                if self.fault == "polls-after-final":
                    time.sleep(WAIT)
                    self.call("getTaskStatus", asked)
                return answer.get("additionalInfo", "")
            if status.startswith("FINISHED_") and self.fault != "failure-as-pending":
                raise Refused(f"{status}: {answer.get('additionalInfo', '')}")
            if self.fault == "unknown-as-success" and status == "SERIES_FINISHED":
                return answer.get("additionalInfo", "")
        if self.fault == "giving-up-as-success":
            return "{}"
        raise GaveUp(f"not finished after {POLLS} polls")

    def finished(self, status):
        if self.fault == "error-as-success":
            return status.startswith("FINISHED_")
        if self.fault == "substring":
            return "FINISHED" in status
        return status == "FINISHED_OK"

    def pause(self, answer):
        """How long to wait after a response."""
        status = answer.get("status", "")
        if self.fault == "hot":
            return 0.0
        if self.fault == "hot-on-unknown" and not status.startswith(("PREP", "SEARCH", "WAIT", "SERIES", "TRANS")):
            return 0.0
        return WAIT / 1000 if self.fault == "milliseconds" else WAIT

    def pause_after(self, trouble, failures):
        """How long to wait after a response that came to nothing: longer each time, or as long as was asked for."""
        retries = POLLS if self.fault == "hot-on-error" else RETRIES
        if failures > retries and self.fault != f"endless-{trouble.kind}":
            raise GaveUp(f"{failures} requests came to nothing: {trouble}")
        if trouble.retry_after > 3600:
            raise GaveUp(f"asked to wait for {trouble.retry_after:g} s")
        if self.fault == "hot-on-error":
            return 0.0
        return max(WAIT * 2 ** min(failures - 1, 4), trouble.retry_after)

    def call(self, operation, parameters):
        """One operation: the fields of its response, by name. Raises Trouble when it came to nothing."""
        prefix = "ns:" if self.fault == "qualified-parameters" else ""
        fields = "".join(f"<{prefix}{name}>{escape(str(value))}</{prefix}{name}>" for name, value in parameters.items())
        message = ENVELOPE.format(operation=operation, parameters=fields)
        request = urllib.request.Request(
            ENDPOINT, message.encode(), {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        )
        try:
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                    code, headers, content = response.status, response.headers, self.content(response)
            except urllib.error.HTTPError as error:
                with error:
                    code, headers, content = error.code, error.headers, self.content(error)
        except (OSError, http.client.HTTPException) as error:
            raise Trouble(f"{type(error).__name__}: {error}", "reset") from None
        if self.fault == "matches-text":
            return self.matched(content)
        try:
            body = ElementTree.fromstring(content).find(f"{SOAP}Body")
            answer = next(iter(body))
        except (ElementTree.ParseError, TypeError, StopIteration, ValueError, LookupError):
            if 400 <= code < 500 and code not in (408, 425, 429):
                raise GaveUp(f"HTTP {code}") from None
            after = headers.get("Retry-After", "")
            raise Trouble(
                f"HTTP {code} without a readable response",
                "5xx" if code >= 500 else "broken",
                float(after) if after.isdigit() else 0.0,
            ) from None
        if answer.tag == f"{SOAP}Fault":
            if self.fault == "loses-faults":
                raise GaveUp("a fault")
            code, text = answer.findtext("faultcode", ""), answer.findtext("faultstring", "")
            self.refuse({code, text} & BUSY, f"Fault {code}: {text}")
        result = answer.find("return")
        fields = {} if result is None else {field.tag: "".join(field.itertext()).strip() for field in result}
        status = fields.get("requestStatus", "")
        if status.startswith("ERR_"):
            self.refuse(status in BUSY, f"{status}: {fields.get('requestStatusDescription', '')}")
        return fields

    @staticmethod
    def refuse(busy, why):
        if busy:
            raise Trouble(why, "busy")
        raise Refused(why)

    @staticmethod
    def matched(content):
        """The fields, found in the text of one sample: without attributes, and wherever they stand."""
        text, fields = content.decode("utf-8", "replace"), {}
        for name in ("taskId", "status", "additionalInfo", "requestStatus"):
            if f"<{name}>" in text:
                fields[name] = text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
        if "FINISHED_OK" in text:
            fields["status"] = "FINISHED_OK"
        return fields

    @staticmethod
    def content(response):
        """The body, within bounds of size and time."""
        started, parts, size = time.monotonic(), [], 0
        while part := response.read1(65_536):
            parts.append(part)
            size += len(part)
            if size > LARGEST or time.monotonic() - started > TIMEOUT:
                raise OSError("the response is too large or too slow")
        if response.length:
            raise http.client.IncompleteRead(b"".join(parts))
        return b"".join(parts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault")
    fault = parser.parse_args().fault
    try:
        text = Client(fault).solve()
    except GaveUp as reason:
        if fault == "failure-as-success" and isinstance(reason, Refused):
            print(f"done: {reason}")
            return 0
        print(f"no result: {reason}", file=sys.stderr)
        return 1
    if fault == "wrong-result":
        text = text[: len(text) // 2]
    print("" if fault == "empty-result" else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

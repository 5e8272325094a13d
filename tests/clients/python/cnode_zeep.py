"""A client of Billon's CNode, written with zeep: python cnode_zeep.py WSDL [--fault NAME].

POLLPROOF_TASK is the body of the starting operation as JSON: {"startLogin": {...}}, or the parameters of startLogin.
It prints what FINISHED_OK has to say and ends with 0, or says on stderr why there is nothing and ends with 1.
"""

import argparse
import json
import os
import sys
import time

import requests
import zeep
import zeep.exceptions
import zeep.transports

WAIT = 3.0
POLLS = 120
RETRIES = 4
BUSY = ("ERR_TECHNICAL_PROBLEM", "ERR_TIMEOUT")

parser = argparse.ArgumentParser()
parser.add_argument("wsdl")
parser.add_argument("--fault")
arguments = parser.parse_args()

client = zeep.Client(
    arguments.wsdl,
    transport=zeep.transports.Transport(timeout=30, operation_timeout=30),
    settings=zeep.Settings(strict=False, xml_huge_tree=True),
)
service = client.create_service("{ns1}CNodeSoap", os.environ["POLLPROOF_BASE_URL"])
failures = 0


def ask(operation, **parameters):
    """The response of an operation, or None when asking came to nothing."""
    global failures
    try:
        answer = getattr(service, operation)(**parameters)
    except zeep.exceptions.TransportError as error:
        if 400 <= error.status_code < 500 and error.status_code not in (408, 429):
            sys.exit(f"{operation}: HTTP {error.status_code}")
        trouble = f"HTTP {error.status_code}"
    except zeep.exceptions.Fault as fault:
        if not any(busy in (fault.code, fault.message) for busy in BUSY):
            if arguments.fault == "polls-on-after-fault" and operation == "getTaskStatus":
                return None
            sys.exit(f"{operation}: {fault.code} {fault.message}")
        trouble = fault.message
    except (requests.RequestException, zeep.exceptions.Error, ValueError, TypeError, AttributeError) as error:
        trouble = f"{type(error).__name__}: {error}"
    else:
        status = getattr(answer, "requestStatus", None) or ""
        if status.startswith("ERR_") and status not in BUSY:
            sys.exit(f"{operation}: {status} {answer.requestStatusDescription}")
        if status == "SUCCESS":
            failures = 0
            return answer
        trouble = status or "a response without requestStatus"
    failures += 1
    if failures > RETRIES:
        sys.exit(f"{operation}: {failures} requests came to nothing: {trouble}")
    time.sleep(WAIT * failures)
    return None


task = json.loads(os.environ["POLLPROOF_TASK"])
operation, parameters = "startLogin", task
if len(task) == 1 and isinstance(next(iter(task.values())), dict):
    operation, parameters = next(iter(task.items()))
while (created := ask(operation, **parameters)) is None:
    pass
if not created.taskId:
    sys.exit(f"{operation} gave no taskId")
for _ in range(POLLS):
    time.sleep(WAIT)
    answer = ask("getTaskStatus", taskId=created.taskId, callback=False)
    if answer is None:
        continue
    status = answer.status or ""
    if status == "FINISHED_OK" or (arguments.fault == "error-as-success" and status.startswith("FINISHED_")):
        print(answer.additionalInfo)
        sys.exit(0)
    if status.startswith("FINISHED_"):
        sys.exit(f"{status}: {answer.additionalInfo}")
sys.exit(f"not finished after {POLLS} polls")

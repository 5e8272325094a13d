"""moto's server, whose Athena and Step Functions executions pass through their states in time: usage serve.py PORT."""

import json
import sys

from moto.core.config import default_user_config
from moto.moto_api import state_manager
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.server import main
from werkzeug.test import Client

STATES = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/states/aws4_request"

state_manager.set_transition("athena::execution", {"progression": "time", "seconds": 3})
default_user_config["stepfunctions"]["execute_state_machine"] = True
machine = {"StartAt": "Work", "States": {"Work": {"Type": "Wait", "Seconds": 2, "End": True}}}
role = "arn:aws:iam::123456789012:role/greeter"
made = Client(DomainDispatcherApplication(create_backend_app)).post(
    "/",
    headers={"X-Amz-Target": "AWSStepFunctions.CreateStateMachine", "Authorization": STATES},
    data=json.dumps({"name": "greet", "definition": json.dumps(machine), "roleArn": role}),
)
if made.status_code != 200:
    raise SystemExit(made.get_data(as_text=True))
main(["-H", "127.0.0.1", "-p", sys.argv[1]])

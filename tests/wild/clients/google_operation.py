"""google-api-core's operation over its REST transport, unchanged: usage google_operation.py"""

import json
import os
import urllib.request

from google.api_core import operation
from google.api_core.operations_v1 import AbstractOperationsClient
from google.api_core.operations_v1.transports.rest import OperationsRestTransport
from google.auth.credentials import AnonymousCredentials
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, json_format, wrappers_pb2

base = os.environ["POLLPROOF_BASE_URL"]
# The scheme stands in the host: the documented `url_scheme` is not handed on by this version.
transport = OperationsRestTransport(host=base, credentials=AnonymousCredentials())
client = AbstractOperationsClient(transport=transport)
request = urllib.request.Request(
    f"{base}/v1/speech:longrunningrecognize",
    os.environ["POLLPROOF_TASK"].encode(),
    {"Content-Type": "application/json"},
)
created = json_format.Parse(urllib.request.urlopen(request).read(), operations_pb2.Operation())
running = operation.from_gapic(created, client, wrappers_pb2.StringValue, metadata_type=empty_pb2.Empty)
print(json.dumps(running.result().value))

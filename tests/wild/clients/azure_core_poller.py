"""azure-core's LROPoller, unchanged, under a small management client: usage azure_core_poller.py"""

import json
import os

from azure.core import PipelineClient
from azure.core.polling import LROPoller
from azure.core.polling.base_polling import LROBasePolling
from azure.core.rest import HttpRequest

client = PipelineClient(os.environ["POLLPROOF_BASE_URL"])
request = HttpRequest("POST", "/documents:analyze", json=json.loads(os.environ["POLLPROOF_TASK"]))
request.url = client.format_url(request.url)
first = client._pipeline.run(request)
if first.http_response.status_code not in (200, 201, 202):
    raise SystemExit(f"HTTP {first.http_response.status_code}")
polling = LROBasePolling(timeout=5, lro_options={"final-state-via": "operation-location"})
poller = LROPoller(client, first, lambda response: response.http_response.json(), polling)
print(json.dumps(poller.result()["result"]))

"""google-cloud-speech over its REST transport, unchanged: a recording is recognized. usage: google_speech.py"""

import json
import os

from google.cloud import speech
from google.cloud.speech_v1.services.speech.transports import SpeechRestTransport
from google.oauth2.credentials import Credentials

# The base URL of the contract ends in /v1, which the library adds. The scheme is in the host: see google_operation.py.
host = os.environ["POLLPROOF_BASE_URL"].removesuffix("/v1")
credentials = Credentials(os.environ["POLLPROOF_API_KEY"])
transport = SpeechRestTransport(host=host, url_scheme="http", credentials=credentials)
client = speech.SpeechClient(transport=transport)
task = json.loads(os.environ["POLLPROOF_TASK"])
request = speech.LongRunningRecognizeRequest.from_json(json.dumps(task))
print(speech.LongRunningRecognizeResponse.to_json(client.long_running_recognize(request=request).result()))

"""replicate, unchanged: a prediction is created and waited for. usage: replicate_sdk.py"""

import json
import os

import replicate

client = replicate.Client(os.environ["POLLPROOF_API_KEY"], base_url=os.environ["POLLPROOF_BASE_URL"])
task = json.loads(os.environ["POLLPROOF_TASK"])
prediction = client.predictions.create(version=task["version"], input=task["input"])
prediction.wait()
if prediction.status != "succeeded":
    raise SystemExit(f"{prediction.status}: {prediction.error}")
print(json.dumps(prediction.output))

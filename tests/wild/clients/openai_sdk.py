"""openai, unchanged: a batch of files is added to a vector store and waited for. usage: openai_sdk.py"""

import json
import os

import openai

client = openai.OpenAI(api_key=os.environ["POLLPROOF_API_KEY"], base_url=os.environ["POLLPROOF_BASE_URL"])
batch = client.vector_stores.file_batches.create_and_poll("vs_1", **json.loads(os.environ["POLLPROOF_TASK"]))
if batch.status != "completed":
    raise SystemExit(batch.status)
print(json.dumps(batch.result))

"""boto3's waiter of Amazon Transcribe, unchanged: a job is started and waited for. usage: boto3_waiter.py"""

import json
import os

import boto3

client = boto3.client(
    "transcribe",
    endpoint_url=os.environ["POLLPROOF_BASE_URL"],
    region_name="us-east-1",
    aws_access_key_id=os.environ["POLLPROOF_API_KEY"],
    aws_secret_access_key="secret",
)
name = "job-" + os.environ["POLLPROOF_SCENARIO"]
client.start_transcription_job(TranscriptionJobName=name, **json.loads(os.environ["POLLPROOF_TASK"]))
client.get_waiter("transcription_job_completed").wait(TranscriptionJobName=name)
job = client.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
print(job["Transcript"]["TranscriptFileUri"])

// The waiter of @aws-sdk/client-transcribe for Node, unchanged: a job is started and waited for. usage: aws_waiter.mjs
import { createRequire } from "node:module";
const aws = createRequire(process.env.WILD_NODE + "/")("@aws-sdk/client-transcribe");
const client = new aws.TranscribeClient({
  endpoint: process.env.POLLPROOF_BASE_URL,
  region: "us-east-1",
  credentials: { accessKeyId: process.env.POLLPROOF_API_KEY, secretAccessKey: "secret" },
});
const TranscriptionJobName = "job-" + process.env.POLLPROOF_SCENARIO;
await client.send(new aws.StartTranscriptionJobCommand({ TranscriptionJobName, ...JSON.parse(process.env.POLLPROOF_TASK) }));
const done = await aws.waitUntilTranscriptionJobCompleted({ client, maxWaitTime: 600 }, { TranscriptionJobName });
const address = done.reason.TranscriptionJob.Transcript?.TranscriptFileUri;
if (!address) throw new Error("no transcript");
console.log(address);

// replicate for Node, unchanged: a prediction is created and waited for. usage: replicate.mjs
import { createRequire } from "node:module";
const Replicate = createRequire(process.env.WILD_NODE + "/")("replicate");
const task = JSON.parse(process.env.POLLPROOF_TASK);
const client = new Replicate({ auth: process.env.POLLPROOF_API_KEY, baseUrl: process.env.POLLPROOF_BASE_URL + "/v1" });
const created = await client.predictions.create({ version: task.version, input: task.input });
const prediction = await client.wait(created, {});
if (prediction.status !== "succeeded") throw new Error(`${prediction.status}: ${prediction.error}`);
console.log(JSON.stringify(prediction.output));

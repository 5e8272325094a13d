// openai for Node, unchanged: a batch of files is added to a vector store and waited for. usage: openai.mjs
import { createRequire } from "node:module";
const { OpenAI } = createRequire(process.env.WILD_NODE + "/")("openai");
const client = new OpenAI({ apiKey: process.env.POLLPROOF_API_KEY, baseURL: process.env.POLLPROOF_BASE_URL });
const batch = await client.vectorStores.fileBatches.createAndPoll("vs_1", JSON.parse(process.env.POLLPROOF_TASK));
if (batch.status !== "completed") throw new Error(batch.status);
console.log(JSON.stringify(batch.result));

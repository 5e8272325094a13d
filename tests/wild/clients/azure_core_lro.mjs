// @azure/core-lro for Node, unchanged, under a small client: usage azure_core_lro.mjs
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const { createHttpPoller } = await import(pathToFileURL(createRequire(process.env.WILD_NODE + "/").resolve("@azure/core-lro")));
const base = process.env.POLLPROOF_BASE_URL;

async function send(url, options = {}) {
  const answer = await fetch(new URL(url, base), options);
  const body = await answer.json();
  const rawResponse = { statusCode: answer.status, headers: Object.fromEntries(answer.headers), body };
  if (answer.status > 299) throw new Error(`HTTP ${answer.status}: ${JSON.stringify(body)}`);
  return { flatResponse: body, rawResponse: { ...rawResponse, request: { method: options.method ?? "GET", url: String(new URL(url, base)) } } };
}

const poller = createHttpPoller({
  sendInitialRequest: () =>
    send("/documents:analyze", { method: "POST", body: process.env.POLLPROOF_TASK, headers: { "content-type": "application/json" } }),
  sendPollRequest: (path) => send(path),
});
console.log(JSON.stringify((await poller.pollUntilDone()).result));

// A client of Decodo's scraper API, written with node:http: node decodo.mjs [--batch-size N] [--fault NAME].
//
// A task whose url (or query) is a list is sent in batches. It prints the results and ends with 0, or says on stderr
// why there are none and ends with 1. Without a fault it keeps every rule of the page; each fault breaks one, at the
// place where the name of the fault stands.

import http from "node:http";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";

const WAIT = 3000;
const POLLS = 120;
const RETRIES = 4; // requests in a row that may come to nothing
const TIMEOUT = 30_000;
const LARGEST = 4_000_000;

const { values } = parseArgs({ options: { "batch-size": { type: "string" }, fault: { type: "string" } } });
const { fault } = values;
const batchSize = Number(values["batch-size"] ?? 3000);
const baseUrl = process.env.POLLPROOF_BASE_URL.replace(/\/$/, "");
const token = process.env.POLLPROOF_API_KEY;
const task = JSON.parse(process.env.POLLPROOF_TASK);
const agent = new http.Agent({ keepAlive: true });

class GaveUp extends Error {} // there are no results, and this is why
class Refused extends GaveUp {} // the provider said why

class Trouble extends Error {
  // an answer, or the lack of one, that says nothing about the task
  constructor(why, kind, retryAfter = 0) {
    super(why);
    Object.assign(this, { kind, retryAfter });
  }
}

function exchange(method, path, body) {
  const headers = {};
  let address = `${baseUrl}/${path}`;
  if (fault === "token-in-address") address += `?token=${token}`;
  else if (fault !== "no-token") headers.Authorization = `${fault === "bearer" ? "Bearer" : "Basic"} ${token}`;
  const text = body === undefined ? undefined : JSON.stringify(body);
  if (text !== undefined) {
    headers["Content-Type"] = "application/json";
    headers["Content-Length"] = Buffer.byteLength(text);
  }
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT);
    const request = http.request(address, { method, headers, agent, signal }, (response) => {
      const parts = [];
      let size = 0;
      response.on("data", (part) => {
        parts.push(part);
        size += part.length;
        if (size > LARGEST) request.destroy(new Error("the answer is too large"));
      });
      response.on("end", () => resolve({ response, content: Buffer.concat(parts).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(text);
  });
}

async function call(method, path, body) {
  let response, content;
  try {
    ({ response, content } = await exchange(method, path, body));
  } catch (error) {
    throw new Trouble(error.message, "reset");
  }
  const status = response.statusCode;
  if ([408, 425, 429].includes(status) || status >= 500) {
    const retryAfter = Number(response.headers["retry-after"]) * 1000 || 0;
    throw new Trouble(`HTTP ${status}`, status >= 500 ? "5xx" : "busy", retryAfter);
  }
  if (status === 204) return null;
  let answer = null;
  try {
    answer = JSON.parse(content);
  } catch {
    if (status < 400) throw new Trouble(`HTTP ${status} without a readable answer`, "broken");
  }
  if (status >= 400) {
    if (fault === "loses-http-errors") throw new GaveUp(`HTTP ${status}`);
    throw new Refused(`HTTP ${status}: ${answer?.message ?? "no message"}`);
  }
  return answer;
}

function pauseAfter(error, failures) {
  if (!(error instanceof Trouble)) throw error;
  const retries = fault === "hot-on-error" ? POLLS : RETRIES;
  if (failures > retries && fault !== `endless-${error.kind}`) {
    throw new GaveUp(`${failures} requests came to nothing: ${error.message}`);
  }
  const pause = Math.max(WAIT * 2 ** Math.min(failures - 1, 4), error.retryAfter);
  if (pause > 3_600_000) throw new GaveUp(`asked to wait for ${pause} ms`);
  return fault === "hot-on-error" ? 0 : pause;
}

async function create(path, body) {
  for (let failures = 1; ; failures++) {
    try {
      const answer = await call("POST", path, body);
      if (answer?.id || answer?.queries || Array.isArray(answer)) return answer;
      throw new GaveUp("queueing gave no id");
    } catch (error) {
      await sleep(pauseAfter(error, failures));
    }
  }
}

async function* batches(kind) {
  for (let first = 0; first < task[kind].length; first += batchSize) {
    if (first > 0 && fault !== "hasty-batches") await sleep(1000);
    const body = { ...task, [kind]: task[kind].slice(first, first + batchSize) };
    if (fault === "urls-and-queries") body[kind === "url" ? "query" : "url"] = ["one more"];
    const answer = await create("task/batch", body);
    yield* answer.queries ?? answer;
  }
}

function pauseFor(status) {
  if (fault === "hot") return 0;
  if (fault === "hot-on-unknown" && !["pending", "done", "faulted"].includes(status)) return 0;
  return fault === "seconds" ? WAIT / 1000 : WAIT; // setTimeout takes milliseconds
}

async function waitFor(id) {
  let failures = 0;
  let pause = WAIT;
  for (let polls = 0; polls < POLLS; polls++) {
    await sleep(pause);
    try {
      const status = (await call("GET", `task/${id}`))?.status;
      failures = 0;
      pause = pauseFor(status);
      if (status === "done") return;
      if (status === "faulted" && fault === "polls-on-after-faulted") continue;
      if (status === "faulted" && fault !== "faulted-as-done") throw new Refused("the task is faulted");
      if (status === "faulted") return;
      if (fault === "unknown-as-success" && status !== "pending") return;
    } catch (error) {
      failures += 1;
      pause = pauseAfter(error, failures);
    }
  }
  if (fault !== "giving-up-as-success") throw new GaveUp(`not done after ${POLLS} polls`);
}

const isThere = (results) => Array.isArray(results) && results.some((one) => one?.content);

async function fetched(id) {
  for (let failures = 0, empty = 0; ; ) {
    try {
      const results = (await call("GET", `task/${id}/results`))?.results;
      if (isThere(results)) return results;
      if (["done-without-results", "giving-up-as-success", "faulted-as-done", "unknown-as-success"].includes(fault)) {
        return [];
      }
      empty += 1;
      if (empty > RETRIES) throw new GaveUp("the task is done, and there are no results");
      await sleep(WAIT);
    } catch (error) {
      failures += 1;
      await sleep(pauseAfter(error, failures));
    }
  }
}

async function resultsOf(id) {
  if (fault === "another-id") id = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
  if (fault === "id-rounded") id = Number(id);
  if (fault === "ignores-faulted") {
    for (;;) {
      await sleep(WAIT); // a task that is faulted never has any results
      const answer = await call("GET", `task/${id}/results`).catch(() => null);
      const results = answer?.results;
      if (isThere(results)) return results;
    }
  }
  if (fault === "empty-as-success" || fault === "empty-as-failure") {
    await sleep(WAIT);
    const answer = await call("GET", `task/${id}/results`);
    if (!answer && fault === "empty-as-failure") throw new GaveUp("HTTP 204: no results");
    return answer?.results ?? [];
  }
  await waitFor(id);
  const results = await fetched(id);
  if (fault === "reads-again") await call("GET", `task/${id}`);
  return results;
}

try {
  const results = [];
  const kind = ["url", "query"].find((name) => Array.isArray(task[name]));
  if (kind) {
    const tasks = [];
    for await (const one of batches(kind)) tasks.push(one);
    for (const one of tasks) results.push(...(await resultsOf(one.id)));
  } else {
    const body = fault === "no-url" ? { ...task, url: undefined, query: undefined } : task;
    results.push(...(await resultsOf((await create("task", body)).id)));
  }
  let text = JSON.stringify(results);
  if (fault === "wrong-results") text = text.slice(0, 20);
  if (fault === "empty-results") text = "[]";
  console.log(text);
} catch (error) {
  if (!(error instanceof GaveUp)) throw error;
  if (fault === "failure-as-success" && error instanceof Refused) {
    console.log(`done: ${error.message}`);
  } else {
    console.error(`no results: ${error.message}`);
    process.exitCode = 1;
  }
}
agent.destroy();

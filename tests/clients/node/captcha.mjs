// A client of CapSolver and CapMonster Cloud, written with fetch: node captcha.mjs PROVIDER [--fault NAME].
//
// It prints the solution and ends with 0, or says on stderr why there is none and ends with 1. Without a fault it keeps
// every rule of both providers; each fault breaks one, at the place where the name of the fault stands.

import { setTimeout as sleep } from "node:timers/promises";

const PROVIDERS = {
  capsolver: { wait: 3000, pending: [], busy: ["ERROR_SERVICE_UNAVALIABLE", "ERROR_RATE_LIMIT"] },
  capmonster: {
    wait: 2000,
    pending: ["CAPTCHA_NOT_READY"],
    busy: ["ERROR_TOO_MUCH_REQUESTS", "ERROR_SERVICE_NOT_AVAILABLE"],
  },
};
const POLLS = 120;
const LIFETIME = 290_000; // a task lives for five minutes; the last poll leaves in good time before their end
const OFTEN = 2050; // between more polls than are allowed, within the lifetime
const RETRIES = 4; // requests in a row that may come to nothing
const TIMEOUT = 30_000;

const baseUrl = process.env.POLLPROOF_BASE_URL.replace(/\/$/, "");
const apiKey = process.env.POLLPROOF_API_KEY;
const task = JSON.parse(process.env.POLLPROOF_TASK);
const [provider, , fault] = process.argv.slice(2);
const { wait, pending, busy } = PROVIDERS[provider];
const slower = fault === "over-lifetime" ? Math.max(wait, 3000) : wait; // so that the lifetime ends before the polls do

class GaveUp extends Error {} // there is no solution, and this is why

class Refused extends GaveUp {
  constructor(answer) {
    super(`${answer.errorCode || "an error without a code"}: ${answer.errorDescription ?? ""}`);
  }
}

class Trouble extends Error {
  // an answer, or the lack of one, that says nothing about the task
  constructor(why, kind, retryAfter = 0) {
    super(why);
    Object.assign(this, { kind, retryAfter });
  }
}

async function call(method, body) {
  const headers = { "Content-Type": "application/json" };
  let text = JSON.stringify(body);
  if (fault === "key-in-header") {
    headers.Authorization = `Bearer ${apiKey}`;
    text = JSON.stringify({ ...body, clientKey: undefined });
  }
  // Numbers beyond 2^53 go out as they came in: as text that was never a number here.
  text = text.replace(/"taskId":"#(\d+)"/, '"taskId":$1');
  let response, content;
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    response = await fetch(`${baseUrl}/${method}`, { method: "POST", headers, body: text, signal });
    content = await response.text();
  } catch (error) {
    throw new Trouble(`${error.message} ${error.cause?.message ?? ""}`, "reset");
  }
  if (fault === "loses-http-errors" && response.status >= 400 && response.status < 500) {
    throw new GaveUp(`HTTP ${response.status}`);
  }
  let answer;
  try {
    if (fault !== "id-rounded") content = content.replace(/("taskId"\s*:\s*)(\d+)/g, '$1"#$2"');
    answer = JSON.parse(content);
  } catch {
    answer = null;
  }
  if (!Number.isInteger(answer?.errorId)) {
    const { status } = response;
    if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) throw new GaveUp(`HTTP ${status}`);
    const retryAfter = Number(response.headers.get("Retry-After")) * 1000 || 0;
    throw new Trouble(`HTTP ${status} without a readable answer`, status >= 500 ? "5xx" : "broken", retryAfter);
  }
  return answer;
}

async function pauseAfter(trouble, failures, method) {
  if (!(trouble instanceof Trouble)) throw trouble;
  const retries = fault === "hot-on-error" ? POLLS : RETRIES;
  if (failures > retries && fault !== `endless-${trouble.kind}`) {
    throw new GaveUp(`${method} came to nothing ${failures} times: ${trouble.message}`);
  }
  return fault === "hot-on-error" ? 0 : Math.max(wait * 2 ** Math.min(failures - 1, 4), trouble.retryAfter);
}

async function create() {
  const body = { clientKey: apiKey, task: { ...task } };
  if (fault === "untyped-task") delete body.task.type;
  if (fault === "extra-fields") Object.assign(body, { softId: 7, languagePool: "en" });
  for (let failures = 1; ; failures++) {
    const started = performance.now();
    try {
      const created = await call("createTask", body);
      if (created.errorId > 0 && busy.includes(created.errorCode)) throw new Trouble(created.errorCode, "busy");
      if (created.errorId > 0) throw new Refused(created);
      if (created.status !== "ready" && !created.taskId) throw new GaveUp("createTask gave no taskId");
      return { created, started };
    } catch (error) {
      const pause = await pauseAfter(error, failures, "createTask");
      if (pause > LIFETIME) throw new GaveUp(`asked to wait for ${pause} ms`);
      await sleep(pause);
    }
  }
}

function pollBody(taskId) {
  if (fault === "another-id") {
    taskId = taskId.startsWith("#") ? `#${BigInt(taskId.slice(1)) + 1n}` : `${taskId.toUpperCase()}0`;
  }
  if (fault === "id-retyped") taskId = taskId.startsWith("#") ? taskId.slice(1) : Number(taskId); // NaN goes out as null
  return fault === "keyless-poll" ? { taskId } : { clientKey: apiKey, taskId };
}

function read(answer) {
  const { errorId, errorCode, status } = answer;
  if (errorId > 0) {
    if (pending.includes(errorCode) && fault !== "pending-as-final") return "processing";
    if (busy.includes(errorCode)) return "busy";
    if (fault === "polls-on-after-error" && status === undefined) return "processing";
    throw new Refused(answer);
  }
  if (status === "failed") throw new Refused(answer);
  if (status === "idle" && fault === "idle-as-success") return "ready";
  if (["idle", "processing", "ready"].includes(status)) return status;
  return fault === "unknown-as-success" ? "ready" : "unknown";
}

function pauseFor(state) {
  if (fault === "half-wait") return wait / 2;
  if (fault === "seconds") return wait / 1000; // setTimeout takes milliseconds
  if (fault === "over-budget") return OFTEN;
  if (fault === "hot-on-unknown" && state === "unknown") return 0;
  if (fault === "hot-on-error" && state === "busy") return 0;
  return slower;
}

function solutionOf(answer) {
  const { solution } = answer;
  const empty = !solution || Object.keys(solution).length === 0;
  const careless = ["ready-without-solution", "idle-as-success", "unknown-as-success"].includes(fault);
  if (empty && !careless) throw new GaveUp("the task is ready, and there is no solution");
  return solution ?? null;
}

async function waitFor(taskId, started) {
  let failures = 0;
  let pause = slower;
  for (let polls = 0, late = false; ; ) {
    if (polls >= POLLS || performance.now() - started + pause > LIFETIME) {
      if (fault === "over-lifetime" && !late) {
        late = true;
        await sleep(100_000); // once more, much later
      } else if (!(fault === "over-budget" && polls <= POLLS)) {
        if (fault === "giving-up-as-success") return {};
        throw new GaveUp(`not ready after ${polls} polls`);
      }
    }
    await sleep(pause);
    polls += 1;
    try {
      const answer = await call("getTaskResult", pollBody(taskId));
      const state = read(answer);
      failures = 0;
      pause = pauseFor(state);
      if (state === "ready") {
        if (fault === "polls-after-final") {
          await sleep(wait);
          await call("getTaskResult", pollBody(taskId));
        }
        return solutionOf(answer);
      }
      if (fault === "id-from-answer") taskId = answer.taskId;
    } catch (error) {
      failures += 1;
      pause = await pauseAfter(error, failures, "getTaskResult");
    }
  }
}

try {
  const { created, started } = await create();
  let solution;
  if (created.status === "ready" && fault !== "polls-inline") solution = solutionOf(created);
  else if (created.status === "idle" && fault === "idle-as-success") solution = created;
  else solution = await waitFor(created.taskId, started);
  let text = JSON.stringify(solution);
  if (fault === "wrong-solution") text = text.slice(0, text.length / 2);
  if (fault === "empty-solution") text = "{}";
  console.log(text);
} catch (error) {
  if (!(error instanceof GaveUp)) throw error;
  if (fault === "failure-as-success" && error instanceof Refused) {
    console.log(`done: ${error.message}`);
  } else {
    console.error(`no solution: ${error.message}`);
    process.exitCode = 1;
  }
}

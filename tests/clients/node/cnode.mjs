// A client of Billon's CNode, written with fetch and a small reader of XML: node cnode.mjs [--fault NAME].
//
// POLLPROOF_TASK is the body of the starting operation as JSON: {"startLogin": {...}}, or the parameters of startLogin.
// It prints what FINISHED_OK has to say and ends with 0, or says on stderr why there is nothing and ends with 1. Without
// a fault it keeps every rule of the page; each fault breaks one, at the place where the name of the fault stands.

import { setTimeout as sleep } from "node:timers/promises";

const WAIT = 3000;
const POLLS = 120;
const RETRIES = 4; // requests in a row that may come to nothing
const TIMEOUT = 30_000;
const BUSY = ["ERR_TECHNICAL_PROBLEM", "ERR_TIMEOUT"];
const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";

const endpoint = process.env.POLLPROOF_BASE_URL;
const task = JSON.parse(process.env.POLLPROOF_TASK);
const fault = process.argv[2] === "--fault" ? process.argv[3] : undefined;

class GaveUp extends Error {} // there is no result, and this is why
class Refused extends GaveUp {} // the node said why

class Trouble extends Error {
  // an answer, or the lack of one, that says nothing about the task
  constructor(why, kind, retryAfter = 0) {
    super(why);
    Object.assign(this, { kind, retryAfter });
  }
}

const ENTITIES = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescape(text) {
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) =>
    name ? (ENTITIES[name] ?? all) : String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal)),
  );
}

const escape = (text) => String(text).replace(/[<>&]/g, (one) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[one]);

// The elements of a document by their local names; throws when the document is not well-formed.
function parse(text) {
  const document = { name: "", children: [], text: "" };
  const open = [document];
  const tokens = /<!\[CDATA\[([^]*?)\]\]>|<!--[^]*?-->|<\?[^]*?\?>|<(\/?)([\w.:-]+)((?:"[^"]*"|'[^']*'|[^"'>])*?)(\/?)>|([^<]+)/gy;
  while (tokens.lastIndex < text.length) {
    const [token, cdata, closing, name, , empty, words] = tokens.exec(text) ?? [];
    const last = open.at(-1);
    if (token === undefined) throw new SyntaxError("this is no XML");
    if (cdata !== undefined) last.text += cdata;
    else if (words !== undefined) last.text += unescape(words);
    else if (closing) {
      if (open.pop().tag !== name) throw new SyntaxError(`</${name}> closes another element`);
    } else if (name) {
      const element = { tag: name, name: name.replace(/^.*:/, ""), children: [], text: "" };
      last.children.push(element);
      if (!empty) open.push(element);
    }
  }
  if (open.length !== 1) throw new SyntaxError("the document is cut off");
  return document;
}

const child = (element, name) => element?.children.find((one) => one.name === name);
const words = (element, name) => (child(element, name)?.text ?? "").trim();

function refuse(codes, why) {
  if (codes.some((code) => BUSY.includes(code))) throw new Trouble(why, "busy");
  throw new Refused(why);
}

// The fields of an answer, found in the text of one sample: without attributes, and wherever they stand.
function matched(text) {
  const field = (name) => text.split(`<${name}>`)[1]?.split(`</${name}>`)[0];
  const status = text.includes("FINISHED_OK") ? "FINISHED_OK" : field("status");
  return { taskId: field("taskId"), status: status ?? "", additionalInfo: field("additionalInfo") ?? "" };
}

async function call(operation, parameters) {
  const prefix = fault === "qualified-parameters" ? "ns:" : "";
  const fields = Object.entries(parameters).map(([name, value]) => `<${prefix}${name}>${escape(value)}</${prefix}${name}>`);
  const body = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="${SOAP}" xmlns:ns="ns1"><soapenv:Body>
<ns:${operation}>${fields.join("")}</ns:${operation}>
</soapenv:Body></soapenv:Envelope>`;
  const headers = { "Content-Type": "text/xml; charset=utf-8", SOAPAction: '""' };
  let response, content;
  try {
    response = await fetch(endpoint, { method: "POST", headers, body, signal: AbortSignal.timeout(TIMEOUT) });
    content = await response.text();
  } catch (error) {
    throw new Trouble(`${error.message} ${error.cause?.message ?? ""}`, "reset");
  }
  if (fault === "matches-text") return matched(content);
  let answer;
  try {
    answer = child(child(parse(content), "Envelope"), "Body").children[0];
  } catch {
    answer = undefined;
  }
  if (!answer) {
    const { status } = response;
    if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) throw new GaveUp(`HTTP ${status}`);
    const retryAfter = Number(response.headers.get("Retry-After")) * 1000 || 0;
    throw new Trouble(`HTTP ${status} without a readable answer`, status >= 500 ? "5xx" : "broken", retryAfter);
  }
  if (answer.name === "Fault") {
    if (fault === "loses-faults") throw new GaveUp("a fault");
    const codes = [words(answer, "faultcode"), words(answer, "faultstring")];
    refuse(codes, `Fault ${codes.join(": ")}`);
  }
  const result = child(answer, "return");
  const status = words(result, "requestStatus");
  if (status.startsWith("ERR_")) refuse([status], `${status}: ${words(result, "requestStatusDescription")}`);
  return {
    taskId: words(result, "taskId"),
    status: words(result, "status"),
    additionalInfo: words(result, "additionalInfo"),
  };
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

function pauseFor(status) {
  if (fault === "hot") return 0;
  if (fault === "hot-on-unknown" && !/^(PREP|SEARCH|WAIT|SERIES|TRANS)/.test(status)) return 0;
  return fault === "seconds" ? WAIT / 1000 : WAIT; // setTimeout takes milliseconds
}

function isSuccess(status) {
  if (fault === "error-as-success") return status.startsWith("FINISHED_");
  if (fault === "substring") return status.includes("FINISHED");
  return status === "FINISHED_OK";
}

async function create(operation, parameters) {
  for (let failures = 1; ; failures++) {
    try {
      const { taskId } = await call(operation, parameters);
      if (!taskId) throw new GaveUp(`${operation} gave no taskId`);
      return taskId;
    } catch (error) {
      await sleep(pauseAfter(error, failures));
    }
  }
}

async function waitFor(taskId, uniqueTransferId) {
  const asked = { taskId, uniqueTransferId, callback: false };
  if (fault === "another-id") asked.taskId = taskId.toLowerCase();
  if (fault === "bad-callback") asked.callback = "no";
  if (fault === "no-task-id") delete asked.taskId;
  let failures = 0;
  let pause = WAIT;
  for (let polls = 0; polls < POLLS; polls++) {
    await sleep(pause);
    try {
      const { status, additionalInfo } = await call("getTaskStatus", asked);
      failures = 0;
      pause = pauseFor(status);
      if (isSuccess(status)) {
        if (fault === "polls-after-final") {
          await sleep(WAIT);
          await call("getTaskStatus", asked);
        }
        return additionalInfo;
      }
      if (status.startsWith("FINISHED_") && fault !== "failure-as-pending") {
        throw new Refused(`${status}: ${additionalInfo}`);
      }
      if (status === "SERIES_FINISHED" && fault === "unknown-as-success") return additionalInfo;
    } catch (error) {
      if (fault === "polls-on-after-fault" && error instanceof Refused) continue;
      failures += 1;
      pause = pauseAfter(error, failures);
    }
  }
  if (fault === "giving-up-as-success") return "{}";
  throw new GaveUp(`not finished after ${POLLS} polls`);
}

try {
  const [[name, value]] = Object.entries(task);
  const [operation, parameters] = typeof value === "object" ? [name, value] : ["startLogin", task];
  let text = await waitFor(await create(operation, parameters), parameters.uniqueTransferId ?? "");
  if (fault === "wrong-result") text = text.slice(0, text.length / 2);
  console.log(fault === "empty-result" ? "" : text);
} catch (error) {
  if (!(error instanceof GaveUp)) throw error;
  if (fault === "failure-as-success" && error instanceof Refused) {
    console.log(`done: ${error.message}`);
  } else {
    console.error(`no result: ${error.message}`);
    process.exitCode = 1;
  }
}

// Polls so often, so many seconds apart: node polls.mjs http|fetch URL COUNT SECONDS
import http from "node:http";

const [library, url, count, seconds] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });

function getByHttp() {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, timeout: 5000 }, (answer) => {
      answer.resume();
      answer.on("end", resolve);
    });
    request.on("timeout", () => request.destroy(new Error("timed out")));
    request.on("error", reject);
  });
}

async function getByFetch() {
  await (await fetch(url, { signal: AbortSignal.timeout(5000) })).text();
}

// What its first use loads takes processor time, and on a busy machine seconds, which are not the server's.
if (library === "fetch") await fetch("data:,");

let first, last;
for (let number = 0; number < Number(count); number++) {
  if (number > 0 && Number(seconds) > 0) await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
  last = performance.now();
  first ??= last;
  await (library === "http" ? getByHttp() : getByFetch());
}
agent.destroy();
// Seconds by its own clock from the first poll to the last.
if (process.env.POLLS_SPAN) console.log((last - first) / 1000);

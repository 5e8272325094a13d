// As waits.py, in Node.
import { spawn } from "node:child_process";

const ways = {
  sleep: (seconds) => new Promise((resolve) => setTimeout(resolve, Math.ceil(seconds * 1000))),
  block: async (seconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000 + 1),
  interval: (seconds) =>
    new Promise((resolve) => {
      let count = 0;
      const timer = setInterval(() => {
        if (++count === 3) {
          clearInterval(timer);
          resolve();
        }
      }, Math.ceil((seconds * 1000) / 3));
    }),
  signal: (seconds) =>
    new Promise((resolve) => AbortSignal.timeout(Math.ceil(seconds * 1000)).addEventListener("abort", resolve)),
};
setInterval(() => {}, 100_000_000); // such a signal does not keep Node alive

function child(command, words) {
  return new Promise((resolve, reject) => {
    const process = spawn(command[0], [...command.slice(1), ...words], { stdio: "inherit" });
    process.on("exit", (status) => (status === 0 ? resolve() : reject(new Error(`the child ended with ${status}`))));
  });
}

function cut(words, opens, closes, ends) {
  const part = [];
  for (let depth = 0; depth > 0 || !ends.includes(words[0]); part.push(words.shift()))
    depth += Number(opens(words[0])) - Number(words[0] === closes);
  return part;
}

async function run(words) {
  while (words.length > 0) {
    const word = words.shift();
    if (word === "{") {
      const parts = [];
      do parts.push(run(cut(words, (one) => one === "{", "}", ["|", "}"])));
      while (words.shift() === "|");
      await Promise.all(parts);
    } else if (word.startsWith("<")) {
      const part = cut(words, (one) => one.startsWith("<"), ">", [">"]);
      words.shift();
      await child(process.env[`WAITS_${word.slice(1)}`].split(" "), part);
    } else if (word.startsWith("get:")) {
      await (await fetch(process.env.WAITS_URL + word.slice(4))).text();
    } else {
      const [way, seconds] = word.split(":");
      const begun = performance.now();
      await ways[way](Number(seconds));
      const took = (performance.now() - begun) / 1000;
      if (took < Number(seconds) - 0.002) {
        console.error(`${word} took ${took} s`);
        process.exit(3);
      }
    }
  }
}

await run(process.argv.slice(2));
process.exit(0);

// Waits with different deadlines at once, and prints them as they end: node deadlines.mjs
import { spawn } from "node:child_process";
import { once } from "node:events";

const started = performance.now();
const say = (deadline) => console.log(`${deadline.toFixed(1)} ${((performance.now() - started) / 1000).toFixed(3)}`);

await Promise.all(
  [7, 2, 30, 3.5, 3, 11].map(async (deadline, number) => {
    if (number % 2) await once(spawn("sleep", [String(deadline)]), "exit");
    else await new Promise((resolve) => setTimeout(resolve, deadline * 1000));
    say(deadline);
  }),
);

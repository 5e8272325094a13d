// node server.mjs PORT [FAULT ...]: createTask and getTaskResult with node:http. All that happens to a task, its end
// too, is done by setTimeout; no time is ever read.
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';

const [port, ...faults] = process.argv.slice(2);
const lifetime = faults.includes('lifetime') ? 360 : 300;
const polls = faults.includes('polls') ? 121 : 120;
const tasks = new Map();
let number = 0;

const refused = (code) => [400, { errorId: 1, errorCode: code, errorDescription: code }];

function create(task) {
  if (!task?.type) return refused('ERROR_INVALID_TASK_DATA');
  const taskId = randomUUID();
  if (task.type === 'ImageToTextTask') return [200, { errorId: 0, taskId, status: 'ready', solution: { text: taskId } }];
  if (task.type !== 'ReCaptchaV2TaskProxyLess') return refused('ERROR_TASK_NOT_SUPPORTED');
  const state = { status: 'idle', polls: 0, read: 0 };
  const solving = 3 + (number++ % 7);
  tasks.set(taskId, state);
  setTimeout(() => {
    state.status = 'processing';
    setTimeout(() => (state.status = 'ready'), solving * 1000);
  }, 2000);
  setTimeout(() => tasks.delete(taskId), lifetime * 1000);
  return [200, { errorId: 0, taskId }];
}

function poll(taskId) {
  const state = tasks.get(taskId);
  if (!state || state.polls >= polls) return refused('ERROR_TASKID_INVALID');
  state.polls += 1;
  if (state.status !== 'ready') return [200, { errorId: 0, taskId, status: state.status }];
  state.read += 1;
  if (faults.includes('flip') && state.read === 3) return [200, { errorId: 0, taskId, status: 'processing' }];
  return [200, { errorId: 0, taskId, status: 'ready', solution: { gRecaptchaResponse: `token of ${taskId}` } }];
}

function answer(path, body) {
  let asked;
  try {
    asked = JSON.parse(body);
  } catch {
    return refused('ERROR_BAD_REQUEST');
  }
  if (asked?.clientKey !== 'YOUR_API_KEY') return refused('ERROR_KEY_DENIED_ACCESS');
  if (path === '/createTask') return create(asked.task);
  return path === '/getTaskResult' ? poll(asked.taskId) : refused('ERROR_BAD_REQUEST');
}

createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  const [status, content] = answer(request.url, body);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(content));
}).listen(Number(port), '127.0.0.1');

// The MCP SDK for TypeScript, unchanged: a stateless server with a tool that works for two seconds as a task. usage: serve.mjs PORT
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const packages = createRequire(process.env.WILD_NODE + "/");
const load = (name) => import(pathToFileURL(packages.resolve(name)));
const { McpServer } = await load("@modelcontextprotocol/sdk/server/mcp.js");
const { StreamableHTTPServerTransport } = await load("@modelcontextprotocol/sdk/server/streamableHttp.js");
const { InMemoryTaskStore, InMemoryTaskMessageQueue } = await load("@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js");
const { z } = await load("zod");

const taskStore = new InMemoryTaskStore();
const taskMessageQueue = new InMemoryTaskMessageQueue();

function greeter() {
  const tasks = { list: {}, cancel: {}, requests: { tools: { call: {} } } };
  const server = new McpServer({ name: "greeter", version: "1" }, { capabilities: { tasks }, taskStore, taskMessageQueue });
  const tool = { description: "Greets", inputSchema: { name: z.string() }, execution: { taskSupport: "required" } };
  server.experimental.tasks.registerToolTask("greet", tool, {
    async createTask({ name }, { taskStore, taskRequestedTtl }) {
      const task = await taskStore.createTask({ ttl: taskRequestedTtl, pollInterval: 1000 });
      const result = { content: [{ type: "text", text: `Hello ${name}` }] };
      // What ends after it was cancelled or deleted is refused by the store.
      setTimeout(() => taskStore.storeTaskResult(task.taskId, "completed", result).catch(() => {}), 2000);
      return { task };
    },
    getTask: (_, { taskId, taskStore }) => taskStore.getTask(taskId),
    getTaskResult: (_, { taskId, taskStore }) => taskStore.getTaskResult(taskId),
  });
  return server;
}

createServer(async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  const server = greeter();
  response.on("close", () => server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response);
}).listen(Number(process.argv[2]), "127.0.0.1");

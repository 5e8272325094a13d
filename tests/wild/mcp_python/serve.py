"""A stateless server by the MCP SDK for Python, whose tool works for two seconds as a task: usage serve.py PORT"""

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import anyio
import uvicorn
from mcp import types
from mcp.server.experimental.task_context import ServerTaskContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

server: Server[Any, Any] = Server("greeter")
support = server.experimental.enable_tasks()
manager = StreamableHTTPSessionManager(app=server, json_response=True, stateless=True)


@server.list_tools()
async def tools() -> list[types.Tool]:
    """The one tool."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    execution = types.ToolExecution(taskSupport=types.TASK_REQUIRED)
    return [types.Tool(name="greet", description="Greets", inputSchema=schema, execution=execution)]


@server.call_tool()
async def greet(name: str, arguments: dict[str, Any]) -> types.CreateTaskResult:
    """Greet somebody, after two seconds of work."""
    context = server.request_context
    context.experimental.validate_task_mode(types.TASK_REQUIRED)

    async def work(task: ServerTaskContext) -> types.CallToolResult:
        await anyio.sleep(2)
        return types.CallToolResult(content=[types.TextContent(type="text", text=f"Hello {arguments['name']}")])

    return await context.experimental.run_task(work)


@contextlib.asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Run the sessions, and the tasks beyond the request that creates them."""
    async with manager.run():
        yield


class Endpoint:
    """The manager as one address; under a Mount it would be redirected to /mcp/."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request over."""
        await manager.handle_request(scope, receive, send)


application = Starlette(routes=[Route("/mcp", endpoint=Endpoint(), methods=["POST"])], lifespan=lifespan)
uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")

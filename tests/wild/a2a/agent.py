"""An agent by the A2A SDK, which answers after two seconds of work: usage agent.py PORT."""

import asyncio
import sys

import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes.jsonrpc_routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, Part, Task, TaskState, TaskStatus
from starlette.applications import Starlette


class Greeter(AgentExecutor):
    """Greets whoever the message names."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Submit, work for two seconds, hand the greeting over, complete."""
        task = Task(
            id=context.task_id,
            context_id=context.context_id,
            status=TaskStatus(state=TaskState.TASK_STATE_SUBMITTED),
            history=[context.message],
        )
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        await updater.start_work()
        await asyncio.sleep(2)
        await updater.add_artifact([Part(text=f"Hello {context.get_user_input()}")], artifact_id="greeting")
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Give the task up."""
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


handler = DefaultRequestHandler(
    agent_executor=Greeter(),
    task_store=InMemoryTaskStore(),
    agent_card=AgentCard(name="greeter", description="greets", version="1", capabilities=AgentCapabilities()),
)
application = Starlette(routes=create_jsonrpc_routes(handler, "/a2a"))
uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")

"""LocalStack by its own runtime, with the machine that the contract names: usage serve.py PORT.

The machine has to be there before the first request, so what listens at PORT is a relay that opens after it.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

HOST = "127.0.0.1"
STATES = (
    "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0"
)
MACHINE = {"StartAt": "Work", "States": {"Work": {"Type": "Wait", "Seconds": 2, "End": True}}}
BODY = {"name": "greet", "definition": json.dumps(MACHINE), "roleArn": "arn:aws:iam::123456789012:role/greeter"}


def make_machine(port: int) -> None:
    """Create the machine, as soon as that is possible."""
    headers = {
        "X-Amz-Target": "AWSStepFunctions.CreateStateMachine",
        "Authorization": STATES,
        "Content-Type": "application/x-amz-json-1.0",
    }
    while True:
        try:
            request = urllib.request.Request(f"http://{HOST}:{port}/", json.dumps(BODY).encode(), headers)
            urllib.request.urlopen(request).read()
            return
        except OSError:
            time.sleep(0.5)


async def relay(port: int, inner: int) -> None:
    """Hand every connection on to LocalStack."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, inner)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async with await asyncio.start_server(serve, HOST, port) as server:
        await server.serve_forever()


with socket.create_server((HOST, 0)) as free:
    inner = free.getsockname()[1]
environment = {**os.environ, "GATEWAY_LISTEN": f"{HOST}:{inner}"}
with subprocess.Popen([sys.executable, "-m", "localstack.runtime.main"], env=environment):
    make_machine(inner)
    asyncio.run(relay(int(sys.argv[1]), inner))

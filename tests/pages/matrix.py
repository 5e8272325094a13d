"""The servers of this folder, and what their contracts say of each fault and variant."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from tests.pages import (
    azure_guideline,
    batches,
    broker,
    docmill,
    ledgerly,
    mcp_tasks,
    predictions,
    press,
    reelcast,
    signet,
)
from tests.servers import ROOT, pollproof


class PageServer(NamedTuple):
    """A server: its faults, its lawful variants, its key, the path that its base URL ends in, and its contract."""

    faults: Sequence[str]
    variants: Sequence[str]
    key: str
    prefix: str
    contract: str = ""


SERVERS = {
    "azure_guideline": PageServer(
        azure_guideline.FAULTS,
        azure_guideline.VARIANTS,
        azure_guideline.KEY,
        azure_guideline.PREFIX,
        "tests/apis/azure-guideline.toml",
    ),
    "batches": PageServer(batches.FAULTS, batches.VARIANTS, batches.KEY, batches.PREFIX),
    "broker": PageServer(broker.FAULTS, broker.VARIANTS, broker.KEY, broker.PREFIX),
    "docmill": PageServer(docmill.FAULTS, docmill.VARIANTS, docmill.KEY, docmill.PREFIX),
    "ledgerly": PageServer(ledgerly.FAULTS, ledgerly.VARIANTS, ledgerly.KEY, ledgerly.PREFIX),
    "press": PageServer(press.FAULTS, press.VARIANTS, press.KEY, press.PREFIX),
    "reelcast": PageServer(reelcast.FAULTS, reelcast.VARIANTS, reelcast.KEY, reelcast.PREFIX),
    "signet": PageServer(signet.FAULTS, signet.VARIANTS, signet.KEY, signet.PREFIX),
    "mcp_tasks": PageServer(
        mcp_tasks.FAULTS, mcp_tasks.VARIANTS, mcp_tasks.KEY, mcp_tasks.PREFIX, "examples/contracts/mcp-tasks.toml"
    ),
    "predictions": PageServer(predictions.FAULTS, predictions.VARIANTS, predictions.KEY, predictions.PREFIX),
}


def judge(name: str, kind: str, which: str) -> subprocess.CompletedProcess[str]:
    """Verify a server with a fault, or as a variant (empty: as it is), by its contract."""
    server = SERVERS[name]
    words = [f"--{kind}", which] if which else []
    command = [sys.executable, "-m", f"tests.pages.{name}", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            root = f"http://127.0.0.1:{process.stdout.readline().strip()}"
            verify = [
                "verify",
                server.contract or f"tests/apis/{name}.toml",
                "--base-url",
                root + server.prefix,
                *(["--api-key", server.key] if server.key else []),
            ]
            hook = ["--advance-url", f"{root}/_clock", "--examples", "0"]
            return pollproof(*verify, *hook, timeout=180)
        finally:
            process.kill()

"""Install the lowest versions of all direct dependencies, and do every main job with them: `python -m tests.lowest`.

uv chooses the versions (from the package index). The project is built and installed as its users install it, not
editable. Ends with 1 where something fails.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "lowest"
TEST = """
from pollproof.gate import client

@client("capsolver", scenarios=["smoke", "lost"])
def test_client(base_url, api_key, task):
    import json, time, urllib.request
    def send(path, **body):
        body = json.dumps({"clientKey": api_key, **body}).encode()
        request = urllib.request.Request(base_url + path, body, {"Content-Type": "application/json"})
        return json.loads(urllib.request.urlopen(request).read())
    created = send("/createTask", task=task)
    for _ in range(90):
        time.sleep(3.1)
        answer = send("/getTaskResult", taskId=created["taskId"])
        if answer.get("errorId"):
            raise RuntimeError(answer)
        if answer["status"] == "ready":
            return answer["solution"]
"""


def main() -> int:
    """Install and try; the exit status."""
    HOME.mkdir(parents=True, exist_ok=True)
    tools, python = HOME / "tools", HOME / "environment" / "bin" / "python"
    if not (tools / "bin" / "uv").exists():
        venv.create(tools, with_pip=True)
        subprocess.run([tools / "bin" / "pip", "install", "--quiet", "uv"], check=True)
    venv.create(python.parents[1], clear=True)
    uv = [str(tools / "bin" / "uv"), "pip"]
    lowest = ["install", "--quiet", "--python", str(python), "--resolution", "lowest-direct", str(ROOT)]
    subprocess.run([*uv, *lowest], check=True)
    folder = HOME / "work"
    folder.mkdir(exist_ok=True)
    (folder / "test_client.py").write_text(TEST, encoding="utf-8")
    tape = str(ROOT / "cassettes" / "cnode" / "reference.yaml")
    run = [str(python), "-m"]
    jobs: dict[str, tuple[list[str], set[int]]] = {
        "verify": ([*run, "pollproof", "verify", "--examples", "3", "--html", "report.html", "--junit", "j.xml"], {0}),
        "check": ([*run, "pollproof", "check", "cnode", tape, "--json", "r.json", "--sarif", "s.json"], {0}),
        "workers": ([*run, "pollproof", "verify", "capsolver", "-n", "2", "--examples", "20"], {0}),
        "export": ([*run, "pollproof", "export", "wsdl", "cnode"], {0}),
        "explain": ([*run, "pollproof", "explain", "capsolver.poll.budget"], {0, 2}),
        "new": ([*run, "pollproof", "new", "my-api", "--folder", "new"], {0, 2}),
        "pytest": ([*run, "pytest", "-q", "-W", "error", "test_client.py"], {0}),
    }
    failed = False
    for name, (command, expected) in jobs.items():
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
        good = done.returncode in expected and "Traceback" not in done.stderr
        failed = failed or not good
        print(f"{name}: {'as it must be' if good else f'status {done.returncode}'}", flush=True)
        if not good:
            print(done.stdout[-1500:] + done.stderr[-3000:])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

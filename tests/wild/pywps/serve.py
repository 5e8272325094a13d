"""A Web Processing Service by PyWPS with one process, and its status documents: usage serve.py PORT FOLDER"""

import sys
import time
from pathlib import Path

from flask import Flask, Response, send_from_directory
from pywps import LiteralInput, LiteralOutput, Process, Service, configuration
from pywps.response.execute import ExecuteResponse

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
HERE = f"http://127.0.0.1:{PORT}"


class Greeter(Process):
    """Greets whoever its input names, after two seconds of work."""

    def __init__(self) -> None:
        names = {"inputs": [LiteralInput("name", "Name")], "outputs": [LiteralOutput("greeting", "Greeting")]}
        super().__init__(
            self.greet, "greet", "Greet", version="1", store_supported=True, status_supported=True, **names
        )

    def greet(self, request: object, response: ExecuteResponse) -> None:
        """Work in two steps."""
        time.sleep(1)
        response.update_status("half of it is done", 50)
        time.sleep(1)
        response.outputs["greeting"].data = f"Hello {request.inputs['name'][0].data}"


configuration.load_configuration()
for section, option, value in (
    ("server", "url", f"{HERE}/wps"),
    ("server", "outputurl", f"{HERE}/outputs"),
    ("server", "outputpath", str(FOLDER)),
    ("server", "workdir", str(FOLDER)),
    ("server", "parallelprocesses", "30"),
    ("server", "maxprocesses", "1000"),
    ("logging", "level", "ERROR"),
    ("logging", "database", f"sqlite:///{FOLDER}/log.db"),
):
    configuration.CONFIG.set(section, option, value)
application, service = Flask(__name__), Service([Greeter()])


@application.route("/wps", methods=["GET", "POST"])
def wps() -> Service:
    """The service itself, a WSGI application."""
    return service


@application.route("/outputs/<path:name>")
def outputs(name: str) -> Response:
    """Status documents, which PyWPS leaves to the web server beside it."""
    return send_from_directory(FOLDER, name)


application.run("127.0.0.1", PORT, threaded=True)

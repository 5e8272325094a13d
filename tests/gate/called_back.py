"""A client of Decodo that is called back: it waits for the callback, then fetches the results once."""

import http.client
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

BASE = urlsplit(os.environ["POLLPROOF_BASE_URL"])
HEADERS = {"Authorization": f"Basic {os.environ['POLLPROOF_API_KEY']}", "Content-Type": "application/json"}
called, bodies = threading.Event(), []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()
        called.set()

    def log_message(self, *_):
        pass


def ask(method, path, body=None):
    connection = http.client.HTTPConnection(BASE.netloc, timeout=30)
    connection.request(method, BASE.path + path, None if body is None else json.dumps(body), HEADERS)
    return json.loads(connection.getresponse().read())


receiver = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
task = json.loads(os.environ["POLLPROOF_TASK"])
task |= {"callback_url": f"http://127.0.0.1:{receiver.server_port}/done", "passthrough": "mine"}
made = ask("POST", "/task", task)
if not called.wait(60):
    sys.exit("not called back")
print(ask("GET", f"/task/{made['id']}/results")["results"], [sorted(body) for body in bodies])

# SPDX-License-Identifier: Apache-2.0
"""An HTTP endpoint for the http sink: a real server on loopback that misbehaves by a script.

The script is a function of the Request and says what becomes of it. What the server took and what
it acknowledged is kept per partition: records carry {"p": partition, "seq": number}.
"""
import gzip
import http.server
import json
import socket
import struct
import threading
import time

from .process import free_port


class Answer:
    """A status and headers; or a way to break: "reset" while the body is still being sent,
    "half" an answer, "hang" without any."""

    def __init__(self, status=200, headers=None, how="whole", delay=0.0):
        self.status, self.headers, self.how, self.delay = status, headers or {}, how, delay


OK = Answer()


class Request:
    def __init__(self, n, headers, body):
        self.n, self.headers, self.body = n, headers, body
        self.at = time.monotonic()
        self.answer = None
        self.records = []
        if body is not None:
            kind = headers.get("Content-Type", "")
            if kind == "application/x-ndjson":
                assert body.endswith(b"\n")
                self.records = [json.loads(line) for line in body.split(b"\n")[:-1]]
            else:
                value = json.loads(body)
                self.records = value if isinstance(value, list) else [value]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        endpoint = self.server.endpoint
        size = int(self.headers["Content-Length"])
        with endpoint.lock:
            n = endpoint.count
            endpoint.count += 1
            how = endpoint.cut(n)
        if how == "reset":  # in the middle of the request
            self.rfile.read(size // 2)
            with endpoint.lock:
                request = Request(n, self.headers, None)
                request.answer = Answer(0, how="reset")
                endpoint.requests.append(request)
            self.reset()
            return
        body = self.rfile.read(size)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with endpoint.lock:
            try:
                request = Request(n, self.headers, body)
            except (AssertionError, ValueError) as e:
                endpoint.errors.append(f"request {n}: {e}: {body[:200]!r}")
                request = Request(n, self.headers, None)
            endpoint.requests.append(request)
            request.answer = answer = endpoint.script(request)
            for r in request.records:
                endpoint.got.setdefault(r["p"], []).append(r["seq"])
            if answer.how == "whole" and 200 <= answer.status < 300:
                for r in request.records:  # before the answer: the client acts on it at once
                    endpoint.acked.setdefault(r["p"], []).append(r["seq"])
        self.reply(answer)

    def reply(self, answer):
        time.sleep(answer.delay)
        if answer.how == "hang":
            self.server.endpoint.stopping.wait(30)
            self.close_connection = True
            return
        text = json.dumps({"status": answer.status, "why": "the script says so"}).encode()
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if answer.how == "half":
            self.wfile.write(text[:len(text) // 2])
            self.close_connection = True
        else:
            self.wfile.write(text)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            pass

    def log_message(self, *args):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address, endpoint):
        self.endpoint = endpoint
        self.open = set()
        super().__init__(address, _Handler)

    def get_request(self):
        connection, address = super().get_request()
        self.open.add(connection)
        return connection, address


class Endpoint:
    def __init__(self, script=lambda request: OK, cut=lambda n: None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/in"
        self.script, self.cut = script, cut
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.count = 0
        self.requests, self.errors = [], []
        self.got, self.acked = {}, {}
        self.server = None

    def start(self):
        self.server = _Server(("127.0.0.1", self.port), self)
        self.stopping.clear()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        """Closes the listener and every connection, as a killed server does."""
        if self.server is None:
            return
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in self.server.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server = None

    def seqs(self, partition=0):
        """What was acknowledged, repeats and all, in the order of the acknowledgements."""
        with self.lock:
            return list(self.acked.get(partition, []))

    def done(self):
        """How many different records were acknowledged."""
        with self.lock:
            return sum(len(set(s)) for s in self.acked.values())

    def sent_again(self):
        with self.lock:
            return [r for r in self.requests if r.answer.status != 200 or r.answer.how != "whole"]

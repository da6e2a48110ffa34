"""A server on loopback that implements the protocol, with configurable faults."""

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from selective_query.serving._protocol import decode, encode

LOOPBACK = "127.0.0.1"
FAULTS = (
    "hang",
    "trickle",
    "drop",
    "reset",
    "truncate",
    "status 500",
    "status 503",
    "status 404",
    "redirect",
    "garbage",
    "no message",
    "wrong shape",
    "nan",
    "negative",
    "wrong rows",
    "other output",
    "compressed",
)


def free_port():
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return one.getsockname()[1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.n_metadata += 1
        if server.metadata is None:
            return self._send(404, b"{}")
        return self._send(200, json.dumps(server.metadata).encode())

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with server.lock:
            server.n_requests += 1
            number = server.n_requests
            server.active += 1
            server.most_active = max(server.active, server.most_active)
            server.headers_seen.append(headers)
        try:
            self._answer(server.fault_of(number), headers, body)
        finally:
            with server.lock:
                server.active -= 1

    def _answer(self, fault, headers, body):
        server = self.server
        binary = "inference-header-content-length" in headers
        if binary and server.json_only:
            return self._send(server.json_only, b'{"error": "no binary"}')
        message, tensors = decode(headers, body, "inputs")
        (X,) = tensors.values()
        with server.lock:
            server.rows_seen += list(X)
        if server.delay_s:
            time.sleep(server.delay_s)
        values = server.answer(X)
        name = message["outputs"][0]["name"]
        if fault == "hang":
            server.stopped.wait(5)
            return None
        if fault == "drop":
            self.close_connection = True
            return None
        if fault == "reset":
            option = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
            self.connection.close()
            self.close_connection = True
            return None
        if fault and fault.startswith("status"):
            return self._send(int(fault.split()[1]), b'{"error": "' + b"x" * 300)
        if fault == "redirect":
            self.send_response(307)
            self.send_header("location", f"http://{LOOPBACK}:1/elsewhere")
            self.send_header("content-length", "0")
            return self.end_headers()
        if fault == "garbage":
            return self._send(200, b"\x00\xff not json \x80")
        if fault == "no message":
            return self._send(200, b'{"outputs": [{"name": 1}]}')
        if fault == "wrong shape":
            values = values[..., None, None]
        if fault == "wrong rows":
            values = np.concatenate([values, values[:1]])
        if fault == "nan":
            values = np.full(values.shape, np.nan)
        if fault == "some nan":
            values = values.copy()
            values[::2] = np.nan
        if fault == "negative":
            values = 1 - 2 * values
        if fault == "other output":
            name = "embedding"
        headers, body = (
            encode({name: values}, "outputs", binary=binary, model_name="m")
            if binary or np.isfinite(values).all()
            else ({}, _with_nan(name, values))
        )
        if fault == "compressed":
            headers["content-encoding"] = "gzip"
        if fault == "truncate":
            return self._send(200, body[: len(body) // 2], headers, len(body))
        if fault == "trickle":
            return self._trickle(body, headers)
        return self._send(200, body, headers)

    def _send(self, status, body, headers=(), length=None):
        try:
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("content-length", str(length or len(body)))
            self.end_headers()
            self.wfile.write(body)
            if length:
                self.close_connection = True
        except OSError:
            self.close_connection = True

    def _trickle(self, body, headers):
        try:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.server.stopped.wait(0.05):
                    break
        except OSError:
            pass
        self.close_connection = True


def _with_nan(name, values):
    tensor = {"name": name, "shape": list(values.shape), "datatype": "FP64"}
    tensor["data"] = values.ravel().tolist()
    return json.dumps({"outputs": [tensor]}).encode()


class FaultyServer(ThreadingHTTPServer):
    """Answers with ``answer(X)``; `fault` names what goes wrong, now or by number."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer, *, metadata=None, port=0):
        super().__init__((LOOPBACK, port), Handler)
        self.answer, self.metadata, self.fault = answer, metadata, None
        self.json_only, self.delay_s = None, 0.0
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.n_requests = self.n_metadata = self.active = self.most_active = 0
        self.rows_seen, self.headers_seen = [], []

    def fault_of(self, number):
        return self.fault(number) if callable(self.fault) else self.fault

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.server_address[1]}/v2/models/digits"

    def handle_error(self, request, client_address):
        pass

    def __enter__(self):
        self.thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        self.shutdown()
        self.server_close()
        self.thread.join(5)

"""A cloud on loopback, in its own process, with configurable faults."""

import asyncio
import multiprocessing
import socket
import time

import numpy as np

from selective_query.serving import Outage
from selective_query.serving._protocol import decode, encode

LOOPBACK = "127.0.0.1"
# Faults of single requests, for a cloud with all kinds of faults.
STORM = (
    "delay", "drop", "truncate", "reset", "silent", "500", "garbage", "shape", "nan",
    "rows", "unknown",
)  # fmt: skip


class LoopbackCloud:
    """`with LoopbackCloud(models, deployment) as cloud:` answers at ``cloud.url``.

    Parameters
    ----------
    model, stale : classifier
        The models that answer, normally and while the cloud is stale.
    deployment : Deployment
        Times are drawn from its link and cloud; the payload is ignored.
    """

    def __init__(self, model, stale, deployment):
        self._context = multiprocessing.get_context("spawn")
        self._ours, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_run, args=(model, stale, deployment, theirs), daemon=True
        )

    def __enter__(self):
        self._process.start()
        port = self._ours.recv()
        self.url = f"http://{LOOPBACK}:{port}/v2/models/cloud"
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.join(10)

    def fail(self, outage, seed=0):
        """Start the cycles of an outage; return the time of the start."""
        self._ours.send((outage, seed))
        return self._ours.recv()

    @property
    def n_requests(self):
        """Number of requests so far."""
        self._ours.send(None)
        return self._ours.recv()


class _State:
    def __init__(self, model, stale, deployment):
        self.model, self.stale, self.deployment = model, stale, deployment
        self.outage, self.start, self.n_requests = Outage("silent", 1.0), 0.0, 0
        self.rng = np.random.default_rng(0)

    def set(self, outage, seed):
        self.outage, self.rng = outage, np.random.default_rng(seed)
        self.start = time.monotonic()
        return self.start

    def fault(self):
        """Return the outcome and time in ms of a request, as `Outage.reply` does."""
        if self.outage == "storm":
            return None if self.rng.random() < 0.5 else self.rng.choice(STORM), 0.0
        ms = 1000 * (time.monotonic() - self.start)
        trip = self.deployment.link.draw_round_trip_ms(self.rng, 1)[0]
        cloud = self.deployment.cloud.draw_ms(self.rng, 1)[0]
        outcome, taken, _ = self.outage.reply(ms, trip, cloud, self.rng.random())
        named = {"unreachable": "reset", "refused": "500", "bad answer": "nan"}
        if not np.isfinite(taken):
            return "silent", 0.0
        return named.get(outcome, outcome) or None, taken


def _run(model, stale, deployment, pipe):
    state = _State(model, stale, deployment)
    asyncio.run(_serve(state, pipe))


async def _serve(state, pipe):
    async def handle(reader, writer):
        try:
            while await _answered(state, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, LOOPBACK, 0)
    pipe.send(server.sockets[0].getsockname()[1])
    asyncio.get_running_loop().add_reader(pipe.fileno(), _told, state, pipe)
    await server.serve_forever()


def _told(state, pipe):
    try:
        message = pipe.recv()
    except EOFError:
        raise SystemExit from None
    pipe.send(state.n_requests if message is None else state.set(*message))


async def _answered(state, reader, writer):
    """Answer one request; return whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    headers = dict(
        line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
    )
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    if head.startswith("get"):
        return _send(writer, 404, {}, b"{}")
    state.n_requests += 1
    fault, ms = state.fault()
    await asyncio.sleep(ms / 1000)
    if fault == "silent":
        await asyncio.sleep(20)
        return False
    if fault == "delay":
        await asyncio.sleep(state.rng.uniform(0, 0.2))
    if fault == "reset":
        writer.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
        )
        writer.transport.abort()
        return False
    if fault == "drop":
        return False
    if fault == "500":
        return _send(writer, 500, {}, b"{}")
    if fault == "garbage":
        return _send(writer, 200, {}, b"\x00\xff not a message")
    _, tensors = decode(headers, body, "inputs")
    (X,) = tensors.values()
    proba = (state.stale if fault == "stale" else state.model).predict_proba(X)
    if fault == "shape":
        proba = proba[:, :-1]
    if fault == "nan":
        proba = proba * np.nan
    if fault == "rows":
        proba = np.concatenate([proba, proba])
    if fault == "unknown":
        proba = np.column_stack([proba, np.zeros(len(proba))])
    found, body = encode({"predict_proba": proba}, "outputs", binary=True)
    if fault == "truncate":
        _send(writer, 200, found, body[: len(body) // 2], len(body))
        return False
    return _send(writer, 200, found, body)


def _send(writer, status, headers, body, length=None):
    lines = [f"HTTP/1.1 {status} -", f"content-length: {length or len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return True

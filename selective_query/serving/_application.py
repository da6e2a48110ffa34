"""The protocol over HTTP, server side: the only module that imports starlette."""

import asyncio
import hmac
import logging
from contextlib import asynccontextmanager

from selective_query.serving._batching import OverloadedError
from selective_query.serving._protocol import decode, encode
from selective_query.serving._served import TooManyRowsError

logger = logging.getLogger("selective_query.serving")
READ_TIMEOUT_S = 30


class RefusedRequestError(Exception):
    """A request that is refused with a status other than 200, and the reason."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Application:
    """The HTTP routes of one model.

    Parameters
    ----------
    served : Served
    batcher : Batcher
    metrics : Metrics
    limits : Limits
    token : Secret or None
    """

    def __init__(self, served, batcher, metrics, limits, token=None):
        self.served, self.batcher, self.metrics = served, batcher, metrics
        self.limits, self.token, self.is_ready = limits, token, False

    def asgi(self):
        """The application that a web server runs."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        model = f"/v2/models/{self.served.name}"
        return Starlette(
            routes=[
                Route("/v2", self._server),
                Route("/v2/health/live", self._live),
                Route("/v2/health/ready", self._ready),
                Route(model, self._model),
                Route(f"{model}/ready", self._ready),
                Route(f"{model}/infer", self._infer, methods=["POST"]),
                Route("/metrics", self._metrics),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _):
        self.batcher.start()
        self.is_ready = True
        yield
        self.is_ready = False
        await self.batcher.stop()

    async def _server(self, _):
        return _json({
            "name": "selective_query",
            "version": "2",
            "extensions": ["binary_tensor_data"],
        })  # fmt: skip

    async def _live(self, _):
        return _json({"live": True})

    async def _ready(self, _):
        name = {"name": self.served.name, "ready": self.is_ready}
        return _json(name, 200 if self.is_ready else 503)

    async def _model(self, _):
        return _json(self.served.metadata)

    async def _metrics(self, _):
        from starlette.responses import Response

        content, kind = self.metrics.exposed()
        return Response(content, media_type=kind)

    async def _infer(self, request):
        with self.metrics.timed() as timed:
            try:
                response, rows, found = await self._answered(request)
                timed.answered(rows, found)
            except RefusedRequestError as error:
                response = _json({"error": str(error)}, error.status)
            except OverloadedError:
                response = _json({"error": "Too much to do. Come back later."}, 503)
                response.headers["retry-after"] = "1"
            except Exception as error:
                # A model's error message may contain its inputs.
                logger.error("The model failed: %s", type(error).__name__)
                response = _json({"error": "The model failed."}, 500)
            timed.status = response.status_code
        return response

    async def _answered(self, request):
        self._authorise(request)
        body = await self._body(request)
        try:
            message, tensors = decode(request.headers, body, "inputs", finite=True)
            rows = self.served.rows_of(tensors, self.limits.max_rows)
            asked, binary = self._asked(message)
        except (ValueError, RecursionError, MemoryError) as error:
            raise RefusedRequestError(400, str(error)) from error
        except TooManyRowsError as error:
            raise RefusedRequestError(413, str(error)) from error
        found = await self.batcher.ask(rows)
        fields = {"model_name": self.served.name}
        if isinstance(message.get("id"), str):
            fields["id"] = message["id"][:200]
        outputs = {name: found[name] for name in asked}
        reply = encode(outputs, "outputs", binary=binary, **fields)
        return _message(*reply), rows, found

    def _authorise(self, request):
        if self.token is None:
            return
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.token.reveal()}".encode()):
            raise RefusedRequestError(401, "A token is needed.")

    async def _body(self, request):
        from starlette.requests import ClientDisconnect

        most, parts, n_bytes = self.limits.max_body_bytes, [], 0
        too_long = RefusedRequestError(413, f"At most {most} bytes.")
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RefusedRequestError(415, "Compressed requests are not taken.")
        if int(request.headers.get("content-length", "0")) > most:
            raise too_long
        stream = request.stream().__aiter__()
        end = asyncio.get_running_loop().time() + READ_TIMEOUT_S
        while True:
            try:
                left = end - asyncio.get_running_loop().time()
                part = await asyncio.wait_for(stream.__anext__(), max(left, 0))
            except StopAsyncIteration:
                return b"".join(parts)
            except ClientDisconnect:
                raise RefusedRequestError(400, "The request ended early.") from None
            except asyncio.TimeoutError:
                raise RefusedRequestError(408, "The request came too slowly.") from None
            n_bytes += len(part)
            if n_bytes > most:
                raise too_long
            parts.append(part)

    def _asked(self, message):
        """Return the names of the requested outputs, and whether to send binary."""
        asked = message.get("outputs")
        parameters = message.get("parameters")
        binary = isinstance(parameters, dict) and (
            parameters.get("binary_data_output") is True
        )
        if asked is None:
            return self.served.outputs, binary
        if not isinstance(asked, list) or not asked:
            raise ValueError("outputs must be a list of at least one name.")
        names = []
        for output in asked:
            name = output.get("name") if isinstance(output, dict) else None
            if name not in self.served.outputs or name in names:
                raise ValueError(
                    f"outputs must be some of {', '.join(self.served.outputs)}."
                )
            names.append(name)
            own = output.get("parameters")
            if isinstance(own, dict) and own.get("binary_data") is True:
                binary = True
        return names, binary


def _json(content, status=200):
    from starlette.responses import JSONResponse

    return JSONResponse(content, status)


def _message(headers, body):
    from starlette.responses import Response

    return Response(body, headers=headers)

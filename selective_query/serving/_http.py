"""The protocol over HTTP, client side: the only module that imports httpx2."""

import asyncio
import ssl
import weakref

import numpy as np

from selective_query.exceptions import (
    BadAnswerError,
    GlobalUnavailableError,
    RefusedError,
    TooLateError,
    UnreachableError,
)
from selective_query.serving._asking import ABOUT_THE_REQUEST
from selective_query.serving._elsewhere import PROBA
from selective_query.serving._loop import is_running_here
from selective_query.serving._payloads import packed
from selective_query.serving._protocol import as_text, decode, encode, parsed

JSON = {"content-type": "application/json"}
USUAL_INPUT = "input-0"
# Statuses of a server that tried to parse binary data as JSON.
MAY_MEAN_NO_BINARY = ABOUT_THE_REQUEST | {500}
# Characters quoted from a server's error message.
MAX_QUOTED = 200


class HttpChannel:
    """Connections to one model.

    Parameters
    ----------
    asker : Asker
    model : RemoteClassifier
        Provides the parameters, and stores the metadata of its server.
    url : str
    """

    def __init__(self, asker, model, url):
        self.asker, self._url, self._told = asker, url, model._told
        self._method, self._payload = model.method, model.payload
        self._output = model.output_name or model.method
        self._input, self._classes = model.input_name, model.classes
        self._token, self._most_bytes = model.token, model.max_answer_bytes
        self._binary = model.binary is not False
        self._may_change = model.binary is None
        self._learning = asyncio.Lock()
        verify = _certificates(url, model.ca_file)
        self._client = _client(model.max_concurrency, verify)
        self.close = weakref.finalize(
            self,
            _close_later,
            self._client,
            asker.loop,
            asker.slots,
            model.max_concurrency,
        )
        self.close.atexit = False

    async def known(self):
        """Return the labels of the model, fetched once unless they were given."""
        if self._classes is not None:
            return np.asarray(self._classes)
        await self._learn()
        if self._told["classes"] is None:
            raise BadAnswerError(
                "The server does not report the labels of its model. Give classes=, in "
                "the order of its columns."
            )
        return np.asarray(self._told["classes"])

    async def send(self, rows):
        """Return the answers for some rows, and the labels of their columns."""
        known = await self.known()
        try:
            array = packed(rows, self._payload)
        except (ArithmeticError, OSError, TypeError, ValueError) as error:
            raise RefusedError(f"Rows that cannot be sent: {error}", 400) from error
        tensors = {await self._input_name(): array}
        asked = [{"name": self._output}]
        found = await self._exchanged(tensors, asked)
        if self._output not in found:
            raise BadAnswerError(
                f"The answer has no output {self._output!r}, but "
                f"{', '.join(map(repr, found))[:MAX_QUOTED]}."
            )
        values = found[self._output]
        if self._method != PROBA and values.dtype.kind == "O":
            try:
                values = as_text(values)
            except UnicodeDecodeError as error:
                raise BadAnswerError("Labels are not UTF-8 text.") from error
        return values, known

    async def _exchanged(self, tensors, asked):
        """Return the outputs; use JSON from the first refusal of binary tensors on."""
        if self._binary:
            try:
                found = await self._posted(tensors, asked, binary=True)
            except RefusedError as error:
                if not self._may_change or error.status not in MAY_MEAN_NO_BINARY:
                    raise
            else:
                self._may_change = False
                return found
        found = await self._posted(tensors, asked, binary=False)
        self._binary = False
        return found

    async def _posted(self, tensors, asked, *, binary):
        fields = {"outputs": asked}
        if binary:
            fields["parameters"] = {"binary_data_output": True}
        try:
            headers, body = encode(tensors, "inputs", binary=binary, **fields)
        except ValueError as error:
            raise RefusedError(f"Rows that cannot be sent: {error}", 400) from error
        headers, body = await self._request("POST", "/infer", headers, body)
        return self._outputs(headers, body)

    def _outputs(self, headers, body):
        try:
            return decode(headers, body, "outputs")[1]
        except ValueError as error:
            raise BadAnswerError(f"The answer is not valid: {error}") from error

    async def _input_name(self):
        if self._input is not None:
            return self._input
        await self._learn()
        return self._told["input"]

    async def _learn(self):
        """Fetch the metadata of the model once."""
        async with self._learning:
            if self._told:
                return
            try:
                _, body = await self._request("GET", "", {}, None)
                told = _metadata(body)
            except RefusedError as error:
                if error.status not in (404, 405, 501):
                    raise
                told = {}  # a server without metadata
            told = {"classes": None, "input": USUAL_INPUT, **told}
            self._refuse_other_classes(told["classes"])
            self._told.update(told)

    def _refuse_other_classes(self, told):
        given = self._classes
        if given is not None and told is not None and _named(given) != _named(told):
            raise BadAnswerError(
                "classes must be the labels that the server reports, in their order: "
                f"{told[:10]}. Got {_named(given)[:10]}. Leave classes= out to read "
                "them from the server."
            )

    async def _request(self, method, path, headers, body):
        import httpx2

        headers = {**headers, **self._authorisation()}
        try:
            async with self.asker.slots:
                request = self._client.build_request(
                    method, self._url + path, headers=headers, content=body
                )
                response = await self._client.send(request, stream=True)
                try:
                    return await self._read(response)
                finally:
                    await response.aclose()
        except GlobalUnavailableError:
            raise
        except httpx2.TimeoutException as error:
            raise TooLateError(f"{self._url} took too long.") from error
        except httpx2.ProtocolError as error:
            raise UnreachableError(f"{self._url} broke off: {error}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise UnreachableError(f"{self._url}: {error}") from error
        except RuntimeError as error:  # another thread closed the connection
            raise UnreachableError(f"{self._url}: {error}") from error

    async def _read(self, response):
        parts, n_bytes = [], 0
        if response.headers.get("content-encoding", "identity") != "identity":
            raise BadAnswerError(f"{self._url} compressed an answer, unasked.")
        async for part in response.aiter_raw():
            n_bytes += len(part)
            if n_bytes > self._most_bytes:
                raise BadAnswerError(
                    f"An answer has more than max_answer_bytes={self._most_bytes}."
                )
            parts.append(part)
        body = b"".join(parts)
        if response.status_code != 200:
            raise RefusedError(
                f"{self._url} answered with status {response.status_code}: "
                f"{self._quoted(body)}",
                response.status_code,
            )
        return response.headers, body

    def _quoted(self, body):
        if self._token is not None:  # some servers echo what they were sent
            body = body.replace(self._token.reveal().encode(), b"***")
        return repr(body[:MAX_QUOTED].decode(errors="replace"))

    def _authorisation(self):
        if self._token is None:
            return {}
        try:
            return {"authorization": f"Bearer {self._token.reveal()}"}
        except ValueError as error:
            raise RefusedError(str(error), 401) from error


def _certificates(url, ca_file):
    """Return what to verify the server's certificate against; nothing for http."""
    if url.startswith("http:"):  # loading the system's takes longer than a query
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return True if ca_file is None else ssl.create_default_context(cafile=ca_file)


def _client(n_connections, verify):
    try:
        import httpx2
    except ImportError as error:
        raise ImportError(
            "RemoteClassifier needs httpx2: pip install 'selective-query[remote]'."
        ) from error
    limits = httpx2.Limits(
        max_connections=n_connections, max_keepalive_connections=n_connections
    )
    return httpx2.AsyncClient(
        verify=verify,
        limits=limits,
        timeout=None,  # a deadline limits the whole request
        follow_redirects=False,  # they would send inputs and token elsewhere
        headers={"accept-encoding": "identity"},
    )


def _close_later(client, loop, slots, n_slots):
    if is_running_here(loop):
        closing = _close_when_idle(client, slots, n_slots)
        asyncio.run_coroutine_threadsafe(closing, loop)


async def _close_when_idle(client, slots, n_slots):
    """Close connections once no thread uses them."""
    for _ in range(n_slots):
        await slots.acquire()
    try:
        await client.aclose()
    finally:
        for _ in range(n_slots):
            slots.release()


def _named(labels):
    """Return labels as text, since a message may have turned numbers into text."""
    return [str(label) for label in np.asarray(labels).tolist()]


def _metadata(body):
    """Return the labels and the input name as far as the metadata contain them."""
    try:
        message = parsed(body)
    except ValueError as error:
        raise BadAnswerError(f"The metadata are not valid JSON: {error}") from error
    told = {}
    inputs = message.get("inputs")
    only = inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else None
    if isinstance(only, dict) and isinstance(only.get("name"), str):
        told["input"] = only["name"]
    parameters = message.get("parameters")
    classes = parameters.get("classes") if isinstance(parameters, dict) else None
    if isinstance(classes, list) and classes:
        kinds = {type(label) for label in classes}
        if len(kinds) > 1 or not kinds <= {str, int, float, bool}:
            raise BadAnswerError("The labels in the metadata are of several kinds.")
        told["classes"] = classes
    return told

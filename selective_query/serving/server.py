"""serve_global, serve_edge: serve a model over the Open Inference Protocol."""

from contextlib import suppress
from dataclasses import asdict, dataclass

from sklearn.frozen import FrozenEstimator

from selective_query._utils.numbers import check_number, check_whole
from selective_query._utils.validation import check_instance
from selective_query.classifiers import CascadeClassifier, HybridClassifier
from selective_query.serving._address import LOOPBACK, check_token
from selective_query.serving._application import Application
from selective_query.serving._batching import Batcher
from selective_query.serving._metrics import Metrics
from selective_query.serving._served import EDGES, Served

# Number of classes printed when a server starts.
MAX_CLASSES_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Resource limits of a server.

    Parameters
    ----------
    max_body_bytes : int, default=10_000_000
        Maximum size of a request.
    max_connections : int, default=256
        Maximum simultaneous connections; requests beyond get status 503. Together with
        `max_body_bytes` it bounds the memory that requests take.
    max_rows : int, default=4096
        Maximum rows of a request.
    max_waiting_rows : int, default=20_000
        Maximum rows in the queue; requests beyond get status 503 with ``Retry-After``.
    max_batch_rows : int, default=512
        Maximum rows, of several requests, that the model answers in one call.
    batch_wait_ms : float, default=0
        How long a request waits for others to form a batch. With 0, a batch contains
        the requests that arrived while the model was busy.
    n_threads : int, default=1
        Number of simultaneous calls of the model.
    graceful_s : float, default=10
        Time to finish pending requests when the server is stopped.

    Raises
    ------
    ValueError
        If a limit is out of range.
    """

    max_body_bytes: int = 10_000_000
    max_connections: int = 256
    max_rows: int = 4096
    max_waiting_rows: int = 20_000
    max_batch_rows: int = 512
    batch_wait_ms: float = 0.0
    n_threads: int = 1
    graceful_s: float = 10.0

    def __post_init__(self):
        for name in ("batch_wait_ms", "graceful_s"):
            check_number(getattr(self, name), name)
        for name in (
            "max_body_bytes", "max_connections", "max_rows", "max_waiting_rows",
            "max_batch_rows", "n_threads",
        ):  # fmt: skip
            check_whole(getattr(self, name), name, 1)


def application(
    model, name="model", *, takes="numbers", limits=None, token=None, journal=None
):
    """Return an ASGI application that serves a fitted classifier on any web server.

    Parameters
    ----------
    model : classifier
        Fitted. A hybrid also returns which model answered, why the global did not, and
        the score.
    name : str, default="model"
        It is served under ``/v2/models/NAME``.
    takes : {"numbers", "text", "pictures"}, default="numbers"
        Kind of rows. Pictures come as JPEG or PNG.
    limits : Limits or None, default=None
    token : Secret or None, default=None
        If given, requests must send it as ``Authorization: Bearer``.
    journal : Journal or None, default=None
        Records the decisions of a hybrid. A failure to record is logged, and the answer
        is returned all the same.

    Returns
    -------
    starlette.applications.Starlette

    Raises
    ------
    ImportError
        If the extra ``serve`` is not installed.
    TypeError, ValueError
        When a parameter is out of range, or the token's environment variable is unset.
    """
    limits = Limits() if limits is None else limits
    check_instance(limits, "limits", Limits)
    check_token(token)
    if token is not None:
        token.reveal()
    if not (isinstance(name, str) and name.replace("-", "_").isidentifier()):
        raise ValueError(
            f"name must be letters, digits, '-' and '_'. Got {name!r:.60}."
        )
    served = Served(model, name, takes, journal)
    batcher = Batcher(
        served.answers,
        n_threads=limits.n_threads,
        wait_ms=limits.batch_wait_ms,
        max_rows=limits.max_batch_rows,
        max_waiting_rows=limits.max_waiting_rows,
    )
    metrics = Metrics(name, lambda: batcher.waiting_rows)
    return Application(served, batcher, metrics, limits, token).asgi()


def serve(
    app,
    *,
    host=LOOPBACK[0],
    port=8080,
    max_connections=256,
    graceful_s=10.0,
    on_start=None,
    on_end=None,
):
    """Run an application until the process is told to stop.

    On SIGTERM and SIGINT it accepts no new requests and finishes those under way.

    Parameters
    ----------
    app : ASGI application
    host : str, default="127.0.0.1"
        Address to listen on; by default for this machine alone.
    port : int, default=8080
    max_connections : int, default=256
        Maximum simultaneous connections; requests beyond get status 503.
    graceful_s : float, default=10
        Time to finish requests under way.
    on_start : callable or None, default=None
        Called with the port once the server accepts requests.
    on_end : callable or None, default=None
        Called once the last request is answered.

    Raises
    ------
    ImportError
        If the extra ``serve`` is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise ImportError(
            "A server needs uvicorn: pip install 'selective-query[serve]'."
        ) from error

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            if self.started and on_start is not None:
                on_start(self.servers[0].sockets[0].getsockname()[1])

        async def shutdown(self, sockets=None):
            await super().shutdown(sockets)
            if on_end is not None:
                on_end()

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=max_connections,
        timeout_graceful_shutdown=max(1, round(graceful_s)),
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after shutdown
        Server(config).run()


def serve_global(model, name="model", *, host=LOOPBACK[0], port=8080, **options):
    """Serve a fitted classifier, such as the global of a hybrid.

    Parameters
    ----------
    model : classifier
        Fitted. For a hybrid its global is served, for a chain its last tier.
    name : str, default="model"
        It is served under ``/v2/models/NAME``.
    host : str, default="127.0.0.1"
        Address to listen on; by default for this machine alone.
    port : int, default=8080
    **options : object
        Further parameters of :func:`application`; and ``announce``, a function such as
        ``print``, called with one line when the server starts and when it has stopped.

    Raises
    ------
    ImportError, TypeError, ValueError
        As in :func:`application`.
    """
    if isinstance(model, HybridClassifier):
        model = model.global_estimator_
    elif isinstance(model, CascadeClassifier):
        model = model.estimators_[-1]
    if isinstance(model, FrozenEstimator):
        model = model.estimator
    _run(model, name, host, port, options)


def serve_edge(hybrid, name="model", *, host=LOOPBACK[0], port=8080, **options):
    """Serve a fitted hybrid: its base answers here, and its rule queries the global.

    Parameters
    ----------
    hybrid : HybridClassifier or CascadeClassifier
        Fitted. For a chain, ``answered_by`` is the name of a tier. With
        ``on_unavailable="raise"``, a request that a remote model failed to answer gets
        status 500.
    name : str, default="model"
        It is served under ``/v2/models/NAME``.
    host : str, default="127.0.0.1"
        Address to listen on; by default for this machine alone.
    port : int, default=8080
    **options : object
        As in :func:`serve_global`.

    Raises
    ------
    ImportError, TypeError, ValueError
        As in :func:`application`, and when `hybrid` is neither a hybrid nor a chain.
    """
    check_instance(hybrid, "hybrid", EDGES)
    _run(hybrid, name, host, port, options)


def _run(model, name, host, port, options):
    limits = options.get("limits") or Limits()
    announce = options.pop("announce", None) or (lambda text: None)
    app = application(model, name, **options)
    serve(
        app,
        host=host,
        port=port,
        max_connections=limits.max_connections,
        graceful_s=limits.graceful_s,
        on_start=lambda port: announce(
            f"Serving {_described(model)} at http://{host}:{port}/v2/models/{name} "
            f"(limits {', '.join(f'{k}={v:g}' for k, v in asdict(limits).items())})"
        ),
        on_end=lambda: announce("Stopped. All pending requests were answered."),
    )


def _described(model):
    """Return the class of a model and its first labels, for printing."""
    labels = [str(label) for label in model.classes_[:MAX_CLASSES_SHOWN]]
    more = len(model.classes_) - len(labels)
    labels += [f"... {more} more"] if more > 0 else []
    return f"{type(model).__name__} (classes {', '.join(labels)})"

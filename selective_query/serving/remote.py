"""RemoteClassifier: a model behind a server of the Open Inference Protocol."""

from selective_query._utils.numbers import check_whole
from selective_query._utils.validation import check_choice, check_instance
from selective_query.serving._address import checked_url
from selective_query.serving._elsewhere import PROBA, AnsweringElsewhere
from selective_query.serving._http import HttpChannel
from selective_query.serving._loop import wait_for_result
from selective_query.serving._payloads import PAYLOADS


class RemoteClassifier(AnsweringElsewhere):
    """A model behind a server that speaks the Open Inference Protocol, version 2.

    MLServer, Triton, KServe, Ray Serve behind its gateway, and
    :func:`~selective_query.serving.serve_global` do. It is frozen by nature: a hybrid
    asks it and never fits it. Connections are kept open and shared by all threads; a
    pickle or clone has the parameters, and opens its own.

    Parameters
    ----------
    url : str
        Of the model, ending in ``/v2/models/NAME``, or in ``/versions/VERSION`` behind
        that. Without password or query.
    classes : array-like of shape (n_classes,) or None, default=None
        Labels, in the order of the columns. None asks the server's metadata for
        ``parameters.classes``, which not every server has; where it does, others than
        its labels are refused.
    method : {"predict_proba", "predict"}, default="predict_proba"
        What it answers with: a distribution for each row, or a label.
    input_name : str or None, default=None
        Name of the input tensor; None takes that in the metadata.
    output_name : str or None, default=None
        Name of the output tensor; None takes `method`, as MLServer calls it.
    payload : str or None, default=None
        How rows travel: "float32", "float64", "uint8"; "text"; "jpeg" or "png", for
        pictures of shape (height, width) or (height, width, 3). None sends numbers and
        text as they are.
    binary : bool or None, default=None
        Whether tensors travel in binary. None tries, and takes JSON for good where the
        server refuses it.
    token : Secret or None, default=None
        Sent as ``Authorization: Bearer``, over https alone (but to this machine).
    ca_file : str or None, default=None
        Certificates that the server's is checked against, in place of the system's. The
        check cannot be turned off.
    batch_rows : int, default=256
        Rows of a request at most.
    max_concurrency : int, default=4
        Requests, and connections, at a time, of all threads together.
    deadline_ms : float, default=1000
        In which a request must be answered, over all attempts and the wait for its turn
        among others.
    call_deadline_ms : float or None, default=None
        In which a call must be over, such as ``predict`` with all its requests; rows
        that are not answered by then are late. None sets no such limit.
    timeout_ms : float or None, default=None
        In which an attempt must be; None leaves it what is left of the deadline.
    attempts : int, default=2
    failures_to_open : int or None, default=3
        Requests that fail in a row, after which it is not asked any more but for one
        probe every `recovery_ms`; more, of one that fails now and then. None asks on.
    recovery_ms : float, default=5000
    max_answer_bytes : int, default=100_000_000
        Of one answer; more is no answer.

    Notes
    -----
    A request that fails is sent again at once where something else can answer (in a
    hybrid whose ``on_unavailable`` is not "raise"), and after a pause in ``predict``.

    References
    ----------
    Open Inference Protocol, https://github.com/kserve/open-inference-protocol.

    Examples
    --------
    >>> from selective_query.serving import RemoteClassifier, Secret
    >>> RemoteClassifier(
    ...     "https://models.example.org/v2/models/digits",
    ...     classes=range(10),
    ...     token=Secret(env="MODELS_TOKEN"),
    ... ).classes_
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    def __init__(
        self,
        url,
        *,
        classes=None,
        method=PROBA,
        input_name=None,
        output_name=None,
        payload=None,
        binary=None,
        token=None,
        ca_file=None,
        batch_rows=256,
        max_concurrency=4,
        deadline_ms=1000.0,
        call_deadline_ms=None,
        timeout_ms=None,
        attempts=2,
        failures_to_open=3,
        recovery_ms=5000.0,
        max_answer_bytes=100_000_000,
    ):
        self.url = url
        self.classes = classes
        self.method = method
        self.input_name = input_name
        self.output_name = output_name
        self.payload = payload
        self.binary = binary
        self.token = token
        self.ca_file = ca_file
        self.batch_rows = batch_rows
        self.max_concurrency = max_concurrency
        self.deadline_ms = deadline_ms
        self.call_deadline_ms = call_deadline_ms
        self.timeout_ms = timeout_ms
        self.attempts = attempts
        self.failures_to_open = failures_to_open
        self.recovery_ms = recovery_ms
        self.max_answer_bytes = max_answer_bytes

    @property
    def classes_(self):
        """Labels, in the order of the columns; where none are given, the server's.

        Raises
        ------
        GlobalUnavailableError
            When the server is asked and does not tell them.
        """
        if self.classes is not None:
            return super().classes_
        return wait_for_result(self._known(self._live()))

    def _check(self):
        super()._check()
        checked_url(self.url, self.token)
        check_choice(self.payload, "payload", (*PAYLOADS, None))
        check_choice(self.binary, "binary", (True, False, None))
        check_whole(self.max_answer_bytes, "max_answer_bytes", 1)
        for name in ("input_name", "output_name", "ca_file"):
            if getattr(self, name) is not None:
                check_instance(getattr(self, name), name, str)

    def _open(self, asker):
        vars(self).setdefault("_told", {})
        return HttpChannel(asker, self, checked_url(self.url, self.token))

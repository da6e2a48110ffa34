"""RemoteClassifier: a model on a server that speaks the Open Inference Protocol."""

from selective_query._utils.numbers import check_whole
from selective_query._utils.validation import check_choice, check_instance
from selective_query.serving._address import checked_url
from selective_query.serving._elsewhere import PROBA, AnsweringElsewhere
from selective_query.serving._http import HttpChannel
from selective_query.serving._loop import wait_for_result
from selective_query.serving._payloads import PAYLOADS


class RemoteClassifier(AnsweringElsewhere):
    """A model on a server that speaks the Open Inference Protocol, version 2.

    MLServer, Triton, KServe, Ray Serve behind its gateway, and
    :func:`~selective_query.serving.serve_global` speak it. The model is always frozen:
    a hybrid queries it and never fits it. All threads share the open connections; a
    pickle or clone has the parameters only, and opens its own.

    Parameters
    ----------
    url : str
        URL of the model, ending in ``/v2/models/NAME``, optionally followed by
        ``/versions/VERSION``. It must not contain a password or a query string.
    classes : array-like of shape (n_classes,) or None, default=None
        Labels, in the order of the columns. None reads ``parameters.classes`` from the
        server's metadata, which not every server provides. If the server provides them,
        different labels given here are refused.
    method : {"predict_proba", "predict"}, default="predict_proba"
        What the model returns for each row: class probabilities, or a label.
    input_name : str or None, default=None
        Name of the input tensor; None reads it from the metadata.
    output_name : str or None, default=None
        Name of the output tensor; None takes `method`, the name that MLServer uses.
    payload : str or None, default=None
        How rows are encoded: "float32", "float64", "uint8"; "text"; "jpeg" or "png",
        for pictures of shape (height, width) or (height, width, 3). None sends numbers
        and text as they are.
    binary : bool or None, default=None
        Whether to send tensors in binary. None tries binary, and switches to JSON for
        all later requests if the server refuses it.
    token : Secret or None, default=None
        Sent as ``Authorization: Bearer``; requires https, except to this machine.
    ca_file : str or None, default=None
        File of certificates to verify the server against, in place of the system's.
        Verification cannot be turned off.
    batch_rows : int, default=256
        Maximum rows per request.
    max_concurrency : int, default=4
        Maximum simultaneous requests and connections, across all threads.
    deadline_ms : float, default=1000
        Time limit for a request, including all attempts and the wait for a free slot.
    call_deadline_ms : float or None, default=None
        Time limit for a call such as ``predict``, including all its requests; rows not
        answered by then are late. None sets no limit.
    timeout_ms : float or None, default=None
        Time limit for an attempt; None allows the remaining time of the deadline.
    attempts : int, default=2
        Maximum attempts per request.
    failures_to_open : int or None, default=3
        Consecutive failed requests after which the server is no longer asked, except
        for one probe every `recovery_ms`. The number grows if requests fail
        occasionally in normal operation. None never stops asking.
    recovery_ms : float, default=5000
        Interval between probes.
    max_answer_bytes : int, default=100_000_000
        Maximum size of an answer; a larger one counts as a bad answer.

    Notes
    -----
    A failed request is retried at once if there is a fallback (in a hybrid whose
    ``on_unavailable`` is not "raise"), and after a pause in ``predict``.

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
        """Labels, in the order of the columns: those given, or else the server's.

        Raises
        ------
        GlobalUnavailableError
            If the server is asked and does not report them.
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

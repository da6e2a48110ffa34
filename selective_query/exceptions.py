"""Errors and warnings of this library."""


class MissingEvidenceError(ValueError):
    """A router needs evidence (logits, features, ...) that the batch does not carry."""


class BoundRouterError(ValueError):
    """A bound such as the oracle was asked to route inputs, not to be compared."""


class CertificateError(ValueError):
    """A confidence was asked for where no honest certificate can be given."""


class BudgetInfeasibleError(ValueError):
    """No operating point meets a budget.

    Parameters
    ----------
    message : str
    budget : Budget
        The constraint that binds; kept as an attribute.
    nearest : float
        The value of it that could be met; kept as an attribute.
    """

    def __init__(self, message, budget, nearest):
        super().__init__(message)
        self.budget = budget
        self.nearest = nearest

    def __reduce__(self):
        return type(self), (*self.args, self.budget, self.nearest)


class ExportError(ValueError):
    """A part of a classifier has no form in another language, or the artefact does not
    decide as the classifier does.
    """


class CalibrationWarning(UserWarning):
    """The operating point is valid but coarser, or emptier, than what was asked for."""


class ModelWarning(UserWarning):
    """A model tells less than it should: it is worse than one label for every row, or
    its features mean something else after each fit.
    """


class UnavailableWarning(UserWarning):
    """The global gave no answer about some rows, which are therefore left out."""


class OverloadError(ValueError):
    """More inputs a day than the device can compute or the link may send."""


class DeviceLimitError(ValueError):
    """A base, with its router, takes more than the device has.

    Parameters
    ----------
    message : str
    report : FootprintReport
        Each limit, what is used of it, and by how much it is exceeded; kept as an
        attribute.
    """

    def __init__(self, message, report):
        super().__init__(message)
        self.report = report

    def __reduce__(self):
        return type(self), (*self.args, self.report)


class GlobalUnavailableError(RuntimeError):
    """The global gave no answer that can be used.

    Attributes
    ----------
    reason : str
        In one word or two, as in a table: "unreachable", "timeout", "refused", "bad
        answer" or "not asked".
    replies : Replies or None
        Where it was raised for a call about several rows, what came of each of them:
        ``values``, ``failure`` (None where an answer came), ``attempts`` and
        ``latency_ms``.
    """

    reason = "unavailable"
    replies = None


class UnreachableError(GlobalUnavailableError):
    """Nothing answers where the global should be, or the connection broke."""

    reason = "unreachable"


class TooLateError(GlobalUnavailableError):
    """The global did not answer before the deadline."""

    reason = "timeout"


class RefusedError(GlobalUnavailableError):
    """The global said that it will not answer, or failed itself.

    Parameters
    ----------
    message : str
    status : int or None, default=None
        HTTP status, where there is one; kept as an attribute.
    """

    reason = "refused"

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status

    def __reduce__(self):
        return type(self), (*self.args, self.status)


class BadAnswerError(GlobalUnavailableError, ValueError):
    """What the global said is no answer: NaN, another shape, an unknown label."""

    reason = "bad answer"


class NotAskedError(GlobalUnavailableError):
    """The global failed so often of late that it was spared this query."""

    reason = "not asked"

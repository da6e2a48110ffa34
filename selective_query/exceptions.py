"""Errors and warnings of this library."""


class MissingEvidenceError(ValueError):
    """A router needs evidence (logits, features, ...) that the batch does not have."""


class BoundRouterError(ValueError):
    """A bound such as the oracle was used to route inputs instead of for comparison."""


class CertificateError(ValueError):
    """A confidence was requested where no valid certificate can be given."""


class BudgetInfeasibleError(ValueError):
    """No operating point meets a budget.

    Parameters
    ----------
    message : str
    budget : Budget
        The budget that cannot be met; kept as an attribute.
    nearest : float
        The nearest value that can be met; kept as an attribute.
    """

    def __init__(self, message, budget, nearest):
        super().__init__(message)
        self.budget = budget
        self.nearest = nearest

    def __reduce__(self):
        return type(self), (*self.args, self.budget, self.nearest)


class ExportError(ValueError):
    """A classifier cannot be exported, or its artefact decides differently."""


class CalibrationWarning(UserWarning):
    """The operating point is valid but coarser or more extreme than requested."""


class ModelWarning(UserWarning):
    """A model is less accurate than a constant label, or its features are unstable."""


class UnavailableWarning(UserWarning):
    """The global failed to answer some rows, which are left out."""


class OverloadError(ValueError):
    """There are more inputs a day than the device can compute or the link can send."""


class DeviceLimitError(ValueError):
    """A base, with its router, exceeds the limits of the device.

    Parameters
    ----------
    message : str
    report : FootprintReport
        Each limit, how much of it is used, and by how much it is exceeded; kept as an
        attribute.
    """

    def __init__(self, message, report):
        super().__init__(message)
        self.report = report

    def __reduce__(self):
        return type(self), (*self.args, self.report)


class GlobalUnavailableError(RuntimeError):
    """The global gave no usable answer.

    Attributes
    ----------
    reason : str
        A short reason: "unreachable", "timeout", "refused", "bad answer" or "not
        asked".
    replies : Replies or None
        If it was raised for a call about several rows, the result for each of them:
        ``values``, ``failure`` (None where an answer came), ``attempts`` and
        ``latency_ms``.
    """

    reason = "unavailable"
    replies = None


class UnreachableError(GlobalUnavailableError):
    """Nothing answers at the global's address, or the connection broke."""

    reason = "unreachable"


class TooLateError(GlobalUnavailableError):
    """The global did not answer before the deadline."""

    reason = "timeout"


class RefusedError(GlobalUnavailableError):
    """The global refused to answer, or failed with an error.

    Parameters
    ----------
    message : str
    status : int or None, default=None
        HTTP status, if there is one; kept as an attribute.
    """

    reason = "refused"

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status

    def __reduce__(self):
        return type(self), (*self.args, self.status)


class BadAnswerError(GlobalUnavailableError, ValueError):
    """The global returned an invalid answer: NaN, a wrong shape, an unknown label."""

    reason = "bad answer"


class NotAskedError(GlobalUnavailableError):
    """The query was skipped, because the global has failed too often recently."""

    reason = "not asked"

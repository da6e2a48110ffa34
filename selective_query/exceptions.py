"""Errors and warnings of this library."""


class MissingEvidenceError(ValueError):
    """A router needs evidence (logits, features, ...) that the batch does not carry."""


class BoundRouterError(ValueError):
    """A bound such as the oracle was asked to route inputs, not to be compared."""


class CertificateError(ValueError):
    """A confidence was asked for where no honest certificate can be given."""


class CalibrationWarning(UserWarning):
    """The operating point is valid but coarser, or emptier, than what was asked for."""

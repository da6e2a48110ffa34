"""Check as early as possible whether a base and its router fit a device."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from selective_query.exceptions import DeviceLimitError
from selective_query.footprint.profiling import profile_estimator
from selective_query.outcomes.evidence import Evidence

_BY_CLASS = frozenset({"base_proba", "base_logits"})
NEEDED = ("name", "flash_bytes", "sram_bytes")


def check_device(device, parameter="device"):
    """Refuse a device without the required attributes.

    Parameters
    ----------
    device : object
    parameter : str
        Name of the parameter, for the message.

    Raises
    ------
    ValueError
        If it lacks a name or a memory size.
    """
    lacking = [name for name in NEEDED if not hasattr(device, name)]
    if lacking:
        raise ValueError(
            f"{parameter} must be a selective_query.costs.Device, such as DEVICES"
            f"['STM32F746'], or have {', '.join(NEEDED)}. Got {device!r}, without "
            f"{', '.join(lacking)}."
        )


def device_report(base, device, X, n_classes, *, fit, router=None, evidence=None):
    """Report the memory of a base on a device, including its router if possible.

    The base is fitted only if necessary: not if the parameters determine its size, as
    for nets and linear models, and not if a tree fits even at its maximum size.

    Parameters
    ----------
    base : estimator
        Fitted or not.
    device : Device
    X : array-like
        The rows that the base is, or will be, fitted on.
    n_classes : int
    fit : callable
        Returns the fitted base; called only if necessary.
    router : BaseRouter or None, default=None
        Counted if it is fitted, or if it does not learn and reads only class scores.
        Its scratch memory is added to the base's peak, which gives an upper bound.
    evidence : Evidence or None, default=None
        One row that the router decides on; None if not available yet.

    Returns
    -------
    FootprintReport

    Raises
    ------
    ValueError
        If this kind of estimator is not supported.
    """
    report = _report_as_given(base, device, X, n_classes)
    if report is None:
        report = profile_estimator(fit(), X, n_classes=n_classes).fits(device)
    if router is None or not _is_fitted(router):
        return report
    if evidence is None:
        if not _BY_CLASS.issuperset(router.required_evidence):
            return report
        evidence = _row_of(n_classes)
    cost = router.decision_cost(evidence)
    return report.beside(
        f"{type(router).__name__} included",
        flash_bytes=cost.flash_bytes,
        sram_bytes=cost.ram_bytes,
    )


def _row_of(n_classes):
    """Return evidence with the shape of a base's outputs for one row."""
    proba = np.full((1, n_classes), 1 / n_classes)
    return Evidence(base_proba=proba, base_logits=np.zeros((1, n_classes)))


def _report_as_given(base, device, X, n_classes):
    """Return the report without a fit; None if a fit is necessary."""
    try:
        profile = profile_estimator(base, X, n_classes=n_classes)
    except NotFittedError:
        return None
    report = profile.fits(device)
    # If an upper bound does not fit, the fitted tree still may.
    may_be_less = getattr(profile, "is_bound", False)
    return report if report or not may_be_less else None


def _is_fitted(router):
    try:
        check_is_fitted(router)
    except NotFittedError:
        return False
    return True


def refuse_excess(report, base, who="base_estimator"):
    """Raise if a memory of the device is exceeded.

    Parameters
    ----------
    report : FootprintReport
    base : estimator
    who : str
        Name of its parameter; both are for the message.

    Raises
    ------
    DeviceLimitError
        A ValueError with the report attached.
    """
    if report:
        return
    raise DeviceLimitError(
        f"{who}={base!r} does not fit device={report.device} "
        f"({report.assumptions}): {'; '.join(map(str, report.memories))}. "
        "Take a smaller base or router or a larger device, or set device=None to train "
        "it all the same.",
        report,
    )

"""Whether a base, with its router, fits a device, told as early as can be known."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from selective_query.exceptions import DeviceLimitError
from selective_query.footprint.profiling import profile_estimator
from selective_query.outcomes.evidence import Evidence

_BY_CLASS = frozenset({"base_proba", "base_logits"})
NEEDED = ("name", "flash_bytes", "sram_bytes")


def check_device(device, parameter="device"):
    """Refuse a device that does not say what it has.

    Parameters
    ----------
    device : object
    parameter : str
        Its name, for the message.

    Raises
    ------
    ValueError
        When it lacks a name or a memory.
    """
    lacking = [name for name in NEEDED if not hasattr(device, name)]
    if lacking:
        raise ValueError(
            f"{parameter} must be a selective_query.costs.Device, such as DEVICES"
            f"['STM32F746'], or have {', '.join(NEEDED)}. Got {device!r}, without "
            f"{', '.join(lacking)}."
        )


def device_report(base, device, X, n_classes, *, fit, router=None, evidence=None):
    """What of a device a base takes, with its router as far as it is known.

    Before training where the parameters tell, as of nets and linear models, or where a
    tree fits even if it grows into each of its limits. Else the base is fitted to see.

    Parameters
    ----------
    base : estimator
        Fitted or not.
    device : Device
    X : array-like
        The rows that the base is fitted on.
    n_classes : int
    fit : callable
        Returns the fitted base; called only where a fit alone tells.
    router : BaseRouter or None, default=None
        Counted where it is fitted, or learns nothing and reads no more than classes.
        Its scratch memory is added to the base's peak, which is an upper bound.
    evidence : Evidence or None, default=None
        One row of what it decides on; None before there is any.

    Returns
    -------
    FootprintReport

    Raises
    ------
    ValueError
        When nobody knows how to count this kind of estimator.
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
    """What a base of so many classes will say of a row, as far as its shape goes."""
    proba = np.full((1, n_classes), 1 / n_classes)
    return Evidence(base_proba=proba, base_logits=np.zeros((1, n_classes)))


def _report_as_given(base, device, X, n_classes):
    """The report without a fit; None where that would not tell."""
    try:
        profile = profile_estimator(base, X, n_classes=n_classes)
    except NotFittedError:
        return None
    report = profile.fits(device)
    # That a bound does not fit says nothing about the tree that will be grown.
    may_be_less = getattr(profile, "is_bound", False)
    return report if report or not may_be_less else None


def _is_fitted(router):
    try:
        check_is_fitted(router)
    except NotFittedError:
        return False
    return True


def refuse_excess(report, base, who="base_estimator"):
    """Raise where a memory of the device is exceeded.

    Parameters
    ----------
    report : FootprintReport
    base : estimator
    who : str
        Its name; both are for the message.

    Raises
    ------
    DeviceLimitError
        A ValueError that carries the report.
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

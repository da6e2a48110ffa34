"""Whether base and router fit the device, before and after the full fit."""

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query.footprint._device_check import device_report, refuse_excess


def refuse_too_large(side, device, router):
    """Raise if a base exceeds the device, before anything else is fitted.

    Parameters
    ----------
    side : Side
        The base, on the rows of a fit.
    device : Device or None
    router : BaseRouter
        Not yet fitted.

    Raises
    ------
    DeviceLimitError
    """
    if device is None:
        return
    rows = side.rows
    n_classes = len(np.unique(rows.y))
    report = device_report(
        side.model, device, rows.X, n_classes, fit=lambda: side.fitted, router=router
    )
    refuse_excess(report, side.model, side.who)


def footprint_of(edge, device, X):
    """The footprint of the fitted base and router; None without a device.

    Parameters
    ----------
    edge : Edge
    device : Device or None
    X : array-like
        Rows that the base was fitted on.

    Returns
    -------
    FootprintReport or None

    Raises
    ------
    DeviceLimitError
        If it exceeds the device.
    """
    if device is None:
        return None
    report = device_report(
        edge.base,
        device,
        X,
        len(edge.classes),
        fit=lambda: edge.base,
        router=edge.rule.router,
        evidence=edge.evidence(_safe_indexing(X, [0])),
    )
    refuse_excess(report, edge.base, edge.who)
    return report

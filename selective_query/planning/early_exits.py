"""early_exit: the system curve of an early-exit net on a device."""

import numpy as np

from selective_query._utils.numbers import (
    LARGEST,
    as_column,
    as_numbers,
    check_number,
    check_whole,
)
from selective_query._utils.validation import check_instance, check_weights
from selective_query.costs.devices import Device
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import check_proba, entropy
from selective_query.planning._system_rows import weighted_mean
from selective_query.planning.system_curve import SystemCurve


def early_exit(
    proba,
    y,
    device,
    *,
    calibration_proba,
    calibration_y,
    exit_macs=None,
    exit_ms=None,
    router_macs=0,
    n_points=51,
    sample_weight=None,
    calibration_weight=None,
    name="early exit",
):
    """Evaluate an early-exit net: each input leaves at the first confident exit.

    An exit is confident if its entropy is at most a threshold, the same for all exits
    but the last. The threshold is swept over the entropies of the calibration rows,
    from all inputs through the whole net to all inputs through the first exit only.

    Parameters
    ----------
    proba : array-like of shape (n_exits, n_samples, n_classes)
        Class probabilities at each exit, for the reported rows.
    y : array-like of shape (n_samples,)
        Column indices of the true classes.
    device : Device
    calibration_proba : array-like of shape (n_exits, n_calibration_samples, n_classes)
        The same for other rows, on which the net was not trained.
    calibration_y : array-like of shape (n_calibration_samples,)
        Column indices of the true classes.
    exit_macs : array-like of shape (n_exits,) or None, default=None
        Multiply-accumulates from the input to each exit's answer, including earlier
        exits, as :func:`~selective_query.footprint.exit_profile.profile_exits` counts
        them.
    exit_ms : array-like of shape (n_exits,) or None, default=None
        Measured time to each answer. Exactly one of both is required.
    router_macs : int, default=0
        Multiply-accumulates of the entropy, at each exit that decides.
    n_points : int, default=51
        Number of thresholds.
    sample_weight, calibration_weight : array-like of shape (n,), optional
    name : str, default="early exit"

    Returns
    -------
    SystemCurve
        Its coverage is 1: the device answers everything. Thresholds are in nats.

    Raises
    ------
    ValueError
        If exits, rows or times do not match, or the calibration rows are the reported
        ones.
    TypeError
        If the device is not a Device.

    References
    ----------
    Teerapittayanon, McDanel and Kung, "BranchyNet: fast inference via early exiting
    from deep neural networks", ICPR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query.costs import STM32F746
    >>> from selective_query.planning import early_exit
    >>> rng = np.random.default_rng(0)
    >>> sure, unsure = [0.9, 0.1], [0.5, 0.5]
    >>> first, last = [sure, unsure, sure, unsure], [sure, sure, sure, sure]
    >>> net = early_exit(
    ...     [first, last], [0, 0, 0, 1], STM32F746,
    ...     calibration_proba=[first, last], calibration_y=[0, 0, 0, 0],
    ...     exit_ms=[10, 50], n_points=3,
    ... )
    >>> net.costs["latency_ms"], net.accuracy
    (array([50., 30., 10.]), array([0.75, 0.75, 0.75]))
    """
    check_instance(name, "name", str)
    check_instance(device, "device", Device)
    router_macs = check_number(router_macs, "router_macs")
    n_points = check_whole(n_points, "n_points", 2)
    if calibration_proba is proba:
        raise ValueError(
            "calibration_proba must be of other rows than proba, or thresholds are "
            "chosen on the rows they are reported on. Got the same. Set some aside."
        )
    reported = _Exits(proba=proba, y=y, sample_weight=sample_weight)
    chosen = _Exits(
        calibration_proba=calibration_proba,
        calibration_y=calibration_y,
        calibration_weight=calibration_weight,
    )
    if reported.n != chosen.n:
        raise ValueError(
            "proba and calibration_proba must be of the same exits. Got "
            f"{reported.n} and {chosen.n}."
        )
    ms = _times_ms(device, exit_macs, exit_ms, router_macs, reported.n)
    threshold = chosen.thresholds(n_points)
    utility, spent_ms = reported.at(threshold, ms)
    calibration_utility, calibration_ms = chosen.at(threshold, ms)
    return SystemCurve(
        name=name,
        accuracy=[weighted_mean(of_point, reported.last) for of_point in utility],
        coverage=np.ones(len(threshold)),
        costs=_costs(device, spent_ms),
        calibration_accuracy=[
            weighted_mean(of_point, chosen.last) for of_point in calibration_utility
        ],
        calibration_costs=_costs(device, calibration_ms),
        threshold=threshold,
        utility=utility,
        sample_weight=reported.last.sample_weight,
    )


class _Exits:
    """Utility and entropy of each exit on some rows."""

    def __init__(self, **given):
        (name, proba), (y_name, y), (weight_name, weight) = given.items()
        proba = as_numbers(proba, name)
        if proba.ndim != 3 or not len(proba):
            raise ValueError(
                f"{name} must be of shape (n_exits, n_samples, n_classes), one exit or "
                f"more. Got {proba.shape}."
            )
        proba = [check_proba(of_exit, name) for of_exit in proba]
        n_rows, n_classes = proba[0].shape
        y = as_column(y, y_name)
        if len(y) != n_rows or not np.isin(y, np.arange(n_classes)).all():
            raise ValueError(
                f"{y_name} must be the number of a column, 0 to {n_classes - 1}, for "
                f"each of the {n_rows} rows. Got shape {y.shape}."
            )
        if weight is not None:
            weight = check_weights(weight, n_rows, name=weight_name)
        exits = [
            Outcomes(base_proba=of_exit, y=y, sample_weight=weight) for of_exit in proba
        ]
        self.n, self.last = len(exits), exits[-1]
        self._utility = np.stack([rows.base_utility for rows in exits])
        self._entropy = np.stack([entropy(rows.base_proba) for rows in exits])

    def thresholds(self, n_points):
        """Return increasing thresholds, from no early exit to all at the first exit."""
        early = self._entropy[:-1].ravel()
        if not len(early):
            return np.array([np.inf])
        inner = np.quantile(early, np.linspace(0, 1, n_points)[1:-1], method="lower")
        return np.concatenate([[-np.inf], inner, [np.inf]])

    def at(self, thresholds, ms):
        """Return utility (n_points, n_samples) and mean time (n_points,)."""
        utility, spent = [], []
        every_row = np.arange(self._entropy.shape[1])
        for threshold in thresholds:
            sure = self._entropy <= threshold
            sure[-1] = True
            taken = sure.argmax(axis=0)
            utility.append(self._utility[taken, every_row])
            spent.append(weighted_mean(ms[taken], self.last))
        return np.array(utility), np.array(spent)


def _times_ms(device, exit_macs, exit_ms, router_macs, n_exits):
    """Return the time to each exit's answer, including all entropies before it."""
    if (exit_macs is None) == (exit_ms is None):
        got = "neither" if exit_macs is None else "both"
        raise ValueError(f"Give one of exit_macs and exit_ms. Got {got}.")
    name, given = (
        ("exit_ms", exit_ms) if exit_macs is None else ("exit_macs", exit_macs)
    )
    work = as_numbers(given, name).astype(float)
    if work.shape != (n_exits,) or not _rises(work):
        raise ValueError(
            f"{name} must be one number >= 0 for each of the {n_exits} exits, rising: "
            f"all that is spent from the input to its answer. Got {given!r}."
        )
    decisions = np.minimum(np.arange(1, n_exits + 1), n_exits - 1)
    deciding = device.latency_ms(router_macs * decisions)
    return deciding + (work if exit_macs is None else device.latency_ms(work))


def _rises(work):
    return (np.diff(work, prepend=0.0) >= 0).all() and work[-1] <= LARGEST


def _costs(device, mean_ms):
    """Return the costs of a system that sends nothing."""
    nothing = np.zeros(len(mean_ms))
    return {
        "latency_ms": mean_ms,
        "energy_mj": device.sensing_energy_mj + device.compute_energy_mj(mean_ms),
        "bytes": nothing,
        "price": nothing,
    }

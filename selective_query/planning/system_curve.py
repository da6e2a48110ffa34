"""SystemCurve: accuracy and costs of a system at each operating point."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from selective_query._utils.numbers import (
    LARGEST,
    as_numbers,
    check_number,
    check_whole,
)
from selective_query._utils.validation import check_instance, check_weights
from selective_query.metrics._inputs import check_utility, refuse_nan
from selective_query.planning.system_point import SystemPoint

COSTS = ("latency_ms", "energy_mj", "bytes", "price")


def costs_over(deployment, coverages):
    """Return the costs of a deployment at several coverages.

    Parameters
    ----------
    deployment : Deployment
    coverages : array-like of shape (n_points,)

    Returns
    -------
    dict of str to ndarray of shape (n_points,)
        Mean costs per input.
    """
    return {
        name: np.array([getattr(deployment, name)(float(c)) for c in coverages])
        for name in COSTS
    }


@dataclass(frozen=True, eq=False, kw_only=True)
class SystemCurve:
    """The operating points of a system, chosen on some rows and reported on others.

    Created by :func:`on_device`, :func:`on_cloud`, :func:`routed` and
    :func:`early_exit`. For other systems, give the figures directly.

    Parameters
    ----------
    name : str
    accuracy, coverage : array-like of shape (n_points,)
        On the reported rows. Coverage is the share that the device answers itself.
    costs : dict of str to array-like of shape (n_points,)
        Mean costs per input on the reported rows: ``latency_ms``, ``energy_mj``,
        ``bytes`` and ``price``, or some of them.
    calibration_accuracy : array-like of shape (n_points,), optional
        Accuracy on the calibration rows, by which :meth:`within` chooses.
    calibration_costs : dict of str to array-like of shape (n_points,), optional
        Costs on the calibration rows, like `costs`.
    threshold : array-like of shape (n_points,), optional
        Thresholds, fitted on the calibration rows.
    utility : array-like of shape (n_points, n_samples), optional
        Expected utility of each reported row, for paired differences.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the reported rows.

    Raises
    ------
    ValueError
        If shapes differ, or a number is out of range.

    Examples
    --------
    >>> from selective_query.planning import SystemCurve
    >>> published = SystemCurve(
    ...     name="small and large",
    ...     accuracy=[0.609, 0.635],
    ...     coverage=[1, 1],
    ...     costs={"latency_ms": [900, 1300]},
    ...     calibration_accuracy=[0.61, 0.63],
    ...     calibration_costs={"latency_ms": [900, 1300]},
    ... )
    >>> published.within(1000).accuracy
    0.609
    """

    name: str
    accuracy: np.ndarray
    coverage: np.ndarray
    costs: dict
    calibration_accuracy: np.ndarray | None = None
    calibration_costs: dict | None = None
    threshold: np.ndarray | None = None
    utility: np.ndarray | None = None
    sample_weight: np.ndarray | None = None

    def __post_init__(self):
        check_instance(self.name, "name", str)
        accuracy = as_numbers(self.accuracy, "accuracy").astype(float)
        if accuracy.ndim != 1 or not len(accuracy):
            raise ValueError(
                "accuracy must be one number for each operating point, at least one. "
                f"Got shape {accuracy.shape}."
            )
        self._set("accuracy", self._column(accuracy, "accuracy", 1))
        self._set("coverage", self._column(self.coverage, "coverage", 1))
        self._set("costs", self._columns("costs"))
        if (self.calibration_accuracy is None) != (self.calibration_costs is None):
            raise ValueError(
                "calibration_accuracy and calibration_costs belong together. Got one "
                "of them. Give both, of the same rows, or neither."
            )
        if self.calibration_accuracy is not None:
            chosen_by = self._column(
                self.calibration_accuracy, "calibration_accuracy", 1
            )
            self._set("calibration_accuracy", chosen_by)
            self._set("calibration_costs", self._columns("calibration_costs"))
            if set(self.calibration_costs) != set(self.costs):
                raise ValueError(
                    f"calibration_costs of {self.name!r} must be those of costs, "
                    f"{', '.join(self.costs)}. Got {', '.join(self.calibration_costs)}."
                )
        if self.threshold is not None:
            # May be infinite, where nothing or everything is queried: only check its
            # shape.
            threshold = as_numbers(self.threshold, "threshold").astype(float)
            refuse_nan(threshold.ravel(), "threshold")
            self._refuse_shape(threshold, "threshold")
            self._set("threshold", threshold)
        self._check_rows()

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    def _columns(self, name):
        columns = getattr(self, name)
        check_instance(columns, name, Mapping, "Give a dict: latency_ms, price, ....")
        return {
            cost: self._column(values, f"{name}[{cost!r}]", LARGEST)
            for cost, values in columns.items()
        }

    def _column(self, values, name, most):
        values = as_numbers(values, name).astype(float)
        self._refuse_shape(values, name)
        if not ((values >= 0) & (values <= most)).all():
            allowed = "in [0, 1]" if most == 1 else "finite and >= 0"
            raise ValueError(
                f"{name} of {self.name!r} must be {allowed}, without NaN. Got values "
                f"from {values.min():.4g} to {values.max():.4g}. Leave out infeasible "
                "points."
            )
        return values

    def _refuse_shape(self, values, name):
        if values.shape != np.shape(self.accuracy):
            raise ValueError(
                f"{name} of {self.name!r} must be one number for each of the "
                f"{self.n_points} operating points. Got shape {values.shape}."
            )

    def _check_rows(self):
        if self.utility is None:
            return
        utility = check_utility(self.utility, "utility").astype(float)
        if utility.ndim != 2 or len(utility) != self.n_points:
            raise ValueError(
                f"utility of {self.name!r} must be of shape (n_points={self.n_points}, "
                f"n_samples). Got shape {utility.shape}."
            )
        self._set("utility", utility)
        if self.sample_weight is not None:
            weight = check_weights(self.sample_weight, utility.shape[1])
            self._set("sample_weight", weight)

    @property
    def n_points(self):
        """Number of operating points."""
        return len(self.accuracy)

    def cost(self, name):
        """Return one of the costs at each point, shape (n_points,).

        Parameters
        ----------
        name : str
            ``"latency_ms"``, ``"energy_mj"``, ``"bytes"`` or ``"price"``.

        Returns
        -------
        ndarray of shape (n_points,)

        Raises
        ------
        ValueError
            If the system does not have it.
        """
        if not (isinstance(name, str) and name in self.costs):
            raise ValueError(
                f"cost={name!r} is unknown for {self.name!r}, which has "
                f"{', '.join(self.costs)}. Give the name of one, or add it to costs."
            )
        return self.costs[name]

    def point(self, number):
        """Return one operating point.

        Parameters
        ----------
        number : int
            Index of the point on the curve.

        Returns
        -------
        SystemPoint

        Raises
        ------
        ValueError
            If there is no such point.
        """
        number = check_whole(number, "number")
        if number >= self.n_points:
            raise ValueError(
                f"number must be that of one of the {self.n_points} points of "
                f"{self.name!r}, counted from 0. Got {number}."
            )
        return SystemPoint(
            name=self.name,
            number=number,
            accuracy=float(self.accuracy[number]),
            coverage=float(self.coverage[number]),
            costs={name: float(values[number]) for name, values in self.costs.items()},
            threshold=None if self.threshold is None else float(self.threshold[number]),
            utility=None if self.utility is None else self.utility[number],
            sample_weight=self.sample_weight,
        )

    def within(self, limit, cost="latency_ms"):
        """Return the point of best accuracy within a limit.

        Choosing the best of many points on the reported rows would be optimistic. So
        the point is chosen by accuracy and cost on the calibration rows only; its cost
        on the reported rows may slightly exceed the limit.

        Parameters
        ----------
        limit : float
            Maximum mean cost.
        cost : str, default="latency_ms"
            Name of the limited cost.

        Returns
        -------
        SystemPoint or None
            None if no point is within the limit. Among equally accurate points, the
            cheapest.

        Raises
        ------
        ValueError
            If the limit is not a number, the cost is unknown, or there are several
            points but no calibration rows to choose by.
        """
        limit = check_number(limit, "limit", -np.inf, or_infinite=True)
        reported = self.cost(cost)
        if self.calibration_accuracy is None:
            if self.n_points > 1:
                raise ValueError(
                    f"{self.name!r} has {self.n_points} operating points and no "
                    "calibration_accuracy to choose by; choosing on the reported rows "
                    "would be optimistic. Give it the calibration rows."
                )
            accuracy, spent = self.accuracy, reported
        else:
            accuracy, spent = self.calibration_accuracy, self.calibration_costs[cost]
        fits = np.flatnonzero(spent <= limit * (1 + 1e-12))
        if not len(fits):
            return None
        best_first = np.lexsort((spent[fits], -accuracy[fits]))
        return self.point(int(fits[best_first[0]]))

    @classmethod
    def joined(cls, name, curves):
        """Join the points of several curves to one system.

        For a system that may also choose among bases: each base is a curve, and the
        best point within a limit is chosen among all points.

        Parameters
        ----------
        name : str
        curves : sequence of SystemCurve
            Reported on the same rows. A part that one curve lacks is left out.

        Returns
        -------
        SystemCurve

        Raises
        ------
        ValueError
            If there are no curves, or their rows differ in number or weight.
        """
        check_instance(curves, "curves", Iterable)
        curves = list(curves)
        for curve in curves:
            check_instance(curve, "each of curves", cls)
        _refuse_other_rows(curves)
        return cls(
            name=name,
            accuracy=np.concatenate([curve.accuracy for curve in curves]),
            coverage=np.concatenate([curve.coverage for curve in curves]),
            costs=_joined_costs([curve.costs for curve in curves]),
            calibration_accuracy=_joined([c.calibration_accuracy for c in curves]),
            calibration_costs=_joined_costs([c.calibration_costs for c in curves]),
            threshold=_joined([curve.threshold for curve in curves]),
            utility=_joined([curve.utility for curve in curves]),
            sample_weight=curves[0].sample_weight,
        )


def _joined(parts):
    return None if any(part is None for part in parts) else np.concatenate(parts)


def _joined_costs(parts):
    if any(part is None for part in parts):
        return None
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _refuse_other_rows(curves):
    if not curves:
        raise ValueError("curves must hold at least one SystemCurve. Got none.")
    with_rows = [curve for curve in curves if curve.utility is not None]
    for first, curve in pairwise(with_rows):
        as_many = first.utility.shape[1] == curve.utility.shape[1]
        if not as_many or not np.array_equal(first.sample_weight, curve.sample_weight):
            raise ValueError(
                f"curves must be judged on the same rows with the same weights. Got "
                f"others for {curve.name!r} than for {first.name!r}. Judge all of them "
                "on one set of rows."
            )

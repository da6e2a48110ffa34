"""best_within: the best point of several systems within limits."""

from collections.abc import Iterable

from selective_query._utils.numbers import check_number
from selective_query._utils.validation import check_instance
from selective_query.planning.system_curve import SystemCurve


def best_within(systems, limits, cost="latency_ms"):
    """Return the point of best accuracy of each system within each limit.

    This reproduces the paper's second table. Points are chosen on the calibration rows
    and reported on others; see :meth:`SystemCurve.within`.

    Parameters
    ----------
    systems : sequence of SystemCurve
        Systems with different names.
    limits : sequence of float
        Maximum mean costs.
    cost : {"latency_ms", "energy_mj", "bytes", "price"}, default="latency_ms"

    Returns
    -------
    dict of str to dict of float to (SystemPoint or None)
        By system name and limit; None if no point is within the limit.

    Raises
    ------
    ValueError
        If two systems have the same name, a limit is not a number >= 0, or a system
        lacks the cost or the calibration rows to choose among its points.
    TypeError
        If systems are not SystemCurves, or limits not a list.

    Examples
    --------
    >>> from selective_query.planning import SystemCurve, best_within
    >>> cloud = SystemCurve(
    ...     name="on-cloud", accuracy=[0.8], coverage=[0], costs={"latency_ms": [1900]}
    ... )
    >>> found = best_within([cloud], [1600, 2000])
    >>> found["on-cloud"][1600] is None, found["on-cloud"][2000].accuracy
    (True, 0.8)
    """
    systems = check_systems(systems, "systems")
    check_instance(limits, "limits", Iterable)
    refuse_same_names(systems)
    check_instance(cost, "cost", str)
    what = f"in the unit of {cost}"
    limits = [
        check_number(limit, "limits", what=what, or_infinite=True) for limit in limits
    ]
    return {
        system.name: {limit: system.within(limit, cost) for limit in limits}
        for system in systems
    }


def check_systems(systems, name):
    """Return systems as a list; raise a TypeError unless all are SystemCurves."""
    check_instance(systems, name, Iterable)
    systems = list(systems)
    for system in systems:
        check_instance(system, f"each of {name}", SystemCurve)
    return systems


def refuse_same_names(systems):
    """Raise a ValueError if two systems have the same name."""
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                "Systems must have different names to be told apart. Got "
                f"{name!r} {names.count(name)} times. Give name=."
            )

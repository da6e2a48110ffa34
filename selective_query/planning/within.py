"""The best that each of several systems reaches within limits."""

from collections.abc import Iterable

from selective_query._utils.numbers import check_number
from selective_query._utils.validation import check_instance
from selective_query.planning.system_curve import SystemCurve


def best_within(systems, limits, cost="latency_ms"):
    """The point of best accuracy of each system within each limit.

    The paper's second table. Points are chosen on the calibration rows and reported on
    others; see :meth:`SystemCurve.within`.

    Parameters
    ----------
    systems : sequence of SystemCurve
        Of different names.
    limits : sequence of float
        Largest means of the cost.
    cost : {"latency_ms", "energy_mj", "bytes", "price"}, default="latency_ms"

    Returns
    -------
    dict of str to dict of float to (SystemPoint or None)
        By name of the system and limit; None where nothing fits.

    Raises
    ------
    ValueError
        When two systems have one name, a limit is no number >= 0, a system does not
        know the cost, or has no calibration rows to choose among its points by.
    TypeError
        When systems are no SystemCurves, or limits no list.

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
    """Systems as a list, or a TypeError where they are none."""
    check_instance(systems, name, Iterable)
    systems = list(systems)
    for system in systems:
        check_instance(system, f"each of {name}", SystemCurve)
    return systems


def refuse_same_names(systems):
    """Raise ValueError where a name stands for two systems."""
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                "Systems must have different names to be told apart. Got "
                f"{name!r} {names.count(name)} times. Give name=."
            )

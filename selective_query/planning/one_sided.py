"""Systems without routing: everything on the device, or everything in the cloud."""

from dataclasses import replace

from selective_query.planning._sending import (
    expected_utility,
    sending,
    share_that_stays,
)
from selective_query.planning._system_rows import (
    check_system,
    refuse_no_global,
    weighted_mean,
)
from selective_query.planning.system_curve import SystemCurve, costs_over


def on_device(outcomes, deployment, *, calibration=None, name="on-device"):
    """Return the system in which the base answers everything.

    Nothing is sent, and no router runs.

    Parameters
    ----------
    outcomes : Outcomes
        The reported rows.
    deployment : Deployment
        Provides device and base.
    calibration : Outcomes, optional
        Other rows. Required if several bases are :meth:`SystemCurve.joined` to one
        system.
    name : str, default="on-device"

    Returns
    -------
    SystemCurve
        With a single point.

    Raises
    ------
    TypeError
        If a part is not Outcomes, or the deployment not a Deployment.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.costs import CLOUD, Deployment, STM32F746, WIFI
    >>> from selective_query.planning import on_device
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=200, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> small = on_device(Outcomes(base_utility=[1, 1, 0]), costs)
    >>> small.accuracy.round(2), small.costs["latency_ms"]
    (array([0.67]), array([200.]))
    """
    _check(name, deployment, outcomes, calibration)
    without_router = replace(deployment, router_macs=0)
    return _one_point(
        name,
        lambda rows: (without_router, 1.0, rows.base_utility),
        outcomes,
        calibration,
    )


def on_cloud(outcomes, deployment, *, calibration=None, name="on-cloud"):
    """Return the system in which every input is sent; neither base nor router runs.

    The device senses, sends and waits. If no attempt of a query gets through, there is
    no base to fall back on, and the answer counts as wrong. If some rows must not be
    queried (``local_only``), the device has the base, which answers these rows and lost
    queries.

    Parameters
    ----------
    outcomes : Outcomes
        The reported rows, with a global.
    deployment : Deployment
        Provides device, link, cloud, payload, timeout and retries. The payload is that
        of an input, not of features.
    calibration : Outcomes, optional
        Other rows, as in :func:`on_device`.
    name : str, default="on-cloud"

    Returns
    -------
    SystemCurve
        With a single point.

    Raises
    ------
    ValueError
        If there is no global, or the deployment has no cloud.
    TypeError
        If a part is not Outcomes, or the deployment not a Deployment.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.costs import CLOUD, Deployment, STM32F746, WIFI
    >>> from selective_query.planning import on_cloud
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=200, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> rows = Outcomes(base_utility=[1, 1, 0], global_utility=[1, 1, 1])
    >>> large = on_cloud(rows, costs)
    >>> large.accuracy.round(3), large.costs["bytes"] > 3072
    (array([1.]), array([ True]))
    """
    _check(name, deployment, outcomes, calibration)
    for rows in (outcomes, calibration):
        if rows is not None:
            refuse_no_global(rows, "on_cloud")
    if deployment.order == "same_device":
        raise ValueError(
            "on_cloud needs a deployment with a link and a cloud. Got order="
            "'same_device', where the global runs on the device: use on_device with "
            "its multiply-accumulates as base_macs."
        )

    def answered(rows):
        stays = share_that_stays(rows)
        where = sending(deployment, stays)
        return where, stays, expected_utility(rows, where.chance_lost)

    return _one_point(name, answered, outcomes, calibration)


def _check(name, deployment, outcomes, calibration):
    other = {} if calibration is None else {"calibration": calibration}
    check_system(name, deployment, outcomes=outcomes, **other)


def _one_point(name, answered, outcomes, calibration):
    """Return the curve of a system without routing.

    `answered` maps rows to the deployment, its coverage, and the utility of each row.
    """
    deployment, coverage, utility = answered(outcomes)
    calibrated = {}
    if calibration is not None:
        *where, expected = answered(calibration)
        calibrated = {
            "calibration_accuracy": [weighted_mean(expected, calibration)],
            "calibration_costs": costs_over(where[0], [where[1]]),
        }
    return SystemCurve(
        name=name,
        accuracy=[weighted_mean(utility, outcomes)],
        coverage=[coverage],
        costs=costs_over(deployment, [coverage]),
        utility=utility[None],
        sample_weight=outcomes.sample_weight,
        **calibrated,
    )

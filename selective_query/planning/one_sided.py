"""Systems that never choose: all on the device, or all in the cloud."""

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
    """The base answers everything; nothing is sent, and no router runs.

    Parameters
    ----------
    outcomes : Outcomes
        The reported rows.
    deployment : Deployment
        Of which device and base count.
    calibration : Outcomes, optional
        Other rows. Needed where several bases are :meth:`SystemCurve.joined` to one
        system.
    name : str, default="on-device"

    Returns
    -------
    SystemCurve
        Of one point.

    Raises
    ------
    TypeError
        When a part is no Outcomes, or the deployment no Deployment.

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
    """Every input is sent; neither base nor router runs.

    The device senses, sends and waits. A query that no attempt gets through has no base
    to fall back on, and counts as wrong. Where some rows must stay (``local_only``) the
    device has the base, which answers those and the queries that get lost.

    Parameters
    ----------
    outcomes : Outcomes
        The reported rows, with a global.
    deployment : Deployment
        Of which device, link, cloud, payload, timeout and retries count. The payload is
        that of an input, not of features.
    calibration : Outcomes, optional
        Other rows, as in :func:`on_device`.
    name : str, default="on-cloud"

    Returns
    -------
    SystemCurve
        Of one point.

    Raises
    ------
    ValueError
        When there is no global, or the deployment has no cloud.
    TypeError
        When a part is no Outcomes, or the deployment no Deployment.

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
    """The curve of a system that chooses nothing.

    `answered` tells of rows where the system runs, its coverage, and their utility.
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

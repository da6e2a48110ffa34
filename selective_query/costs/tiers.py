"""tier_costs: cost of asking each tier of a chain, from the deployment of each hop."""

from selective_query._utils.validation import check_choice
from selective_query.costs.cost_model import CostModel

QUANTITIES = ("price", "latency_ms", "energy_mj")


def tier_costs(deployments, quantity="price"):
    """Return the costs of the tiers of a chain from the deployments of its hops.

    Each deployment describes a pair: a tier, and the next tier as its cloud. The first
    tier costs as much as an input without any query. Each later tier costs as much as a
    query to it adds, including its response time as the cloud of the deployment.

    Parameters
    ----------
    deployments : sequence of CostModel
        One per hop, in order, such as :class:`~selective_query.costs.Deployment`. Hops
        may use different links; the device time of a later deployment is already part
        of the cloud time of the one before it.
    quantity : {"price", "latency_ms", "energy_mj"}, default="price"
        Quantity of which means are returned; energy is that of all devices together.

    Returns
    -------
    tuple of float
        For ``MaxTierCost(maximum, costs=...)`` and ``CascadeClassifier(costs=...)``.

    Raises
    ------
    ValueError
        If there is no deployment, or the quantity is unknown.
    TypeError
        If one is not a CostModel.

    Examples
    --------
    >>> from selective_query.costs import ConstantCosts, tier_costs
    >>> near = ConstantCosts(base_latency_ms=20, query_latency_ms=80)
    >>> far = ConstantCosts(base_latency_ms=30, query_latency_ms=400)
    >>> tier_costs([near, far], "latency_ms")
    (20.0, 80.0, 400.0)
    """
    check_choice(quantity, "quantity", QUANTITIES)
    deployments = list(deployments)
    if not deployments:
        raise ValueError("deployments must hold at least one. Got none.")
    for deployment in deployments:
        if not isinstance(deployment, CostModel):
            raise TypeError(
                "deployments must be CostModels, such as Deployment(...). Got "
                f"{deployment!r:.60}."
            )
    of = [getattr(deployment, quantity) for deployment in deployments]
    queries = [float(cost(0.0) - cost(1.0)) for cost in of]
    return float(of[0](1.0)), *queries

"""What asking each tier of a chain costs, from the deployment of each hop."""

from selective_query._utils.validation import check_choice
from selective_query.costs.cost_model import CostModel

QUANTITIES = ("price", "latency_ms", "energy_mj")


def tier_costs(deployments, quantity="price"):
    """Costs of the tiers of a chain, one more than there are deployments.

    Each deployment is that of a pair: a tier, and the one behind it, which is its
    cloud. So the first tier costs what an input costs without any query, and each
    later one what a query to it adds, with what its cloud takes to answer.

    Parameters
    ----------
    deployments : sequence of CostModel
        From the first tier to the last but one, such as
        :class:`~selective_query.costs.Deployment`. Links of later ones may be of
        another kind; their devices' own times are those of the clouds before them.
    quantity : {"price", "latency_ms", "energy_mj"}, default="price"
        Means; energy is that of all devices together.

    Returns
    -------
    tuple of float
        For ``MaxTierCost(maximum, costs=...)`` and ``CascadeClassifier(costs=...)``.

    Raises
    ------
    ValueError
        When there is no deployment, or the quantity is unknown.
    TypeError
        When one is no CostModel.

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

"""Detect percentiles that hide the latency of the queries."""

RARE = 0.05


def hides_queries(deployment, coverage):
    """Whether the 95th percentile is the base's own time although some are queried.

    If fewer than 5 % are queried, it does not depend on how long queries take.

    Parameters
    ----------
    deployment : Deployment
    coverage : float

    Returns
    -------
    bool
    """
    own = deployment.latency_ms(1.0, "p95")
    return 0 < 1 - coverage < RARE and deployment.latency_ms(coverage, "p95") <= own

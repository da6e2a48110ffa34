"""What a percentile of all inputs does not say of the queried ones."""

RARE = 0.05


def hides_queries(deployment, coverage):
    """Whether the 95th percentile is the base's own time, though some are queried.

    That is so where fewer than 5 % are: however long those take.

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

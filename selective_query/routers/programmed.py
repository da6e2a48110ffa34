"""A router that runs a program from a router fitted elsewhere."""

from selective_query.routers.base import BaseRouter
from selective_query.routers.program import Program


class ProgramRouter(BaseRouter):
    """Score with a program that comes from a file or another machine.

    It learns nothing. Its scores are unbiased on every row that the program was not
    fitted on, so a threshold can be learned and certified on all of these rows.

    Parameters
    ----------
    source : Program
        The result of ``program()`` of a fitted router.
    in_benefit_units : bool, default=False
        Whether its score estimates the expected benefit of a query.

    Examples
    --------
    >>> from selective_query import RoutingPolicy
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import BenefitRouter, ProgramRouter
    >>> train, test = (
    ...     make_selective_query(500, random_state=seed).outcomes for seed in (0, 1)
    ... )
    >>> router = ProgramRouter(BenefitRouter().fit(train).program())
    >>> policy = RoutingPolicy(router, coverage=0.8, confidence=0.9).fit(test)
    >>> policy.operating_point_.certificate.exact
    True
    """

    def __init__(self, source, in_benefit_units=False):
        self.source = source
        self.in_benefit_units = in_benefit_units

    @property
    def required_evidence(self):
        """Parts of the evidence that the program reads."""
        return tuple(self.source.parts())

    @property
    def needs_base(self):
        """Whether it reads more than the inputs."""
        return set(self.source.parts()) != {"X"}

    def program(self):
        return self.source

    def check_before_fit(self, X):
        if not isinstance(self.source, Program):
            raise TypeError(
                "source must be a Program, such as router.program() of a fitted one. "
                f"Got {type(self.source).__name__}."
            )

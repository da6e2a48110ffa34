"""Gateway: a tier between device and cloud."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.validation import check_instance
from selective_query.costs.cost_model import check_share
from selective_query.costs.deployment import Deployment


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A middle tier that answers some queries itself and passes the others on.

    It replaces the cloud of a :class:`Deployment`: device, gateway, cloud.

    Parameters
    ----------
    deployment : Deployment
        Deployment of the gateway's own hybrid.
    coverage : float
        Share of the queries that the gateway answers.
    """

    deployment: Deployment
    coverage: float

    def __post_init__(self):
        check_share(self.coverage)
        check_instance(self.deployment, "Gateway: deployment", Deployment)

    @property
    def price_per_query(self):
        """Mean price of a query to the gateway."""
        return self.deployment.price(self.coverage)

    def draw_ms(self, rng, n):
        """Draw response times.

        Parameters
        ----------
        rng : numpy.random.Generator
        n : int

        Returns
        -------
        ndarray of shape (n,)
            In ms.
        """
        kept, queried = self.deployment._totals_ms()
        passed_on = rng.choice(queried, n)
        return np.where(rng.random(n) < self.coverage, kept, passed_on)

"""The energy of the logits: doubt that the softmax forgets."""

from scipy.special import logsumexp

from selective_query._utils.numbers import check_positive
from selective_query.routers.base import BaseRouter
from selective_query.routers.decision_cost import cost_of


class EnergyRouter(BaseRouter):
    r"""Query where the free energy of the base's logits is highest.

    .. math:: s(x) = -T \log \sum_k e^{z_k(x) / T}

    The softmax keeps differences between logits and forgets their level, which is lower
    on inputs unlike those of training. So probabilities cannot stand in for logits: the
    energy of log-probabilities is zero everywhere.

    Parameters
    ----------
    temperature : float, default=1.0
        Positive. Near zero the score is minus the largest logit.

    References
    ----------
    Liu, Wang, Owens and Li, "Energy-based out-of-distribution detection", NeurIPS 2020.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import EnergyRouter
    >>> logits = [[5.0, 1.0], [3.0, -1.0]]  # of the same probabilities
    >>> EnergyRouter().query_score(Evidence(base_logits=logits)).round(3)
    array([-5.018, -3.018])
    """

    required_evidence = ("base_logits",)

    def __init__(self, temperature=1.0):
        self.temperature = temperature

    def fit(self, outcomes):
        self._check_temperature()
        return self

    def query_score(self, evidence):
        t = self._check_temperature()
        logits = evidence.require("base_logits", "EnergyRouter")
        return -t * logsumexp(logits.astype(float) / t, axis=1)

    def decision_cost(self, n_classes, n_features=0):
        # To compare, to subtract and scale, an exponential added up; one logarithm.
        return cost_of(3 * n_classes + 2, stored=1, scratch=2)

    def _check_temperature(self):
        return check_positive(self.temperature, "temperature")

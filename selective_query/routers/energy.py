"""The energy of the logits: doubt that the softmax discards."""

from selective_query._utils.numbers import check_positive
from selective_query.routers.base import BaseRouter
from selective_query.routers.steps import Steps


class EnergyRouter(BaseRouter):
    r"""Query where the free energy of the base's logits is highest.

    .. math:: s(x) = -T \log \sum_k e^{z_k(x) / T}

    The softmax preserves differences between logits but discards their level, which is
    lower on inputs unlike the training data. Probabilities therefore cannot replace
    logits: the energy of log-probabilities is zero everywhere.

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

    def program(self):
        steps = Steps()
        logits = steps.read("base_logits")
        t = self._check_temperature()
        energy = steps.add("log_sum_exp", logits, temperature=t)
        steps.add("apply", energy, function="negative")
        return steps.program("EnergyRouter")

    def _check_temperature(self):
        return check_positive(self.temperature, "temperature")

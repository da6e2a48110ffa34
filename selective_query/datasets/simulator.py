"""make_selective_query: simulated outcomes with a known optimal routing rule."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.numbers import check_whole, random_state_of
from selective_query.metrics.at_coverage import accuracy_at_coverage
from selective_query.outcomes.outcomes import Outcomes

REGIMES = ("uniform", "specialist", "noisy")


@dataclass(frozen=True, eq=False)
class SelectiveQuerySample:
    """Simulated outcomes with their true expected utilities.

    Attributes
    ----------
    outcomes : Outcomes
        With X, base_proba, base_features (the same as X), global_pred and y.
    base_expected_utility, global_expected_utility : ndarray of shape (n_samples,)
        Probability, given the evidence, that each side is right.
    """

    outcomes: Outcomes
    base_expected_utility: np.ndarray
    global_expected_utility: np.ndarray

    @property
    def expected_benefit(self):
        """E[benefit | evidence], shape (n_samples,); the optimal rule ranks by it."""
        return self.global_expected_utility - self.base_expected_utility

    def expected_accuracy(self, score, coverage):
        """Return the accuracy at a coverage on these rows, expected over the labels.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
            Higher means query first.
        coverage : float or array-like
            In [0, 1].

        Returns
        -------
        float or ndarray
        """
        return accuracy_at_coverage(
            score,
            self.base_expected_utility,
            self.global_expected_utility,
            coverage=coverage,
        )

    def regret(self, score, coverage):
        """Return the expected accuracy that a ranking loses to the Bayes-optimal rule.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        coverage : float or array-like

        Returns
        -------
        float or ndarray
        """
        best = self.expected_accuracy(self.expected_benefit, coverage)
        return best - self.expected_accuracy(score, coverage)


def make_selective_query(
    n_samples=1000, *, regime="uniform", n_classes=4, n_features=4, random_state=None
):
    """Draw outcomes of a base and a global with a known Bayes-optimal routing rule.

    Features z are uniform in [-1, 1]. The base's largest probability m is a function of
    the first feature; in the noisy regime, also of the second. The accuracy of each
    side is linear in m and z, so that the expected benefit is linear in the evidence.
    The regimes are those in which Jitkrittum et al. (NeurIPS 2023) find that confidence
    suffices or fails:

    ``"uniform"``
        The global is better everywhere, and more so where the base is less confident:
        max-probability is the optimal ranking.
    ``"specialist"``
        The global is much better on one side of the second feature and worse on the
        other, which the confidence does not show.
    ``"noisy"``
        The lower the second feature, the noisier the labels: the base is rightly
        uncertain there, and the global is no better, so that confidence is misleading.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    regime : {"uniform", "specialist", "noisy"}, default="uniform"
    n_classes : int, default=4
        At least 2.
    n_features : int, default=4
        At least 2; features beyond the second are uninformative.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    SelectiveQuerySample

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Jitkrittum et al., "When does confidence-based cascade deferral suffice?", NeurIPS
    2023.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> sample = make_selective_query(200, regime="specialist", random_state=0)
    >>> sample.expected_benefit.shape
    (200,)
    """
    _check(n_samples, regime, n_classes, n_features)
    rng = random_state_of(random_state)
    z = rng.uniform(-1, 1, size=(n_samples, n_features))
    confidence = _confidence(z, regime, n_classes)
    base_right, global_right = _chances(z, confidence, regime)
    predicted = rng.randint(n_classes, size=n_samples)
    y, global_pred = _draw_labels(rng, predicted, base_right, global_right, n_classes)
    outcomes = Outcomes(
        base_proba=_probabilities(rng, predicted, confidence, n_classes),
        base_features=z,
        X=z,
        global_pred=global_pred,
        y=y,
        classes=np.arange(n_classes),
    )
    return SelectiveQuerySample(outcomes, base_right, global_right)


def _check(n_samples, regime, n_classes, n_features):
    if not isinstance(regime, str) or regime not in REGIMES:
        raise ValueError(f"regime must be one of {REGIMES}. Got {regime!r}.")
    for name, value, least in (
        ("n_samples", n_samples, 1),
        ("n_classes", n_classes, 2),
        ("n_features", n_features, 2),
    ):
        check_whole(value, name, least)


def _confidence(z, regime, n_classes):
    """Return the largest probability of the base."""
    least = 0.52 if n_classes == 2 else 0.4
    sureness = (1 + z[:, 0]) / 2
    if regime == "noisy":
        sureness = (sureness + (1 + z[:, 1]) / 2) / 2
    # Leaves room for a global whose accuracy exceeds the base's confidence.
    most = 0.98 if regime == "uniform" else 0.8
    return least + (most - least) * sureness


def _chances(z, confidence, regime):
    """Return the probabilities, given the evidence, that base and global are right."""
    benefit = {
        "uniform": 0.45 * (1 - confidence),
        "specialist": 0.1 * (1 - confidence) + 0.18 * z[:, 1],
        "noisy": 0.1 * (1 - confidence) + 0.15 * (1 + z[:, 1]) / 2,
    }[regime]
    return confidence, confidence + benefit


def _probabilities(rng, predicted, confidence, n_classes):
    """Return rows with the largest entry at `predicted`, the rest split at random."""
    n = len(predicted)
    rest = rng.dirichlet(np.full(n_classes - 1, 5.0), size=n)
    # No other entry may be larger: blend with an even split until the largest fits.
    largest_share = np.minimum(0.95 * confidence / (1 - confidence), 1.0)
    even = 1 / (n_classes - 1)
    excess = rest.max(axis=1) - even
    room = np.maximum(largest_share - even, 0)
    blend = np.minimum(1, room / np.maximum(excess, 1e-12))[:, None]
    rest = even + blend * (rest - even)
    proba = np.empty((n, n_classes))
    rows = np.arange(n)
    others = np.ones((n, n_classes), dtype=bool)
    others[rows, predicted] = False
    proba[others] = ((1 - confidence)[:, None] * rest).ravel()
    proba[rows, predicted] = confidence
    return proba


def _draw_labels(rng, predicted, base_right, global_right, n_classes):
    """Draw true labels and the global's, with these probabilities of being right.

    Both sides share one uniform number, so that some inputs are hard for both.
    """
    n = len(predicted)
    luck = rng.uniform(size=n)
    shift = rng.randint(1, n_classes, size=n)
    y = np.where(luck < base_right, predicted, (predicted + shift) % n_classes)
    wrong = (y + rng.randint(1, n_classes, size=n)) % n_classes
    return y, np.where(luck < global_right, y, wrong)

"""Keep: the probability with which a journal keeps an input for training."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.numbers import check_number


@dataclass(frozen=True, kw_only=True)
class Keep:
    r"""Probabilities of keeping inputs of three kinds, which may overlap.

    An input of several kinds is drawn independently for each:
    :math:`p = 1 - \prod (1 - p_k)`. The probability is stored with it, so that weights
    :math:`1 / p` correct for the selection when a model is trained or evaluated on the
    kept inputs. Inputs with probability zero are never kept.

    Parameters
    ----------
    at_random : float, default=0.01
        Probability for every input, in [0, 1].
    below : float, default=0
        Probability for inputs that the rule left to the base.
    near : float, default=0
        Probability for inputs whose score is within `width` of the threshold.
    width : float, default=0
        Distance from the threshold, on the scale of the scores.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query.serving import Keep
    >>> keep = Keep(at_random=0.1, near=0.5, width=0.05)
    >>> keep.probability(np.array([0.2, 0.58]), 0.6, np.array([False, False]))
    array([0.1 , 0.55])
    """

    at_random: float = 0.01
    below: float = 0.0
    near: float = 0.0
    width: float = 0.0

    def __post_init__(self):
        for name in ("at_random", "below", "near"):
            check_number(getattr(self, name), name, 0, 1)
        check_number(self.width, "width", 0)

    def probability(self, score, threshold, queried):
        """Return the probability of keeping each input.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        threshold : float or ndarray of shape (n_samples,)
        queried : ndarray of shape (n_samples,), bool

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        is_near = np.abs(score - threshold) <= self.width
        lost = np.full(len(score), 1.0 - self.at_random)
        lost *= np.where(queried, 1, 1 - self.below)
        lost *= np.where(is_near, 1 - self.near, 1)
        return 1 - lost

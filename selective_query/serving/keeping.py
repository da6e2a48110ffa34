"""Keep: which inputs a journal keeps for training, and with what probability."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.numbers import check_number


@dataclass(frozen=True, kw_only=True)
class Keep:
    r"""Chances of being kept, of inputs of three kinds that may overlap.

    An input of several kinds has several chances, drawn by themselves:
    :math:`p = 1 - \prod (1 - p_k)`. The probability is stored with it, so that weights
    :math:`1 / p` undo the selection where a model is trained or judged on what was
    kept; inputs of probability zero are never in it.

    Parameters
    ----------
    at_random : float, default=0.01
        Of every input, in [0, 1].
    below : float, default=0
        Of those that the base answered by the rule.
    near : float, default=0
        Of those whose score is within `width` of the threshold.
    width : float, default=0
        On the scale of the scores.

    Raises
    ------
    ValueError
        When a chance is out of range.

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
        """Chance of each input to be kept.

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

"""The default router: max-probability, unless another router is clearly ahead."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from selective_query._utils.numbers import is_number
from selective_query._utils.validation import check_instance
from selective_query.outcomes._sorted_rows import query_share
from selective_query.routers._scores import check_scores
from selective_query.routers.base import BaseRouter, SelfScoringRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.boosted_benefit import BoostedBenefitRouter
from selective_query.routers.class_doubt import ClassDoubtRouter
from selective_query.routers.confidence import (
    EntropyRouter,
    MarginRouter,
    MaxProbabilityRouter,
)
from selective_query.routers.supervision.privileged import knows_both_sides

ANCHOR, CLASS_DOUBT = "max_probability", "class_doubt"
# class_doubt needs a smaller lead than the others: its gain is measured by the
# privileged benefit, and choosing it wrongly costs little.
SHARE_FOR_CLASS_DOUBT = 2 / 3
# Share of rows that may tie at the cut, in addition to the other anchor's ties.
MORE_TIED = 0.01
# Trees learn little from fewer rows, and would take longer than everything else.
FEWEST_ROWS_FOR_TREES = 2000
MAX_FLASH_BYTES = 16 * 1024
# Accuracy near the target coverage is averaged over these offsets from it.
WINDOW = (-0.05, 0.0, 0.05)
# If a choice makes a difference on fewer rows than this, standard errors are
# unreliable, so the required number of them is multiplied by this factor.
FEW_PAIRS, CAUTION = 30, 1.4


class AutoRouter(SelfScoringRouter):
    """Choose a router by cross-validation, anchored at max-probability.

    Every candidate is scored out of fold on each row. A candidate replaces
    max-probability only if its accuracy near the target coverage is higher by more than
    ``n_standard_errors`` paired standard errors over the rows, or 1.4 times that if the
    outcomes of the two differ on fewer than 30 rows. If several qualify, the one with
    the largest gain is chosen. Choosing the plain maximum instead is often worse than
    max-probability on a few hundred rows.

    If both sides' probabilities are known, class_doubt may take the place of the
    anchor: its lead over max-probability must exceed two thirds as many standard
    errors, with both evaluated by the privileged benefit
    (:func:`~selective_query.routers.supervision.privileged_outcomes`), which is less
    noisy than the outcomes. All others must then be ahead of class_doubt.

    This is a heuristic. It does not correct for the number of candidates, so
    occasionally a candidate is chosen that is ahead by chance, mostly at a small loss;
    raise ``n_standard_errors`` if that matters more than gains.
    ``benchmarks/auto_safety.py`` measures how often this happens, and at what loss.

    The default portfolio is max_probability, margin, entropy, benefit, benefit_mixed
    (supervised half by the global's probabilities, if these are known), class_doubt (if
    there is a coverage and both sides' probabilities are known), and boosted_benefit
    (from 2,000 rows). Candidates that would take more than 16 KB on the device, or more
    than 3 % of the base's operations, are left out. None imports torch.

    Parameters
    ----------
    portfolio : list of (str, BaseRouter) or None, default=None
        Named candidates that replace the default ones, of any size. The anchor is
        ``max_probability``, added if it is missing and the evidence has probabilities.
    target_coverage : float or None, default=None
        The coverage near which candidates are compared. ``HybridClassifier`` fills in
        its own. None compares the area under the curve, and only among candidates in
        units of benefit: without a coverage, the sign of the benefit decides.
    n_standard_errors : float, default=1.5
        Required lead of a candidate in standard errors; finite, at least 0. About 2.3
        keeps the anchor in 19 of 20 samples if five candidates are ahead only by
        chance.

    Attributes
    ----------
    selected_ : BaseRouter
        The chosen router, fitted on all rows.
    selection_ : dict
        ``chosen``, ``anchor``, ``coverage`` and, for each candidate, its ``gain`` over
        the anchor in accuracy with its ``standard_error``; ``left_out`` names the
        candidates that are too large.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import AutoRouter
    >>> sample = make_selective_query(2000, regime="specialist", random_state=0)
    >>> AutoRouter(target_coverage=0.8).fit(sample.outcomes).selection_["chosen"]
    'benefit'
    """

    def __init__(self, portfolio=None, target_coverage=None, n_standard_errors=1.5):
        self.portfolio = portfolio
        self.target_coverage = target_coverage
        self.n_standard_errors = n_standard_errors

    @property
    def in_benefit_units(self):
        return self.target_coverage is None

    @property
    def required_evidence(self):
        self._check_params()
        routers = [router for _, router in self.portfolio or ()]
        return tuple(dict.fromkeys(n for r in routers for n in r.required_evidence))

    @property
    def _reads_columns(self):
        routers = self.portfolio
        return routers is None or any(router._reads_columns for _, router in routers)

    def check_before_fit(self, X):
        self._check_params()
        for _, router in self.portfolio or ():
            router.check_before_fit(X)

    def query_score(self, evidence):
        self._check_fitted()
        return self.selected_.query_score(evidence)

    def program(self):
        self._check_fitted()
        return self.selected_.program()

    def decision_cost(self, evidence):
        self._check_fitted()
        return self.selected_.decision_cost(evidence)

    def _fit(self, outcomes):
        self._check_params()
        candidates = self._candidates(outcomes)
        taught = self._privileged(candidates, outcomes)
        held_out = {
            name: check_scores(
                router.fit_score(outcomes)
                if taught is None or name != CLASS_DOUBT
                else router._fit_taught(taught),
                router,
                outcomes.n_rows,
            )
            for name, router in candidates.items()
        }
        left_out = self._too_large(candidates, outcomes)
        coverages = (
            np.linspace(0.025, 0.975, 20)
            if self.target_coverage is None
            else np.clip(self.target_coverage + np.array(WINDOW), 0, 1)
        )
        shares = {
            name: query_share(score, coverages, outcomes.weight)
            for name, score in held_out.items()
            if name not in left_out
        }
        anchor = self._anchor(shares, taught, held_out)
        chosen, largest, report = anchor, 0.0, {}
        for name, share in shares.items():
            gain = _paired_gain(share, shares[anchor], outcomes)
            report[name] = {"gain": gain.mean, "standard_error": gain.error}
            if gain.mean > largest and gain.is_ahead_by(self.n_standard_errors):
                chosen, largest = name, gain.mean
        self.selected_ = candidates[chosen]
        self.selection_ = {
            "chosen": chosen,
            "anchor": anchor,
            "coverage": self.target_coverage,
            "candidates": report,
            "left_out": left_out,
        }
        return held_out[chosen]

    def _check_params(self):
        n_errors = self.n_standard_errors
        if not (is_number(n_errors) and 0 <= n_errors < np.inf):
            raise ValueError(
                "n_standard_errors must be a finite number >= 0: how sure a gain must "
                f"be. Got {n_errors!r}."
            )
        target = self.target_coverage
        if target is not None and not (is_number(target) and 0 <= target <= 1):
            raise ValueError(
                "target_coverage must be the share of inputs that the base answers, a "
                f"number in [0, 1], or None. Got {target!r}."
            )
        if self.portfolio is not None:
            _check_portfolio(self.portfolio)

    def _candidates(self, outcomes):
        if self.portfolio is None:
            candidates = _default_portfolio(outcomes)
            if self.target_coverage is not None and knows_both_sides(outcomes):
                candidates[CLASS_DOUBT] = ClassDoubtRouter()
        else:
            candidates = {name: self._filled(router) for name, router in self.portfolio}
            if outcomes.base_proba is not None:
                candidates = {ANCHOR: MaxProbabilityRouter(), **candidates}
        if self.target_coverage is None:
            candidates = {n: r for n, r in candidates.items() if r.in_benefit_units}
        if not candidates:
            raise ValueError(
                "AutoRouter without a target_coverage needs a candidate in units of "
                "benefit, since only the sign of its score can decide. The portfolio "
                "has none: add BenefitRouter, or give a coverage."
            )
        return candidates

    def _privileged(self, candidates, outcomes):
        """Targets of class_doubt, also used to evaluate it, if it may be the anchor."""
        if self.portfolio is None and CLASS_DOUBT in candidates:
            return candidates[CLASS_DOUBT]._taught(outcomes)
        return None

    def _anchor(self, shares, taught, held_out):
        """The candidate that all others must be ahead of."""
        anchor = ANCHOR if ANCHOR in shares else next(iter(shares))
        if taught is None or CLASS_DOUBT not in shares:
            return anchor
        # Next to a class effect, the doubt of a saturated base is lost in rounding, and
        # a threshold cannot separate tied rows.
        tied = {n: self._tied(held_out[n]) for n in (CLASS_DOUBT, anchor)}
        if tied[CLASS_DOUBT] > tied[anchor] + MORE_TIED:
            return anchor
        gain = _paired_gain(shares[CLASS_DOUBT], shares[anchor], taught)
        is_ahead = gain.is_ahead_by(SHARE_FOR_CLASS_DOUBT * self.n_standard_errors)
        return CLASS_DOUBT if is_ahead else anchor

    def _tied(self, score):
        """Maximum share of the rows that tie at a cut."""
        coverages = np.clip(self.target_coverage + np.array(WINDOW), 0, 1)
        cuts = np.quantile(score, coverages, method="lower")
        return max(np.mean(score == cut) for cut in cuts)

    def _too_large(self, candidates, outcomes):
        """Names of fitted candidates that are too large for the device."""
        if self.portfolio is not None:
            return []
        return [
            name
            for name in list(candidates)[1:]
            if not _fits_small_device(candidates[name], outcomes)
        ]

    def _filled(self, router):
        """A clone with this router's target coverage, if it has such a parameter."""
        router = clone(router)
        if router.get_params(deep=False).get("target_coverage", 0) is None:
            router.set_params(target_coverage=self.target_coverage)
        return router


def _check_portfolio(portfolio):
    check_instance(portfolio, "portfolio", Iterable)
    for entry in portfolio:
        is_pair = isinstance(entry, (tuple, list)) and len(entry) == 2
        if not is_pair or not isinstance(entry[0], str) or not _is_candidate(entry[1]):
            raise ValueError(
                "portfolio must be a list of pairs of a name and a router that is no "
                "bound, for example [('benefit', BenefitRouter())]. Got the entry "
                f"{entry!r}."
            )
    names = [name for name, _ in portfolio]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            "portfolio must give each router a name of its own. Got more than one of "
            f"{', '.join(twice)}."
        )


def _is_candidate(router):
    return isinstance(router, BaseRouter) and not router.is_bound


class _Gain(NamedTuple):
    """Mean gain in accuracy of one rule over another, its standard error, and the
    number of rows that make it.
    """

    mean: float
    error: float
    n_pairs: float

    def is_ahead_by(self, n_errors):
        caution = CAUTION if self.n_pairs < FEW_PAIRS else 1
        return self.mean > caution * n_errors * self.error


def _paired_gain(share, anchor_share, outcomes):
    difference = (share - anchor_share) * outcomes.benefit
    weight = outcomes.weight
    n = weight.sum()
    gain = weight @ difference / n
    variance = weight @ (difference - gain) ** 2 / n
    n_pairs = weight[difference != 0].sum()
    return _Gain(float(gain), float(np.sqrt(variance / n)), n_pairs)


def _default_portfolio(outcomes):
    """Candidates by name, as far as these rows can train them.

    Parameters
    ----------
    outcomes : Outcomes

    Returns
    -------
    dict of str to BaseRouter
    """
    candidates = {}
    if outcomes.base_proba is not None:
        candidates[ANCHOR] = MaxProbabilityRouter()
        candidates["margin"] = MarginRouter()
        candidates["entropy"] = EntropyRouter()
    candidates["benefit"] = BenefitRouter()
    both = outcomes.base_proba is not None and outcomes.global_proba is not None
    if both and outcomes.y is not None:
        candidates["benefit_mixed"] = BenefitRouter(supervision="mixed")
    if outcomes.weight.sum() >= FEWEST_ROWS_FOR_TREES:
        candidates["boosted_benefit"] = BoostedBenefitRouter()
    return candidates


def _fits_small_device(router, outcomes):
    """Whether a fitted router needs no more flash than a small device can spare.

    Parameters
    ----------
    router : BaseRouter
    outcomes : Outcomes
        Evidence of the kind that the router decides on.

    Returns
    -------
    bool
    """
    cost = router.decision_cost(outcomes.evidence.view(slice(1)))
    return cost.flash_bytes <= MAX_FLASH_BYTES

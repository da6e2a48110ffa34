"""DriftReport: the effect of replacing the base, with old and new threshold."""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from selective_query._models.answers import ask
from selective_query._utils.validation import check_instance
from selective_query.metrics._tally import Tally
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import top_class
from selective_query.rule import Rule


@dataclass(frozen=True)
class DriftReport:
    """Comparison of a classifier before and after its base was replaced.

    Both are evaluated on the same new rows. "old" is the new base with the old
    threshold, the result of forgetting to refit it; "new" is the new base with its own
    threshold. Accuracies refer to the hybrid or, without a global, to the answered
    rows.

    Parameters
    ----------
    n : int
        Number of rows.
    base_accuracy_before, base_accuracy_after : float
        Accuracy of the base on all rows.
    accuracy_before, accuracy_old, accuracy_new : float
    coverage_before, coverage_old, coverage_new : float
        The old values are nan if the old router cannot read the new base's features.
    same_labels : float
        Share of the rows to which both bases give the same label; nan if only utilities
        are known.
    same_queries_old, same_queries_new : float
        Share of the rows with the same decision as before.
    """

    n: int
    base_accuracy_before: float
    base_accuracy_after: float
    accuracy_before: float
    accuracy_old: float
    accuracy_new: float
    coverage_before: float
    coverage_old: float
    coverage_new: float
    same_labels: float
    same_queries_old: float
    same_queries_new: float

    def __str__(self):
        base, labels = self.base_accuracy_after, self.same_labels
        table = [
            ("accuracy of the base", self.base_accuracy_before, base, base),
            ("accuracy", self.accuracy_before, self.accuracy_old, self.accuracy_new),
            ("coverage", self.coverage_before, self.coverage_old, self.coverage_new),
            ("labels of the base as before", 1.0, labels, labels),
            ("queries as before", 1.0, self.same_queries_old, self.same_queries_new),
        ]
        lines = [f"{f'{self.n} rows, in %':28}  before  old threshold  new threshold"]
        lines += [
            f"{name:28}{100 * before:8.2f}{100 * old:15.2f}{100 * new:15.2f}"
            for name, before, old, new in table
        ]
        return "\n".join(lines)


def drift_report(before, after, X, y, *, sample_weight=None):
    """Report how a hybrid changed with its base, on new rows.

    Parameters
    ----------
    before : HybridClassifier or AbstainingClassifier
        Fitted.
    after : the same type
        Result of ``before.with_base``.
    X, y : array-like
        Rows new to the models, and different from those passed to ``with_base``, which
        the new threshold fits by construction. The global is asked about each row once.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    DriftReport

    Raises
    ------
    TypeError
        If a model is not a fitted classifier with a policy.
    ValueError
        As in ``before.outcomes``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import HybridClassifier
    >>> from selective_query.nets.compression import drift_report
    >>> X, y = load_digits(return_X_y=True)
    >>> base, smoother = (
    ...     GaussianNB(var_smoothing=v).fit(X[:500], y[:500]) for v in (0.01, 0.1)
    ... )
    >>> trees = ExtraTreesClassifier(random_state=0).fit(X[:500], y[:500])
    >>> before = HybridClassifier(
    ...     FrozenEstimator(base), FrozenEstimator(trees), router="max_probability"
    ... ).fit(X[500:1000], y[500:1000])
    >>> after = before.with_base(smoother, X[500:1000], y[500:1000])
    >>> found = drift_report(before, after, X[1000:], y[1000:])
    >>> found.coverage_old < 0.87 < found.coverage_new
    True
    """
    for name, model in (("before", before), ("after", after)):
        if not (hasattr(model, "policy_") and hasattr(model, "outcomes")):
            raise TypeError(
                f"{name} must be a fitted HybridClassifier or AbstainingClassifier. "
                f"Got {model!r}."
            )
    known = before.outcomes(X, y, sample_weight=sample_weight)
    base = ask(after.base_estimator_, known.X, after.classes_, after.base_features)
    found = replace(
        known,
        base_proba=base.proba,
        base_logits=base.logits,
        base_features=base.features,
        base_utility=None,
    )
    return rule_drift(before.rule_, after.rule_, known, found)


def rule_drift(before, after, outcomes_before, outcomes_after):
    """Report the drift between two rules from saved outputs.

    Parameters
    ----------
    before, after : Rule
        Rule of the old base, and rule of the new base, such as
        ``policy.recalibrated(...).rule_``.
    outcomes_before, outcomes_after : Outcomes
        The same rows with the old and with the new base; not the rows that either rule
        was fitted on.

    Returns
    -------
    DriftReport
    """
    check_instance(before, "before", Rule)
    check_instance(after, "after", Rule)
    check_instance(outcomes_before, "outcomes_before", Outcomes)
    check_instance(outcomes_after, "outcomes_after", Outcomes)
    kept_before = before.decide(outcomes_before.evidence)
    kept_new = after.decide(outcomes_after.evidence)
    kept_old = None
    # A router fitted on the old base may be unable to read other features.
    with suppress(ValueError, RuntimeError):
        kept_old = before.decide(outcomes_after.evidence)
    weight = outcomes_before.weight

    def share(mask):
        return float(np.average(mask, weights=weight))

    def report(outcomes, kept):
        global_right = outcomes.global_utility if outcomes.has_global else None
        return Tally.of(kept, outcomes.base_utility, global_right, weight).report()

    then, new = report(outcomes_before, kept_before), report(outcomes_after, kept_new)
    old, same_queries_old = Tally().report(), np.nan
    if kept_old is not None:
        old = report(outcomes_after, kept_old)
        same_queries_old = share(kept_old == kept_before)
    return DriftReport(
        n=outcomes_before.n_rows,
        base_accuracy_before=then.base_accuracy,
        base_accuracy_after=new.base_accuracy,
        accuracy_before=then.accuracy,
        accuracy_old=old.accuracy,
        accuracy_new=new.accuracy,
        coverage_before=then.coverage,
        coverage_old=old.coverage,
        coverage_new=new.coverage,
        same_labels=_same_labels(outcomes_before, outcomes_after),
        same_queries_old=same_queries_old,
        same_queries_new=share(kept_new == kept_before),
    )


def _same_labels(one, other):
    if one.base_proba is None or other.base_proba is None:
        return np.nan
    same = top_class(one.base_proba) == top_class(other.base_proba)
    return float(np.average(same, weights=one.weight))

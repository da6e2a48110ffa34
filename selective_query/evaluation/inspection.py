"""What a fitted router depends on, which rows it queries, and how clearly."""

from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._utils.numbers import check_whole, random_state_of
from selective_query._utils.validation import check_instance
from selective_query.outcomes._sorted_rows import SortedRows
from selective_query.outcomes.evidence import Evidence
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import TopKProba, top_class
from selective_query.routers._scores import scores_of

__all__ = [
    "ClassRouting",
    "EvidenceImportance",
    "RoutingExamples",
    "evidence_importance",
    "routing_by_class",
    "routing_examples",
]

KINDS = ("base_proba", "base_logits", "base_features", "X")
# Wider tables are shuffled as a whole, unless groups are given.
MAX_COLUMNS = 64


def _policy_of(model):
    return getattr(model, "policy_", model)


def _checked_policy(model):
    policy = _policy_of(model)
    if not hasattr(policy, "operating_point_"):
        raise TypeError(
            "policy must be a RoutingPolicy or a classifier with one, fitted. Got "
            f"{model!r}."
        )
    return policy


@dataclass(frozen=True)
class EvidenceImportance:
    """Loss in deferral area when one part of the evidence is shuffled.

    Parameters
    ----------
    name : str
        Such as ``"base_proba"`` or ``"base_features[2]"``, or the name of a group.
    importance : float
        Area minus the mean area after shuffling.
    standard_error : float
        Standard error of the importance, from sampling the rows and from few shuffles.
    drops : ndarray of shape (n_repeats,)
        Loss in each shuffle.
    """

    name: str
    importance: float
    standard_error: float
    drops: np.ndarray = field(repr=False, compare=False)


def evidence_importance(
    router, outcomes, *, groups=None, n_repeats=10, random_state=None
):
    r"""Permutation importance of each part of the evidence, largest first.

    A part is shuffled among the rows, and the fitted router scores them again. The
    importance is the loss in area under hybrid accuracy over coverage:

    .. math:: I = A(s) - \frac1R \sum_{r=1}^R A(s \circ \pi_r)

    The router is not refitted, so two redundant parts may each get a low importance.
    Probabilities and logits are such a pair; if a router has both, they are also
    shuffled together.

    Parameters
    ----------
    router : BaseRouter, RoutingPolicy or a classifier with one
        Fitted. Its threshold does not matter.
    outcomes : Outcomes
        Rows that are new to the router.
    groups : dict of str to dict, optional
        Parts of your own: ``{"colour": {"base_features": [0, 1, 2]}}`` shuffles three
        columns together; None instead of the list means all columns of that kind. By
        default, each kind, and each column of features and of a numeric X if there are
        at most 64.
    n_repeats : int, default=10
        Number of shuffles of each part.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    list of EvidenceImportance

    Raises
    ------
    ValueError
        If a group names missing evidence, or n_repeats is too small.

    References
    ----------
    Breiman, "Random forests", 2001; Fisher, Rudin and Dominici, "All models are wrong,
    but many are useful", 2019. The sampling error of the rows is that of a U-statistic:
    Hoeffding, 1948.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.evaluation.inspection import evidence_importance
    >>> from selective_query.routers import BenefitRouter
    >>> train, test = (
    ...     make_selective_query(1000, regime="specialist", random_state=seed).outcomes
    ...     for seed in (0, 1)
    ... )
    >>> found = evidence_importance(BenefitRouter().fit(train), test, random_state=0)
    >>> found[0].name
    'base_features'
    """
    n_repeats = check_whole(n_repeats, "n_repeats", 2)
    check_instance(outcomes, "outcomes", Outcomes)
    if groups is not None:
        check_instance(groups, "groups", dict)
    random = random_state_of(random_state)
    router = getattr(_policy_of(router), "router_", router)
    if not hasattr(router, "query_score"):
        raise TypeError(
            "router must be a BaseRouter, a RoutingPolicy or a classifier with one, "
            f"fitted. Got {router!r}."
        )
    evidence = outcomes.evidence
    before = scores_of(router, evidence)
    found = []
    for name, parts in _parts(evidence, groups, router, before, random):
        drops, moved = [], np.zeros(outcomes.n_rows)
        for _ in range(n_repeats):
            shuffled = _shuffled(evidence, parts, random)
            lost, influence = _lost_area(before, scores_of(router, shuffled), outcomes)
            drops.append(lost)
            moved += influence / n_repeats
        weight = outcomes.weight
        of_rows = weight @ moved**2 / weight.sum() ** 2
        of_shuffles = np.var(drops, ddof=1) / n_repeats
        found.append(
            EvidenceImportance(
                name,
                float(np.mean(drops)),
                float(np.sqrt(of_rows + of_shuffles)),
                np.array(drops),
            )
        )
    return sorted(found, key=lambda part: -part.importance)


def _parts(evidence, groups, router, before, random):
    """Names of the parts, each with its columns of each kind (None: all columns)."""
    if groups is not None:
        for name, parts in groups.items():
            check_instance(parts, f"groups[{name!r}]", dict)
            for kind in parts:
                if kind not in KINDS or getattr(evidence, kind) is None:
                    have = [k for k in KINDS if getattr(evidence, k) is not None]
                    raise ValueError(
                        f"groups[{name!r}] names {kind!r}, which is not there. The "
                        f"evidence has {', '.join(have)}."
                    )
            yield name, parts
        return
    there = [kind for kind in KINDS if getattr(evidence, kind) is not None]
    for kind in there:
        yield kind, {kind: None}
    if {"base_proba", "base_logits"} <= set(there):
        yield "base_proba and base_logits", {"base_proba": None, "base_logits": None}
    for kind in ("base_features", "X"):
        names = _column_names(getattr(evidence, kind)) if kind in there else []
        if not 1 < len(names) <= MAX_COLUMNS:
            continue
        # Columns that the router does not read are not shuffled.
        after = scores_of(router, _shuffled(evidence, {kind: None}, random))
        if not np.array_equal(before, after):
            for column, label in enumerate(names):
                yield f"{kind}[{label}]", {kind: [column]}


def _column_names(table):
    if hasattr(table, "columns"):
        return list(table.columns)
    is_table = isinstance(table, np.ndarray) and table.ndim == 2
    return list(range(table.shape[1])) if is_table else []


def _shuffled(evidence, parts, random):
    """The evidence, with all of the parts shuffled by the same permutation."""
    order = random.permutation(evidence.n_rows)
    changed = {}
    for kind, columns in parts.items():
        table = getattr(evidence, kind)
        if isinstance(table, TopKProba):
            changed[kind] = table.take(order)
        elif columns is None:
            changed[kind] = _safe_indexing(table, order)
        elif hasattr(table, "iloc"):
            table = table.copy()
            for column in columns:
                name = table.columns[column]
                table[name] = table[name].to_numpy()[order]
            changed[kind] = table
        else:
            table = np.array(table)
            table[:, columns] = table[np.ix_(order, columns)]
            changed[kind] = table
    return replace(evidence, **changed)


def _lost_area(before, after, outcomes):
    """How much smaller the second area is, and the influence of each row on that."""
    benefit, weight = outcomes.benefit, outcomes.weight
    one, other = (_missed_benefit(score, benefit, weight) for score in (before, after))
    return float(other[0] - one[0]), other[1] - one[1]


def _missed_benefit(score, benefit, weight):
    """Benefit missed on kept rows, averaged over coverages, and influences of rows.

    The deferral area is the global's mean utility minus this. At a random coverage, the
    probability that a row is kept is the share of rows that score above it, counting
    ties by half.
    """
    total = weight.sum()
    group = SortedRows(score).group
    mass = np.bincount(group, weight)
    missed = np.bincount(group, weight * benefit)
    above = (total - np.cumsum(mass) + mass / 2)[group] / total
    below = (np.cumsum(missed) - missed / 2)[group] / total
    mean = weight @ (benefit * above) / total
    return mean, benefit * above + below - 2 * mean


@dataclass(frozen=True)
class ClassRouting:
    """How the rows of one predicted class are routed.

    Parameters
    ----------
    label : object
        Class predicted by the base.
    n : float
        Number of rows, weighted.
    coverage : float
        Share of them that the base answers.
    base_accuracy, global_accuracy : float
        Mean utility of each side on all these rows; 1 for an abstention.
    benefit : float
        Accuracy gained by the queries on these rows, in [-1, 1].
    benefit_per_query : float
        Mean benefit of the queried rows; nan if there are none.
    """

    label: object
    n: float
    coverage: float
    base_accuracy: float
    global_accuracy: float
    benefit: float
    benefit_per_query: float


def routing_by_class(policy, outcomes):
    """How each class that the base predicts is routed, and what is gained.

    Parameters
    ----------
    policy : RoutingPolicy, HybridClassifier or AbstainingClassifier
        Fitted.
    outcomes : Outcomes
        With base probabilities or predictions.

    Returns
    -------
    list of ClassRouting
        In the order of the labels; classes that are never predicted are omitted.

    Examples
    --------
    >>> from selective_query import RoutingPolicy
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.evaluation.inspection import routing_by_class
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> policy = RoutingPolicy("entropy", coverage=0.8).fit(outcomes)
    >>> rows = routing_by_class(policy, outcomes)
    >>> sum(row.n for row in rows)
    1000.0
    """
    policy = _checked_policy(policy)
    check_instance(outcomes, "outcomes", Outcomes)
    if outcomes.base_pred is not None:
        predicted = outcomes.base_pred
    else:
        proba = outcomes.require("base_proba", "routing_by_class")
        predicted = outcomes.classes[top_class(proba)]
    queried = ~policy.decide(outcomes.evidence)
    found = []
    for label in np.unique(predicted):
        weight = outcomes.weight * (predicted == label)
        n, asked = weight.sum(), weight @ queried
        if not n:
            continue
        benefit = weight @ (queried * outcomes.benefit)
        found.append(
            ClassRouting(
                label.item() if hasattr(label, "item") else label,
                float(n),
                float(1 - asked / n),
                float(weight @ outcomes.base_utility / n),
                float(weight @ outcomes.query_utility / n),
                float(benefit / n),
                float(benefit / asked) if asked else np.nan,
            )
        )
    return found


@dataclass(frozen=True, eq=False)
class RoutingExamples:
    """Numbers of example rows.

    Parameters
    ----------
    kept : ndarray of int
        Most clearly kept, lowest score first.
    queried : ndarray of int
        Most clearly queried, highest score first.
    borderline : ndarray of int
        On both sides of the threshold, lowest score first.
    """

    kept: np.ndarray
    queried: np.ndarray
    borderline: np.ndarray


def routing_examples(policy, outcomes, n=10):
    """Rows that are most clearly kept, most clearly queried, and hardest to decide.

    Parameters
    ----------
    policy : RoutingPolicy, HybridClassifier or AbstainingClassifier
        Fitted, with one threshold for all rows.
    outcomes : Outcomes or Evidence
    n : int, default=10
        Number of each kind, or fewer if there are not enough. Borderline rows are the n
        / 2 rows nearest to the threshold on each side.

    Returns
    -------
    RoutingExamples

    Raises
    ------
    ValueError
        If each group has its own threshold.

    Examples
    --------
    >>> from selective_query import Outcomes, RoutingPolicy
    >>> from selective_query.evaluation.inspection import routing_examples
    >>> sure = [[0.5 + 0.05 * i, 0.5 - 0.05 * i] for i in range(10)]
    >>> outcomes = Outcomes(base_proba=sure, y=[0] * 10)
    >>> policy = RoutingPolicy("margin", coverage=0.5).fit(outcomes)
    >>> found = routing_examples(policy, outcomes, n=2)
    >>> found.kept, found.queried
    (array([9, 8]), array([0, 1]))
    """
    policy = _checked_policy(policy)
    check_instance(outcomes, "outcomes", Evidence)
    n = check_whole(n, "n")
    if policy.operating_point_.threshold is None:
        raise ValueError(
            "routing_examples reads one threshold, and here each group has its own. "
            "Take the rows of one group, and policy.at() of a plain coverage."
        )
    evidence = getattr(outcomes, "evidence", outcomes)
    score, kept = policy.query_score(evidence), policy.decide(evidence)
    order = np.argsort(score, kind="stable")
    stay, go = order[kept[order]], order[~kept[order]]
    last, first = stay[max(len(stay) - (n + 1) // 2, 0) :], go[: n // 2]
    return RoutingExamples(stay[:n], go[::-1][:n], np.concatenate([last, first]))

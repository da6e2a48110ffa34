"""A valid call of each public function, and the kind of each parameter."""

import inspect
from dataclasses import dataclass, field

import numpy as np

from selective_query import Evidence, Outcomes, TopKProba, metrics
from tests.hostile.values import (
    Choice,
    Instance,
    Labels,
    Number,
    Rows,
    Seed,
    Table,
    Weights,
    Whole,
)

N = 24
RNG = np.random.default_rng(0)
SCORE = RNG.integers(0, 32, N) / 32
BASE = RNG.integers(0, 9, N) / 8
GLOBAL = np.minimum(BASE + RNG.integers(0, 5, N) / 8, 1)
WEIGHT = RNG.integers(1, 4, N).astype(float)
COST = np.arange(1, N + 1) / 4

SHARE = Number(0, 1)
SHARES = Number(0, 1, many=True)
UNIT = Rows(0, 1)
FREE_UNIT = Rows(0, 1, one_a_row=False)


@dataclass(frozen=True)
class Call:
    """A function, valid arguments, and the kind of each replaceable argument."""

    name: str
    function: object
    valid: dict
    kinds: dict = field(default_factory=dict)

    @property
    def parameters(self):
        return [name for name in self.valid if name in self.kinds]

    def __call__(self, **changed):
        return self.function(**{**self.valid, **changed})


def of(function, title=None, /, **parameters):
    """Return a call with parameters given as (kind, value)."""
    unknown = set(inspect.signature(function).parameters) - set(parameters)
    assert not unknown - {"kwargs"}, f"{title or function}: what is a valid {unknown}?"
    return Call(
        title or function.__qualname__,
        function,
        {name: value for name, (_, value) in parameters.items()},
        {name: kind for name, (kind, _) in parameters.items() if kind},
    )


def by_name(function, title=None, /, known=None, **others):
    """Return a call with parameters whose kinds follow from their names."""
    signature = inspect.signature(function).parameters
    return of(
        function,
        title,
        **{n: {**(known or ROWS), **others}[n] for n in signature},
    )


ROWS = {
    "score": (Rows(infinite=True), SCORE),
    "base_utility": (UNIT, BASE),
    "global_utility": (Rows(0, 1, optional=True), GLOBAL),
    "utility": (UNIT, BASE),
    "reference": (UNIT, GLOBAL),
    "sample_weight": (Weights(), WEIGHT),
    "coverage": (SHARES, 0.75),
    "query_rate": (SHARES, 0.25),
    "risk": (SHARES, 0.25),
    "recovered": (Number(many=True), 0.5),
    "threshold": (Number(infinite=True, optional=True), 0.5),
    "calibration": (
        Instance(optional=True),
        {"score": SCORE / 2, "base_utility": BASE, "global_utility": GLOBAL},
    ),
    "confidence": (Number(0, 1, between=True), 0.75),
    "n_bootstrap": (Whole(), 3),
    "random_state": (Seed(), 3),
    "oracle_stops": (Choice(), True),
    "optimum": (Choice(), "order"),
    "cost": (Rows(), COST),
    "quality": (Rows(), BASE),
    "accuracy": (Rows(), BASE),
    "cost_range": (Instance(optional=True), (0.5, 3)),
    "max_points": (Whole(16), 100),
    "scores": (Instance(), {"a": SCORE, "b": GLOBAL - BASE}),
}


def paired(method, **arguments):
    def call(scores, base_utility, global_utility, sample_weight, confidence,
             n_bootstrap, random_state):  # fmt: skip
        made = metrics.PairedScores(
            scores,
            base_utility,
            global_utility,
            sample_weight=sample_weight,
            confidence=confidence,
            n_bootstrap=n_bootstrap,
            random_state=random_state,
        )
        return getattr(made, method)(**arguments)

    return by_name(call, f"PairedScores.{method}", n_bootstrap=(Whole(1), 3))


def one_score(score, base_utility, global_utility, sample_weight):
    made = metrics.PairedScores(
        {"score": score},
        base_utility,
        global_utility,
        sample_weight=sample_weight,
        random_state=3,
    )
    return made.band("score", [0.5, 0.75])


def ranked(score, base_utility, global_utility, sample_weight):
    return metrics.RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    ).summary()


def running(max_points, score, base_utility, global_utility, sample_weight):
    found = metrics.RunningCurve(max_points)
    found.add(SCORE, BASE, GLOBAL, sample_weight=WEIGHT)
    found.add(score, base_utility, global_utility, sample_weight=sample_weight)
    return found.curve


RECORDS = {
    "AccuracyCoverageCurve",
    "CurveBand",
    "GapAttribution",
    "GapStep",
    "PairedDifference",
}
BY_HAND = {"PairedScores", "RankedOutcomes", "RunningCurve"}
RANKED = metrics.RankedOutcomes(SCORE, BASE, GLOBAL, sample_weight=WEIGHT)
PAIRED = metrics.PairedScores({"a": SCORE, "b": GLOBAL}, BASE, GLOBAL, n_bootstrap=9)
LISTED = {
    "coverages": (FREE_UNIT, np.array([0.75, 0.5])),
    "name": (Choice(), "a"),
    "reference": (Choice(), "b"),
    "margin": (Number(0, 1, optional=True), 0.25),
    "adjust": (Choice(), "holm"),
    "coverage_range": (Instance(), (0.25, 0.75)),
}
METRICS = [
    *(
        by_name(getattr(metrics, name))
        for name in metrics.__all__
        if name not in RECORDS | BY_HAND
    ),
    by_name(
        running, "RunningCurve.add", sample_weight=(Weights(may_vanish=True), WEIGHT)
    ),
    by_name(ranked, "RankedOutcomes.summary"),
    by_name(one_score, "PairedScores"),
    paired("band", name="a"),
    paired("differences", reference="a", coverages=[0.5]),
    of(
        RANKED.summary,
        coverages=(FREE_UNIT, np.array([0.5, 0.75])),
        risks=(FREE_UNIT, np.array([0.25])),
        gaps=(Rows(one_a_row=False), np.array([0.5, 2])),
    ),
    by_name(RANKED.normalised_deferral_area),
    by_name(RANKED.e_aurc),
    by_name(RANKED.curve.accuracy_at),
    by_name(RANKED.curve.selective_accuracy_at),
    by_name(RANKED.curve.selective_risk_at),
    by_name(RANKED.curve.coverage_at_risk),
    by_name(RANKED.curve.pgr_at),
    by_name(RANKED.curve.cpt),
    by_name(PAIRED.differences, known=LISTED),
    by_name(PAIRED.differences_over, known=LISTED),
    by_name(
        PAIRED.band,
        known=LISTED,
        coverages=(
            Rows(0, 1, optional=True, one_a_row=False),
            np.array([0.5, 0.75]),
        ),
        reference=(Choice(), None),
    ),
]


PROBA = np.stack([SCORE, 1 - SCORE], axis=1)
LABEL = np.arange(N) % 2
EVIDENCE = {
    "base_proba": (Table(), PROBA),
    "base_logits": (Table(distribution=False), PROBA * 8),
    "base_features": (Table(distribution=False), PROBA * 4),
    "group": (Labels(optional=True, any_kind=True), LABEL),
    "local_only": (Rows(0, 1, optional=True), LABEL / 1),
    "query_cost": (Rows(0, optional=True), COST),
    "id": (Labels(optional=True, any_kind=True), LABEL),
    "X": (Choice(), None),
    "classes": (Choice(), None),
}
OUTCOMES = {
    **EVIDENCE,
    "y": (Labels(), LABEL),
    "global_proba": (Table(), PROBA[::-1]),
    "base_pred": (Labels(optional=True), LABEL),
    "global_pred": (Labels(optional=True), (np.arange(N) // 2) % 2),
    "base_utility": (Rows(0, 1, optional=True), BASE),
    "global_utility": (Rows(0, 1, optional=True), GLOBAL),
    "sample_weight": (Weights(), WEIGHT),
    "fold": (Labels(optional=True, whole=True), LABEL),
}
TOP = np.stack([np.arange(N), np.arange(N)[::-1]], axis=1)
GRADES = {"base_utility": (None, None), "global_utility": (None, None)}


def topk(classes, proba, n_classes):
    return TopKProba(classes, proba, n_classes)


DATA = [
    of(Evidence, **EVIDENCE),
    of(Outcomes, "Outcomes of answers", **OUTCOMES | GRADES),
    of(
        Outcomes,
        "Outcomes of grades",
        **OUTCOMES | {"y": (Labels(optional=True), LABEL)},
    ),
    of(
        topk,
        "TopKProba",
        classes=(Table(distribution=False, whole=True, optional=False), TOP),
        proba=(Table(distribution=False, optional=False), PROBA / 2),
        n_classes=(Whole(2), 40),
    ),
]

"""Tables 1 and 3 in the paper's form, and bands of the hybrid's gain."""

import numpy as np
from _paper_nets import METHODS, routed
from _recipes import IMAGENET_BASES, make_outcomes
from _seeds import mean_and_interval
from _training_tasks import BASES

from selective_query import compare_routers
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.metrics.inference._joint import joint_estimate
from selective_query.metrics.inference._multiplicity import family
from selective_query.metrics.inference.bands import band_from_family

HYBRID_COVERAGES = (0.9, 0.7)
ABSTAINING_COVERAGES = (0.9, 0.8, 0.7)
BAND = np.linspace(0.5, 0.95, 46)
CIFAR, IMAGENET = "CIFAR-10", "ImageNet"
PAPER = "ImageNet, by the paper"
# Kag et al. 2023: base, its accuracy, then entropy and hybrid at 90 and at 70 %.
PAPER_HYBRIDS = (
    ("48M MACs", 67.6, (70.7, 71.6), (74.9, 76.8)),
    ("143M MACs", 73.3, (75.1, 75.9), (77.6, 79.0)),
    ("215M MACs", 75.7, (77.1, 77.6), (78.9, 79.6)),
)
PAPER_GLOBAL = 79.9
# Accuracy on answered rows at 90, 80 and 70 %.
PAPER_ABSTAINING = (
    ("48M MACs", 67.6, (73.3, 78.6, 83.4)),
    ("143M MACs", 73.3, (79.0, 83.9, 88.4)),
    ("215M MACs", 75.7, (81.3, 86.1, 90.1)),
)


def reading(found, coverages):
    """Return accuracies of a hybrid on test rows; without a global a query counts 0."""
    test = found.test
    query = test.global_utility
    if query is None:
        query = np.zeros(test.n_rows)
    return AccuracyReadings(
        found.test_score, test.base_utility, query, test.weight, np.array(coverages)
    )


def against_entropy(size, seeds, coverages, *, abstaining=False):
    """Compare both methods at each coverage over seeds, in %: means, gain, interval."""
    readings = {
        method: [reading(routed(size, method, s, abstaining), coverages) for s in seeds]
        for method in METHODS
    }
    accuracy = {
        m: np.array([r.accuracy for r in found]) for m, found in readings.items()
    }
    moved = {
        m: np.mean([r.influence(slice(None)) for r in found], axis=0)
        for m, found in readings.items()
    }
    rows = []
    for place, coverage in enumerate(coverages):
        # Without a global, the accuracy is that of the kept share.
        unit = 100 / coverage if abstaining else 100
        gain, low, high = mean_and_interval(
            unit * (accuracy["hybrid"] - accuracy["entropy"])[:, place],
            unit * (moved["hybrid"] - moved["entropy"])[:, place],
        )
        means = {m: unit * float(accuracy[m][:, place].mean()) for m in METHODS}
        rows.append(
            {"coverage": coverage, **means, "gain": gain, "low": low, "high": high}
        )
    return rows


def base_accuracy(size, seeds, method="entropy"):
    utilities = [routed(size, method, s).test.base_utility.mean() for s in seeds]
    return 100 * float(np.mean(utilities))


def table_1(seeds):
    """Accuracy at 90 and 70 % coverage, bases of three sizes, entropy and hybrid."""
    rows = []
    for size in BASES if seeds else ():
        global_ = routed(size, "entropy", 0).test.global_utility.mean()
        head = {
            "data": CIFAR,
            "base": size,
            "base accuracy": base_accuracy(size, seeds),
            "global accuracy": 100 * float(global_),
        }
        rows += [head | row for row in against_entropy(size, seeds, HYBRID_COVERAGES)]
    for name in IMAGENET_BASES:
        rows += _imagenet(name)
    for name, accuracy, *pairs in PAPER_HYBRIDS:
        for coverage, (entropy, hybrid) in zip(HYBRID_COVERAGES, pairs, strict=True):
            rows.append(
                {"data": PAPER, "base": name, "base accuracy": accuracy,
                 "global accuracy": PAPER_GLOBAL, "coverage": coverage,
                 "entropy": entropy, "hybrid": hybrid, "gain": hybrid - entropy,
                 "low": None, "high": None}
            )  # fmt: skip
    return rows


def _imagenet(name):
    """Compare the routers alone: these bases and the global are already trained."""
    train, test = make_outcomes(f"imagenet_{name}")
    comparison = compare_routers(
        train, test, ["entropy", "auto"], HYBRID_COVERAGES, reference="entropy",
        random_state=0,
    )  # fmt: skip
    accuracy = {
        (row["router"], row["coverage"]): 100 * row["accuracy_at_coverage"]
        for row in comparison.rows
    }
    return [
        {
            "data": IMAGENET,
            "base": name,
            "base accuracy": 100 * comparison.base_accuracy,
            "global accuracy": 100 * comparison.global_accuracy,
            "coverage": found["coverage"],
            "entropy": accuracy["entropy", found["coverage"]],
            "hybrid": accuracy["auto", found["coverage"]],
            "gain": 100 * found["difference"],
            "low": 100 * found["low"],
            "high": 100 * found["high"],
        }
        for found in comparison.differences("entropy", adjust=None)
        if found["router"] == "auto"
    ]


def table_3(seeds):
    """Accuracy on answered rows, without a global."""
    rows = []
    for size in BASES if seeds else ():
        head = {
            "data": CIFAR,
            "base": size,
            "base accuracy": base_accuracy(size, seeds),
        }
        found = against_entropy(size, seeds, ABSTAINING_COVERAGES, abstaining=True)
        rows += [head | row for row in found]
    for name, accuracy, answered in PAPER_ABSTAINING:
        for coverage, hybrid in zip(ABSTAINING_COVERAGES, answered, strict=True):
            rows.append(
                {"data": PAPER, "base": name, "base accuracy": accuracy,
                 "coverage": coverage, "entropy": None, "hybrid": hybrid, "gain": None,
                 "low": None, "high": None}
            )  # fmt: skip
    return rows


def bands(seeds):
    """Simultaneous bands of hybrid minus entropy, for these nets, over test rows."""
    rows = []
    for size in BASES:
        found = [reading(routed(size, m, s), BAND) for m in METHODS for s in seeds]
        each = np.eye(len(BAND)) / len(seeds)
        sign = {"entropy": -1, "hybrid": 1}
        contrasts = np.vstack([sign[m] * each for m in METHODS for _ in seeds])
        weight = routed(size, "entropy", seeds[0]).test.weight
        tested = family(
            joint_estimate(found, weight, contrasts), adjust="max_t", confidence=0.95,
            n_bootstrap=10_000, random_state=0,
        )  # fmt: skip
        band = band_from_family(BAND, tested, is_difference=True)
        for place in range(0, len(BAND), 5):
            rows.append(
                {
                    "base": size,
                    "coverage": float(BAND[place]),
                    "gain": 100 * float(band.estimate[place]),
                    "low": 100 * float(band.low[place]),
                    "high": 100 * float(band.high[place]),
                    "lowest end of the band": 100 * float(band.low.min()),
                }
            )
    return rows

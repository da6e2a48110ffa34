"""Which ranking is better? All methods on the same outputs of the same models."""

import numpy as np

from _peers.jobs import saved_job, saved_rows
from selective_query.metrics import (
    accuracy_at_coverage,
    selective_accuracy_at_coverage,
)
from selective_query.metrics.inference.paired_scores import PairedScores

COVERAGES = (0.9, 0.8)
OURS = "selective_query, auto"


def judge(train, test, adapters, abstaining=False):
    """Return each adapter's accuracy on the test rows, and its difference from ours.

    Parameters
    ----------
    train, test : Outcomes
        The models were fitted on neither.
    adapters : list
        Must include ours.
    abstaining : bool
        Whether there is no global; accuracies are then those on answered rows.

    Returns
    -------
    list of dict
        One for each adapter and coverage.
    """
    X = saved_rows(test)
    job = saved_job(train, COVERAGES[0], abstaining)
    base_right = test.base_utility
    global_right = np.ones(test.n_rows) if abstaining else test.global_utility
    scores, found = {}, []
    for adapter in adapters:
        adapter.fit(job)
        for coverage in COVERAGES:
            adapter.at(job.at(coverage))
            score = adapter.score(X)
            kept = None if adapter.kept is None else adapter.kept(X)
            scores.setdefault(adapter.name, {})[coverage] = score
            found.append(
                {
                    "peer": adapter.name,
                    "coverage": coverage,
                    **_realised(kept, base_right, global_right, abstaining),
                    "accuracy": 100
                    * _accuracy_at(
                        score, base_right, global_right, coverage, abstaining
                    ),
                }
            )
    paired = PairedScores(scores, base_right, global_right, random_state=0)
    differences = {
        (row["router"], row["coverage"]): row
        for row in paired.differences(OURS, COVERAGES)
    }
    return [
        {**row, **_against_ours(differences[row["peer"], row["coverage"]], abstaining)}
        for row in found
    ]


def _realised(kept, base_right, global_right, abstaining):
    """Return the coverage on the test rows, and the accuracy there."""
    if kept is None:
        return {"realised coverage": None, "realised accuracy": None}
    if abstaining:
        accuracy = np.mean(base_right[kept]) if kept.any() else np.nan
    else:
        accuracy = np.mean(np.where(kept, base_right, global_right))
    return {
        "realised coverage": float(kept.mean()),
        "realised accuracy": 100 * float(accuracy),
    }


def _accuracy_at(score, base_right, global_right, coverage, abstaining):
    """Return accuracy of the hybrid, or on answered rows, at exactly this coverage."""
    if abstaining:
        found = selective_accuracy_at_coverage(score, base_right, coverage=coverage)
    else:
        found = accuracy_at_coverage(score, base_right, global_right, coverage=coverage)
    return float(found)


def _against_ours(row, abstaining):
    # Errors per row; per answered row they are 1 / coverage times as frequent.
    scale = 100 / row["coverage"] if abstaining else 100
    return {
        "difference": scale * row["difference"],
        "low": scale * row["low_simultaneous"],
        "high": scale * row["high_simultaneous"],
        "verdict": row["verdict"],
    }

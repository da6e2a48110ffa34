"""Is the requested coverage reached when the models must still be fitted?

In each draw all methods get the same rows for everything that they learn, and are
evaluated on rows that nothing was fitted on. There is no global: coverage concerns only
base and router.
"""

import numpy as np
from _draws import draw_rows
from scipy.stats import t as student
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from _peers.jobs import Job
from selective_query.metrics import selective_accuracy_at_coverage

N_TRAIN = 1000
COVERAGES = (0.9, 0.7)
BASES = {
    "logistic regression": LogisticRegression(max_iter=300),
    "forest": RandomForestClassifier(n_estimators=50, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=6, random_state=0),
}


def judge(dataset, base, adapters, seed):
    """Return coverage and accuracy of each adapter, by coverage asked, for one draw."""
    X, X_new, y, y_new = draw_rows(dataset, N_TRAIN, seed, stratify=False)
    job = Job(BASES[base], None, X, y, COVERAGES[0], seed=seed)
    found = []
    for adapter in adapters:
        adapter.fit(job)
        for coverage in COVERAGES:
            adapter.at(job.at(coverage))
            found.append(
                {
                    "peer": adapter.name,
                    "coverage": coverage,
                    "realised": float(np.mean(adapter.kept(X_new))),
                    "accuracy": float(
                        selective_accuracy_at_coverage(
                            adapter.score(X_new),
                            adapter.base.predict(X_new) == y_new,
                            coverage=coverage,
                        )
                    ),
                }
            )
    return found


def summary(draws, ours):
    """Summarise draws: error of the coverage, and accuracy minus ours, in points."""
    by_peer = {}
    for draw in draws:
        for row in draw:
            by_peer.setdefault((row["peer"], row["coverage"]), []).append(row)
    rows = []
    for (peer, coverage), of_draws in by_peer.items():
        error = 100 * np.array([row["realised"] - coverage for row in of_draws])
        gains = [
            100 * (row["accuracy"] - own["accuracy"])
            for row, own in zip(of_draws, by_peer[ours, coverage], strict=True)
        ]
        gain, low, high = mean_and_interval(gains)
        rows.append(
            {
                "peer": peer,
                "coverage": coverage,
                "n_draws": len(of_draws),
                "mean error": float(error.mean()),
                "SD": float(error.std(ddof=1)),
                "worst": float(error[np.abs(error).argmax()]),
                "accuracy": 100 * float(np.mean([r["accuracy"] for r in of_draws])),
                "difference": gain,
                "low": low,
                "high": high,
            }
        )
    return rows


def mean_and_interval(values, confidence=0.95):
    """Return the mean over draws, and its Student's t interval."""
    half = student.ppf((1 + confidence) / 2, len(values) - 1) * np.std(values, ddof=1)
    half /= np.sqrt(len(values))
    mean = float(np.mean(values))
    return mean, mean - float(half), mean + float(half)

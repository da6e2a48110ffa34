"""
Does every group get its share of local answers?
================================================

A single threshold can send nearly all of one site's inputs to the cloud, which then
waits for every answer. ``GroupCoverage`` guarantees a minimum coverage in each group.
What does it cost?
"""

# %%
# Two sites, one of them harder
# -----------------------------

import matplotlib.pyplot as plt
import numpy as np

from selective_query import Outcomes, RoutingPolicy
from selective_query.budgets import All, Coverage, GroupCoverage
from selective_query.datasets import make_selective_query


def with_sites(seed):
    """Rows of two sites; inputs of the south are harder."""
    drawn = make_selective_query(4000, random_state=seed).outcomes
    doubt = 1 - drawn.base_proba.max(axis=1)
    noise = np.random.default_rng(seed).normal(scale=0.15, size=len(doubt))
    site = np.where(doubt + noise > np.quantile(doubt, 0.6), "south", "north")
    return Outcomes(
        base_proba=drawn.base_proba,
        base_utility=drawn.base_utility,
        global_utility=drawn.global_utility,
        group=site,
    )


train, test = with_sites(0), with_sites(1)

# %%
# One threshold, and one for each site
# ------------------------------------
# Both policies keep 70 % of all inputs. The second keeps at least 60 % at each site.

budgets = {
    "one threshold": Coverage(0.7),
    "at least 0.6 per site": All(Coverage(0.7), GroupCoverage(0.6)),
}
coverages, accuracies = {}, {}
for name, budget in budgets.items():
    policy = RoutingPolicy("max_probability", budget, random_state=0).fit(train)
    kept = policy.decide(test.evidence)
    utility = np.where(kept, test.base_utility, test.global_utility)
    coverages[name] = {s: kept[test.group == s].mean() for s in ("north", "south")}
    accuracies[name] = {s: utility[test.group == s].mean() for s in ("north", "south")}
    print(f"{name}: coverage {kept.mean():.3f}, accuracy {utility.mean():.3f}")
    for site, value in coverages[name].items():
        print(
            f"    {site}: coverage {value:.3f}, accuracy {accuracies[name][site]:.3f}"
        )

# %%
# What it costs
# -------------
# Queries move from the south, where they gain more, to the north. With ``max_gap=`` the
# budget also bounds the largest difference between groups.

figure, panels = plt.subplots(1, 2, figsize=(7.4, 3.4), layout="constrained")
for ax, (title, found) in zip(
    panels,
    (("Coverage by site", coverages), ("Accuracy by site", accuracies)),
    strict=True,
):
    for shift, (name, values) in enumerate(found.items()):
        places = np.arange(2) + 0.4 * shift
        ax.bar(places, list(values.values()), 0.36, label=name, hatch=["", "//"][shift])
    ax.set(title=title, xticks=np.arange(2) + 0.2, xticklabels=["north", "south"])
panels[0].axhline(0.6, color="black", ls="--", lw=1)
panels[0].legend(loc="lower left")
plt.show()

"""
Which saved predictions should be replaced by the expensive model's?
====================================================================

If you have the outputs of both models, from any source, you need no estimator. The
input is one table per model, the output one decision per row.
"""

# %%
# Two tables
# ----------
# These stand in for your files: one row per input, with an id as index. The base's
# table has a probability for each class. The global's table has only labels, and its
# rows are in another order. That does not matter: ``from_frames`` matches rows and
# classes by name, and reports what is missing.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from selective_query import Outcomes, RoutingPolicy, compare_routers
from selective_query.datasets import make_selective_query

sample = make_selective_query(4000, regime="specialist", random_state=0).outcomes
names = [f"class {k}" for k in range(sample.base_proba.shape[1])]
ids = [f"row {i}" for i in range(sample.n_rows)]
base = pd.DataFrame(sample.base_proba, index=ids, columns=names)
base["label"] = np.array(names)[sample.y]
base["site"] = sample.base_features[:, 1].round(3)
answers = np.array(names)[sample.global_pred]
expensive = pd.DataFrame({"answer": answers}, index=ids).sample(frac=1, random_state=0)
print(base.head(3))
print(expensive.head(3))

# %%
# Which router?
# -------------
# Half of the rows are for training, the other half for evaluation. The router may use
# the column ``site``.

outcomes = Outcomes.from_frames(
    base.drop(columns="site"),
    y="label",
    base_features=base[["site"]],
    global_pred=expensive["answer"],
)
print(outcomes)
train, test = outcomes.take(range(2000)), outcomes.take(range(2000, 4000))
comparison = compare_routers(
    train, test, ["max_probability", "benefit", "random", "oracle"], [0.9, 0.8, 0.7]
)
print(comparison)

# %%
# One decision per row
# --------------------
# A policy is a router with a threshold. It is fitted on the training rows, and decides
# other rows from the base's output alone.

policy = RoutingPolicy("benefit", coverage=0.8, random_state=0).fit(train)
print(policy.operating_point_)
new = base.iloc[2000:].assign(kept=policy.decide(test.evidence))
print(new[["site", "kept"]].head())
print(new["kept"].value_counts(normalize=True).round(3).to_dict())

# %%
# Where the queries go
# --------------------
# The global is a specialist: it helps where ``site`` is high. The base's uncertainty
# does not show this, but a learned router finds it.

figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
bins = pd.cut(new["site"], np.linspace(-1, 1, 9))
share = 1 - new.groupby(bins, observed=True)["kept"].mean()
centres = [interval.mid for interval in share.index]
ax.bar(centres, 100 * share, width=0.22, color="tab:blue")
ax.set(
    title="Share of queries by site",
    xlabel="site",
    ylabel="Share queried, %",
)
plt.show()

"""
Which questions are worth the large language model, within a budget?
====================================================================

A small and a large language model answer the same questions. Some answers were graded,
and every question has its own price, because prompts differ in length. Given an average
budget per question, which ones should the large model answer?
"""

# %%
# Graded answers
# --------------
# The data are simulated, since this program contains no text: an embedding of each
# question, grades in [0, 1] for both answers, and the price of the large model. Replace
# them with your own; any embedding works. The small model does badly on one kind of
# question, which shows in the embedding, and the large model is not always better.

import matplotlib.pyplot as plt
import numpy as np

from selective_query import Outcomes, RoutingPolicy
from selective_query.budgets import MaxQueryCost
from selective_query.metrics import apgr

rng = np.random.default_rng(0)
n = 3000
embedding = rng.normal(size=(n, 8))
hard = 1 / (1 + np.exp(-1.5 * embedding[:, 0] - embedding[:, 1]))
small = np.clip(0.85 - 0.6 * hard + 0.12 * rng.normal(size=n), 0, 1)
large = np.clip(0.85 - 0.1 * hard + 0.12 * rng.normal(size=n), 0, 1)
price = np.exp(rng.normal(size=n) * 0.7 - 5.2)  # dollars

questions = Outcomes(
    base_features=embedding,
    base_utility=small,
    global_utility=large,
    query_cost=price,
)
train, test = questions.take(range(1500)), questions.take(range(1500, n))
print(questions)
print(f"all questions to the large model: {price.mean():.4f} dollars each")

# %%
# A budget in dollars
# -------------------
# ``MaxQueryCost`` limits the mean price per input, averaged over queried and kept
# inputs. Among queries with the same gain it prefers the cheap ones.

budget = MaxQueryCost(0.002)
policy = RoutingPolicy("benefit", budget, random_state=0).fit(train)
kept = policy.decide(test.evidence)
spent = np.where(kept, 0, test.query_cost)
grade = np.where(kept, test.base_utility, test.global_utility)
print(policy.operating_point_.certificate)
print(f"asked      {(~kept).mean():.1%} of the questions")
print(f"spent      {spent.mean():.5f} dollars a question")
for name, value in (
    ("small", test.base_utility),
    ("routed", grade),
    ("large", test.global_utility),
):
    print(f"{name:10} mean grade {value.mean():.3f}")

# %%
# How good is the ranking?
# ------------------------
# APGR is the share of the gap between both models that is recovered, averaged over all
# query rates. A random order gets one half.

score = policy.router_.query_score(test.evidence)
print(f"APGR {apgr(score, test.base_utility, test.global_utility):.3f}")

# %%
# Quality over cost
# -----------------

limits = np.linspace(0, price.mean(), 12)
points = []
for limit in limits:
    kept = policy.at(MaxQueryCost(limit)).decide(test.evidence)
    grade = np.where(kept, test.base_utility, test.global_utility).mean()
    points.append((np.where(kept, 0, test.query_cost).mean(), grade))
x, y = np.array(points).T
full = test.query_cost.mean()

figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(1000 * x, y, marker="o", color="tab:blue")
ax.plot([0, 1000 * full], [test.base_utility.mean(), test.global_utility.mean()],
        color="tab:gray", ls="--")  # fmt: skip
ax.annotate("routed", (1000 * x[3], y[3]), (-8, 8), textcoords="offset points",
            color="tab:blue", ha="right")  # fmt: skip
middle = (test.base_utility.mean() + test.global_utility.mean()) / 2
ax.text(500 * full, middle - 0.02, "random questions", color="tab:gray")
ax.set(
    title="Mean grade over the cost of a question",
    xlabel="Dollars per 1,000 questions",
    ylabel="Mean grade",
)
plt.show()

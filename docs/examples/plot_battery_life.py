"""
How long does the battery of a sensor last?
===========================================

A sensor classifies what it sees, and may ask the cloud over LTE-M. Each query costs
energy. Which coverage does a battery life of 120 days allow, how accurate is the pair
then, and which assumption matters most?
"""

# %%
# The sensor
# ----------
# Devices and links are constants with sources; ``with_`` replaces values that you know
# better.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from selective_query import HybridClassifier
from selective_query.budgets import BatteryLife
from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment

costs = Deployment(
    device=STM32F746.with_(battery_mah=1200, sleep_power_mw=0.3, sensing_energy_mj=2),
    base_ms=120,
    link=LTE_M,
    cloud=CLOUD,
    payload_bytes=3072,
    inputs_per_day=500,
    timeout_ms=3000,
)
for coverage in (1.0, 0.9, 0.7, 0.0):
    print(
        f"coverage {coverage:.1f}: {costs.battery_days(coverage):4.0f} days, "
        f"mean latency {costs.latency_ms(coverage):4.0f} ms"
    )

# %%
# From days to accuracy
# ---------------------
# A budget can be passed in place of a coverage.

X, y = load_digits(return_X_y=True)
hybrid = HybridClassifier(
    make_pipeline(PCA(8, whiten=True), LogisticRegression(max_iter=1000)),
    ExtraTreesClassifier(random_state=0),
    coverage=BatteryLife(120, costs),
    random_state=0,
).fit(X[:1200], y[:1200])
print(hybrid.operating_point_)
report = hybrid.report(X[1200:], y[1200:])
print(
    f"base {report.base_accuracy:.3f}, pair {report.accuracy:.3f} "
    f"for {costs.battery_days(report.coverage):.0f} days"
)

# %%
# A plan, and what it depends on
# ------------------------------
# ``plan`` takes rows that are new to the models and the router. To show the
# sensitivities, constants without a source are halved and doubled.

plan = hybrid.plan(X[1200:], y[1200:], costs, BatteryLife(120, costs))
print(plan)
plan.plot()
plt.show()

# %%
# Accuracy over days
# ------------------

coverages = np.linspace(0.3, 1, 15)
days = [costs.battery_days(c) for c in coverages]
accuracy = [hybrid.at(c).report(X[1200:], y[1200:]).accuracy for c in coverages]
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(days, 100 * np.array(accuracy), marker="o")
ax.axvline(120, color="tab:gray", ls="--")
ax.text(121, 100 * min(accuracy), "asked", color="tab:gray")
ax.set(title="What battery life costs", xlabel="Days", ylabel="Accuracy of the pair, %")
plt.show()

"""
What would an outage of the cloud cost?
=======================================

Before deployment: how accurate and how slow is the pair when the cloud is silent for
part of the time, and what does a shorter deadline change?
"""

# %%
# A hybrid and where it runs
# --------------------------

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

from selective_query import HybridClassifier
from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment
from selective_query.serving import Outage, RemoteClassifier, simulate_outages

X, y = load_digits(return_X_y=True)
base = GaussianNB(var_smoothing=0.1).fit(X[:600], y[:600])
cloud = ExtraTreesClassifier(random_state=0).fit(X[:600], y[:600])
hybrid = HybridClassifier(
    FrozenEstimator(base), FrozenEstimator(cloud), coverage=0.8, on_unavailable="base"
).fit(X[600:1200], y[600:1200])
costs = Deployment(
    device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64
)

# %%
# Silence is the worst kind
# -------------------------
# If the cloud refuses a query, the base answers at once. A silent cloud costs the whole
# deadline, until the breaker stops the queries. The simulation draws times from the
# deployment and uses the same breaker as the client.

client = RemoteClassifier("https://models.example.org/v2/models/digits")
report = simulate_outages(
    hybrid,
    X[1200:],
    y[1200:],
    costs,
    Outage("silent"),
    client=client,
    availability=[0, 0.25, 0.5, 0.75, 0.9, 1],
    deadline_ms=[300, 1000, 3000],
    n_inputs=3000,
    random_state=0,
)
for row in report.rows:
    if row["deadline_ms"] == 1000:
        print(
            f"up {row['availability']:4.0%}: accuracy {row['accuracy']:.3f}, "
            f"95 % within {row['p95_ms']:.0f} ms"
        )

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
report.plot(left, value="accuracy")
report.plot(right, value="p95_ms")
plt.show()
